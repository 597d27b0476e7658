/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one page-table engine: walk, map, unmap, protect, translate over any table of 512 eight-byte
 * entries a level. What an entry looks like is the format's business, where tables come from and
 * how they are reached the effects'.
 *
 *	level 4 (5)     3          2          1
 *	+-------+   +-------+  +-------+  +-------+
 *	| table |-->| table |->| table |->| leaf 4K|
 *	+-------+   | leaf  |  | leaf  |  +-------+
 *	            |   1G  |  |   2M  |
 *	            +-------+  +-------+
 *
 * Writers of one table are serialized by their caller; processors may walk it meanwhile: each entry
 * changes by one store, and a split links its table when that is filled. Flushing what processors
 * have cached is the caller's duty.
 */
#ifndef CORE_MM_PTAB_H
#define CORE_MM_PTAB_H

#include "lib/bits.h"
#include "lib/status.h"

enum ptab_rights {
	PTAB_READ = 1u << 0,
	PTAB_WRITE = 1u << 1,
	PTAB_EXECUTE = 1u << 2,
	PTAB_RW = PTAB_READ | PTAB_WRITE,
	PTAB_RWX = PTAB_RW | PTAB_EXECUTE,
};

/* Rights, enum ptab_rights, and memory type (x86/msr.h: enum memory_type) of a leaf. */
struct ptab_attributes {
	uint8_t rights;
	uint8_t type;
};

/* One table format. Level 1 has 4 KiB leaves. A zero entry is not present. */
struct ptab_format {
	const char *name;
	bool (*present)(uint64_t entry);
	bool (*leaf)(uint64_t entry, unsigned int level);
	uint64_t (*address)(uint64_t entry, unsigned int level);
	uint64_t (*make_table)(uint64_t phys);
	uint64_t (*make_leaf)(uint64_t phys, unsigned int level, struct ptab_attributes a);
	struct ptab_attributes (*attributes)(uint64_t leaf, unsigned int level);
};

struct ptab_effects {
	/* A zeroed frame for a table. */
	MUST_USE enum status (*alloc)(void *context, uint64_t *phys);
	void (*release)(void *context,
			uint64_t phys); /* may be NULL if nothing is ever destroyed */
	void *(*to_virt)(uint64_t phys);
};

struct ptab {
	const struct ptab_format *format;
	const struct ptab_effects *effects;
	void *context; /* of the effects */
	uint64_t root; /* physical */
	uint8_t levels;		/* 3..5 */
	uint8_t largest_leaf;	/* level of the largest leaf that may be made: 1..3 */
};

struct ptab_mapping {
	uint64_t phys; /* of the very byte asked for */
	uint64_t page_size;
	struct ptab_attributes attributes;
};

/* Makes the root. */
MUST_USE enum status ptab_init(struct ptab *t, const struct ptab_format *format,
			       const struct ptab_effects *effects, void *context,
			       unsigned int levels, unsigned int largest_leaf);

/*
 * Maps [virt, virt + size) to phys with the largest leaves that fit; all 4 KiB aligned, virt within
 * the levels' reach (canonical addresses have their sign bits ignored). STATUS_EXISTS when a page
 * there is mapped already, STATUS_NO_MEMORY when no frame for a table is left: what was mapped
 * before that stays.
 */
MUST_USE enum status ptab_map(struct ptab *t, uint64_t virt, uint64_t phys, uint64_t size,
			      struct ptab_attributes a);

/* Makes the range absent, splitting larger leaves at its ends. What is not mapped there is
 * skipped. */
MUST_USE enum status ptab_unmap(struct ptab *t, uint64_t virt, uint64_t size);

/* Changes the attributes of the leaves in the range, splitting at its ends. What is not mapped
 * there is skipped. */
MUST_USE enum status ptab_protect(struct ptab *t, uint64_t virt, uint64_t size,
				  struct ptab_attributes a);

/* Returns false if the address is not mapped. */
bool ptab_translate(const struct ptab *t, uint64_t virt, struct ptab_mapping *m);

/* The entry that ends the walk for `virt`, leaf or absent, and its level: for formats' own bits
 * (accessed, dirty, SPP). */
uint64_t *ptab_entry(const struct ptab *t, uint64_t virt, unsigned int *level);

/*
 * Makes `tables` (t->levels of them, the last level first, at `phys`) a second root, tables[t->levels - 1], for what `t` maps, but for the
 * page of `virt`, whose leaf is `leaf`. To be made again after each change of `t`; processors may walk it meanwhile.
 */
void ptab_make_view(const struct ptab *t, uint64_t (*tables)[512], uint64_t phys, uint64_t virt, uint64_t leaf);

/* Nothing is mapped any more; the tables but the root go back through effects->release. No processor may walk it. */
void ptab_clear(struct ptab *t);

/* Gives all tables back through effects->release; `t` is then unusable. */
void ptab_destroy(struct ptab *t);

/* Bytes a leaf of `level` maps. */
static inline uint64_t ptab_page_size(unsigned int level)
{
	return 1ULL << (12 + 9 * (level - 1));
}

extern const struct ptab_format ptab_host_format; /* the core itself: 4-level x86, supervisor */
extern const struct ptab_format ptab_npt_format;  /* AMD nested paging */
extern const struct ptab_format ptab_ept_format;  /* Intel extended page tables */

#endif
