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

enum scalar_style {
	SCALAR_PLAIN,
	SCALAR_SINGLE,
	SCALAR_DOUBLE,
	SCALAR_LITERAL,
	SCALAR_FOLDED,
	SCALAR_FILE, /* the text of a file of its own */
};

/* The tags that documents may have; other ones are errors. */
enum node_tag {
	TAG_NONE,
	TAG_POLICY,  /* a scalar: text in the policy language */
	TAG_INCLUDE, /* a scalar: the name of a file whose contents stand here */
	TAG_APPEND,  /* a list: goes behind the one that is inherited */
	TAG_REPLACE, /* a list or map: instead of the one that is inherited */
};

/* What is somewhere below a node (or is the node): whole subtrees need no walk. */
enum {
	HOLDS_INCLUDE = 1,
	HOLDS_PARAMETER = 2, /* a scalar with `${` */
	HOLDS_TAG = 4,	     /* !append, !replace */
};

struct node;

struct node_pair {
	struct node *key; /* always a scalar */
	struct node *value;
};

/* Parameters in a scalar: [text, text + size) of the value stands for [raw, raw + raw_size) of the raw one. */
struct piece {
	uint32_t text, size, raw, raw_size;
};

struct pieces {
	const struct node *raw; /* as the file has it */
	VECTOR(struct piece) list;
};

struct node {
	enum node_kind kind;
	enum scalar_style style;
	enum node_tag tag;
	uint8_t holds; /* HOLDS_ bits */
	struct position at;
	const char *text; /* scalar: terminated, without a zero byte inside */
	size_t size;
	size_t weight; /* nodes below, aliases expanded, with itself */
	VECTOR(struct node_pair) pairs;
	VECTOR(struct node *) items;
	bool unsound; /* something in it is wrong, and was left out or is missing (validate_usable()) */
	uint32_t lost; /* so many pairs behind the last one (or items) were left out */
	bool missing; /* it could not be had (reported): nothing more is to be said of it */
	const struct pieces *pieces; /* scalar made of others; or NULL */
	const struct node *inherited; /* list of a base that this one meets and does not settle; or NULL */
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

/*
 * A file that is a text as a whole, less one newline at its end, as a scalar. NULL when it is no
 * good text (reported).
 */
struct node *yaml_read_text(struct arena *arena, struct diags *diags, uint32_t file);

/* `~` and `null`, said outright. */
bool node_is_null(const struct node *node);

/* "!append"; "" for TAG_NONE. */
const char *node_tag_name(enum node_tag tag);

/* Bits for holds, and nodes for weight, that follow from what is below a collection. */
void node_sum_up(struct node *node);

/* The value of key in a map; NULL when the key is absent or node is NULL or no map. */
struct node *node_get(const struct node *node, const char *key);

/* A scalar as located text: each part of the value traced back to its bytes in the file. */
void node_locate_text(struct arena *arena, struct sources *sources, const struct node *node,
		      struct located_text *text);

#endif
