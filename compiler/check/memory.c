/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory: sizes, and regions against each other and against what is fixed. */
#include "check/check.h"

#include <stdlib.h>

#include "base/units.h"

/* IOAPIC, HPET, local APICs and the reset vector: fixed in every PC. */
#define CHIPS_START 0xfec00000ull
#define CHIPS_END   0x100000000ull
/* Processors start below 1 MiB, and boot protocols keep their data there. */
#define LOW_END 0x80000ull

static const char *size_text(uint64_t size, char *buffer)
{
	return unit_text(size_units, size, buffer, 32);
}

void check_memory_size(const struct check_context *c)
{
	const struct memory *memory = &c->guest->memory;
	char sum_text[32], set_text[32];
	uint64_t sum = 0;
	struct diag *d;

	if (!memory->regions.count) {
		if (was_set(memory->size.where) || memory->numa.count)
			return;
		d = diag_report(c->diags, NO_MEMORY, memory->where.at, c->guest->name.value);
		diag_help(d, "give `size`, for example `memory: { size: 512MiB }`");
		return;
	}
	for (size_t i = 0; i < memory->regions.count; i++)
		if (memory->regions.items[i].kind.value == REGION_KIND_RAM)
			sum += memory->regions.items[i].size.value;
	if (sum == memory->size.value)
		return;
	d = diag_report(c->diags, MEMORY_SUM, memory->size.where.at, size_text(sum, sum_text),
			size_text(memory->size.value, set_text));
	for (size_t i = 0; i < memory->regions.count && i < 4; i++)
		if (memory->regions.items[i].kind.value == REGION_KIND_RAM)
			diag_note(d, memory->regions.items[i].size.where.at, "RAM");
	diag_help(d, "set `size: %s`, or leave `size` out", sum_text);
}

static uint64_t region_end(const struct region *region)
{
	return region->gpa.value + region->size.value;
}

static void report_overlap(const struct check_context *c, const struct region *low,
			   const struct region *high)
{
	uint64_t end = region_end(low) < region_end(high) ? region_end(low) : region_end(high);
	bool low_is_later = low->where.at.offset > high->where.at.offset;
	const struct region *at = low_is_later ? low : high, *other = low_is_later ? high : low;
	struct diag *d = diag_report(c->diags, REGION_OVERLAP, at->where.at,
				     (unsigned long long)high->gpa.value,
				     (unsigned long long)end - 1);

	diag_label(d, "0x%llx to 0x%llx", (unsigned long long)at->gpa.value,
		   (unsigned long long)region_end(at) - 1);
	diag_note(d, other->where.at, "0x%llx to 0x%llx", (unsigned long long)other->gpa.value,
		  (unsigned long long)region_end(other) - 1);
}

void check_region_limits(const struct check_context *c)
{
	const struct memory *memory = &c->guest->memory;

	for (size_t i = 0; i < memory->regions.count; i++) {
		const struct region *region = &memory->regions.items[i];
		uint64_t end = region_end(region);
		struct diag *d;

		if (end > GUEST_PHYSICAL_END) {
			d = diag_report(c->diags, REGION_LIMIT, region->where.at,
					(unsigned long long)end - 1);
			diag_help(d, "guest-physical addresses have 39 bits: the last one is "
				     "0x%llx", GUEST_PHYSICAL_END - 1);
		} else if (region->kind.value == REGION_KIND_RAM && region->gpa.value < CHIPS_END &&
			   end > CHIPS_START) {
			d = diag_report(c->diags, REGION_CHIPS, region->where.at, CHIPS_START,
					CHIPS_END - 1);
			diag_help(d, "end this region below 0x%llx and put the rest at 0x%llx",
				  CHIPS_START, CHIPS_END);
		}
	}
}

static int by_address(const void *left, const void *right)
{
	const struct region *a = *(const struct region *const *)left;
	const struct region *b = *(const struct region *const *)right;

	if (a->gpa.value != b->gpa.value)
		return a->gpa.value < b->gpa.value ? -1 : 1;
	return a->where.at.offset < b->where.at.offset ? -1 : 1;
}

void check_region_overlap(const struct check_context *c)
{
	const struct memory *memory = &c->guest->memory;
	size_t count = memory->regions.count;
	const struct region **sorted = arena_array(c->system->arena, count, sizeof(*sorted));
	const struct region *reaches;

	for (size_t i = 0; i < count; i++)
		sorted[i] = &memory->regions.items[i];
	if (count)
		qsort(sorted, count, sizeof(*sorted), by_address);
	reaches = sorted[0];
	for (size_t i = 1; i < count; i++) {
		if (region_end(reaches) > sorted[i]->gpa.value)
			report_overlap(c, reaches, sorted[i]);
		if (region_end(sorted[i]) > region_end(reaches))
			reaches = sorted[i];
	}
}

void check_region_low(const struct check_context *c)
{
	const struct memory *memory = &c->guest->memory;
	struct diag *d;

	if (!memory->regions.count)
		return;
	for (size_t i = 0; i < memory->regions.count; i++) {
		const struct region *region = &memory->regions.items[i];

		if (region->kind.value == REGION_KIND_RAM && !region->gpa.value &&
		    region->size.value >= LOW_END)
			return;
	}
	d = diag_report(c->diags, REGION_LOW, memory->where.at, LOW_END >> 10);
	diag_help(d, "begin with a region `{ gpa: 0, size: ... }` of at least %lluKiB",
		  LOW_END >> 10);
}

#define HOLE_START 0xc0000000ull

static void add_range(const struct check_context *c, struct guest_ranges *ranges, const char *name,
		      uint64_t first, uint64_t end, bool ram, struct position at)
{
	struct guest_range range = { name, first, end, ram, at };

	if (first < end)
		vector_push(c->system->arena, &ranges->list, range);
}

void check_memory_map(const struct check_context *c, struct guest_ranges *ranges)
{
	const struct memory *memory = &c->guest->memory;
	uint64_t size = memory->size.value, low = size < HOLE_START ? size : HOLE_START;
	struct position at = was_set(memory->size.where) ? memory->size.where.at : memory->where.at;

	add_range(c, ranges, "the window of PCI devices and interrupt controllers", HOLE_START,
		  CHIPS_END, false, (struct position){ 0 });
	for (size_t i = 0; i < memory->regions.count; i++) {
		const struct region *r = &memory->regions.items[i];
		bool ram = r->kind.value == REGION_KIND_RAM;

		add_range(c, ranges, ram ? "RAM" : "a reserved region", r->gpa.value, region_end(r),
			  ram, r->where.at);
	}
	if (memory->regions.count)
		return;
	add_range(c, ranges, "RAM", 0, low, true, at);
	add_range(c, ranges, "RAM", CHIPS_END, CHIPS_END + size - low, true, at);
}
