/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One tree laid over another:
 *
 *	base                     over it                  becomes
 *	vcpus: { count: 1 }      vcpus: { count: 4 }      vcpus: { count: 4 }
 *	pv: [kvm]                pv: ~                    (nothing)
 *	serial: [ a ]            serial: !append [ b ]    serial: [ a, b ]
 *
 * Trees of several bases are laid over each other one by one, so what a base leaves open (two lists
 * that meet, a tag) may be settled by a later one. Only tree_settle() reports.
 */
#include "yaml/tree.h"

#include <string.h>

#include "yaml/yaml_edit.h"

static struct node *copy_of(struct arena *arena, const struct node *node)
{
	struct node *copy = arena_new(arena, struct node);

	*copy = *node;
	return copy;
}

/* A collection like another one, with nothing in it. */
static struct node *empty_like(struct arena *arena, const struct node *node)
{
	struct node *copy = copy_of(arena, node);

	memset(&copy->pairs, 0, sizeof(copy->pairs));
	memset(&copy->items, 0, sizeof(copy->items));
	return copy;
}

static void add_pair(struct arena *arena, struct node *map, const struct node *key,
		     const struct node *value)
{
	vector_push(arena, &map->pairs,
		    ((struct node_pair){ (struct node *)key, (struct node *)value }));
}

static struct map index_of(struct arena *arena, const struct node *map)
{
	struct map index = { 0 };

	for (size_t i = 0; i < map->pairs.count; i++)
		map_put(arena, &index, map->pairs.items[i].key->text, &map->pairs.items[i]);
	return index;
}

static struct node *merge_maps(struct arena *arena, const struct node *lower,
			       const struct node *upper)
{
	struct map of_lower = index_of(arena, lower), of_upper = index_of(arena, upper);
	struct node *map = empty_like(arena, upper);

	map->tag = lower->tag;
	for (size_t i = 0; i < lower->pairs.count; i++) {
		const struct node_pair *pair = &lower->pairs.items[i];
		const struct node_pair *over = map_get(&of_upper, pair->key->text);

		if (!over)
			add_pair(arena, map, pair->key, pair->value);
		else if (!node_is_null(over->value))
			add_pair(arena, map, over->key, tree_merge(arena, pair->value, over->value));
	}
	for (size_t i = 0; i < upper->pairs.count; i++)
		if (!map_get(&of_lower, upper->pairs.items[i].key->text))
			vector_push(arena, &map->pairs, upper->pairs.items[i]);
	node_sum_up(map);
	return map;
}

/* Items of two lists; what the lower one leaves open is open still. */
static struct node *append(struct arena *arena, const struct node *lower, const struct node *upper)
{
	struct node *list = empty_like(arena, upper);

	list->tag = lower->tag;
	list->inherited = lower->inherited;
	for (size_t i = 0; i < lower->items.count; i++)
		vector_push(arena, &list->items, lower->items.items[i]);
	for (size_t i = 0; i < upper->items.count; i++)
		vector_push(arena, &list->items, upper->items.items[i]);
	node_sum_up(list);
	return list;
}

static struct node *untagged(struct arena *arena, const struct node *node)
{
	struct node *copy = copy_of(arena, node);

	copy->tag = TAG_NONE;
	copy->inherited = NULL;
	node_sum_up(copy);
	return copy;
}

struct node *tree_merge(struct arena *arena, const struct node *lower, const struct node *upper)
{
	struct node *copy;

	if (upper->tag == TAG_REPLACE)
		return untagged(arena, upper);
	if (lower->kind == NODE_MAP && upper->kind == NODE_MAP)
		return merge_maps(arena, lower, upper);
	if (lower->kind == NODE_LIST && upper->tag == TAG_APPEND)
		return append(arena, lower, upper);
	if (upper->kind != NODE_LIST || (lower->kind != NODE_LIST && upper->tag != TAG_APPEND) ||
	    node_equal(lower, upper))
		return (struct node *)upper;
	copy = copy_of(arena, upper);
	copy->inherited = lower;
	return copy;
}

/* ------------------------------------------------------------------------- what was left open */

struct settling {
	struct arena *arena;
	struct diags *diags;
	bool extends;
};

static void report_nothing(const struct settling *s, const struct node *node, const char *what)
{
	struct diag *d = diag_report(s->diags, NOTHING_INHERITED, node->at, what);

	if (node->inherited)
		diag_note(d, node->inherited->at, "this is what is inherited");
	diag_help(d, s->extends ? "leave it out, or see whether the key stands where the base has it"
				: "`extends` names the documents whose values are inherited");
}

static void report_lists(const struct settling *s, const struct node *list)
{
	struct diag *d = diag_report(s->diags, LISTS_MEET, list->at);

	diag_label(d, "a list here");
	diag_note(d, list->inherited->at, "and one here, inherited");
	diag_help(d, "`!append [...]` puts the entries behind the inherited ones, `!replace [...]` takes "
		     "them instead");
}

static struct node *settle(const struct settling *s, const struct node *node)
{
	struct node *made;

	if (node->kind == NODE_SCALAR || (!s->extends && !(node->holds & HOLDS_TAG)))
		return (struct node *)node;
	if (node->tag != TAG_NONE)
		report_nothing(s, node, node_tag_name(node->tag));
	else if (node->inherited)
		report_lists(s, node);
	made = empty_like(s->arena, node);
	made->tag = TAG_NONE;
	made->inherited = NULL;
	for (size_t i = 0; i < node->items.count; i++)
		vector_push(s->arena, &made->items, settle(s, node->items.items[i]));
	for (size_t i = 0; i < node->pairs.count; i++) {
		const struct node_pair *pair = &node->pairs.items[i];

		if (s->extends && node_is_null(pair->value))
			report_nothing(s, pair->value, pair->value->text);
		else
			add_pair(s->arena, made, pair->key, settle(s, pair->value));
	}
	node_sum_up(made);
	return made;
}

struct node *tree_settle(struct arena *arena, struct diags *diags, const struct node *root,
			 bool extends)
{
	return settle(&(struct settling){ arena, diags, extends }, root);
}

struct node *tree_with(struct arena *arena, const struct node *map, const struct node *key,
		       const struct node *value)
{
	struct node *made = empty_like(arena, map);
	bool found = false;

	for (size_t i = 0; i < map->pairs.count; i++) {
		const struct node_pair *pair = &map->pairs.items[i];
		bool is = !strcmp(pair->key->text, key->text);

		found |= is;
		if (!is)
			add_pair(arena, made, pair->key, pair->value);
		else if (value)
			add_pair(arena, made, key, value);
	}
	if (!found && value)
		add_pair(arena, made, key, value);
	node_sum_up(made);
	return made;
}

struct node *tree_without(struct arena *arena, const struct node *map, const char *key)
{
	struct node name = { .text = key };

	return node_get(map, key) ? tree_with(arena, map, &name, NULL) : (struct node *)map;
}
