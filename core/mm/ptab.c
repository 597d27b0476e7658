/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page-table engine. All work is one recursive visit of a range, level by level; what happens
 * at a leaf or at a hole is the operation's callback. Depth is bounded by the number of levels,
 * work by the size of the range.
 *
 *	visit(table of level L, range):
 *	    for each entry the range touches:
 *	        present and no leaf     -> visit(its table, the part of the range in it)
 *	        leaf, partly covered    -> split: a new table with 512 leaves that say the
 *	                                   same, then visit that
 *	        leaf, wholly covered    -> operation on the leaf
 *	        hole                    -> map: make a leaf if it fits here, else a table and
 *	                                   visit; others: skip
 */
#include "mm/ptab.h"

#include "lib/string.h"

#define ENTRIES 512

enum operation { OP_MAP, OP_UNMAP, OP_PROTECT };

struct change {
	struct ptab *t;
	enum operation op;
	uint64_t delta; /* phys - virt, OP_MAP */
	struct ptab_attributes attributes;
};

static uint64_t *table_of(const struct ptab *t, uint64_t phys)
{
	return t->effects->to_virt(phys);
}

static unsigned int index_at(uint64_t virt, unsigned int level)
{
	return (unsigned int)(virt / ptab_page_size(level)) % ENTRIES;
}

static enum status add_table(struct ptab *t, uint64_t *phys)
{
	return t->effects->alloc(t->context, phys);
}

/* Replaces a leaf of `level` by a table of leaves one level down that map the same. */
static enum status split(struct ptab *t, uint64_t *entry, unsigned int level)
{
	uint64_t leaf = READ_ONCE(*entry), phys = t->format->address(leaf, level), table;
	struct ptab_attributes a = t->format->attributes(leaf, level);
	enum status s = add_table(t, &table);
	uint64_t *lower;

	if (s)
		return s;
	lower = table_of(t, table);
	for (unsigned int i = 0; i < ENTRIES; i++)
		lower[i] = t->format->make_leaf(phys + i * ptab_page_size(level - 1), level - 1, a);
	/* Release: the table is filled before a walker can reach it. */
	__atomic_store_n(entry, t->format->make_table(table), __ATOMIC_RELEASE);
	return STATUS_OK;
}

static bool leaf_fits(const struct change *c, uint64_t virt, uint64_t size, unsigned int level)
{
	uint64_t page = ptab_page_size(level);

	return level <= c->t->largest_leaf && size >= page && is_aligned(virt, page) &&
	       is_aligned(virt + c->delta, page);
}

static enum status visit(const struct change *c, uint64_t *table, unsigned int level, uint64_t virt,
			 uint64_t size);

/* A hole while mapping: a leaf if it fits, else a table below it. */
static enum status fill_hole(const struct change *c, uint64_t *entry, unsigned int level,
			     uint64_t virt, uint64_t size)
{
	const struct ptab_format *f = c->t->format;
	enum status s;
	uint64_t phys;

	if (leaf_fits(c, virt, size, level)) {
		WRITE_ONCE(*entry, f->make_leaf(virt + c->delta, level, c->attributes));
		return STATUS_OK;
	}
	s = add_table(c->t, &phys);
	if (s)
		return s;
	__atomic_store_n(entry, f->make_table(phys), __ATOMIC_RELEASE);
	return visit(c, table_of(c->t, phys), level - 1, virt, size);
}

static enum status change_leaf(const struct change *c, uint64_t *entry, unsigned int level,
			       uint64_t virt, uint64_t size)
{
	const struct ptab_format *f = c->t->format;
	enum status s;

	if (c->op == OP_MAP)
		return STATUS_EXISTS;
	if (size < ptab_page_size(level)) {
		s = split(c->t, entry, level);
		return s ? s
			 : visit(c, table_of(c->t, f->address(*entry, level)), level - 1, virt,
				 size);
	}
	WRITE_ONCE(*entry, c->op == OP_UNMAP ?
				   0 :
				   f->make_leaf(f->address(*entry, level), level, c->attributes));
	return STATUS_OK;
}

static enum status visit_entry(const struct change *c, uint64_t *entry, unsigned int level,
			       uint64_t virt, uint64_t size)
{
	const struct ptab_format *f = c->t->format;
	uint64_t e = READ_ONCE(*entry);

	if (!f->present(e))
		return c->op == OP_MAP ? fill_hole(c, entry, level, virt, size) : STATUS_OK;
	if (f->leaf(e, level))
		return change_leaf(c, entry, level, virt, size);
	return visit(c, table_of(c->t, f->address(e, level)), level - 1, virt, size);
}

static enum status visit(const struct change *c, uint64_t *table, unsigned int level, uint64_t virt,
			 uint64_t size)
{
	uint64_t page = ptab_page_size(level);

	while (size) {
		uint64_t part = min_of(size, page - (virt & (page - 1)));
		enum status s =
			visit_entry(c, &table[index_at(virt, level)], level, virt, part);

		if (s)
			return s;
		virt += part;
		size -= part;
	}
	return STATUS_OK;
}

static enum status run_change(struct change *c, uint64_t virt, uint64_t size)
{
	uint64_t reach = ptab_page_size(c->t->levels) * ENTRIES; /* 2^57 at most */

	virt &= reach - 1;
	if (!is_aligned(virt | size, PAGE_SIZE) || !range_fits(virt, size, reach))
		return STATUS_INVALID;
	c->delta -= virt;
	return visit(c, table_of(c->t, c->t->root), c->t->levels, virt, size);
}

enum status ptab_init(struct ptab *t, const struct ptab_format *format,
		      const struct ptab_effects *effects, void *context, unsigned int levels,
		      unsigned int largest_leaf)
{
	if (levels < 3 || levels > 5 || largest_leaf < 1 || largest_leaf > 3)
		return STATUS_INVALID;
	*t = (struct ptab){
		.format = format,
		.effects = effects,
		.context = context,
		.levels = (uint8_t)levels,
		.largest_leaf = (uint8_t)largest_leaf,
	};
	return add_table(t, &t->root);
}

enum status ptab_map(struct ptab *t, uint64_t virt, uint64_t phys, uint64_t size,
		     struct ptab_attributes a)
{
	struct change c = {t, OP_MAP, phys, a};

	return is_aligned(phys, PAGE_SIZE) ? run_change(&c, virt, size) : STATUS_INVALID;
}

enum status ptab_unmap(struct ptab *t, uint64_t virt, uint64_t size)
{
	struct change c = {.t = t, .op = OP_UNMAP};

	return run_change(&c, virt, size);
}

enum status ptab_protect(struct ptab *t, uint64_t virt, uint64_t size, struct ptab_attributes a)
{
	struct change c = {.t = t, .op = OP_PROTECT, .attributes = a};

	return run_change(&c, virt, size);
}

uint64_t *ptab_entry(const struct ptab *t, uint64_t virt, unsigned int *level)
{
	unsigned int l = t->levels;
	uint64_t *table = table_of(t, t->root);

	for (;; l--) {
		uint64_t *entry = &table[index_at(virt, l)];
		uint64_t e = READ_ONCE(*entry);

		if (l == 1 || !t->format->present(e) || t->format->leaf(e, l)) {
			*level = l;
			return entry;
		}
		table = table_of(t, t->format->address(e, l));
	}
}

bool ptab_translate(const struct ptab *t, uint64_t virt, struct ptab_mapping *m)
{
	unsigned int level;
	uint64_t entry = READ_ONCE(*ptab_entry(t, virt, &level));

	if (!t->format->present(entry))
		return false;
	m->page_size = ptab_page_size(level);
	m->phys = t->format->address(entry, level) + (virt & (m->page_size - 1));
	m->attributes = t->format->attributes(entry, level);
	return true;
}

void ptab_make_view(const struct ptab *t, uint64_t (*tables)[ENTRIES], uint64_t phys, uint64_t virt, uint64_t leaf)
{
	const struct ptab_format *f = t->format;
	const uint64_t *from = table_of(t, t->root);

	for (unsigned int l = t->levels; l; l--) {
		unsigned int mine = index_at(virt, l);
		uint64_t e;

		for (unsigned int i = 0; i < ENTRIES; i++)
			if (i != mine)
				WRITE_ONCE(tables[l - 1][i], from ? READ_ONCE(from[i]) : 0);
		WRITE_ONCE(tables[l - 1][mine], l > 1 ? f->make_table(phys + (l - 2) * PAGE_SIZE) : leaf);
		e = from ? READ_ONCE(from[mine]) : 0;
		from = l > 1 && f->present(e) && !f->leaf(e, l) ? table_of(t, f->address(e, l)) : NULL;
	}
}

static void release_below(struct ptab *t, uint64_t phys, unsigned int level)
{
	uint64_t *table = table_of(t, phys);

	for (unsigned int i = 0; level > 1 && i < ENTRIES; i++) {
		uint64_t lower = t->format->address(table[i], level);

		if (!t->format->present(table[i]) || t->format->leaf(table[i], level))
			continue;
		release_below(t, lower, level - 1);
		t->effects->release(t->context, lower);
	}
}

void ptab_clear(struct ptab *t)
{
	release_below(t, t->root, t->levels);
	memset(table_of(t, t->root), 0, PAGE_SIZE);
}

void ptab_destroy(struct ptab *t)
{
	release_below(t, t->root, t->levels);
	t->effects->release(t->context, t->root);
	t->root = 0;
}
