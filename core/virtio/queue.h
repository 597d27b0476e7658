/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A split virtqueue from the device's side (virtio 1.2, 2.7). Pure: guest memory is reached through a DMA space, and
 * nothing else is known, neither a device nor an interrupt.
 *
 *     desc    [address | length | flags | next] * size    read once each, never looked at again
 *     driver  [flags | idx | ring: size heads | used_event]
 *     device  [flags | idx | ring: size (head, bytes written) | avail_event]
 *
 * All three lie in memory that the guest may change at any time: what is read is copied first, checked in the copy and
 * used from there. A chain has at most CHAIN_SEGMENTS pieces, so that it ends whatever `next` says; a driver that breaks
 * a rule of the standard gets STATUS_CORRUPT, after which the queue is dead until it is set up again.
 */
#ifndef CORE_VIRTIO_QUEUE_H
#define CORE_VIRTIO_QUEUE_H

#include "space/dma.h"

#define QUEUE_SIZE_MAX 256u
#define CHAIN_SEGMENTS 64u

struct virtqueue {
	const struct dma_space *space;
	uint64_t descriptors, driver, device; /* the three parts, as the driver has placed them */
	uint16_t size;	     /* a power of two up to QUEUE_SIZE_MAX */
	uint16_t vector;     /* of MSI-X; kept here for the transport */
	uint16_t taken;	     /* chains taken from the driver's ring, modulo 2^16 */
	uint16_t used;	     /* chains given back */
	uint16_t signalled;  /* `used` when the driver was last told */
	bool ready;	     /* enabled, and not broken */
	bool event_index;    /* VIRTIO_F_EVENT_IDX was negotiated */
};

struct chain_segment {
	uint64_t address;
	uint32_t length;
};

/* Buffers of one request: those that the device reads, then those that it writes. */
struct virtio_chain {
	uint16_t head;
	uint16_t readable, count; /* segments: the first `readable` are read */
	uint64_t read_bytes, write_bytes;
	struct chain_segment segment[CHAIN_SEGMENTS];
};

/* Nothing taken, nothing used, where the parts lie as they are; STATUS_INVALID: their alignment is not the standard's. */
MUST_USE enum status queue_start(struct virtqueue *queue, const struct dma_space *space, bool event_index);

/* The next chain, copied. STATUS_NOT_FOUND: there is none just now; STATUS_CORRUPT: see above; STATUS_FAULT: something
 * lies where the guest has no memory (as bad). */
MUST_USE enum status queue_take(struct virtqueue *queue, struct virtio_chain *chain);

/* The chain that was taken last is left for another time. */
void queue_put_back(struct virtqueue *queue);

/* Asks the driver to notify us of the next chain, or (until then) not to; whether one has come meanwhile. */
bool queue_listen(struct virtqueue *queue);
void queue_ignore(struct virtqueue *queue);

/* The chain is done with, the device has written `written` bytes to it. */
MUST_USE enum status queue_give(struct virtqueue *queue, const struct virtio_chain *chain, uint32_t written);

/* Whether the driver wants an interrupt for what was given since this was last asked. */
bool queue_signals(struct virtqueue *queue);

/* Copies `size` bytes from the chain's readable part, from byte `offset` on, or to its writable part. STATUS_RANGE: the
 * part is shorter; STATUS_FAULT: no memory there (some may have been copied). */
MUST_USE enum status chain_read(const struct virtqueue *queue, const struct virtio_chain *chain, uint64_t offset,
				void *buffer, size_t size);
MUST_USE enum status chain_write(const struct virtqueue *queue, const struct virtio_chain *chain, uint64_t offset,
				 const void *buffer, size_t size);

#endif
