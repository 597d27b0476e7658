/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MSR records of one vendor: msrs.def, without the rows of features that the guest lacks, and
 * the variable MTRRs, which follow the memory layout. What has no record is #GP, as in a CPU that
 * lacks the MSR (or as `cpu.msr.unlisted` says).
 */
#include "lower/cpu_internal.h"
#include "lower/lowered.h"

#include <stdlib.h>

#define MTRR_BASE_0 0x200u
#define MTRR_VALID  (1ull << 11)
#define MTRR_TYPE   0x7ull

/* Each of the eight bytes of a fixed-range MTRR is a type of three bits. */
#define FIXED_TYPES 0x0707070707070707ull
#define BITS_47_0   0x0000ffffffffffffull
#define ALL_WB	    0x0606060606060606ull
#define ALL_WP	    0x0505050505050505ull

struct msr_row {
	const char *name; /* as the manuals have it */
	uint32_t first, last;
	uint8_t vendors; /* enum feature_vendors */
	uint8_t read, write;
	uint8_t group; /* enum msr_group */
	uint64_t reset, write_mask;
};

#define MSR_RANGE(name, first, last, vendors, read, write, group, reset, mask)                     \
	{ name, first, last, vendors, HV_MSR_##read, HV_MSR_##write, MSRS_##group, reset, mask },
#define MSR(name, number, vendors, read, write, group, reset, mask)                                \
	MSR_RANGE(name, number, number, vendors, read, write, group, reset, mask)
static const struct msr_row msr_table[] = {
#include "lower/msrs.def"
};
#undef MSR_RANGE
#undef MSR

static void add_msr(struct cpu_build *build, struct hv_msr record)
{
	if (record.read == HV_MSR_STORE || record.write == HV_MSR_STORE) {
		record.slot = build->msr_slots;
		build->msr_slots += record.last - record.first + 1;
	}
	if (record.group == MSRS_NONE)
		record.group = 255;
	vector_push(build->arena, &build->msrs, record);
}

/*
 * Counters that count nothing, for a guest that believes it runs on bare AMD hardware, where they
 * always exist: Linux tests them and reports an error when they are missing there.
 */
static bool group_present(const struct cpu_build *build, enum msr_group group)
{
	if (group == MSRS_NONE)
		return true;
	if (group == MSRS_PMU_IDLE)
		return !cpu_has(build, FEATURE_HYPERVISOR);
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		bool kvm = features[id].leaf == 0x40000001;

		if (features[id].msrs == group && cpu_has(build, id) &&
		    (!kvm || build->records->kvm_base))
			return true;
	}
	return false;
}

/* A guest that believes in another vendor reads its MSRs, too; only the machine's own can be passed. */
static bool row_present(const struct cpu_build *build, const struct msr_row *row)
{
	bool own = row->vendors & build->vendor_mask;

	if (!build->features->identity.foreign || own)
		return own;
	for (size_t i = 0; i < sizeof(msr_table) / sizeof(msr_table[0]); i++) {
		if (msr_table[i].first == row->first && (msr_table[i].vendors & build->vendor_mask))
			return false;
	}
	return row->read != HV_MSR_PASS && row->write != HV_MSR_PASS;
}

static void add_table(struct cpu_build *build)
{
	for (size_t i = 0; i < sizeof(msr_table) / sizeof(msr_table[0]); i++) {
		const struct msr_row *row = &msr_table[i];

		if (!row_present(build, row) || !group_present(build, row->group))
			continue;
		add_msr(build, (struct hv_msr){
			.first = row->first, .last = row->last,
			.read = row->read, .write = row->write, .group = row->group,
			.reset = row->reset, .write_mask = row->write_mask,
		});
	}
}

/* SDM v3 11.11.2.3: a base with its type, a mask with its valid bit. */
static void add_variable_mtrrs(struct cpu_build *build)
{
	const struct cpu_request *request = build->request;
	uint64_t address = ((1ull << request->physical_bits) - 1) & ~0xfffull;

	if (!cpu_has(build, FEATURE_MTRR))
		return;
	for (uint32_t i = 0; i < CPU_MTRRS; i++) {
		struct hv_msr base = { .first = MTRR_BASE_0 + 2 * i, .last = MTRR_BASE_0 + 2 * i,
				       .read = HV_MSR_STORE, .write = HV_MSR_STORE,
				       .group = MSRS_MTRR, .write_mask = address | MTRR_TYPE };
		struct hv_msr mask = base;

		mask.first = mask.last = base.first + 1;
		mask.write_mask = address | MTRR_VALID;
		if (i < request->mtrr_count) {
			base.reset = request->mtrrs[i].base | request->mtrrs[i].type;
			mask.reset = (~(request->mtrrs[i].size - 1) & address) | MTRR_VALID;
		}
		add_msr(build, base);
		add_msr(build, mask);
	}
}

static int by_number(const void *a, const void *b)
{
	const struct hv_msr *left = a, *right = b;

	return left->first < right->first ? -1 : left->first > right->first;
}

void cpu_msr_build(struct cpu_build *build)
{
	static const uint32_t flags[] = {
		[CPU_MSR_INJECT_GP] = 0,
		[CPU_MSR_IGNORE] = HV_POLICY_MSR_IGNORE,
		[CPU_MSR_IGNORE_AND_LOG] = HV_POLICY_MSR_IGNORE | HV_POLICY_MSR_LOG,
	};

	add_table(build);
	add_variable_mtrrs(build);
	qsort(build->msrs.items, build->msrs.count, sizeof(struct hv_msr), by_number);
	build->records->flags |= flags[build->request->unlisted];
	build->records->msrs = build->msrs.items;
	build->records->msr_count = (uint32_t)build->msrs.count;
}

const char *cpu_msr_name(uint32_t number)
{
	for (size_t i = 0; i < sizeof(msr_table) / sizeof(msr_table[0]); i++) {
		if (number >= msr_table[i].first && number <= msr_table[i].last)
			return msr_table[i].name;
	}
	if (number >= MTRR_BASE_0 && number < MTRR_BASE_0 + 2 * CPU_MTRRS)
		return number & 1 ? "IA32_MTRR_PHYSMASK" : "IA32_MTRR_PHYSBASE";
	return NULL;
}
