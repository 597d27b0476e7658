/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a policy comes to on some machines or for some vCPUs, as cases of the records: from the union, which
 * cpuid.c made, to each variant, and the machines that are refused.
 */
#include "lower/cpu_internal.h"

#include <string.h>

static struct hv_host_test *make_tests(struct arena *arena, const struct host_test *tests, uint32_t count)
{
	struct hv_host_test *made = arena_array(arena, count, sizeof(*made));

	for (uint32_t i = 0; i < count; i++) {
		const struct feature *feature = &features[tests[i].feature];

		made[i] = (struct hv_host_test){ .leaf = feature->leaf, .subleaf = feature->subleaf,
						 .reg = feature->reg, .mask = 1u << feature->bit,
						 .present = tests[i].present };
	}
	return made;
}

static struct cpu_case *add_case(struct cpu_build *build, const struct host_test *tests, uint32_t count)
{
	struct cpu_case *made = vector_add(build->arena, &build->cases);

	made->record.last_vcpu = HV_NONE;
	made->tests = make_tests(build->arena, tests, count);
	made->test_count = count;
	return made;
}

/*
 * From the union's register to the variant's. Where both have the host's bit it stays as it is; the union
 * has the host's bit wherever the variant has it (policy/variant.c).
 */
static bool make_patch(struct hv_cpuid_patch *patch, const struct hv_cpuid *united,
		       const struct hv_cpuid *variant)
{
	static const struct hv_cpuid nothing;
	bool any = false;

	if (!variant)
		variant = &nothing;
	for (uint32_t reg = 0; reg < CPU_REGISTERS; reg++) {
		uint32_t same = ~(united->value[reg] ^ variant->value[reg]) &
				(~(united->host_mask[reg] ^ variant->host_mask[reg]) |
				 ~united->value[reg]);

		patch->keep[reg] = same;
		patch->set[reg] = variant->value[reg] & ~same;
		any |= same != 0xffffffff;
	}
	return any;
}

static void add_patches(struct cpu_build *build, struct cpu_case *made, const struct cpu_build *variant)
{
	made->patches = arena_array(build->arena, build->rows.count, sizeof(*made->patches));
	for (uint32_t i = 0; i < build->rows.count; i++) {
		const struct hv_cpuid *row = &build->rows.items[i];
		struct hv_cpuid_patch patch = { .cpuid = i };

		if (make_patch(&patch, row, cpu_record(variant, row->leaf, row->subleaf)))
			made->patches[made->patch_count++] = patch;
	}
}

/* The groups of MSRs that a variant lacks. */
static uint64_t lost_groups(const struct cpu_build *build, const struct cpu_build *variant)
{
	uint64_t ours = 0, theirs = 0;

	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		ours |= cpu_has(build, id) ? 1ull << features[id].msrs : 0;
		theirs |= cpu_has(variant, id) ? 1ull << features[id].msrs : 0;
	}
	return ours & ~theirs & ~(1ull << MSRS_NONE);
}

/* State is the guest's: once for all ranges of vCPUs. */
static void add_state_case(struct cpu_build *build, const struct cpu_variant *from,
			   const struct cpu_build *variant)
{
	struct hv_policy_case state = {
		.last_vcpu = HV_NONE,
		.xcr0_clear = build->xcr0 & ~variant->xcr0,
		.cr4_clear = build->records->cr4 & ~variant->records->cr4,
		.efer_clear = build->records->efer & ~variant->records->efer,
		.msr_groups_clear = lost_groups(build, variant),
	};

	if (from->first_vcpu == 0 && (state.xcr0_clear | state.cr4_clear | state.efer_clear |
				      state.msr_groups_clear))
		add_case(build, from->tests, from->test_count)->record = state;
}

/* The last leaf of a range is the guest's, whatever a variant lacks. */
static void share_limits(const struct cpu_build *build, struct cpu_build *variant)
{
	static const uint32_t where[] = { 0, 0x80000000 };

	for (size_t i = 0; i < sizeof(where) / sizeof(*where); i++) {
		const struct hv_cpuid *ours = cpu_record(build, where[i], 0);
		struct hv_cpuid *theirs = cpu_record(variant, where[i], 0);

		if (!ours || !theirs)
			continue;
		theirs->value[EAX] = ours->value[EAX];
		theirs->host_mask[EAX] = ours->host_mask[EAX];
	}
}

static void add_variant(struct cpu_build *build, const struct cpu_variant *from)
{
	struct cpu_policy_records records = { .kvm_base = build->records->kvm_base };
	struct cpu_request request = *build->request;
	struct cpu_build variant = {
		.arena = build->arena, .request = &request, .features = from->features,
		.vendor = build->vendor, .vendor_mask = build->vendor_mask, .records = &records,
	};
	struct cpu_case *made;

	request.features = from->features;
	cpu_leaves_build(&variant);
	share_limits(build, &variant);
	add_state_case(build, from, &variant);
	made = add_case(build, from->tests, from->test_count);
	made->record.first_vcpu = from->first_vcpu;
	made->record.last_vcpu = from->last_vcpu;
	add_patches(build, made, &variant);
	if (!made->patch_count)
		build->cases.count--;
}

static void add_refusal(struct cpu_build *build, const struct cpu_refusal *refusal)
{
	struct cpu_case *made = add_case(build, refusal->tests, refusal->test_count);

	made->record.flags = HV_CASE_REFUSE;
	made->name = refusal->name;
	made->at = refusal->at;
}

void cpu_cases_build(struct cpu_build *build)
{
	const struct cpu_features *cpu = build->features;

	for (size_t i = 0; i < cpu->refusals.count; i++)
		add_refusal(build, &cpu->refusals.items[i]);
	for (size_t i = 0; i < cpu->variants.count; i++)
		add_variant(build, &cpu->variants.items[i]);
	build->records->cases = build->cases.items;
	build->records->case_count = (uint32_t)build->cases.count;
}
