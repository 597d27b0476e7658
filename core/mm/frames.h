/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who owns the memory of the machine. Three kinds of owner:
 *
 *	free ranges --frames_place()--> guests' RAM: large aligned ranges, at boot
 *	  |
 *	  +--frames_make_pool()--> the core's pool: everything the core takes at boot, from one
 *	       |                   contiguous range of declared size; frozen before the first
 *	       |                   guest runs
 *	       +--reserve_fill()--> a reserve: a stock of 4 KiB frames of one guest, for tables
 *	                            made while it runs; empty is that guest's error
 */
#ifndef CORE_MM_FRAMES_H
#define CORE_MM_FRAMES_H

#include "lib/spinlock.h"
#include "lib/status.h"
#include "lib/types.h"

struct memory_range {
	uint64_t base; /* 4 KiB aligned */
	uint64_t size; /* 4 KiB multiple */
	uint32_t node; /* NUMA node of the host; 0 without SRAT */
};

#define FRAMES_RANGES 128
#define FRAMES_ANY_NODE 0xffffffffu

/* The free memory of a machine and the pool taken from it. */
struct frames {
	struct spinlock lock;
	struct memory_range free[FRAMES_RANGES]; /* sorted, disjoint, not empty */
	uint32_t free_count;
	uint64_t pool_base, pool_size, pool_used;
	bool frozen;
};

/* The machine's. Tests make their own. */
extern struct frames machine_frames;

/* Adds free memory, while boot reads the memory map. STATUS_NO_MEMORY: too many pieces (that
 * range is lost). */
MUST_USE enum status frames_add(struct frames *f, uint64_t base, uint64_t size);

/* Takes [base, base + size) out of what is free, as far as it is. STATUS_NO_MEMORY: too many
 * pieces. */
MUST_USE enum status frames_exclude(struct frames *f, uint64_t base, uint64_t size);

/* Free memory within [base, base + size) belongs to `node` (SRAT). */
MUST_USE enum status frames_set_node(struct frames *f, uint64_t base, uint64_t size, uint32_t node);

/* Takes the core's pool, below 4 GiB if it fits there. Once. */
MUST_USE enum status frames_make_pool(struct frames *f, uint64_t bytes);

/* `size` bytes from the pool, aligned to `align` (power of two, at least 4 KiB); the contents
 * are undefined. STATUS_NO_MEMORY: the pool is used up; STATUS_DENIED: it is frozen. Never given
 * back. */
MUST_USE enum status frames_alloc(struct frames *f, uint64_t size, uint64_t align, uint64_t *phys);

/* The same from machine_frames, zeroed, as an address of the direct map: the core's way to get
 * memory at boot. */
MUST_USE enum status pool_alloc(size_t size, void **p);

/* No allocation succeeds from here on. */
void frames_freeze(struct frames *f);

/*
 * RAM for a guest: `size` bytes (4 KiB multiple) aligned to the largest page that fits in them,
 * from the top down, from `node` or FRAMES_ANY_NODE. One piece where there is one, else the largest
 * there is: *got is its size, 2 MiB multiple unless it is all of it; call again for the rest.
 * STATUS_NO_MEMORY: nothing is left. STATUS_DENIED: frozen.
 */
MUST_USE enum status frames_place(struct frames *f, uint64_t size, uint32_t node, uint64_t *phys,
				  uint64_t *got);

/* Claims exactly this range for a guest (HV_BACKING_FIXED). STATUS_DENIED: not all of it is
 * free. */
MUST_USE enum status frames_claim(struct frames *f, uint64_t base, uint64_t size);

uint64_t frames_free_bytes(const struct frames *f);

/* A stock of single frames, linked through their own first words. Any CPU. */
struct frame_reserve {
	struct spinlock lock;
	uint64_t first; /* physical; 0: empty */
	uint32_t free, total, lowest;
	void *(*to_virt)(uint64_t phys);
};

void reserve_init(struct frame_reserve *r, void *(*to_virt)(uint64_t phys));
/* Moves `count` frames of the pool into the reserve. */
MUST_USE enum status reserve_fill(struct frame_reserve *r, struct frames *f, uint32_t count);
/* A zeroed frame. STATUS_NO_MEMORY when there is none. */
MUST_USE enum status reserve_take(struct frame_reserve *r, uint64_t *phys);
void reserve_give(struct frame_reserve *r, uint64_t phys);

#endif
