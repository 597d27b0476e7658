/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/: which CPUID bits and MSRs a guest has. Three layers:
 *
 *     features.def, models.def     what there is        (feature.c, base.c)
 *     policy.l, policy.y, ast.c    text -> AST          (the language of schema/policy.md)
 *     resolve.c, typecheck.c,      names -> rows, bits -> masks,
 *     evaluate.c                   statements -> one decision a feature and vendor
 *
 * It knows the model's CPU part and diagnostics, no blob record: what comes out (policy.h) is
 * turned into records by lower/cpuid.c and lower/msr.c. This header is the table of features.
 */
#ifndef HVCC_POLICY_FEATURE_H
#define HVCC_POLICY_FEATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Schema version whose globs, models and `host` this table serves: rows that are newer stay out. */
#define FEATURE_SCHEMA_VERSION 1

enum cpu_register { EAX, EBX, ECX, EDX, CPU_REGISTERS };

enum feature_vendors { INTEL = 1u << 0, AMD = 1u << 1, BOTH = INTEL | AMD };

enum feature_support {
	FEATURE_HOST,	 /* the guest has it where the host has it */
	FEATURE_INFORM,	 /* likewise, but nothing breaks when it is claimed */
	FEATURE_CORE,	 /* the core does it */
	FEATURE_DYNAMIC, /* follows a control register of the guest */
	FEATURE_NEVER,	 /* the core cannot offer it */
};

/* Bits of CR4 (SDM v3 2.5, APM v2 3.1.3), EFER (APM v2 3.1.7) and XCR0 (SDM v3 2.6). */
enum {
	CR4_VME = 1u << 0,
	CR4_PVI = 1u << 1,
	CR4_TSD = 1u << 2,
	CR4_DE = 1u << 3,
	CR4_PSE = 1u << 4,
	CR4_PAE = 1u << 5,
	CR4_MCE = 1u << 6,
	CR4_PGE = 1u << 7,
	CR4_PCE = 1u << 8,
	CR4_OSFXSR = 1u << 9,
	CR4_OSXMMEXCPT = 1u << 10,
	CR4_UMIP = 1u << 11,
	CR4_LA57 = 1u << 12,
	CR4_FSGSBASE = 1u << 16,
	CR4_PCIDE = 1u << 17,
	CR4_OSXSAVE = 1u << 18,
	CR4_SMEP = 1u << 20,
	CR4_SMAP = 1u << 21,
	CR4_PKE = 1u << 22,

	EFER_SCE = 1u << 0,
	EFER_LME = 1u << 8,
	EFER_LMA = 1u << 10,
	EFER_NXE = 1u << 11,
	EFER_FFXSR = 1u << 14,
	EFER_TCE = 1u << 15,

	XCR0_X87 = 1u << 0,
	XCR0_SSE = 1u << 1,
	XCR0_AVX = 1u << 2,
	XCR0_AVX512 = 7u << 5,
	XCR0_PKRU = 1u << 9,
};

/* MSRs that come and go with a feature: the group number of struct hv_msr. */
enum msr_group {
	MSRS_NONE, /* group 0 is never cleared */
	MSRS_MCA,
	MSRS_SYSENTER,
	MSRS_MTRR,
	MSRS_PAT,
	MSRS_X2APIC,
	MSRS_DEADLINE,
	MSRS_TSC_ADJUST,
	MSRS_SPEC_CTRL,
	MSRS_PRED_CMD,
	MSRS_FLUSH_CMD,
	MSRS_XSS,
	MSRS_SYSCALL,
	MSRS_TSC_AUX,
	MSRS_LONG,
	MSRS_KVM_CLOCK_OLD,
	MSRS_KVM_CLOCK,
	MSRS_KVM_STEAL,
	MSRS_KVM_EOI,
	MSRS_PMU_IDLE, /* no feature has it: the counters of a guest without a hypervisor bit */
	MSR_GROUPS,
};

/* FEATURE_<ID> for each row; 0 is none. */
enum feature_id {
	FEATURE_NONE,
#define FEATURE(id, ...) FEATURE_##id,
#include "policy/features.def"
#undef FEATURE
	FEATURE_COUNT
};

enum { FEATURE_NEEDS = 3 };

struct feature {
	const char *name;
	const char *aliases; /* separated by spaces */
	uint32_t leaf, subleaf;
	uint8_t reg;	 /* enum cpu_register */
	uint8_t bit;	 /* 0..31 */
	uint8_t vendors; /* enum feature_vendors */
	uint8_t support; /* enum feature_support */
	uint16_t needs[FEATURE_NEEDS]; /* enum feature_id, FEATURE_NONE at the end */
	uint8_t since;
	uint8_t msrs; /* enum msr_group */
	uint32_t cr4, efer, xcr0; /* state that exists with the bit only */
	const char *why; /* NEVER, DYNAMIC: the reason, as part of a sentence */
};

extern const struct feature features[FEATURE_COUNT]; /* [FEATURE_NONE] is empty */

/* A set of features; zero-initialized is empty. */
struct feature_set {
	uint64_t words[(FEATURE_COUNT + 63) / 64];
};

static inline bool feature_in(const struct feature_set *set, enum feature_id id)
{
	return set->words[id / 64] >> (id % 64) & 1;
}

static inline void feature_add(struct feature_set *set, enum feature_id id)
{
	set->words[id / 64] |= 1ull << (id % 64);
}

/* Whether the two have a feature in common. */
static inline bool feature_sets_meet(const struct feature_set *a, const struct feature_set *b)
{
	uint64_t common = 0;

	for (size_t i = 0; i < sizeof(a->words) / sizeof(a->words[0]); i++)
		common |= a->words[i] & b->words[i];
	return common != 0;
}

/* How many features a set has. */
static inline uint32_t feature_set_size(const struct feature_set *set)
{
	uint32_t count = 0;

	for (size_t i = 0; i < sizeof(set->words) / sizeof(set->words[0]); i++)
		count += (uint32_t)__builtin_popcountll(set->words[i]);
	return count;
}

/* The feature of that name or alias; case does not count, and `-`, `_`, `.` are one. Or NONE. */
enum feature_id feature_find(const char *name);

/* The feature behind one CPUID bit on that vendor (INTEL or AMD), or FEATURE_NONE. */
enum feature_id feature_at(uint32_t leaf, uint32_t subleaf, uint32_t reg, uint32_t bit,
			   uint8_t vendor);

/* Whether name matches a pattern in which `*` stands for any text; spelled as in feature_find(). */
bool feature_matches(enum feature_id id, const char *pattern);

/* All that id needs, directly or not, without id itself. */
const struct feature_set *feature_prerequisites(enum feature_id id);

/* All that needs id, directly or not, without id itself. */
struct feature_set feature_dependants(enum feature_id id);

/* Canonical names: candidates for did-you-mean. Returns their number. */
size_t feature_names(const char *const **names);

#endif
