/* SPDX-License-Identifier: Apache-2.0 */
/* What the core makes of a policy's records on a machine that is described, not run on: core/vcpu/policy.c again. */
#include "lower/cpu_on_host.h"

static uint32_t host_register(const struct host_processor *host, uint32_t leaf, uint32_t subleaf, uint32_t reg)
{
	for (size_t i = 0; host && i < host->cpuid.count; i++) {
		const struct host_cpuid *row = &host->cpuid.items[i];

		if (row->leaf.value == leaf && row->subleaf.value == subleaf)
			return row->registers[reg].value;
	}
	return 0;
}

static void apply_feature(const struct cpu_policy_records *records, const struct hv_feature *feature,
			  const char *name, const struct host_processor *host, struct cpu_on_host *seen)
{
	bool present = host_register(host, feature->leaf, feature->subleaf, feature->reg) & feature->mask;

	if (feature->flags & HV_FEATURE_FORBIDDEN && present)
		seen->refused = name;
	if (feature->flags & HV_FEATURE_FORBIDDEN || present)
		return;
	if (feature->flags & HV_FEATURE_REQUIRED)
		seen->refused = name;
	for (uint32_t i = 0; i < feature->clears.count; i++) {
		const struct hv_cpuid_clear *clear = &records->clears[feature->clears.first + i];

		for (uint32_t reg = 0; reg < CPU_REGISTERS; reg++)
			seen->values[clear->cpuid][reg] &= clear->keep[reg];
	}
	seen->xcr0 &= ~feature->xcr0_clear;
}

static bool case_holds(const struct cpu_case *c, const struct host_processor *host)
{
	for (uint32_t i = 0; i < c->test_count; i++) {
		const struct hv_host_test *t = &c->tests[i];

		if ((host_register(host, t->leaf, t->subleaf, t->reg) & t->mask) ? !t->present : t->present)
			return false;
	}
	return true;
}

static void apply_case(const struct cpu_case *c, struct cpu_on_host *seen)
{
	if (c->record.flags & HV_CASE_REFUSE)
		seen->refused = c->name;
	seen->xcr0 &= ~c->record.xcr0_clear;
	for (uint32_t i = 0; i < c->patch_count; i++) {
		const struct hv_cpuid_patch *patch = &c->patches[i];

		for (uint32_t reg = 0; reg < CPU_REGISTERS; reg++)
			seen->values[patch->cpuid][reg] =
				(seen->values[patch->cpuid][reg] & patch->keep[reg]) | patch->set[reg];
	}
}

static void apply_host(const struct cpu_policy_records *records, const struct host_processor *host,
		       struct cpu_on_host *seen)
{
	for (uint32_t i = 0; i < records->cpuid_count; i++) {
		const struct hv_cpuid *row = &records->cpuid[i];
		bool gone = row->dynamic & HV_DYNAMIC_XSAVE_COMPONENT && !(seen->xcr0 >> row->subleaf & 1);

		for (uint32_t reg = 0; reg < CPU_REGISTERS; reg++)
			seen->values[i][reg] = gone ? 0 : seen->values[i][reg] &
				(host_register(host, row->leaf, row->subleaf, reg) | ~row->host_mask[reg]);
	}
}

struct cpu_on_host cpu_on_host(struct arena *arena, const struct cpu_policy_records *records,
			       const struct host_processor *host, uint32_t vcpu)
{
	struct cpu_on_host seen = {
		.records = records,
		.values = arena_array(arena, records->cpuid_count + 1, sizeof(*seen.values)),
		.xcr0 = records->xcr0,
	};

	for (uint32_t i = 0; i < records->cpuid_count; i++)
		for (uint32_t reg = 0; reg < CPU_REGISTERS; reg++)
			seen.values[i][reg] = records->cpuid[i].value[reg];
	if (!host)
		return seen;
	for (uint32_t i = 0; i < records->feature_count; i++)
		apply_feature(records, &records->features[i], records->feature_names[i], host, &seen);
	apply_host(records, host, &seen);
	for (uint32_t i = 0; i < records->case_count; i++) {
		const struct cpu_case *c = &records->cases[i];

		if (vcpu >= c->record.first_vcpu && vcpu <= c->record.last_vcpu && case_holds(c, host))
			apply_case(c, &seen);
	}
	return seen;
}
