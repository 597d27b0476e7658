/* SPDX-License-Identifier: Apache-2.0 */
/* A kernel file that hvcc, when it reads it, loads just as an image does. */
#ifndef HVCC_AUDIT_KERNEL_FILE_H
#define HVCC_AUDIT_KERNEL_FILE_H

#include "audit/boot.h"

/*
 * Only what is loaded travels in an image; headers, symbols and compressed copies do not. Builds a
 * file of the protocol's form around it. *unpacked tells that `boot.unpack` is to be set. Returns
 * its bytes, in the image's arena; empty when there is no payload.
 */
struct bytes kernel_file(const struct image *image, const struct booted *booted, bool *unpacked);

#endif
