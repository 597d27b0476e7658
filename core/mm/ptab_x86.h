/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the core's own tables and AMD's nested ones have in common: both are x86 long-mode tables.
 * SDM v3 4.5.4, APM v2 5.3; APM v2 15.25.5: nested entries are walked as user accesses.
 *
 * Memory types go through the PAT as it is after reset: PWT and PCD give WB, WT, UC-, UC; the PAT
 * bit (12 in a large leaf,
 * 7 in a small one) is not used, so WC and WP become UC-, which is never weaker.
 */
#ifndef CORE_MM_PTAB_X86_H
#define CORE_MM_PTAB_X86_H

#include "mm/ptab.h"
#include "x86/cr.h"
#include "x86/msr.h"

static inline bool x86_present(uint64_t entry)
{
	return entry & PTE_PRESENT;
}

static inline bool x86_leaf(uint64_t entry, unsigned int level)
{
	return level == 1 || (level <= 3 && (entry & PTE_LARGE));
}

static inline uint64_t x86_address(uint64_t entry, unsigned int level)
{
	/* Bit 12 of a large leaf is its PAT bit: the address begins at the page size. */
	if (level > 1 && x86_leaf(entry, level))
		return entry & PTE_ADDR & ~(ptab_page_size(level) - 1);
	return entry & PTE_ADDR;
}

static inline uint64_t x86_type_bits(uint8_t type)
{
	switch (type) {
	case MEMORY_TYPE_WB:
		return 0;
	case MEMORY_TYPE_WT:
		return PTE_PWT;
	case MEMORY_TYPE_UC:
		return PTE_PCD | PTE_PWT;
	default:
		return PTE_PCD;
	}
}

static inline uint64_t x86_make_leaf(uint64_t phys, unsigned int level, struct ptab_attributes a)
{
	if (!(a.rights & PTAB_READ))
		return 0;
	return phys | PTE_PRESENT | PTE_ACCESSED |
	       (a.rights & PTAB_WRITE ? PTE_WRITE | PTE_DIRTY : 0) |
	       (a.rights & PTAB_EXECUTE ? 0 : PTE_NX) | (level > 1 ? PTE_LARGE : 0) |
	       x86_type_bits(a.type);
}

static inline struct ptab_attributes x86_attributes(uint64_t leaf, unsigned int level)
{
	static const uint8_t types[4] = {MEMORY_TYPE_WB, MEMORY_TYPE_WT, MEMORY_TYPE_UC_MINUS,
					 MEMORY_TYPE_UC};

	(void)level;
	return (struct ptab_attributes){
		.rights = (uint8_t)(PTAB_READ | (leaf & PTE_WRITE ? PTAB_WRITE : 0) |
				    (leaf & PTE_NX ? 0 : PTAB_EXECUTE)),
		.type = types[field_get(leaf, PTE_PCD | PTE_PWT)],
	};
}

#endif
