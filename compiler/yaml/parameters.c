/* SPDX-License-Identifier: Apache-2.0 */
/* `${name}` in the scalars of a tree: what it stands for, and where that was written. */
#include <string.h>

#include "base/buffer.h"
#include "yaml/tree.h"

/* A place in a text that means something here. */
struct mention {
	enum { MENTION_NONE, MENTION_ESCAPE, MENTION_NAME, MENTION_BROKEN } kind;
	size_t at, size; /* with `${` and `}` */
	const char *name; /* in the arena */
};

static const char first_characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
static const char name_characters[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789-.";

/* The next one at `from` or behind. */
static struct mention find_mention(struct arena *arena, const char *text, size_t from)
{
	const char *found = strstr(text + from, "${");
	struct mention mention = { .kind = MENTION_NAME };
	size_t length;

	if (!found)
		return (struct mention){ 0 };
	if (found > text + from && found[-1] == '$')
		return (struct mention){ MENTION_ESCAPE, (size_t)(found - 1 - text), 3, NULL };
	mention.at = (size_t)(found - text);
	length = strspn(found + 2, name_characters);
	mention.size = length + 3;
	if (!length || !strchr(first_characters, found[2]) || found[2 + length] != '}') {
		mention.kind = MENTION_BROKEN;
		mention.size = 2;
	}
	mention.name = arena_strndup(arena, found + 2, length);
	return mention;
}

struct substitution {
	struct arena *arena;
	struct diags *diags;
	struct sources *sources;
	const struct scope *scope;
	unsigned depth; /* parameters whose values lead here */
	bool only_look; /* whether names are known */
};

/* A scalar with mentions; where it stands is found out when it is asked for. */
struct subject {
	const struct node *node;
	struct located_text text;
};

/* Where a mention stands in the file. */
static struct position mention_place(const struct substitution *s, struct subject *subject,
				     const struct mention *mention)
{
	if (!subject->text.text)
		node_locate_text(s->arena, s->sources, subject->node, &subject->text);
	return located_text_position(&subject->text, mention->at, mention->size);
}

/*
 * *scope becomes the one that has it. What has no value, or is being worked out (`a: "${a}"`), is
 * looked for in the scopes around.
 */
static struct parameter *find_parameter(const struct scope **scope, const char *name)
{
	const struct scope *first_scope = NULL;
	struct parameter *first = NULL, *found;

	for (; *scope; *scope = (*scope)->around) {
		found = map_get(&(*scope)->names, name);
		if (found && !found->busy && !node_is_null(found->value))
			return found;
		if (found && !first) {
			first = found;
			first_scope = *scope;
		}
		if (found)
			found->used = true;
	}
	*scope = first_scope;
	return first;
}

static const char *closest_parameter(struct arena *arena, const struct scope *scope,
				     const char *name)
{
	VECTOR(const char *) names = { 0 };

	for (; scope; scope = scope->around)
		for (size_t i = 0; i < scope->list.count; i++)
			vector_push(arena, &names, scope->list.items[i]->key->text);
	return diag_closest(name, names.items, names.count);
}

static void report_unknown(const struct substitution *s, struct subject *subject,
			   const struct mention *mention)
{
	const char *meant = closest_parameter(s->arena, s->scope, mention->name);
	struct diag *d = diag_report(s->diags, PARAMETER_UNKNOWN, mention_place(s, subject, mention),
				     mention->name);

	if (meant)
		diag_help(d, "did you mean `${%s}`?", meant);
	else
		diag_help(d, "declare it with `params: { %s: ... }`, or write `$${` for the text `${`",
			  mention->name);
}

static void report_missing(const struct substitution *s, struct parameter *parameter,
			   struct position used)
{
	struct position at = s->scope->asked_at;
	struct diag *d;

	if (parameter->reported)
		return;
	parameter->reported = true;
	d = diag_report(s->diags, PARAMETER_MISSING, at.file ? at : parameter->key->at,
			parameter->key->text);
	if (at.file)
		diag_note(d, parameter->key->at, "declared here, without a value of its own");
	diag_note(d, used, "needed here");
	diag_help(d, "add `params: { %s: ... }`", parameter->key->text);
}

static const struct node *substitute_scalar(const struct substitution *s, const struct node *node);

/* Once: the value with what its own parameters, those of the same scope, stand for. */
static const struct node *resolve(struct substitution s, struct parameter *parameter)
{
	s.depth++;
	parameter->busy = true;
	parameter->resolved = substitute_scalar(&s, parameter->value);
	parameter->busy = false;
	return parameter->resolved;
}

/* The value of a parameter; NULL after a report. */
static const struct node *value_of(const struct substitution *s, struct subject *subject,
				   const struct mention *mention)
{
	struct substitution inner = *s;
	struct parameter *parameter = find_parameter(&inner.scope, mention->name);

	if (!parameter) {
		report_unknown(s, subject, mention);
		return NULL;
	}
	parameter->used = true;
	if (s->only_look || parameter->value->kind != NODE_SCALAR)
		return NULL;
	if (node_is_null(parameter->value)) {
		report_missing(s, parameter, mention_place(s, subject, mention));
		return NULL;
	}
	if (parameter->busy || s->depth > PARAMETER_DEPTH) {
		diag_note(diag_report(s->diags, PARAMETER_CYCLE, mention_place(s, subject, mention),
				      mention->name, PARAMETER_DEPTH),
			  parameter->key->at, "the parameter");
		return NULL;
	}
	vector_push(s->sources->arena, &s->sources->stand_ins,
		    ((struct stand_in){ mention->name, parameter->value->at,
					mention_place(s, subject, mention),
					!mention->at && mention->size == subject->node->size }));
	return parameter->resolved ? parameter->resolved : resolve(inner, parameter);
}

static bool make_room(const struct substitution *s, const struct node *node, size_t size)
{
	if (size <= *s->scope->room) {
		*s->scope->room -= size;
		return true;
	}
	if (*s->scope->room)
		diag_report(s->diags, PARAMETER_LARGE, node->at, PARAMETER_ROOM >> 20);
	*s->scope->room = 0;
	return false;
}

struct composing {
	struct buffer text;
	struct pieces *pieces;
	bool failed;
};

static void put_mention(const struct substitution *s, struct subject *subject,
			const struct mention *mention, struct composing *c)
{
	const struct node *value = NULL;
	struct piece piece = { .text = (uint32_t)c->text.size, .raw = (uint32_t)mention->at,
			       .raw_size = (uint32_t)mention->size };

	if (mention->kind == MENTION_BROKEN)
		diag_help(diag_report(s->diags, PARAMETER_SYNTAX, mention_place(s, subject, mention)),
			  "`${name}` has a letter first, then letters, digits, `-`, `_` and `.`; `$${` is the "
			  "text `${` itself");
	else if (mention->kind == MENTION_NAME)
		value = value_of(s, subject, mention);
	if (mention->kind == MENTION_ESCAPE)
		buffer_bytes(&c->text, "${", 2);
	else if (value && make_room(s, subject->node, value->size))
		buffer_bytes(&c->text, value->text, value->size);
	else
		c->failed = true;
	piece.size = (uint32_t)(c->text.size - piece.text);
	vector_push(s->arena, &c->pieces->list, piece);
}

/* A text with values put in. */
static const struct node *compose(const struct substitution *s, const struct node *node)
{
	struct composing c = { .pieces = arena_new(s->arena, struct pieces) };
	struct node *made = arena_new(s->arena, struct node);
	struct subject subject = { .node = node };
	struct mention mention;
	size_t at = 0;

	c.pieces->raw = node;
	while ((mention = find_mention(s->arena, node->text, at)).kind != MENTION_NONE) {
		buffer_bytes(&c.text, node->text + at, mention.at - at);
		put_mention(s, &subject, &mention, &c);
		at = mention.at + mention.size;
	}
	buffer_bytes(&c.text, node->text + at, node->size - at);
	*made = *node;
	made->holds &= (uint8_t)~HOLDS_PARAMETER;
	made->missing = c.failed;
	if (!c.failed && make_room(s, node, c.text.size)) {
		made->text = c.text.size ? arena_strndup(s->arena, (const char *)c.text.data, c.text.size)
					 : "";
		made->size = c.text.size;
		made->pieces = c.pieces;
		if (node->style != SCALAR_FILE)
			made->style = SCALAR_PLAIN;
	}
	buffer_free(&c.text);
	return made;
}

static const struct node *substitute_scalar(const struct substitution *s, const struct node *node)
{
	struct mention mention;
	const struct node *value;
	struct node *whole;

	if (!(node->holds & HOLDS_PARAMETER))
		return node;
	mention = find_mention(s->arena, node->text, 0);
	if (mention.kind != MENTION_NAME || mention.at || mention.size != node->size)
		return compose(s, node);
	value = value_of(s, &(struct subject){ .node = node }, &mention);
	whole = arena_new(s->arena, struct node);
	*whole = value ? *value : *node;
	whole->holds &= (uint8_t)~HOLDS_PARAMETER;
	whole->missing |= !value;
	if (node->tag != TAG_NONE)
		whole->tag = node->tag;
	return whole;
}

static struct node *substitute(const struct substitution *s, const struct node *node)
{
	struct node *made;

	if (!(node->holds & HOLDS_PARAMETER))
		return (struct node *)node;
	if (node->kind == NODE_SCALAR)
		return (struct node *)substitute_scalar(s, node);
	made = arena_new(s->arena, struct node);
	*made = *node;
	memset(&made->items, 0, sizeof(made->items));
	memset(&made->pairs, 0, sizeof(made->pairs));
	for (size_t i = 0; i < node->items.count; i++)
		vector_push(s->arena, &made->items, substitute(s, node->items.items[i]));
	for (size_t i = 0; i < node->pairs.count; i++)
		vector_push(s->arena, &made->pairs,
			    ((struct node_pair){ node->pairs.items[i].key,
						 substitute(s, node->pairs.items[i].value) }));
	node_sum_up(made);
	return made;
}

struct node *tree_substitute(struct arena *arena, struct diags *diags, struct sources *sources,
			     struct scope *scope, const struct node *root)
{
	return substitute(&(struct substitution){ arena, diags, sources, scope, 0, false }, root);
}

/* All mentions of a tree, in order. */
static void each_mention(const struct substitution *s, const struct node *node,
			 void (*visit)(const struct substitution *s, const struct node *node,
				       const struct mention *mention, void *context),
			 void *context)
{
	struct mention mention;
	size_t at = 0;

	if (!(node->holds & HOLDS_PARAMETER))
		return;
	while (node->kind == NODE_SCALAR &&
	       (mention = find_mention(s->arena, node->text, at)).kind != MENTION_NONE) {
		visit(s, node, &mention, context);
		at = mention.at + mention.size;
	}
	for (size_t i = 0; i < node->items.count; i++)
		each_mention(s, node->items.items[i], visit, context);
	for (size_t i = 0; i < node->pairs.count; i++)
		each_mention(s, node->pairs.items[i].value, visit, context);
}

static void look_at(const struct substitution *s, const struct node *node,
		    const struct mention *mention, void *context)
{
	(void)context;
	if (mention->kind == MENTION_NAME)
		value_of(s, &(struct subject){ .node = node }, mention);
}

void tree_check_parameters(struct arena *arena, struct diags *diags, struct sources *sources,
			   const struct scope *scope, const struct node *root)
{
	each_mention(&(struct substitution){ arena, diags, sources, scope, 0, true }, root, look_at, NULL);
}

static void note_name(const struct substitution *s, const struct node *node,
		      const struct mention *mention, void *context)
{
	(void)node;
	if (mention->kind == MENTION_NAME)
		map_put(s->arena, context, mention->name, context);
}

void tree_parameters(struct arena *arena, const struct node *root, struct map *names)
{
	each_mention(&(struct substitution){ .arena = arena }, root, note_name, names);
}

void scope_fill(struct arena *arena, struct scope *scope, const struct node *params)
{
	for (size_t i = 0; params && i < params->pairs.count; i++) {
		struct parameter *parameter = arena_new(arena, struct parameter);

		parameter->key = params->pairs.items[i].key;
		parameter->value = params->pairs.items[i].value;
		map_put(arena, &scope->names, parameter->key->text, parameter);
		vector_push(arena, &scope->list, parameter);
	}
}

static const char *closest_name(struct arena *arena, const struct map *names, const char *name)
{
	VECTOR(const char *) list = { 0 };

	for (size_t i = 0; i < names->capacity; i++)
		if (names->slots[i].key)
			vector_push(arena, &list, names->slots[i].key);
	return diag_closest(name, list.items, list.count);
}

void scope_report_unused(struct diags *diags, const struct scope *scope, const struct map *names)
{
	for (size_t i = 0; i < scope->list.count; i++) {
		const struct parameter *parameter = scope->list.items[i];
		const char *name = parameter->key->text, *meant;
		struct diag *d;

		if (parameter->used || map_get(names, name))
			continue;
		d = diag_report(diags, PARAMETER_UNUSED, parameter->key->at, name);
		meant = closest_name(diags->arena, names, name);
		if (meant) {
			diag_help(d, "did you mean `%s`?", meant);
			diag_fix_name(diags, d, parameter->key->at, name, meant);
		} else {
			diag_help(d, "no `${%s}` stands in this document or in what it extends", name);
		}
	}
}
