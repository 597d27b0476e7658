/* SPDX-License-Identifier: Apache-2.0 */
/* ELF executables, 32 and 64 bit: loadable segments and the PVH entry note. */
#ifndef HVCC_KERNEL_ELF_H
#define HVCC_KERNEL_ELF_H

#include "base/bytes.h"

enum { ELF_MOST_SEGMENTS = 64 };

struct elf_segment {
	uint64_t paddr, vaddr;
	uint64_t offset;      /* in the file */
	uint64_t file_size;   /* bytes there, all inside the file */
	uint64_t memory_size; /* >= file_size; the rest is zero */
	uint64_t align;
	uint32_t flags; /* PF_X 1, PF_W 2, PF_R 4 */
};

struct elf_image {
	bool is64;
	uint16_t machine; /* EM_386 3, EM_X86_64 62 */
	uint64_t entry;
	uint32_t segment_count; /* of type PT_LOAD with memory, in the file's order */
	struct elf_segment segments[ELF_MOST_SEGMENTS];
	uint64_t low, high; /* physical range [low, high) of all of them */
	bool has_pvh;	    /* a Xen note of type 18, XEN_ELFNOTE_PHYS32_ENTRY */
	uint64_t pvh_entry;
	struct bytes pvh_note; /* that note's own bytes, header included */
};

bool elf_recognize(struct bytes image);

/* What elf_read() says of segments that want the same memory. */
extern const char elf_segments_overlap[];

/* Reads one; segments lie inside the file and do not overlap. NULL, or why it is refused. */
const char *elf_read(struct bytes image, struct elf_image *elf);

/* The physical address of a virtual one, by the segment that holds it; false: no segment does. */
bool elf_physical(const struct elf_image *elf, uint64_t vaddr, uint64_t *paddr);

/*
 * The file's bytes of a named section, for tools that look inside their own programs
 * (".hv_image" of the core). Empty when there is none.
 */
struct bytes elf_section(struct bytes image, const char *name);

#endif
