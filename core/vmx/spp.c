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
#include "mm/frames.h"
#include "mm/layout.h"
#include "vmx/vmx.h"

#define SPP_PRESENT   BIT(0)
#define EPT_LEAF_SPP  BIT(61)
#define SPP_LEVELS    4

/* Part n of the mask is bit 2n of the vector. */
static uint64_t vector_of(uint32_t writable)
{
	uint64_t vector = 0;

	for (uint32_t i = 0; i < 32; i++)
		vector |= (uint64_t)(writable >> i & 1) << 2 * i;
	return vector;
}

/* The table that an entry leads to, made where there is none. */
static enum status table_below(uint64_t *entry, uint64_t **table)
{
	enum status s;
	void *p;

	if (!(*entry & SPP_PRESENT)) {
		s = pool_alloc(PAGE_SIZE, &p);
		if (s != STATUS_OK)
			return s;
		*entry = virt_to_phys(p) | SPP_PRESENT;
	}
	*table = phys_to_virt(*entry & ~SPP_PRESENT);
	return STATUS_OK;
}

static enum status permit(uint64_t *root, uint64_t gpa, uint32_t writable)
{
	uint64_t *table = root;
	enum status s = STATUS_OK;

	for (uint32_t level = SPP_LEVELS; level > 1 && s == STATUS_OK; level--)
		s = table_below(&table[gpa / ptab_page_size(level) % 512], &table);
	if (s == STATUS_OK)
		table[gpa / PAGE_SIZE % 512] = vector_of(writable);
	return s;
}

/* A page of which nothing may be written is read-only without this. */
static enum status permit_pages(struct memory *memory, uint64_t *root, const struct hv_guard *guard)
{
	enum status s = STATUS_OK;

	for (uint64_t i = 0; guard->writable && i < guard->size && s == STATUS_OK; i += PAGE_SIZE) {
		unsigned int level;
		uint64_t *leaf = ptab_entry(&memory->nested, guard->gpa + i, &level);

		*leaf |= EPT_LEAF_SPP;
		s = level == 1 ? permit(root, guard->gpa + i, guard->writable) : STATUS_INVALID;
	}
	return s;
}

MUST_USE enum status vmx_build_spp(struct guest *guest)
{
	struct vmx_guest *g = guest->arch;
	struct memory *memory = guest->memory;
	enum status s;
	void *root;

	if (!memory->guard.count || !(vmx_machine.secondary & SECONDARY_SPP))
		return STATUS_OK;
	s = pool_alloc(PAGE_SIZE, &root);
	for (uint32_t i = 0; i < memory->guard.count && s == STATUS_OK; i++)
		s = permit_pages(memory, root, &memory->guard.guards[i]);
	if (s != STATUS_OK)
		return s;
	g->spp_root = virt_to_phys(root);
	g->secondary |= SECONDARY_SPP;
	return STATUS_OK;
}
