/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may write which 128 bytes of a guest. Asked by every write of the core into guest memory
 * (memory.c), so that the core cannot be made to write for a guest what the guest itself may not.
 */
#ifndef CORE_SPACE_WRITE_GUARD_H
#define CORE_SPACE_WRITE_GUARD_H

#include "lib/types.h"

#define GUARD_GRANULE 128u

/* A sorted, disjoint list of ranges that are closed for writing. */
struct guard_range {
	uint64_t first, last; /* inclusive, multiples of the granule (last: + 127) */
};

struct write_guard {
	const struct guard_range *ranges;
	uint32_t count; /* 0: everything that the regions allow may be written */
};

/* Whether all of [gpa, gpa + size) may be written; size is not zero and nothing wraps. */
bool guard_allows(const struct write_guard *guard, uint64_t gpa, uint64_t size);

#endif
