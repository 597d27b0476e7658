/* SPDX-License-Identifier: Apache-2.0 */
/* A platform document against itself: facts that cannot all be true, and facts that are stale. */
#include "check/check.h"

#include <sodium/crypto_hash_sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Files of a later probe may say things that this hvcc does not look at. */
#define KNOWN_REVISION 1u

static uint64_t range_end(const struct host_range *range)
{
	return range->base.value + range->size.value;
}

/* Where the line of a place begins, in its file. */
static size_t line_start(const struct source *source, size_t offset)
{
	while (offset && source->text[offset - 1] != '\n')
		offset--;
	return offset;
}

void check_machine_hash(const struct check_context *c)
{
	const struct platform *platform = &c->system->platform;
	const struct source *source;
	uint8_t hash[crypto_hash_sha256_BYTES];
	char digits[2 * sizeof(hash) + 1];
	struct diag *d;

	if (!was_set(platform->hash.where))
		return;
	source = source_get(c->system->sources, platform->hash.where.at.file);
	crypto_hash_sha256(hash, (const uint8_t *)source->text,
			   line_start(source, platform->hash.where.at.offset));
	for (size_t i = 0; i < sizeof(hash); i++)
		snprintf(digits + 2 * i, 3, "%02x", hash[i]);
	if (!strcmp(digits, platform->hash.value))
		return;
	d = diag_report(c->diags, MACHINE_CHANGED, platform->hash.where.at, platform->name.value);
	diag_help(d, "probe the machine again, or take `hash` out if the change is meant");
}

void check_machine_revision(const struct check_context *c)
{
	const struct host_probe *probe = &c->system->platform.probe;
	struct diag *d;

	if (!was_set(probe->revision.where) || probe->revision.value <= KNOWN_REVISION)
		return;
	d = diag_report(c->diags, MACHINE_REVISION, probe->revision.where.at, probe->revision.value, KNOWN_REVISION);
	diag_help(d, "use the hvcc that probed the machine, or probe it with this one");
}

/* ----------------------------------------------------------------------------- CPUs, functions */

static int by_apic_id(const void *left, const void *right)
{
	const struct host_cpu *a = *(const struct host_cpu *const *)left;
	const struct host_cpu *b = *(const struct host_cpu *const *)right;

	if (a->apic_id.value != b->apic_id.value)
		return a->apic_id.value < b->apic_id.value ? -1 : 1;
	return (a > b) - (a < b);
}

void check_machine_apic_ids(const struct check_context *c)
{
	const struct platform *platform = &c->system->platform;
	size_t count = platform->cpu_list.count;
	const struct host_cpu **sorted = arena_array(c->system->arena, count, sizeof(*sorted));

	for (size_t i = 0; i < count; i++)
		sorted[i] = &platform->cpu_list.items[i];
	if (count)
		qsort(sorted, count, sizeof(*sorted), by_apic_id);
	for (size_t i = 1; i < count; i++) {
		struct diag *d;

		if (sorted[i]->apic_id.value != sorted[i - 1]->apic_id.value)
			continue;
		d = diag_report(c->diags, MACHINE_APIC_TWICE, sorted[i]->apic_id.where.at, sorted[i]->apic_id.value);
		diag_note(d, sorted[i - 1]->apic_id.where.at, "first given here");
	}
}

static int by_address(const void *left, const void *right)
{
	const struct host_pci *a = *(const struct host_pci *const *)left;
	const struct host_pci *b = *(const struct host_pci *const *)right;
	int order = strcmp(a->address.value, b->address.value);

	return order ? order : (a > b) - (a < b);
}

void check_machine_pci(const struct check_context *c)
{
	const struct platform *platform = &c->system->platform;
	size_t count = platform->pci.count;
	const struct host_pci **sorted = arena_array(c->system->arena, count, sizeof(*sorted));

	for (size_t i = 0; i < count; i++)
		sorted[i] = &platform->pci.items[i];
	if (count)
		qsort(sorted, count, sizeof(*sorted), by_address);
	for (size_t i = 1; i < count; i++) {
		struct diag *d;

		if (strcmp(sorted[i]->address.value, sorted[i - 1]->address.value))
			continue;
		d = diag_report(c->diags, MACHINE_PCI_TWICE, sorted[i]->address.where.at, sorted[i]->address.value);
		diag_note(d, sorted[i - 1]->address.where.at, "first listed here");
	}
}

/* ------------------------------------------------------------------------------------- memory */

static int by_base(const void *left, const void *right)
{
	const struct host_range *a = *(const struct host_range *const *)left;
	const struct host_range *b = *(const struct host_range *const *)right;

	if (a->base.value != b->base.value)
		return a->base.value < b->base.value ? -1 : 1;
	return (a->where.at.offset > b->where.at.offset) - (a->where.at.offset < b->where.at.offset);
}

struct ranges {
	VECTOR(const struct host_range *) list;
};

/* Ranges that may not share an address; each is held against the one that reaches furthest before it. */
static void check_overlaps(const struct check_context *c, struct ranges *ranges, const char *what)
{
	const struct host_range *reaches;

	if (!ranges->list.count)
		return;
	qsort(ranges->list.items, ranges->list.count, sizeof(*ranges->list.items), by_base);
	reaches = ranges->list.items[0];
	for (size_t i = 1; i < ranges->list.count; i++) {
		const struct host_range *range = ranges->list.items[i];
		uint64_t end = range_end(range) < range_end(reaches) ? range_end(range) : range_end(reaches);

		if (end > range->base.value) {
			bool later = range->where.at.offset > reaches->where.at.offset;
			struct diag *d = diag_report(c->diags, MACHINE_RANGES, (later ? range : reaches)->where.at, what,
						     (unsigned long long)range->base.value,
						     (unsigned long long)end - 1);

			diag_note(d, (later ? reaches : range)->where.at, "this range has them, too");
		}
		if (range_end(range) > range_end(reaches))
			reaches = range;
	}
}

void check_machine_memory(const struct check_context *c)
{
	const struct platform *platform = &c->system->platform;
	struct ranges map = { 0 }, nodes = { 0 };

	for (size_t i = 0; i < platform->memory_map.count; i++)
		vector_push(c->system->arena, &map.list, &platform->memory_map.items[i].range);
	for (size_t i = 0; i < platform->nodes.count; i++)
		for (size_t j = 0; j < platform->nodes.items[i].memory.count; j++)
			vector_push(c->system->arena, &nodes.list, &platform->nodes.items[i].memory.items[j]);
	check_overlaps(c, &map, "of the memory map");
	check_overlaps(c, &nodes, "of the nodes' memory");
}

/* -------------------------------------------------------------------------------------- nodes */

static void check_node(const struct check_context *c, struct where where, uint32_t node)
{
	const struct platform *platform = &c->system->platform;
	struct diag *d;

	if (!was_set(where) || node < platform->nodes.count)
		return;
	d = diag_report(c->diags, MACHINE_NODE, where.at, node, platform->nodes.count);
	if (platform->nodes.count)
		diag_note(d, platform->nodes.items[0].where.at, "the first node");
}

void check_machine_nodes(const struct check_context *c)
{
	const struct platform *platform = &c->system->platform;

	for (size_t i = 0; i < platform->cpu_list.count; i++)
		check_node(c, platform->cpu_list.items[i].node.where, platform->cpu_list.items[i].node.value);
	for (size_t i = 0; i < platform->pci.count; i++)
		check_node(c, platform->pci.items[i].node.where, platform->pci.items[i].node.value);
	for (size_t i = 0; i < platform->pmem.count; i++)
		check_node(c, platform->pmem.items[i].node.where, platform->pmem.items[i].node.value);
}

static void check_pair(const struct check_context *c, const struct host_node *nodes, size_t i, size_t j)
{
	uint32_t there = nodes[i].distances.items[j].value, back = nodes[j].distances.items[i].value;
	struct diag *d;

	if (there == back)
		return;
	d = diag_report(c->diags, MACHINE_ASYMMETRY, nodes[j].distances.items[i].where.at, j, i, back, there);
	diag_note(d, nodes[i].distances.items[j].where.at, "%zu to %zu", i, j);
}

void check_machine_distances(const struct check_context *c)
{
	const struct platform *platform = &c->system->platform;
	const struct host_node *nodes = platform->nodes.items;
	size_t count = platform->nodes.count;
	bool complete = true;

	for (size_t i = 0; i < count; i++) {
		size_t given = nodes[i].distances.count;

		complete &= given == count;
		if (given && given != count)
			diag_report(c->diags, MACHINE_DISTANCES, nodes[i].distances.items[0].where.at, i, given, count);
		else if (given && nodes[i].distances.items[i].value != 10)
			diag_report(c->diags, MACHINE_DISTANCE_SELF, nodes[i].distances.items[i].where.at, i,
				    nodes[i].distances.items[i].value);
	}
	for (size_t i = 0; complete && i < count; i++)
		for (size_t j = i + 1; j < count; j++)
			check_pair(c, nodes, i, j);
}

/* What a probe looked for and did not find; a document by hand says what it likes. */
void check_machine_missing(const struct check_context *c)
{
	const struct platform *platform = &c->system->platform;
	struct diag *d;

	if (!was_set(platform->probe.where) || !c->system->guests.count)
		return;
	if (!was_set(platform->s5_type.where) && c->system->poweroff_when_idle.value) {
		d = diag_report(c->diags, MACHINE_NO_S5, platform->probe.where.at, platform->name.value);
		diag_help(d, "the core looks for `_S5_` when it starts; it halts where there is none");
	}
	if (!was_set(platform->tsc_khz.where) && !was_set(platform->hpet.where))
		diag_report(c->diags, MACHINE_NO_CLOCK, platform->probe.where.at, platform->name.value);
}
