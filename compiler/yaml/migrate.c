/* SPDX-License-Identifier: Apache-2.0 */
/* One step of a migration: renames of keys and words where a document has them. */
#include "yaml/migrate.h"

#include <stdio.h>
#include <string.h>

const char *migration_form(struct arena *arena, const char *form, unsigned *version)
{
	char name[32];
	int end = 0;

	if (sscanf(form, "hvcc/%31[a-z]/v%4u%n", name, version, &end) != 2 || form[end])
		return NULL;
	return arena_strdup(arena, name);
}

const struct migration_step *migration_find(const struct migration_step *steps, size_t count,
					    const char *name, unsigned from)
{
	for (size_t i = 0; i < count; i++)
		if (steps[i].from == from && !strcmp(steps[i].name, name))
			return &steps[i];
	return NULL;
}

static bool is_quoted(const struct node *node)
{
	return node->style == SCALAR_SINGLE || node->style == SCALAR_DOUBLE;
}

/* The bytes of a word, inside its quotes where it has some; tags and anchors stand before it. */
static void rename_word(struct edits *edits, const struct node *word, const char *text)
{
	size_t end = word->at.offset + word->at.length - is_quoted(word);

	edits_add(edits, end - word->size, word->size, text);
}

static void apply(struct edits *edits, const struct node *node, const char *path,
		  const struct migration_rename *rename);

static void apply_to_pair(struct edits *edits, const struct node_pair *pair, const char *path,
			  const struct migration_rename *rename)
{
	size_t length = strcspn(path, ".");
	const struct node *value = pair->value;

	if (strlen(pair->key->text) != length || strncmp(pair->key->text, path, length))
		return;
	if (path[length])
		apply(edits, value, path + length + 1, rename);
	else if (!rename->word)
		rename_word(edits, pair->key, rename->text);
	else if (value->kind == NODE_SCALAR && !strcmp(value->text, rename->word))
		rename_word(edits, value, rename->text);
}

static void apply(struct edits *edits, const struct node *node, const char *path,
		  const struct migration_rename *rename)
{
	for (size_t i = 0; i < node->items.count; i++)
		apply(edits, node->items.items[i], path, rename);
	for (size_t i = 0; i < node->pairs.count; i++)
		apply_to_pair(edits, &node->pairs.items[i], path, rename);
}

struct edits *migrate_step(struct arena *arena, const struct node *root,
			   const struct migration_step *step)
{
	struct edits *edits = arena_new(arena, struct edits);

	edits->arena = arena;
	rename_word(edits, node_get(root, "schema"),
		    arena_printf(arena, "hvcc/%s/v%u", step->name, step->from + 1));
	for (const struct migration_rename *rename = step->renames; rename->path; rename++)
		apply(edits, root, rename->path, rename);
	edits_sort(edits);
	return edits;
}
