/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One CPU graph: 10,000 random shapes with random NUMA nodes are lowered; then everything a kernel
 * reads of it is parsed from its bytes as a kernel does, and must tell one story:
 *
 *	MADT		 UID -> APIC id
 *	CPUID 0xB, 0x1F	 APIC id -> package, die, core
 *	CPUID 4, 0x8000001D  APIC id -> instance of each cache
 *	SRAT		 APIC id -> node, and the RAM of each node
 *	PPTT		 UID -> package, core, caches
 *	DSDT		 processor devices: UID -> node
 *	shape		 what was asked for: UID -> all of these
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "acpi/table.h"
#include "base/bytes.h"
#include "diag/diag.h"
#include "lower/cpu.h"
#include "lower/pass.h"
#include "model/model.h"
#include "policy/policy.h"

enum { SHAPES = 10000, MOST_NODES = 8 };
#define NOTHING 0xffffffffu

static struct cpu_features features_of[HV_VENDORS];

/* Deterministic: the same shapes in each run. */
static uint32_t random_state = 20;

static uint32_t random_below(uint32_t limit)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (random_state >> 8) % limit;
}

/* What one source says of each CPU, by UID. */
struct story {
	uint32_t count;
	uint32_t *apic_id, *package, *die, *core, *node;
	uint32_t *cache[CPU_CACHES];
};

struct sample {
	struct arena arena;
	struct guest model;
	struct lowered guest;
	struct cpu_policy_records policies[HV_VENDORS];
};

/* ------------------------------------------------------------------------------ what is asked for */

/* Mostly small, so that 10,000 take seconds; now and then as large as they come. */
static struct cpu_shape random_shape(uint32_t number)
{
	uint32_t most = number % 1000 == 7 ? MOST_VCPUS : number % 20 ? 48 : 400;
	struct cpu_shape shape;

	do {
		shape = (struct cpu_shape){
			.sockets = 1 + random_below(random_below(4) ? 4 : most),
			.dies = 1 + random_below(random_below(2) ? 2 : 9),
			.cores = 1 + random_below(random_below(4) ? 6 : most),
			.threads = 1 + random_below(random_below(4) ? 2 : 8),
		};
	} while (!cpu_shape_count(shape) || cpu_shape_count(shape) > most ||
		 shape.cores * shape.threads > 2048);
	return shape;
}

/* Dies go to nodes at random, each to one: a list of ranges with holes, as people write them. */
static void random_nodes(struct sample *sample, struct cpu_shape shape)
{
	uint32_t die_size = shape.cores * shape.threads, dies = shape.sockets * shape.dies;
	uint32_t count = 1 + random_below(MOST_NODES);
	struct memory *memory = &sample->model.memory;
	char *lists[MOST_NODES];

	for (uint32_t node = 0; node < count; node++)
		lists[node] = arena_alloc(&sample->arena, 16 * dies + 1);
	for (uint32_t die = 0; die < dies; die++) {
		char *list = lists[random_below(count)];

		sprintf(list + strlen(list), "%s%u-%u", *list ? "," : "", die * die_size,
			die * die_size + die_size - 1);
	}
	for (uint32_t i = 0; i < count; i++) {
		struct numa_node *node = vector_add(&sample->arena, &memory->numa);

		node->node.value = count - 1 - i;
		node->size.value = (1 + random_below(1u << 20)) * 4096ull;
		memory->size.value += node->size.value;
		if (*lists[i])
			assert_null(number_list_read(&sample->arena, lists[i], &node->cpu_ranges));
	}
}

static void fill_model(struct sample *sample, struct cpu_shape shape)
{
	struct topology *topology = &sample->model.vcpus.topology;

	topology->sockets.value = shape.sockets;
	topology->dies.value = shape.dies;
	topology->cores.value = shape.cores;
	topology->threads.value = shape.threads;
	sample->model.vcpus.count.value = cpu_shape_count(shape);
	random_nodes(sample, shape);
}

static void lower(struct sample *sample)
{
	struct sources sources = { .arena = &sample->arena };
	struct lower_context context = { .arena = &sample->arena };
	struct cpu_request request = { .physical_bits = 39 };
	struct lowered_device *pm;

	context.diags = diags_new(&sample->arena, &sources);
	sample->guest.model = &sample->model;
	lower_topology(&context, &sample->guest);
	pass_layout_guest(&context, &sample->guest);
	assert_true(check_layout_guest(&sample->guest));
	assert_int_equal(diag_errors(context.diags), 0);
	pm = vector_add(&sample->arena, &sample->guest.devices);
	pm->record.kind = HV_DEVICE_ACPI_PM;
	pm->record.gsi = 9;
	request.topology = &sample->guest.cpu->topology;
	for (enum hv_vendor vendor = 0; vendor < HV_VENDORS; vendor++) {
		request.features = &features_of[vendor];
		cpu_policy_build(&sample->arena, &request, vendor, &sample->policies[vendor]);
	}
}

static struct story story_new(struct sample *sample)
{
	struct story story = { .count = sample->model.vcpus.count.value };
	uint32_t **columns[] = { &story.apic_id, &story.package, &story.die,	  &story.core,
				 &story.node,	 &story.cache[0], &story.cache[1], &story.cache[2],
				 &story.cache[3] };

	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++) {
		*columns[i] = arena_array(&sample->arena, story.count, sizeof(uint32_t));
		memset(*columns[i], 0xff, story.count * sizeof(uint32_t));
	}
	return story;
}

/* By arithmetic on the shape alone. */
static struct story told_by_shape(struct sample *sample)
{
	const struct topology *t = &sample->model.vcpus.topology;
	struct story story = story_new(sample);

	for (uint32_t i = 0; i < story.count; i++) {
		story.core[i] = i / t->threads.value;
		story.die[i] = story.core[i] / t->cores.value;
		story.package[i] = story.die[i] / t->dies.value;
		story.cache[0][i] = story.cache[1][i] = story.cache[2][i] = story.core[i];
		story.cache[3][i] = story.die[i];
		for (size_t n = 0; n < sample->model.memory.numa.count; n++)
			if (number_list_has(&sample->model.memory.numa.items[n].cpu_ranges, i))
				story.node[i] = sample->model.memory.numa.items[n].node.value;
	}
	return story;
}

/* ---------------------------------------------------------------------------------------- comparing */

/*
 * Whether two columns divide the CPUs into the same parts, whatever they call them. Parts are runs, in
 * all that hvcc makes; so they are the same when they change together, and no value comes again.
 */
static void same_parts(const uint32_t *a, const uint32_t *b, uint32_t count)
{
	uint32_t highest_a = a[0], highest_b = b[0];

	assert_int_not_equal(a[0], NOTHING);
	assert_int_not_equal(b[0], NOTHING);
	for (uint32_t i = 1; i < count; i++) {
		bool next = a[i] != a[i - 1];

		assert_int_equal(next, b[i] != b[i - 1]);
		assert_true(!next || (a[i] > highest_a && b[i] > highest_b));
		highest_a = a[i];
		highest_b = b[i];
	}
}

static void same_values(const uint32_t *a, const uint32_t *b, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(a[i], b[i]);
}

/* ------------------------------------------------------------------------------------------- parsing */

static struct bytes table(struct sample *sample, void (*build)(const struct lowered *,
							       const struct table_places *,
							       struct buffer *))
{
	struct table_places places = { 0 };
	struct buffer buffer = { 0 };
	struct bytes bytes;

	build(&sample->guest, &places, &buffer);
	assert_int_equal(table_sum(buffer.data, buffer.size), 0);
	bytes.data = (const uint8_t *)arena_strndup(&sample->arena, (const char *)buffer.data,
						    buffer.size);
	bytes.size = buffer.size;
	assert_int_equal(bytes_u32(bytes, 4), bytes.size);
	buffer_free(&buffer);
	return bytes;
}

static uint32_t uid_with(const struct story *story, uint32_t apic_id)
{
	uint32_t low = 0, high = story->count; /* UIDs ascend with APIC ids: asserted in told_by_madt() */

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (story->apic_id[middle] <= apic_id)
			low = middle;
		else
			high = middle;
	}
	assert_int_equal(story->apic_id[low], apic_id);
	return low;
}

/* Every UID once; the short form wherever it is possible, since old kernels know no other. */
static void told_by_madt(struct sample *sample, struct story *story)
{
	struct bytes madt = table(sample, build_madt);
	uint32_t seen = 0;

	for (uint64_t at = 44; at < madt.size; at += bytes_u8(madt, at + 1)) {
		bool small = bytes_u8(madt, at) == 0, large = bytes_u8(madt, at) == 9;
		uint32_t uid = small ? bytes_u8(madt, at + 2) : bytes_u32(madt, at + 12);
		uint32_t id = small ? bytes_u8(madt, at + 3) : bytes_u32(madt, at + 4);

		assert_true(bytes_u8(madt, at + 1) > 1);
		if (!small && !large)
			continue;
		assert_int_equal(uid, seen);
		assert_true(small ? id < 255 && uid < 255 : id > 254 || uid > 254);
		assert_int_equal(bytes_u32(madt, at + (small ? 4 : 8)), 1);
		assert_true(uid == 0 || id > story->apic_id[uid - 1]);
		story->apic_id[uid] = id;
		seen++;
	}
	assert_int_equal(seen, story->count);
}

static const struct hv_cpuid *leaf(const struct cpu_policy_records *records, uint32_t number,
				   uint32_t subleaf)
{
	for (uint32_t i = 0; i < records->cpuid_count; i++)
		if (records->cpuid[i].leaf == number && records->cpuid[i].subleaf == subleaf)
			return &records->cpuid[i];
	fail();
	return NULL;
}

/* SDM v3 9.9.3: shifts by level types, up to the level of type 0. */
static void told_by_levels(const struct cpu_policy_records *records, uint32_t number,
			   struct story *story)
{
	uint32_t core = 0, die = 0, package = 0;

	for (uint32_t sub = 0; leaf(records, number, sub)->value[ECX] >> 8; sub++) {
		const struct hv_cpuid *level = leaf(records, number, sub);

		assert_true(level->value[EAX] >= package);
		die = package; /* the shift below the highest level is the die's */
		package = level->value[EAX];
		if (level->value[ECX] >> 8 == 1)
			core = package;
	}
	if (leaf(records, number, 2)->value[ECX] >> 8 != 5)
		die = package;
	for (uint32_t i = 0; i < story->count; i++) {
		story->core[i] = story->apic_id[i] >> core;
		story->die[i] = story->apic_id[i] >> die;
		story->package[i] = story->apic_id[i] >> package;
	}
}

/* Ids that share a cache are as many as EAX 25:14 says, rounded up. */
static void told_by_caches(const struct cpu_policy_records *records, uint32_t number,
			   struct story *story)
{
	for (uint32_t i = 0; i < CPU_CACHES; i++) {
		uint32_t sharing = (leaf(records, number, i)->value[EAX] >> 14 & 0xfff) + 1, shift = 0;

		while (1u << shift < sharing)
			shift++;
		for (uint32_t cpu = 0; cpu < story->count; cpu++)
			story->cache[i][cpu] = story->apic_id[cpu] >> shift;
	}
}

/* The nodes of processors; RAM is added up, and never twice. */
static void told_by_srat(struct sample *sample, struct story *story, uint64_t sizes[MOST_NODES])
{
	struct bytes srat = table(sample, build_srat);
	uint64_t end = 0;

	for (uint64_t at = 48; at < srat.size; at += bytes_u8(srat, at + 1)) {
		uint32_t type = bytes_u8(srat, at), node = bytes_u32(srat, at + 2), uid;

		if (type == 1) {
			assert_true(bytes_u64(srat, at + 8) >= end);
			end = bytes_u64(srat, at + 8) + bytes_u64(srat, at + 16);
			sizes[node] += bytes_u64(srat, at + 16);
			continue;
		}
		uid = uid_with(story, type ? bytes_u32(srat, at + 8) : bytes_u8(srat, at + 3));
		assert_int_equal(story->node[uid], NOTHING);
		story->node[uid] = type ? bytes_u32(srat, at + 4) :
					  bytes_u8(srat, at + 2) | (uint32_t)bytes_u8(srat, at + 9) << 8;
	}
}

/* Up from each leaf: the package, the core (the leaf, or its parent if it is a thread), all caches. */
static void told_by_pptt(struct sample *sample, struct story *story)
{
	struct bytes pptt = table(sample, build_pptt);
	uint32_t leaves = 0;

	for (uint64_t at = 36; at < pptt.size; at += bytes_u8(pptt, at + 1)) {
		uint32_t flags = bytes_u32(pptt, at + 4), uid = bytes_u32(pptt, at + 12);

		if (bytes_u8(pptt, at) || !(flags & 8))
			continue;
		assert_true(uid < story->count && (flags & 2) && story->package[uid] == NOTHING);
		leaves++;
		story->core[uid] = flags & 4 ? bytes_u32(pptt, at + 8) : (uint32_t)at;
		for (uint64_t node = at; node; node = bytes_u32(pptt, node + 8)) {
			assert_true(node >= 36 && bytes_u8(pptt, node) == 0);
			if (bytes_u32(pptt, node + 4) & 1)
				story->package[uid] = (uint32_t)node;
			for (uint32_t i = 0; i < bytes_u32(pptt, node + 16); i++) {
				uint32_t cache = bytes_u32(pptt, node + 20 + 4 * i);
				uint32_t kind = bytes_u8(pptt, cache + 21) >> 2 & 3;

				assert_int_equal(bytes_u8(pptt, cache), 1);
				kind = kind == 3 ? (bytes_u32(pptt, cache + 8) ? 2 : 3) : kind;
				assert_int_equal(story->cache[kind][uid], NOTHING);
				story->cache[kind][uid] = cache;
			}
		}
	}
	assert_int_equal(leaves, story->count);
}

static uint64_t integer_at(struct bytes aml, uint64_t at)
{
	switch (bytes_u8(aml, at)) {
	case 0x0a:
		return bytes_u8(aml, at + 1);
	case 0x0b:
		return bytes_u16(aml, at + 1);
	default:
		return bytes_u8(aml, at);
	}
}

/* Devices by their _HID: their names are unlike, their UIDs are all there, _PXM is in each. */
static void told_by_dsdt(struct sample *sample, struct story *story)
{
	struct bytes dsdt = table(sample, build_dsdt);
	uint32_t seen = 0;
	uint8_t last[4] = "";

	for (uint64_t at = 36; at + 40 < dsdt.size; at++) {
		const uint8_t *hid = dsdt.data + at;
		uint64_t uid;

		if (memcmp(hid, "\x08_HID\x0d" "ACPI0007", 15))
			continue;
		uid = integer_at(dsdt, at + 20);
		assert_int_equal(uid, seen++);
		assert_memory_equal(hid + 15, "\x08_UID", 5);
		assert_true(memcmp(hid - 4, last, 4) > 0);
		memcpy(last, hid - 4, 4);
		for (at += 20; memcmp(dsdt.data + at, "\x08_PXM", 5); at++)
			assert_true(dsdt.data + at < hid + 24);
		story->node[uid] = (uint32_t)integer_at(dsdt, at + 5);
	}
	assert_int_equal(seen, story->count);
}

/* --------------------------------------------------------------------------------------------- tests */

static void check_cpuid(struct sample *sample, const struct story *asked, const struct story *madt)
{
	for (enum hv_vendor vendor = 0; vendor < HV_VENDORS; vendor++) {
		const struct cpu_policy_records *records = &sample->policies[vendor];
		struct story told = story_new(sample);

		told.apic_id = madt->apic_id;
		told_by_levels(records, 0xb, &told);
		same_parts(told.core, asked->core, told.count);
		same_parts(told.package, asked->package, told.count);
		told_by_caches(records, vendor == HV_VENDOR_AMD ? 0x8000001d : 4, &told);
		for (size_t i = 0; i < CPU_CACHES; i++)
			same_parts(told.cache[i], asked->cache[i], told.count);
		if (vendor == HV_VENDOR_AMD)
			continue;
		told_by_levels(records, 0x1f, &told);
		same_parts(told.core, asked->core, told.count);
		same_parts(told.die, asked->die, told.count);
		same_parts(told.package, asked->package, told.count);
	}
}

static void check_nodes(struct sample *sample, const struct story *asked, struct story *madt)
{
	struct bytes slit = table(sample, build_slit);
	struct story dsdt = story_new(sample);
	uint64_t sizes[MOST_NODES] = { 0 };

	told_by_srat(sample, madt, sizes);
	same_values(madt->node, asked->node, asked->count);
	told_by_dsdt(sample, &dsdt);
	same_values(dsdt.node, asked->node, asked->count);
	assert_int_equal(bytes_u64(slit, 36), sample->model.memory.numa.count);
	for (size_t i = 0; i < sample->model.memory.numa.count; i++) {
		const struct numa_node *node = &sample->model.memory.numa.items[i];

		assert_int_equal(sizes[node->node.value], node->size.value);
	}
}

static void check_pptt(struct sample *sample, const struct story *asked)
{
	struct story told = story_new(sample);

	told_by_pptt(sample, &told);
	same_parts(told.package, asked->package, told.count);
	same_parts(told.core, asked->core, told.count);
	for (size_t i = 0; i < CPU_CACHES; i++)
		same_parts(told.cache[i], asked->cache[i], told.count);
}

static void check_shape(struct cpu_shape shape)
{
	struct sample sample = { 0 };
	struct story asked, madt;

	fill_model(&sample, shape);
	lower(&sample);
	asked = told_by_shape(&sample);
	madt = story_new(&sample);
	told_by_madt(&sample, &madt);
	check_cpuid(&sample, &asked, &madt);
	check_nodes(&sample, &asked, &madt);
	check_pptt(&sample, &asked);
	arena_free(&sample.arena);
}

static void random_graphs(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < SHAPES; i++)
		check_shape(random_shape(i));
}

static void largest_graphs(void **state)
{
	static const struct cpu_shape shapes[] = {
		{ 1, 1, 1, 1 },	     { 2, 1, 4096, 1 }, { 8192, 1, 1, 1 }, { 8, 8, 64, 2 },
		{ 32, 256, 1, 1 },   { 1, 4, 256, 8 },	{ 10, 9, 17, 5 },  { 3, 3, 455, 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
		check_shape(shapes[i]);
}

static int set_up(void **state)
{
	(void)state;
	for (enum hv_vendor vendor = 0; vendor < HV_VENDORS; vendor++) {
		features_of[vendor].vendor = vendor;
		memset(features_of[vendor].limits, 0xff, sizeof(features_of[vendor].limits));
		features_of[vendor].choices[FEATURE_HT].state = FEATURE_ON;
	}
	features_of[HV_VENDOR_AMD].choices[FEATURE_TOPOEXT].state = FEATURE_ON;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_graphs),
		cmocka_unit_test(largest_graphs),
	};

	return cmocka_run_group_tests_name("cpu_graph", tests, set_up, NULL);
}
