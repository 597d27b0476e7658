/* SPDX-License-Identifier: Apache-2.0 */
/* What a document says is meant: `lint.allow`. Looked at before anything else is, since any pass may warn. */
#ifndef HVCC_VALIDATE_LINT_H
#define HVCC_VALIDATE_LINT_H

#include "diag/diag.h"
#include "validate/schema.h"
#include "yaml/node.h"

/*
 * Notes what a document allows, and reports codes that are none, or are errors. A guest's document speaks
 * for its file, and for what is said of that guest wherever that stands, in what it extends, say; one that is written out in a system, for its own lines; a system's (and a guest's that is
 * compiled alone: `top`) for all files from its own on, until lint_end().
 */
void lint_begin(struct diags *diags, const struct schema *schema, const struct node *root, bool top);
void lint_end(struct diags *diags);

/*
 * Warns about what allowed nothing, where all was looked at (`files`: kernels, too). Says nothing after errors,
 * which hide other findings.
 */
void lint_idle(struct diags *diags, bool files);

#endif
