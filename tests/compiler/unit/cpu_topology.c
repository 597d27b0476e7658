/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topology: 10,000 random shapes are numbered and written into CPUID leaves; then the leaves are
 * decoded as a kernel does it, from each CPU's APIC id, and must give every CPU's place back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lower/cpu.h"
#include "policy/policy.h"

enum { SHAPES = 10000, MOST_CPUS = 1024 };

static struct cpu_features intel, amd;

/* Deterministic: the same shapes in each run. */
static uint32_t random_state = 1;

static uint32_t random_below(uint32_t limit)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (random_state >> 8) % limit;
}

static struct cpu_shape random_shape(void)
{
	struct cpu_shape shape;

	do {
		shape = (struct cpu_shape){
			.sockets = 1 + random_below(random_below(4) ? 4 : 64),
			.dies = 1 + random_below(random_below(2) ? 2 : 9),
			.cores = 1 + random_below(random_below(4) ? 16 : 256),
			.threads = 1 + random_below(random_below(4) ? 2 : 9),
		};
	} while (cpu_shape_count(shape) == 0 || cpu_shape_count(shape) > MOST_CPUS);
	return shape;
}

static const struct hv_cpuid *leaf(const struct cpu_policy_records *records, uint32_t number,
				   uint32_t subleaf)
{
	const struct hv_cpuid *first;
	uint32_t range = number >> 31 ? HV_CPUID_EXTENDED : HV_CPUID_BASIC;
	uint32_t offset = number & 0x7fffffff;
	uint16_t at;

	assert_true(offset < records->index_runs[range].count);
	at = records->index[records->index_runs[range].first + offset];
	assert_int_not_equal(at, 0xffff);
	first = &records->cpuid[at];
	assert_int_equal(first->leaf, number);
	assert_true(subleaf < first->subleaves);
	assert_int_equal(first[subleaf].subleaf, subleaf);
	return &first[subleaf];
}

/* Bits for n ids, as software rounds them (SDM v3 9.9.3.2). */
static uint32_t width(uint32_t n)
{
	uint32_t bits = 0;

	while ((1ull << bits) < n)
		bits++;
	return bits;
}

/*
 * Units are numbered in order, so that the value `id >> shift` of the units must be strictly
 * ascending, and one value within a unit.
 */
static void check_units(const struct cpu_topology *topology, uint32_t unit, uint32_t shift)
{
	for (uint32_t i = 1; i < topology->count; i++) {
		uint64_t before = (uint64_t)topology->cpus[i - 1].apic_id >> shift;
		uint64_t value = (uint64_t)topology->cpus[i].apic_id >> shift;

		if (i % unit)
			assert_true(value == before);
		else
			assert_true(value > before);
	}
}

static void check_places(const struct cpu_topology *topology)
{
	const struct cpu_shape *shape = &topology->shape;
	uint32_t number = 0;

	for (uint32_t p = 0; p < shape->sockets; p++) {
		for (uint32_t d = 0; d < shape->dies; d++) {
			for (uint32_t c = 0; c < shape->cores; c++) {
				for (uint32_t t = 0; t < shape->threads; t++) {
					const struct cpu_place *cpu = &topology->cpus[number++];

					assert_int_equal(cpu->package, p);
					assert_int_equal(cpu->die, d);
					assert_int_equal(cpu->core, c);
					assert_int_equal(cpu->thread, t);
				}
			}
		}
	}
	assert_int_equal(number, topology->count);
}

/* Leaf 0xB: threads of a core, then all of the package. */
static void check_leaf_b(const struct cpu_topology *topology,
			 const struct cpu_policy_records *records)
{
	const struct hv_cpuid *thread = leaf(records, 0xb, 0), *core = leaf(records, 0xb, 1);
	const struct hv_cpuid *end = leaf(records, 0xb, 2);
	const struct cpu_shape *shape = &topology->shape;
	uint32_t package = shape->dies * shape->cores * shape->threads;

	assert_int_equal(thread->value[ECX], 0x100);
	assert_int_equal(core->value[ECX], 0x201);
	assert_int_equal(end->value[ECX], 2);
	assert_int_equal(end->value[EBX], 0);
	assert_int_equal(thread->value[EBX], shape->threads);
	assert_int_equal(core->value[EBX], package);
	assert_int_equal(thread->dynamic, HV_DYNAMIC_APIC_ID32);
	assert_int_equal(end->dynamic, HV_DYNAMIC_APIC_ID32);
	check_units(topology, shape->threads, thread->value[EAX]);
	check_units(topology, package, core->value[EAX]);
}

static void check_leaf_1f(const struct cpu_topology *topology,
			  const struct cpu_policy_records *records)
{
	const struct cpu_shape *shape = &topology->shape;
	uint32_t die = shape->cores * shape->threads;

	assert_int_equal(leaf(records, 0x1f, 0)->value[EAX], leaf(records, 0xb, 0)->value[EAX]);
	if (shape->dies == 1) {
		assert_int_equal(leaf(records, 0x1f, 1)->value[EAX],
				 leaf(records, 0xb, 1)->value[EAX]);
		return;
	}
	assert_int_equal(leaf(records, 0x1f, 1)->value[ECX], 0x201);
	assert_int_equal(leaf(records, 0x1f, 1)->value[EBX], die);
	check_units(topology, die, leaf(records, 0x1f, 1)->value[EAX]);
	assert_int_equal(leaf(records, 0x1f, 2)->value[ECX], 0x502);
	assert_int_equal(leaf(records, 0x1f, 2)->value[EBX], die * shape->dies);
	check_units(topology, die * shape->dies, leaf(records, 0x1f, 2)->value[EAX]);
	assert_int_equal(leaf(records, 0x1f, 3)->value[EBX], 0);
}

/* Leaf 1: HTT tells whether there are siblings; EBX 23:16 how many, as far as 8 bits go. */
static void check_leaf_1(const struct cpu_topology *topology,
			 const struct cpu_policy_records *records)
{
	const struct hv_cpuid *one = leaf(records, 1, 0);
	uint32_t package = topology->shape.dies * topology->shape.cores * topology->shape.threads;
	uint32_t said = one->value[EBX] >> 16 & 0xff;

	assert_int_equal(one->value[EDX] >> 28 & 1, package > 1);
	if (records->vendor == HV_VENDOR_AMD)
		assert_int_equal(said, package < 255 ? package : 255);
	else if (said < 255)
		check_units(topology, package, width(said));
	assert_true(one->dynamic & HV_DYNAMIC_APIC_ID8);
}

/* Leaves 4 and 0x8000001D: the CPUs that share a cache, and on Intel the cores of a package. */
static void check_caches(const struct cpu_topology *topology,
			 const struct cpu_policy_records *records)
{
	uint32_t number = records->vendor == HV_VENDOR_AMD ? 0x8000001d : 4;
	uint32_t die = topology->shape.cores * topology->shape.threads;

	for (uint32_t i = 0; i < CPU_CACHES; i++) {
		const struct hv_cpuid *cache = leaf(records, number, i);
		uint32_t shared = (cache->value[EAX] >> 14 & 0xfff) + 1;
		uint32_t level = cache->value[EAX] >> 5 & 7;
		uint64_t bytes = ((cache->value[EBX] & 0xfff) + 1ull) *
				 ((cache->value[EBX] >> 22) + 1ull) * (cache->value[ECX] + 1ull);

		assert_true(bytes == topology->caches[i].size);
		check_units(topology, level == 3 ? die : topology->shape.threads, width(shared));
	}
	assert_int_equal(leaf(records, number, CPU_CACHES)->value[EAX], 0);
}

static void check_amd(const struct cpu_topology *topology,
		      const struct cpu_policy_records *records)
{
	const struct cpu_shape *shape = &topology->shape;
	uint32_t package = shape->dies * shape->cores * shape->threads;
	uint32_t size = leaf(records, 0x80000008, 0)->value[ECX];
	const struct hv_cpuid *ids = leaf(records, 0x8000001e, 0);

	assert_int_equal(size & 0xff, package < 256 ? package - 1 : 255);
	check_units(topology, package, size >> 12 & 15);
	assert_int_equal(ids->value[EBX] >> 8 & 0xff, shape->threads - 1);
	assert_int_equal(ids->value[ECX] >> 8 & 7, shape->dies < 8 ? shape->dies - 1 : 7);
	assert_int_equal(ids->dynamic, HV_DYNAMIC_APIC_EXT);
}

static void check_shape(struct arena *arena, struct cpu_shape shape)
{
	struct cpu_topology topology;
	struct cpu_policy_records records;
	struct cpu_request request = { .topology = &topology, .physical_bits = 39 };

	assert_true(cpu_topology_build(arena, shape, NULL, &topology));
	check_places(&topology);
	check_units(&topology, 1, 0);
	for (enum hv_vendor vendor = 0; vendor < HV_VENDORS; vendor++) {
		request.features = vendor == HV_VENDOR_INTEL ? &intel : &amd;
		cpu_policy_build(arena, &request, vendor, &records);
		check_leaf_1(&topology, &records);
		check_leaf_b(&topology, &records);
		check_caches(&topology, &records);
		if (vendor == HV_VENDOR_INTEL)
			check_leaf_1f(&topology, &records);
		else
			check_amd(&topology, &records);
	}
}

static void random_shapes(void **state)
{
	(void)state;
	for (int i = 0; i < SHAPES; i++) {
		struct arena arena = { 0 };

		check_shape(&arena, random_shape());
		arena_free(&arena);
	}
}

static void single_cpu(void **state)
{
	struct arena arena = { 0 };

	(void)state;
	check_shape(&arena, (struct cpu_shape){ 1, 1, 1, 1 });
	arena_free(&arena);
}

static void impossible_shapes(void **state)
{
	static const struct cpu_shape shapes[] = {
		{ 0, 1, 1, 1 }, { 1, 1, 0, 1 },		{ 1, 1, 1, 0xffffffff },
		{ 1, 0, 1, 1 }, { 65536, 65536, 65536, 65536 }, { 2, 256, 256, 1 },
	};
	struct arena arena = { 0 };
	struct cpu_topology topology;

	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		assert_false(cpu_topology_build(&arena, shapes[i], NULL, &topology));
	arena_free(&arena);
}

static void given_ids(void **state)
{
	static const struct {
		struct cpu_shape shape;
		uint32_t ids[4];
		bool fits;
		uint32_t core_shift, package_shift;
	} rows[] = {
		{ { 1, 1, 4, 1 }, { 0, 2, 4, 6 }, true, 0, 3 }, /* a machine with SMT off */
		{ { 1, 1, 2, 2 }, { 0, 1, 2, 3 }, true, 1, 2 },
		{ { 1, 1, 2, 2 }, { 0, 1, 16, 17 }, true, 1, 5 },
		{ { 2, 1, 1, 2 }, { 0x100, 0x101, 0x1ff, 0x1fe }, true, 1, 1 },
		{ { 4, 1, 1, 1 }, { 0, 1, 2, 0xfffffffe }, true, 0, 0 },
		{ { 1, 1, 2, 2 }, { 0, 2, 1, 3 }, false, 0, 0 }, /* cores interleave */
		{ { 1, 1, 4, 1 }, { 0, 1, 1, 2 }, false, 0, 0 }, /* twice */
		{ { 2, 1, 2, 1 }, { 0, 4, 1, 5 }, false, 0, 0 }, /* packages interleave */
	};
	struct arena arena = { 0 };
	struct cpu_topology topology;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(cpu_topology_build(&arena, rows[i].shape, rows[i].ids, &topology),
				 rows[i].fits);
		if (!rows[i].fits)
			continue;
		assert_int_equal(topology.core_shift, rows[i].core_shift);
		assert_int_equal(topology.package_shift, rows[i].package_shift);
	}
	arena_free(&arena);
}

static void wide_ids(void **state)
{
	struct arena arena = { 0 };
	struct cpu_topology topology;

	(void)state;
	/* 65,536 CPUs with a bit lost on three levels. */
	assert_true(cpu_topology_build(&arena, (struct cpu_shape){ 21, 3, 33, 31 }, NULL, &topology));
	assert_int_equal(topology.max_apic_id, 20u << 13 | 2u << 11 | 32u << 5 | 30u);
	arena_free(&arena);
}

static int set_up(void **state)
{
	(void)state;
	memset(intel.limits, 0xff, sizeof(intel.limits));
	memset(amd.limits, 0xff, sizeof(amd.limits));
	intel.vendor = HV_VENDOR_INTEL;
	amd.vendor = HV_VENDOR_AMD;
	intel.choices[FEATURE_HT].state = amd.choices[FEATURE_HT].state = FEATURE_ON;
	amd.choices[FEATURE_TOPOEXT].state = FEATURE_ON;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_cpu),	     cmocka_unit_test(random_shapes),
		cmocka_unit_test(impossible_shapes), cmocka_unit_test(given_ids),
		cmocka_unit_test(wide_ids),
	};

	return cmocka_run_group_tests_name("cpu_topology", tests, set_up, NULL);
}
