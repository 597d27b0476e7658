/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model as a document again: every value that is in force, with where it came from. Numbers
 * and words are written as the schema has them, so that the result is a valid document.
 */
#ifndef HVCC_MODEL_EFFECTIVE_H
#define HVCC_MODEL_EFFECTIVE_H

#include "model/from_tree.h"
#include "validate/schema.h"

enum effective_kind { EFFECTIVE_MAP, EFFECTIVE_LIST, EFFECTIVE_TEXT, EFFECTIVE_BARE };

struct effective {
	enum effective_kind kind;
	const struct schema *schema;
	const char *key; /* NULL in a list */
	const char *text; /* TEXT: any characters; BARE: number, word, truth value */
	uint64_t number; /* of a BARE number */
	bool numeric;
	struct where where;
	const struct guest *guest; /* the `cpu` of a guest: whose */
	VECTOR(struct effective *) children;
};

/* The document of one guest, or of the system when it was a system's. */
const struct effective *effective_system(const struct system *system);

/* The document of one guest. */
const struct effective *effective_guest(const struct system *system, const struct guest *guest);

/* Any document, from the root of its tree: what it says, and the defaults of what it leaves out. */
const struct effective *effective_tree(struct cursor cursor);

/* The document of the system, also where that was made of a guest alone. */
const struct effective *effective_whole(const struct system *system);

#endif
