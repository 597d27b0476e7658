/* SPDX-License-Identifier: Apache-2.0 */
/*
 *	raw, Multiboot with addresses	the payload is the file
 *	ELF whose header is loaded	the payload is the file, cut behind its last segment
 *	other ELF			a new ELF header, program headers, PVH note, the payload
 *	bzImage				setup sectors with the header of boot_params, the payload
 *	bzImage, unpacked		the same around an ELF file that is packed again
 */
#include "audit/kernel_file.h"

#include <elf.h>
#include <lzma.h>
#include <string.h>

#include "base/buffer.h"
#include "base/bytes.h"
#include "kernel/bzimage.h"
#include "kernel/elf.h"
#include "kernel/multiboot.h"

enum { SECTOR = 512, NOTE_SIZE = 20, XEN_NOTE_ENTRY = 18 };

static struct bytes keep(const struct image *image, struct buffer *buffer)
{
	uint8_t *copy = arena_alloc(image->arena, buffer->size + 1);
	struct bytes bytes = { copy, buffer->size };

	if (buffer->size)
		memcpy(copy, buffer->data, buffer->size);
	buffer_free(buffer);
	return bytes;
}

/* ----------------------------------------------------------------------------------------------- ELF */

static bool same_segments(const struct elf_image *elf, const struct booted *booted)
{
	if (elf->segment_count != booted->segments.count)
		return false;
	for (uint32_t i = 0; i < elf->segment_count; i++) {
		const struct elf_segment *segment = &elf->segments[i];
		const struct hv_load *load = booted->segments.items[i];

		if (segment->paddr != load->gpa || segment->memory_size != load->memory_size ||
		    segment->file_size != load->file_size ||
		    (load->file_size && segment->offset != load->source_offset))
			return false;
	}
	return true;
}

/* Does the loaded part hold the file's own headers, and do they say what was done? */
static bool is_whole(const struct booted *booted, struct bytes payload, struct elf_image *elf)
{
	uint64_t entry;

	if (elf_read(payload, elf) || !same_segments(elf, booted))
		return false;
	if (!strcmp(booted->protocol, "pvh"))
		return elf->has_pvh && elf->pvh_entry == booted->entry;
	entry = elf->entry;
	if (booted->protocol[0] == 'm')
		elf_physical(elf, elf->entry, &entry);
	return entry == booted->entry || booted->protocol[0] == 'm';
}

static void put_program(struct buffer *file, uint32_t type, uint64_t offset, uint64_t address,
			uint64_t file_size, uint64_t memory_size)
{
	Elf64_Phdr header = { .p_type = type, .p_flags = PF_R | PF_W | PF_X, .p_offset = offset,
			      .p_vaddr = address, .p_paddr = address, .p_filesz = file_size,
			      .p_memsz = memory_size, .p_align = 4 };

	buffer_bytes(file, &header, sizeof(header));
}

static void put_note(struct buffer *file, uint32_t entry)
{
	buffer_u32(file, 4);
	buffer_u32(file, 4);
	buffer_u32(file, XEN_NOTE_ENTRY);
	buffer_bytes(file, "Xen", 4);
	buffer_u32(file, entry);
}

static struct bytes new_elf(const struct image *image, const struct booted *booted,
			    struct bytes payload)
{
	bool note = !strcmp(booted->protocol, "pvh");
	size_t programs = booted->segments.count + note;
	uint64_t notes = sizeof(Elf64_Ehdr) + programs * sizeof(Elf64_Phdr);
	uint64_t data = (notes + NOTE_SIZE + 15) & ~15ull;
	Elf64_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = EV_CURRENT,
		.e_entry = booted->entry, .e_phoff = sizeof(header), .e_ehsize = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = (uint16_t)programs,
	};
	struct buffer file = { 0 };

	buffer_bytes(&file, &header, sizeof(header));
	for (size_t i = 0; i < booted->segments.count; i++) {
		const struct hv_load *load = booted->segments.items[i];

		put_program(&file, PT_LOAD, data + load->source_offset, load->gpa, load->file_size,
			    load->memory_size);
	}
	if (note) {
		put_program(&file, PT_NOTE, notes, 0, NOTE_SIZE, 0);
		put_note(&file, (uint32_t)booted->entry);
	}
	buffer_zeros(&file, data - file.size);
	buffer_bytes(&file, payload.data, payload.size);
	return keep(image, &file);
}

static struct bytes elf_file(const struct image *image, const struct booted *booted,
			     struct bytes payload)
{
	struct elf_image *elf = arena_new(image->arena, struct elf_image);

	return is_whole(booted, payload, elf) ? payload : new_elf(image, booted, payload);
}

/* ------------------------------------------------------------------------------------------- bzImage */

static void put_setup(struct buffer *file, struct bytes zero_page)
{
	uint32_t sectors = bytes_u8(zero_page, SETUP_SECTS);
	uint32_t end = 0x202u + bytes_u8(zero_page, SETUP_JUMP + 1);

	buffer_zeros(file, (1 + (sectors ? sectors : 4)) * SECTOR);
	buffer_patch(file, SETUP_SECTS, zero_page.data + SETUP_SECTS, end - SETUP_SECTS);
}

static struct bytes bzimage_file(const struct image *image, struct bytes zero_page,
				 struct bytes payload)
{
	struct buffer file = { 0 };

	put_setup(&file, zero_page);
	buffer_bytes(&file, payload.data, payload.size);
	return keep(image, &file);
}

/* Packs as Linux's build does, with the branch filter of x86. Returns the size; 0: no room. */
static size_t pack(struct bytes elf, uint8_t *out, size_t room)
{
	lzma_options_lzma options;
	lzma_filter filters[] = { { LZMA_FILTER_X86, NULL },
				  { LZMA_FILTER_LZMA2, &options },
				  { LZMA_VLI_UNKNOWN, NULL } };
	size_t size = 0;

	if (lzma_lzma_preset(&options, 6) ||
	    lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL, elf.data, elf.size, out,
				      &size, room) != LZMA_OK)
		return 0;
	return size;
}

/*
 * The header says where the packed kernel is and how long; what is packed better leaves a rest, and
 * the size of the unpacked kernel stands in the last four bytes.
 */
static struct bytes unpacked_file(const struct image *image, struct bytes zero_page, struct bytes elf)
{
	uint64_t offset = bytes_u32(zero_page, SETUP_PAYLOAD_OFFSET);
	uint64_t length = bytes_u32(zero_page, SETUP_PAYLOAD_LENGTH);
	uint64_t size = 16ull * bytes_u32(zero_page, SETUP_SYSSIZE);
	struct buffer file = { 0 };
	size_t start;

	if (length < 4 || offset + length > size || size > 1ull << 30 || elf.size > UINT32_MAX)
		return (struct bytes){ 0 };
	put_setup(&file, zero_page);
	start = file.size;
	buffer_zeros(&file, size);
	if (!pack(elf, file.data + start + offset, length - 4)) {
		buffer_free(&file);
		return (struct bytes){ 0 };
	}
	buffer_patch_u32(&file, start + offset + length - 4, (uint32_t)elf.size);
	return keep(image, &file);
}

/* boot_params that hvcc made up for a vmlinux have no setup sectors to jump over. */
static bool has_setup(struct bytes zero_page)
{
	return bytes_u8(zero_page, SETUP_JUMP + 1) >= 0x60;
}

static struct bytes linux_file(const struct image *image, const struct booted *booted,
			       struct bytes payload, bool *unpacked)
{
	uint64_t size = 16ull * bytes_u32(booted->zero_page, SETUP_SYSSIZE);
	struct bytes file;

	if (!has_setup(booted->zero_page))
		return elf_file(image, booted, payload);
	if (booted->segments.count == 1 && size >= payload.size && size - payload.size < 16)
		return bzimage_file(image, booted->zero_page, payload);
	file = unpacked_file(image, booted->zero_page, elf_file(image, booted, payload));
	*unpacked = file.size != 0;
	return file.size ? file : elf_file(image, booted, payload);
}

/* -------------------------------------------------------------------------------------- the protocols */

static bool has_addresses(struct bytes payload, const struct booted *booted)
{
	struct multiboot1 first;
	struct multiboot2 second;

	if (!strcmp(booted->protocol, "multiboot1"))
		return !multiboot1_read(payload, &first) && (first.flags & MULTIBOOT1_ADDRESSES);
	return !multiboot2_read(payload, &second) && second.has_addresses;
}

struct bytes kernel_file(const struct image *image, const struct booted *booted, bool *unpacked)
{
	struct bytes payload;

	*unpacked = false;
	if (booted->kernel == HV_NONE)
		return (struct bytes){ 0 };
	payload = image_payload(image, booted->kernel);
	if (!strcmp(booted->protocol, "linux"))
		return linux_file(image, booted, payload, unpacked);
	if (!strcmp(booted->protocol, "raw") ||
	    (strcmp(booted->protocol, "pvh") && has_addresses(payload, booted)))
		return payload;
	return elf_file(image, booted, payload);
}
