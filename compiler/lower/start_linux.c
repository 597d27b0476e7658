/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linux (Documentation/arch/x86/boot.rst): a bzImage, which unpacks itself, or a vmlinux, which is
 * there already. Both want boot_params in RSI and flat segments; a 64-bit kernel is entered in long
 * mode ("64-bit Boot Protocol") with an identity map that covers itself, boot_params and the command
 * line, a bzImage of a 32-bit one at its start without paging ("32-bit Boot Protocol").
 */
#include <string.h>

#include "base/buffer.h"
#include "base/units.h"
#include "diag/diag.h"
#include "kernel/lint.h"
#include "kernel/unpack.h"
#include "lower/start.h"

/* struct boot_params, the "zero page" (Documentation/arch/x86/zero-page.rst). */
enum {
	ZERO_PAGE_RSDP = 0x070,
	ZERO_PAGE_E820_ENTRIES = 0x1e8,
	ZERO_PAGE_E820 = 0x2d0,
	ZERO_PAGE_SIZE = 4096,
	E820_ENTRY_SIZE = 20,
	LOADER_UNDEFINED = 0xff,
};

/* A header for a vmlinux that comes without one: what the kernel proper reads of it. */
static void invent_header(struct buffer *zero_page, const struct elf_image *elf)
{
	buffer_patch_u16(zero_page, SETUP_BOOT_FLAG, 0xaa55);
	buffer_patch_u32(zero_page, SETUP_MAGIC, SETUP_MAGIC_VALUE);
	buffer_patch_u16(zero_page, SETUP_VERSION, 0x020f);
	buffer_patch_u8(zero_page, SETUP_LOADFLAGS, SETUP_LOADED_HIGH);
	buffer_patch_u32(zero_page, SETUP_INITRD_ADDR_MAX, INT32_MAX);
	buffer_patch_u32(zero_page, SETUP_KERNEL_ALIGNMENT, 0x200000);
	buffer_patch_u16(zero_page, SETUP_XLOADFLAGS, SETUP_KERNEL_64);
	buffer_patch_u32(zero_page, SETUP_CMDLINE_SIZE, 2047);
	buffer_patch_u64(zero_page, SETUP_PREF_ADDRESS, elf->low);
	buffer_patch_u32(zero_page, SETUP_INIT_SIZE, (uint32_t)(elf->high - elf->low));
}

/* The schema allows 64 regions: the table has room for all that becomes of them. */
static void put_e820(const struct lowered *guest, struct buffer *zero_page)
{
	buffer_patch_u8(zero_page, ZERO_PAGE_E820_ENTRIES, (uint8_t)guest->e820.count);
	for (size_t i = 0; i < guest->e820.count; i++) {
		const struct lowered_e820 *entry = &guest->e820.items[i];
		size_t at = ZERO_PAGE_E820 + i * E820_ENTRY_SIZE;

		buffer_patch_u64(zero_page, at, entry->base);
		buffer_patch_u64(zero_page, at + 8, entry->size);
		buffer_patch_u32(zero_page, at + 16, entry->type);
	}
}

static bool put_initrd(struct lower_context *context, struct lowered *guest, uint64_t limit,
		       struct buffer *zero_page)
{
	struct boot_module_placed *placed;
	int count = start_load_modules(context, guest, limit, &placed);

	if (count <= 0)
		return count == 0;
	buffer_patch_u32(zero_page, SETUP_RAMDISK_IMAGE, (uint32_t)placed[0].gpa);
	buffer_patch_u32(zero_page, SETUP_RAMDISK_SIZE, (uint32_t)placed[0].size);
	return true;
}

/* Where a bzImage may run: where it likes best, or the next place of its alignment. */
static uint64_t place_bzimage(const struct lowered *guest, const struct bzimage *kernel)
{
	if (place_free(guest, kernel->pref_address, kernel->init_size))
		return kernel->pref_address;
	if (!kernel->relocatable)
		return NO_PLACE;
	return place_low(guest, kernel->pref_address, UINT32_MAX, kernel->init_size,
			 kernel->alignment);
}

static bool load_bzimage(struct lower_context *context, struct lowered *guest,
			 const struct boot_image *image, uint64_t *entry)
{
	const struct bzimage *kernel = &image->bzimage;
	uint64_t gpa = place_bzimage(guest, kernel);
	struct diag *diag;

	if (gpa == NO_PLACE) {
		diag = diag_report(context->diags, NO_ROOM, image->item.position, image->item.name,
				   (unsigned long long)kernel->pref_address,
				   (unsigned long long)(kernel->pref_address + kernel->init_size));
		diag_help(diag, "give the guest more memory: this kernel needs %u MiB from "
			  "%llu MiB on before it starts", kernel->init_size >> 20,
			  (unsigned long long)kernel->pref_address >> 20);
		return false;
	}
	*entry = gpa + (image->bzimage.is64 ? SETUP_ENTRY_64 : 0);
	if (!load_payload(context, guest, image->item, gpa,
			  payload_of(context, image->item, kernel->code), 0, kernel->code.size,
			  kernel->code.size))
		return false;
	/* It unpacks over what follows; it zeroes its own bss. */
	place_take(context, guest, gpa + kernel->code.size, kernel->init_size - kernel->code.size);
	return true;
}

static bool load_vmlinux(struct lower_context *context, struct lowered *guest,
			 const struct boot_image *image, uint64_t *entry)
{
	struct bytes file = image->vmlinux.size ? image->vmlinux : image->file;

	if (!image->elf.is64) {
		start_refuse(context, image, "is a 32-bit vmlinux: only its bzImage can be started");
		return false;
	}
	/* Linux names its entry by its physical address; others may not. */
	*entry = image->elf.entry;
	if (*entry < image->elf.low || *entry >= image->elf.high)
		elf_physical(&image->elf, image->elf.entry, entry);
	return start_load_segments(context, guest, image, file);
}

static void put_header(struct buffer *zero_page, const struct boot_image *image)
{
	buffer_zeros(zero_page, ZERO_PAGE_SIZE);
	if (image->is_bzimage)
		buffer_patch(zero_page, SETUP_SECTS, image->bzimage.header.data,
			     image->bzimage.header.size);
	else
		invent_header(zero_page, &image->elf);
	buffer_patch_u8(zero_page, SETUP_TYPE_OF_LOADER, LOADER_UNDEFINED);
}

/* Copies boot_params into the arena and loads it; RSI points to it. */
static bool load_zero_page(struct lower_context *context, struct lowered *guest,
			   const struct buffer *zero_page)
{
	struct item item = { "boot_params", guest->model->boot.where.at };
	uint8_t *copy = arena_alloc(context->arena, zero_page->size);

	memcpy(copy, zero_page->data, zero_page->size);
	guest->start.gpr[RSI] = load_low(context, guest, item, copy, zero_page->size, PAGE);
	return guest->start.gpr[RSI] != NO_PLACE;
}

static bool fill_zero_page(struct lower_context *context, struct lowered *guest,
			   const struct boot_image *image, struct buffer *zero_page)
{
	uint64_t cmdline, limit = guest->map.low_top, most = 2047;

	put_header(zero_page, image);
	if (image->is_bzimage) {
		most = image->bzimage.cmdline_size;
		if (image->bzimage.initrd_addr_max + 1ull < limit)
			limit = image->bzimage.initrd_addr_max + 1ull;
	}
	cmdline = start_load_cmdline(context, guest, most);
	if (cmdline == NO_PLACE)
		return false;
	buffer_patch_u32(zero_page, SETUP_CMD_LINE_PTR, (uint32_t)cmdline);
	buffer_patch_u64(zero_page, ZERO_PAGE_RSDP, guest->map.rsdp);
	put_e820(guest, zero_page);
	return put_initrd(context, guest, limit, zero_page);
}

/* Linux unpacks the archive while it is still there; what is packed is a third at most. */
static void lint_size(struct lower_context *context, const struct guest *guest, struct bytes initrd)
{
	uint64_t needed = initrd.size * (unpack_method(initrd) ? 4 : 2);
	const struct memory *memory = &guest->memory;
	char ram[32];
	struct diag *d;

	if (needed <= memory->size.value)
		return;
	d = diag_report(context->diags, INITRD_LARGE, guest->boot.initrd.where.at,
			guest->boot.initrd.value, (unsigned long long)initrd.size,
			unit_text(size_units, memory->size.value, ram, sizeof(ram)));
	if (was_set(memory->size.where))
		diag_note(d, memory->size.where.at, "RAM of the guest");
}

static void lint(struct lower_context *context, const struct guest *guest)
{
	const struct file_name *name = &guest->boot.initrd;
	struct bytes initrd;
	const char *why;

	if (!name->value)
		return;
	initrd = start_read_file(context, name);
	why = lint_initrd(initrd);
	if (why)
		diag_report(context->diags, INITRD_STRANGE, name->where.at, name->value, why);
	else
		lint_size(context, guest, initrd);
}

bool start_linux(struct lower_context *context, struct lowered *guest, struct boot_image *image)
{
	bool vmlinux = image->vmlinux.size || image->is_elf;
	struct buffer zero_page = { 0 };
	uint64_t entry;
	bool good;

	if (!image->is_bzimage && !image->is_elf) {
		start_refuse(context, image, "is no Linux kernel: neither bzImage nor vmlinux");
		return false;
	}
	lint(context, guest->model);
	good = vmlinux ? load_vmlinux(context, guest, image, &entry) :
			 load_bzimage(context, guest, image, &entry);
	good = good && fill_zero_page(context, guest, image, &zero_page) &&
	       load_zero_page(context, guest, &zero_page) &&
	       (vmlinux || image->bzimage.is64 ?
			start_long(context, guest, entry) :
			start_linux_32(context, guest, (uint32_t)entry));
	buffer_free(&zero_page);
	return good;
}
