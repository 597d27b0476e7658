/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPUID records of one vendor. Three things meet in a leaf:
 *
 *     structure   limits, sizes, topology: computed here, the same on every machine
 *     features    one bit each, from the policy: always on, on where the host has it, or off
 *     host        family, vendor, brand, sizes of XSAVE components: value and host_mask all ones
 *
 * leaf_table says which leaves a vendor has and who fills the structure; the features are set by
 * their rows; assignments of the policy go on top. Then every host-dependent feature on which
 * something else hangs gets its struct hv_feature.
 *
 * SDM v2 "CPUID", APM v3 appendix E; Linux Documentation/virt/kvm/x86/cpuid.rst.
 */
#include "lower/cpu_internal.h"

#include <stdlib.h>
#include <string.h>

#define ALL_ONES     0xffffffffu
#define KVM_BASE     0x40000000u
#define KVM_FEATURES (KVM_BASE + 1)
#define KVM_TIMING   (KVM_BASE + 0x10)

/* Bits of leaf 1 EDX that AMD repeats in leaf 0x80000001 EDX (APM v3 E.4.2). */
#define AMD_REPEATED 0x0183f3ffu

struct leaf_row {
	uint32_t leaf;
	uint8_t vendors; /* enum feature_vendors */
	uint32_t (*subleaves)(const struct cpu_build *build); /* NULL: no sub-leaves */
	void (*fill)(const struct cpu_build *build, struct hv_cpuid *row); /* NULL: features only */
};

/* ------------------------------------------------------------------------------------ structure */

static uint32_t at_most(uint32_t value, uint32_t limit)
{
	return value < limit ? value : limit;
}

static uint32_t die_cpus(const struct cpu_topology *topology)
{
	return topology->shape.cores * topology->shape.threads;
}

static uint32_t package_cpus(const struct cpu_topology *topology)
{
	return topology->shape.dies * die_cpus(topology);
}

static void from_host(struct hv_cpuid *row, uint32_t reg)
{
	row->value[reg] = ALL_ONES;
	row->host_mask[reg] = ALL_ONES;
}

static void all_from_host(const struct cpu_build *build, struct hv_cpuid *row)
{
	(void)build;
	for (uint32_t reg = 0; reg < CPU_REGISTERS; reg++)
		from_host(row, reg);
}

/* The vendor the guest sees: its own leaves and MSRs are there beside those of the machine. */
static enum hv_vendor seen_vendor(const struct cpu_build *build)
{
	if (!build->features->identity.foreign)
		return build->vendor;
	return build->vendor == HV_VENDOR_INTEL ? HV_VENDOR_AMD : HV_VENDOR_INTEL;
}

/* Leaves 0 and 0x80000000: EAX, the limit, is set when all leaves are known. */
static void fill_vendor(const struct cpu_build *build, struct hv_cpuid *row)
{
	static const char *const names[HV_VENDORS] = { "GenuntelineI", "AuthcAMDenti" }; /* EBX ECX EDX */

	all_from_host(build, row);
	row->host_mask[EAX] = 0;
	if (!build->features->identity.foreign)
		return;
	memcpy(&row->value[EBX], names[seen_vendor(build)], 12);
	row->host_mask[EBX] = row->host_mask[ECX] = row->host_mask[EDX] = 0;
}

static void set_signature(const struct cpu_build *build, struct hv_cpuid *row)
{
	const struct cpu_identity *identity = &build->features->identity;

	row->value[EAX] = (identity->signature & identity->signature_mask) | ~identity->signature_mask;
	row->host_mask[EAX] = ~identity->signature_mask;
}

/* EBX: CLFLUSH line in units of 8 15:8, ids (Intel) or CPUs (AMD) in the package 23:16. */
static void fill_1(const struct cpu_build *build, struct hv_cpuid *row)
{
	const struct cpu_topology *topology = build->request->topology;
	uint32_t ids = at_most(1u << at_most(topology->package_shift, 8), 255);
	uint32_t cpus = at_most(package_cpus(topology), 255);

	set_signature(build, row);
	row->value[EBX] = 64 / 8 << 8 | (build->vendor == HV_VENDOR_INTEL ? ids : cpus) << 16;
	row->dynamic = HV_DYNAMIC_APIC_ID8 | HV_DYNAMIC_APIC_ENABLE;
	if (cpu_has(build, FEATURE_XSAVE))
		row->dynamic |= HV_DYNAMIC_OSXSAVE;
}

/* One call is enough; descriptor 0xff: caches are in leaf 4; 0xf0: 64-byte prefetch. */
static void fill_2(const struct cpu_build *build, struct hv_cpuid *row)
{
	(void)build;
	row->value[EAX] = 0x00f0ff01;
}

static uint32_t cache_subleaves(const struct cpu_build *build)
{
	(void)build;
	return CPU_CACHES + 1; /* the last one is of type 0: no more */
}

/* Leaves 4 and 0x8000001D agree but for the number of cores, which only Intel has. */
static void fill_cache(const struct cpu_build *build, struct hv_cpuid *row)
{
	const struct cpu_topology *topology = build->request->topology;
	const struct cpu_cache *cache = &topology->caches[row->subleaf];
	uint32_t cores = topology->package_shift - topology->core_shift;

	if (row->subleaf == CPU_CACHES)
		return;
	row->value[EAX] = cache->type | cache->level << 5 | 1u << 8 |
			  ((1u << at_most(cache->shift, 12)) - 1) << 14;
	if (row->leaf == 4)
		row->value[EAX] |= ((1u << at_most(cores, 6)) - 1) << 26;
	row->value[EBX] = (cache->line - 1) | (cache->ways - 1) << 22;
	row->value[ECX] = cache->sets - 1;
}

static uint32_t leaf_7_subleaves(const struct cpu_build *build)
{
	(void)build;
	return 3;
}

static void fill_7(const struct cpu_build *build, struct hv_cpuid *row)
{
	if (row->subleaf)
		return;
	row->value[EAX] = leaf_7_subleaves(build) - 1;
	if (cpu_has(build, FEATURE_PKU))
		row->dynamic = HV_DYNAMIC_OSPKE;
}

/* A level of leaves 0xB and 0x1F: type in ECX 15:8, shift to the next level, CPUs at this one. */
enum level_type { LEVEL_NONE, LEVEL_THREAD, LEVEL_CORE, LEVEL_DIE = 5 };

static void set_level(struct hv_cpuid *row, enum level_type type, uint32_t shift, uint32_t cpus)
{
	row->value[EAX] = shift;
	row->value[EBX] = cpus & 0xffff;
	row->value[ECX] = row->subleaf | type << 8;
	row->dynamic = HV_DYNAMIC_APIC_ID32;
}

static uint32_t leaf_b_subleaves(const struct cpu_build *build)
{
	(void)build;
	return 3;
}

static void fill_b(const struct cpu_build *build, struct hv_cpuid *row)
{
	const struct cpu_topology *topology = build->request->topology;

	if (row->subleaf == 0)
		set_level(row, LEVEL_THREAD, topology->core_shift, topology->shape.threads);
	else if (row->subleaf == 1)
		set_level(row, LEVEL_CORE, topology->package_shift, package_cpus(topology));
	else
		set_level(row, LEVEL_NONE, 0, 0);
}

static uint32_t leaf_1f_subleaves(const struct cpu_build *build)
{
	return build->request->topology->shape.dies > 1 ? 4 : 3;
}

static void fill_1f(const struct cpu_build *build, struct hv_cpuid *row)
{
	const struct cpu_topology *topology = build->request->topology;

	if (topology->shape.dies == 1 || row->subleaf == 0)
		fill_b(build, row);
	else if (row->subleaf == 1)
		set_level(row, LEVEL_CORE, topology->die_shift, die_cpus(topology));
	else if (row->subleaf == 2)
		set_level(row, LEVEL_DIE, topology->package_shift, package_cpus(topology));
	else
		set_level(row, LEVEL_NONE, 0, 0);
}

/* 0xD.0 and .1, then one sub-leaf a bit of XCR0; what is between is zero. */
static uint32_t leaf_d_subleaves(const struct cpu_build *build)
{
	if (!cpu_has(build, FEATURE_XSAVE))
		return 0;
	return build->xcr0 >> 2 ? 64 - (uint32_t)__builtin_clzll(build->xcr0) : 2;
}

static void fill_d(const struct cpu_build *build, struct hv_cpuid *row)
{
	if (row->subleaf == 0) {
		row->dynamic = HV_DYNAMIC_XSAVE_SIZE | HV_DYNAMIC_XSAVE_MAX;
	} else if (row->subleaf == 1) {
		if (cpu_has(build, FEATURE_XSAVEC))
			row->dynamic = HV_DYNAMIC_XSAVE_SIZE;
	} else if (build->xcr0 >> row->subleaf & 1) {
		for (uint32_t reg = EAX; reg <= ECX; reg++)
			from_host(row, reg);
		row->dynamic = HV_DYNAMIC_XSAVE_COMPONENT;
	}
}

/* "KVMKVMKVM\0\0\0" in EBX, ECX, EDX. */
static void fill_kvm_base(const struct cpu_build *build, struct hv_cpuid *row)
{
	row->value[EAX] = KVM_TIMING;
	if (build->features->limits[HV_CPUID_HYPERVISOR] < KVM_TIMING)
		row->value[EAX] = build->features->limits[HV_CPUID_HYPERVISOR];
	memcpy(&row->value[EBX], "KVMKVMKVM\0\0\0", 12);
}

/* schema/hypercalls.md */
static void fill_calls_base(const struct cpu_build *build, struct hv_cpuid *row)
{
	(void)build;
	row->value[EAX] = HV_CALLS_LEAF + 1;
	memcpy(&row->value[EBX], "HvcoreHvcore", 12);
}

static void fill_calls(const struct cpu_build *build, struct hv_cpuid *row)
{
	row->value[EAX] = (build->request->lockable ? HV_CALLS_LOCK : 0) |
			  (build->request->observer ? HV_CALLS_EVENTS : 0);
	row->value[EBX] = build->request->lockable;
}

static void fill_kvm_timing(const struct cpu_build *build, struct hv_cpuid *row)
{
	(void)build;
	row->dynamic = HV_DYNAMIC_TSC_KHZ;
}

static void fill_80000001(const struct cpu_build *build, struct hv_cpuid *row)
{
	if (seen_vendor(build) == HV_VENDOR_AMD)
		set_signature(build, row);
}

static void fill_brand(const struct cpu_build *build, struct hv_cpuid *row)
{
	const char *brand = build->features->identity.brand;
	char text[48] = "";

	all_from_host(build, row);
	if (!brand)
		return;
	memcpy(text, brand, at_most((uint32_t)strlen(brand), sizeof(text) - 1));
	memcpy(row->value, text + (row->leaf - 0x80000002) * 16, 16);
	memset(row->host_mask, 0, sizeof(row->host_mask));
}

/* ECX, EDX: size in KiB, ways, lines a tag, line. EAX, EBX: 64 entries, fully associative. */
static void fill_80000005(const struct cpu_build *build, struct hv_cpuid *row)
{
	const struct cpu_cache *caches = build->request->topology->caches;

	row->value[EAX] = row->value[EBX] = 0xff40ff40;
	for (uint32_t i = 0; i < 2; i++) {
		row->value[ECX + i] = (caches[i].size >> 10) << 24 | caches[i].ways << 16 |
				      1u << 8 | caches[i].line;
	}
}

/* Associativity as leaf 0x80000006 codes it (APM v3 E.4.5). */
static uint32_t ways_code(uint32_t ways)
{
	return ways >= 16 ? 8 : 6; /* 16 or 8 ways: topology.c has no others */
}

static void fill_80000006(const struct cpu_build *build, struct hv_cpuid *row)
{
	const struct cpu_cache *l2 = &build->request->topology->caches[2], *l3 = l2 + 1;

	row->value[ECX] = (l2->size >> 10) << 16 | ways_code(l2->ways) << 12 | l2->line;
	if (build->vendor == HV_VENDOR_INTEL)
		return;
	row->value[ECX] |= 1u << 8;
	row->value[EDX] = (l3->size >> 19) << 18 | ways_code(l3->ways) << 12 | 1u << 8 | l3->line;
}

static void fill_80000008(const struct cpu_build *build, struct hv_cpuid *row)
{
	const struct cpu_topology *topology = build->request->topology;
	uint32_t linear = cpu_has(build, FEATURE_LA57) ? 57 : 48;

	uint32_t said = build->features->identity.phys_bits;

	row->value[EAX] = (said ? said : build->request->physical_bits) | linear << 8;
	if (build->vendor == HV_VENDOR_AMD)
		row->value[ECX] = at_most(package_cpus(topology) - 1, 255) |
				  at_most(topology->package_shift, 15) << 12;
}

/* EBX: threads a core, less one. ECX: nodes a package, less one. The ids are dynamic. */
static void fill_8000001e(const struct cpu_build *build, struct hv_cpuid *row)
{
	const struct cpu_shape *shape = &build->request->topology->shape;

	row->value[EBX] = at_most(shape->threads - 1, 255) << 8;
	row->value[ECX] = at_most(shape->dies - 1, 7) << 8;
	row->dynamic = HV_DYNAMIC_APIC_EXT;
}

static const struct leaf_row leaf_table[] = {
	{ 0x0, BOTH, NULL, fill_vendor },
	{ 0x1, BOTH, NULL, fill_1 },
	{ 0x2, INTEL, NULL, fill_2 },
	{ 0x4, INTEL, cache_subleaves, fill_cache },
	{ 0x6, BOTH, NULL, NULL },
	{ 0x7, BOTH, leaf_7_subleaves, fill_7 },
	{ 0xb, BOTH, leaf_b_subleaves, fill_b },
	{ 0xd, BOTH, leaf_d_subleaves, fill_d },
	{ 0x1f, INTEL, leaf_1f_subleaves, fill_1f },
	{ KVM_BASE, BOTH, NULL, fill_kvm_base },
	{ KVM_FEATURES, BOTH, NULL, NULL },
	{ KVM_TIMING, BOTH, NULL, fill_kvm_timing },
	{ HV_CALLS_LEAF, BOTH, NULL, fill_calls_base },
	{ HV_CALLS_LEAF + 1, BOTH, NULL, fill_calls },
	{ 0x80000000, BOTH, NULL, fill_vendor },
	{ 0x80000001, BOTH, NULL, fill_80000001 },
	{ 0x80000002, BOTH, NULL, fill_brand },
	{ 0x80000003, BOTH, NULL, fill_brand },
	{ 0x80000004, BOTH, NULL, fill_brand },
	{ 0x80000005, AMD, NULL, fill_80000005 },
	{ 0x80000006, BOTH, NULL, fill_80000006 },
	{ 0x80000007, BOTH, NULL, NULL },
	{ 0x80000008, BOTH, NULL, fill_80000008 },
	{ 0x8000001a, AMD, NULL, NULL },
	{ 0x8000001d, AMD, cache_subleaves, fill_cache },
	{ 0x8000001e, AMD, NULL, fill_8000001e },
	{ 0x80000021, AMD, NULL, NULL },
};

/* ---------------------------------------------------------------------------------- the records */

static const uint32_t range_base[HV_CPUID_RANGES] = { 0, KVM_BASE, 0x80000000 };

static uint32_t range_of(uint32_t leaf)
{
	return leaf >= 0x80000000 ? HV_CPUID_EXTENDED :
	       leaf >= KVM_BASE	  ? HV_CPUID_HYPERVISOR :
				    HV_CPUID_BASIC;
}

/* Records of a leaf that is in the table stay in its order; others come sorted between them. */
static struct hv_cpuid *add_record(struct cpu_build *build, uint32_t leaf, uint32_t subleaf)
{
	struct hv_cpuid *rows;
	size_t at = build->rows.count;

	(void)vector_add(build->arena, &build->rows);
	rows = build->rows.items;
	while (at > 0 && (rows[at - 1].leaf > leaf ||
			  (rows[at - 1].leaf == leaf && rows[at - 1].subleaf > subleaf)))
		at--;
	memmove(&rows[at + 1], &rows[at], (build->rows.count - 1 - at) * sizeof(*rows));
	rows[at] = (struct hv_cpuid){ .leaf = leaf, .subleaf = subleaf };
	return &rows[at];
}

struct hv_cpuid *cpu_record(const struct cpu_build *build, uint32_t leaf, uint32_t subleaf)
{
	for (size_t i = 0; i < build->rows.count; i++) {
		struct hv_cpuid *row = &build->rows.items[i];

		if (row->leaf == leaf && row->subleaf == subleaf)
			return row;
	}
	return NULL;
}

static bool leaf_present(const struct cpu_build *build, const struct leaf_row *leaf)
{
	bool kvm = leaf->leaf >= KVM_BASE && leaf->leaf <= KVM_TIMING;

	bool ours = leaf->leaf >= HV_CALLS_LEAF && leaf->leaf <= HV_CALLS_LEAF + 1;

	if ((kvm && !build->records->kvm_base) || (ours && !build->request->lockable && !build->request->observer))
		return false;
	if (leaf->leaf > build->features->limits[range_of(leaf->leaf)])
		return false;
	if (leaf->leaf >= 0x8000001d && leaf->leaf <= 0x8000001e)
		return cpu_has(build, FEATURE_TOPOEXT);
	return build->features->identity.foreign || (leaf->vendors & build->vendor_mask) != 0;
}

static void add_leaf(struct cpu_build *build, const struct leaf_row *leaf)
{
	uint32_t count = leaf->subleaves ? leaf->subleaves(build) : 1;

	for (uint32_t sub = 0; sub < count; sub++) {
		struct hv_cpuid *row = add_record(build, leaf->leaf, sub);

		if (leaf->subleaves)
			row->flags = HV_CPUID_SUBLEAF;
		if (leaf->fill)
			leaf->fill(build, row);
	}
}

static void set_feature_bit(struct hv_cpuid *row, const struct feature *feature, uint8_t state)
{
	uint32_t bit = 1u << feature->bit;

	row->value[feature->reg] |= bit;
	if (state == FEATURE_IF_HOST)
		row->host_mask[feature->reg] |= bit;
}

/* `ht` is the one bit that the topology has a say in: a lone CPU has no siblings. */
static bool contradicts_topology(const struct cpu_build *build, enum feature_id id)
{
	return (id == FEATURE_HT || id == FEATURE_CMP_LEGACY) &&
	       package_cpus(build->request->topology) == 1;
}

static void set_features(struct cpu_build *build)
{
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		const struct feature *feature = &features[id];
		struct hv_cpuid *row = cpu_record(build, feature->leaf, feature->subleaf);

		if (row && cpu_has(build, id) && !contradicts_topology(build, id))
			set_feature_bit(row, feature, build->features->choices[id].state);
	}
}

static void repeat_for_amd(struct cpu_build *build)
{
	const struct hv_cpuid *one = cpu_record(build, 1, 0);
	struct hv_cpuid *again = cpu_record(build, 0x80000001, 0);

	if (build->vendor != HV_VENDOR_AMD || !again || !one)
		return;
	again->value[EDX] |= one->value[EDX] & AMD_REPEATED;
	again->host_mask[EDX] |= one->host_mask[EDX] & AMD_REPEATED;
}

/* -------------------------------------------------------------- what the policy assigns by hand */

static void assign(struct hv_cpuid *row, const struct leaf_bits *bits)
{
	uint32_t touched = bits->ones | bits->zeros | bits->host;

	row->value[bits->reg] &= ~touched;
	row->value[bits->reg] |= bits->ones | bits->host;
	row->host_mask[bits->reg] &= ~touched;
	row->host_mask[bits->reg] |= bits->host;
}

/* A leaf that only the policy names starts as zero, with all sub-leaves up to the last named. */
static void make_subleaves(struct cpu_build *build, const struct leaf_bits *bits)
{
	uint32_t last = bits->last_subleaf == HV_NONE ? bits->first_subleaf : bits->last_subleaf;

	for (uint32_t sub = 0; sub <= last; sub++) {
		struct hv_cpuid *row = cpu_record(build, bits->leaf, sub);

		if (!row)
			row = add_record(build, bits->leaf, sub);
		if (last > 0)
			row->flags |= HV_CPUID_SUBLEAF;
	}
}

static void assign_bits(struct cpu_build *build)
{
	for (size_t i = 0; i < build->features->bits.count; i++) {
		const struct leaf_bits *bits = &build->features->bits.items[i];

		if (bits->leaf > build->features->limits[range_of(bits->leaf)])
			continue;
		make_subleaves(build, bits);
		for (size_t r = 0; r < build->rows.count; r++) {
			struct hv_cpuid *row = &build->rows.items[r];

			if (row->leaf == bits->leaf && row->subleaf >= bits->first_subleaf &&
			    row->subleaf <= bits->last_subleaf)
				assign(row, bits);
		}
	}
}

/* ----------------------------------------------------------------------------- limits and index */

static void count_subleaves(struct cpu_build *build)
{
	struct hv_cpuid *first = NULL;

	for (size_t i = 0; i < build->rows.count; i++) {
		struct hv_cpuid *row = &build->rows.items[i];

		if (!first || row->leaf != first->leaf)
			first = row;
		first->subleaves++;
	}
}

/* The last leaf of each range, which also goes into EAX of the range's first one. */
static void set_limits(struct cpu_build *build, uint32_t limits[HV_CPUID_RANGES])
{
	static const uint32_t where[HV_CPUID_RANGES] = { 0, HV_NONE, 0x80000000 };

	for (size_t i = 0; i < build->rows.count; i++)
		limits[range_of(build->rows.items[i].leaf)] = build->rows.items[i].leaf + 1;
	/* What `limit` promises beyond that reads zero. */
	for (uint32_t range = 0; range < HV_CPUID_RANGES; range++) {
		uint32_t said = build->features->limits[range];

		if (said != HV_NONE && limits[range])
			limits[range] = said + 1;
	}
	for (uint32_t range = 0; range < HV_CPUID_RANGES; range++) {
		struct hv_cpuid *row = cpu_record(build, where[range], 0);

		if (row && !row->host_mask[EAX] && row->value[EAX] == ALL_ONES)
			row->value[EAX] = limits[range] - 1;
	}
}

static void make_index(struct cpu_build *build)
{
	struct cpu_policy_records *records = build->records;
	uint32_t limits[HV_CPUID_RANGES] = { 0 };

	set_limits(build, limits);
	for (uint32_t range = 0; range < HV_CPUID_RANGES; range++) {
		records->index_runs[range].first = records->index_count;
		if (limits[range])
			records->index_runs[range].count = limits[range] - range_base[range];
		records->index_count += records->index_runs[range].count;
	}
	records->index = arena_array(build->arena, records->index_count, sizeof(uint16_t));
	memset(records->index, 0xff, records->index_count * sizeof(uint16_t));
	for (size_t i = 0; i < build->rows.count; i++) {
		const struct hv_cpuid *row = &build->rows.items[i];
		uint32_t range = range_of(row->leaf);

		if (row->subleaf == 0)
			records->index[records->index_runs[range].first + row->leaf -
				       range_base[range]] = (uint16_t)i;
	}
}

/* ------------------------------------------------------------------------------ feature records */

/* Collects the bits that go when a feature is missing, one clear a CPUID record. */
static void clear_bit(struct cpu_build *build, uint32_t first, uint32_t leaf, uint32_t subleaf,
		      uint32_t reg, uint32_t bit)
{
	const struct hv_cpuid *row = cpu_record(build, leaf, subleaf);
	uint32_t index = row ? (uint32_t)(row - build->rows.items) : HV_NONE;
	struct hv_cpuid_clear *clear = NULL;

	if (!row)
		return;
	for (size_t i = first; i < build->clears.count; i++) {
		if (build->clears.items[i].cpuid == index)
			clear = &build->clears.items[i];
	}
	if (!clear) {
		clear = vector_add(build->arena, &build->clears);
		clear->cpuid = index;
		memset(clear->keep, 0xff, sizeof(clear->keep));
	}
	clear->keep[reg] &= ~bit;
}

static void clear_feature(struct cpu_build *build, uint32_t first, enum feature_id id)
{
	const struct feature *feature = &features[id];
	uint32_t bit = 1u << feature->bit;

	clear_bit(build, first, feature->leaf, feature->subleaf, feature->reg, bit);
	if (build->vendor == HV_VENDOR_AMD && feature->leaf == 1 && feature->reg == EDX &&
	    (bit & AMD_REPEATED))
		clear_bit(build, first, 0x80000001, 0, EDX, bit);
}

static void clear_state(struct hv_feature *record, const struct feature *feature)
{
	record->xcr0_clear |= feature->xcr0;
	record->cr4_clear |= feature->cr4;
	record->efer_clear |= feature->efer;
	if (feature->msrs != MSRS_NONE)
		record->msr_groups_clear |= 1ull << feature->msrs;
}

static void clear_dependants(struct cpu_build *build, struct hv_feature *record, enum feature_id id)
{
	struct feature_set dependants = feature_dependants(id);

	clear_state(record, &features[id]);
	for (enum feature_id other = 1; other < FEATURE_COUNT; other++) {
		if (!feature_in(&dependants, other) || !cpu_has(build, other))
			continue;
		clear_feature(build, record->clears.first, other);
		clear_state(record, &features[other]);
	}
	record->clears.count = (uint32_t)build->clears.count - record->clears.first;
}

static bool has_state(const struct hv_feature *record)
{
	return record->flags || record->clears.count || record->xcr0_clear || record->cr4_clear ||
	       record->efer_clear || record->msr_groups_clear;
}

static void add_feature(struct cpu_build *build, enum feature_id id)
{
	const struct feature_choice *choice = &build->features->choices[id];
	const struct feature *feature = &features[id];
	struct hv_feature record = {
		.leaf = feature->leaf,
		.subleaf = feature->subleaf,
		.reg = feature->reg,
		.mask = 1u << feature->bit,
		.clears.first = (uint32_t)build->clears.count,
	};

	if (choice->state == FEATURE_IF_HOST)
		clear_dependants(build, &record, id);
	if (choice->state == FEATURE_IF_HOST && choice->required)
		record.flags |= HV_FEATURE_REQUIRED;
	if (choice->forbidden)
		record.flags |= HV_FEATURE_FORBIDDEN;
	if (!has_state(&record))
		return;
	vector_push(build->arena, &build->feature_rows, record);
	vector_push(build->arena, &build->feature_names, feature->name);
	vector_push(build->arena, &build->feature_places, choice->at);
}

/* Prerequisites first: what needs a feature needs more features than it does. */
static void add_features(struct cpu_build *build)
{
	uint32_t counts[FEATURE_COUNT] = { 0 }, most = 0;

	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		counts[id] = feature_set_size(feature_prerequisites(id));
		if (counts[id] > most)
			most = counts[id];
	}
	for (uint32_t depth = 0; depth <= most; depth++) {
		for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
			if (counts[id] == depth && (features[id].vendors & build->vendor_mask))
				add_feature(build, id);
		}
	}
}

/* ---------------------------------------------------------------------------------------- state */

/* What the control registers may have follows the features; PCE has no bit of its own. */
static void add_up_state(struct cpu_build *build)
{
	build->records->cr4 = CR4_PCE;
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		if (!cpu_has(build, id))
			continue;
		build->records->cr4 |= features[id].cr4;
		build->records->efer |= features[id].efer;
		build->xcr0 |= features[id].xcr0;
	}
	if (!cpu_has(build, FEATURE_XSAVE))
		build->xcr0 = 0;
	build->records->xcr0 = build->xcr0;
}

static void finish(struct cpu_build *build)
{
	struct cpu_policy_records *records = build->records;

	records->cpuid = build->rows.items;
	records->cpuid_count = (uint32_t)build->rows.count;
	records->features = build->feature_rows.items;
	records->feature_names = build->feature_names.items;
	records->feature_positions = build->feature_places.items;
	records->feature_count = (uint32_t)build->feature_rows.count;
	records->clears = build->clears.items;
	records->clear_count = (uint32_t)build->clears.count;
}

bool cpu_has(const struct cpu_build *build, enum feature_id id)
{
	return (features[id].vendors & build->vendor_mask) &&
	       build->features->choices[id].state != FEATURE_OFF;
}

void cpu_leaves_build(struct cpu_build *build)
{
	add_up_state(build);
	for (size_t i = 0; i < sizeof(leaf_table) / sizeof(leaf_table[0]); i++) {
		if (leaf_present(build, &leaf_table[i]))
			add_leaf(build, &leaf_table[i]);
	}
	set_features(build);
	repeat_for_amd(build);
	assign_bits(build);
}

/* ------------------------------------------------------------------------------------ the whole */

void cpu_policy_build(struct arena *arena, const struct cpu_request *request, enum hv_vendor vendor,
		      struct cpu_policy_records *records)
{
	struct cpu_build build = {
		.arena = arena,
		.request = request,
		.features = request->features,
		.vendor = vendor,
		.vendor_mask = vendor == HV_VENDOR_INTEL ? INTEL : AMD,
		.records = records,
	};
	const struct hv_cpuid *kvm;

	*records = (struct cpu_policy_records){
		.vendor = vendor,
		.flags = seen_vendor(&build) == HV_VENDOR_INTEL ? HV_POLICY_INTEL_LIMIT : 0,
		.position = request->position,
	};
	if (request->pv_kvm && cpu_has(&build, FEATURE_HYPERVISOR))
		records->kvm_base = KVM_BASE;
	cpu_leaves_build(&build);
	count_subleaves(&build);
	make_index(&build);
	add_features(&build);
	kvm = cpu_record(&build, KVM_FEATURES, 0);
	if (records->kvm_base && kvm)
		records->kvm_features = kvm->value[EAX];
	cpu_msr_build(&build);
	cpu_cases_build(&build);
	finish(&build);
}
