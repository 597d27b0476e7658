/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot/ is the top of the core: the ways in, the boot order, and how a VM is built. It may know
 * everything.
 *
 * handoff.h: what is left of a boot protocol when its file is done: one neutral record. Nothing
 * points into the loader's memory.
 */
#ifndef CORE_BOOT_HANDOFF_H
#define CORE_BOOT_HANDOFF_H

#include "lib/status.h"
#include "platform/memory_map.h"

#define HANDOFF_COMMAND_LINE 1024

struct handoff {
	const char *protocol;
	struct memory_map map;
	uint8_t rsdp[36]; /* a copy; rsdp_size 0: the loader gave none */
	uint32_t rsdp_size;
	char command_line[HANDOFF_COMMAND_LINE]; /* cut if longer */
};

/* Fill in *h from the loader's structures at `info`, which lie below 4 GiB. STATUS_CORRUPT if
 * they are not what they should be. */
MUST_USE enum status pvh_read(uint64_t info, struct handoff *h);
MUST_USE enum status multiboot2_read(uint64_t info, struct handoff *h);

#define PVH_START_MAGIC	       0x336ec578u /* first word of struct hvm_start_info */
#define MULTIBOOT2_BOOT_MAGIC  0x36d76289u /* EAX at entry */

/* Of a structure of the loader: [phys, phys + size) in the boot map, or NULL if it does not lie
 * there. */
const void *handoff_view(uint64_t phys, uint64_t size);

/* Copies a string of at most `size` - 1 bytes that starts at `phys`. */
void handoff_copy_string(uint64_t phys, char *to, size_t size);

#endif
