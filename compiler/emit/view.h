/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a blob back: the same tables of fields (record.h) walked into a JSON value, and that
 * value printed as text. What is read is not trusted: every offset is tested.
 */
#ifndef HVCC_EMIT_VIEW_H
#define HVCC_EMIT_VIEW_H

#include <jansson.h>
#include <stdio.h>

#include "base/source.h"
#include "schema/hvblob.h"

struct blob_view {
	struct bytes blob;
	struct hv_header header;
};

/* Opens a blob: header, hash, section bounds. Returns NULL, or why it is refused. */
const char *view_open(struct bytes blob, struct blob_view *view);

/*
 * The whole as an object: "header" and one list a section. `only` (may be NULL) names one section.
 * The caller owns the reference. Returns NULL if `only` is no section.
 */
json_t *view_json(const struct blob_view *view, const char *only);

/* Prints what view_json() made as indented text. */
void view_print(FILE *stream, const json_t *root);

#endif
