/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From one version of a form to the next, by edits of the document's bytes: comments and the order of
 * keys stay. What a version changed is rows of a table, one table for a release (cmd/migrate.c).
 */
#ifndef HVCC_YAML_MIGRATE_H
#define HVCC_YAML_MIGRATE_H

#include "yaml/yaml_edit.h"

/* A key that got another name, or (word) a value that did. */
struct migration_rename {
	const char *path; /* "vcpus.apic.mode"; through lists and maps of the user's without a name */
	const char *word; /* NULL: the key; else only where the value is this word */
	const char *text; /* what it is now */
};

/* From version `from` of a form to the one after it. */
struct migration_step {
	const char *name; /* "guest" */
	unsigned from;
	const struct migration_rename *renames; /* a row without a path ends them */
};

/* "hvcc/guest/v3" to "guest" (in the arena) and 3; NULL when it is nothing like it. */
const char *migration_form(struct arena *arena, const char *form, unsigned *version);

/* The step from a version; NULL when there is none. */
const struct migration_step *migration_find(const struct migration_step *steps, size_t count,
					    const char *name, unsigned from);

/* The edits (sorted) of one step on a document that was read; `schema` included. */
struct edits *migrate_step(struct arena *arena, const struct node *root,
			   const struct migration_step *step);

#endif
