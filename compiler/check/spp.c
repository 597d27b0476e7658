/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sub-page write protection: where the ranges are, what their masks leave, and who is told. A bit of a mask is
 * 128 bytes; whatever the file says (`writable` or `protected`), checks speak of what may be written.
 */
#include "check/check.h"

#include <stdlib.h>
#include <string.h>

#define PAGE	4096ull
#define LOW_END 0x100000ull

static uint32_t writable(const struct spp *s)
{
	return was_set(s->protected_.where) ? ~s->protected_.value : s->writable.value;
}

static uint64_t spp_end(const struct spp *s)
{
	return s->gpa.value + PAGE * (was_set(s->pages.where) ? s->pages.value : 1);
}

/* ---------------------------------------------------------------------------- one by one */

/* `kernel:NAME`. */
static bool is_symbol(const char *text)
{
	return !strncmp(text, "kernel:", 7) && text[7] &&
	       !text[7 + strspn(text + 7, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					  "0123456789_.$")];
}

/* A kernel that stays where it was linked. */
static bool has_fixed_kernel(const struct boot *boot)
{
	enum boot_protocol p = boot->protocol.value;

	return boot->unpack.value || p == BOOT_PROTOCOL_PVH || p == BOOT_PROTOCOL_MULTIBOOT1 ||
	       p == BOOT_PROTOCOL_MULTIBOOT2;
}

static void check_place(const struct check_context *c, const struct spp *s)
{
	const struct boot *boot = &c->guest->boot;
	struct diag *d;

	int places = was_set(s->gpa.where) + (s->symbol.value != NULL) + was_set(s->lockable.where);

	if (places != 1) {
		d = diag_report(c->diags, SPP_PLACE, s->where.at, s->name.value);
		diag_help(d, places ? "leave one of them"
				    : "for example `symbol: kernel:sys_call_table`");
	} else if (s->symbol.value && !is_symbol(s->symbol.value)) {
		d = diag_report(c->diags, SPP_SYMBOL, s->symbol.where.at, s->symbol.value);
		if (!strchr(s->symbol.value, ':'))
			diag_help(d, "write `kernel:%s`", s->symbol.value);
	} else if (s->symbol.value && !has_fixed_kernel(boot)) {
		d = diag_report(c->diags, SPP_UNPACK, s->symbol.where.at);
		diag_note(d, was_set(boot->unpack.where) ? boot->unpack.where.at
							 : boot->kernel.where.at, "the kernel");
	}
}

/* A range that the guest closes itself: the guest says which pages and sub-pages. */
static void check_lockable(const struct check_context *c, const struct spp *s, const struct spp *before)
{
	const struct {
		const char *name;
		struct where where;
	} keys[] = { { "pages", s->pages.where }, { "writable", s->writable.where },
		     { "protected", s->protected_.where } };

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (was_set(keys[i].where))
			diag_report(c->diags, SPP_LOCK_MISFIT, keys[i].where.at, keys[i].name);
	if (before)
		diag_note(diag_report(c->diags, SPP_LOCK_TWICE, s->lockable.where.at),
			  before->lockable.where.at, "the other one");
	if (!c->guest->pv.interfaces.count)
		diag_note(diag_report(c->diags, SPP_LOCK_PV, s->lockable.where.at),
			  c->guest->pv.where.at, "there is no hypervisor to call");
}

static void check_mask(const struct check_context *c, const struct spp *s)
{
	struct where mask = was_set(s->protected_.where) ? s->protected_.where : s->writable.where;
	struct diag *d;

	if (was_set(s->protected_.where) && was_set(s->writable.where)) {
		d = diag_report(c->diags, SPP_MASKS, s->protected_.where.at, s->name.value);
		diag_note(d, s->writable.where.at, "and here");
	} else if (writable(s) == UINT32_MAX) {
		diag_report(c->diags, SPP_OPEN, mask.at, s->name.value);
	}
}

static void check_action(const struct check_context *c, const struct spp *s)
{
	const struct {
		const char *name;
		struct where where;
		enum spp_action with;
	} keys[] = {
		{ "inject", s->inject.where, SPP_ACTION_INJECT },
		{ "observer", s->observer.where, SPP_ACTION_NOTIFY },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (was_set(keys[i].where) && s->action.value != keys[i].with)
			diag_report(c->diags, SPP_MISFIT, keys[i].where.at, keys[i].name,
				    spp_action_name(s->action.value));
	if (s->action.value == SPP_ACTION_NOTIFY && !s->observer.value)
		diag_report(c->diags, SPP_OBSERVER, s->action.where.at);
}

static void check_symbols_used(const struct check_context *c)
{
	const struct file_name *file = &c->guest->boot.symbols;
	bool used = false;

	for (size_t i = 0; i < c->guest->memory.spp.count; i++)
		used |= c->guest->memory.spp.items[i].symbol.value != NULL;
	if (file->value && !used)
		diag_report(c->diags, SYMBOLS_UNUSED, file->where.at);
}

void check_spp_parts(const struct check_context *c)
{
	const struct spp *lockable = NULL;

	check_symbols_used(c);
	for (size_t i = 0; i < c->guest->memory.spp.count; i++) {
		const struct spp *s = &c->guest->memory.spp.items[i];

		check_place(c, s);
		check_action(c, s);
		if (was_set(s->lockable.where)) {
			check_lockable(c, s, lockable);
			lockable = s;
		} else {
			check_mask(c, s);
		}
		for (size_t j = 0; j < i; j++) {
			const struct spp *first = &c->guest->memory.spp.items[j];
			struct diag *d;

			if (strcmp(first->name.value, s->name.value))
				continue;
			d = diag_report(c->diags, SPP_NAME_TWICE, s->name.where.at, s->name.value);
			diag_note(d, first->name.where.at, "first used here");
			break;
		}
	}
}

/* ----------------------------------------------------------------------- in the guest's memory */

/* Whether [first, end) is RAM throughout; ranges are disjoint, so their parts of it add up. */
static bool is_ram(const struct guest_ranges *map, uint64_t first, uint64_t end)
{
	uint64_t covered = 0;

	for (size_t i = 0; i < map->list.count; i++) {
		const struct guest_range *range = &map->list.items[i];
		uint64_t from = range->first > first ? range->first : first;
		uint64_t to = range->end < end ? range->end : end;

		if (range->ram && from < to)
			covered += to - from;
	}
	return covered == end - first;
}

void check_spp_memory(const struct check_context *c)
{
	const struct memory *memory = &c->guest->memory;
	struct guest_ranges map = { 0 };
	struct diag *d;

	if (!memory->spp.count)
		return;
	check_memory_map(c, &map);
	for (size_t i = 0; i < memory->spp.count; i++) {
		const struct spp *s = &memory->spp.items[i];

		if (!was_set(s->gpa.where))
			continue;
		if (!is_ram(&map, s->gpa.value, spp_end(s))) {
			d = diag_report(c->diags, SPP_OUTSIDE, s->gpa.where.at, s->name.value,
					(unsigned long long)s->gpa.value,
					(unsigned long long)spp_end(s) - 1);
			diag_note(d, was_set(memory->size.where) ? memory->size.where.at
								 : memory->where.at,
				  "the guest's memory");
		} else if (s->gpa.value < LOW_END) {
			diag_report(c->diags, SPP_LOW, s->gpa.where.at, s->name.value);
		}
	}
}

static int by_gpa(const void *left, const void *right)
{
	const struct spp *a = *(const struct spp *const *)left;
	const struct spp *b = *(const struct spp *const *)right;

	if (a->gpa.value != b->gpa.value)
		return a->gpa.value < b->gpa.value ? -1 : 1;
	return a->where.at.offset < b->where.at.offset ? -1 : 1;
}

void check_spp_pages(const struct check_context *c)
{
	const struct memory *memory = &c->guest->memory;
	VECTOR(const struct spp *) all = { 0 };

	for (size_t i = 0; i < memory->spp.count; i++)
		if (was_set(memory->spp.items[i].gpa.where))
			vector_push(c->system->arena, &all, &memory->spp.items[i]);
	if (all.count)
		qsort(all.items, all.count, sizeof(*all.items), by_gpa);
	for (size_t i = 1; i < all.count; i++) {
		const struct spp *low = all.items[i - 1], *high = all.items[i];
		struct diag *d;

		if (spp_end(low) <= high->gpa.value)
			continue;
		d = diag_report(c->diags, SPP_OVERLAP, high->gpa.where.at, low->name.value,
				high->name.value, (unsigned long long)high->gpa.value);
		diag_note(d, low->gpa.where.at, "0x%llx to 0x%llx", (unsigned long long)low->gpa.value,
			  (unsigned long long)spp_end(low) - 1);
	}
}

/* What a CPU without SPP pays; nothing where all of a page is protected. */
void check_spp_cost(const struct check_context *c)
{
	for (size_t i = 0; i < c->guest->memory.spp.count; i++) {
		const struct spp *s = &c->guest->memory.spp.items[i];
		unsigned pages = was_set(s->pages.where) ? s->pages.value : 1;

		if (writable(s))
			diag_report(c->diags, SPP_COST, s->name.where.at, s->name.value, pages,
				    pages == 1 ? "" : "s");
	}
}

void check_spp_observers(const struct check_context *c)
{
	for (size_t i = 0; i < c->system->guests.count; i++) {
		const struct guest *guest = c->system->guests.items[i];

		for (size_t j = 0; j < guest->memory.spp.count; j++) {
			const struct spp *s = &guest->memory.spp.items[j];
			const struct guest *observer;
			struct diag *d;

			if (!s->observer.value)
				continue;
			observer = check_guest(c, s->observer.value);
			if (observer && observer != guest) {
				if (!observer->pv.interfaces.count)
					diag_note(diag_report(c->diags, SPP_OBSERVER_PV, s->observer.where.at,
							      s->observer.value),
						  observer->pv.where.at, "there is no hypervisor to call");
				continue;
			}
			d = diag_report(c->diags, SPP_OBSERVER_GUEST, s->observer.where.at,
					s->observer.value);
			if (!observer)
				check_suggest_guest(c, d, s->observer.where.at, s->observer.value);
		}
	}
}
