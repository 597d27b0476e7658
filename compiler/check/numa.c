/* SPDX-License-Identifier: Apache-2.0 */
/* NUMA nodes: their numbers, RAM, vCPUs and distances, against each other and the topology. */
#include "check/check.h"

#include <string.h>

#include "base/units.h"

#define LINUX_LEAST_NODE (4ull << 20)

static const struct numa_node *earlier(const struct memory *memory, size_t index)
{
	const struct numa_node *node = memory_node(memory, memory->numa.items[index].node.value);

	return node < &memory->numa.items[index] ? node : NULL;
}

void check_numa_nodes(const struct check_context *c)
{
	const struct memory *memory = &c->guest->memory;
	size_t before = diag_errors(c->diags);
	uint32_t missing = 0;

	for (size_t i = 0; i < memory->numa.count; i++) {
		const struct numa_node *node = &memory->numa.items[i], *first = earlier(memory, i);

		if (!first)
			continue;
		diag_note(diag_report(c->diags, NUMA_NODE_TWICE, node->node.where.at,
				      node->node.value),
			  first->node.where.at, "first here");
	}
	while (memory_node(memory, missing))
		missing++;
	for (size_t i = 0; i < memory->numa.count && diag_errors(c->diags) == before; i++) {
		const struct numa_node *node = &memory->numa.items[i];

		if (node->node.value > missing)
			diag_help(diag_report(c->diags, NUMA_NODE_GAP, node->node.where.at, missing,
					      node->node.value),
				  "number the nodes from 0, without a gap");
	}
}

static const char *size_text(uint64_t size, char *buffer)
{
	return unit_text(size_units, size, buffer, 32);
}

void check_numa_sizes(const struct check_context *c)
{
	const struct memory *memory = &c->guest->memory;
	char nodes[32], guest[32];
	uint64_t sum = 0;
	struct diag *d;

	for (size_t i = 0; i < memory->numa.count; i++) {
		const struct numa_node *node = &memory->numa.items[i];

		sum += node->size.value;
		if (node->size.value < LINUX_LEAST_NODE)
			diag_report(c->diags, NUMA_NODE_SMALL, node->size.where.at);
	}
	if (!memory->numa.count || sum == memory->size.value)
		return;
	d = diag_report(c->diags, NUMA_SUM, memory->numa.items[0].size.where.at,
			size_text(sum, nodes), size_text(memory->size.value, guest));
	if (was_set(memory->size.where))
		diag_note(d, memory->size.where.at, "RAM of the guest");
	for (size_t i = 0; i < memory->regions.count && i < 4; i++)
		diag_note(d, memory->regions.items[i].where.at, "a region");
}

/* ------------------------------------------------------------------------------------ vCPUs */

/* Which node each vCPU is in; NULL: none. */
struct homes {
	const struct check_context *check;
	const struct numa_node **of;
	uint32_t count;
};

static struct homes homes_new(const struct check_context *c)
{
	struct homes homes = { .check = c, .count = c->guest->vcpus.count.value };

	homes.of = arena_array(c->system->arena, homes.count, sizeof(*homes.of));
	return homes;
}

/* Reports the first vCPU of the range that has a home already. */
static void settle(struct homes *homes, const struct numa_node *node, struct number_range range)
{
	bool said = false;
	struct diag *d;

	for (uint32_t cpu = range.first; cpu <= range.last && cpu < homes->count; cpu++) {
		if (homes->of[cpu] && !said) {
			d = diag_report(homes->check->diags, NUMA_CPU_TWICE, node->cpus.where.at, cpu,
					homes->of[cpu]->node.value, node->node.value);
			diag_note(d, homes->of[cpu]->cpus.where.at, "first here");
			said = true;
		}
		if (!homes->of[cpu])
			homes->of[cpu] = node;
	}
}

static void read_node(struct homes *homes, const struct numa_node *node)
{
	const struct check_context *c = homes->check;
	struct number_list list = { 0 };
	const char *fault;

	if (!node->cpus.value)
		return;
	fault = number_list_read(c->system->arena, node->cpus.value, &list);
	if (fault) {
		diag_help(diag_report(c->diags, NUMA_CPU_LIST, node->cpus.where.at, node->cpus.value),
			  "`%.*s` does not fit; write numbers and ranges, as in `0-3,8`",
			  (int)strcspn(fault, ","), fault);
		return;
	}
	for (size_t i = 0; i < list.ranges.count; i++) {
		struct number_range range = list.ranges.items[i];

		if (range.last >= homes->count) {
			struct diag *d = diag_report(c->diags, NUMA_NO_VCPU, node->cpus.where.at,
						     range.first < homes->count ? homes->count :
										  range.first,
						     homes->count, homes->count == 1 ? "" : "s");

			if (was_set(c->guest->vcpus.count.where))
				diag_note(d, c->guest->vcpus.count.where.at, "count set here");
		}
		settle(homes, node, range);
	}
}

static void report_homeless(const struct homes *homes)
{
	const struct check_context *c = homes->check;
	uint32_t missing = 0, first = 0;
	struct diag *d;

	for (uint32_t cpu = homes->count; cpu-- > 0;) {
		if (homes->of[cpu])
			continue;
		missing++;
		first = cpu;
	}
	if (!missing)
		return;
	d = diag_report(c->diags, NUMA_CPU_MISSING, c->guest->memory.numa.items[0].where.at, missing,
			missing == 1 ? " is" : "s are", first);
	diag_help(d, "list each vCPU in the `cpus` of one node");
}

void check_numa_cpus(const struct check_context *c)
{
	const struct memory *memory = &c->guest->memory;
	size_t before = diag_errors(c->diags);
	struct homes homes;

	if (!memory->numa.count)
		return;
	homes = homes_new(c);
	for (size_t i = 0; i < memory->numa.count; i++)
		read_node(&homes, &memory->numa.items[i]);
	if (diag_errors(c->diags) == before)
		report_homeless(&homes);
}

/* The first vCPU that is not in the node of its unit's first one; count when there is none. */
static uint32_t first_stranger(const struct homes *homes, uint32_t unit)
{
	for (uint32_t cpu = 0; cpu < homes->count; cpu++)
		if (homes->of[cpu] != homes->of[cpu - cpu % unit])
			return cpu;
	return homes->count;
}

void check_numa_sharing(const struct check_context *c)
{
	const struct memory *memory = &c->guest->memory;
	const struct topology *t = &c->guest->vcpus.topology;
	uint32_t core = t->threads.value, die = core * t->cores.value, split;
	struct homes homes;
	struct diag *d = NULL;

	if (!memory->numa.count)
		return;
	homes = homes_new(c);
	for (size_t i = 0; i < memory->numa.count; i++)
		read_node(&homes, &memory->numa.items[i]);
	split = first_stranger(&homes, core);
	if (split < homes.count) {
		core = split - split % core;
		d = diag_report(c->diags, NUMA_CORE_SPLIT, homes.of[split]->cpus.where.at, core, split,
				homes.of[core]->node.value, homes.of[split]->node.value);
	} else if ((split = first_stranger(&homes, die)) < homes.count) {
		core = split - split % die;
		d = diag_report(c->diags, NUMA_CACHE_SPLIT, homes.of[split]->cpus.where.at, core,
				split, homes.of[core]->node.value, homes.of[split]->node.value);
	}
	if (!d)
		return;
	diag_note(d, homes.of[core]->cpus.where.at, "vCPU %u", core);
	if (was_set(t->where))
		diag_note(d, t->where.at, "the topology");
}

/* -------------------------------------------------------------------------------- distances */

static void check_back(const struct check_context *c, const struct numa_node *node,
		       const struct distance *distance)
{
	const struct numa_node *other = memory_node(&c->guest->memory, distance->node);

	for (size_t i = 0; i < other->distances.count; i++) {
		const struct distance *back = &other->distances.items[i];

		if (back->node != node->node.value || back->value == distance->value ||
		    other->node.value > node->node.value)
			continue;
		diag_note(diag_report(c->diags, NUMA_DISTANCE_ONE_WAY, distance->where.at,
				      other->node.value, distance->value, node->node.value,
				      back->value),
			  back->where.at, "the other way");
	}
}

static void check_distance(const struct check_context *c, const struct numa_node *node,
			   const struct distance *distance)
{
	bool self = distance->node == node->node.value;

	if (!memory_node(&c->guest->memory, distance->node))
		diag_report(c->diags, NUMA_DISTANCE_UNKNOWN, distance->key.at, distance->node);
	else if (self && distance->value != DISTANCE_LOCAL)
		diag_report(c->diags, NUMA_DISTANCE_SELF, distance->where.at, distance->value);
	else if (!self && distance->value <= DISTANCE_LOCAL)
		diag_report(c->diags, NUMA_DISTANCE_SHORT, distance->where.at, distance->node,
			    node->node.value);
	else if (!self)
		check_back(c, node, distance);
}

void check_numa_distances(const struct check_context *c)
{
	const struct memory *memory = &c->guest->memory;

	for (size_t i = 0; i < memory->numa.count; i++) {
		const struct numa_node *node = &memory->numa.items[i];

		for (size_t j = 0; j < node->distances.count; j++)
			check_distance(c, node, &node->distances.items[j]);
	}
}
