/* SPDX-License-Identifier: Apache-2.0 */
/* Images: the core and a blob in one file. */
#ifndef HVCC_EMIT_IMAGE_H
#define HVCC_EMIT_IMAGE_H

#include "base/output.h"
#include "base/source.h"
#include "emit/blob.h"

/*
 * Writes an ELF image: the core's segments as they are, its descriptor filled in, and one segment
 * more for the blob at the next 2 MiB boundary. Starts by the core's PVH note and its Multiboot2
 * header. Returns NULL, or why the core cannot carry it ("has no section .hv_image").
 */
const char *image_write_elf(struct arena *arena, struct output *output, struct bytes core,
			    const struct blob_image *blob);

/* Where a loader puts such an image if it can: its first byte and how many there are. False: no core to carry it. */
bool image_place_elf(struct bytes core, const struct blob_image *blob, uint64_t *base, uint64_t *size);

/* The blob inside an image, or the file itself if it is one. Empty when there is none. */
struct bytes image_find_blob(struct bytes file);

#endif
