/* SPDX-License-Identifier: Apache-2.0 */
/*
 * space/ is what a guest reaches by address: its memory, its own page tables, its buses, its DMA.
 * It knows no vCPU and no device; a bus range is a function to call.
 *
 * memory.h: guest physical memory, what lies at each address, and bounded copies in and out. No
 * host pointer into guest memory outlives a call; every write of the core into a guest goes through
 * memory_write() (or memory_compare_exchange()) and so past the write guard.
 */
#ifndef CORE_SPACE_MEMORY_H
#define CORE_SPACE_MEMORY_H

#include "lib/status.h"
#include "lib/types.h"
#include "mm/frames.h"
#include "mm/ptab.h"
#include "schema/hvblob.h"
#include "space/write_guard.h"

/* A piece of a region that is contiguous in the host; a region without backing is one piece. */
struct memory_extent {
	uint64_t gpa, size;
	uint64_t phys; /* host physical; meaningless without `host` */
	uint8_t *host; /* in the direct map; NULL: nothing behind it, or host device memory */
	const struct hv_region *region;
};

struct memory {
	const char *name;              /* of the guest */
	struct memory_extent *extents; /* sorted by gpa, disjoint */
	uint32_t count, capacity;
	uint32_t recent; /* index of the extent found last: only a hint */
	struct write_guard guard;
	struct ptab nested;
	/* Lets the processor itself permit writes to these sub-pages of a page that is mapped read-only; its tables. NULL: it
	 * cannot. */
	enum status (*permit)(struct memory *memory, uint64_t gpa, uint32_t writable);
	struct ptab permits;
	struct frame_reserve reserve; /* for tables made while the guest runs */
};

/* Appends a piece behind all others. STATUS_NO_MEMORY: `extents` is full. */
MUST_USE enum status memory_append(struct memory *memory, const struct memory_extent *extent);

/* Maps all that is backed into the nested tables, with the largest pages that fit; the pages of
 * guards read-only. STATUS_INVALID: a guard lies outside RAM. */
MUST_USE enum status memory_map_all(struct memory *memory);

/* The pages of guards are read-only, but for what memory->permit() lets through. memory_map_all() has done it; once more where
 * `permit` is new. */
MUST_USE enum status memory_close_all(struct memory *memory);

/*
 * The caller holds guard.lock. Closes the sub-pages of [gpa, gpa + size) for writing, until memory_reset(). *changed: some were open; the caller then has all
 * translations dropped. STATUS_INVALID: not in whole sub-pages, or none; STATUS_FAULT: not all of it is memory that the guest
 * may write; STATUS_NO_MEMORY: more pages than it may lock. Nothing was closed then.
 */
MUST_USE enum status memory_lock(struct memory *memory, uint64_t gpa, uint64_t size, bool *changed);

/* As memory_map_all() left it: what was locked is open. No processor uses the tables. */
MUST_USE enum status memory_reset(struct memory *memory);

/* Takes the backed pages of [gpa, gpa + size) out of the nested tables, or puts them back, while no vCPU of the guest
 * runs. STATUS_NO_MEMORY: no frame is left for a table. */
MUST_USE enum status memory_show(struct memory *memory, uint64_t gpa, uint64_t size, bool shown);

/* The piece that holds gpa, or NULL. */
const struct memory_extent *memory_find(struct memory *memory, uint64_t gpa);

/* Whether the guest has the right to write to it, guards apart. */
static inline bool memory_writable(const struct memory_extent *extent)
{
	return extent->region->rights & HV_WRITE && extent->region->kind != HV_REGION_ROM;
}

/* Copies between [gpa, gpa + size) and a buffer of the core. STATUS_FAULT when any byte is not RAM
 * of this guest (memory_write: or not writable), with nothing copied. May cross pages and regions.
 */
MUST_USE enum status memory_read(struct memory *memory, uint64_t gpa, void *buffer, size_t size);
MUST_USE enum status memory_write(struct memory *memory, uint64_t gpa, const void *buffer,
				  size_t size);

/* Atomically replaces the 1, 2, 4 or 8 bytes at gpa, which lie within a page, if they are *expected;
 * *expected becomes what was there, and the exchange took place if that is unchanged. STATUS_FAULT
 * as above, STATUS_INVALID for another size or two pages. */
MUST_USE enum status memory_compare_exchange(struct memory *memory, uint64_t gpa, uint32_t size,
					     uint64_t *expected, uint64_t desired);
/* The same for 16 bytes, aligned as CMPXCHG16B wants them. */
MUST_USE enum status memory_compare_exchange_16(struct memory *memory, uint64_t gpa,
						uint64_t expected[2], const uint64_t desired[2]);
/* The same for 32 bits: *found is what was there. */
MUST_USE enum status memory_compare_exchange32(struct memory *memory, uint64_t gpa,
					       uint32_t expected, uint32_t desired,
					       uint32_t *found);

/* The start of a guest: copies `bytes` (NULL: zeroes) to [gpa, gpa + size), read-only regions
 * included. */
MUST_USE enum status memory_load(struct memory *memory, uint64_t gpa, const void *bytes,
				 uint64_t size);

/* Zeroes all RAM: the guest before this one left its data there. */
void memory_clear(struct memory *memory);

#endif
