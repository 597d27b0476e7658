/* SPDX-License-Identifier: Apache-2.0 */
/* PVH: struct hvm_start_info in EBX, 32-bit protected mode (Xen, public/arch-x86/hvm/start_info.h). */
#include <string.h>

#include "base/buffer.h"
#include "diag/diag.h"
#include "lower/start.h"

enum { START_INFO_MAGIC = 0x336ec578, START_INFO_VERSION = 1 };

static uint64_t load_buffer(struct lower_context *context, struct lowered *guest, const char *name,
			    struct buffer *buffer)
{
	struct item item = { name, guest->model->boot.where.at };
	uint8_t *copy = arena_alloc(context->arena, buffer->size);
	uint64_t size = buffer->size;

	if (!size)
		return 0;
	memcpy(copy, buffer->data, size);
	buffer_free(buffer);
	return load_low(context, guest, item, copy, size, 16);
}

/* struct hvm_memmap_table_entry: address, size, type, reserved. */
static uint64_t memory_map(struct lower_context *context, struct lowered *guest)
{
	struct buffer map = { 0 };

	for (size_t i = 0; i < guest->e820.count; i++) {
		buffer_u64(&map, guest->e820.items[i].base);
		buffer_u64(&map, guest->e820.items[i].size);
		buffer_u32(&map, guest->e820.items[i].type);
		buffer_u32(&map, 0);
	}
	return load_buffer(context, guest, "PVH memory map", &map);
}

/* struct hvm_modlist_entry: address, size, command line, reserved. */
static uint64_t module_list(struct lower_context *context, struct lowered *guest,
			    const struct boot_module_placed *placed, int count)
{
	struct buffer list = { 0 };

	for (int i = 0; i < count; i++) {
		buffer_u64(&list, placed[i].gpa);
		buffer_u64(&list, placed[i].size);
		buffer_u64(&list, placed[i].args);
		buffer_u64(&list, 0);
	}
	return load_buffer(context, guest, "PVH module list", &list);
}

static uint64_t start_info(struct lower_context *context, struct lowered *guest,
			   const struct boot_module_placed *placed, int count)
{
	uint64_t cmdline = start_load_cmdline(context, guest, PAGE - 1);
	uint64_t map = memory_map(context, guest);
	uint64_t modules = module_list(context, guest, placed, count);
	struct buffer info = { 0 };

	if (cmdline == NO_PLACE || map == NO_PLACE || modules == NO_PLACE)
		return NO_PLACE;
	buffer_u32(&info, START_INFO_MAGIC);
	buffer_u32(&info, START_INFO_VERSION);
	buffer_u32(&info, 0);
	buffer_u32(&info, (uint32_t)count);
	buffer_u64(&info, modules);
	buffer_u64(&info, cmdline);
	buffer_u64(&info, guest->map.rsdp);
	buffer_u64(&info, map);
	buffer_u32(&info, (uint32_t)guest->e820.count);
	buffer_u32(&info, 0);
	return load_buffer(context, guest, "PVH start info", &info);
}

static bool has_entry(struct lower_context *context, const struct boot_image *image)
{
	struct diag *diag;

	if (image->elf.has_pvh && image->elf.pvh_entry <= UINT32_MAX)
		return true;
	if (image->is_bzimage && !image->vmlinux.size) {
		diag = start_refuse(context, image, "is a bzImage, and the PVH entry is in the "
						    "vmlinux inside it");
		diag_help(diag, "`boot.unpack: true` takes it out; or use `protocol: linux`");
	} else {
		start_refuse(context, image, "has no PVH entry (ELF note 18 of Xen)");
	}
	return false;
}

bool start_pvh(struct lower_context *context, struct lowered *guest, struct boot_image *image)
{
	struct bytes file = image->vmlinux.size ? image->vmlinux : image->file;
	struct boot_module_placed *placed;
	uint64_t info;
	int count;

	if (!has_entry(context, image) || !start_load_segments(context, guest, image, file))
		return false;
	count = start_load_modules(context, guest, guest->map.low_top, &placed);
	if (count < 0)
		return false;
	info = start_info(context, guest, placed, count);
	if (info == NO_PLACE)
		return false;
	start_protected(guest, (uint32_t)image->elf.pvh_entry);
	guest->start.gpr[RBX] = info;
	return true;
}
