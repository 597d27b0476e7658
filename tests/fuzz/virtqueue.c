/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver that writes anything anywhere into the memory of its rings, between any two steps of the device. Besides what
 * the sanitizers see: every chain is within its bounds, no step fails to end, and no byte outside of guest memory is
 * touched (the machine's RAM ends where its structure goes on).
 *
 * The input is records of four bytes: what to do, or where (in eights) and two bytes to put there.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/core/unit/shim/machine.h"
#include "tests/core/unit/shim/ring.h"

enum { RINGS = 0x1000, RECORDS = 1024 };

static void check_chain(const struct virtio_chain *chain)
{
	uint64_t bytes[2] = { 0 };

	if (chain->count > CHAIN_SEGMENTS || chain->readable > chain->count)
		abort();
	for (uint32_t i = 0; i < chain->count; i++)
		bytes[i >= chain->readable] += chain->segment[i].length;
	if (bytes[0] != chain->read_bytes || bytes[1] != chain->write_bytes)
		abort();
}

static void serve(struct virtqueue *queue, struct virtio_chain *chain)
{
	uint8_t bytes[256] = { 0 };
	uint32_t written = 0;

	if (queue_take(queue, chain) != STATUS_OK)
		return;
	check_chain(chain);
	if (chain_read(queue, chain, 3, bytes, sizeof(bytes)) == STATUS_OK &&
	    chain_write(queue, chain, 5, bytes, sizeof(bytes)) == STATUS_OK)
		written = sizeof(bytes);
	if (queue_give(queue, chain, written) == STATUS_OK)
		queue_signals(queue);
}

static void step(struct virtqueue *queue, struct virtio_chain *chain, uint8_t what)
{
	switch (what % 4) {
	case 0:
	case 1:
		serve(queue, chain);
		return;
	case 2:
		queue_listen(queue);
		return;
	default:
		queue_ignore(queue);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct virtio_chain chain;
	struct dma_space space = { .memory = (struct memory *)&machine };
	struct ring ring = { .space = &space, .base = RINGS };
	struct virtqueue queue = { .descriptors = RINGS };

	if (size < 2)
		return 0;
	memset(machine.ram, 0, sizeof(machine.ram));
	ring.size = queue.size = (uint16_t)(1u << data[0] % 9);
	queue.driver = ring_driver(&ring);
	queue.device = data[1] & 2 ? MACHINE_RAM - 16 : ring_device(&ring);
	if (queue_start(&queue, &space, data[1] & 1) != STATUS_OK)
		abort();
	for (size_t i = 2; i + 4 <= size && i < 4 * RECORDS; i += 4) {
		uint16_t at;

		memcpy(&at, data + i, 2);
		if (data[i + 1] & 0x80)
			step(&queue, &chain, data[i]);
		else
			ring_put(&ring, RINGS + (at & 0x7fffu) % 0x3000, data + i + 2, 2);
	}
	return 0;
}
