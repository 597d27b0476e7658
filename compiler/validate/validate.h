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
 * Which form the document says it has (its `schema` key). NULL when it does not say, or says one
 * that this release does not know; reported.
 */
const struct schema_document *validate_form(struct diags *diags, const struct node *root);

#endif
