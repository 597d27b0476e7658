/* SPDX-License-Identifier: Apache-2.0 */
/* An image as an annotated listing: what lies where in it, what it says, and from which YAML line. */
#ifndef HVCC_AUDIT_LISTING_H
#define HVCC_AUDIT_LISTING_H

#include <stdio.h>

#include "audit/image.h"

void listing_print(FILE *stream, const struct image *image);

#endif
