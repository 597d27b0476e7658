/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `assert`: what must hold of the guest's features and of the machine. A feature that is the machine's is
 * known when the machine starts only; so an assertion becomes the machines that break it, as a list of
 * conjunctions:
 *
 *     assert avx2 or not host.aes;      breaks where {avx2 absent, aes present}
 *
 * They are found by asking: as long as the condition is neither true nor false, the first feature that it
 * asks for is taken as there, then as not there. What a conjunction holds without is left out of it.
 * No conjunction: the assertion always holds. An empty one: it never does.
 */
#include "policy/evaluation.h"

#include <string.h>

enum { MOST_TERMS = 32 };

/* Machines: all that have and lack these. */
struct kind {
	struct feature_set has, lacks;
};

struct search {
	struct evaluation *e;
	const struct ast_condition *condition;
	struct outlook here; /* of the variant */
	struct kind kinds[MOST_TERMS]; /* that break it */
	uint32_t count;
	bool overflow; /* more than there is room for */
	bool faulty;
	bool somewhere; /* it holds on some machine */
};

static void feature_remove(struct feature_set *set, enum feature_id id)
{
	set->words[id / 64] &= ~(1ull << (id % 64));
}

static void add_all(struct feature_set *set, const struct feature_set *more)
{
	for (size_t i = 0; i < sizeof(set->words) / sizeof(set->words[0]); i++)
		set->words[i] |= more->words[i];
}

static enum rule_truth holds_on(const struct search *s, const struct kind *kind, enum feature_id *open)
{
	struct outlook outlook = s->here;
	enum rule_truth truth;

	add_all(&outlook.has, &kind->has);
	add_all(&outlook.lacks, &kind->lacks);
	truth = policy_condition(&outlook, s->condition);
	*open = outlook.open;
	return truth;
}

/* Leaves out what it does not take. */
static void widen(const struct search *s, struct kind *kind, bool has)
{
	struct feature_set *set = has ? &kind->has : &kind->lacks;

	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		enum feature_id open;

		if (!feature_in(set, id))
			continue;
		feature_remove(set, id);
		if (holds_on(s, kind, &open) != RULE_FALSE)
			feature_add(set, id);
	}
}

static void add_kind(struct search *s, struct kind kind)
{
	widen(s, &kind, true);
	widen(s, &kind, false);
	for (uint32_t i = 0; i < s->count; i++) {
		if (memcmp(&s->kinds[i], &kind, sizeof(kind)) == 0)
			return;
	}
	if (s->count == MOST_TERMS ||
	    feature_set_size(&kind.has) + feature_set_size(&kind.lacks) > MOST_TESTS)
		s->overflow = true;
	else
		s->kinds[s->count++] = kind;
}

/* Each level knows one feature more: at most all of them. */
static void look_at(struct search *s, const struct kind *kind)
{
	enum feature_id open;
	enum rule_truth truth = holds_on(s, kind, &open);
	struct kind with = *kind, without = *kind;

	s->faulty |= truth == RULE_FAULTY || (truth == RULE_UNKNOWN && !open);
	s->somewhere |= truth == RULE_TRUE;
	if (s->faulty || s->overflow || truth == RULE_TRUE)
		return;
	if (truth == RULE_FALSE) {
		add_kind(s, *kind);
		return;
	}
	feature_add(&without.lacks, open);
	look_at(s, &without);
	feature_add(&with.has, open);
	look_at(s, &with);
}

/* A machine of this variant that breaks it. */
static void add_refusal(struct search *s, const struct kind *kind)
{
	struct evaluation *e = s->e;
	struct host_test *tests = arena_array(e->arena, MOST_CONDITIONS + MOST_TESTS, sizeof(*tests));
	uint32_t count = e->test_count;

	memcpy(tests, e->tests, e->test_count * sizeof(*tests));
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		if (feature_in(&kind->has, id) || feature_in(&kind->lacks, id))
			tests[count++] = (struct host_test){ (uint16_t)id, feature_in(&kind->has, id) };
	}
	vector_push(e->arena, &e->cpu->refusals,
		    ((struct cpu_refusal){
			    .tests = tests, .test_count = count,
			    .name = arena_printf(e->arena, "assert %s", rule_text(s->condition->rule)),
			    .at = policy_place(e->ast, s->condition->at) }));
}

void policy_assert(struct evaluation *e, const struct ast_condition *condition)
{
	struct search s = { .e = e, .condition = condition, .here = policy_outlook(e) };

	s.here.decided = true;
	look_at(&s, &(struct kind){ 0 });
	if (s.faulty)
		return;
	if (s.overflow) {
		diag_report(e->diags, POLICY_ASSERT_LARGE, policy_place(e->ast, condition->at),
			    MOST_TERMS, MOST_TESTS);
		return;
	}
	if (!s.somewhere && e->test_count == 0)
		policy_condition_broken(&s.here, condition);
	for (uint32_t i = 0; i < s.count; i++)
		add_refusal(&s, &s.kinds[i]);
}
