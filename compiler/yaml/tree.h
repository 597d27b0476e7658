/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New trees from located ones: one laid over another, and values put in for parameters. Nothing is
 * changed in place: what stays as it is belongs to both trees, and each node keeps the place where it
 * was written.
 */
#ifndef HVCC_YAML_TREE_H
#define HVCC_YAML_TREE_H

#include "base/map.h"
#include "yaml/node.h"

/*
 * `upper` over `lower`. Maps become one, key by key, in the order of the lower one; `~` and `null` take
 * a key away; `!append` puts a list behind the inherited one, `!replace` takes its own only. What
 * cannot be settled by these two trees may be by a third one, and stays in the tree until
 * tree_settle(): lists that meet (node->inherited), and tags and `~` that found nothing.
 */
struct node *tree_merge(struct arena *arena, const struct node *lower, const struct node *upper);

/*
 * Reports what tree_merge() left open, and returns the tree without it. `extends`: whether the document
 * extends others; where it does not, `~` is left for the schema to refuse.
 */
struct node *tree_settle(struct arena *arena, struct diags *diags, const struct node *root,
			 bool extends);

/* The map with another value for a key, at its old place or at the end; without it: value NULL. */
struct node *tree_with(struct arena *arena, const struct node *map, const struct node *key,
		       const struct node *value);
struct node *tree_without(struct arena *arena, const struct node *map, const char *key);

/* ------------------------------------------------------------------------------- parameters */

/* What a `${name}` stands for. */
struct parameter {
	const struct node *key, *value; /* value `~`: declared only */
	const struct node *resolved;	/* the value with parameters of its own put in; NULL: not yet */
	bool used, reported, busy;
};

/* The parameters of a document; names that it lacks are looked for around it. */
struct scope {
	const struct scope *around; /* or NULL */
	struct map names; /* to struct parameter */
	VECTOR(struct parameter *) list; /* in the order of the document */
	struct position asked_at; /* where values were to be given */
	size_t *room; /* bytes of text that may still be made, shared by all scopes */
};

/* How many parameters the value of one may lead through. */
#define PARAMETER_DEPTH 16

/* Texts that parameters make are refused beyond this, bytes in all. */
#define PARAMETER_ROOM ((size_t)16 << 20)

/* Adds the entries of a `params` map (NULL: none). */
void scope_fill(struct arena *arena, struct scope *scope, const struct node *params);

/*
 * The tree with values for all `${name}`. A scalar that is nothing else becomes the value, with its
 * place and style; in others the text is put in. Both are noted in sources->stand_ins. `$${` becomes
 * `${`. Unknown names, and such without a value, are reported.
 */
struct node *tree_substitute(struct arena *arena, struct diags *diags, struct sources *sources,
			     struct scope *scope, const struct node *root);

/* Only looks whether all names are known (reported): for documents that are not complete. */
void tree_check_parameters(struct arena *arena, struct diags *diags, struct sources *sources,
			   const struct scope *scope, const struct node *root);

/* Puts each name in a `${name}` of the tree into a set. */
void tree_parameters(struct arena *arena, const struct node *root, struct map *names);

/* Reports parameters that nothing uses. */
void scope_report_unused(struct diags *diags, const struct scope *scope, const struct map *names);

#endif
