/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may write which 128 bytes of a guest. The nested tables map a page that is closed in part
 * read-only, so that each write of the guest to it comes here; and every write of the core into
 * guest memory (memory.c) asks, so that the core cannot be made to write for a guest what the
 * guest itself may not.
 *
 *     bit of hv_guard.writable    31      30   ...   1       0
 *     bytes of each page       f80-fff f00-f7f    80-ff   00-7f
 */
#ifndef CORE_SPACE_WRITE_GUARD_H
#define CORE_SPACE_WRITE_GUARD_H

#include "lib/types.h"
#include "schema/hvblob.h"

#define GUARD_GRANULE 128u

struct write_guard {
	const struct hv_guard *guards; /* sorted, disjoint */
	uint32_t count;                /* 0: everything that the regions allow may be written */
};

/* The guard that refuses a write to some of [gpa, gpa + size); NULL: all of it may be written. size
 * is not zero and nothing wraps. */
const struct hv_guard *guard_refuses(const struct write_guard *guard, uint64_t gpa, uint64_t size);

/* The guard of the page of gpa, NULL: it has none. */
const struct hv_guard *guard_of_page(const struct write_guard *guard, uint64_t gpa);

#endif
