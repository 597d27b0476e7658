/* SPDX-License-Identifier: Apache-2.0 */
/* Building the tree, and the one call that reads a text. */
#include "rule/scan.h"

#include <string.h>

#include "rule_parser.h"

#include "rule_lexer.h"

struct position rule_place(const struct rule *rule, struct text_span span)
{
	return located_text_position(rule->text, span.offset, span.length);
}

const char *rule_slice(const struct rule *rule, struct text_span span)
{
	return arena_strndup(rule->arena, rule->text->text + span.offset, span.length);
}

struct position rule_position(const struct rule *rule)
{
	return rule_place(rule, rule->root->at);
}

/* On one line: a condition may be a block of lines. */
const char *rule_text(const struct rule *rule)
{
	const char *from = rule_slice(rule, rule->root->at);
	char *text = arena_strdup(rule->arena, from), *to = text;

	for (; *from; from++)
		if (!strchr(" \t\r\n", *from))
			*to++ = *from;
		else if (to == text || to[-1] != ' ')
			*to++ = ' ';
	*to = 0;
	return text;
}

struct term *term_new(struct rule *rule, enum term_kind kind, struct text_span at)
{
	struct term *term = arena_new(rule->arena, struct term);

	term->kind = kind;
	term->at = at;
	term->depth = 1;
	return term;
}

static void deepen(struct term *term, const struct term *below)
{
	if (below && below->depth >= term->depth)
		term->depth = below->depth + 1;
}

struct term *term_named(struct rule *rule, enum term_kind kind, struct text_span at,
			struct term *left, const char *name, struct text_span name_at)
{
	struct term *term = term_new(rule, kind, at);

	term->left = left;
	term->name = name;
	term->name_at = name_at;
	deepen(term, left);
	return term;
}

struct term *term_pair(struct rule *rule, enum term_kind kind, struct text_span at,
		       struct term *left, struct term *right)
{
	struct term *term = term_new(rule, kind, at);

	term->left = left;
	term->right = right;
	deepen(term, left);
	deepen(term, right);
	return term;
}

struct term *term_binary(struct rule *rule, enum rule_operator operator, struct text_span at,
			 struct term *left, struct term *right)
{
	struct term *term = term_pair(rule, TERM_BINARY, at, left, right);

	term->operator = operator;
	return term;
}

void term_add_item(struct rule *rule, struct term *list, struct term *item)
{
	(void)rule;
	if (list->last)
		list->last->next = item;
	else
		list->items = item;
	list->last = item;
	deepen(list, item);
}

struct term *term_each(struct rule *rule, struct text_span at, const char *name,
		       struct text_span name_at, struct term *first, struct term *body)
{
	bool good = first->kind == TERM_BINARY && first->operator == OPERATOR_IN &&
		    first->left->kind == TERM_NAME;
	struct term *term = term_pair(rule, TERM_EACH, at, good ? first->right : first, body);

	term->name = name;
	term->name_at = name_at;
	if (good) {
		term->bound = first->left->name;
		return term;
	}
	diag_report(rule->diags, RULE_SYNTAX, rule_place(rule, first->at),
		    arena_printf(rule->arena, "`%s`", rule_slice(rule, first->at)),
		    "`name in list` before the `:`");
	rule->errors++;
	term->bound = "";
	return term;
}

#define MOST_SETS 4 /* of features, among the variables */

/* What people say of a machine, for `host.avx2`: where the world has sets of features. */
struct term *term_spoken(struct rule *rule, struct text_span at, const char *first,
			 struct text_span first_at, const char *second, struct text_span second_at)
{
	const struct rule_world *world = rule->world;
	const char *names[MOST_SETS], *closest;
	size_t count = 0;
	struct diag *d;

	for (size_t i = 0; i < world->variable_count && count < MOST_SETS; i++)
		if (world->variables[i].kind == RULE_FEATURES)
			names[count++] = world->variables[i].name;
	for (size_t i = 0; i < count; i++)
		if (!strcmp(names[i], first))
			return term_named(rule, TERM_KEY, at,
					  term_named(rule, TERM_NAME, first_at, NULL, first, first_at),
					  second, second_at);
	d = diag_report(rule->diags, RULE_SYNTAX, rule_place(rule, second_at),
			arena_printf(rule->arena, "`%s`", second),
			arena_printf(rule->arena, "an operator or %s",
				     world->end ? world->end : "the end of the expression"));
	closest = diag_closest(first, names, count);
	if (closest)
		diag_help(d, "did you mean `%s %s`?", closest, second);
	return NULL;
}

/* One error more on an expression that is too long or too deep to look at. */
static bool small_enough(struct rule *rule)
{
	if (rule->root->depth <= RULE_DEPTH)
		return true;
	diag_report(rule->diags, RULE_DEEP, rule_place(rule, rule->root->at), RULE_DEPTH);
	return false;
}

static void scan_text(struct rule *rule)
{
	struct rule_scan scan = { .rule = rule, .offset = rule->offset };
	yyscan_t scanner;

	if (rule_yylex_init_extra(&scan, &scanner) != 0)
		out_of_memory();
	if (!rule_yy_scan_bytes(rule->text->text + rule->offset, (int)rule->length, scanner))
		out_of_memory();
	if (rule_yyparse(scanner, &scan))
		rule->errors++;
	rule_yylex_destroy(scanner);
}

struct rule *rule_parse(struct arena *arena, struct diags *diags, const struct located_text *text,
			size_t offset, size_t length, const struct rule_world *world,
			enum rule_kind wanted)
{
	struct rule *rule = arena_new(arena, struct rule);

	*rule = (struct rule){
		.arena = arena, .diags = diags, .text = text, .world = world,
		.offset = (uint32_t)offset, .length = (uint32_t)length,
	};
	if (length > RULE_TEXT) {
		diag_report(diags, RULE_LONG, rule_place(rule, (struct text_span){ rule->offset, 0 }),
			    RULE_TEXT);
		return NULL;
	}
	scan_text(rule);
	if (rule->errors || !small_enough(rule) || !rule_typecheck(rule, world, wanted))
		return NULL;
	rule->world = NULL;
	return rule;
}
