/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AMD's nested tables (APM v2 15.25): x86 long-mode tables in which every entry needs U=1, since
 * the processor walks them as user accesses. Guest page tables are read with write intent, so a
 * page that holds them must be writable.
 */
#include "mm/ptab_x86.h"

static uint64_t npt_make_table(uint64_t phys)
{
	return phys | PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED;
}

static uint64_t npt_make_leaf(uint64_t phys, unsigned int level, struct ptab_attributes a)
{
	uint64_t leaf = x86_make_leaf(phys, level, a);

	return leaf ? leaf | PTE_USER : 0;
}

const struct ptab_format ptab_npt_format = {
	.name = "NPT",
	.present = x86_present,
	.leaf = x86_leaf,
	.address = x86_address,
	.make_table = npt_make_table,
	.make_leaf = npt_make_leaf,
	.attributes = x86_attributes,
};
