/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `assert`: what must hold of the guest's features and of the machine. A feature that is the machine's is
 * known when the machine starts only; so an assertion becomes the machines that break it, as a list of
 * conjunctions:
 *
 *     assert avx2 or not host.aes;      breaks where {avx2 absent, aes present}
 *
 * No conjunction: it always holds. An empty one: it never does.
 */
#include "policy/evaluation.h"

#include <string.h>

enum { MOST_TERMS = 32 };

struct term {
	struct host_test tests[MOST_TESTS];
	uint32_t count;
};

struct terms {
	struct term items[MOST_TERMS];
	uint32_t count;
	bool overflow; /* more than there is room for */
};

static const struct term always;

/* Adds a test; false: it contradicts one that is there. */
static bool add_test(struct terms *terms, struct term *term, struct host_test test)
{
	for (uint32_t i = 0; i < term->count; i++) {
		if (term->tests[i].feature == test.feature)
			return term->tests[i].present == test.present;
	}
	if (term->count == MOST_TESTS)
		terms->overflow = true;
	else
		term->tests[term->count++] = test;
	return true;
}

static void add_term(struct terms *terms, const struct term *term)
{
	if (terms->count == MOST_TERMS)
		terms->overflow = true;
	else
		terms->items[terms->count++] = *term;
}

static void either(struct terms *left, const struct terms *right)
{
	left->overflow |= right->overflow;
	for (uint32_t i = 0; i < right->count; i++)
		add_term(left, &right->items[i]);
}

static void both(struct arena *arena, struct terms *left, const struct terms *right)
{
	struct terms *product = arena_new(arena, struct terms);

	product->overflow = left->overflow | right->overflow;
	for (uint32_t i = 0; i < left->count; i++) {
		for (uint32_t j = 0; j < right->count; j++) {
			struct term term = left->items[i];
			bool possible = true;

			for (uint32_t t = 0; possible && t < right->items[j].count; t++)
				possible = add_test(product, &term, right->items[j].tests[t]);
			if (possible)
				add_term(product, &term);
		}
	}
	*left = *product;
}

/* ------------------------------------------------------------------------------------- the leaves */

/* 1 and 0: every machine that this variant runs on has it, or lacks it; -1: some do. */
static int known_of_host(const struct evaluation *e, enum feature_id id)
{
	const struct feature_choice *choice = &e->cpu->choices[id];

	if (!(features[id].vendors & e->vendor))
		return 0;
	for (uint32_t i = 0; i < e->test_count; i++) {
		if (e->tests[i].feature == id)
			return e->tests[i].present;
	}
	if (choice->state == FEATURE_IF_HOST && choice->required)
		return 1;
	return choice->forbidden ? 0 : -1;
}

/* Ors "the machine has (lacks) id". */
static void host_terms(const struct evaluation *e, struct terms *terms, enum feature_id id, bool present)
{
	int known = known_of_host(e, id);
	struct term term = { .tests = { { (uint16_t)id, present } }, .count = 1 };

	if (known < 0)
		add_term(terms, &term);
	else if (known == present)
		add_term(terms, &always);
}

/* A guest has a feature where the machine has it and all that it needs, as far as they are the machine's. */
static bool rests_on(const struct evaluation *e, enum feature_id id, enum feature_id other)
{
	return (other == id || feature_in(feature_prerequisites(id), other)) &&
	       e->cpu->choices[other].state == FEATURE_IF_HOST;
}

static void guest_terms(const struct evaluation *e, struct terms *terms, enum feature_id id, bool present)
{
	struct terms *all;

	if (e->cpu->choices[id].state == FEATURE_OFF) {
		if (!present)
			add_term(terms, &always);
		return;
	}
	all = arena_new(e->arena, struct terms);
	add_term(all, &always);
	for (enum feature_id other = 1; other < FEATURE_COUNT; other++) {
		struct terms *one;

		if (!rests_on(e, id, other))
			continue;
		if (!present) {
			host_terms(e, terms, other, false);
			continue;
		}
		one = arena_new(e->arena, struct terms);
		host_terms(e, one, other, true);
		both(e->arena, all, one);
	}
	if (present)
		either(terms, all);
}

/* --------------------------------------------------------------------------------- the expression */

/* Where expr (or, negated, its contrary) holds. As deep as the text nests: see struct ast_expr. */
static void expr_terms(const struct evaluation *e, struct terms *terms, const struct ast_expr *expr,
		       bool holds)
{
	bool all = (expr->kind == EXPR_AND) == holds;

	if (expr->kind == EXPR_NOT) {
		expr_terms(e, terms, expr->first, !holds);
		return;
	}
	if (expr->kind == EXPR_GUEST || expr->kind == EXPR_HOST) {
		for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
			if (!feature_in(&expr->name->matches, id))
				continue;
			(expr->kind == EXPR_HOST ? host_terms : guest_terms)(e, terms, id, holds);
		}
		return;
	}
	if (all)
		add_term(terms, &always);
	for (const struct ast_expr *part = expr->first; part && !terms->overflow; part = part->next) {
		struct terms *one = arena_new(e->arena, struct terms);

		expr_terms(e, one, part, holds);
		if (all)
			both(e->arena, terms, one);
		else
			either(terms, one);
	}
}

static const char *text_of(const struct evaluation *e, struct span at)
{
	const struct policy_text *text = &e->ast->texts.items[at.text];

	return arena_printf(e->arena, "assert %.*s", (int)at.length, text->text->text + at.offset);
}

/* A machine of this variant on which the term holds. */
static void add_refusal(struct evaluation *e, const struct ast_expr *expr, const struct term *term)
{
	struct host_test *tests = arena_array(e->arena, MOST_CONDITIONS + MOST_TESTS, sizeof(*tests));

	memcpy(tests, e->tests, e->test_count * sizeof(*tests));
	memcpy(tests + e->test_count, term->tests, term->count * sizeof(*tests));
	vector_push(e->arena, &e->cpu->refusals,
		    ((struct cpu_refusal){ .tests = tests,
					   .test_count = e->test_count + term->count,
					   .name = text_of(e, expr->at),
					   .at = policy_place(e->ast, expr->at) }));
}

/* One finding, whether it breaks on machines of one vendor or of both. */
static void say_broken(struct evaluation *e, struct position at)
{
	for (size_t i = 0; i < e->diags->list.count; i++) {
		struct diag *diag = e->diags->list.items[i];

		if (diag->code == DIAG_POLICY_ASSERT && diag->at.file == at.file &&
		    diag->at.offset == at.offset) {
			diag->label = NULL;
			return;
		}
	}
	diag_label(diag_report(e->diags, POLICY_ASSERT, at), "on %s machines",
		   e->vendor == INTEL ? "Intel" : "AMD");
}

void policy_assert(struct evaluation *e, const struct ast_expr *expr)
{
	struct terms *broken = arena_new(e->arena, struct terms);

	expr_terms(e, broken, expr, false);
	if (broken->overflow) {
		diag_report(e->diags, POLICY_ASSERT_LARGE, policy_place(e->ast, expr->at),
			    MOST_TERMS, MOST_TESTS);
		return;
	}
	for (uint32_t i = 0; i < broken->count; i++) {
		if (broken->items[i].count + e->test_count == 0) {
			say_broken(e, policy_place(e->ast, expr->at));
			return;
		}
		add_refusal(e, expr, &broken->items[i]);
	}
}
