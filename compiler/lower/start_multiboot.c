/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multiboot 0.6.96 and Multiboot2 2.0: 32-bit protected mode, magic in EAX, information in EBX. The
 * image is an ELF file, or anything whose header gives addresses.
 */
#include <string.h>

#include "base/buffer.h"
#include "diag/diag.h"
#include "kernel/multiboot.h"
#include "lower/start.h"

#define MAGIC1 0x2badb002u
#define MAGIC2 0x36d76289u
#define LOADER "hvcc"

enum information1 { /* Multiboot 3.3 "Boot information format", flags */
	INFO1_MEMORY = 1u << 0,
	INFO1_CMDLINE = 1u << 2,
	INFO1_MODULES = 1u << 3,
	INFO1_MAP = 1u << 6,
	INFO1_LOADER = 1u << 9,
	INFO1_SIZE = 116,
};

/* What both protocols tell. */
struct facts {
	uint64_t cmdline;
	const struct boot_module_placed *modules;
	int module_count;
	uint32_t lower_kib, upper_kib; /* RAM from 0, and from 1 MiB up to the first hole */
};

static void measure_memory(const struct lowered *guest, struct facts *facts)
{
	for (size_t i = 0; i < guest->e820.count; i++) {
		const struct lowered_e820 *entry = &guest->e820.items[i];

		if (entry->type == E820_RAM && !entry->base)
			facts->lower_kib = (uint32_t)(entry->size >> 10);
		if (entry->type == E820_RAM && entry->base == 1 << 20)
			facts->upper_kib = (uint32_t)(entry->size >> 10);
	}
}

static bool gather(struct lower_context *context, struct lowered *guest, struct facts *facts)
{
	struct boot_module_placed *placed;

	*facts = (struct facts){ 0 };
	measure_memory(guest, facts);
	facts->module_count = start_load_modules(context, guest, guest->map.low_top, &placed);
	facts->modules = placed;
	facts->cmdline = start_load_cmdline(context, guest, PAGE - 1);
	return facts->module_count >= 0 && facts->cmdline != NO_PLACE;
}

/* Puts a finished structure into low memory; frees the buffer. 0 for an empty one. */
static uint64_t put_low(struct lower_context *context, struct lowered *guest, const char *name,
			struct buffer *buffer)
{
	struct item item = { name, guest->model->boot.where.at };
	uint64_t size = buffer->size;
	uint8_t *copy;

	if (!size)
		return 0;
	copy = arena_alloc(context->arena, size);
	memcpy(copy, buffer->data, size);
	buffer_free(buffer);
	return load_low(context, guest, item, copy, size, 16);
}

/* By the header's addresses, where it has them, else by the segments; *entry is physical. */
static bool load_placed(struct lower_context *context, struct lowered *guest,
			const struct boot_image *image, const struct multiboot_placement *placement)
{
	uint32_t payload = payload_of(context, image->item, image->file);

	return load_payload(context, guest, image->item, placement->load, payload,
			    placement->file_offset, placement->file_size, placement->memory_size);
}

static bool load_elf(struct lower_context *context, struct lowered *guest,
		     const struct boot_image *image, uint32_t *entry)
{
	uint64_t physical = image->elf.entry;

	if (!image->is_elf) {
		start_refuse(context, image,
			     "is no ELF file, and its Multiboot header gives no addresses");
		return false;
	}
	elf_physical(&image->elf, image->elf.entry, &physical);
	if (physical > UINT32_MAX) {
		start_refuse(context, image, "has an entry beyond 4 GiB");
		return false;
	}
	*entry = (uint32_t)physical;
	return start_load_segments(context, guest, image, image->file);
}

static bool load_kernel1(struct lower_context *context, struct lowered *guest,
			 const struct boot_image *image, uint32_t *entry)
{
	struct multiboot1 header;
	struct multiboot_placement placement;
	const char *why = multiboot1_read(image->file, &header);

	if (!why && !(header.flags & MULTIBOOT1_ADDRESSES))
		return load_elf(context, guest, image, entry);
	if (!why)
		why = multiboot_place(image->file, header.offset, header.header_addr,
				      header.load_addr, header.load_end_addr, header.bss_end_addr,
				      &placement);
	if (why) {
		start_refuse(context, image, why);
		return false;
	}
	*entry = header.entry_addr;
	return load_placed(context, guest, image, &placement);
}

/* ---------------------------------------------------------------------- Multiboot information */

static uint64_t modules1(struct lower_context *context, struct lowered *guest,
			 const struct facts *facts)
{
	struct buffer list = { 0 };

	for (int i = 0; i < facts->module_count; i++) {
		const struct boot_module_placed *module = &facts->modules[i];

		buffer_u32(&list, (uint32_t)module->gpa);
		buffer_u32(&list, (uint32_t)(module->gpa + module->size));
		buffer_u32(&list, (uint32_t)module->args);
		buffer_u32(&list, 0);
	}
	return put_low(context, guest, "Multiboot modules", &list);
}

static uint64_t map1(struct lower_context *context, struct lowered *guest, uint32_t *size)
{
	enum { ENTRY_SIZE = 20 }; /* without the size field itself */
	struct buffer map = { 0 };

	for (size_t i = 0; i < guest->e820.count; i++) {
		buffer_u32(&map, ENTRY_SIZE);
		buffer_u64(&map, guest->e820.items[i].base);
		buffer_u64(&map, guest->e820.items[i].size);
		buffer_u32(&map, guest->e820.items[i].type);
	}
	*size = (uint32_t)map.size;
	return put_low(context, guest, "Multiboot memory map", &map);
}

static uint64_t information1(struct lower_context *context, struct lowered *guest,
			     const struct facts *facts)
{
	struct buffer info = { 0 }, loader = { 0 };
	uint32_t map_size;
	uint64_t modules = modules1(context, guest, facts), map = map1(context, guest, &map_size);
	uint64_t name;

	buffer_text(&loader, LOADER);
	name = put_low(context, guest, "Multiboot loader name", &loader);
	if (modules == NO_PLACE || map == NO_PLACE || name == NO_PLACE)
		return NO_PLACE;
	buffer_u32(&info, INFO1_MEMORY | INFO1_MAP | INFO1_LOADER | INFO1_CMDLINE | INFO1_MODULES);
	buffer_u32(&info, facts->lower_kib);
	buffer_u32(&info, facts->upper_kib);
	buffer_u32(&info, 0); /* boot device */
	buffer_u32(&info, facts->cmdline ? (uint32_t)facts->cmdline : (uint32_t)name + sizeof(LOADER) - 1);
	buffer_u32(&info, (uint32_t)facts->module_count);
	buffer_u32(&info, (uint32_t)modules);
	buffer_zeros(&info, 16); /* symbols */
	buffer_u32(&info, map_size);
	buffer_u32(&info, (uint32_t)map);
	buffer_zeros(&info, 12); /* drives, ROM configuration */
	buffer_u32(&info, (uint32_t)name);
	buffer_zeros(&info, INFO1_SIZE - info.size);
	return put_low(context, guest, "Multiboot information", &info);
}

/* Modules hang together: each text must exist, if only as an empty one. */
bool start_multiboot1(struct lower_context *context, struct lowered *guest, struct boot_image *image)
{
	struct facts facts;
	uint32_t entry;
	uint64_t info;

	if (!load_kernel1(context, guest, image, &entry) || !gather(context, guest, &facts))
		return false;
	info = information1(context, guest, &facts);
	if (info == NO_PLACE)
		return false;
	start_protected(guest, entry);
	guest->start.gpr[RAX] = MAGIC1;
	guest->start.gpr[RBX] = info;
	return true;
}

/* --------------------------------------------------------------------- Multiboot2 information */

enum tag2 { /* Multiboot2 3.6 "Boot information" */
	TAG_END = 0,
	TAG_CMDLINE = 1,
	TAG_LOADER = 2,
	TAG_MODULE = 3,
	TAG_MEMORY = 4,
	TAG_MAP = 6,
	TAG_RSDP_OLD = 14,
	TAG_RSDP_NEW = 15,
	TAG_LOAD_BASE = 21,
};

/* The tags that hvcc can give: a kernel that requires another one is refused. */
#define TAGS_GIVEN                                                                                 \
	(1u << TAG_CMDLINE | 1u << TAG_LOADER | 1u << TAG_MODULE | 1u << TAG_MEMORY |              \
	 1u << TAG_MAP | 1u << TAG_RSDP_OLD | 1u << TAG_RSDP_NEW | 1u << TAG_LOAD_BASE)

static size_t tag_begin(struct buffer *info, enum tag2 type)
{
	size_t tag = buffer_align(info, 8);

	buffer_u32(info, type);
	buffer_u32(info, 0);
	return tag;
}

static void tag_end(struct buffer *info, size_t tag)
{
	buffer_patch_u32(info, tag + 4, (uint32_t)(info->size - tag));
}

static void text_tag(struct buffer *info, enum tag2 type, const char *text)
{
	size_t tag = tag_begin(info, type);

	buffer_text(info, text ? text : "");
	tag_end(info, tag);
}

static void module_tags(struct buffer *info, const struct facts *facts)
{
	for (int i = 0; i < facts->module_count; i++) {
		const struct boot_module_placed *module = &facts->modules[i];
		size_t tag = tag_begin(info, TAG_MODULE);

		buffer_u32(info, (uint32_t)module->gpa);
		buffer_u32(info, (uint32_t)(module->gpa + module->size));
		buffer_text(info, module->args_text ? module->args_text : "");
		tag_end(info, tag);
	}
}

static void memory_tags(struct buffer *info, const struct lowered *guest, const struct facts *facts)
{
	size_t tag = tag_begin(info, TAG_MEMORY);

	buffer_u32(info, facts->lower_kib);
	buffer_u32(info, facts->upper_kib);
	tag_end(info, tag);
	tag = tag_begin(info, TAG_MAP);
	buffer_u32(info, 24); /* size of an entry */
	buffer_u32(info, 0);  /* version */
	for (size_t i = 0; i < guest->e820.count; i++) {
		buffer_u64(info, guest->e820.items[i].base);
		buffer_u64(info, guest->e820.items[i].size);
		buffer_u32(info, guest->e820.items[i].type);
		buffer_u32(info, 0);
	}
	tag_end(info, tag);
}

static void rsdp_tags(struct buffer *info, const struct lowered *guest)
{
	const struct lowered_table *rsdp = &guest->tables.items[0];
	size_t tag = tag_begin(info, TAG_RSDP_NEW);

	buffer_bytes(info, rsdp->data, rsdp->size);
	tag_end(info, tag);
}

static uint64_t information2(struct lower_context *context, struct lowered *guest,
			     const struct facts *facts, uint32_t load_base, bool relocatable)
{
	struct buffer info = { 0 };
	size_t tag;

	buffer_zeros(&info, 8); /* total size, reserved */
	text_tag(&info, TAG_CMDLINE, guest->model->boot.cmdline.value);
	text_tag(&info, TAG_LOADER, LOADER);
	module_tags(&info, facts);
	memory_tags(&info, guest, facts);
	rsdp_tags(&info, guest);
	if (relocatable) {
		tag = tag_begin(&info, TAG_LOAD_BASE);
		buffer_u32(&info, load_base);
		tag_end(&info, tag);
	}
	tag = tag_begin(&info, TAG_END);
	tag_end(&info, tag);
	buffer_patch_u32(&info, 0, (uint32_t)info.size);
	return put_low(context, guest, "Multiboot2 information", &info);
}

static bool refuse_requests(struct lower_context *context, const struct boot_image *image,
			    uint32_t missing)
{
	struct diag *diag = start_refuse(context, image,
					 "requires Multiboot2 information that hvcc does not give");

	for (unsigned int tag = 0; tag < 32; tag++)
		if (missing & 1u << tag)
			diag_help(diag, "it asks for tag %u", tag);
	return false;
}

static bool load_kernel2(struct lower_context *context, struct lowered *guest,
			 const struct boot_image *image, struct multiboot2 *header, uint32_t *entry,
			 uint32_t *base)
{
	const char *why = multiboot2_read(image->file, header);
	struct multiboot_placement placement;
	bool loaded;

	if (!why && header->requests & ~TAGS_GIVEN)
		return refuse_requests(context, image, header->requests & ~TAGS_GIVEN);
	if (!why && header->keeps_boot_services)
		why = "wants EFI boot services";
	if (!why && header->has_addresses && !header->has_entry)
		why = "has a Multiboot2 address tag without an entry tag";
	if (!why && header->has_addresses)
		why = multiboot_place(image->file, header->offset, header->header_addr,
				      header->load_addr, header->load_end_addr,
				      header->bss_end_addr, &placement);
	if (why) {
		start_refuse(context, image, why);
		return false;
	}
	loaded = header->has_addresses ? load_placed(context, guest, image, &placement) :
					 load_elf(context, guest, image, entry);
	*base = header->has_addresses ? placement.load : (uint32_t)image->elf.low;
	if (header->has_entry)
		*entry = header->entry_addr;
	return loaded;
}

bool start_multiboot2(struct lower_context *context, struct lowered *guest, struct boot_image *image)
{
	struct multiboot2 header;
	struct facts facts;
	uint32_t entry = 0, base = 0;
	uint64_t info;

	if (!load_kernel2(context, guest, image, &header, &entry, &base) ||
	    !gather(context, guest, &facts))
		return false;
	info = information2(context, guest, &facts, base, header.relocatable);
	if (info == NO_PLACE)
		return false;
	start_protected(guest, entry);
	guest->start.gpr[RAX] = MAGIC2;
	guest->start.gpr[RBX] = info;
	return true;
}
