/* SPDX-License-Identifier: Apache-2.0 */
/* Opens the kernel, finds its protocol, and loads what all protocols have: files and texts. */
#include "lower/start.h"

#include <string.h>

#include "diag/diag.h"
#include "kernel/config.h"
#include "kernel/multiboot.h"
#include "kernel/unpack.h"

#define MOST_FILE (4ull << 30)

struct bytes start_read_file(struct lower_context *context, const struct file_name *name)
{
	struct bytes bytes = { 0 };
	const char *why;

	for (size_t i = 0; i < context->files.count; i++)
		if (!strcmp(context->files.items[i].name, name->path))
			return context->files.items[i].data;
	why = context->only_files ? map_file(context->arena, name->path, MOST_FILE, &bytes)
				  : read_file(context->arena, name->path, MOST_FILE, &bytes);
	if (!why && !bytes.size)
		why = "the file is empty";
	if (why) {
		diag_report(context->diags, FILE_UNREADABLE, name->where.at, name->value, why);
		return (struct bytes){ 0 };
	}
	vector_push(context->arena, &context->files,
		    ((struct lowered_payload){ name->path, name->where.at, bytes }));
	return bytes;
}

struct bytes start_config(struct lower_context *context, struct bytes vmlinux)
{
	struct kernel_config *config;

	for (size_t i = 0; i < context->configs.count; i++)
		if (context->configs.items[i].kernel == vmlinux.data)
			return context->configs.items[i].text;
	config = vector_add(context->arena, &context->configs);
	config->kernel = vmlinux.data;
	config->text = kernel_config_read(context->arena, vmlinux);
	return config->text;
}

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* A file that is broken is another matter than one of the wrong kind. */
struct diag *start_refuse(struct lower_context *context, const struct boot_image *image,
			  const char *why)
{
	if (begins(why, "is truncated: "))
		return diag_report(context->diags, KERNEL_TRUNCATED, image->item.position, image->item.name, why);
	if (why == elf_segments_overlap)
		return diag_report(context->diags, KERNEL_OVERLAP, image->item.position, image->item.name);
	if (begins(why, "is damaged: "))
		return diag_report(context->diags, KERNEL_DAMAGED, image->item.position, image->item.name, why);
	return diag_report(context->diags, KERNEL_REFUSED, image->item.position, image->item.name,
			   why);
}

/* Only the part of the file that segments use travels: symbols and relocations stay. */
static struct bytes used_part(const struct elf_image *elf, struct bytes file, uint64_t *first)
{
	uint64_t low = UINT64_MAX, high = 0;

	for (uint32_t i = 0; i < elf->segment_count; i++) {
		const struct elf_segment *segment = &elf->segments[i];

		if (!segment->file_size)
			continue;
		if (segment->offset < low)
			low = segment->offset;
		if (segment->offset + segment->file_size > high)
			high = segment->offset + segment->file_size;
	}
	*first = low > high ? 0 : low;
	return bytes_part(file, *first, low > high ? 0 : high - low);
}

bool start_load_segments(struct lower_context *context, struct lowered *guest,
			 const struct boot_image *image, struct bytes file)
{
	uint64_t first;
	struct bytes part = used_part(&image->elf, file, &first);
	uint32_t payload = part.size ? payload_of(context, image->item, part) : HV_NONE;
	bool fits = true;

	for (uint32_t i = 0; i < image->elf.segment_count; i++) {
		const struct elf_segment *segment = &image->elf.segments[i];

		fits &= load_payload(context, guest, image->item, segment->paddr, payload,
				     segment->offset - first, segment->file_size,
				     segment->memory_size);
	}
	return fits;
}

static bool load_module(struct lower_context *context, struct lowered *guest, uint64_t limit,
			const struct file_name *file, const char *args,
			struct boot_module_placed *placed)
{
	struct item item = { file->value, file->where.at };
	struct bytes bytes = start_read_file(context, file);

	if (!bytes.size)
		return false;
	placed->size = bytes.size;
	placed->gpa = place_high(guest, 1 << 20, limit, bytes.size, PAGE);
	if (placed->gpa == NO_PLACE) {
		struct diag *diag = diag_report(context->diags, INITRD_NO_ROOM, item.position,
						item.name, (unsigned long long)bytes.size,
						(unsigned long long)limit);
		diag_help(diag, "raise `memory.size`, or make the file smaller");
		return false;
	}
	placed->args_text = args;
	if (args && *args)
		placed->args = load_low(context, guest, item, args, strlen(args) + 1, 1);
	return placed->args != NO_PLACE &&
	       load_payload(context, guest, item, placed->gpa, payload_of(context, item, bytes), 0,
			    bytes.size, bytes.size);
}

int start_load_modules(struct lower_context *context, struct lowered *guest, uint64_t limit,
		       struct boot_module_placed **placed)
{
	const struct boot *boot = &guest->model->boot;
	size_t count = boot->modules.count + (boot->initrd.value != NULL), at = 0;
	bool good = true;

	*placed = arena_array(context->arena, count, sizeof(**placed));
	if (boot->initrd.value)
		good = load_module(context, guest, limit, &boot->initrd, NULL, &(*placed)[at++]);
	for (size_t i = 0; i < boot->modules.count; i++)
		good &= load_module(context, guest, limit, &boot->modules.items[i].path,
				    boot->modules.items[i].args.value, &(*placed)[at++]);
	return good ? (int)count : -1;
}

uint64_t start_load_cmdline(struct lower_context *context, struct lowered *guest, uint64_t most)
{
	const char *text = guest->model->boot.cmdline.value;
	struct position at = guest->model->boot.cmdline.where.at;
	size_t length = text ? strlen(text) : 0;

	if (!length)
		return 0;
	if (length > most) {
		diag_report(context->diags, CMDLINE_LONG, at, length, (size_t)most);
		return NO_PLACE;
	}
	return load_low(context, guest, (struct item){ "command line", at }, text, length + 1, 16);
}

/* ------------------------------------------------------------------------ which protocol it is */

struct protocol {
	bool (*start)(struct lower_context *, struct lowered *, struct boot_image *);
};

static const struct protocol protocols[] = {
	[BOOT_PROTOCOL_LINUX] = { start_linux },	   [BOOT_PROTOCOL_PVH] = { start_pvh },
	[BOOT_PROTOCOL_MULTIBOOT1] = { start_multiboot1 }, [BOOT_PROTOCOL_MULTIBOOT2] = { start_multiboot2 },
	[BOOT_PROTOCOL_RAW] = { start_raw },
};

/* What a file says of itself, best first: bzImage, PVH note, Multiboot2, Multiboot. */
static enum boot_protocol protocol_of(const struct boot_image *image)
{
	struct multiboot1 first;
	struct multiboot2 second;

	if (image->is_bzimage)
		return BOOT_PROTOCOL_LINUX;
	if (image->is_elf && image->elf.has_pvh)
		return BOOT_PROTOCOL_PVH;
	if (!multiboot2_read(image->file, &second))
		return BOOT_PROTOCOL_MULTIBOOT2;
	if (!multiboot1_read(image->file, &first))
		return BOOT_PROTOCOL_MULTIBOOT1;
	return BOOT_PROTOCOL_AUTO;
}

static bool unpack_kernel(struct lower_context *context, const struct lowered *guest,
			  struct boot_image *image)
{
	const struct boot *boot = &guest->model->boot;
	const char *why;

	if (!image->is_bzimage) {
		struct diag *diag = diag_report(context->diags, UNPACK_IMPOSSIBLE,
						boot->unpack.where.at, image->item.name);
		diag_note(diag, image->item.position, "the kernel");
		return false;
	}
	if (context->only_files) {
		why = unpack_refuses(image->bzimage.payload);
	} else {
		why = unpack(context->arena, image->bzimage.payload, &image->vmlinux);
		if (!why)
			why = elf_read(image->vmlinux, &image->elf);
	}
	if (why) {
		start_refuse(context, image, why);
		return false;
	}
	if (!boot->cmdline.value || !strstr(boot->cmdline.value, "nokaslr"))
		diag_report(context->diags, UNPACK_NO_KASLR, boot->unpack.where.at);
	return true;
}

/* Opens and recognizes; false after a report. */
static bool open_image(struct lower_context *context, const struct lowered *guest,
		       struct boot_image *image)
{
	const struct boot *boot = &guest->model->boot;
	const char *why = NULL;

	image->item = (struct item){ boot->kernel.value, boot->kernel.where.at };
	image->file = start_read_file(context, &boot->kernel);
	if (!image->file.size)
		return false;
	if (boot->protocol.value == BOOT_PROTOCOL_RAW)
		return true;
	image->is_bzimage = bzimage_recognize(image->file);
	image->is_elf = elf_recognize(image->file);
	if (image->is_bzimage)
		why = bzimage_read(image->file, &image->bzimage);
	else if (image->is_elf)
		why = elf_read(image->file, &image->elf);
	if (why) {
		start_refuse(context, image, why);
		return false;
	}
	return !boot->unpack.value || unpack_kernel(context, guest, image);
}

/* Every file once, so that all that cannot be read are reported together. */
static bool read_all(struct lower_context *context, const struct boot *boot)
{
	bool good = start_read_file(context, &boot->kernel).size;

	if (boot->initrd.value)
		good &= start_read_file(context, &boot->initrd).size != 0;
	for (size_t i = 0; i < boot->modules.count; i++)
		good &= start_read_file(context, &boot->modules.items[i].path).size != 0;
	return good;
}

void pass_start(struct lower_context *context, struct lowered *guest)
{
	struct boot_image *image = arena_new(context->arena, struct boot_image);
	enum boot_protocol protocol = guest->model->boot.protocol.value;
	struct diag *diag;

	if (!read_all(context, &guest->model->boot) || !open_image(context, guest, image))
		return;
	/* What is inside, and so how it is entered and what room it takes, is not known. */
	if (context->only_files && guest->model->boot.unpack.value)
		return;
	guest->kernel = image;
	if (protocol == BOOT_PROTOCOL_AUTO)
		protocol = protocol_of(image);
	if (protocol == BOOT_PROTOCOL_AUTO) {
		diag = start_refuse(context, image,
				    "is no kernel that hvcc knows: no bzImage, no ELF file with a "
				    "PVH note, no Multiboot header");
		diag_help(diag, "`protocol: raw` loads any file as it is");
		return;
	}
	if (start_lint(context, guest, image, protocol))
		protocols[protocol].start(context, guest, image);
}

bool check_loads(const struct lowered *guest)
{
	for (size_t i = 0; i < guest->loads.count; i++) {
		const struct hv_load *load = &guest->loads.items[i].record;
		bool inside = false;

		for (size_t j = 0; j < guest->ram.count; j++) {
			const struct window *ram = &guest->ram.items[j];

			inside |= load->gpa >= ram->base &&
				  load->gpa + load->memory_size <= ram->base + ram->size;
		}
		if (!inside || load->file_size > load->memory_size)
			return false;
	}
	return true;
}
