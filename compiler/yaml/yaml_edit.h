/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing a document as spans of its bytes, so that everything else, comments above all, stays as it
 * is: no document is ever written from its tree.
 */
#ifndef HVCC_YAML_YAML_EDIT_H
#define HVCC_YAML_YAML_EDIT_H

#include <stdio.h>

#include "base/source.h"
#include "yaml/node.h"

struct edit {
	size_t offset, length; /* the bytes that go */
	const char *text; /* what comes instead */
};

/* Zero-initialized but for the arena is empty. */
struct edits {
	struct arena *arena;
	VECTOR(struct edit) list;
};

void edits_add(struct edits *edits, size_t offset, size_t length, const char *text);

/*
 * In the order of their places; of two that overlap, and of two insertions at one place, the later
 * one is dropped. Returns how many were.
 */
size_t edits_sort(struct edits *edits);

/* The bytes of source with sorted edits made; in the arena, terminated. */
struct bytes edits_apply(const struct edits *edits, const struct source *source);

/* Sorted edits as a unified diff with three lines of context; nothing when there are none. */
void edits_print_diff(const struct edits *edits, const struct source *source, FILE *stream);

/*
 * The edits (sorted) that lay a document out: two blanks a level, lists below their key, one blank
 * behind `:` and `-` and `,`, `{ a: 1 }`, `[a, b]`, no blanks at the ends of lines, at most one empty
 * line, LF, a newline at the end. The order of keys, quotes, comments and the texts of block scalars
 * stay. The tree of the result equals root (of that file).
 */
struct edits *yaml_format(struct arena *arena, const struct source *source, const struct node *root);

/* Whether two trees say the same: kinds, texts, tags, and keys in their order; not places, nor styles. */
bool node_equal(const struct node *a, const struct node *b);

#endif
