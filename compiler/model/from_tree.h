/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree becomes the model: values are read by the schema that validated them, and what the
 * tree leaves out takes the schema's default. Nothing is reported here but files that are missing;
 * what is wrong with a valid tree is for check/ to say.
 */
#ifndef HVCC_MODEL_FROM_TREE_H
#define HVCC_MODEL_FROM_TREE_H

#include "model/model.h"
#include "validate/schema.h"
#include "yaml/node.h"

/* A place in tree and schema at once. The node is NULL where the file says nothing. */
struct cursor {
	struct arena *arena;
	struct sources *sources;
	const char *file; /* path of the document */
	const struct schema *schema;
	const struct node *node;
	struct unmet_list *unmet; /* takes the keys with x-needs that a document sets; may be NULL */
};

/* The value of a key; a key that the schema does not have is an internal error. */
struct cursor cursor_key(struct cursor map, const char *key);

/* Items of a list; pairs of a map whose keys are the user's. */
size_t cursor_count(struct cursor collection);
struct cursor cursor_item(struct cursor list, size_t index);
struct cursor cursor_pair(struct cursor map, size_t index, const struct node **key);

/* Where a value is from, and the value itself (0, NULL, false when absent). */
struct where cursor_where(struct cursor cursor);
uint64_t cursor_number(struct cursor cursor); /* numbers, booleans, index of a word */
const char *cursor_text(struct cursor cursor);
struct file_name cursor_path(struct cursor cursor);

#define READ_NUMBER(field, map, key)                                                               \
	do {                                                                                       \
		struct cursor at_ = cursor_key((map), (key));                                      \
		(field).value = (__typeof__((field).value))cursor_number(at_);                     \
		(field).where = cursor_where(at_);                                                 \
	} while (0)

#define READ_TEXT(field, map, key)                                                                 \
	do {                                                                                       \
		struct cursor at_ = cursor_key((map), (key));                                      \
		(field).value = cursor_text(at_);                                                  \
		(field).where = cursor_where(at_);                                                 \
	} while (0)

/* What both forms have: conditions, and findings that are meant. More assertions are appended. */
void assertions_from_tree(struct assertions *assertions, struct cursor cursor);
void lint_from_tree(struct lint *lint, struct cursor cursor);

/* A guest from its document or entry. Its name is "" when the tree has none. */
struct guest *guest_from_tree(struct cursor cursor);

/* The facts of a machine from its document; `file` is the caller's. */
void platform_from_tree(struct platform *platform, struct cursor cursor);

/* Gives the tree of another document of the wanted form; NULL after reporting why not. */
struct opener {
	const struct node *(*open)(void *context, struct file_name name,
				   const struct schema *wanted);
	void *context;
};

/*
 * The system from a document of any form; a guest document makes a system of one guest, a
 * platform document one without guests. The machine is that of `platform` (NULL: the one that a system's document names, if any). Where a document that it names
 * could not be had, it is incomplete.
 */
struct system *system_from_tree(struct cursor cursor, const struct opener *opener,
				const char *platform);

/* Adds the rules of a site from a document of their form. */
void rules_from_tree(struct system *system, struct cursor cursor);

/* Pins of a map of virtual to host CPUs, appended. */
#define READ_PINS(pins, map, origin_)                                                              \
	do {                                                                                       \
		for (size_t i_ = 0; i_ < cursor_count(map); i_++)                                  \
			vector_push((map).arena, (pins), read_pin((map), i_, (origin_)));          \
	} while (0)
struct pin read_pin(struct cursor map, size_t index, enum origin origin);

#endif
