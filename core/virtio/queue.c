/* SPDX-License-Identifier: Apache-2.0 */
/* Split virtqueues: see queue.h. */
#include "virtio/queue.h"
#include "lib/bits.h"

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 }; /* flags, 2.7.5 */
enum { DRIVER_NO_INTERRUPT = 1, DEVICE_NO_NOTIFY = 1 };	   /* 2.7.6, 2.7.8 */
enum { RING_FLAGS = 0, RING_INDEX = 2, RING_ENTRIES = 4, USED_BYTES = 8 };

struct descriptor {
	uint64_t address;
	uint32_t length;
	uint16_t flags, next;
};
static_assert(sizeof(struct descriptor) == 16, "2.7.5");

/* Where descriptors are read from: the queue's table, or an indirect one. */
struct table {
	uint64_t base;
	uint32_t count;
	bool indirect;
};

static enum status read16(const struct virtqueue *queue, uint64_t address, uint16_t *value)
{
	return dma_read(queue->space, address, value, sizeof(*value));
}

static enum status write16(const struct virtqueue *queue, uint64_t address, uint16_t value)
{
	return dma_write(queue->space, address, &value, sizeof(value));
}

static enum status broken(struct virtqueue *queue, enum status s)
{
	queue->ready = false;
	return s;
}

MUST_USE enum status queue_start(struct virtqueue *queue, const struct dma_space *space, bool event_index)
{
	if (!is_power_of_two(queue->size) || queue->size > QUEUE_SIZE_MAX || !is_aligned(queue->descriptors, 16) ||
	    !is_aligned(queue->driver, 2) || !is_aligned(queue->device, 4))
		return STATUS_INVALID;
	queue->space = space;
	queue->taken = queue->used = queue->signalled = 0;
	queue->event_index = event_index;
	queue->ready = true;
	return STATUS_OK;
}

static enum status add_segment(struct virtio_chain *chain, const struct descriptor *d)
{
	bool writes = d->flags & DESC_WRITE;

	/* What is read comes first (2.7.4.2); a length of zero is legal nowhere in a driver, harmless here. */
	if (chain->count == CHAIN_SEGMENTS || (!writes && chain->count > chain->readable))
		return STATUS_CORRUPT;
	chain->segment[chain->count++] = (struct chain_segment){ d->address, d->length };
	if (writes)
		chain->write_bytes += d->length;
	else
		chain->read_bytes += d->length;
	chain->readable += !writes;
	return STATUS_OK;
}

/* 2.7.5.3: an indirect table ends the chain, is no part of another one, and has whole descriptors. */
static enum status enter_indirect(struct table *table, const struct descriptor *d)
{
	if (table->indirect || d->flags & DESC_NEXT || !d->length || d->length % sizeof(*d) ||
	    d->length / sizeof(*d) > CHAIN_SEGMENTS)
		return STATUS_CORRUPT;
	*table = (struct table){ d->address, d->length / sizeof(*d), true };
	return STATUS_OK;
}

static enum status collect(const struct virtqueue *queue, struct virtio_chain *chain, uint16_t next)
{
	struct table table = { queue->descriptors, queue->size, false };
	struct descriptor d = { .flags = DESC_NEXT };
	enum status s = STATUS_OK;

	while (s == STATUS_OK && d.flags & DESC_NEXT) {
		if (next >= table.count)
			return STATUS_CORRUPT;
		s = dma_read(queue->space, table.base + next * sizeof(d), &d, sizeof(d));
		if (s != STATUS_OK)
			return s;
		next = d.next;
		if (!(d.flags & DESC_INDIRECT)) {
			s = add_segment(chain, &d);
			continue;
		}
		s = enter_indirect(&table, &d);
		next = 0;
		d.flags = DESC_NEXT;
	}
	return s;
}

MUST_USE enum status queue_take(struct virtqueue *queue, struct virtio_chain *chain)
{
	uint16_t index, head;
	enum status s;

	if (!queue->ready)
		return STATUS_NOT_FOUND;
	s = read16(queue, queue->driver + RING_INDEX, &index);
	if (s != STATUS_OK)
		return broken(queue, s);
	if (index == queue->taken)
		return STATUS_NOT_FOUND;
	if ((uint16_t)(index - queue->taken) > queue->size)
		return broken(queue, STATUS_CORRUPT);
	/* x86 keeps the order of two reads; the compiler must, too. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	s = read16(queue, queue->driver + RING_ENTRIES + queue->taken % queue->size * sizeof(head), &head);
	if (s != STATUS_OK)
		return broken(queue, s);
	chain->head = head;
	chain->readable = chain->count = 0;
	chain->read_bytes = chain->write_bytes = 0;
	s = collect(queue, chain, head);
	if (s != STATUS_OK)
		return broken(queue, s);
	queue->taken++;
	return STATUS_OK;
}

void queue_put_back(struct virtqueue *queue)
{
	queue->taken--;
}

/* avail_event lies behind the ring of used elements, used_event behind that of heads. */
static uint64_t avail_event(const struct virtqueue *queue)
{
	return queue->device + RING_ENTRIES + (uint64_t)queue->size * USED_BYTES;
}

bool queue_listen(struct virtqueue *queue)
{
	uint16_t index;
	enum status s;

	if (!queue->ready)
		return false;
	s = queue->event_index ? write16(queue, avail_event(queue), queue->taken)
			       : write16(queue, queue->device + RING_FLAGS, 0);
	/* The driver writes its index and then reads this; we write this and then read its index. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (s == STATUS_OK)
		s = read16(queue, queue->driver + RING_INDEX, &index);
	if (s != STATUS_OK) {
		broken(queue, s);
		return false;
	}
	return index != queue->taken;
}

/* With event indexes nothing is to be said: the driver notifies at the one that was last asked for. */
void queue_ignore(struct virtqueue *queue)
{
	if (queue->ready && !queue->event_index &&
	    write16(queue, queue->device + RING_FLAGS, DEVICE_NO_NOTIFY) != STATUS_OK)
		broken(queue, STATUS_FAULT);
}

MUST_USE enum status queue_give(struct virtqueue *queue, const struct virtio_chain *chain, uint32_t written)
{
	const uint32_t element[2] = { chain->head, written };
	uint64_t slot = queue->device + RING_ENTRIES + queue->used % queue->size * sizeof(element);
	enum status s = dma_write(queue->space, slot, element, sizeof(element));

	__atomic_thread_fence(__ATOMIC_RELEASE);
	if (s == STATUS_OK)
		s = write16(queue, queue->device + RING_INDEX, ++queue->used);
	return s == STATUS_OK ? s : broken(queue, s);
}

bool queue_signals(struct virtqueue *queue)
{
	uint64_t at = queue->event_index ? queue->driver + RING_ENTRIES + (uint64_t)queue->size * sizeof(uint16_t)
					 : queue->driver + RING_FLAGS;
	uint16_t given = queue->used - queue->signalled, asked;

	if (!given)
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* what was given is seen before we look */
	if (read16(queue, at, &asked) != STATUS_OK)
		return false;
	queue->signalled = queue->used;
	if (!queue->event_index)
		return !(asked & DRIVER_NO_INTERRUPT);
	return (uint16_t)(queue->used - asked - 1) < given; /* 2.7.10: the event was among them */
}

/* ---- bytes of a chain */

static enum status copy(const struct virtqueue *queue, const struct chain_segment *segment, uint32_t count,
			uint64_t offset, uint8_t *to, const uint8_t *from, size_t size)
{
	for (uint32_t i = 0; i < count && size; i++) {
		uint64_t piece = segment[i].length, address = segment[i].address + offset;
		enum status s;

		if (offset >= piece) {
			offset -= piece;
			continue;
		}
		piece = min_of(piece - offset, (uint64_t)size);
		s = from ? dma_write(queue->space, address, from, piece) : dma_read(queue->space, address, to, piece);
		if (s != STATUS_OK)
			return s;
		from = from ? from + piece : NULL;
		to = to ? to + piece : NULL;
		size -= piece;
		offset = 0;
	}
	return size ? STATUS_RANGE : STATUS_OK;
}

MUST_USE enum status chain_read(const struct virtqueue *queue, const struct virtio_chain *chain, uint64_t offset,
				void *buffer, size_t size)
{
	return copy(queue, chain->segment, chain->readable, offset, buffer, NULL, size);
}

MUST_USE enum status chain_write(const struct virtqueue *queue, const struct virtio_chain *chain, uint64_t offset,
				 const void *buffer, size_t size)
{
	return copy(queue, chain->segment + chain->readable, chain->count - chain->readable, offset, NULL, buffer, size);
}
