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

/* Family, model and stepping as CPUID 1 EAX has them, and the brand; signature 0: the host's. */
struct cpu_identity {
	uint32_t signature;
	const char *brand; /* NULL: the host's */
};

/* The decision for one vendor. */
struct cpu_features {
	enum hv_vendor vendor;
	bool possible; /* false: requires what this vendor never has (missing) */
	enum feature_id missing;
	const char *base; /* its name */
	struct position base_at;
	struct cpu_identity identity;
	struct feature_choice choices[FEATURE_COUNT];
	VECTOR(struct leaf_bits) bits; /* in order: later ones win */
};

struct policy {
	struct cpu_features vendors[HV_VENDORS];
};

/*
 * Decides for a guest: reads its policy text, resolves, checks, evaluates. Returns NULL after an
 * error was reported; warnings and notes may be reported in any case. All memory is the arena's.
 */
struct policy *policy_compile(struct arena *arena, struct diags *diags, const struct guest *guest);

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
