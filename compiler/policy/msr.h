/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MSRs: the table of those that guests find, the names of others, and what the rules of `cpu.msr` come to.
 * Which rows a guest has follows from its features; rules add rows for MSRs that no feature has.
 */
#ifndef HVCC_POLICY_MSR_H
#define HVCC_POLICY_MSR_H

#include "policy/policy.h"

struct msr_row {
	const char *name; /* as the manuals have it */
	uint32_t first, last;
	uint8_t vendors; /* enum feature_vendors */
	uint8_t read, write; /* enum hv_msr_action */
	uint8_t group; /* enum msr_group */
	uint64_t reset, write_mask;
};

extern const struct msr_row msr_table[];
extern const size_t msr_table_size;

enum { MTRR_BASE_0 = 0x200, MTRR_PAIRS = 8 }; /* variable MTRRs follow the memory layout: no rows */

/* What the manuals call an MSR; NULL: not known. */
const char *msr_name(uint32_t number);

/* Whether a feature that the guest has on this vendor brings the group along. */
bool msr_group_present(const struct cpu_features *cpu, uint32_t group);

/* One rule, put into the form of a record. */
struct msr_decision {
	struct hv_msr record;
	uint8_t vendors; /* where it counts: enum feature_vendors */
	struct position at;
};

struct msr_decisions {
	VECTOR(struct msr_decision) list;
};

/* Decides the rules of a guest; what the core cannot honour is reported. */
struct msr_decisions policy_msrs(struct arena *arena, struct diags *diags, const struct guest *guest,
				 const struct policy *policy);

#endif
