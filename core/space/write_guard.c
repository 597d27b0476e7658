/* SPDX-License-Identifier: Apache-2.0 */
/* The write guard: a binary search over ranges of pages, then the mask of sub-pages. */
#include "space/write_guard.h"

#include "lib/bits.h"

/* The first guard that ends behind gpa: its index, or the number of guards. */
static uint32_t first_behind(const struct write_guard *guard, uint64_t gpa)
{
	uint32_t low = 0, high = guard->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (guard->guards[middle].gpa + guard->guards[middle].size <= gpa)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The sub-pages of a page that [first, last] touches, each folded onto the one page: what lies
 * across a page's end touches its last sub-pages and its first ones. */
static uint32_t touched(uint64_t first, uint64_t last)
{
	uint32_t from = (uint32_t)(first / GUARD_GRANULE) % 32,
	         to = (uint32_t)(last / GUARD_GRANULE) % 32;
	uint32_t upward = ~0u << from, downward = ~0u >> (31 - to);

	if (last - first >= PAGE_SIZE - GUARD_GRANULE)
		return ~0u;
	return from <= to ? upward & downward : upward | downward;
}

const struct hv_guard *guard_refuses(const struct write_guard *guard, uint64_t gpa, uint64_t size)
{
	uint64_t last = gpa + size - 1;

	for (uint32_t i = first_behind(guard, gpa); i < guard->count; i++) {
		const struct hv_guard *g = &guard->guards[i];
		uint64_t from = max_of(gpa, g->gpa), to = min_of(last, g->gpa + g->size - 1);

		if (g->gpa > last)
			return NULL;
		if (touched(from, to) & ~g->writable)
			return g;
	}
	return NULL;
}

const struct hv_guard *guard_of_page(const struct write_guard *guard, uint64_t gpa)
{
	uint32_t i = first_behind(guard, gpa);

	return i < guard->count && guard->guards[i].gpa <= gpa ? &guard->guards[i] : NULL;
}
