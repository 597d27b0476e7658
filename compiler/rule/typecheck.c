/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names to what they stand for, and types: all that can be wrong with an expression whatever the
 * values are. A part with an error has the type RULE_ANY, which goes with everything, so that one
 * mistake is one message.
 */
#include "rule/ast.h"

#include <string.h>

#include "yaml/node.h"

#define MOST_NAMES  64
#define MOST_LISTED 12 /* in a message */

/* The names that EACHes around a term bind, the innermost first. */
struct scope {
	const struct scope *outer;
	const struct term *each;
	struct rule_type type;
};

struct checker {
	struct rule *rule;
	const struct rule_world *world;
};

static const struct rule_type any = { .kind = RULE_ANY };

const char *rule_kind_name(enum rule_kind kind)
{
	static const char *const names[RULE_KINDS] = {
		"null", "true or false", "a number", "a size", "a duration", "text", "a list", "a map",
		"a set of CPU features", "a value",
	};

	return names[kind];
}

#define COMPLAIN(c, name, span, ...)                                                               \
	((c)->rule->errors++, diag_report((c)->rule->diags, name, rule_place((c)->rule, (span)),   \
					  ##__VA_ARGS__))

static struct rule_type check(struct checker *c, struct term *term, const struct scope *scope);

/* ------------------------------------------------------------------------- types of the schema */

/* What the effective configuration has where documents have a choice: the longest form. */
static const struct schema *longest_form(const struct schema *schema)
{
	static const int kinds[] = { NODE_MAP, NODE_LIST, NODE_SCALAR };
	const struct schema *form = schema;

	for (size_t i = 0; schema->kind == SCHEMA_ONE_OF && i < 3; i++) {
		form = schema_alternative(schema, kinds[i]);
		if (form)
			return form;
	}
	return form;
}

static struct rule_type type_of_schema(const struct schema *schema)
{
	static const enum rule_kind kinds[] = {
		[SCHEMA_OBJECT] = RULE_MAP, [SCHEMA_MAP] = RULE_MAP, [SCHEMA_LIST] = RULE_LIST,
		[SCHEMA_TEXT] = RULE_STRING, [SCHEMA_PATH] = RULE_STRING,
		[SCHEMA_POLICY] = RULE_STRING, [SCHEMA_EXPRESSION] = RULE_STRING,
		[SCHEMA_WORD] = RULE_STRING, [SCHEMA_INTEGER] = RULE_NUMBER,
		[SCHEMA_SIZE] = RULE_SIZE, [SCHEMA_DURATION] = RULE_DURATION,
		[SCHEMA_BOOLEAN] = RULE_BOOLEAN,
	};
	const struct schema *form = longest_form(schema);

	return (struct rule_type){
		.kind = kinds[form->kind], .schema = form,
		.words = form->words, .word_count = form->word_count,
	};
}

/* What an item of a list, or a value of a map with the user's keys, is. */
static struct rule_type type_of_item(struct rule_type list)
{
	if (list.schema && list.schema->items)
		return type_of_schema(list.schema->items);
	if (list.kind == RULE_LIST && !list.schema)
		return (struct rule_type){ .kind = list.items };
	return any;
}

/* --------------------------------------------------------------------------------------- names */

static void suggest(struct diag *d, struct checker *c, struct text_span at, const char *name,
		    const char *const *names, size_t count)
{
	const char *meant = diag_closest(name, names, count);
	const char *list = "";

	if (meant) {
		diag_help(d, "did you mean `%s`?", meant);
		diag_fix_name(c->rule->diags, d, rule_place(c->rule, at), name, meant);
		return;
	}
	for (size_t i = 0; i < count && count <= MOST_LISTED; i++)
		list = arena_printf(c->rule->arena, "%s%s`%s`", list, i ? ", " : "", names[i]);
	if (*list)
		diag_help(d, "the names here are %s", list);
}

static size_t key_names(const struct schema *object, const char **names, size_t count)
{
	for (size_t i = 0; object && i < object->key_count && count < MOST_NAMES; i++)
		names[count++] = object->keys[i].name;
	return count;
}

static struct rule_type unknown_name(struct checker *c, const struct term *term,
				     const struct scope *scope)
{
	const char *names[MOST_NAMES];
	size_t count = 0;
	struct diag *d = COMPLAIN(c, RULE_NAME, term->name_at, term->name,
				  c->world->form ? arena_printf(c->rule->arena, "the document (%s)",
								c->world->form->title)
						 : "this condition");

	for (; scope && count < MOST_NAMES; scope = scope->outer)
		names[count++] = scope->each->bound;
	for (size_t i = 0; i < c->world->variable_count && count < MOST_NAMES; i++)
		names[count++] = c->world->variables[i].name;
	count = key_names(c->world->form, names, count);
	suggest(d, c, term->name_at, term->name, names, count);
	return any;
}

static const struct rule_variable *find_variable(const struct checker *c, const char *name)
{
	for (size_t i = 0; i < c->world->variable_count; i++)
		if (!strcmp(c->world->variables[i].name, name))
			return &c->world->variables[i];
	return NULL;
}

static bool check_feature(struct checker *c, const struct term *argument)
{
	const char *feature = argument->value.text, *closest;
	struct diag *d;

	if (argument->kind != TERM_LITERAL || !c->world->unknown_feature)
		return true;
	closest = c->world->unknown_feature(c->world->context, feature);
	if (!closest)
		return true;
	d = COMPLAIN(c, POLICY_FEATURE, argument->at, feature);
	if (*closest) {
		diag_help(d, "did you mean `%s`?", closest);
		diag_fix_name(c->rule->diags, d, d->at, feature, closest);
	}
	return false;
}

/* `host.avx2` and `avx2` become what they are short for: the call of `has`. */
static struct rule_type make_question(struct checker *c, struct term *term,
				      const struct rule_variable *of, const char *feature)
{
	struct term *left = term_named(c->rule, TERM_NAME, term->at, NULL, of->name, term->at);
	struct term *name = term_new(c->rule, TERM_LITERAL, term->name_at);

	left->variable = of;
	left->type.kind = of->kind;
	name->value = (struct rule_value){ .kind = RULE_STRING, .text = feature };
	name->type.kind = RULE_STRING;
	if (!check_feature(c, name))
		return any;
	term->kind = TERM_CALL;
	term->left = left;
	term->name = "has";
	term->items = term->last = name;
	term->function = rule_function_find("has", false, true);
	return (struct rule_type){ .kind = RULE_BOOLEAN };
}

/* A word that is no feature and looks like a variable. */
static bool means_variable(const struct checker *c, const char *name)
{
	const char *names[MOST_NAMES];
	size_t count = 0;

	for (; count < c->world->variable_count && count < MOST_NAMES; count++)
		names[count] = c->world->variables[count].name;
	return c->world->unknown_feature(c->world->context, name) && diag_closest(name, names, count);
}

static struct rule_type check_name(struct checker *c, struct term *term, const struct scope *scope)
{
	const struct schema *schema;

	for (const struct scope *s = scope; s; s = s->outer)
		if (!strcmp(s->each->bound, term->name)) {
			term->binder = s->each;
			return s->type;
		}
	term->variable = find_variable(c, term->name);
	if (term->variable)
		return (struct rule_type){
			.kind = term->variable->kind,
			.words = term->variable->words,
			.word_count = term->variable->word_count,
		};
	schema = c->world->form ? schema_key_find(c->world->form, term->name) : NULL;
	if (schema)
		return type_of_schema(schema);
	if (c->world->self && !means_variable(c, term->name))
		return make_question(c, term, find_variable(c, c->world->self), term->name);
	return unknown_name(c, term, scope);
}

static struct rule_type check_key(struct checker *c, struct term *term, const struct scope *scope)
{
	struct rule_type map = check(c, term->left, scope);
	const struct schema *schema = NULL;
	const char *names[MOST_NAMES];
	struct diag *d;

	if (map.kind == RULE_ANY)
		return any;
	if (map.kind == RULE_FEATURES && c->world->self)
		return make_question(c, term, term->left->variable, term->name);
	if (map.kind != RULE_MAP || !map.schema || map.schema->kind != SCHEMA_OBJECT) {
		d = COMPLAIN(c, RULE_NO_KEYS, term->name_at, rule_slice(c->rule, term->left->at),
			     rule_kind_name(map.kind), term->name);
		if (map.kind == RULE_LIST || map.kind == RULE_MAP)
			diag_help(d, "name an entry, as in `%s[0]`, or ask for `all(x in %s: ...)`",
				  rule_slice(c->rule, term->left->at),
				  rule_slice(c->rule, term->left->at));
		return any;
	}
	schema = schema_key_find(map.schema, term->name);
	if (schema)
		return type_of_schema(schema);
	d = COMPLAIN(c, RULE_NAME, term->name_at, term->name,
		     arena_printf(c->rule->arena, "`%s`", rule_slice(c->rule, term->left->at)));
	suggest(d, c, term->name_at, term->name, names, key_names(map.schema, names, 0));
	return any;
}

static struct rule_type check_index(struct checker *c, struct term *term,
				    const struct scope *scope)
{
	struct rule_type list = check(c, term->left, scope), index = check(c, term->right, scope);
	bool map = list.kind == RULE_MAP && list.schema && list.schema->kind == SCHEMA_MAP;

	if (list.kind == RULE_ANY || index.kind == RULE_ANY)
		return any;
	if (list.kind != RULE_LIST && !map) {
		COMPLAIN(c, RULE_TYPE, term->left->at, rule_slice(c->rule, term->left->at),
			 "a list or a map of entries", rule_kind_name(list.kind));
		return any;
	}
	if (index.kind != RULE_NUMBER && !(map && index.kind == RULE_STRING)) {
		COMPLAIN(c, RULE_TYPE, term->right->at, rule_slice(c->rule, term->right->at),
			 map ? "a number or text" : "a number", rule_kind_name(index.kind));
		return any;
	}
	return type_of_item(list);
}

/* ----------------------------------------------------------------------------------- functions */

/* Some names stand for two functions. */
static bool function_seen(size_t row)
{
	for (size_t i = 0; i < row; i++)
		if (!strcmp(rule_functions[i].name, rule_functions[row].name))
			return true;
	return false;
}

static struct rule_type unknown_function(struct checker *c, const struct term *term)
{
	const char *names[MOST_NAMES];
	size_t count = 0;
	struct diag *d;
	const struct rule_function *other = NULL;

	for (size_t i = 0; i < rule_function_count && count < MOST_NAMES; i++) {
		if (!function_seen(i))
			names[count++] = rule_functions[i].name;
		if (!strcmp(rule_functions[i].name, term->name))
			other = &rule_functions[i];
	}
	d = COMPLAIN(c, RULE_FUNCTION, term->name_at, term->name);
	if (other)
		diag_help(d, "it is used like this: `%s`", other->example);
	else
		suggest(d, c, term->name_at, term->name, names, count);
	return any;
}

static bool is_number(enum rule_kind kind)
{
	return kind == RULE_NUMBER || kind == RULE_SIZE || kind == RULE_DURATION;
}

/* NULL stands for any type: what takes anything; MAP for whatever can be counted. */
static bool goes_with(enum rule_kind wanted, enum rule_kind given)
{
	if (wanted == RULE_ANY || given == RULE_ANY || wanted == given)
		return true;
	return (wanted == RULE_LIST && given == RULE_MAP) ||
	       (wanted == RULE_NUMBER && is_number(given));
}

static struct rule_type check_arguments(struct checker *c, struct term *term,
					const struct scope *scope)
{
	const struct rule_function *f = term->function;
	size_t count = 0;

	for (struct term *item = term->items; item; item = item->next, count++) {
		struct rule_type type = check(c, item, scope);

		if (count < f->most && !goes_with(f->arguments[count], type.kind)) {
			COMPLAIN(c, RULE_TYPE, item->at, rule_slice(c->rule, item->at),
				 rule_kind_name(f->arguments[count]), rule_kind_name(type.kind));
			return any;
		}
	}
	if (count < f->least || count > f->most) {
		diag_help(COMPLAIN(c, RULE_ARGUMENTS, term->at, f->name, count,
				   count == 1 ? "" : "s"),
			  "it is used like this: `%s`", f->example);
		return any;
	}
	if (f->receiver == RULE_FEATURES && term->items->type.kind == RULE_STRING)
		check_feature(c, term->items);
	return (struct rule_type){
		.kind = f->result, .items = f->result == RULE_LIST ? RULE_STRING : RULE_NULL,
	};
}

/* `cpu` of a guest has features; so has a variable that says so. */
static bool has_features(const struct rule_type *type, const struct term *term)
{
	if (type->kind == RULE_FEATURES)
		return true;
	return type->kind == RULE_MAP && type->schema == schema_key_find(&schema_guest, "cpu") &&
	       (term->kind == TERM_KEY || term->kind == TERM_NAME);
}

static struct rule_type check_call(struct checker *c, struct term *term, const struct scope *scope)
{
	struct rule_type receiver = any;

	if (term->left)
		receiver = check(c, term->left, scope);
	term->function = rule_function_find(term->name, false, term->left != NULL);
	if (!term->function)
		return unknown_function(c, term);
	if (c->world->self && !strcmp(term->name, "may-have")) {
		diag_help(COMPLAIN(c, RULE_FUNCTION, term->name_at, term->name),
			  "conditions of policies are decided on the machine itself: ask with `has`");
		return any;
	}
	if (term->left && receiver.kind != RULE_ANY && !has_features(&receiver, term->left)) {
		diag_help(COMPLAIN(c, RULE_TYPE, term->left->at,
				   rule_slice(c->rule, term->left->at),
				   rule_kind_name(RULE_FEATURES), rule_kind_name(receiver.kind)),
			  "it is used like this: `%s`", term->function->example);
		return any;
	}
	return check_arguments(c, term, scope);
}

static struct rule_type each_result(struct checker *c, struct term *term, struct rule_type body)
{
	const struct rule_function *f = term->function;

	if (!goes_with(f->arguments[0], body.kind)) {
		COMPLAIN(c, RULE_TYPE, term->right->at, rule_slice(c->rule, term->right->at),
			 rule_kind_name(f->arguments[0]), rule_kind_name(body.kind));
		return any;
	}
	if (f->result == RULE_NUMBER && is_number(body.kind))
		return body;
	return (struct rule_type){ .kind = f->result };
}

static struct rule_type check_each(struct checker *c, struct term *term, const struct scope *scope)
{
	struct rule_type list = check(c, term->left, scope), body;
	struct scope inner = { .outer = scope, .each = term, .type = type_of_item(list) };
	bool map = list.kind == RULE_MAP && list.schema && list.schema->kind == SCHEMA_MAP;

	term->function = rule_function_find(term->name, true, false);
	if (!term->function)
		return unknown_function(c, term);
	if (find_variable(c, term->bound) ||
	    (c->world->form && schema_key_find(c->world->form, term->bound)))
		COMPLAIN(c, RULE_HIDES, term->at, term->bound);
	if (list.kind != RULE_ANY && list.kind != RULE_LIST && !map) {
		COMPLAIN(c, RULE_TYPE, term->left->at, rule_slice(c->rule, term->left->at),
			 "a list or a map of entries", rule_kind_name(list.kind));
		inner.type = any;
	}
	body = check(c, term->right, &inner);
	return each_result(c, term, body);
}

/* ----------------------------------------------------------------------------------- operators */

/* `memory.size >= 512`: of what? Zero is zero in every unit. */
static bool lacks_unit(const struct term *term, struct rule_type other)
{
	return term->kind == TERM_LITERAL && term->type.kind == RULE_NUMBER && term->value.number &&
	       (other.kind == RULE_SIZE || other.kind == RULE_DURATION);
}

static bool check_units(struct checker *c, const struct term *left, const struct term *right)
{
	const struct term *bare = lacks_unit(left, right->type) ? left
				  : lacks_unit(right, left->type) ? right : NULL;
	const struct term *other = bare == left ? right : left;

	if (!bare)
		return true;
	diag_help(COMPLAIN(c, RULE_UNIT, bare->at, rule_slice(c->rule, bare->at),
			   rule_slice(c->rule, other->at), rule_kind_name(other->type.kind)),
		  "write it with its unit, as in `%s`",
		  other->type.kind == RULE_SIZE ? "512MiB" : "10ms");
	return false;
}

static bool comparable(enum rule_kind a, enum rule_kind b)
{
	if (a == RULE_ANY || b == RULE_ANY || a == RULE_NULL || b == RULE_NULL)
		return true;
	if (is_number(a) && is_number(b))
		return a == b || a == RULE_NUMBER || b == RULE_NUMBER;
	return a == b && a != RULE_MAP && a != RULE_FEATURES;
}

/* A literal that a list of words does not have will never be equal to one. */
static void check_word(struct checker *c, const struct term *literal, const struct term *other)
{
	const struct rule_type *type = &other->type;
	struct diag *d;

	if (literal->kind != TERM_LITERAL || literal->value.kind != RULE_STRING || !type->words)
		return;
	for (size_t i = 0; i < type->word_count; i++)
		if (!strcmp(type->words[i], literal->value.text))
			return;
	d = COMPLAIN(c, RULE_NO_WORD, literal->at, rule_slice(c->rule, other->at),
		     literal->value.text);
	suggest(d, c, literal->at, literal->value.text, type->words, type->word_count);
}

static struct rule_type check_equality(struct checker *c, struct term *term)
{
	const struct term *left = term->left, *right = term->right;

	if (!comparable(left->type.kind, right->type.kind)) {
		COMPLAIN(c, RULE_COMPARE, term->at, rule_slice(c->rule, left->at),
			 rule_kind_name(left->type.kind), rule_slice(c->rule, right->at),
			 rule_kind_name(right->type.kind));
		return any;
	}
	check_units(c, left, right);
	check_word(c, left, right);
	check_word(c, right, left);
	return (struct rule_type){ .kind = RULE_BOOLEAN };
}

static bool want_number(struct checker *c, const struct term *term)
{
	if (is_number(term->type.kind) || term->type.kind == RULE_ANY)
		return true;
	COMPLAIN(c, RULE_TYPE, term->at, rule_slice(c->rule, term->at), "a number",
		 rule_kind_name(term->type.kind));
	return false;
}

static struct rule_type check_order(struct checker *c, struct term *term)
{
	if (!want_number(c, term->left) || !want_number(c, term->right))
		return any;
	return check_equality(c, term);
}

static struct rule_type check_in(struct checker *c, struct term *term)
{
	const struct term *left = term->left, *list = term->right;
	struct rule_type item = type_of_item(list->type);
	struct term other = { .at = list->at, .type = item };

	if (list->type.kind == RULE_ANY || left->type.kind == RULE_ANY)
		return any;
	if (list->type.kind != RULE_LIST) {
		struct diag *d = COMPLAIN(c, RULE_TYPE, list->at, rule_slice(c->rule, list->at),
					  "a list", rule_kind_name(list->type.kind));

		if (list->type.kind == RULE_STRING)
			diag_help(d, "`words(%s)` is the list of its words",
				  rule_slice(c->rule, list->at));
		return any;
	}
	if (!comparable(left->type.kind, item.kind)) {
		COMPLAIN(c, RULE_COMPARE, term->at, rule_slice(c->rule, left->at),
			 rule_kind_name(left->type.kind), rule_slice(c->rule, list->at),
			 arena_printf(c->rule->arena, "a list of %s", rule_kind_name(item.kind)));
		return any;
	}
	if (list->kind == TERM_RANGE) {
		check_units(c, list->left, left);
		check_units(c, list->right, left);
	}
	check_word(c, left, &other);
	for (const struct term *i = list->kind == TERM_ITEMS ? list->items : NULL; i; i = i->next) {
		check_units(c, left, i);
		check_word(c, i, left);
	}
	return (struct rule_type){ .kind = RULE_BOOLEAN };
}

static struct rule_type check_arithmetic(struct checker *c, struct term *term)
{
	enum rule_kind left = term->left->type.kind, right = term->right->type.kind;
	bool scales = term->operator == OPERATOR_TIMES || term->operator == OPERATOR_OVER;

	if (!want_number(c, term->left) || !want_number(c, term->right) ||
	    left == RULE_ANY || right == RULE_ANY)
		return any;
	if (!comparable(left, right) ||
	    (term->operator == OPERATOR_TIMES && left != RULE_NUMBER && right != RULE_NUMBER)) {
		COMPLAIN(c, RULE_COMPARE, term->at, rule_slice(c->rule, term->left->at),
			 rule_kind_name(left), rule_slice(c->rule, term->right->at),
			 rule_kind_name(right));
		return any;
	}
	if (!scales && term->operator != OPERATOR_MODULO && !check_units(c, term->left, term->right))
		return any;
	if (term->operator == OPERATOR_OVER && left == right)
		return (struct rule_type){ .kind = RULE_NUMBER };
	return (struct rule_type){ .kind = left == RULE_NUMBER ? right : left };
}

static bool want_truth(struct checker *c, const struct term *term)
{
	struct diag *d;

	if (term->type.kind == RULE_BOOLEAN || term->type.kind == RULE_ANY)
		return true;
	d = COMPLAIN(c, RULE_TYPE, term->at, rule_slice(c->rule, term->at), "true or false",
		     rule_kind_name(term->type.kind));
	if (term->kind != TERM_LITERAL)
		diag_help(d, "`has(%s)` asks whether it has a value", rule_slice(c->rule, term->at));
	return false;
}

/* Beside what is one of a few words, names in short conditions are such words: `vendor = amd`. */
static void take_words(const struct checker *c, struct term *term, const struct rule_type *beside)
{
	if (!c->world->self || (!beside->words && beside->kind != RULE_ANY))
		return;
	for (struct term *item = term->kind == TERM_ITEMS ? term->items : NULL; item; item = item->next)
		take_words(c, item, beside);
	if (term->kind != TERM_NAME || find_variable(c, term->name))
		return;
	term->kind = TERM_LITERAL;
	term->value = (struct rule_value){ .kind = RULE_STRING, .text = term->name };
}

static struct rule_type check_binary(struct checker *c, struct term *term,
				     const struct scope *scope)
{
	check(c, term->left, scope);
	if (term->operator >= OPERATOR_EQUAL && term->operator < OPERATOR_PLUS)
		take_words(c, term->right, &term->left->type);
	check(c, term->right, scope);
	if (term->right->kind == TERM_RANGE && term->operator == OPERATOR_EQUAL)
		term->operator = OPERATOR_IN;
	if (term->right->kind == TERM_RANGE && term->operator == OPERATOR_UNEQUAL)
		term->operator = OPERATOR_NOT_IN;
	if (term->operator <= OPERATOR_AND)
		return (want_truth(c, term->left) & want_truth(c, term->right))
			       ? (struct rule_type){ .kind = RULE_BOOLEAN } : any;
	if (term->operator <= OPERATOR_UNEQUAL)
		return check_equality(c, term);
	if (term->operator <= OPERATOR_AT_LEAST)
		return check_order(c, term);
	return term->operator <= OPERATOR_NOT_IN ? check_in(c, term) : check_arithmetic(c, term);
}

static struct rule_type check_items(struct checker *c, struct term *term, const struct scope *scope)
{
	struct rule_type first = any;

	for (struct term *item = term->items; item; item = item->next) {
		struct rule_type type = check(c, item, scope);

		if (first.kind == RULE_ANY)
			first = type;
		if (comparable(first.kind, type.kind))
			continue;
		COMPLAIN(c, RULE_COMPARE, item->at, rule_slice(c->rule, term->items->at),
			 rule_kind_name(first.kind), rule_slice(c->rule, item->at),
			 rule_kind_name(type.kind));
		return any;
	}
	return (struct rule_type){ .kind = RULE_LIST, .items = first.kind };
}

static struct rule_type check_range(struct checker *c, struct term *term, const struct scope *scope)
{
	const struct term *left = term->left, *right = term->right;

	check(c, term->left, scope);
	check(c, term->right, scope);
	if (!want_number(c, left) || !want_number(c, right))
		return any;
	if (!comparable(left->type.kind, right->type.kind)) {
		COMPLAIN(c, RULE_COMPARE, term->at, rule_slice(c->rule, left->at),
			 rule_kind_name(left->type.kind), rule_slice(c->rule, right->at),
			 rule_kind_name(right->type.kind));
		return any;
	}
	check_units(c, left, right);
	if (left->kind == TERM_LITERAL && right->kind == TERM_LITERAL &&
	    right->value.number < left->value.number)
		COMPLAIN(c, POLICY_LEAF_ORDER, term->at);
	return (struct rule_type){ .kind = RULE_LIST, .items = right->type.kind };
}

static struct rule_type check(struct checker *c, struct term *term, const struct scope *scope)
{
	switch (term->kind) {
	case TERM_LITERAL:
		term->type = (struct rule_type){ .kind = term->value.kind };
		break;
	case TERM_ITEMS:
		term->type = check_items(c, term, scope);
		break;
	case TERM_RANGE:
		term->type = check_range(c, term, scope);
		break;
	case TERM_NAME:
		term->type = check_name(c, term, scope);
		break;
	case TERM_KEY:
		term->type = check_key(c, term, scope);
		break;
	case TERM_INDEX:
		term->type = check_index(c, term, scope);
		break;
	case TERM_CALL:
		term->type = check_call(c, term, scope);
		break;
	case TERM_EACH:
		term->type = check_each(c, term, scope);
		break;
	case TERM_NOT:
		check(c, term->left, scope);
		term->type = want_truth(c, term->left) ? term->left->type : any;
		break;
	case TERM_BINARY:
		term->type = check_binary(c, term, scope);
		break;
	}
	return term->type;
}

bool rule_typecheck(struct rule *rule, const struct rule_world *world, enum rule_kind wanted)
{
	struct checker c = { .rule = rule, .world = world };
	struct rule_type type = check(&c, rule->root, NULL);

	if (wanted == RULE_BOOLEAN && !rule->errors)
		want_truth(&c, rule->root);
	else if (!rule->errors && !goes_with(wanted, type.kind))
		COMPLAIN(&c, RULE_TYPE, rule->root->at, rule_slice(rule, rule->root->at),
			 rule_kind_name(wanted), rule_kind_name(type.kind));
	return !rule->errors;
}
