/* SPDX-License-Identifier: Apache-2.0 */
/* Holding a tree against a schema. */
#ifndef HVCC_VALIDATE_VALIDATE_H
#define HVCC_VALIDATE_VALIDATE_H

#include "diag/diag.h"
#include "validate/schema.h"
#include "yaml/node.h"

/*
 * Reports all that is wrong with the tree. Returns whether a model can be built from it: unknown
 * keys are errors, but do not make the known ones unusable.
 */
bool validate(struct arena *arena, struct diags *diags, const struct schema *schema,
	      const struct node *node);

/*
 * The same; returns the tree without the values that are wrong, for a model of what is left: maps and lists
 * that lost something say so (node->unsound, node->lost). NULL when there is too little left.
 */
const struct node *validate_usable(struct arena *arena, struct diags *diags,
				   const struct schema *schema, const struct node *node,
				   bool *sound);

/*
 * The same for a document that others extend: keys may be missing or `~`, and what parameters stand
 * for is not known.
 */
bool validate_base(struct arena *arena, struct diags *diags, const struct schema *schema,
		   const struct node *node);

/* Only the value of one key of the document; parameters may be without value. */
bool validate_key(struct arena *arena, struct diags *diags, const struct schema *schema,
		  const char *key, const struct node *node);

/*
 * Which form the document says it has (its `schema` key). NULL when it does not say, or says one
 * that this release does not know; reported.
 */
const struct schema_document *validate_form(struct diags *diags, const struct node *root);

#endif
