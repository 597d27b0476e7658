/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MSR records of one vendor: msrs.def, without the rows of features that the guest lacks, and
 * the variable MTRRs, which follow the memory layout. What has no record is #GP, as in a CPU that
 * lacks the MSR (or as `cpu.msr.unlisted` says).
 */
#include "lower/cpu_internal.h"
#include "lower/lowered.h"
#include "policy/msr.h"

#include <stdlib.h>

#define MTRR_VALID  (1ull << 11)
#define MTRR_TYPE   0x7ull

static void add_msr(struct cpu_build *build, struct hv_msr record, struct position at)
{
	if (record.read == HV_MSR_STORE || record.write == HV_MSR_STORE) {
		record.slot = build->msr_slots;
		build->msr_slots += record.last - record.first + 1;
	}
	if (record.group == MSRS_NONE)
		record.group = 255;
	/* Until all are in order: the place, by number of the record. */
	record.position = (uint32_t)build->msr_places.count;
	vector_push(build->arena, &build->msrs, record);
	vector_push(build->arena, &build->msr_places, at);
}

/*
 * Counters that count nothing, for a guest that believes it runs on bare AMD hardware, where they
 * always exist: Linux tests them and reports an error when they are missing there.
 */
static bool group_present(const struct cpu_build *build, enum msr_group group)
{
	bool kvm = group >= MSRS_KVM_CLOCK_OLD && group <= MSRS_KVM_EOI;

	if (group == MSRS_NONE)
		return true;
	if (group == MSRS_PMU_IDLE)
		return !cpu_has(build, FEATURE_HYPERVISOR);
	return msr_group_present(build->features, group) && (!kvm || build->records->kvm_base);
}

/* The rule for an MSR, if any. */
static const struct msr_decision *rule_for(const struct cpu_build *build, uint32_t msr)
{
	const struct msr_decisions *rules = build->request->msrs;

	for (size_t i = 0; rules && i < rules->list.count; i++) {
		const struct msr_decision *rule = &rules->list.items[i];

		if ((rule->vendors & build->vendor_mask) && msr >= rule->record.first &&
		    msr <= rule->record.last)
			return rule;
	}
	return NULL;
}

static void add_rules(struct cpu_build *build)
{
	const struct msr_decisions *rules = build->request->msrs;

	for (size_t i = 0; rules && i < rules->list.count; i++) {
		if (rules->list.items[i].vendors & build->vendor_mask)
			add_msr(build, rules->list.items[i].record, rules->list.items[i].at);
	}
}

/* A guest that believes in another vendor reads its MSRs, too; only the machine's own can be passed. */
static bool row_present(const struct cpu_build *build, const struct msr_row *row)
{
	bool own = row->vendors & build->vendor_mask;

	if (!build->features->identity.foreign || own)
		return own;
	for (size_t i = 0; i < msr_table_size; i++) {
		if (msr_table[i].first == row->first && (msr_table[i].vendors & build->vendor_mask))
			return false;
	}
	return row->read != HV_MSR_PASS && row->write != HV_MSR_PASS;
}

static void add_table(struct cpu_build *build)
{
	for (size_t i = 0; i < msr_table_size; i++) {
		const struct msr_row *row = &msr_table[i];

		if (!row_present(build, row) || !group_present(build, row->group) ||
		    rule_for(build, row->first))
			continue;
		add_msr(build, (struct hv_msr){
			.first = row->first, .last = row->last,
			.read = row->read, .write = row->write, .group = row->group,
			.reset = row->reset, .write_mask = row->write_mask,
		}, (struct position){ 0 });
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
		add_msr(build, base, (struct position){ 0 });
		add_msr(build, mask, (struct position){ 0 });
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
	add_rules(build);
	qsort(build->msrs.items, build->msrs.count, sizeof(struct hv_msr), by_number);
	build->records->msr_positions =
		arena_array(build->arena, build->msrs.count + 1, sizeof(struct position));
	for (size_t i = 0; i < build->msrs.count; i++) {
		build->records->msr_positions[i] =
			build->msr_places.items[build->msrs.items[i].position];
		build->msrs.items[i].position = 0;
	}
	build->records->flags |= flags[build->request->unlisted];
	build->records->msrs = build->msrs.items;
	build->records->msr_count = (uint32_t)build->msrs.count;
}

const char *cpu_msr_name(uint32_t number)
{
	return msr_name(number);
}
