/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit of an image: everything it claims (claim.h), and what is wrong with that. An overlap of
 * claims is a finding unless both sides are a declared share; so is a load outside of RAM, a
 * register passed through that is no vCPU's own, memory that runs past the guest's address width.
 */
#ifndef HVCC_AUDIT_AUDIT_H
#define HVCC_AUDIT_AUDIT_H

#include <jansson.h>
#include <stdio.h>

#include "audit/claim.h"

struct finding {
	const char *text;
	uint32_t position, other; /* both sides; 0: there is none */
};

struct audit {
	const struct image *image;
	struct claims claims;
	VECTOR(struct finding) findings;
};

struct audit audit_image(const struct image *image);

void audit_print(FILE *stream, const struct audit *audit);
json_t *audit_json(const struct audit *audit);

#endif
