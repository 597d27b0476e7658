/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of bytes for one producer and one consumer, which may be different CPUs: the counters only grow, the size is
 * a power of two.
 */
#ifndef CORE_LIB_RING_H
#define CORE_LIB_RING_H

#include "lib/bits.h"

struct ring {
	uint8_t *data;
	uint32_t size;
	uint32_t head; /* bytes ever put; written by the producer */
	uint32_t tail; /* bytes ever taken; written by the consumer */
};

static inline void ring_init(struct ring *r, void *data, uint32_t size)
{
	r->data = data;
	r->size = size;
	r->head = r->tail = 0;
}

static inline uint32_t ring_used(const struct ring *r)
{
	/* Acquire: pairs with the releases in ring_put() and ring_take(). */
	return __atomic_load_n(&r->head, __ATOMIC_ACQUIRE) -
	       __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);
}

static inline uint32_t ring_free(const struct ring *r)
{
	return r->size - ring_used(r);
}

/* Returns whether there was room. */
static inline bool ring_put(struct ring *r, uint8_t byte)
{
	if (!ring_free(r))
		return false;
	r->data[r->head & (r->size - 1)] = byte;
	/* Release: the byte before the count that shows it to ring_take(). */
	__atomic_store_n(&r->head, r->head + 1, __ATOMIC_RELEASE);
	return true;
}

/* Returns whether there was a byte. */
static inline bool ring_take(struct ring *r, uint8_t *byte)
{
	if (!ring_used(r))
		return false;
	*byte = r->data[r->tail & (r->size - 1)];
	/* Release: the byte is read before ring_put() may overwrite it. */
	__atomic_store_n(&r->tail, r->tail + 1, __ATOMIC_RELEASE);
	return true;
}

#endif
