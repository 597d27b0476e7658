/* SPDX-License-Identifier: Apache-2.0 */
/* One vendor's CPUID and MSR policy: relative indices become those of the blob's sections. */
#include "emit/blob.h"

/* Appends count records that need no change; returns the run. */
static struct hv_run add_run(struct blob *blob, enum hv_section_id section, const void *records,
			     uint32_t count)
{
	struct hv_run run = { .first = blob_next(blob, section), .count = count };
	const uint8_t *bytes = records;

	for (uint32_t i = 0; i < count; i++)
		blob_add(blob, section, bytes + (size_t)i * blob_record_size(section));
	return run;
}

static void add_clears(struct blob *blob, const struct cpu_policy_records *records,
		       uint32_t first_cpuid)
{
	for (uint32_t i = 0; i < records->clear_count; i++) {
		struct hv_cpuid_clear clear = records->clears[i];

		clear.cpuid += first_cpuid;
		blob_add(blob, HV_SECTION_CLEARS, &clear);
	}
}

static struct hv_run add_features(struct blob *blob, const struct cpu_policy_records *records,
				  uint32_t first_clear)
{
	struct hv_run run = { .first = blob_next(blob, HV_SECTION_FEATURES),
			      .count = records->feature_count };

	for (uint32_t i = 0; i < records->feature_count; i++) {
		struct hv_feature feature = records->features[i];

		feature.name = blob_string(blob, records->feature_names[i]);
		feature.position = blob_position(blob, records->feature_positions[i]);
		feature.clears.first += first_clear;
		blob_add(blob, HV_SECTION_FEATURES, &feature);
	}
	return run;
}

static struct hv_run add_cases(struct blob *blob, const struct cpu_policy_records *records,
			       uint32_t first_cpuid)
{
	struct hv_run run = { .first = blob_next(blob, HV_SECTION_CASES),
			      .count = records->case_count };

	for (uint32_t i = 0; i < records->case_count; i++) {
		const struct cpu_case *made = &records->cases[i];
		struct hv_policy_case record = made->record;

		record.name = blob_string(blob, made->name ? made->name : "");
		record.position = blob_position(blob, made->at);
		record.tests = add_run(blob, HV_SECTION_TESTS, made->tests, made->test_count);
		record.patches.first = blob_next(blob, HV_SECTION_PATCHES);
		record.patches.count = made->patch_count;
		for (uint32_t p = 0; p < made->patch_count; p++) {
			struct hv_cpuid_patch patch = made->patches[p];

			patch.cpuid += first_cpuid;
			blob_add(blob, HV_SECTION_PATCHES, &patch);
		}
		blob_add(blob, HV_SECTION_CASES, &record);
	}
	return run;
}

static struct hv_run add_msrs(struct blob *blob, const struct cpu_policy_records *records)
{
	struct hv_run run = { .first = blob_next(blob, HV_SECTION_MSRS), .count = records->msr_count };

	for (uint32_t i = 0; i < records->msr_count; i++) {
		struct hv_msr record = records->msrs[i];

		record.position = blob_position(blob, records->msr_positions[i]);
		blob_add(blob, HV_SECTION_MSRS, &record);
	}
	return run;
}

uint32_t blob_add_policy(struct blob *blob, const struct cpu_policy_records *records)
{
	uint32_t first_clear = blob_next(blob, HV_SECTION_CLEARS);
	struct hv_cpu_policy policy = {
		.vendor = records->vendor,
		.flags = records->flags,
		.position = blob_position(blob, records->position),
		.xcr0 = records->xcr0,
		.xss = records->xss,
		.cr4 = records->cr4,
		.efer = records->efer,
	};
	uint32_t first_index = blob_next(blob, HV_SECTION_CPUID_INDEX);

	policy.cpuid = add_run(blob, HV_SECTION_CPUID, records->cpuid, records->cpuid_count);
	add_clears(blob, records, policy.cpuid.first);
	policy.features = add_features(blob, records, first_clear);
	policy.cases = add_cases(blob, records, policy.cpuid.first);
	policy.msrs = add_msrs(blob, records);
	add_run(blob, HV_SECTION_CPUID_INDEX, records->index, records->index_count);
	for (unsigned int i = 0; i < HV_CPUID_RANGES; i++) {
		policy.index[i] = records->index_runs[i];
		policy.index[i].first += first_index;
	}
	return blob_add(blob, HV_SECTION_POLICIES, &policy);
}
