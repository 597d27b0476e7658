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

#include "lib/spinlock.h"
#include "lib/status.h"
#include "lib/types.h"
#include "schema/hvblob.h"

#define GUARD_GRANULE 128u

/* A page of which the guest itself has closed sub-pages. Entries are only added, and masks only lose bits, until the guest is
 * reset; so those who ask need no lock. */
struct page_lock {
	uint64_t page; /* its address | 1; 0: unused */
	uint32_t writable;
};

struct write_guard {
	const struct hv_guard *guards; /* sorted, disjoint */
	uint32_t count;                /* 0: everything that the regions allow may be written */
	const struct hv_guard *lockable; /* what a write to a locked sub-page gets; NULL: the guest cannot lock */
	struct page_lock *locks;         /* `slots` of them, hashed by page; a power of two, more than will be used */
	uint32_t slots, used;
	struct spinlock lock; /* held by those who add */
};

/* The guard that refuses a write to some of [gpa, gpa + size); NULL: all of it may be written. size
 * is not zero and nothing wraps. */
const struct hv_guard *guard_refuses(const struct write_guard *guard, uint64_t gpa, uint64_t size);

/* Takes guests' records, the lockable one out of them, and, where there is that, the store: guard_lock_bytes() zeroed. */
void guard_init(struct write_guard *guard, const struct hv_guard *guards, uint32_t count);
uint64_t guard_lock_bytes(const struct write_guard *guard);

/* The caller holds `lock`. Closes the sub-pages of [gpa, gpa + size), both multiples of 128, nothing wraps. STATUS_NO_MEMORY: more pages than may be
 * locked, nothing was closed. *changed: some of them were open. */
MUST_USE enum status guard_lock(struct write_guard *guard, uint64_t gpa, uint64_t size, bool *changed);

/* Opens all that was locked. */
void guard_unlock_all(struct write_guard *guard);

/* Whether anything may be refused at all. */
static inline bool guard_watches(const struct write_guard *guard)
{
	return guard->count || READ_ONCE(guard->used);
}

/* The sub-pages of the page of gpa that may be written. */
uint32_t guard_writable(const struct write_guard *guard, uint64_t gpa);

/* The guard of the page of gpa, NULL: it has none. */
const struct hv_guard *guard_of_page(const struct write_guard *guard, uint64_t gpa);

#endif
