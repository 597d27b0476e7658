/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Testing rules, and saying why one does not hold: which part, what the values in it are, and where
 * each of these was set.
 */
#include "rule/ast.h"

#include <stdlib.h>
#include <string.h>

#include "base/units.h"

#define MOST_NOTES 6
#define MOST_SHOWN 8 /* entries of a list */

static struct evaluation evaluation_of(const struct rule *rule, const struct rule_world *world,
				       struct diags *diags)
{
	return (struct evaluation){
		.arena = rule->arena, .rule = rule, .world = world, .diags = diags,
	};
}

/* ---------------------------------------------------------------------------------- what failed */

/* Once more, silently. All looking at one failure has the steps of one test. */
static struct rule_value look(struct rule_failure *f, const struct rule_world *world,
			      const struct term *term, const struct binding *bindings)
{
	struct evaluation e = evaluation_of(f->rule, world, NULL);
	struct rule_value value;

	e.steps = f->steps;
	value = rule_evaluate(&e, term, bindings);
	f->steps = e.steps;
	return value;
}

/* What is false is not blamed on what is not known. */
static bool is_to_blame(struct rule_failure *f, const struct rule_world *world, const struct term *term,
			const struct binding *bindings)
{
	struct rule_value value = look(f, world, term, bindings);

	if (f->truth == RULE_FALSE)
		return value.kind == RULE_BOOLEAN && value.truth == RULE_FALSE;
	return value.kind != RULE_BOOLEAN || value.truth != RULE_TRUE;
}

/* The first entry for which the condition of an `all` does not hold, as a binding; NULL: none. */
static struct binding *first_failing(struct rule_failure *f, const struct rule_world *world,
				     const struct term *each, const struct binding *bindings)
{
	struct rule_value list = look(f, world, each->left, bindings), item;

	for (size_t i = 0; rule_item(&list, i, &item); i++) {
		struct binding *made = arena_new(f->rule->arena, struct binding);

		*made = (struct binding){ .outer = bindings, .each = each, .value = item };
		if (is_to_blame(f, world, each->right, made))
			return made;
	}
	return NULL;
}

/* Down to the smallest part that does not hold: through `and` and `all`. */
static void blame(struct rule_failure *f, const struct rule_world *world, const struct term *term,
		  const struct binding *bindings)
{
	const struct binding *inner;

	for (;;) {
		if (term->kind == TERM_BINARY && term->operator == OPERATOR_AND) {
			term = is_to_blame(f, world, term->left, bindings) ? term->left : term->right;
		} else if (term->kind == TERM_EACH && !strcmp(term->name, "all") &&
			   (inner = first_failing(f, world, term, bindings))) {
			bindings = inner;
			term = term->right;
		} else {
			break;
		}
	}
	f->term = term;
	f->bindings = bindings;
	f->at = rule_place(f->rule, term->at);
}

enum rule_truth rule_test(const struct rule *rule, const struct rule_world *world,
			  struct diags *diags, struct rule_failure *failure)
{
	struct evaluation e = evaluation_of(rule, world, diags);
	struct rule_value value = rule_evaluate(&e, rule->root, NULL);

	if (!e.faulty && value.kind == RULE_NULL) {
		if (diags)
			diag_report(diags, RULE_NO_VALUE, rule_position(rule), rule_text(rule));
		return RULE_FAULTY;
	}
	if (e.faulty || value.kind != RULE_BOOLEAN)
		return RULE_FAULTY;
	if (value.truth != RULE_TRUE && failure) {
		*failure = (struct rule_failure){ .rule = rule, .truth = value.truth };
		blame(failure, world, rule->root, NULL);
	}
	return value.truth;
}

bool rule_value(const struct rule *rule, const struct rule_world *world, struct diags *diags,
		struct rule_value *value)
{
	struct evaluation e = evaluation_of(rule, world, diags);

	*value = rule_evaluate(&e, rule->root, NULL);
	return !e.faulty;
}

/* -------------------------------------------------------------------------------------- showing */

static const char *show_list(struct arena *arena, const struct rule_value *list)
{
	const char *text = "[";
	struct rule_value item, last;

	if (!list->items && !list->node && list->count > 1 && rule_item(list, 0, &item) &&
	    rule_item(list, list->count - 1, &last))
		return arena_printf(arena, "%s..%s", rule_show(arena, &item), rule_show(arena, &last));
	if (rule_item(list, 0, &item) && (item.kind == RULE_LIST || item.kind == RULE_MAP))
		return arena_printf(arena, "a list of %zu", rule_count(list));
	for (size_t i = 0; i < MOST_SHOWN && rule_item(list, i, &item); i++)
		text = arena_printf(arena, "%s%s%s", text, i ? ", " : "",
				    rule_show(arena, &item));
	return arena_printf(arena, "%s%s]", text, rule_count(list) > MOST_SHOWN ? ", ..." : "");
}

static const char *show_number(struct arena *arena, const struct rule_value *value)
{
	char text[32];

	if (value->number < 0 || value->kind == RULE_NUMBER)
		return arena_printf(arena, "%lld%s", (long long)value->number,
				    value->kind == RULE_SIZE ? "B" : value->kind == RULE_DURATION
								   ? "ms" : "");
	return arena_strdup(arena, unit_text(value->kind == RULE_SIZE ? size_units : duration_units,
					     (uint64_t)value->number, text, sizeof(text)));
}

const char *rule_show(struct arena *arena, const struct rule_value *value)
{
	static const char *const truths[] = { "false", "true", "not known", "not known" };

	switch (value->kind) {
	case RULE_NULL:
		return "null";
	case RULE_BOOLEAN:
		return truths[value->truth];
	case RULE_STRING:
		return arena_printf(arena, strlen(value->text) > 60 ? "'%.57s...'" : "'%s'",
				    value->text);
	case RULE_LIST:
		return show_list(arena, value);
	case RULE_MAP:
		return "a map";
	case RULE_NUMBER:
		if (value->node && value->node->text)
			return value->node->text; /* as documents write it: 0x3f8 */
		/* fallthrough */
	default:
		return show_number(arena, value);
	}
}

/* Where a value was set: its own place, or that of the first thing in it. */
static struct position place_of(const struct effective *node)
{
	struct position at = { 0 };

	if (!node || was_set(node->where))
		return node ? node->where.at : at;
	for (size_t i = 0; i < node->children.count && !at.file; i++)
		at = place_of(node->children.items[i]);
	return at;
}

struct describing {
	struct diag *diag; /* NULL: only to find the culprit */
	struct position culprit;
	struct rule_failure *failure;
	const struct rule_world *world;
	const struct term *said[MOST_NOTES];
	size_t count;
};

static void say(struct describing *d, const struct term *term)
{
	const struct rule *rule = d->failure->rule;
	struct rule_value value = look(d->failure, d->world, term, d->failure->bindings);
	const char *text = rule_slice(rule, term->at);
	struct position at = place_of(value.node);

	for (size_t i = 0; i < d->count; i++)
		if (!strcmp(rule_slice(rule, d->said[i]->at), text))
			return;
	/* That the part is false is what the label says. */
	if (d->count == MOST_NOTES ||
	    (term == d->failure->term && value.truth == RULE_FALSE && value.kind == RULE_BOOLEAN &&
	     !value.node))
		return;
	d->said[d->count++] = term;
	if (!position_known(d->culprit))
		d->culprit = at;
	if (!d->diag)
		return;
	if (value.kind == RULE_BOOLEAN && value.truth == RULE_UNKNOWN)
		diag_note(d->diag, at, "`%s` depends on the machine%s%s", text, value.why ? ": " : "",
			  value.why ? value.why : "");
	else
		diag_note(d->diag, at, "`%s` is %s%s", text, rule_show(rule->arena, &value),
			  value.node && value.node->where.origin == ORIGIN_DEFAULT ? ", the default"
										  : "");
}

static bool is_path(const struct term *term)
{
	return term->kind == TERM_NAME || term->kind == TERM_KEY || term->kind == TERM_INDEX;
}

/* The values in a part: its paths and calls, and what arithmetic makes of them. */
static void say_values(struct describing *d, const struct term *term)
{
	if (!term || term->kind == TERM_LITERAL)
		return;
	if (is_path(term)) {
		say(d, term);
		return;
	}
	if (term->kind == TERM_BINARY && term->operator >= OPERATOR_PLUS)
		say(d, term);
	if (term->kind == TERM_CALL && term->left) {
		say(d, term);
		say_values(d, term->items);
		return;
	}
	if (term->kind == TERM_EACH || term->kind == TERM_CALL) {
		say(d, term);
		if (term->kind == TERM_EACH && is_path(term->left))
			say(d, term->left);
	}
	for (const struct term *item = term->items; item; item = item->next)
		say_values(d, item);
	if (term->kind == TERM_EACH)
		return;
	say_values(d, term->left);
	say_values(d, term->right);
}

void rule_describe(struct diag *diag, struct rule_failure *failure,
		   const struct rule_world *world)
{
	struct describing d = { .diag = diag, .failure = failure, .world = world };

	say_values(&d, failure->term);
}

struct position rule_culprit(struct rule_failure *failure, const struct rule_world *world)
{
	struct describing d = { .failure = failure, .world = world };

	say_values(&d, failure->term);
	return d.culprit;
}
