/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sub-page write permissions (SDM v3 29.3.4): the processor itself lets a guest write some of the 128-byte parts of a page that
 * is mapped read-only. Its tables are walked by the guest-physical address, as extended page tables are,
 *
 *	table      table      table      table
 *	47:39 ───► 38:30 ───► 29:21 ───► 20:12: 64 bits a page, bit 2n: part n may be written
 *
 * and asked for pages whose leaf has bit 61. What they do not permit, and what lies across two parts, is an EPT violation, and
 * goes the way that all such writes go without this. Everything the tables can be asked for is in them from the start.
 */
#include "vmx/vmx.h"

#define SPP_PRESENT  BIT(0)
#define EPT_LEAF_SPP BIT(61)
#define SPP_LEVELS   4

static bool spp_present(uint64_t entry)
{
	return entry & SPP_PRESENT;
}

static bool spp_leaf(uint64_t entry, unsigned int level)
{
	(void)entry;
	return level == 1;
}

static uint64_t spp_address(uint64_t entry, unsigned int level)
{
	(void)level;
	return entry & ~SPP_PRESENT;
}

static uint64_t spp_make_table(uint64_t phys)
{
	return phys | SPP_PRESENT;
}

/* What a page is mapped to is its mask, as a number of a frame: part n of it is bit 2n of the entry. */
static uint64_t spp_make_leaf(uint64_t phys, unsigned int level, struct ptab_attributes a)
{
	uint64_t writable = phys / PAGE_SIZE, vector = 0;

	(void)level;
	(void)a;
	for (uint32_t i = 0; i < 32; i++)
		vector |= (writable >> i & 1) << 2 * i;
	return vector;
}

static const struct ptab_format spp_format = {
	.name = "SPPT",
	.present = spp_present,
	.leaf = spp_leaf,
	.address = spp_address,
	.make_table = spp_make_table,
	.make_leaf = spp_make_leaf,
};

/* A page of which nothing may be written is read-only without this. */
static enum status permit(struct memory *memory, uint64_t gpa, uint32_t writable)
{
	const struct ptab_attributes none = {0};
	unsigned int level, leaf_level;
	uint64_t *leaf = ptab_entry(&memory->nested, gpa, &leaf_level);
	uint64_t *entry = ptab_entry(&memory->permits, gpa, &level);
	enum status s = leaf_level == 1 ? STATUS_OK : STATUS_INVALID;

	if (!writable || s != STATUS_OK)
		return s;
	if (level == 1)
		WRITE_ONCE(*entry, spp_make_leaf(writable * PAGE_SIZE, 1, none));
	else
		s = ptab_map(&memory->permits, gpa, writable * PAGE_SIZE, PAGE_SIZE, none);
	/* Release: who sees the bit sees the mask. */
	if (s == STATUS_OK)
		__atomic_fetch_or(leaf, EPT_LEAF_SPP, __ATOMIC_RELEASE);
	return s;
}

MUST_USE enum status vmx_build_spp(struct guest *guest)
{
	struct vmx_guest *g = guest->arch;
	struct memory *memory = guest->memory;
	enum status s;

	if ((!memory->guard.count && !memory->guard.lockable) || !(vmx_machine.secondary & SECONDARY_SPP))
		return STATUS_OK;
	s = ptab_init(&memory->permits, &spp_format, memory->nested.effects, memory, SPP_LEVELS, 1);
	if (s != STATUS_OK)
		return s;
	memory->permit = permit;
	g->spp_root = memory->permits.root;
	g->secondary |= SECONDARY_SPP;
	return memory_close_all(memory);
}
