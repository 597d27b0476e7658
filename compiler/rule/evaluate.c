/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of expressions over the effective configuration. What is not there is null, and so is what is
 * below it; null may be compared for equality, and nothing else. `and`, `or`, `all` and `any` look no
 * further than they must, so that `has(x) and x.size > 1MiB` is sound. Kleene's rules for what is not
 * known.
 */
#include "rule/ast.h"

#include <stdlib.h>
#include <string.h>

#include "yaml/node.h"

static const struct rule_value nothing = { .kind = RULE_NULL };

/* ------------------------------------------------------------------------------------- values */

static struct rule_value value_of(const struct effective *node)
{
	static const enum rule_kind kinds[] = {
		[SCHEMA_INTEGER] = RULE_NUMBER, [SCHEMA_SIZE] = RULE_SIZE,
		[SCHEMA_DURATION] = RULE_DURATION, [SCHEMA_BOOLEAN] = RULE_BOOLEAN,
	};
	const struct schema *schema;
	struct rule_value value = { .node = node, .text = node->text };

	if (node->kind == EFFECTIVE_MAP || node->kind == EFFECTIVE_LIST) {
		value.kind = node->kind == EFFECTIVE_MAP ? RULE_MAP : RULE_LIST;
		return value;
	}
	schema = schema_alternative(node->schema, NODE_SCALAR);
	value.schema = schema;
	value.kind = RULE_STRING;
	if (node->kind == EFFECTIVE_TEXT || schema->kind == SCHEMA_WORD)
		return value;
	value.kind = kinds[schema->kind];
	value.number = node->number > INT64_MAX ? INT64_MAX : (int64_t)node->number;
	value.truth = node->number ? RULE_TRUE : RULE_FALSE;
	return value;
}

static struct rule_value child(const struct effective *map, const char *key)
{
	for (size_t i = 0; map && i < map->children.count; i++)
		if (map->children.items[i]->key && !strcmp(map->children.items[i]->key, key))
			return value_of(map->children.items[i]);
	return nothing;
}

size_t rule_count(const struct rule_value *list)
{
	if (list->kind != RULE_LIST && list->kind != RULE_MAP)
		return 0;
	return list->node && !list->items ? list->node->children.count : list->count;
}

/* `4..7`: its entries are counted, not kept. */
static bool is_range(const struct rule_value *list)
{
	return list->kind == RULE_LIST && !list->items && !list->node;
}

bool rule_item(const struct rule_value *list, size_t index, struct rule_value *item)
{
	if (index >= rule_count(list))
		return false;
	if (is_range(list))
		*item = (struct rule_value){ .kind = list->item, .number = list->number + (int64_t)index };
	else
		*item = list->items ? list->items[index] : value_of(list->node->children.items[index]);
	return true;
}

bool rule_equal(const struct rule_value *a, const struct rule_value *b)
{
	struct rule_value x, y;

	if (a->kind == RULE_NULL || b->kind == RULE_NULL)
		return a->kind == b->kind;
	if (a->kind == RULE_STRING)
		return b->kind == RULE_STRING && !strcmp(a->text, b->text);
	if (a->kind == RULE_BOOLEAN)
		return b->kind == RULE_BOOLEAN && a->truth == b->truth;
	if (a->kind != RULE_LIST)
		return a->kind != RULE_MAP && b->kind != RULE_LIST && b->kind != RULE_MAP &&
		       a->number == b->number;
	if (b->kind != RULE_LIST || rule_count(a) != rule_count(b))
		return false;
	if (is_range(a) && is_range(b))
		return a->number == b->number;
	for (size_t i = 0; rule_item(a, i, &x) && rule_item(b, i, &y); i++)
		if (x.kind == RULE_LIST || !rule_equal(&x, &y))
			return false;
	return true;
}

/* ------------------------------------------------------------------------------------- faults */

static struct rule_value fault(struct evaluation *e)
{
	e->faulty = true;
	return rule_truth_value(RULE_FAULTY);
}

/* A value that is there but null where a number, text or truth is needed. */
static struct rule_value no_value(struct evaluation *e, const struct term *term)
{
	struct diag *d;

	if (e->diags && !e->faulty) {
		d = diag_report(e->diags, RULE_NO_VALUE, rule_place(e->rule, term->at),
				rule_slice(e->rule, term->at));
		diag_help(d, "ask for it first: `has(%s) and ...`", rule_slice(e->rule, term->at));
	}
	return fault(e);
}

static struct rule_value cannot(struct evaluation *e, const struct term *term, const char *why)
{
	if (e->diags && !e->faulty)
		diag_report(e->diags, RULE_ARITHMETIC, rule_place(e->rule, term->at),
			    rule_slice(e->rule, term->at), why);
	return fault(e);
}

static bool is_unknown(const struct rule_value *value)
{
	return value->kind == RULE_BOOLEAN && value->truth == RULE_UNKNOWN;
}

/* -------------------------------------------------------------------------------------- paths */

static struct rule_value evaluate_name(struct evaluation *e, const struct term *term,
				       const struct binding *bindings)
{
	for (; term->binder && bindings; bindings = bindings->outer)
		if (bindings->each == term->binder)
			return bindings->value;
	if (term->variable)
		for (size_t i = 0; i < e->world->variable_count; i++)
			if (!strcmp(e->world->variables[i].name, term->name))
				return e->world->variables[i].value;
	return child(e->world->root, term->name);
}

static struct rule_value evaluate_key(struct evaluation *e, const struct term *term,
				      const struct binding *bindings)
{
	struct rule_value map = rule_evaluate(e, term->left, bindings);

	return map.kind == RULE_MAP ? child(map.node, term->name) : nothing;
}

static struct rule_value evaluate_index(struct evaluation *e, const struct term *term,
					const struct binding *bindings)
{
	struct rule_value list = rule_evaluate(e, term->left, bindings);
	struct rule_value index = rule_evaluate(e, term->right, bindings), item;
	char key[24];

	if (list.kind == RULE_MAP && index.kind == RULE_STRING)
		return child(list.node, index.text);
	if (index.kind != RULE_NUMBER)
		return nothing;
	if (list.kind == RULE_MAP) {
		snprintf(key, sizeof(key), "%lld", (long long)index.number);
		return child(list.node, key);
	}
	if (index.number < 0 || !rule_item(&list, (size_t)index.number, &item))
		return nothing;
	return item;
}

/* ---------------------------------------------------------------------------------- functions */

/* `cpu.has('avx2')`: asked of whoever knows features. */
static struct rule_value ask_features(struct evaluation *e, const struct term *term,
				      const struct binding *bindings)
{
	struct rule_value feature = rule_evaluate(e, term->items, bindings);
	struct rule_value of = rule_evaluate(e, term->left, bindings);
	struct rule_value answer = rule_truth_value(RULE_UNKNOWN);

	if (feature.kind != RULE_STRING)
		return e->faulty ? fault(e) : no_value(e, term->items);
	if (e->world->has)
		answer.truth = e->world->has(e->world->context, of.kind == RULE_MAP ? of.node : NULL,
					     term->left->name, feature.text, &answer.why);
	if (!strcmp(term->function->name, "may-have") && answer.truth == RULE_UNKNOWN)
		answer.truth = RULE_TRUE;
	return answer;
}

static struct rule_value evaluate_call(struct evaluation *e, const struct term *term,
				       const struct binding *bindings)
{
	const struct rule_function *f = term->function;
	struct rule_value arguments[MOST_ARGUMENTS];
	size_t count = 0;

	if (f->receiver == RULE_FEATURES)
		return ask_features(e, term, bindings);
	for (const struct term *item = term->items; item; item = item->next) {
		arguments[count] = rule_evaluate(e, item, bindings);
		if (e->faulty)
			return fault(e);
		if (is_unknown(&arguments[count]))
			return arguments[count];
		if (arguments[count].kind == RULE_NULL && f->arguments[count] == RULE_STRING)
			return no_value(e, item);
		count++;
	}
	return f->call(e->arena, arguments, count);
}

/* Whether an `all` or `any` is decided by this entry. */
static bool decides(const struct term *each, enum rule_truth truth)
{
	return each->function->name[0] == 'a' &&
	       truth == (each->function->name[1] == 'l' ? RULE_FALSE : RULE_TRUE);
}

static bool add(struct rule_value *total, const struct rule_value *value)
{
	total->kind = value->kind;
	total->schema = value->schema;
	return !__builtin_add_overflow(total->number, value->number, &total->number);
}

/* Tallies one entry; false: no need to look at more. */
static bool tally(struct evaluation *e, const struct term *term, const struct rule_value *value,
		  struct rule_value *result)
{
	if (value->kind == RULE_NULL) {
		*result = no_value(e, term->right);
		return false;
	}
	if (value->kind != RULE_BOOLEAN) {
		if (!add(result, value))
			*result = cannot(e, term, "the sum has more than 63 bits");
		return !e->faulty;
	}
	if (term->function->result == RULE_NUMBER) {
		if (is_unknown(value))
			*result = *value; /* and on: all that it depends on is asked for */
		else if (!is_unknown(result))
			result->number += value->truth == RULE_TRUE;
		return true;
	}
	if (value->truth == RULE_UNKNOWN || decides(term, value->truth))
		*result = *value;
	return !decides(term, value->truth);
}

static struct rule_value evaluate_each(struct evaluation *e, const struct term *term,
				       const struct binding *bindings)
{
	struct rule_value list = rule_evaluate(e, term->left, bindings), result = { 0 };
	struct binding inner = { .outer = bindings, .each = term };

	if (e->faulty)
		return fault(e);
	if (is_unknown(&list))
		return list;
	if (term->function->result == RULE_NUMBER)
		result.kind = term->type.kind == RULE_ANY ? RULE_NUMBER : term->type.kind;
	else
		result = rule_truth_value(term->function->name[1] == 'l' ? RULE_TRUE : RULE_FALSE);
	for (size_t i = 0; rule_item(&list, i, &inner.value); i++) {
		struct rule_value value = rule_evaluate(e, term->right, &inner);

		if (e->faulty)
			return fault(e);
		if (!tally(e, term, &value, &result))
			break;
	}
	return result;
}

/* ---------------------------------------------------------------------------------- operators */

static struct rule_value evaluate_logic(struct evaluation *e, const struct term *term,
					const struct binding *bindings)
{
	enum rule_truth decisive = term->operator == OPERATOR_AND ? RULE_FALSE : RULE_TRUE;
	struct rule_value left = rule_evaluate(e, term->left, bindings), right;

	if (left.kind == RULE_NULL)
		return no_value(e, term->left);
	if (e->faulty || left.truth == decisive)
		return left;
	right = rule_evaluate(e, term->right, bindings);
	if (right.kind == RULE_NULL)
		return no_value(e, term->right);
	if (e->faulty || right.truth == decisive)
		return right;
	return is_unknown(&left) ? left : right;
}

static struct rule_value evaluate_not(struct evaluation *e, const struct term *term,
				      const struct binding *bindings)
{
	struct rule_value value = rule_evaluate(e, term->left, bindings);

	if (value.kind == RULE_NULL)
		return no_value(e, term->left);
	if (value.truth == RULE_TRUE || value.truth == RULE_FALSE)
		value.truth = value.truth == RULE_TRUE ? RULE_FALSE : RULE_TRUE;
	return value;
}

static bool ordered(enum rule_operator operator, int64_t a, int64_t b)
{
	switch (operator) {
	case OPERATOR_LESS:
		return a < b;
	case OPERATOR_AT_MOST:
		return a <= b;
	case OPERATOR_MORE:
		return a > b;
	default:
		return a >= b;
	}
}

static bool is_in(const struct rule_value *value, const struct rule_value *list)
{
	struct rule_value item;

	if (is_range(list))
		return value->kind != RULE_NULL && value->number >= list->number &&
		       (uint64_t)value->number - (uint64_t)list->number < list->count;
	for (size_t i = 0; rule_item(list, i, &item); i++)
		if (rule_equal(value, &item))
			return true;
	return false;
}

/* NULL, or why not. */
static const char *compute(enum rule_operator operator, int64_t a, int64_t b, int64_t *result)
{
	static const char large[] = "the result has more than 63 bits";

	switch (operator) {
	case OPERATOR_PLUS:
		return __builtin_add_overflow(a, b, result) ? large : NULL;
	case OPERATOR_MINUS:
		return __builtin_sub_overflow(a, b, result) ? large : NULL;
	case OPERATOR_TIMES:
		return __builtin_mul_overflow(a, b, result) ? large : NULL;
	default:
		if (!b)
			return "it divides by zero";
		if (b == -1) {
			*result = 0;
			return operator == OPERATOR_MODULO
				       ? NULL : __builtin_sub_overflow(0, a, result) ? large : NULL;
		}
		*result = operator == OPERATOR_OVER ? a / b : a % b;
		return NULL;
	}
}

static struct rule_value evaluate_arithmetic(struct evaluation *e, const struct term *term,
					     const struct rule_value *left,
					     const struct rule_value *right)
{
	struct rule_value result = { .kind = term->type.kind };
	const char *why = compute(term->operator, left->number, right->number, &result.number);

	return why ? cannot(e, term, why) : result;
}

static struct rule_value evaluate_binary(struct evaluation *e, const struct term *term,
					 const struct binding *bindings)
{
	struct rule_value left, right;
	bool holds;

	if (term->operator <= OPERATOR_AND)
		return evaluate_logic(e, term, bindings);
	left = rule_evaluate(e, term->left, bindings);
	right = rule_evaluate(e, term->right, bindings);
	if (e->faulty)
		return fault(e);
	if (is_unknown(&left) || is_unknown(&right))
		return is_unknown(&left) ? left : right;
	if (term->operator <= OPERATOR_UNEQUAL) {
		holds = rule_equal(&left, &right) == (term->operator == OPERATOR_EQUAL);
	} else if (term->operator == OPERATOR_IN || term->operator == OPERATOR_NOT_IN) {
		holds = is_in(&left, &right) == (term->operator == OPERATOR_IN);
	} else if (left.kind == RULE_NULL || right.kind == RULE_NULL) {
		return no_value(e, left.kind == RULE_NULL ? term->left : term->right);
	} else if (term->operator >= OPERATOR_PLUS) {
		return evaluate_arithmetic(e, term, &left, &right);
	} else {
		holds = ordered(term->operator, left.number, right.number);
	}
	return rule_truth_value(holds ? RULE_TRUE : RULE_FALSE);
}

static struct rule_value evaluate_items(struct evaluation *e, const struct term *term,
					const struct binding *bindings)
{
	VECTOR(struct rule_value) items = { 0 };

	for (const struct term *item = term->items; item; item = item->next)
		vector_push(e->arena, &items, rule_evaluate(e, item, bindings));
	return (struct rule_value){ .kind = RULE_LIST, .items = items.items, .count = items.count };
}

static struct rule_value evaluate_range(struct evaluation *e, const struct term *term,
					const struct binding *bindings)
{
	struct rule_value first = rule_evaluate(e, term->left, bindings);
	struct rule_value last = rule_evaluate(e, term->right, bindings);
	struct rule_value range = { .kind = RULE_LIST, .item = term->type.items, .number = first.number };

	if (e->faulty)
		return fault(e);
	if (is_unknown(&first) || is_unknown(&last))
		return is_unknown(&first) ? first : last;
	if (first.kind == RULE_NULL || last.kind == RULE_NULL)
		return no_value(e, first.kind == RULE_NULL ? term->left : term->right);
	if (last.number >= first.number)
		range.count = (uint64_t)last.number - (uint64_t)first.number + 1;
	return range;
}

struct rule_value rule_evaluate(struct evaluation *e, const struct term *term,
				const struct binding *bindings)
{
	if (e->faulty)
		return fault(e);
	if (e->world->spent)
		e->steps = ++*e->world->spent;
	else
		e->steps++;
	if (e->steps > RULE_STEPS) {
		if (e->diags)
			diag_report(e->diags, RULE_WORK, rule_place(e->rule, e->rule->root->at),
				    RULE_STEPS);
		return fault(e);
	}
	switch (term->kind) {
	case TERM_LITERAL:
		return term->value;
	case TERM_ITEMS:
		return evaluate_items(e, term, bindings);
	case TERM_RANGE:
		return evaluate_range(e, term, bindings);
	case TERM_NAME:
		return evaluate_name(e, term, bindings);
	case TERM_KEY:
		return evaluate_key(e, term, bindings);
	case TERM_INDEX:
		return evaluate_index(e, term, bindings);
	case TERM_CALL:
		return evaluate_call(e, term, bindings);
	case TERM_EACH:
		return evaluate_each(e, term, bindings);
	case TERM_NOT:
		return evaluate_not(e, term, bindings);
	case TERM_BINARY:
		return evaluate_binary(e, term, bindings);
	}
	abort();
}
