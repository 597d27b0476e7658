/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schema and tree, walked together: each message has the exact place. Everything that is wrong is
 * reported in one run; a wrong value is not descended into.
 */
#include "validate/validate.h"

#include <string.h>

#include "validate/formats.h"
#include "validate/pattern.h"

#define MOST_KEYS 64

struct walk {
	struct arena *arena;
	struct diags *diags;
	bool sound;
	bool base; /* incomplete by intent */
	VECTOR(const struct node *) useless; /* values of the wrong kind or out of range */
	VECTOR(const struct node *) strained; /* maps and lists that lack something, or have too much */
};

/* Where in the document: links of keys and item numbers, up to the root. */
struct path {
	const struct path *parent;
	const char *key; /* NULL: an item */
	size_t item;
	const struct schema *within; /* the object that has the key */
};

static const char *path_text(struct walk *w, const struct path *path)
{
	const char *parent;

	if (!path->parent)
		return path->key ? path->key : "the document";
	if (!path->key)
		return arena_printf(w->arena, "%s[%zu]", path_text(w, path->parent), path->item);
	if (!path->parent->parent && !path->parent->key)
		return path->key;
	parent = path_text(w, path->parent);
	return arena_printf(w->arena, "%s.%s", parent, path->key);
}

static const char *node_kind_name(const struct node *node)
{
	static const char *const names[] = { "a single value", "a list", "a map" };

	return names[node->kind];
}

/* Texts in messages are cut: a value may be a whole file. */
static const char *shown(struct walk *w, const struct node *node)
{
	size_t length = strcspn(node->text, "\n");

	if (length <= 60 && length == node->size)
		return node->text;
	length = length < 57 ? length : 57;
	while (length && ((uint8_t)node->text[length] & 0xc0) == 0x80)
		length--;
	return arena_printf(w->arena, "%.*s...", (int)length, node->text);
}

/* More than so many mistakes: nothing is made of the document. */
#define MOST_USELESS 64

/* A value that no model can hold. */
static void useless(struct walk *w, const struct node *node)
{
	w->sound = false;
	if (w->useless.count <= MOST_USELESS)
		vector_push(w->arena, &w->useless, node);
}

/* A collection whose entries are good, but not as a whole. */
static void strain(struct walk *w, const struct node *node)
{
	if (w->strained.count <= MOST_USELESS)
		vector_push(w->arena, &w->strained, node);
}

static void unsound(struct walk *w, const struct node *node)
{
	w->sound = false;
	strain(w, node);
}

/* ----------------------------------------------------------------------------------- scalars */

/* The one way to put a scalar right. */
static void fix(struct walk *w, struct diag *diag, const struct node *node, const char *text)
{
	diag_fix_name(w->diags, diag, node->at, node->text, text);
}

static void report_word(struct walk *w, const struct schema *schema, const struct node *node,
			const struct path *path)
{
	const char *meant = diag_closest(node->text, schema->words, schema->word_count);
	char type[256];
	struct diag *d = diag_report(w->diags, BAD_WORD, node->at, path_text(w, path),
				     schema_type_name(schema, type, sizeof(type)),
				     shown(w, node));

	if (!meant)
		return;
	diag_help(d, "did you mean `%s`?", meant);
	fix(w, d, node, meant);
}

static void report_boolean(struct walk *w, const struct node *node, const struct path *path)
{
	static const char *const words[] = { "yes", "no", "on", "off", "True", "False", "TRUE",
					     "FALSE", "1", "0", "y", "n" };
	struct diag *d = diag_report(w->diags, BAD_BOOLEAN, node->at, path_text(w, path),
				     shown(w, node));

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		const char *right = strchr("yotT1", words[i][0]) && strcmp(words[i], "off") ? "true"
											    : "false";

		if (strcmp(node->text, words[i]))
			continue;
		diag_help(d, "write `%s`", right);
		fix(w, d, node, right);
	}
}

static void report_unit(struct walk *w, const struct schema *schema, const struct node *node,
			const struct path *path, enum scalar_fault fault)
{
	size_t digits = scalar_digits(node->text);
	const char *meant = scalar_unit_meant(schema, node->text);
	struct diag *d;

	if (fault == SCALAR_NO_UNIT) {
		d = diag_report(w->diags, NO_UNIT, node->at, path_text(w, path), node->text);
		diag_help(d, "write it with one of %s, without a space", scalar_units(schema));
		return;
	}
	d = diag_report(w->diags, BAD_UNIT, node->at, path_text(w, path),
			node->text + digits + strspn(node->text + digits, " "));
	if (!meant) {
		diag_help(d, "the units are %s", scalar_units(schema));
		return;
	}
	meant = arena_printf(w->arena, "%.*s%s", (int)digits, node->text, meant);
	diag_help(d, "did you mean `%s`?", meant);
	fix(w, d, node, meant);
}

static void report_leading_zero(struct walk *w, const struct node *node, const struct path *path)
{
	const char *digits = node->text + strspn(node->text, "0");
	struct diag *d = diag_report(w->diags, LEADING_ZERO, node->at, path_text(w, path),
				     shown(w, node));

	diag_help(d, "write `%s`; other bases are written `0x...`", *digits ? digits : "0");
}

static void report_fault(struct walk *w, const struct schema *schema, const struct node *node,
			 const struct path *path, enum scalar_fault fault)
{
	char type[256];

	useless(w, node);
	switch (fault) {
	case SCALAR_NO_WORD:
		report_word(w, schema, node, path);
		return;
	case SCALAR_NO_BOOLEAN:
		report_boolean(w, node, path);
		return;
	case SCALAR_NO_UNIT:
	case SCALAR_UNKNOWN_UNIT:
		report_unit(w, schema, node, path, fault);
		return;
	case SCALAR_LEADING_ZERO:
		report_leading_zero(w, node, path);
		return;
	case SCALAR_TOO_LARGE:
		diag_report(w->diags, TOO_LARGE, node->at, path_text(w, path), shown(w, node));
		return;
	default:
		diag_report(w->diags, WRONG_TYPE, node->at, path_text(w, path),
			    schema_type_name(schema, type, sizeof(type)),
			    arena_printf(w->arena, "`%s`", shown(w, node)));
	}
}

static void check_range(struct walk *w, const struct schema *schema, const struct node *node,
			const struct path *path, uint64_t value)
{
	char low[32], high[32], step[32];
	struct diag *d;

	if (value < schema->minimum || value > schema->maximum) {
		d = diag_report(w->diags, OUT_OF_RANGE, node->at, path_text(w, path),
				shown(w, node));
		diag_help(d, "the range is %s to %s",
			  schema_number(schema, schema->minimum, low, sizeof(low)),
			  schema_number(schema, schema->maximum, high, sizeof(high)));
		useless(w, node);
	} else if (value % schema->multiple) {
		d = diag_report(w->diags, NOT_MULTIPLE, node->at, path_text(w, path),
				shown(w, node),
				schema_number(schema, schema->multiple, step, sizeof(step)));
		diag_help(d, "the next multiples are `%s` and `%s`",
			  schema_number(schema, value - value % schema->multiple, low,
					sizeof(low)),
			  schema_number(schema, value - value % schema->multiple + schema->multiple,
					high, sizeof(high)));
		useless(w, node);
	}
}

static void check_text(struct walk *w, const struct schema *schema, const struct node *node,
		       const struct path *path)
{
	struct diag *d;

	if (node->size < schema->least) {
		d = diag_report(w->diags, NO_VALUE, node->at, path_text(w, path));
		diag_help(d, "leave the key out if there is nothing to say");
		useless(w, node);
	} else if (schema->pattern && !pattern_matches(schema->pattern, node->text)) {
		d = diag_report(w->diags, BAD_PATTERN, node->at, shown(w, node),
				path_text(w, path));
		if (schema->pattern_help)
			diag_help(d, "it must be %s", schema->pattern_help);
		useless(w, node);
	}
}

static bool is_text(const struct schema *schema)
{
	return schema->kind == SCHEMA_TEXT || schema->kind == SCHEMA_PATH ||
	       schema->kind == SCHEMA_POLICY || schema->kind == SCHEMA_EXPRESSION;
}

/* `key:` with nothing behind it, `~` and `null`: nothing was said, and "" was not meant. */
static bool is_null(const struct node *node)
{
	return node->style == SCALAR_PLAIN && !node->pieces &&
	       (!node->size || !strcmp(node->text, "~") || !strcmp(node->text, "null"));
}

static void report_quoted(struct walk *w, const struct schema *schema, const struct node *node,
			  const struct path *path)
{
	char type[256];
	struct diag *d = diag_report(w->diags, WRONG_TYPE, node->at, path_text(w, path),
				     schema_type_name(schema, type, sizeof(type)), "text");

	diag_help(d, "remove the quotes");
	fix(w, d, node, node->text);
	useless(w, node);
}

static void check_scalar(struct walk *w, const struct schema *schema, const struct node *node,
			 const struct path *path)
{
	enum scalar_fault fault;
	uint64_t value = 0;

	if (is_null(node)) {
		diag_help(diag_report(w->diags, NO_VALUE, node->at, path_text(w, path)),
			  is_text(schema) ? "write `\"\"` for empty text, or leave the key out"
					  : "give a value, or leave the key out");
		useless(w, node);
		return;
	}
	if (node->tag == TAG_POLICY && schema->kind != SCHEMA_POLICY)
		diag_report(w->diags, POLICY_MISPLACED, node->at, path_text(w, path));
	if (is_text(schema)) {
		check_text(w, schema, node, path);
		return;
	}
	fault = scalar_value(schema, node->text, &value);
	if (fault != SCALAR_GOOD)
		report_fault(w, schema, node, path, fault);
	else if (node->style != SCALAR_PLAIN &&
		 (schema->kind == SCHEMA_INTEGER || schema->kind == SCHEMA_BOOLEAN))
		report_quoted(w, schema, node, path);
	else if (schema->kind != SCHEMA_WORD && schema->kind != SCHEMA_BOOLEAN)
		check_range(w, schema, node, path, value);
}

/* ------------------------------------------------------------------------------- collections */

static void check_node(struct walk *w, const struct schema *schema, const struct node *node,
		       const struct path *path);

static void check_repeats(struct walk *w, const struct node *node, const struct path *path)
{
	for (size_t i = 1; i < node->items.count; i++) {
		const struct node *later = node->items.items[i];

		for (size_t j = 0; j < i; j++) {
			const struct node *first = node->items.items[j];
			struct diag *d;

			if (later->kind != NODE_SCALAR || first->kind != NODE_SCALAR ||
			    strcmp(later->text, first->text))
				continue;
			d = diag_report(w->diags, REPEATED_ITEM, later->at, shown(w, later),
					path_text(w, path));
			diag_note(d, first->at, "first here");
			unsound(w, node);
			break;
		}
	}
}

static void check_list(struct walk *w, const struct schema *schema, const struct node *node,
		       const struct path *path)
{
	size_t count = node->items.count;

	if (!w->base && (count < schema->least || count > schema->most)) {
		diag_report(w->diags, LIST_LENGTH, node->at, path_text(w, path), count,
			    schema->least, schema->most);
		unsound(w, node);
	}
	for (size_t i = 0; i < count; i++)
		check_node(w, schema->items, node->items.items[i],
			   &(struct path){ .parent = path, .item = i });
	if (schema->unique && count <= schema->most)
		check_repeats(w, node, path);
}

static void check_map(struct walk *w, const struct schema *schema, const struct node *node,
		      const struct path *path)
{
	for (size_t i = 0; i < node->pairs.count; i++) {
		const struct node *key = node->pairs.items[i].key;

		if (!pattern_matches(schema->pattern, key->text)) {
			struct diag *d = diag_report(w->diags, BAD_KEY, key->at, shown(w, key),
						     path_text(w, path));

			diag_help(d, "it must be %s", schema->pattern_help);
			useless(w, node->pairs.items[i].value);
			continue;
		}
		check_node(w, schema->items, node->pairs.items[i].value,
			   &(struct path){ .parent = path, .key = key->text });
	}
}

/* The name that a key of these has: one that other programs call so, or that looks much like it. */
static const char *name_meant(const struct schema *schema, const char *name)
{
	const struct schema_key *also = schema_key_also(schema, name);
	const char *names[MOST_KEYS];
	size_t count = schema->key_count < MOST_KEYS ? schema->key_count : MOST_KEYS;

	if (also)
		return also->name;
	for (size_t i = 0; i < count; i++)
		names[i] = schema->keys[i].name;
	return diag_closest(name, names, count);
}

/* Where a key belongs: the one place of its name in this object, else in one around it, *object. */
static bool find_place(const struct schema *schema, const struct path **object, const char *name,
		       char *place, size_t size)
{
	for (;; *object = (*object)->parent) {
		if (schema && schema_key_elsewhere(schema, name, place, size))
			return true;
		if (!*object)
			return false;
		schema = (*object)->within;
	}
}

static void report_unknown(struct walk *w, const struct schema *schema, const struct node *map,
			   const struct node *key, const struct path *path)
{
	const char *meant, *list = "";
	struct diag *d = diag_report(w->diags, UNKNOWN_KEY, key->at, shown(w, key),
				     path_text(w, path));
	const struct path *object = path;
	char elsewhere[128];

	strain(w, map);
	if (d->mute)
		return;
	meant = name_meant(schema, key->text);
	if (meant) {
		diag_help(d, "did you mean `%s`?", meant);
		/* What is called otherwise elsewhere may also mean something a little different. */
		if (!node_get(map, meant) && !schema_key_also(schema, key->text))
			fix(w, d, key, meant);
		return;
	}
	if (find_place(schema, &object, key->text, elsewhere, sizeof(elsewhere))) {
		if (strcmp(elsewhere, key->text))
			diag_help(d, "did you mean `%s`?", elsewhere);
		else
			diag_help(d, "`%s` belongs further out, in %s", elsewhere, path_text(w, object));
		return;
	}
	for (size_t i = 0; i < schema->key_count; i++)
		list = arena_printf(w->arena, "%s%s`%s`", list, i ? ", " : "", schema->keys[i].name);
	diag_help(d, "the keys here are %s", list);
}

static void check_required(struct walk *w, const struct schema *schema, const struct node *node,
			   const struct path *path)
{
	for (size_t i = 0; i < schema->key_count && !w->base; i++) {
		const struct schema_key *key = &schema->keys[i];
		struct position at = node->at;
		struct diag *d;

		if (!key->required || node_get(node, key->name))
			continue;
		if (node->pairs.count && node->at.length > 200)
			at = node->pairs.items[0].key->at;
		d = diag_report(w->diags, MISSING_KEY, at, path_text(w, path), key->name);
		if (key->schema->examples)
			diag_help(d, "for example `%s: %s`", key->name, key->schema->examples[0]);
		unsound(w, node);
	}
}

static void check_object(struct walk *w, const struct schema *schema, const struct node *node,
			 const struct path *path)
{
	for (size_t i = 0; i < node->pairs.count; i++) {
		const struct node_pair *pair = &node->pairs.items[i];
		const struct schema *known = schema_key_find(schema, pair->key->text);

		if (known)
			check_node(w, known, pair->value,
				   &(struct path){ .parent = path,
						   .key = pair->key->text,
						   .within = schema });
		else
			report_unknown(w, schema, node, pair->key, path);
	}
	check_required(w, schema, node, path);
}

/* What a value of this kind looks like, by the schema's example or that of its items. */
static void suggest_example(struct diag *d, const struct schema *schema, const struct path *path)
{
	const char *key = path->key ? path->key : "-", *colon = path->key ? ":" : "";

	if (schema->examples)
		diag_help(d, "for example `%s%s %s`", key, colon, schema->examples[0]);
	else if (schema->kind == SCHEMA_LIST && schema->items->examples)
		diag_help(d, "for example `%s%s [ %s ]`", key, colon, schema->items->examples[0]);
}

static void check_node(struct walk *w, const struct schema *schema, const struct node *node,
		       const struct path *path)
{
	const struct schema *fitting = schema_alternative(schema, node->kind);
	static const enum node_kind kinds[] = {
		[SCHEMA_OBJECT] = NODE_MAP, [SCHEMA_MAP] = NODE_MAP, [SCHEMA_ANY] = NODE_MAP, [SCHEMA_LIST] = NODE_LIST,
		[SCHEMA_BOOLEAN] = NODE_SCALAR,
	};
	char type[256];

	if (node->missing) {
		useless(w, node);
		return;
	}
	if (w->base && (node_is_null(node) ||
			(node->kind == NODE_SCALAR && node->holds & HOLDS_PARAMETER)))
		return;
	if (node->kind == NODE_SCALAR && is_null(node) &&
	    (!fitting || kinds[fitting->kind] != NODE_SCALAR)) {
		diag_help(diag_report(w->diags, NO_VALUE, node->at, path_text(w, path)),
			  "give a value, or leave the key out");
		useless(w, node);
		return;
	}
	if (!fitting || kinds[fitting->kind] != node->kind) {
		suggest_example(diag_report(w->diags, WRONG_TYPE, node->at, path_text(w, path),
					    schema_type_name(schema, type, sizeof(type)),
					    node_kind_name(node)),
				schema, path);
		useless(w, node);
		return;
	}
	if (fitting->kind == SCHEMA_OBJECT)
		check_object(w, fitting, node, path);
	else if (fitting->kind == SCHEMA_MAP)
		check_map(w, fitting, node, path);
	else if (fitting->kind == SCHEMA_LIST)
		check_list(w, fitting, node, path);
	else if (fitting->kind != SCHEMA_ANY)
		check_scalar(w, fitting, node, path);
}

/* ------------------------------------------------------------------------- what is left of it */

static bool among(const struct node *const *nodes, size_t count, const struct node *node)
{
	for (size_t i = 0; i < count; i++)
		if (nodes[i] == node)
			return true;
	return false;
}

static const struct node *without(struct walk *w, const struct node *node);

/* Copies of the entries that are any use, then those that are none. */
static void keep_pairs(struct walk *w, const struct node *from, struct node *to)
{
	struct node_pair *pairs = arena_array(w->arena, from->pairs.count, sizeof(*pairs));
	size_t kept = 0;

	for (size_t i = 0; i < from->pairs.count; i++) {
		const struct node_pair *pair = &from->pairs.items[i];
		const struct node *value = without(w, pair->value);

		to->unsound |= !value || value->unsound;
		if (value)
			pairs[kept++] = (struct node_pair){ pair->key, (struct node *)value };
		else
			pairs[from->pairs.count - ++to->lost] = *pair;
	}
	to->pairs.items = pairs;
	to->pairs.count = kept;
}

static void keep_items(struct walk *w, const struct node *from, struct node *to)
{
	struct node **items = arena_array(w->arena, from->items.count, sizeof(*items));
	size_t kept = 0;

	for (size_t i = 0; i < from->items.count; i++) {
		const struct node *item = without(w, from->items.items[i]);

		to->unsound |= !item || item->unsound;
		to->lost += !item;
		if (item)
			items[kept++] = (struct node *)item;
	}
	to->items.items = items;
	to->items.count = kept;
}

/* The node without what is useless in it; itself when all is good; NULL when it is useless as a whole. */
static const struct node *without(struct walk *w, const struct node *node)
{
	struct node *copy;

	if (among(w->useless.items, w->useless.count, node))
		return NULL;
	if (node->kind == NODE_SCALAR)
		return node;
	copy = arena_new(w->arena, struct node);
	*copy = *node;
	copy->unsound = among(w->strained.items, w->strained.count, node);
	if (node->kind == NODE_MAP)
		keep_pairs(w, node, copy);
	else
		keep_items(w, node, copy);
	return copy->unsound ? copy : node;
}

const struct node *validate_usable(struct arena *arena, struct diags *diags,
				   const struct schema *schema, const struct node *node,
				   bool *sound)
{
	struct walk w = { .arena = arena, .diags = diags, .sound = true };

	check_node(&w, schema, node, &(struct path){ 0 });
	*sound = w.sound;
	if (!w.useless.count && !w.strained.count)
		return node;
	if (w.useless.count > MOST_USELESS || w.strained.count > MOST_USELESS)
		return w.sound ? node : NULL;
	return without(&w, node);
}

bool validate(struct arena *arena, struct diags *diags, const struct schema *schema,
	      const struct node *node)
{
	struct walk w = { .arena = arena, .diags = diags, .sound = true };

	check_node(&w, schema, node, &(struct path){ 0 });
	return w.sound;
}

bool validate_base(struct arena *arena, struct diags *diags, const struct schema *schema,
		   const struct node *node)
{
	struct walk w = { .arena = arena, .diags = diags, .sound = true, .base = true };

	check_node(&w, schema, node, &(struct path){ 0 });
	return w.sound;
}

bool validate_key(struct arena *arena, struct diags *diags, const struct schema *schema,
		  const char *key, const struct node *node)
{
	struct walk w = { .arena = arena, .diags = diags, .sound = true, .base = true };

	check_node(&w, schema_key_find(schema, key), node, &(struct path){ .key = key });
	return w.sound;
}

/* ------------------------------------------------------------------------------ which schema */

const struct schema_document *validate_form(struct diags *diags, const struct node *root)
{
	const struct node *form = node_get(root, "schema");
	const char *forms[8];
	struct diag *d;
	const char *meant;

	if (root->kind != NODE_MAP || !form || form->kind != NODE_SCALAR) {
		d = diag_report(diags, NO_SCHEMA,
				root->kind == NODE_MAP && root->pairs.count
					? root->pairs.items[0].key->at
					: root->at);
		diag_help(d, "begin a guest's file with `schema: hvcc/guest/v1`, a system's with "
			     "`schema: hvcc/system/v1`");
		return NULL;
	}
	for (size_t i = 0; i < schema_document_count; i++) {
		forms[i] = schema_documents[i].form;
		if (strcmp(form->text, forms[i]))
			continue;
		if (root->pairs.items[0].value != form)
			diag_report(diags, SCHEMA_NOT_FIRST, root->pairs.items[0].key->at);
		return &schema_documents[i];
	}
	d = diag_report(diags, BAD_SCHEMA, form->at, form->text);
	meant = diag_closest(form->text, forms, schema_document_count);
	if (meant) {
		diag_help(d, "did you mean `%s`?", meant);
		diag_fix_name(diags, d, form->at, form->text, meant);
		return NULL;
	}
	diag_help(d, "this release reads hvcc/guest/v1, hvcc/system/v1, hvcc/platform/v1, hvcc/policy/v1 and hvcc/test/v1");
	return NULL;
}
