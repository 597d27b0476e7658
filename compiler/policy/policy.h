/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the CPU part of a guest comes to: a decision for each feature and vendor. The language is
 * described in schema/policy.md.
 */
#ifndef HVCC_POLICY_POLICY_H
#define HVCC_POLICY_POLICY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/source.h"
#include "base/vector.h"
#include "diag/diag.h"
#include "model/model.h"
#include "policy/feature.h"
#include "schema/hvblob.h"

enum feature_state {
	FEATURE_OFF,
	FEATURE_IF_HOST, /* on where the host has it */
	FEATURE_ON,	 /* on, whatever the host has */
};

enum choice_origin {
	CHOICE_TABLE, /* nobody spoke of it: no part of the base */
	CHOICE_BASE,
	CHOICE_VERB,	     /* a statement names it */
	CHOICE_LEAF,	     /* an assignment sets its bit */
	CHOICE_PREREQUISITE, /* on because `cause` needs it */
	CHOICE_DEPENDANT,    /* off because `cause` is off */
	CHOICE_MODEL,	     /* off by another key of the guest: `pv`, `vcpus.apic.mode` */
	CHOICE_LIMIT,	     /* off: its leaf is beyond a `limit` */
};

struct feature_choice {
	uint8_t state;	/* enum feature_state */
	uint8_t origin; /* enum choice_origin */
	uint8_t verb;	/* enum policy_verb of ast.h, for CHOICE_VERB */
	bool required;	/* a host without it is refused */
	bool forbidden; /* a host with it is refused */
	bool glob;	/* a pattern named it */
	uint16_t cause; /* enum feature_id */
	struct position at; /* nowhere for defaults */
};

/* An assignment of bits that are no feature: `leaf 0x80000008 { eax[7:0] = 40; }`. */
struct leaf_bits {
	uint32_t leaf;
	uint32_t first_subleaf, last_subleaf;
	uint32_t reg;	/* enum cpu_register */
	uint32_t ones;	/* bits that read one */
	uint32_t zeros; /* bits that read zero */
	uint32_t host;	/* bits that read as the host's */
	struct position at;
};

/* Who the CPU says it is; what is not said is the host's. */
struct cpu_identity {
	uint32_t signature;	 /* family, model and stepping as CPUID 1 EAX has them ... */
	uint32_t signature_mask; /* ... of which these bits are said */
	const char *brand;	 /* NULL: the host's */
	bool foreign;		 /* it names the vendor that the machine is not of */
	uint32_t phys_bits;	 /* 0: what the memory map has */
};

/* What a machine has or lacks. */
struct host_test {
	uint16_t feature; /* enum feature_id */
	bool present;
};

/*
 * Where a policy has `when host` or `when vcpu`, it comes to something else on some machines or for
 * some vCPUs: a variant, which holds where all its tests do.
 */
struct cpu_variant {
	const struct host_test *tests;
	uint32_t test_count;
	uint32_t first_vcpu, last_vcpu; /* last HV_NONE: to the end */
	const struct cpu_features *features;
};

/* A machine on which all tests hold is refused. */
struct cpu_refusal {
	const struct host_test *tests;
	uint32_t test_count;
	const char *name; /* what it does not fulfil */
	struct position at;
};

/*
 * The decision for one vendor: of the union where there are variants. A feature is then in it when any
 * variant has it, as the machine's if that is so in one of them.
 */
struct cpu_features {
	enum hv_vendor vendor;
	bool possible; /* false: requires what this vendor never has (missing) */
	enum feature_id missing;
	const char *base; /* its name */
	struct position base_at;
	struct cpu_identity identity;
	struct feature_choice choices[FEATURE_COUNT];
	VECTOR(struct leaf_bits) bits; /* in order: later ones win */
	uint32_t limits[HV_CPUID_RANGES]; /* last leaf of each range; HV_NONE: what there is */
	struct position limits_at[HV_CPUID_RANGES];
	VECTOR(struct cpu_variant) variants; /* none: it is the same everywhere */
	VECTOR(struct cpu_refusal) refusals;
};

struct policy {
	struct cpu_features vendors[HV_VENDORS];
};

/*
 * Decides for a guest: reads its policy text, resolves, checks, evaluates. Returns NULL after an
 * error was reported; warnings and notes may be reported in any case. All memory is the arena's.
 */
struct policy *policy_compile(struct arena *arena, struct diags *diags, const struct guest *guest);

/* Whether MSRs or bits of a control register come with a feature or with one that needs it. */
bool policy_carries_state(enum feature_id id);

/* As a sentence part: "base host", "require at guest.yaml:7:13", "needed by avx2", "pv: none". */
const char *policy_origin(struct arena *arena, const struct sources *sources,
			  const struct cpu_features *cpu, enum feature_id id);

/*
 * Prints one line a feature that is on, or that something other than the base turned off:
 * name, state on each vendor, origin. For `hvcc config` and `hvcc explain`.
 */
void policy_print(FILE *stream, struct arena *arena, const struct sources *sources,
		  const struct policy *policy);

/* Prints what a feature or base is; false: name is neither. For `hvcc explain`. */
bool policy_explain(FILE *stream, const char *name);

#endif
