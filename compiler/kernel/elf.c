/* SPDX-License-Identifier: Apache-2.0 */
/* The two widths of ELF differ in the offsets of the same fields: struct elf_layout has both. */
#include "kernel/elf.h"

#include <elf.h>
#include <stddef.h>
#include <string.h>

const char elf_segments_overlap[] = "is damaged: two segments overlap in memory";

struct field {
	uint8_t offset, width;
};

#define AT(type, member) { offsetof(type, member), sizeof(((type *)0)->member) }
#define PROGRAM_FIELDS(type)                                                                       \
	.p_type = AT(type, p_type), .p_offset = AT(type, p_offset), .p_vaddr = AT(type, p_vaddr),  \
	.p_paddr = AT(type, p_paddr), .p_filesz = AT(type, p_filesz),                              \
	.p_memsz = AT(type, p_memsz), .p_align = AT(type, p_align), .p_flags = AT(type, p_flags),  \
	.program_size = sizeof(type)
#define FILE_FIELDS(type)                                                                          \
	.e_entry = AT(type, e_entry), .e_phoff = AT(type, e_phoff), .e_phnum = AT(type, e_phnum),  \
	.e_phentsize = AT(type, e_phentsize), .e_shoff = AT(type, e_shoff),                        \
	.e_shnum = AT(type, e_shnum), .e_shstrndx = AT(type, e_shstrndx), .file_size = sizeof(type)
#define SECTION_FIELDS(type)                                                                       \
	.sh_name = AT(type, sh_name), .sh_offset = AT(type, sh_offset),                            \
	.sh_size = AT(type, sh_size), .sh_type = AT(type, sh_type), .section_size = sizeof(type)

struct elf_layout {
	struct field e_entry, e_phoff, e_phnum, e_phentsize, e_shoff, e_shnum, e_shstrndx;
	struct field p_type, p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align, p_flags;
	struct field sh_name, sh_offset, sh_size, sh_type;
	uint8_t file_size, program_size, section_size;
};

static const struct elf_layout layouts[2] = {
	{ FILE_FIELDS(Elf32_Ehdr), PROGRAM_FIELDS(Elf32_Phdr), SECTION_FIELDS(Elf32_Shdr) },
	{ FILE_FIELDS(Elf64_Ehdr), PROGRAM_FIELDS(Elf64_Phdr), SECTION_FIELDS(Elf64_Shdr) },
};

static uint64_t get(struct bytes image, uint64_t base, struct field field)
{
	return bytes_little(image, base + field.offset, field.width);
}

static const struct elf_layout *layout_of(struct bytes image)
{
	return &layouts[bytes_u8(image, EI_CLASS) == ELFCLASS64];
}

bool elf_recognize(struct bytes image)
{
	return bytes_hold(image, 0, EI_NIDENT) && !memcmp(image.data, ELFMAG, SELFMAG);
}

static const char *add_segment(struct bytes image, const struct elf_layout *layout, uint64_t header,
			       struct elf_image *elf)
{
	struct elf_segment segment = {
		.paddr = get(image, header, layout->p_paddr),
		.vaddr = get(image, header, layout->p_vaddr),
		.offset = get(image, header, layout->p_offset),
		.file_size = get(image, header, layout->p_filesz),
		.memory_size = get(image, header, layout->p_memsz),
		.align = get(image, header, layout->p_align),
		.flags = (uint32_t)get(image, header, layout->p_flags),
	};
	uint64_t end;

	if (!segment.memory_size)
		return NULL;
	if (!bytes_hold(image, segment.offset, segment.file_size))
		return "is truncated: a segment lies outside the file";
	if (segment.file_size > segment.memory_size)
		return "is damaged: a segment is larger in the file than in memory";
	if (__builtin_add_overflow(segment.paddr, segment.memory_size, &end))
		return "is damaged: a segment wraps around the address space";
	if (elf->segment_count == ELF_MOST_SEGMENTS)
		return "has more than 64 loadable segments";
	for (uint32_t i = 0; i < elf->segment_count; i++) {
		const struct elf_segment *other = &elf->segments[i];

		if (segment.paddr < other->paddr + other->memory_size && other->paddr < end)
			return elf_segments_overlap;
	}
	if (!elf->segment_count || segment.paddr < elf->low)
		elf->low = segment.paddr;
	if (end > elf->high)
		elf->high = end;
	elf->segments[elf->segment_count++] = segment;
	return NULL;
}

/* Notes: name size, descriptor size, type, then both padded to the segment's alignment. */
static void read_notes(struct bytes notes, uint64_t align, struct elf_image *elf)
{
	uint64_t step = align == 8 ? 8 : 4, at = 0;

	while (bytes_hold(notes, at, 12)) {
		uint64_t name_size = bytes_u32(notes, at), size = bytes_u32(notes, at + 4);
		uint64_t name = at + 12;
		uint64_t descriptor = name + ((name_size + step - 1) & ~(step - 1));

		if (!bytes_hold(notes, name, name_size) || !bytes_hold(notes, descriptor, size))
			return;
		if (bytes_u32(notes, at + 8) == 18 && name_size == 4 &&
		    !memcmp(notes.data + name, "Xen", 4) && (size == 4 || size == 8)) {
			elf->has_pvh = true;
			elf->pvh_entry = bytes_little(notes, descriptor, (unsigned int)size);
			elf->pvh_note = bytes_part(notes, at, descriptor + size - at);
		}
		at = descriptor + ((size + step - 1) & ~(step - 1));
	}
}

static const char *read_programs(struct bytes image, const struct elf_layout *layout,
				 struct elf_image *elf)
{
	uint64_t table = get(image, 0, layout->e_phoff), count = get(image, 0, layout->e_phnum);
	uint64_t each = get(image, 0, layout->e_phentsize);

	if (!count)
		return "is an ELF file without program headers (an object file?)";
	if (each != layout->program_size || !bytes_hold(image, table, count * each))
		return "is truncated: its program headers lie outside the file";
	for (uint64_t i = 0; i < count; i++) {
		uint64_t header = table + i * each, type = get(image, header, layout->p_type);
		uint64_t offset = get(image, header, layout->p_offset);
		uint64_t size = get(image, header, layout->p_filesz);
		const char *why = NULL;

		if (type == PT_LOAD)
			why = add_segment(image, layout, header, elf);
		else if (type == PT_NOTE)
			read_notes(bytes_part(image, offset, size),
				   get(image, header, layout->p_align), elf);
		if (why)
			return why;
	}
	return elf->segment_count ? NULL : "is an ELF file with nothing to load";
}

const char *elf_read(struct bytes image, struct elf_image *elf)
{
	const struct elf_layout *layout = layout_of(image);

	memset(elf, 0, sizeof(*elf));
	if (!elf_recognize(image))
		return "is no ELF file";
	if (!bytes_hold(image, 0, layout->file_size))
		return "is truncated inside its ELF header";
	if (bytes_u8(image, EI_DATA) != ELFDATA2LSB)
		return "is an ELF file of a big-endian machine";
	elf->is64 = bytes_u8(image, EI_CLASS) == ELFCLASS64;
	elf->machine = bytes_u16(image, offsetof(Elf64_Ehdr, e_machine));
	if (elf->machine != EM_386 && elf->machine != EM_X86_64)
		return "is an ELF file of another processor";
	if (bytes_u16(image, offsetof(Elf64_Ehdr, e_type)) == ET_REL)
		return "is an ELF object file, not an executable";
	elf->entry = get(image, 0, layout->e_entry);
	return read_programs(image, layout, elf);
}

bool elf_physical(const struct elf_image *elf, uint64_t vaddr, uint64_t *paddr)
{
	for (uint32_t i = 0; i < elf->segment_count; i++) {
		const struct elf_segment *segment = &elf->segments[i];

		if (vaddr < segment->vaddr || vaddr - segment->vaddr >= segment->memory_size)
			continue;
		*paddr = segment->paddr + (vaddr - segment->vaddr);
		return true;
	}
	return false;
}

static bool name_is(struct bytes names, uint64_t offset, const char *name)
{
	size_t length = strlen(name) + 1;

	return bytes_hold(names, offset, length) && !memcmp(names.data + offset, name, length);
}

struct bytes elf_section(struct bytes image, const char *name)
{
	const struct elf_layout *layout = layout_of(image);
	uint64_t table, count, strings;
	struct bytes names;

	if (!elf_recognize(image))
		return (struct bytes){ 0 };
	table = get(image, 0, layout->e_shoff);
	count = get(image, 0, layout->e_shnum);
	strings = table + get(image, 0, layout->e_shstrndx) * layout->section_size;
	if (!bytes_hold(image, table, count * layout->section_size))
		return (struct bytes){ 0 };
	names = bytes_part(image, get(image, strings, layout->sh_offset),
			   get(image, strings, layout->sh_size));
	for (uint64_t i = 0; i < count; i++) {
		uint64_t header = table + i * layout->section_size;
		uint64_t offset = get(image, header, layout->sh_offset);
		uint64_t size = get(image, header, layout->sh_size);

		if (get(image, header, layout->sh_type) != SHT_NOBITS &&
		    bytes_hold(image, offset, size) &&
		    name_is(names, get(image, header, layout->sh_name), name))
			return bytes_part(image, offset, size);
	}
	return (struct bytes){ 0 };
}
