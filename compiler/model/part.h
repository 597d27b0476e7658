/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of documents as tables: which key is which field. One table reads a part from its tree and writes the
 * effective configuration. A part is a struct that begins with `struct where where`; what the file leaves out of
 * it takes the schema's default, a part that the file leaves out stays zero.
 */
#ifndef HVCC_MODEL_PART_H
#define HVCC_MODEL_PART_H

#include <stddef.h>

#include "model/from_tree.h"

enum part_kind {
	PART_NUMBER, /* FIELD of an integer, enum or truth value */
	PART_TEXT,   /* FIELD(const char *) */
	PART_FILE,   /* struct file_name */
	PART_BITS,   /* FIELD(uint32_t): a mask, or a list of numbers or words that are bits of one */
	PART_MAP,    /* a part */
	PART_LIST,   /* VECTOR of parts */
	PART_PAIRS,  /* VECTOR of parts with the user's key in their first field; the value is their only key */
	PART_ITEMS,  /* VECTOR of parts; the item is their only key */
};

struct part;

struct part_key {
	const char *name; /* NULL: the value of a pair or item itself */
	enum part_kind kind;
	size_t size;	 /* of a number */
	size_t at, where; /* offsets in the part */
	const struct part *part;
};

struct part {
	size_t size;
	const struct part_key *keys;
	size_t key_count;
	size_t name, name_where; /* of the field that takes the key of a pair */
};

/* Any VECTOR. */
struct part_vector {
	void *items;
	size_t count, capacity;
};

/* The tables, in parts.c. */
extern const struct part part_guest, part_memory, part_devices, part_cpu, part_console, part_bind, part_system;

/* Reads the keys of a part that the table has into object; `where` is set by whoever reads the part. */
void read_part(const struct part *part, struct cursor cursor, void *object);

/* What a table's row points at. */
uint64_t part_number(const struct part_key *key, const void *object);
const char *part_text(const struct part_key *key, const void *object);
const char *part_name(const struct part *part, const void *object); /* the key of a pair */
struct where part_where(const struct part_key *key, const void *object);
const struct part_vector *part_vector(const struct part_key *key, const void *object);
const void *part_item(const struct part_key *key, const void *object, size_t index);

#endif
