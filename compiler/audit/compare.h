/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between two images, in what it means: rights first. */
#ifndef HVCC_AUDIT_COMPARE_H
#define HVCC_AUDIT_COMPARE_H

#include <jansson.h>
#include <stdio.h>

#include "audit/facts.h"

enum change_kind { CHANGE_GAINED, CHANGE_LOST, CHANGE_OTHER };

struct change {
	uint8_t kind;	 /* enum change_kind */
	uint8_t vendors; /* as in struct fact */
	const struct fact *old, *new; /* NULL: not there */
};

struct changes {
	const struct image *a, *b;
	VECTOR(struct change) list; /* in the order of facts */
};

/* From a to b. A guest that one of them lacks is one change. */
struct changes compare_images(const struct image *a, const struct image *b);

void changes_print(FILE *stream, const struct changes *changes);
json_t *changes_json(const struct changes *changes);

#endif
