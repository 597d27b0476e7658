/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intel's extended page tables (SDM v3 29.3.2): a format of their own with a bit for each right, and in the leaf the memory type
 * itself, which the processor combines with the guest's PAT. Accessed and dirty are set beforehand, so that it has not to write
 * them. A page without the right to be read has no entry: not every processor can map one for execution alone.
 */
#include "mm/ptab_x86.h"

#define EPT_READ     BIT(0)
#define EPT_WRITE    BIT(1)
#define EPT_EXECUTE  BIT(2)
#define EPT_TYPE     BITS(5, 3)
#define EPT_ACCESSED BIT(8)
#define EPT_DIRTY    BIT(9)
#define EPT_RIGHTS   (EPT_READ | EPT_WRITE | EPT_EXECUTE)

static_assert((int)PTAB_READ == (int)EPT_READ && (int)PTAB_WRITE == (int)EPT_WRITE &&
		      (int)PTAB_EXECUTE == (int)EPT_EXECUTE,
	      "the engine's rights are the bits of the entry");

static bool ept_present(uint64_t entry)
{
	return entry & EPT_RIGHTS;
}

static uint64_t ept_make_table(uint64_t phys)
{
	return phys | EPT_RIGHTS | EPT_ACCESSED;
}

/* UC- exists only where MTRRs can override it. */
static uint64_t ept_type(uint8_t type)
{
	return field_make(EPT_TYPE, type == MEMORY_TYPE_UC_MINUS ? MEMORY_TYPE_UC : type);
}

static uint64_t ept_make_leaf(uint64_t phys, unsigned int level, struct ptab_attributes a)
{
	if (!(a.rights & PTAB_READ))
		return 0;
	return phys | (a.rights & EPT_RIGHTS) | ept_type(a.type) | EPT_ACCESSED |
	       (a.rights & PTAB_WRITE ? EPT_DIRTY : 0) | (level > 1 ? PTE_LARGE : 0);
}

static struct ptab_attributes ept_attributes(uint64_t leaf, unsigned int level)
{
	(void)level;
	return (struct ptab_attributes){
		.rights = (uint8_t)(leaf & EPT_RIGHTS),
		.type = (uint8_t)field_get(leaf, EPT_TYPE),
	};
}

const struct ptab_format ptab_ept_format = {
	.name = "EPT",
	.present = ept_present,
	.leaf = x86_leaf,
	.address = x86_address,
	.make_table = ept_make_table,
	.make_leaf = ept_make_leaf,
	.attributes = ept_attributes,
};
