/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Symbols of kernels: a small kernel's kallsyms in both orders and both forms of addresses, made
 * here as the kernel's build makes them; every truncation, every byte broken (the sanitizer sees a
 * read beyond the end); .symtab and System.map.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "kernel/symbols.h"

#define BASE 0xffffffff81000000ull

static const struct {
	char type;
	const char *name;
	uint64_t address;
} symbols[] = {
        {'A', "per_cpu_thing", 0x1440},
        {'T', "_text", BASE},
        {'t', "twice", BASE + 0x100},
        {'t', "twice", BASE + 0x180},
        {'D', "sys_call_table", BASE + 0x1000360},
        {'d', "after", BASE + 0x1001180},
        {'b', "last", BASE + 0x2000000},
};
enum { NAMED = sizeof(symbols) / sizeof(symbols[0]), FILLERS = 600, COUNT = NAMED + FILLERS };

struct shape {
	bool new_order; /* addresses behind the tokens */
	bool per_cpu;   /* offsets below zero */
};

static uint64_t align(struct buffer *b)
{
	buffer_zeros(b, -b->size & 7);
	return b->size;
}

/* Each character is a token of itself, but for one that stands for "sys_". */
static void put_tokens(struct buffer *b)
{
	uint16_t offsets[256];
	uint64_t start = align(b);

	for (unsigned int i = 0; i < 256; i++) {
		offsets[i] = (uint16_t)(b->size - start);
		if (i == 200)
			buffer_bytes(b, "sys_", 4);
		else if (i > 32 && i < 127)
			buffer_u8(b, (uint8_t)i);
		buffer_u8(b, 0);
	}
	align(b);
	for (unsigned int i = 0; i < 256; i++)
		buffer_u16(b, offsets[i]);
}

static void put_name(struct buffer *b, char type, const char *name)
{
	size_t packed = strncmp(name, "sys_", 4) ? 0 : 3;

	buffer_u8(b, (uint8_t)(strlen(name) + 1 - packed));
	buffer_u8(b, (uint8_t)type);
	if (packed)
		buffer_u8(b, 200);
	for (const char *c = name + (packed ? 4 : 0); *c; c++)
		buffer_u8(b, (uint8_t)*c);
}

static void put_names(struct buffer *b)
{
	uint32_t markers[COUNT / 256 + 1];
	uint64_t start;
	char filler[24];

	align(b);
	buffer_u32(b, COUNT);
	start = align(b);
	for (unsigned int i = 0; i < COUNT; i++) {
		if (i % 256 == 0)
			markers[i / 256] = (uint32_t)(b->size - start);
		snprintf(filler, sizeof(filler), "filler_%u", i);
		put_name(b, i < NAMED ? symbols[i].type : 't',
		         i < NAMED ? symbols[i].name : filler);
	}
	align(b);
	for (unsigned int i = 0; i < COUNT / 256 + 1; i++)
		buffer_u32(b, markers[i]);
}

static void put_offsets(struct buffer *b, bool per_cpu)
{
	align(b);
	for (unsigned int i = 0; i < COUNT; i++) {
		uint64_t address = i < NAMED ? symbols[i].address : BASE + 0x3000000 + i * 16;

		if (address < BASE)
			buffer_u32(b, (uint32_t)(per_cpu ? address : 0));
		else
			buffer_u32(b, (uint32_t)(per_cpu ? BASE - 1 - address : address - BASE));
	}
	align(b);
	buffer_u64(b, BASE);
}

static struct buffer kernel_of(struct shape shape)
{
	struct buffer b = {0};

	buffer_bytes(&b, "code 0\0001\0002\0003 and data", 22);
	if (!shape.new_order)
		put_offsets(&b, shape.per_cpu);
	put_names(&b);
	put_tokens(&b);
	if (shape.new_order)
		put_offsets(&b, shape.per_cpu);
	return b;
}

static void kallsyms_are_read(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct buffer b = kernel_of((struct shape){.new_order = i & 1, .per_cpu = i & 2});
		struct bytes image = {b.data, b.size};
		struct kernel_symbol symbol;

		assert_null(symbol_in_kallsyms(image, "sys_call_table", &symbol));
		assert_int_equal(symbol.address, BASE + 0x1000360);
		assert_int_equal(symbol.size, 0xe20);
		assert_null(symbol_find(image, "_text", &symbol));
		assert_int_equal(symbol.address, BASE);
		assert_null(symbol_in_kallsyms(image, "filler_606", &symbol));
		assert_int_equal(symbol.size, 1); /* nothing behind it */
		assert_string_equal(symbol_in_kallsyms(image, "twice", &symbol),
		                    "has several symbols of this name");
		assert_string_equal(symbol_in_kallsyms(image, "sys_call", &symbol),
		                    "has no such symbol");
		assert_string_equal(symbol_in_kallsyms(image, "", &symbol), "has no such symbol");
		buffer_free(&b);
	}
}

static void per_cpu_addresses_are_absolute(void **state)
{
	struct buffer b = kernel_of((struct shape){.per_cpu = true});
	struct kernel_symbol symbol;

	(void)state;
	assert_null(symbol_in_kallsyms((struct bytes){b.data, b.size}, "per_cpu_thing", &symbol));
	assert_int_equal(symbol.address, 0x1440);
	buffer_free(&b);
}

static void no_damage_is_followed(void **state)
{
	struct buffer b = kernel_of((struct shape){.new_order = true, .per_cpu = true});
	unsigned int refused = 0;

	(void)state;
	for (size_t i = 0; i < b.size; i += 7) {
		uint8_t *cut = malloc(i ? i : 1), *broken = malloc(b.size);
		struct kernel_symbol symbol;

		memcpy(cut, b.data, i);
		memcpy(broken, b.data, b.size);
		broken[i] ^= 0xff;
		refused += symbol_in_kallsyms((struct bytes){cut, i}, "_text", &symbol) != NULL;
		symbol_in_kallsyms((struct bytes){broken, b.size}, "_text", &symbol);
		free(cut);
		free(broken);
	}
	assert_int_equal(refused, (b.size + 6) / 7);
	buffer_free(&b);
}

/* Numbers that look like counts everywhere: the search gives up in time. */
static void a_hostile_kernel_ends(void **state)
{
	struct buffer b = {0};
	struct kernel_symbol symbol;

	(void)state;
	for (unsigned int i = 0; i < 1u << 18; i++) {
		buffer_u32(&b, 0x40000);
		buffer_u32(&b, 0x74017401); /* names of one token, "t" */
	}
	put_tokens(&b);
	assert_non_null(symbol_in_kallsyms((struct bytes){b.data, b.size}, "_text", &symbol));
	buffer_free(&b);
}

static void maps_are_read(void **state)
{
	static const char text[] =
	        "0000000000001440 A per_cpu_thing\nffffffff81000000 T _text\n"
	        "what is this\n\nffffffff82000360 D sys_call_table\n"
	        "ffffffff82001180 d after\nffffffff82001200 t twice\nffffffff82001300 t twice";
	struct bytes map = {(const uint8_t *)text, sizeof(text) - 1};
	struct kernel_symbol symbol;

	(void)state;
	assert_null(symbol_in_map(map, "sys_call_table", &symbol));
	assert_int_equal(symbol.address, 0xffffffff82000360);
	assert_int_equal(symbol.size, 0xe20);
	assert_string_equal(symbol_in_map(map, "twice", &symbol),
	                    "has several symbols of this name");
	assert_string_equal(symbol_in_map(map, "twic", &symbol), "has no such symbol");
}

/* An ELF file of three sections besides the empty one: .symtab, .strtab, .shstrtab. */
static void elf_symbols_are_read(void **state)
{
	static const char names[] = "\0.symtab\0.strtab\0.shstrtab",
	                  strings[] = "\0sys_call_table\0undefined";
	Elf64_Sym table[3] = {{0},
	                      {.st_name = 1, .st_shndx = 1, .st_value = BASE, .st_size = 96},
	                      {.st_name = 16}};
	Elf64_Ehdr head = {
	        .e_ident = ELFMAG, .e_shoff = sizeof(head), .e_shnum = 4, .e_shstrndx = 3};
	Elf64_Shdr sections[4] = {{0},
	                          {.sh_name = 1, .sh_type = SHT_SYMTAB, .sh_size = sizeof(table)},
	                          {.sh_name = 9, .sh_type = SHT_STRTAB, .sh_size = sizeof(strings)},
	                          {.sh_name = 17, .sh_type = SHT_STRTAB, .sh_size = sizeof(names)}};
	struct kernel_symbol symbol;
	struct buffer b = {0};
	struct bytes image;

	(void)state;
	head.e_ident[EI_CLASS] = ELFCLASS64;
	sections[1].sh_offset = sizeof(head) + sizeof(sections);
	sections[2].sh_offset = sections[1].sh_offset + sizeof(table);
	sections[3].sh_offset = sections[2].sh_offset + sizeof(strings);
	buffer_bytes(&b, &head, sizeof(head));
	buffer_bytes(&b, sections, sizeof(sections));
	buffer_bytes(&b, table, sizeof(table));
	buffer_bytes(&b, strings, sizeof(strings));
	buffer_bytes(&b, names, sizeof(names));
	image = (struct bytes){b.data, b.size};
	assert_null(symbol_find(image, "sys_call_table", &symbol));
	assert_int_equal(symbol.address, BASE);
	assert_int_equal(symbol.size, 96);
	assert_string_equal(symbol_find(image, "undefined", &symbol), "has no such symbol");
	buffer_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(kallsyms_are_read),
	        cmocka_unit_test(per_cpu_addresses_are_absolute),
	        cmocka_unit_test(no_damage_is_followed),
	        cmocka_unit_test(a_hostile_kernel_ends),
	        cmocka_unit_test(maps_are_read),
	        cmocka_unit_test(elf_symbols_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
