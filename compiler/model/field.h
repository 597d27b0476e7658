/* SPDX-License-Identifier: Apache-2.0 */
/* A value of the model and where it came from; model.h says how they are used. */
#ifndef HVCC_MODEL_FIELD_H
#define HVCC_MODEL_FIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/source.h"
#include "base/vector.h"

enum origin {
	ORIGIN_ABSENT,	/* nobody said anything */
	ORIGIN_DEFAULT, /* the schema's default */
	ORIGIN_SET,	/* written in the guest's file */
	ORIGIN_BOUND,	/* set by `bind` of the system file, over the guest's own value */
};

struct where {
	struct position at; /* of the value; nowhere (file 0) unless SET or BOUND */
	enum origin origin;
};

#define FIELD(type)                                                                                \
	struct {                                                                                   \
		type value;                                                                        \
		struct where where;                                                                \
	}

static inline bool was_set(struct where where)
{
	return where.origin == ORIGIN_SET || where.origin == ORIGIN_BOUND;
}

/* A file that a document names. */
struct file_name {
	const char *value; /* as written; NULL when absent */
	const char *path;  /* to open: relative to the naming document's folder */
	struct where where;
};

#endif
