/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What evaluate.c, variant.c, condition.c and assert.c share: one evaluation of a policy, for one vendor
 * and, where the policy distinguishes them, for one kind of machine and one range of vCPUs.
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
#include "rule/rule.h"

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

	/* While statements are visited: inside how many `when` that depend on the machine, on the vCPU. */
	uint32_t in_host, in_vcpu;

	uint32_t *spent; /* on all conditions of this vendor: bounded by RULE_STEPS */
};

/* Decides all of e->cpu. False when there is no base to start from, which was reported. */
bool policy_evaluate(struct evaluation *e);

/* From where one looks at a condition: what is taken as known. */
struct outlook {
	const struct evaluation *e;
	bool any_host, any_vcpu; /* the machine, the vCPU is not known, whatever the variant says */
	bool decided;		 /* e->cpu is: features of the guest are known, and what it requires */
	uint32_t vcpu;
	struct feature_set has, lacks; /* what is known of the machine besides */

	/* What was asked for and is not known: the first, and all. */
	enum feature_id open;
	struct feature_set asked;
};

/* The outlook of this variant. */
struct outlook policy_outlook(const struct evaluation *e);

/* Whether a condition holds; FAULTY where it has an error or cannot be computed, which was reported. */
enum rule_truth policy_condition(struct outlook *outlook, const struct ast_condition *condition);

/* Reports that an assertion does not hold: of which part that is so, and which values it has. */
void policy_condition_broken(struct outlook *outlook, const struct ast_condition *condition);

/*
 * The vCPUs from which on a condition may hold or not: its numbers, and those behind them. Returns false
 * where any vCPU could be one. Those that the guest does not have are reported.
 */
bool policy_condition_vcpus(const struct evaluation *e, const struct ast_condition *condition,
			    void (*each)(void *context, uint32_t vcpu), void *context);

/* Checks an assertion against e->cpu; adds the machines that break it to e->cpu->refusals. */
void policy_assert(struct evaluation *e, const struct ast_condition *condition);

/* Assigns nothing, but makes each bit that depends on a variant the host's: for the union. */
void policy_union_bits(struct evaluation *e);

/* Visits the statements that are in force, `when` resolved; each with e->in_host and e->in_vcpu. */
void policy_visit(struct evaluation *e, const struct ast_block *block,
		  void (*visit)(struct evaluation *e, const struct ast_statement *statement));

#endif
