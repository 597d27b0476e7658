/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml/: a file's text as a located tree. Scalars stay text: what `010` or `no` mean is decided by
 * the schema, never guessed here. Syntax, encoding, duplicate keys, aliases and depth are checked
 * here; what keys mean is not known.
 */
#ifndef HVCC_YAML_NODE_H
#define HVCC_YAML_NODE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/source.h"
#include "base/vector.h"
#include "diag/diag.h"
#include "model/model.h"

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

enum scalar_style { SCALAR_PLAIN, SCALAR_SINGLE, SCALAR_DOUBLE, SCALAR_LITERAL, SCALAR_FOLDED };

struct node;

struct node_pair {
	struct node *key; /* always a scalar */
	struct node *value;
};

struct node {
	enum node_kind kind;
	enum scalar_style style;
	struct position at;
	bool policy; /* tagged !policy */
	const char *text; /* scalar: terminated, without a zero byte inside */
	size_t size;
	size_t weight; /* nodes below, aliases expanded, with itself */
	VECTOR(struct node_pair) pairs;
	VECTOR(struct node *) items;
};

/* More levels, or more nodes once aliases are expanded, are refused. */
#define YAML_DEPTH   64
#define YAML_NODES   4000000
#define YAML_ALIASED 20000
/* A larger file is refused, bytes. */
#define YAML_SIZE ((size_t)32 << 20)

/*
 * Reads file (an index in sources). Returns the tree of its one document, or NULL after errors
 * were reported. A tree with duplicate keys is returned (the first one counts), with the error.
 */
struct node *yaml_read(struct arena *arena, struct diags *diags, uint32_t file);

/* The value of key in a map; NULL when the key is absent or node is NULL or no map. */
struct node *node_get(const struct node *node, const char *key);

/* A scalar as located text: each part of the value traced back to its bytes in the file. */
void node_locate_text(struct arena *arena, struct sources *sources, const struct node *node,
		      struct located_text *text);

#endif
