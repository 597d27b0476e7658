/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where in the machine a guest's RAM lies, as far as `bind` says so. Its ranges are dealt out over the RAM from
 * address 0 on; a region is cut where a range ends:
 *
 *     guest     |------------ ram ------------|   |-- ram above 4 GiB --|
 *     ranges     ----- 1 -----  ------------ 2 ------------  -- 3 --
 *     records   |------1------|-------2-------|   |----2----|-----3-----|
 *
 * And whether the machine, where its memory map is known, has room for the core beside them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "diag/diag.h"
#include "lower/pass.h"
#include "lower/place.h"
#include "model/model.h"

#define LARGE_PAGE (2ull << 20)

/* How far the ranges have been used. */
struct dealer {
	const struct memory *memory;
	size_t range;
	uint64_t used; /* of that range, bytes */
};

/* The part of a region, from its start on, that lies in one range. */
static struct lowered_region deal(struct dealer *dealer, struct lowered_region *rest)
{
	const struct bound_range *range = &dealer->memory->host.items[dealer->range];
	uint64_t left = range->size.value - dealer->used;
	struct lowered_region part = *rest;

	if (part.record.size > left)
		part.record.size = left;
	part.record.backing = HV_BACKING_FIXED;
	part.record.host = range->host.value + dealer->used;
	part.position = range->where.at;
	dealer->used += part.record.size;
	if (dealer->used == range->size.value) {
		dealer->range++;
		dealer->used = 0;
	}
	rest->record.gpa += part.record.size;
	rest->record.size -= part.record.size;
	return part;
}

bool region_is_skewed(const struct hv_region *region)
{
	return region->backing == HV_BACKING_FIXED && region->size >= LARGE_PAGE &&
	       (region->gpa ^ region->host) & (LARGE_PAGE - 1);
}

static void warn_skewed(struct lower_context *context, const struct lowered *guest,
			const struct lowered_region *region)
{
	uint64_t better = (region->record.host & ~(LARGE_PAGE - 1)) + (region->record.gpa & (LARGE_PAGE - 1));
	struct diag *d;

	if (!region_is_skewed(&region->record))
		return;
	d = diag_report(context->diags, BIND_SKEWED, region->position, (unsigned long long)region->record.gpa,
			guest->name, (unsigned long long)region->record.host);
	diag_help(d, "begin the range at 0x%llx, or another multiple of 2 MiB from there",
		  (unsigned long long)(better < region->record.host ? better + LARGE_PAGE : better));
}

static void deal_region(struct lower_context *context, struct lowered *guest, struct dealer *dealer,
			struct lowered_region rest)
{
	while (rest.record.kind == HV_REGION_RAM && rest.record.size && dealer->range < dealer->memory->host.count) {
		struct lowered_region part = deal(dealer, &rest);

		warn_skewed(context, guest, &part);
		vector_push(context->arena, &guest->regions, part);
	}
	if (rest.record.size)
		vector_push(context->arena, &guest->regions, rest);
}

void pass_host_memory(struct lower_context *context, struct lowered *guest)
{
	const __typeof__(guest->regions) whole = guest->regions;
	struct dealer dealer = { .memory = &guest->model->memory };

	for (size_t i = 0; i < whole.count && was_set(dealer.memory->host_node.where); i++)
		if (whole.items[i].record.kind == HV_REGION_RAM)
			whole.items[i].record.host_node = dealer.memory->host_node.value;
	if (!dealer.memory->host.count)
		return;
	memset(&guest->regions, 0, sizeof(guest->regions));
	for (size_t i = 0; i < whole.count; i++)
		deal_region(context, guest, &dealer, whole.items[i]);
}

/* ------------------------------------------------------------------------------- room for the core */

static int by_base(const void *a, const void *b)
{
	const struct window *left = a, *right = b;

	return left->base < right->base ? -1 : left->base > right->base;
}

struct window_list {
	VECTOR(struct window) list;
};

/* What `bind` has taken, sorted. */
static struct window_list taken(struct lower_context *context)
{
	struct window_list all = { 0 };

	for (size_t i = 0; i < context->system->guests.count; i++) {
		const struct lowered *guest = context->system->guests.items[i];

		for (size_t j = 0; j < guest->regions.count; j++) {
			const struct hv_region *r = &guest->regions.items[j].record;

			if (r->backing == HV_BACKING_FIXED)
				vector_push(context->arena, &all.list, ((struct window){ r->host, r->size }));
		}
	}
	if (all.list.count)
		qsort(all.list.items, all.list.count, sizeof(struct window), by_base);
	return all;
}

/* The largest piece that is left of one range of the machine's RAM. */
static uint64_t largest_left(const struct host_range *ram, const struct window_list *all)
{
	uint64_t at = ram->base.value, end = at + ram->size.value, best = 0;

	for (size_t i = 0; i < all->list.count; i++) {
		const struct window *w = &all->list.items[i];

		if (w->base >= end || w->base + w->size <= at)
			continue;
		if (w->base > at && w->base - at > best)
			best = w->base - at;
		at = w->base + w->size;
	}
	return at < end && end - at > best ? end - at : best;
}

static const struct bind *first_bound(const struct system *model)
{
	for (size_t i = 0; i < model->binds.count; i++)
		if (model->binds.items[i].memory.count)
			return &model->binds.items[i];
	return NULL;
}

void check_core_room(struct lower_context *context, uint64_t pool_bytes)
{
	const struct platform *platform = &context->model->platform;
	const struct bind *bind = first_bound(context->model);
	struct window_list all = taken(context);
	char needed[32], left[32];
	uint64_t best = 0;

	if (!platform->memory_map.count || !bind)
		return;
	for (size_t i = 0; i < platform->memory_map.count; i++) {
		const struct host_memory *memory = &platform->memory_map.items[i];
		uint64_t piece = memory->kind.value == RANGE_KIND_RAM ? largest_left(&memory->range, &all) : 0;

		best = piece > best ? piece : best;
	}
	if (best < pool_bytes)
		diag_report(context->diags, BIND_NO_ROOM, bind->memory.items[0].where.at,
			    unit_text(size_units, pool_bytes, needed, sizeof(needed)),
			    unit_text(size_units, best, left, sizeof(left)), platform->name.value);
}

void check_image_room(struct lower_context *context, uint64_t base, uint64_t size)
{
	for (size_t i = 0; i < context->system->guests.count; i++) {
		const struct lowered *guest = context->system->guests.items[i];

		for (size_t j = 0; j < guest->regions.count; j++) {
			const struct lowered_region *r = &guest->regions.items[j];

			if (r->record.backing != HV_BACKING_FIXED || r->record.host >= base + size ||
			    base >= r->record.host + r->record.size)
				continue;
			diag_help(diag_report(context->diags, BIND_ON_IMAGE, r->position,
					      (unsigned long long)r->record.host,
					      (unsigned long long)(r->record.host + r->record.size - 1), guest->name,
					      (unsigned long long)base, (unsigned long long)(base + size - 1)),
				  "the next address that is free of it is 0x%llx",
				  (unsigned long long)((base + size + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1)));
		}
	}
}
