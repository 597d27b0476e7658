/* SPDX-License-Identifier: Apache-2.0 */
/* Symbols from tables that are made for readers: .symtab of an ELF file, and System.map. */
#include "kernel/symbols.h"

#include <elf.h>
#include <stddef.h>
#include <string.h>

#include "kernel/elf.h"

const char *symbol_settle(const struct symbol_search *search, struct kernel_symbol *symbol)
{
	if (!search->found)
		return "has no such symbol";
	if (search->found > 1)
		return "has several symbols of this name";
	symbol->address = search->address;
	symbol->size = search->next == UINT64_MAX ? 1 : search->next - search->address;
	return NULL;
}

/* The text at offset in a table of strings, NULL when no zero byte ends it inside. */
static const char *string_at(struct bytes strings, uint64_t offset)
{
	if (offset >= strings.size || !memchr(strings.data + offset, 0, strings.size - offset))
		return NULL;
	return (const char *)strings.data + offset;
}

/* The same fields at other places in the two widths. */
static const struct symbol_layout {
	uint8_t size, name, section, value, length, width;
} layouts[2] = {
#define LAYOUT(type, width_)                                                                       \
	{ sizeof(type),		      offsetof(type, st_name), offsetof(type, st_shndx),           \
	  offsetof(type, st_value), offsetof(type, st_size), width_ }
	LAYOUT(Elf32_Sym, 4),
	LAYOUT(Elf64_Sym, 8),
};

const char *symbol_in_elf(struct bytes vmlinux, const char *name, struct kernel_symbol *symbol)
{
	const struct symbol_layout *l = &layouts[bytes_u8(vmlinux, EI_CLASS) == ELFCLASS64];
	struct bytes table = elf_section(vmlinux, ".symtab"), strings = elf_section(vmlinux, ".strtab");
	struct symbol_search search = { .next = UINT64_MAX };
	uint64_t size = 0;

	for (uint64_t at = 0; bytes_hold(table, at, l->size); at += l->size) {
		const char *text = string_at(strings, bytes_u32(table, at + l->name));

		if (!text || strcmp(text, name) || !bytes_u16(table, at + l->section))
			continue;
		search.found++;
		search.address = bytes_little(table, at + l->value, l->width);
		size = bytes_little(table, at + l->length, l->width);
	}
	if (size)
		search.next = search.address + size;
	return symbol_settle(&search, symbol);
}

/* ------------------------------------------------------------------------------- System.map */
struct map_line {
	uint64_t address;
	const char *name;
	size_t length;
};

/* `ffffffff82000280 D sys_call_table`; false: the line has another form. */
static bool read_line(const char *text, size_t length, struct map_line *line)
{
	size_t at = 0;

	line->address = 0;
	for (; at < length && strchr("0123456789abcdef", text[at]) && text[at]; at++)
		line->address = line->address << 4 |
		                (uint64_t)(text[at] > '9' ? text[at] - 'a' + 10 : text[at] - '0');
	if (!at || at > 16 || length - at < 4 || text[at] != ' ' || text[at + 2] != ' ')
		return false;
	line->name = text + at + 3;
	line->length = length - at - 3;
	return true;
}

/* Calls visit for each line that names a symbol. */
static void each_line(struct bytes map,
                      void (*visit)(const struct map_line *line, const char *name,
                                    struct symbol_search *search),
                      const char *name, struct symbol_search *search)
{
	uint64_t at = 0;

	while (at < map.size) {
		const char *text = (const char *)map.data + at;
		const char *end = memchr(text, '\n', map.size - at);
		size_t length = end ? (size_t)(end - text) : map.size - at;
		struct map_line line;

		if (read_line(text, length, &line))
			visit(&line, name, search);
		at += length + 1;
	}
}

static void find_name(const struct map_line *line, const char *name, struct symbol_search *search)
{
	if (strlen(name) != line->length || memcmp(name, line->name, line->length))
		return;
	search->found++;
	search->address = line->address;
}

static void find_next(const struct map_line *line, const char *name, struct symbol_search *search)
{
	(void)name;
	if (line->address > search->address && line->address < search->next)
		search->next = line->address;
}

const char *symbol_in_map(struct bytes system_map, const char *name, struct kernel_symbol *symbol)
{
	struct symbol_search search = {.next = UINT64_MAX};

	each_line(system_map, find_name, name, &search);
	each_line(system_map, find_next, name, &search);
	return symbol_settle(&search, symbol);
}

const char *symbol_find(struct bytes vmlinux, const char *name, struct kernel_symbol *symbol)
{
	if (elf_section(vmlinux, ".symtab").size)
		return symbol_in_elf(vmlinux, name, symbol);
	return symbol_in_kallsyms(vmlinux, name, symbol);
}

/* ------------------------------------------------------------------------- files beside the kernel */
const char *symbol_in_file(struct bytes symbols, const char *name, struct kernel_symbol *symbol)
{
	return elf_recognize(symbols) ? symbol_in_elf(symbols, name, symbol) :
					symbol_in_map(symbols, name, symbol);
}

static uint64_t up_4(uint64_t value)
{
	return (value + 3) & ~3ull;
}

/* The build id among the notes of a section; empty: none. */
static struct bytes id_in(struct bytes notes)
{
	for (uint64_t at = 0; bytes_hold(notes, at, 12);) {
		uint64_t name = bytes_u32(notes, at), size = bytes_u32(notes, at + 4);
		uint64_t text = at + 12, data = text + up_4(name);

		if (bytes_u32(notes, at + 8) == NT_GNU_BUILD_ID && name == 4 && bytes_hold(notes, data, size) &&
		    !memcmp(notes.data + text, "GNU", 4))
			return bytes_part(notes, data, size);
		at = data + up_4(size);
	}
	return (struct bytes){ 0 };
}

/* Linux gathers its notes; a file of debug information has them as the linker makes them. */
static struct bytes build_id(struct bytes file)
{
	struct bytes id = id_in(elf_section(file, ".notes"));

	return id.size ? id : id_in(elf_section(file, ".note.gnu.build-id"));
}

/* The bytes of a loaded kernel at a virtual address; empty: it has not so many from its file there. */
static struct bytes loaded_at(struct bytes vmlinux, const struct elf_image *kernel, uint64_t address, uint64_t size)
{
	for (uint32_t i = 0; i < kernel->segment_count; i++) {
		const struct elf_segment *s = &kernel->segments[i];

		if (address >= s->vaddr && address - s->vaddr < s->file_size &&
		    size <= s->file_size - (address - s->vaddr))
			return bytes_part(vmlinux, s->offset + (address - s->vaddr), size);
	}
	return (struct bytes){ 0 };
}

const char *symbols_belong(struct bytes symbols, struct bytes vmlinux, const struct elf_image *kernel)
{
	static const char banner[] = "Linux version ";
	struct bytes mine = build_id(symbols), its = build_id(vmlinux), text;
	struct kernel_symbol symbol;

	if (mine.size && its.size)
		return mine.size == its.size && !memcmp(mine.data, its.data, its.size) ?
			       NULL : "has another build id than the kernel";
	if (symbol_in_file(symbols, "linux_banner", &symbol))
		return "has neither a build id nor `linux_banner`, by which it could be told to be the kernel's";
	text = loaded_at(vmlinux, kernel, symbol.address, sizeof(banner) - 1);
	return text.size && !memcmp(text.data, banner, text.size) ?
		       NULL : "is of another kernel: this one has no banner where `linux_banner` should be";
}
