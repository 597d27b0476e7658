/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's side of a split virtqueue for tests, in memory reached as the device reaches it. Honest unless told
 * otherwise: its parts lie one behind the other at `base`. */
#ifndef TESTS_SHIM_RING_H
#define TESTS_SHIM_RING_H

#include <assert.h>

#include "virtio/queue.h"

enum { RING_NEXT = 1, RING_WRITE = 2, RING_INDIRECT = 4 };

struct ring {
	struct dma_space *space;
	uint64_t base;
	uint16_t size, offered, seen;
};

static inline uint64_t ring_driver(const struct ring *r)
{
	return r->base + 16ull * r->size;
}

static inline uint64_t ring_device(const struct ring *r)
{
	return (ring_driver(r) + 6 + 2ull * r->size + 3) & ~3ull;
}

static inline uint64_t ring_end(const struct ring *r)
{
	return ring_device(r) + 6 + 8ull * r->size;
}

static inline void ring_put(const struct ring *r, uint64_t at, const void *bytes, size_t size)
{
	enum status s = dma_write(r->space, at, bytes, size);

	assert(s == STATUS_OK);
	(void)s;
}

static inline uint16_t ring_get16(const struct ring *r, uint64_t at)
{
	uint16_t value;
	enum status s = dma_read(r->space, at, &value, sizeof(value));

	assert(s == STATUS_OK);
	(void)s;
	return value;
}

/* Descriptor `index` of the table at `table`. */
static inline void ring_describe_in(const struct ring *r, uint64_t table, uint16_t index, uint64_t address, uint32_t length,
				    uint16_t flags, uint16_t next)
{
	const struct {
		uint64_t address;
		uint32_t length;
		uint16_t flags, next;
	} d = { address, length, flags, next };

	ring_put(r, table + 16ull * index, &d, sizeof(d));
}

static inline void ring_describe(const struct ring *r, uint16_t index, uint64_t address, uint32_t length, uint16_t flags,
				 uint16_t next)
{
	ring_describe_in(r, r->base, index, address, length, flags, next);
}

static inline void ring_offer(struct ring *r, uint16_t head)
{
	ring_put(r, ring_driver(r) + 4 + 2ull * (r->offered % r->size), &head, sizeof(head));
	r->offered++;
	ring_put(r, ring_driver(r) + 2, &r->offered, sizeof(r->offered));
}

static inline uint16_t ring_used(const struct ring *r)
{
	return ring_get16(r, ring_device(r) + 2);
}

/* The next used element: head, and bytes written. */
static inline uint32_t ring_collect(struct ring *r, uint32_t *head)
{
	uint32_t element[2];
	enum status s = dma_read(r->space, ring_device(r) + 4 + 8ull * (r->seen++ % r->size), element, sizeof(element));

	assert(s == STATUS_OK);
	(void)s;
	*head = element[0];
	return element[1];
}

#endif
