/* SPDX-License-Identifier: Apache-2.0 */
/* The write guard: a binary search over closed ranges. */
#include "space/write_guard.h"

bool guard_allows(const struct write_guard *guard, uint64_t gpa, uint64_t size)
{
	uint32_t low = 0, high = guard->count;
	uint64_t last = gpa + size - 1;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (guard->ranges[middle].last < gpa)
			low = middle + 1;
		else if (guard->ranges[middle].first > last)
			high = middle;
		else
			return false;
	}
	return true;
}
