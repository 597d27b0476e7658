/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's own page tables: linear → guest physical, with the processor's checks, and a small
 * cache of where the instructions that exit lie, so that their bytes can be compared without a
 * walk.
 */
#ifndef CORE_SPACE_GUEST_WALK_H
#define CORE_SPACE_GUEST_WALK_H

#include "lib/status.h"
#include "lib/types.h"

struct memory;

struct guest_paging {
	uint64_t cr0, cr3, cr4, efer;
	uint64_t rflags; /* AC matters with CR4.SMAP */
	uint8_t cpl;
	uint32_t pkru;	       /* matters with CR4.PKE */
	uint8_t physical_bits; /* of the guest: bits above are reserved in its tables */
};

enum guest_access {
	GUEST_READ = 0,
	GUEST_WRITE = 1u << 0,
	GUEST_FETCH = 1u << 1,
	GUEST_IMPLICIT = 1u << 2, /* a supervisor access whatever the CPL: descriptor tables, TSS */
	GUEST_PROBE = 1u << 3,    /* accessed and dirty bits stay as they are */
};

/*
 * Translates a linear address. STATUS_FAULT: the guest gets #PF with *error (SDM v3 4.7);
 * STATUS_NOT_FOUND: a table lies where the guest has no RAM. Sets accessed and dirty bits as the
 * processor would.
 */
MUST_USE enum status guest_walk(struct memory *memory, const struct guest_paging *paging,
				uint64_t linear, uint32_t access, uint64_t *gpa, uint32_t *error);

/*
 * The fetch cache: one line an index of the page number. `context` is whatever else the translation
 * hangs on (CPL, mode bits), packed by the caller. A line may be stale (the guest need not tell
 * us): bytes read through it are only compared with what the exit already says, and a mismatch is
 * followed by a walk; fetch_exact() looks at the tables' entries again, which is as good as a walk,
 * for bytes that are executed.
 */
#define FETCH_LINES 8

struct fetch_line {
	uint64_t page; /* linear page number */
	uint64_t cr3;
	const uint8_t *bytes; /* the page in the core's direct map; it is RAM of this guest for as
				 long as the VM lives */
	uint64_t context;
};

/* The entries that the walk used: while they hold the same, so does the translation. */
struct fetch_trail {
	uint32_t levels;
	uint32_t entry_size;
	struct {
		const void *entry;
		uint64_t value; /* without accessed and dirty */
	} step[5];
};

struct fetch_cache {
	struct fetch_line lines[FETCH_LINES];
	struct fetch_trail trails[FETCH_LINES];
};

/* The page's bytes as far as page and CR3 tell, or NULL when the line holds another. */
static inline const uint8_t *fetch_cached(const struct fetch_cache *cache, uint64_t linear,
					  uint64_t cr3)
{
	const struct fetch_line *line = &cache->lines[(linear >> PAGE_SHIFT) % FETCH_LINES];

	if (unlikely(line->page != linear >> PAGE_SHIFT || line->cr3 != cr3))
		return NULL;
	return line->bytes;
}

/* The same, if the context is the same and the translation still holds. */
const uint8_t *fetch_exact(const struct fetch_cache *cache, uint64_t linear, uint64_t cr3,
			   uint32_t context);

/*
 * Copies up to `size` bytes of code at `linear` by a walk, and enters the first page in the cache.
 * Returns how many bytes could be read; *error and *fault_address describe the #PF that ended it,
 * error 0 when what ended it was no fault.
 */
uint32_t guest_fetch(struct memory *memory, const struct guest_paging *paging, uint64_t linear,
		     uint8_t *bytes, uint32_t size, struct fetch_cache *cache, uint32_t context,
		     uint32_t *error, uint64_t *fault_address);

void fetch_cache_clear(struct fetch_cache *cache);

#endif
