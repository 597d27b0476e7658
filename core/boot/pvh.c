/* SPDX-License-Identifier: Apache-2.0 */
/* The PVH hand-off (Xen's x86/HVM direct boot ABI): struct hvm_start_info, version 1 with a
 * memory map. */
#include "boot/handoff.h"

#include "lib/string.h"

struct hvm_start_info {
	uint32_t magic;		  /* 0x00 */
	uint32_t version;	  /* 0x04 */
	uint32_t flags;		  /* 0x08 */
	uint32_t module_count;	  /* 0x0c */
	uint64_t module_list;	  /* 0x10 */
	uint64_t command_line;	  /* 0x18 */
	uint64_t rsdp;		  /* 0x20 */
	uint64_t memory_map;	  /* 0x28: from version 1 */
	uint32_t memory_map_count; /* 0x30 */
	uint32_t reserved;	  /* 0x34 */
};
static_assert(sizeof(struct hvm_start_info) == 0x38, "hvm_start_info");

struct hvm_memory_entry {
	uint64_t base;
	uint64_t size;
	uint32_t type; /* as in E820 */
	uint32_t reserved;
};
static_assert(sizeof(struct hvm_memory_entry) == 24, "hvm_memmap_table_entry");

enum status pvh_read(uint64_t info, struct handoff *h)
{
	const struct hvm_start_info *start = handoff_view(info, sizeof(*start));
	const struct hvm_memory_entry *map;
	const void *rsdp;

	if (!start || start->magic != PVH_START_MAGIC || start->version < 1)
		return trace_error(STATUS_CORRUPT);
	map = handoff_view(start->memory_map, (uint64_t)start->memory_map_count * sizeof(*map));
	if (!map || !start->memory_map_count)
		return trace_error(STATUS_CORRUPT);
	for (uint32_t i = 0; i < start->memory_map_count; i++)
		memory_map_add(&h->map, map[i].base, map[i].size, map[i].type);

	h->protocol = "PVH";
	if (start->command_line)
		handoff_copy_string(start->command_line, h->command_line, sizeof(h->command_line));
	rsdp = start->rsdp ? handoff_view(start->rsdp, sizeof(h->rsdp)) : NULL;
	if (rsdp) {
		memcpy(h->rsdp, rsdp, sizeof(h->rsdp));
		h->rsdp_size = sizeof(h->rsdp);
	}
	return STATUS_OK;
}
