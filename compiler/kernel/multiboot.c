/* SPDX-License-Identifier: Apache-2.0 */
/* Multiboot 3.1 "OS image format", Multiboot2 3.1 "OS image format". */
#include "kernel/multiboot.h"

enum {
	MAGIC1 = 0x1badb002,
	SEARCH1 = 8192,
	HEADER1_SIZE = 12,
	HEADER1_ADDRESSES = 32,
	SEARCH2 = 32768,
	HEADER2_SIZE = 16,
	I386 = 0,
};
#define MAGIC2 0xe85250d6u

static bool found1(struct bytes image, uint32_t at)
{
	return bytes_hold(image, at, HEADER1_SIZE) && bytes_u32(image, at) == MAGIC1 &&
	       !(uint32_t)(bytes_u32(image, at) + bytes_u32(image, at + 4) +
			   bytes_u32(image, at + 8));
}

static const char *read_header1(struct bytes image, struct multiboot1 *header)
{
	/* Bits 0..15 are demands: what a loader does not know it must refuse. */
	uint32_t known = MULTIBOOT1_ALIGN_MODULES | MULTIBOOT1_MEMORY | MULTIBOOT1_VIDEO;

	header->flags = bytes_u32(image, header->offset + 4);
	if (header->flags & 0xffff & ~known)
		return "asks for Multiboot features that do not exist";
	if (!(header->flags & MULTIBOOT1_ADDRESSES))
		return NULL;
	if (!bytes_hold(image, header->offset, HEADER1_ADDRESSES))
		return "is truncated inside its Multiboot header";
	header->header_addr = bytes_u32(image, header->offset + 12);
	header->load_addr = bytes_u32(image, header->offset + 16);
	header->load_end_addr = bytes_u32(image, header->offset + 20);
	header->bss_end_addr = bytes_u32(image, header->offset + 24);
	header->entry_addr = bytes_u32(image, header->offset + 28);
	return NULL;
}

const char *multiboot1_read(struct bytes image, struct multiboot1 *header)
{
	*header = (struct multiboot1){ 0 };
	for (uint32_t at = 0; at < SEARCH1 && at < image.size; at += 4)
		if (found1(image, at)) {
			header->offset = at;
			return read_header1(image, header);
		}
	return "has no Multiboot header in its first 8 KiB";
}

static bool found2(struct bytes image, uint32_t at)
{
	return bytes_hold(image, at, HEADER2_SIZE) && bytes_u32(image, at) == MAGIC2 &&
	       !(uint32_t)(bytes_u32(image, at) + bytes_u32(image, at + 4) +
			   bytes_u32(image, at + 8) + bytes_u32(image, at + 12));
}

static const char *request_tag(struct bytes tag, struct multiboot2 *header)
{
	bool optional = bytes_u16(tag, 2) & 1;

	for (uint32_t at = 8; at + 4 <= tag.size; at += 4) {
		uint32_t wanted = bytes_u32(tag, at);

		if (wanted < 32 && !optional)
			header->requests |= 1u << wanted;
	}
	return NULL;
}

static const char *address_tag(struct bytes tag, struct multiboot2 *header)
{
	header->has_addresses = true;
	header->header_addr = bytes_u32(tag, 8);
	header->load_addr = bytes_u32(tag, 12);
	header->load_end_addr = bytes_u32(tag, 16);
	header->bss_end_addr = bytes_u32(tag, 20);
	return tag.size >= 24 ? NULL : "has a Multiboot2 address tag that is too short";
}

static const char *entry_tag(struct bytes tag, struct multiboot2 *header)
{
	header->has_entry = true;
	header->entry_addr = bytes_u32(tag, 8);
	return tag.size >= 12 ? NULL : "has a Multiboot2 entry tag that is too short";
}

static const char *relocate_tag(struct bytes tag, struct multiboot2 *header)
{
	header->relocatable = true;
	header->relocate_min = bytes_u32(tag, 8);
	header->relocate_max = bytes_u32(tag, 12);
	header->relocate_align = bytes_u32(tag, 16);
	header->relocate_preference = bytes_u32(tag, 20);
	return tag.size >= 24 ? NULL : "has a Multiboot2 relocation tag that is too short";
}

static const char *modules_tag(struct bytes tag, struct multiboot2 *header)
{
	(void)tag;
	header->align_modules = true;
	return NULL;
}

static const char *boot_services_tag(struct bytes tag, struct multiboot2 *header)
{
	header->keeps_boot_services = !(bytes_u16(tag, 2) & 1);
	return NULL;
}

static const char *ignored_tag(struct bytes tag, struct multiboot2 *header)
{
	(void)tag;
	(void)header;
	return NULL;
}

/* By tag type. Console and framebuffer tags state preferences; EFI entries are not for us. */
static const char *(*const tags2[])(struct bytes tag, struct multiboot2 *header) = {
	[1] = request_tag,	 [2] = address_tag, [3] = entry_tag,   [4] = ignored_tag,
	[5] = ignored_tag,	 [6] = modules_tag, [7] = boot_services_tag,
	[8] = ignored_tag,	 [9] = ignored_tag, [10] = relocate_tag,
};

static const char *read_tags2(struct bytes header_bytes, struct multiboot2 *header)
{
	uint64_t at = HEADER2_SIZE;

	for (;;) {
		uint16_t type = bytes_u16(header_bytes, at);
		uint32_t size = bytes_u32(header_bytes, at + 4);
		const char *why = NULL;

		if (size < 8 || !bytes_hold(header_bytes, at, size))
			return "is damaged: a Multiboot2 header tag does not fit its header";
		if (!type)
			return NULL;
		if (type < sizeof(tags2) / sizeof(*tags2))
			why = tags2[type](bytes_part(header_bytes, at, size), header);
		else if (!(bytes_u16(header_bytes, at + 2) & 1))
			why = "requires a Multiboot2 feature that hvcc does not know";
		if (why)
			return why;
		at += ((uint64_t)size + 7) & ~7ull;
	}
}

const char *multiboot2_read(struct bytes image, struct multiboot2 *header)
{
	*header = (struct multiboot2){ 0 };
	for (uint32_t at = 0; at < SEARCH2 && at < image.size; at += 8) {
		uint32_t length = bytes_u32(image, at + 8);

		if (!found2(image, at))
			continue;
		header->offset = at;
		if (bytes_u32(image, at + 4) != I386)
			return "has a Multiboot2 header for another processor";
		if (!bytes_hold(image, at, length))
			return "is truncated inside its Multiboot2 header";
		return read_tags2(bytes_part(image, at, length), header);
	}
	return "has no Multiboot2 header in its first 32 KiB";
}

const char *multiboot_place(struct bytes image, uint32_t header_offset, uint32_t header_addr,
			    uint32_t load_addr, uint32_t load_end, uint32_t bss_end,
			    struct multiboot_placement *placement)
{
	uint32_t before = header_addr - load_addr;

	if (header_addr < load_addr || before > header_offset)
		return "has Multiboot addresses that begin before the file";
	placement->load = load_addr;
	placement->file_offset = header_offset - before;
	placement->file_size = load_end ? load_end - load_addr :
					  (uint32_t)(image.size - placement->file_offset);
	if ((load_end && load_end < load_addr) ||
	    !bytes_hold(image, placement->file_offset, placement->file_size))
		return "is truncated: its Multiboot addresses reach beyond the file";
	placement->memory_size = placement->file_size;
	if (bss_end && bss_end < load_addr)
		return "has Multiboot addresses that end before they begin";
	if (bss_end && bss_end - load_addr > placement->memory_size)
		placement->memory_size = bss_end - load_addr;
	if (placement->memory_size > UINT32_MAX - load_addr)
		return "has Multiboot addresses beyond 4 GiB";
	return NULL;
}
