/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What evaluate.c, variant.c and assert.c share: one evaluation of a policy, for one vendor and, where
 * the policy distinguishes them, for one kind of machine and one range of vCPUs.
 *
 *     policy_compile (variant.c)
 *         per vendor, per variant: evaluate (evaluate.c)
 *                                  -> assertions (assert.c) -> errors, or machines to refuse
 *         the union of the variants
 */
#ifndef HVCC_POLICY_EVALUATION_H
#define HVCC_POLICY_EVALUATION_H

#include "policy/ast.h"
#include "policy/policy.h"

enum {
	MOST_CONDITIONS = 4, /* features that the `when host` of a policy ask for */
	MOST_VARIANTS = 64,
	MOST_TESTS = 16, /* of one refusal */
	BITS_LIMIT = 1024, /* registers a policy may assign */
};
#define TEXT_LIMIT ((size_t)64 << 10)

/* What a feature that was turned off took along, for the note that says so. */
struct lost {
	struct feature_set features;
	struct position at;
};

struct evaluation {
	struct arena *arena;
	struct diags *diags;
	const struct guest *guest;
	const struct ast_policy *ast; /* NULL: no text */
	struct cpu_features *cpu;
	uint8_t vendor; /* enum feature_vendors */
	struct lost *lost_to; /* [FEATURE_COUNT]: who lost its place to each feature */
	struct position missing_at;

	/* The variant. */
	struct host_test tests[MOST_CONDITIONS];
	uint32_t test_count;
	uint32_t first_vcpu, last_vcpu;

	/* While statements are visited: inside how many `when host`, `when vcpu`. */
	uint32_t in_host, in_vcpu;
};

/* Decides all of e->cpu. False when there is no base to start from, which was reported. */
bool policy_evaluate(struct evaluation *e);

/* Whether a condition holds in this variant. */
bool policy_condition_holds(const struct evaluation *e, const struct ast_condition *condition);

/* Checks an assertion against e->cpu; adds the machines that break it to e->cpu->refusals. */
void policy_assert(struct evaluation *e, const struct ast_expr *expr);

/* Assigns nothing, but makes each bit that depends on a variant the host's: for the union. */
void policy_union_bits(struct evaluation *e);

/* Visits the statements that are in force, `when` resolved; each with e->in_host and e->in_vcpu. */
void policy_visit(struct evaluation *e, const struct ast_block *block,
		  void (*visit)(struct evaluation *e, const struct ast_statement *statement));

#endif
