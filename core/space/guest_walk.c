/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's page tables, all four modes of paging (SDM v3 4.3 to 4.5) as one loop over a row of
 * numbers:
 *
 *	mode     levels  bits a level  entry   a leaf above level 1
 *	32-bit        2            10      4   level 2 with CR4.PSE: 4 MiB
 *	PAE           3       9 (top 2)    8   level 2
 *	4-level       4             9      8   levels 2, 3
 *	5-level       5             9      8   levels 2, 3
 *
 * In a leaf of 4 MiB the bits 20:13 are the bits 39:32 of the address.
 */
#include "space/guest_walk.h"

#include "lib/bits.h"
#include "lib/string.h"
#include "space/memory.h"
#include "x86/cr.h"

struct walk_mode {
	uint8_t levels;
	uint8_t index_bits;
	uint8_t entry_size;
	uint8_t largest; /* level of the largest leaf */
};

enum { MODE_32, MODE_PAE, MODE_4_LEVEL, MODE_5_LEVEL };

static const struct walk_mode walk_modes[] = {
	[MODE_32] = {2, 10, 4, 2},
	[MODE_PAE] = {3, 9, 8, 2},
	[MODE_4_LEVEL] = {4, 9, 8, 3},
	[MODE_5_LEVEL] = {5, 9, 8, 3},
};

struct walk {
	struct memory *memory;
	const struct guest_paging *paging;
	const struct walk_mode *mode;
	uint64_t linear;
	uint32_t access;
	bool user;
	uint64_t rights;           /* PTE_WRITE, PTE_USER of all levels ANDed */
	bool no_execute;           /* of any level */
	uint32_t error;            /* of the page fault */
	struct fetch_trail *trail; /* to be filled in; NULL: none */
};

static const struct walk_mode *walk_mode(const struct guest_paging *p)
{
	if (!(p->cr4 & CR4_PAE))
		return &walk_modes[MODE_32];
	if (!(p->efer & EFER_LMA))
		return &walk_modes[MODE_PAE];
	return &walk_modes[p->cr4 & CR4_LA57 ? MODE_5_LEVEL : MODE_4_LEVEL];
}

static unsigned int level_shift(const struct walk_mode *m, unsigned int level)
{
	return PAGE_SHIFT + m->index_bits * (level - 1);
}

static enum status walk_fault(struct walk *w, uint32_t error)
{
	w->error = error;
	if (w->access & GUEST_WRITE)
		w->error |= PF_WRITE;
	if (w->user)
		w->error |= PF_USER;
	/* The fetch bit is defined only where execution can be forbidden. */
	if (w->access & GUEST_FETCH && (w->paging->efer & EFER_NXE || w->paging->cr4 & CR4_SMEP))
		w->error |= PF_FETCH;
	return STATUS_FAULT;
}

/* Bits that must be zero in an entry (SDM v3 4.4.2, 4.5.4). */
static uint64_t reserved_bits(const struct walk *w, unsigned int level, bool leaf)
{
	uint64_t reserved = BITS(51, 0) & ~(BIT(w->paging->physical_bits) - 1);

	if (w->mode->entry_size == 4) /* a 4 MiB leaf has address bits 39:32 in 20:13 */
		return leaf && level == 2 ? BIT(21) : 0;
	/* QEMU marks a PAE directory pointer as accessed, which is a reserved bit there. */
	if (w->mode->levels == 3)
		reserved |= level == 3 ? BITS(63, 52) | BITS(8, 6) | BITS(2, 1) : BITS(62, 52);
	if (!(w->paging->efer & EFER_NXE))
		reserved |= PTE_NX;
	if (leaf && level > 1)
		reserved |= (BIT(level_shift(w->mode, level)) - 1) & BITS(51, 13);
	if (!leaf && level >= 4)
		reserved |= PTE_LARGE;
	return reserved;
}

static bool is_leaf(const struct walk *w, uint64_t entry, unsigned int level)
{
	if (level == 1)
		return true;
	if (!(entry & PTE_LARGE) || level > w->mode->largest)
		return false;
	return w->mode->entry_size == 8 || w->paging->cr4 & CR4_PSE;
}

static void take_rights(struct walk *w, uint64_t entry, unsigned int level)
{
	if (w->mode->levels == 3 && level == 3) /* a PAE directory pointer has none */
		return;
	w->rights &= entry;
	w->no_execute |= w->mode->entry_size == 8 && entry & PTE_NX;
}

/* SDM v3 4.6.1. */
static bool permitted(const struct walk *w)
{
	const struct guest_paging *p = w->paging;
	bool user_page = w->rights & PTE_USER;

	if (w->access & GUEST_FETCH) {
		if (w->no_execute)
			return false;
		return w->user ? user_page : !(user_page && p->cr4 & CR4_SMEP);
	}
	if (w->user && !user_page)
		return false;
	if (!w->user && user_page && p->cr4 & CR4_SMAP &&
	    (w->access & GUEST_IMPLICIT || !(p->rflags & RFLAGS_AC)))
		return false;
	return !(w->access & GUEST_WRITE) || w->rights & PTE_WRITE ||
	       (!w->user && !(p->cr0 & CR0_WP));
}

/* SDM v3 4.6.2: data of user pages, in the modes of four and five levels. Two bits a key: no access, no
 * write. */
static bool key_permits(const struct walk *w, uint64_t leaf)
{
	const struct guest_paging *p = w->paging;
	uint32_t denied = p->pkru >> 2 * field_get(leaf, PTE_KEY);

	if (!(p->cr4 & CR4_PKE) || w->mode->levels < 4 || !(w->rights & PTE_USER) ||
	    w->access & GUEST_FETCH)
		return true;
	if (denied & PKRU_NO_ACCESS)
		return false;
	return !(denied & PKRU_NO_WRITE && w->access & GUEST_WRITE && (w->user || p->cr0 & CR0_WP));
}

/* Sets accessed and dirty where the processor would; a lost race is harmless, the winner set them
 * or the entry is stale. */
static enum status mark(struct walk *w, uint64_t address, uint64_t entry, bool leaf)
{
	uint64_t wanted = entry | PTE_ACCESSED;

	if (leaf && w->access & GUEST_WRITE)
		wanted |= PTE_DIRTY;
	if (wanted == entry || w->access & GUEST_PROBE)
		return STATUS_OK;
	return memory_compare_exchange(w->memory, address, w->mode->entry_size, &entry, wanted) ==
			       STATUS_OK
		       ? STATUS_OK
		       : STATUS_NOT_FOUND;
}

static uint64_t leaf_address(const struct walk *w, uint64_t entry, unsigned int level)
{
	uint64_t offset = BIT(level_shift(w->mode, level)) - 1;
	uint64_t base = entry & PTE_ADDR & ~offset;

	if (w->mode->entry_size == 4 && level == 2)
		base |= field_get(entry, BITS(20, 13)) << 32;
	return base | (w->linear & offset);
}

/* Notes where an entry lies and what it holds. */
static void leave_trail(struct walk *w, uint64_t address, uint64_t entry)
{
	const struct memory_extent *e = memory_find(w->memory, address);
	struct fetch_trail *trail = w->trail;

	trail->entry_size = w->mode->entry_size;
	trail->step[trail->levels].entry = e && e->host ? e->host + (address - e->gpa) : NULL;
	trail->step[trail->levels].value = entry & ~(PTE_ACCESSED | PTE_DIRTY);
	trail->levels++;
}

/* One level: *table becomes the next table, or the translation when this was the leaf (*leaf). */
static enum status walk_level(struct walk *w, unsigned int level, uint64_t *table, bool *leaf)
{
	uint64_t index = w->linear >> level_shift(w->mode, level) & (BIT(w->mode->index_bits) - 1);
	uint64_t address, entry = 0;

	if (w->mode->levels == 3 && level == 3)
		index &= 3;
	address = *table + index * w->mode->entry_size;
	if (memory_read(w->memory, address, &entry, w->mode->entry_size) != STATUS_OK)
		return STATUS_NOT_FOUND;
	if (!(entry & PTE_PRESENT))
		return walk_fault(w, 0);
	*leaf = is_leaf(w, entry, level);
	if (entry & reserved_bits(w, level, *leaf))
		return walk_fault(w, PF_PRESENT | PF_RESERVED);
	if (w->trail)
		leave_trail(w, address, entry);
	take_rights(w, entry, level);
	if (*leaf && !key_permits(w, entry))
		return walk_fault(w, PF_PRESENT | PF_PKEY);
	if (*leaf && !permitted(w))
		return walk_fault(w, PF_PRESENT);
	*table = *leaf ? leaf_address(w, entry, level) : entry & PTE_ADDR;
	if (w->mode->levels == 3 && level == 3)
		return STATUS_OK;
	return mark(w, address, entry, *leaf);
}

static enum status walk_tables(struct walk *w, uint64_t *gpa)
{
	uint64_t table = w->paging->cr3 & (w->mode->levels == 3 ? BITS(31, 5) : PTE_ADDR);
	bool leaf = false;

	for (unsigned int level = w->mode->levels; level && !leaf; level--) {
		enum status s = walk_level(w, level, &table, &leaf);

		if (s != STATUS_OK)
			return s;
	}
	*gpa = table;
	return STATUS_OK;
}

static enum status walk_noting(struct memory *memory, const struct guest_paging *paging,
			       uint64_t linear, uint32_t access, struct fetch_trail *trail,
			       uint64_t *gpa, uint32_t *error)
{
	struct walk w = {
		.memory = memory,
		.paging = paging,
		.mode = walk_mode(paging),
		.linear = paging->efer & EFER_LMA ? linear : (uint32_t)linear,
		.access = access,
		.user = paging->cpl == 3 && !(access & GUEST_IMPLICIT),
		.rights = ~0ULL,
		.trail = trail,
	};
	enum status s;

	*error = 0;
	if (!(paging->cr0 & CR0_PG)) {
		*gpa = w.linear;
		return STATUS_OK;
	}
	s = walk_tables(&w, gpa);
	*error = w.error;
	return s;
}

MUST_USE enum status guest_walk(struct memory *memory, const struct guest_paging *paging,
				uint64_t linear, uint32_t access, uint64_t *gpa, uint32_t *error)
{
	return walk_noting(memory, paging, linear, access, NULL, gpa, error);
}

/* Enters the page of a fetched instruction, when all of it is RAM. */
static void fetch_enter(struct memory *memory, struct fetch_cache *cache, struct fetch_line line,
			uint64_t gpa, const struct fetch_trail *trail)
{
	const struct memory_extent *e = memory_find(memory, gpa);

	if (!e || !e->host)
		return;
	line.bytes = e->host + (align_down(gpa, PAGE_SIZE) - e->gpa);
	cache->lines[line.page % FETCH_LINES] = line;
	cache->trails[line.page % FETCH_LINES] = *trail;
}

uint32_t guest_fetch(struct memory *memory, const struct guest_paging *paging, uint64_t linear,
		     uint8_t *bytes, uint32_t size, struct fetch_cache *cache, uint32_t context,
		     uint32_t *error, uint64_t *fault_address)
{
	uint32_t done = 0;

	*error = 0;
	*fault_address = 0;
	while (done < size) {
		uint64_t at = linear + done, gpa;
		uint32_t piece = (uint32_t)min_of((uint64_t)(size - done),
						  PAGE_SIZE - (at & (PAGE_SIZE - 1)));
		const struct fetch_line line = {
			.page = at >> PAGE_SHIFT, .cr3 = paging->cr3, .context = context};
		struct fetch_trail trail = {0};

		if (walk_noting(memory, paging, at, GUEST_FETCH, &trail, &gpa, error) !=
		    STATUS_OK) {
			*fault_address = at;
			break;
		}
		if (memory_read(memory, gpa, bytes + done, piece) != STATUS_OK)
			break;
		if (!done)
			fetch_enter(memory, cache, line, gpa, &trail);
		done += piece;
	}
	return done;
}

/* Another vCPU may write the entry: one read. */
static uint64_t entry_now(const struct fetch_trail *trail, uint32_t step)
{
	const void *entry = trail->step[step].entry;

	if (!entry)
		return 0;
	return trail->entry_size == 8 ? READ_ONCE(*(const uint64_t *)entry)
				      : READ_ONCE(*(const uint32_t *)entry);
}

const uint8_t *fetch_exact(const struct fetch_cache *cache, uint64_t linear, uint64_t cr3,
			   uint32_t context)
{
	uint64_t index = (linear >> PAGE_SHIFT) % FETCH_LINES;
	const struct fetch_trail *trail = &cache->trails[index];

	if (!fetch_cached(cache, linear, cr3) || cache->lines[index].context != context)
		return NULL;
	for (uint32_t i = 0; i < trail->levels; i++)
		if ((entry_now(trail, i) & ~(PTE_ACCESSED | PTE_DIRTY)) != trail->step[i].value)
			return NULL;
	return cache->lines[index].bytes;
}

void fetch_cache_clear(struct fetch_cache *cache)
{
	/* No page has that number. */
	for (uint32_t i = 0; i < FETCH_LINES; i++)
		cache->lines[i] = (struct fetch_line){.page = ~0ULL};
}
