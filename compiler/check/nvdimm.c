/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NVDIMMs, and all that lies in a guest's address space at a place of the file's choosing: modules, enclave
 * memory and windows against the RAM, the PC's own, and each other.
 */
#include "check/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/units.h"

#define SECTION	    (128ull << 20) /* Linux's, on x86-64 */
#define LEAST_LABEL (128ull << 10)

static const char *size_text(const struct check_context *c, uint64_t size)
{
	char buffer[32];

	return arena_strdup(c->system->arena, unit_text(size_units, size, buffer, sizeof(buffer)));
}

/* ------------------------------------------------------------------------------- one module */

/* Address and size against the module's alignment and Linux's. */
static void check_multiples(const struct check_context *c, const struct nvdimm *n)
{
	const struct {
		const char *name;
		uint64_t value;
		struct where where;
	} values[] = { { "size", n->size.value, n->size.where }, { "gpa", n->gpa.value, n->gpa.where } };

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		struct diag *d;

		if (values[i].value % n->align.value) {
			d = diag_report(c->diags, NVDIMM_ALIGN, values[i].where.at, values[i].name,
					n->id.value, size_text(c, n->align.value));
			if (was_set(n->align.where))
				diag_note(d, n->align.where.at, "alignment");
		} else if (values[i].value % SECTION) {
			diag_report(c->diags, NVDIMM_SECTION, values[i].where.at, values[i].name,
				    n->id.value);
		}
	}
}

static void check_backing(const struct check_context *c, const struct nvdimm *n)
{
	const struct nvdimm_backing *b = &n->backing;
	struct diag *d;

	if (was_set(b->pmem.where) && b->file.value) {
		d = diag_report(c->diags, NVDIMM_BACKINGS, b->file.where.at, n->id.value);
		diag_note(d, b->pmem.where.at, "one is here already");
	} else if (!was_set(b->pmem.where) && !b->file.value) {
		d = diag_report(c->diags, NVDIMM_VOLATILE, n->id.where.at, n->id.value);
		diag_help(d, "give `backing: { pmem: ... }`, or plain RAM in `memory.size`");
	}
	if (n->readonly.value && !n->unarmed.value)
		diag_help(diag_report(c->diags, NVDIMM_READONLY, n->readonly.where.at, n->id.value),
			  "add `unarmed: true`");
}

void check_nvdimm_parts(const struct check_context *c)
{
	for (size_t i = 0; i < c->guest->memory.nvdimm.count; i++) {
		const struct nvdimm *n = &c->guest->memory.nvdimm.items[i];

		if (n->align.value & (n->align.value - 1))
			diag_report(c->diags, NVDIMM_ALIGN_POWER, n->align.where.at,
				    size_text(c, n->align.value));
		else
			check_multiples(c, n);
		if (n->label_size.value && n->label_size.value < LEAST_LABEL)
			diag_report(c->diags, NVDIMM_LABEL, n->label_size.where.at,
				    size_text(c, n->label_size.value));
		check_backing(c, n);
	}
}

/* --------------------------------------------------------------------- the machine's modules */

static int by_pmem(const void *left, const void *right)
{
	const struct nvdimm *a = *(const struct nvdimm *const *)left;
	const struct nvdimm *b = *(const struct nvdimm *const *)right;

	if (a->backing.pmem.value != b->backing.pmem.value)
		return a->backing.pmem.value < b->backing.pmem.value ? -1 : 1;
	return a->where.at.offset < b->where.at.offset ? -1 : 1;
}

/* The labels lie behind the module. */
static uint64_t pmem_end(const struct nvdimm *n)
{
	return n->backing.pmem.value + n->size.value + n->label_size.value;
}

void check_pmem(const struct check_context *c)
{
	VECTOR(const struct nvdimm *) all = { 0 };

	for (size_t i = 0; i < c->system->guests.count; i++) {
		const struct memory *memory = &c->system->guests.items[i]->memory;

		for (size_t j = 0; j < memory->nvdimm.count; j++)
			if (was_set(memory->nvdimm.items[j].backing.pmem.where))
				vector_push(c->system->arena, &all, &memory->nvdimm.items[j]);
	}
	if (all.count)
		qsort(all.items, all.count, sizeof(*all.items), by_pmem);
	for (size_t i = 1; i < all.count; i++) {
		const struct nvdimm *low = all.items[i - 1], *high = all.items[i];
		uint64_t end = pmem_end(low) < pmem_end(high) ? pmem_end(low) : pmem_end(high);
		struct diag *d;

		if (pmem_end(low) <= high->backing.pmem.value)
			continue;
		d = diag_report(c->diags, PMEM_TWICE, high->backing.pmem.where.at, low->id.value,
				high->id.value, (unsigned long long)high->backing.pmem.value,
				(unsigned long long)end - 1);
		diag_note(d, low->backing.pmem.where.at, "%s and labels of %s from here",
			  size_text(c, low->size.value), size_text(c, low->label_size.value));
	}
}

/* ------------------------------------------------------------------- guest-physical addresses */

/* A region of a system's document that is wrong may have no name. */
static const struct shmem_region *find_region(const struct system *system, const char *name)
{
	for (size_t i = 0; i < system->shmem_regions.count; i++)
		if (system->shmem_regions.items[i].name.value &&
		    !strcmp(system->shmem_regions.items[i].name.value, name))
			return &system->shmem_regions.items[i];
	return NULL;
}

static void add(const struct check_context *c, struct guest_ranges *ranges, const char *name,
		uint64_t gpa, uint64_t size, struct where where)
{
	struct guest_range range = { name, gpa, gpa + size, false, where.at };

	if (was_set(where))
		vector_push(c->system->arena, &ranges->list, range);
}

/* What the file puts at an address, besides `regions`. */
static void add_placed(const struct check_context *c, struct guest_ranges *ranges)
{
	const struct memory *memory = &c->guest->memory;
	struct arena *arena = c->system->arena;

	for (size_t i = 0; i < memory->nvdimm.count; i++) {
		const struct nvdimm *n = &memory->nvdimm.items[i];

		add(c, ranges, arena_printf(arena, "`%s`", n->id.value), n->gpa.value,
		    n->size.value, n->gpa.where);
	}
	for (size_t i = 0; i < memory->sgx_epc.count; i++)
		add(c, ranges, "enclave memory", memory->sgx_epc.items[i].gpa.value,
		    memory->sgx_epc.items[i].size.value, memory->sgx_epc.items[i].gpa.where);
	for (size_t i = 0; i < c->guest->devices.shmem.count; i++) {
		const struct shmem *s = &c->guest->devices.shmem.items[i];
		const struct shmem_region *region = find_region(c->system, s->region.value);

		if (region)
			add(c, ranges, arena_printf(arena, "`%s`", s->id.value), s->gpa.value,
			    region->size.value, s->gpa.where);
	}
}

static void report_overlap(const struct check_context *c, const struct guest_range *range,
			   const struct guest_range *other)
{
	struct diag *d = diag_report(c->diags, RANGE_OVERLAP, range->at, range->name,
				     (unsigned long long)range->first,
				     (unsigned long long)range->end - 1, other->name);

	diag_note(d, other->at, "%s is at 0x%llx to 0x%llx", other->name,
		  (unsigned long long)other->first, (unsigned long long)other->end - 1);
}

void check_guest_ranges(const struct check_context *c)
{
	struct guest_ranges ranges = { 0 };
	size_t fixed;

	check_memory_map(c, &ranges);
	fixed = ranges.list.count;
	add_placed(c, &ranges);
	for (size_t i = fixed; i < ranges.list.count; i++) {
		const struct guest_range *range = &ranges.list.items[i], *other = NULL;

		if (range->end > GUEST_PHYSICAL_END)
			diag_report(c->diags, RANGE_LIMIT, range->at, range->name,
				    (unsigned long long)range->end - 1);
		for (size_t j = 0; j < i && !other; j++)
			if (ranges.list.items[j].first < range->end &&
			    range->first < ranges.list.items[j].end)
				other = &ranges.list.items[j];
		if (other)
			report_overlap(c, range, other);
	}
}
