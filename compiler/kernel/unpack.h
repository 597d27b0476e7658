/* SPDX-License-Identifier: Apache-2.0 */
/* The vmlinux inside a bzImage: LZ4 (legacy frame), zstd, xz or gzip. */
#ifndef HVCC_KERNEL_UNPACK_H
#define HVCC_KERNEL_UNPACK_H

#include "base/arena.h"
#include "base/bytes.h"

/* The name of the compression ("zstd"), or NULL when the bytes show none that is known. */
const char *unpack_method(struct bytes payload);

/* Why unpack() will fail, as far as the ends of the payload tell; NULL: they do not. */
const char *unpack_refuses(struct bytes payload);

/*
 * Unpacks a bzImage's payload into the arena. The kernel's build appends the unpacked size, so the
 * result is exact and bounded (1 GiB). Returns NULL, or why it failed.
 */
const char *unpack(struct arena *arena, struct bytes payload, struct bytes *unpacked);

#endif
