/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPU graph: places, APIC ids and the shifts that lead from one to the other.
 *
 * Ids are numbered with each level's field rounded up to a power of two. A person may give ids
 * of their own. Either way the shifts are then read off the ids: the least shift that makes the
 * ids of each unit one value. If two units share that value, no CPUID leaf can tell them apart.
 */
#include "lower/cpu.h"

#include <stdlib.h>
#include <string.h>

/* Caches as they are common today, sizes in KiB; shared by a core, the last one by a die. */
static const struct cpu_cache cache_table[CPU_CACHES] = {
	{ .level = 1, .type = CPU_CACHE_DATA, .size = 32 << 10, .line = 64, .ways = 8, .sets = 64 },
	{ .level = 1, .type = CPU_CACHE_INSTRUCTION, .size = 32 << 10, .line = 64, .ways = 8,
	  .sets = 64 },
	{ .level = 2, .type = CPU_CACHE_UNIFIED, .size = 512 << 10, .line = 64, .ways = 8,
	  .sets = 1024 },
	{ .level = 3, .type = CPU_CACHE_UNIFIED, .size = 16 << 20, .line = 64, .ways = 16,
	  .sets = 16384 },
};

uint32_t cpu_shape_count(struct cpu_shape shape)
{
	const uint32_t factors[] = { shape.sockets, shape.dies, shape.cores, shape.threads };
	uint64_t count = 1;

	for (size_t i = 0; i < 4; i++) {
		if (factors[i] > CPU_MAX)
			return 0;
		count *= factors[i];
		if (count > CPU_MAX)
			return 0;
	}
	return (uint32_t)count;
}

/* Bits that hold count different values. */
static uint32_t width_of(uint32_t count)
{
	return count <= 1 ? 0 : 32 - (uint32_t)__builtin_clz(count - 1);
}

static void place_cpu(struct cpu_place *cpu, uint32_t number, const struct cpu_shape *shape)
{
	cpu->thread = number % shape->threads;
	number /= shape->threads;
	cpu->core = number % shape->cores;
	number /= shape->cores;
	cpu->die = number % shape->dies;
	cpu->package = number / shape->dies;
	cpu->core_id = (cpu->die * shape->cores + cpu->core) & 0xff;
	cpu->node_id = (cpu->package * shape->dies + cpu->die) & 0xff;
}

/* 16 bits of count cost at most three bits of rounding: an id always fits 32 bits. */
static uint32_t numbered_id(const struct cpu_place *cpu, const struct cpu_shape *shape)
{
	uint32_t id = cpu->package;

	id = id << width_of(shape->dies) | cpu->die;
	id = id << width_of(shape->cores) | cpu->core;
	return id << width_of(shape->threads) | cpu->thread;
}

/* The least shift, from `least` on, that makes the ids of each run of `unit` CPUs one value. */
static uint32_t shift_of(const struct cpu_topology *topology, uint32_t unit, uint32_t least)
{
	const struct cpu_place *cpus = topology->cpus;
	uint32_t differing = 0, shift;

	for (uint32_t i = 0; i < topology->count; i++)
		differing |= cpus[i].apic_id ^ cpus[i - i % unit].apic_id;
	shift = differing ? 32 - (uint32_t)__builtin_clz(differing) : 0;
	return shift > least ? shift : least;
}

static int compare_ids(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

/* Whether different runs of `unit` CPUs have different values at this shift. */
static bool units_differ(struct arena *arena, const struct cpu_topology *topology, uint32_t unit,
			 uint32_t shift)
{
	uint32_t units = topology->count / unit;
	uint64_t *values = arena_array(arena, units, sizeof(*values));

	for (uint32_t i = 0; i < units; i++)
		values[i] = (uint64_t)topology->cpus[i * unit].apic_id >> shift;
	qsort(values, units, sizeof(*values), compare_ids);
	for (uint32_t i = 1; i < units; i++) {
		if (values[i] == values[i - 1])
			return false;
	}
	return true;
}

static bool find_shifts(struct arena *arena, struct cpu_topology *topology)
{
	uint32_t core = topology->shape.threads, die = core * topology->shape.cores;
	uint32_t package = die * topology->shape.dies;

	topology->core_shift = shift_of(topology, core, 0);
	topology->die_shift = shift_of(topology, die, topology->core_shift);
	topology->package_shift = shift_of(topology, package, topology->die_shift);
	return units_differ(arena, topology, 1, 0) &&
	       units_differ(arena, topology, core, topology->core_shift) &&
	       units_differ(arena, topology, die, topology->die_shift) &&
	       units_differ(arena, topology, package, topology->package_shift);
}

bool cpu_topology_build(struct arena *arena, struct cpu_shape shape, const uint32_t *ids,
			struct cpu_topology *topology)
{
	*topology = (struct cpu_topology){ .shape = shape, .count = cpu_shape_count(shape) };
	if (!topology->count)
		return false;
	topology->cpus = arena_array(arena, topology->count, sizeof(*topology->cpus));
	for (uint32_t i = 0; i < topology->count; i++) {
		struct cpu_place *cpu = &topology->cpus[i];

		place_cpu(cpu, i, &shape);
		cpu->apic_id = ids ? ids[i] : numbered_id(cpu, &shape);
		if (cpu->apic_id > topology->max_apic_id)
			topology->max_apic_id = cpu->apic_id;
	}
	if (!find_shifts(arena, topology))
		return false;
	memcpy(topology->caches, cache_table, sizeof(cache_table));
	for (size_t i = 0; i < CPU_CACHES; i++)
		topology->caches[i].shift =
			cache_table[i].level == 3 ? topology->die_shift : topology->core_shift;
	return true;
}
