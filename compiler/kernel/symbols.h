/* SPDX-License-Identifier: Apache-2.0 */
/* Where an object of a Linux kernel is: from its symbol table, a System.map, or its kallsyms. */
#ifndef HVCC_KERNEL_SYMBOLS_H
#define HVCC_KERNEL_SYMBOLS_H

#include "base/bytes.h"

struct kernel_symbol {
	uint64_t address; /* virtual, as linked */
	uint64_t size;    /* bytes; up to the next symbol where the table does not say; never 0 */
};

/*
 * Each finds one symbol by its name. NULL, or why there is no answer, for a message that begins
 * with the file's name: it has no such symbol, several of the name, or cannot be read.
 */
const char *symbol_in_elf(struct bytes vmlinux, const char *name, struct kernel_symbol *symbol);
const char *symbol_in_map(struct bytes system_map, const char *name, struct kernel_symbol *symbol);
const char *symbol_in_kallsyms(struct bytes vmlinux, const char *name,
                               struct kernel_symbol *symbol);

/*
 * Whether a System.map, or an ELF file with symbols, is of the kernel whose file and loaded segments are given: by build ids where
 * both have one, else by the banner, which the kernel must have where the file says. NULL, or why not, as above.
 */
struct elf_image;
const char *symbols_belong(struct bytes symbols, struct bytes vmlinux, const struct elf_image *kernel);

/* From a file that symbols_belong() has accepted. */
const char *symbol_in_file(struct bytes symbols, const char *name, struct kernel_symbol *symbol);

/* From the ELF symbols of a vmlinux where it has any, else from its kallsyms. */
const char *symbol_find(struct bytes vmlinux, const char *name, struct kernel_symbol *symbol);

/* What the three share: how many symbols have the name, and which address is the next higher. */
struct symbol_search {
	unsigned int found;
	uint64_t address;
	uint64_t next; /* UINT64_MAX: none is higher */
};

/* The end of a search: what was found, or why it is no answer. */
const char *symbol_settle(const struct symbol_search *search, struct kernel_symbol *symbol);

#endif
