/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI 6.3, 5.2.29 "Processor Properties Topology Table (PPTT)": packages, dies where a package has
 * several, cores, threads where a core has several; each with the caches that are its own.
 */
#include "acpi/table.h"

enum node_flags { /* table 5-151 */
	NODE_PACKAGE = 1u << 0,
	NODE_HAS_PROCESSOR_ID = 1u << 1,
	NODE_THREAD = 1u << 2,
	NODE_LEAF = 1u << 3,
};

enum { NODE = 0, CACHE = 1, NODE_SIZE = 20, CACHE_SIZE = 24, REVISION = 2 };
enum { ALL_VALID = 0x7f, READ_WRITE_ALLOCATE = 2, UNIFIED = 3 };

enum level { LEVEL_PACKAGE, LEVEL_DIE, LEVEL_CORE, LEVEL_THREAD, LEVELS };

/* A walk down the levels: offsets of the nodes and of the last cache of each kind above. */
struct walk {
	struct buffer *table;
	const struct cpu_topology *topology;
	uint32_t parent[LEVELS];	 /* offset of the open node of that level, 0: none */
	uint32_t caches[CPU_CACHES]; /* offset of the open instance of each cache */
};

static bool present(const struct cpu_topology *topology, enum level level)
{
	const bool has[LEVELS] = {
		[LEVEL_PACKAGE] = true,
		[LEVEL_DIE] = topology->shape.dies > 1,
		[LEVEL_CORE] = true,
		[LEVEL_THREAD] = topology->shape.threads > 1,
	};

	return has[level];
}

/* APIC ids that agree above this many bits are in one node of the level. */
static uint32_t shift_of(const struct cpu_topology *topology, enum level level)
{
	const uint32_t shifts[LEVELS] = { topology->package_shift, topology->die_shift,
					  topology->core_shift, 0 };

	return shifts[level];
}

/* The lowest level present whose nodes hold whole instances of the cache. */
static enum level level_of(const struct cpu_topology *topology, const struct cpu_cache *cache)
{
	enum level level = LEVEL_THREAD;

	while (level > LEVEL_PACKAGE &&
	       (!present(topology, level) || shift_of(topology, level) < cache->shift))
		level--;
	return level;
}

static uint32_t next_cache(const struct walk *walk, size_t cache)
{
	for (size_t i = cache + 1; i < CPU_CACHES; i++)
		if (walk->topology->caches[i].size &&
		    walk->topology->caches[i].level == walk->topology->caches[cache].level + 1)
			return walk->caches[i];
	return 0;
}

static void add_cache(struct walk *walk, size_t index)
{
	const struct cpu_cache *cache = &walk->topology->caches[index];
	uint8_t kind = cache->type == CPU_CACHE_UNIFIED	    ? UNIFIED :
		       cache->type == CPU_CACHE_INSTRUCTION ? 1 :
							      0;
	uint32_t next = next_cache(walk, index);

	walk->caches[index] = (uint32_t)buffer_u8(walk->table, CACHE);
	buffer_u8(walk->table, CACHE_SIZE);
	buffer_u16(walk->table, 0);
	buffer_u32(walk->table, ALL_VALID);
	buffer_u32(walk->table, next);
	buffer_u32(walk->table, cache->size);
	buffer_u32(walk->table, cache->sets);
	buffer_u8(walk->table, (uint8_t)cache->ways);
	buffer_u8(walk->table, (uint8_t)(READ_WRITE_ALLOCATE | kind << 2));
	buffer_u16(walk->table, (uint16_t)cache->line);
}

static uint32_t parent_of(const struct walk *walk, enum level level)
{
	while (level-- > LEVEL_PACKAGE)
		if (present(walk->topology, level))
			return walk->parent[level];
	return 0;
}

/* Opens a node: its caches, outermost first so that inner ones can point to them, then itself. */
static void add_node(struct walk *walk, enum level level, uint32_t cpu)
{
	const struct cpu_topology *topology = walk->topology;
	bool leaf = level == LEVEL_THREAD ||
		    (level == LEVEL_CORE && !present(topology, LEVEL_THREAD));
	uint32_t own[CPU_CACHES], count = 0;

	for (size_t i = CPU_CACHES; i-- > 0;)
		if (topology->caches[i].size && level_of(topology, &topology->caches[i]) == level) {
			add_cache(walk, i);
			own[count++] = walk->caches[i];
		}
	walk->parent[level] = (uint32_t)buffer_u8(walk->table, NODE);
	buffer_u8(walk->table, (uint8_t)(NODE_SIZE + 4 * count));
	buffer_u16(walk->table, 0);
	buffer_u32(walk->table, (level == LEVEL_PACKAGE ? NODE_PACKAGE : 0) |
					(leaf ? NODE_HAS_PROCESSOR_ID | NODE_LEAF : 0) |
					(level == LEVEL_THREAD ? NODE_THREAD : 0));
	buffer_u32(walk->table, parent_of(walk, level));
	buffer_u32(walk->table, leaf ? cpu : 0);
	buffer_u32(walk->table, count);
	for (uint32_t i = 0; i < count; i++)
		buffer_u32(walk->table, own[i]);
}

void build_pptt(const struct lowered *guest, const struct table_places *places, struct buffer *table)
{
	const struct cpu_topology *topology = &guest->cpu->topology;
	struct walk walk = { .table = table, .topology = topology };

	(void)places;
	table_begin(table, guest, "PPTT", REVISION);
	for (uint32_t cpu = 0; cpu < topology->count; cpu++)
		for (enum level level = LEVEL_PACKAGE; level < LEVELS; level++) {
			uint32_t shift = shift_of(topology, level);
			bool same = cpu && topology->cpus[cpu].apic_id >> shift ==
						   topology->cpus[cpu - 1].apic_id >> shift;

			if (present(topology, level) && !same)
				add_node(&walk, level, cpu);
		}
	table_end(table);
}
