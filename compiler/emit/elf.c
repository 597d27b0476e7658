/* SPDX-License-Identifier: Apache-2.0 */
/*
 *	file				 memory
 *	0     ELF header, program headers
 *	4096  the core's segments	 load base ...	  (multiboot2 looks here: first 32 KiB)
 *	      blob and payloads		 next 2 MiB boundary
 *
 * Section headers and symbols stay behind: debuggers read hvcore.elf itself.
 */
#include <elf.h>
#include <string.h>

#include "emit/image.h"
#include "kernel/elf.h"

enum { ELF_PAGE = 4096, BLOB_ALIGN = 2 << 20 };

struct placed {
	uint64_t offset[ELF_MOST_SEGMENTS]; /* in the new file */
	uint64_t blob_offset;
};

static uint64_t up(uint64_t value, uint64_t align)
{
	return (value + align - 1) & ~(align - 1);
}

/* New file offsets: as in memory within a page, one segment behind the other. */
static void place(const struct elf_image *core, struct placed *placed)
{
	uint64_t next = ELF_PAGE;

	for (uint32_t i = 0; i < core->segment_count; i++) {
		placed->offset[i] = up(next, ELF_PAGE) + core->segments[i].vaddr % ELF_PAGE;
		next = placed->offset[i] + core->segments[i].file_size;
	}
	placed->blob_offset = up(next, ELF_PAGE);
}

static void add_header(struct buffer *headers, uint32_t type, uint32_t flags, uint64_t offset,
		       uint64_t vaddr, uint64_t paddr, uint64_t file_size, uint64_t memory_size)
{
	Elf64_Phdr header = {
		.p_type = type,
		.p_flags = flags,
		.p_offset = offset,
		.p_vaddr = vaddr,
		.p_paddr = paddr,
		.p_filesz = file_size,
		.p_memsz = memory_size,
		.p_align = type == PT_LOAD ? ELF_PAGE : 4,
	};

	buffer_bytes(headers, &header, sizeof(header));
}

/* The note lies in a segment of the core; where that went, it went too. */
static bool add_note(struct buffer *headers, struct bytes file, const struct elf_image *core,
		     const struct placed *placed)
{
	uint64_t at = (uint64_t)(core->pvh_note.data - file.data);

	for (uint32_t i = 0; i < core->segment_count; i++) {
		const struct elf_segment *segment = &core->segments[i];
		uint64_t inside = at - segment->offset;

		if (at < segment->offset || inside >= segment->file_size)
			continue;
		add_header(headers, PT_NOTE, PF_R, placed->offset[i] + inside,
			   segment->vaddr + inside, segment->paddr + inside, core->pvh_note.size,
			   core->pvh_note.size);
		return true;
	}
	return false;
}

static bool build_headers(struct buffer *headers, struct bytes file, const struct elf_image *core,
			  const struct placed *placed, uint64_t blob_paddr, uint64_t blob_size)
{
	Elf64_Ehdr header;
	bool note = true;

	memcpy(&header, file.data, sizeof(header));
	buffer_bytes(headers, &header, sizeof(header));
	for (uint32_t i = 0; i < core->segment_count; i++) {
		const struct elf_segment *segment = &core->segments[i];

		add_header(headers, PT_LOAD, segment->flags, placed->offset[i], segment->vaddr,
			   segment->paddr, segment->file_size, segment->memory_size);
	}
	add_header(headers, PT_LOAD, PF_R, placed->blob_offset, blob_paddr, blob_paddr, blob_size,
		   blob_size);
	if (core->has_pvh)
		note = add_note(headers, file, core, placed);
	header.e_phoff = sizeof(header);
	header.e_phnum = (uint16_t)((headers->size - sizeof(header)) / sizeof(Elf64_Phdr));
	header.e_shoff = 0;
	header.e_shnum = 0;
	header.e_shstrndx = 0;
	buffer_patch(headers, 0, &header, sizeof(header));
	return note && headers->size <= ELF_PAGE;
}

/* A copy of the core's file in which the descriptor says where the blob is. */
static uint8_t *fill_descriptor(struct arena *arena, struct bytes file, struct bytes section,
				uint64_t blob_offset, uint64_t image_size)
{
	struct hv_image_descriptor descriptor;
	uint8_t *copy = arena_alloc(arena, file.size);

	memcpy(copy, file.data, file.size);
	memcpy(&descriptor, section.data, sizeof(descriptor));
	descriptor.blob_offset = blob_offset;
	descriptor.image_size = image_size;
	memcpy(copy + (section.data - file.data), &descriptor, sizeof(descriptor));
	return copy;
}

static const char *check_core(struct bytes file, const struct elf_image *core, struct bytes section)
{
	struct hv_image_descriptor descriptor = { 0 };

	if (!core->is64 || core->machine != EM_X86_64)
		return "is no 64-bit x86 program";
	if (section.size < sizeof(descriptor))
		return "has no section `.hv_image`: it is no hvcore";
	memcpy(&descriptor, section.data, sizeof(descriptor));
	if (descriptor.magic != HV_IMAGE_MAGIC)
		return "has no image descriptor: it is no hvcore";
	if (descriptor.abi != HV_ABI)
		return "was built for another revision of the blob";
	(void)file;
	return NULL;
}

static void write_padding(struct output *output, uint64_t *at, uint64_t to)
{
	static const uint8_t zeros[ELF_PAGE];

	while (*at < to) {
		uint64_t size = to - *at < ELF_PAGE ? to - *at : ELF_PAGE;

		output_write(output, zeros, size);
		*at += size;
	}
}

const char *image_write_elf(struct arena *arena, struct output *output, struct bytes core,
			    const struct blob_image *blob)
{
	struct elf_image *elf = arena_new(arena, struct elf_image);
	struct placed *placed = arena_new(arena, struct placed);
	const char *why = elf_read(core, elf);
	struct bytes section = elf_section(core, ".hv_image");
	struct buffer headers = { 0 };
	uint64_t blob_paddr, at;
	const uint8_t *filled;

	if (!why)
		why = check_core(core, elf, section);
	if (why)
		return why;
	blob_paddr = up(elf->high, BLOB_ALIGN);
	filled = fill_descriptor(arena, core, section, blob_paddr - elf->low, blob->image_size);
	place(elf, placed);
	if (!build_headers(&headers, core, elf, placed, blob_paddr, blob->image_size)) {
		buffer_free(&headers);
		return "has its PVH note outside its segments, or too many segments";
	}
	at = headers.size;
	output_write(output, headers.data, headers.size);
	buffer_free(&headers);
	for (uint32_t i = 0; i < elf->segment_count; i++) {
		write_padding(output, &at, placed->offset[i]);
		output_write(output, filled + elf->segments[i].offset, elf->segments[i].file_size);
		at += elf->segments[i].file_size;
	}
	write_padding(output, &at, placed->blob_offset);
	blob_write(output, blob);
	return NULL;
}

bool image_place_elf(struct bytes core, const struct blob_image *blob, uint64_t *base, uint64_t *size)
{
	struct elf_image elf;

	if (elf_read(core, &elf))
		return false;
	*base = elf.low;
	*size = up(elf.high, BLOB_ALIGN) - elf.low + blob->image_size;
	return true;
}

static bool is_blob(struct bytes bytes)
{
	return bytes_hold(bytes, 0, sizeof(struct hv_header)) &&
	       bytes_u64(bytes, 0) == HV_HEADER_MAGIC;
}

struct bytes image_find_blob(struct bytes file)
{
	struct elf_image elf;

	if (is_blob(file))
		return file;
	if (elf_read(file, &elf))
		return (struct bytes){ 0 };
	for (uint32_t i = 0; i < elf.segment_count; i++) {
		struct bytes part = bytes_part(file, elf.segments[i].offset,
					       elf.segments[i].file_size);

		if (is_blob(part))
			return part;
	}
	return (struct bytes){ 0 };
}
