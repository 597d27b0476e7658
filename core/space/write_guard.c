/* SPDX-License-Identifier: Apache-2.0 */
/* The write guard: a binary search over ranges of pages, then the mask of sub-pages; and a hash table of pages that the guest has
 * locked. */
#include "space/write_guard.h"

#include "lib/bits.h"
#include "lib/string.h"

void guard_init(struct write_guard *guard, const struct hv_guard *guards, uint32_t count)
{
	*guard = (struct write_guard){.guards = guards, .count = count};
	if (!count || guards[count - 1].gpa != HV_GUARD_ANYWHERE)
		return;
	guard->count--;
	guard->lockable = &guards[guard->count];
	guard->slots = 2;
	while (guard->slots < 2 * guard->lockable->size / PAGE_SIZE)
		guard->slots *= 2;
}

uint64_t guard_lock_bytes(const struct write_guard *guard)
{
	return guard->slots * sizeof(struct page_lock);
}

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

/* The slot of a page, or the free one where it would be: there is one always. */
static struct page_lock *slot_of(const struct write_guard *guard, uint64_t gpa)
{
	uint64_t page = align_down(gpa, PAGE_SIZE) | 1, at = gpa / PAGE_SIZE * 0x9e3779b97f4a7c15ull >> 32;
	struct page_lock *slot = &guard->locks[at & (guard->slots - 1)];
	uint64_t found;

	/* Acquire: the mask was there before the page. */
	while ((found = __atomic_load_n(&slot->page, __ATOMIC_ACQUIRE)) && found != page)
		slot = &guard->locks[++at & (guard->slots - 1)];
	return slot;
}

/* What the guest has left open of the page of gpa. */
static uint32_t unlocked(const struct write_guard *guard, uint64_t gpa)
{
	const struct page_lock *slot = READ_ONCE(guard->used) ? slot_of(guard, gpa) : NULL;

	return slot && slot->page ? READ_ONCE(slot->writable) : ~0u;
}

static uint32_t pages_of(uint64_t gpa, uint64_t size)
{
	return (uint32_t)((gpa + size - 1) / PAGE_SIZE - gpa / PAGE_SIZE + 1);
}

/* The part of [gpa, last] within the page of `page`, as sub-pages of it. */
static uint32_t touched_of_page(uint64_t page, uint64_t gpa, uint64_t last)
{
	return touched(max_of(gpa, page), min_of(last, page + PAGE_SIZE - 1));
}

static uint32_t new_pages(const struct write_guard *guard, uint64_t gpa, uint64_t size)
{
	uint32_t count = 0;

	for (uint64_t p = align_down(gpa, PAGE_SIZE); p < gpa + size; p += PAGE_SIZE)
		count += !slot_of(guard, p)->page;
	return count;
}

enum status guard_lock(struct write_guard *guard, uint64_t gpa, uint64_t size, bool *changed)
{
	uint64_t most = guard->lockable->size / PAGE_SIZE;

	*changed = false;
	if (size > guard->lockable->size || pages_of(gpa, size) > most ||
	    new_pages(guard, gpa, size) > most - guard->used)
		return STATUS_NO_MEMORY;
	for (uint64_t p = align_down(gpa, PAGE_SIZE); p < gpa + size; p += PAGE_SIZE) {
		uint32_t closed = touched_of_page(p, gpa, gpa + size - 1);
		struct page_lock *slot = slot_of(guard, p);
		bool fresh = !slot->page;

		*changed |= fresh || slot->writable & closed;
		WRITE_ONCE(slot->writable, (fresh ? ~0u : slot->writable) & ~closed);
		__atomic_store_n(&slot->page, p | 1, __ATOMIC_RELEASE);
		WRITE_ONCE(guard->used, guard->used + fresh);
	}
	return STATUS_OK;
}

void guard_unlock_all(struct write_guard *guard)
{
	memset(guard->locks, 0, guard_lock_bytes(guard));
	guard->used = 0;
}

static bool lock_refuses(const struct write_guard *guard, uint64_t gpa, uint64_t last)
{
	for (uint64_t p = align_down(gpa, PAGE_SIZE); p <= last; p += PAGE_SIZE)
		if (touched_of_page(p, gpa, last) & ~unlocked(guard, p))
			return true;
	return false;
}

const struct hv_guard *guard_refuses(const struct write_guard *guard, uint64_t gpa, uint64_t size)
{
	uint64_t last = gpa + size - 1;

	for (uint32_t i = first_behind(guard, gpa); i < guard->count; i++) {
		const struct hv_guard *g = &guard->guards[i];
		uint64_t from = max_of(gpa, g->gpa), to = min_of(last, g->gpa + g->size - 1);

		if (g->gpa > last)
			break;
		if (touched(from, to) & ~g->writable)
			return g;
	}
	return READ_ONCE(guard->used) && lock_refuses(guard, gpa, last) ? guard->lockable : NULL;
}

const struct hv_guard *guard_of_page(const struct write_guard *guard, uint64_t gpa)
{
	uint32_t i = first_behind(guard, gpa);

	if (i < guard->count && guard->guards[i].gpa <= gpa)
		return &guard->guards[i];
	return ~unlocked(guard, gpa) ? guard->lockable : NULL;
}

uint32_t guard_writable(const struct write_guard *guard, uint64_t gpa)
{
	uint32_t i = first_behind(guard, gpa);
	bool has = i < guard->count && guard->guards[i].gpa <= gpa;

	return (has ? guard->guards[i].writable : ~0u) & unlocked(guard, gpa);
}
