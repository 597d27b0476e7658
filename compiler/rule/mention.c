/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a rule says of one variable, without computing it: for who must know where its truth can change,
 * as `vcpu in 2..5` does at 2 and at 6.
 */
#include "rule/ast.h"

#include <string.h>

/* Visits a term and all below it, down to RULE_DEPTH; visit says whether to go further down. */
static void walk(const struct term *term, bool (*visit)(void *context, const struct term *term),
		 void *context)
{
	if (!term || !visit(context, term))
		return;
	walk(term->left, visit, context);
	walk(term->right, visit, context);
	for (const struct term *item = term->items; item; item = item->next)
		walk(item, visit, context);
}

struct search {
	const struct rule *rule;
	const char *variable;
	struct position found;
};

static bool is_variable(const struct term *term, const char *variable)
{
	return term->kind == TERM_NAME && term->variable && !strcmp(term->name, variable);
}

static bool look_for(void *context, const struct term *term)
{
	struct search *s = context;

	if (is_variable(term, s->variable) && !position_known(s->found))
		s->found = rule_place(s->rule, term->at);
	return true;
}

struct position rule_mention(const struct rule *rule, const char *variable)
{
	struct search s = { .rule = rule, .variable = variable };

	walk(rule->root, look_for, &s);
	return s.found;
}

/* -------------------------------------------------------------------------------- comparisons */

struct comparisons {
	const struct rule *rule;
	const char *variable;
	void (*each)(void *context, int64_t number, bool exactly, struct position at);
	void *context;
	bool only; /* the variable is in comparisons only */
};

static bool is_number(const struct term *term)
{
	return term->kind == TERM_LITERAL && term->value.kind == RULE_NUMBER;
}

/* Numbers, ranges and lists of numbers. */
static bool are_numbers(const struct term *term)
{
	if (term->kind == TERM_RANGE)
		return is_number(term->left) && is_number(term->right);
	for (const struct term *item = term->items; term->kind == TERM_ITEMS && item; item = item->next)
		if (!is_number(item))
			return false;
	return term->kind == TERM_ITEMS || is_number(term);
}

static void tell(const struct comparisons *c, const struct term *term, bool exactly)
{
	struct position at = rule_place(c->rule, term->at);

	if (term->kind == TERM_RANGE) {
		c->each(c->context, term->left->value.number, exactly, at);
		c->each(c->context, term->right->value.number, exactly, at);
	} else if (term->kind == TERM_LITERAL) {
		c->each(c->context, term->value.number, exactly, at);
	}
	for (const struct term *item = term->items; item; item = item->next)
		tell(c, item, exactly);
}

static bool compare(void *context, const struct term *term)
{
	struct comparisons *c = context;
	bool binary = term->kind == TERM_BINARY && term->operator >= OPERATOR_EQUAL &&
		      term->operator < OPERATOR_PLUS;
	const struct term *other = NULL;
	bool ordered = term->operator >= OPERATOR_LESS && term->operator <= OPERATOR_AT_LEAST;

	if (is_variable(term, c->variable)) {
		c->only = false;
		return false;
	}
	if (binary && is_variable(term->left, c->variable))
		other = term->right;
	else if (binary && is_variable(term->right, c->variable))
		other = term->left;
	if (!other || !are_numbers(other))
		return true;
	tell(c, other, !ordered);
	return false;
}

bool rule_compared(const struct rule *rule, const char *variable,
		   void (*each)(void *context, int64_t number, bool exactly, struct position at),
		   void *context)
{
	struct comparisons c = {
		.rule = rule, .variable = variable, .each = each, .context = context, .only = true,
	};

	walk(rule->root, compare, &c);
	return c.only;
}
