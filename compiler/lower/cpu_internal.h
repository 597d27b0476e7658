/* SPDX-License-Identifier: Apache-2.0 */
/* What cpuid.c, cpuid_cases.c and msr.c share while they make the records of one vendor. */
#ifndef HVCC_LOWER_CPU_INTERNAL_H
#define HVCC_LOWER_CPU_INTERNAL_H

#include "base/vector.h"
#include "lower/cpu.h"
#include "policy/policy.h"

struct cpu_build {
	struct arena *arena;
	const struct cpu_request *request;
	const struct cpu_features *features;
	enum hv_vendor vendor;
	uint8_t vendor_mask; /* enum feature_vendors */
	uint64_t xcr0;
	VECTOR(struct hv_cpuid) rows; /* sorted by leaf and sub-leaf */
	VECTOR(struct hv_feature) feature_rows;
	VECTOR(const char *) feature_names;
	VECTOR(struct position) feature_places;
	VECTOR(struct hv_cpuid_clear) clears;
	VECTOR(struct cpu_case) cases;
	VECTOR(struct hv_msr) msrs;
	VECTOR(struct position) msr_places;
	uint32_t msr_slots;
	struct cpu_policy_records *records;
};

/* Whether the guest has the feature, on this machine or on a suitable one. */
bool cpu_has(const struct cpu_build *build, enum feature_id id);

/* The record of a leaf and sub-leaf made so far, or NULL. */
struct hv_cpuid *cpu_record(const struct cpu_build *build, uint32_t leaf, uint32_t subleaf);

/* Makes the leaves, and what the control registers may have: of the whole, or of one variant. */
void cpu_leaves_build(struct cpu_build *build);

/* Fills the cases: what each variant differs in, and the machines to refuse. */
void cpu_cases_build(struct cpu_build *build);

/* Fills the MSR records. */
void cpu_msr_build(struct cpu_build *build);

#endif
