/* SPDX-License-Identifier: Apache-2.0 */
/* Virtqueues: honest chains, indirect ones, both ways of suppressing notifications, and drivers that break the rules. */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "shim/guest_ram.h"
#include "shim/ring.h"

#include <cmocka.h>

enum { SIZE = 8, RINGS = 0x1000, BUFFERS = 0x4000, TABLE = 0x8000 };

static struct dma_space space = { .memory = &guest_ram };
static struct virtqueue queue;
static struct ring ring;
static struct virtio_chain chain;

static void start(bool event_index)
{
	guest_ram_reset();
	ring = (struct ring){ .space = &space, .base = RINGS, .size = SIZE };
	queue = (struct virtqueue){ .descriptors = RINGS, .driver = ring_driver(&ring), .device = ring_device(&ring), .size = SIZE };
	assert_int_equal(queue_start(&queue, &space, event_index), STATUS_OK);
}

static int setup(void **state)
{
	(void)state;
	start(false);
	return 0;
}

static void test_chain(void **state)
{
	uint8_t bytes[32];
	uint32_t head;

	(void)state;
	assert_int_equal(queue_take(&queue, &chain), STATUS_NOT_FOUND);
	strcpy(guest_ram_at(BUFFERS), "abcd");
	strcpy(guest_ram_at(BUFFERS + 0x100), "efgh");
	ring_describe(&ring, 3, BUFFERS, 4, RING_NEXT, 1);
	ring_describe(&ring, 1, BUFFERS + 0x100, 4, RING_NEXT, 7);
	ring_describe(&ring, 7, BUFFERS + 0x200, 3, RING_WRITE | RING_NEXT, 2);
	ring_describe(&ring, 2, BUFFERS + 0x300, 9, RING_WRITE, 0);
	ring_offer(&ring, 3);
	assert_int_equal(queue_take(&queue, &chain), STATUS_OK);
	assert_int_equal(chain.readable, 2);
	assert_int_equal(chain.count, 4);
	assert_int_equal(chain.read_bytes, 8);
	assert_int_equal(chain.write_bytes, 12);
	assert_int_equal(chain_read(&queue, &chain, 2, bytes, 5), STATUS_OK);
	assert_memory_equal(bytes, "cdefg", 5);
	assert_int_equal(chain_read(&queue, &chain, 4, bytes, 5), STATUS_RANGE);
	assert_int_equal(chain_write(&queue, &chain, 1, "wxyz", 4), STATUS_OK);
	assert_memory_equal(guest_ram_at(BUFFERS + 0x200), "\0wx", 3);
	assert_memory_equal(guest_ram_at(BUFFERS + 0x300), "yz", 2);
	assert_int_equal(chain_write(&queue, &chain, 12, "!", 1), STATUS_RANGE);
	assert_int_equal(queue_give(&queue, &chain, 5), STATUS_OK);
	assert_int_equal(ring_used(&ring), 1);
	assert_int_equal(ring_collect(&ring, &head), 5);
	assert_int_equal(head, 3);
	assert_int_equal(queue_take(&queue, &chain), STATUS_NOT_FOUND);
}

/* The indexes run past 2^16. */
static void test_around(void **state)
{
	uint32_t head;

	(void)state;
	ring_describe(&ring, 5, BUFFERS, 1, RING_WRITE, 0);
	for (uint32_t i = 0; i < 70000; i++) {
		ring_offer(&ring, 5);
		assert_int_equal(queue_take(&queue, &chain), STATUS_OK);
		assert_int_equal(queue_give(&queue, &chain, i), STATUS_OK);
		assert_int_equal(ring_collect(&ring, &head), i);
	}
	assert_int_equal(ring_used(&ring), 70000 & 0xffff);
}

static void test_put_back(void **state)
{
	(void)state;
	ring_describe(&ring, 5, BUFFERS, 1, RING_WRITE, 0);
	ring_offer(&ring, 5);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(queue_take(&queue, &chain), STATUS_OK);
		queue_put_back(&queue);
	}
}

static void test_indirect(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < CHAIN_SEGMENTS; i++)
		ring_describe_in(&ring, TABLE, i, BUFFERS + i, 1, i + 1u < CHAIN_SEGMENTS ? RING_NEXT : 0, i + 1);
	ring_describe(&ring, 0, TABLE, 16 * CHAIN_SEGMENTS, RING_INDIRECT, 0);
	ring_offer(&ring, 0);
	assert_int_equal(queue_take(&queue, &chain), STATUS_OK);
	assert_int_equal(chain.count, CHAIN_SEGMENTS);
	assert_int_equal(chain.read_bytes, CHAIN_SEGMENTS);
}

/* What each breaks, and what becomes of the queue. */
static void loop(void)
{
	ring_describe(&ring, 0, BUFFERS, 1, RING_NEXT, 1);
	ring_describe(&ring, 1, BUFFERS, 1, RING_NEXT, 0);
}

static void read_behind_write(void)
{
	ring_describe(&ring, 0, BUFFERS, 1, RING_NEXT | RING_WRITE, 1);
	ring_describe(&ring, 1, BUFFERS, 1, 0, 0);
}

static void next_outside(void)
{
	ring_describe(&ring, 0, BUFFERS, 1, RING_NEXT, SIZE);
}

static void table_in_table(void)
{
	ring_describe_in(&ring, TABLE, 0, TABLE, 16, RING_INDIRECT, 0);
	ring_describe(&ring, 0, TABLE, 16, RING_INDIRECT, 0);
}

static void table_loop(void)
{
	ring_describe_in(&ring, TABLE, 0, BUFFERS, 1, RING_NEXT, 0);
	ring_describe(&ring, 0, TABLE, 16, RING_INDIRECT, 0);
}

static void table_cut(void)
{
	ring_describe(&ring, 0, TABLE, 24, RING_INDIRECT, 0);
}

static void table_empty(void)
{
	ring_describe(&ring, 0, TABLE, 0, RING_INDIRECT, 0);
}

static void table_long(void)
{
	ring_describe(&ring, 0, TABLE, 16 * (CHAIN_SEGMENTS + 1), RING_INDIRECT, 0);
}

static void table_and_next(void)
{
	ring_describe_in(&ring, TABLE, 0, BUFFERS, 1, 0, 0);
	ring_describe(&ring, 0, TABLE, 16, RING_INDIRECT | RING_NEXT, 1);
}

static void table_nowhere(void)
{
	ring_describe(&ring, 0, HOLE_BASE, 16, RING_INDIRECT, 0);
}

static void ring_too_far(void)
{
	ring.offered = SIZE;
}

static void test_hostile(void **state)
{
	static void (*const tricks[])(void) = { loop,	    read_behind_write, next_outside, table_in_table, table_loop,  table_cut,
						table_empty, table_long,	table_and_next, table_nowhere, ring_too_far };

	(void)state;
	for (size_t i = 0; i < sizeof(tricks) / sizeof(*tricks); i++) {
		enum status s;

		start(i & 1);
		tricks[i]();
		ring_offer(&ring, 0);
		s = queue_take(&queue, &chain);
		assert_true(s == STATUS_CORRUPT || s == STATUS_FAULT);
		assert_false(queue.ready);
		assert_int_equal(queue_take(&queue, &chain), STATUS_NOT_FOUND);
		assert_false(queue_listen(&queue));
		assert_int_equal(ring_used(&ring), 0);
	}
}

/* A head that is none, parts without memory, and buffers that are none: nothing is copied. */
static void test_nowhere(void **state)
{
	uint8_t byte;

	(void)state;
	ring_offer(&ring, SIZE);
	assert_int_equal(queue_take(&queue, &chain), STATUS_CORRUPT);
	start(false);
	ring_describe(&ring, 0, HOLE_BASE, 8, 0, 0);
	ring_offer(&ring, 0);
	assert_int_equal(queue_take(&queue, &chain), STATUS_OK);
	assert_int_equal(chain_read(&queue, &chain, 0, &byte, 1), STATUS_FAULT);
	queue.device = HOLE_BASE;
	assert_int_equal(queue_give(&queue, &chain, 0), STATUS_FAULT);
	assert_false(queue.ready);
	start(false);
	queue.driver = HOLE_BASE;
	assert_int_equal(queue_take(&queue, &chain), STATUS_FAULT);
}

/* The core must not write for a driver what the guest itself may not write. */
static void test_guarded(void **state)
{
	static const struct hv_guard guard = { .gpa = BUFFERS, .size = 4096, .writable = ~1u };

	(void)state;
	guest_ram.guard = (struct write_guard){ &guard, 1 };
	ring_describe(&ring, 0, BUFFERS + 0x78, 16, RING_WRITE, 0);
	ring_offer(&ring, 0);
	assert_int_equal(queue_take(&queue, &chain), STATUS_OK);
	assert_int_equal(chain_write(&queue, &chain, 0, "0123456789", 10), STATUS_FAULT);
	assert_int_equal(chain_write(&queue, &chain, 8, "01234567", 8), STATUS_OK);
}

static void test_starts(void **state)
{
	static const struct virtqueue bad[] = {
		{ .size = 0 }, { .size = 12 }, { .size = 2 * QUEUE_SIZE_MAX }, { .size = 8, .descriptors = 8 },
		{ .size = 8, .driver = 1 }, { .size = 8, .device = 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		queue = bad[i];
		assert_int_equal(queue_start(&queue, &space, false), STATUS_INVALID);
		assert_false(queue.ready);
	}
}

static void test_flags(void **state)
{
	(void)state;
	ring_describe(&ring, 0, BUFFERS, 1, RING_WRITE, 0);
	queue_ignore(&queue);
	assert_int_equal(ring_get16(&ring, queue.device), 1);
	assert_false(queue_listen(&queue));
	assert_int_equal(ring_get16(&ring, queue.device), 0);
	assert_false(queue_signals(&queue)); /* nothing given */
	for (int i = 0; i < 2; i++) {
		ring_offer(&ring, 0);
		assert_true(queue_listen(&queue));
		assert_int_equal(queue_take(&queue, &chain), STATUS_OK);
		assert_int_equal(queue_give(&queue, &chain, 0), STATUS_OK);
		ring_put(&ring, queue.driver, &(uint16_t){ (uint16_t)i }, 2);
		assert_int_equal(queue_signals(&queue), !i);
		assert_false(queue_signals(&queue));
	}
}

static void test_event_index(void **state)
{
	const uint64_t used_event = queue.driver + 4 + 2 * SIZE, avail_event = queue.device + 4 + 8 * SIZE;

	(void)state;
	start(true);
	ring_describe(&ring, 0, BUFFERS, 1, RING_WRITE, 0);
	ring_put(&ring, used_event, &(uint16_t){ 1 }, 2); /* tell me of the second */
	for (int i = 0; i < 3; i++) {
		ring_offer(&ring, 0);
		assert_int_equal(queue_take(&queue, &chain), STATUS_OK);
		assert_false(queue_listen(&queue));
		assert_int_equal(ring_get16(&ring, avail_event), i + 1);
		assert_int_equal(queue_give(&queue, &chain, 0), STATUS_OK);
		assert_int_equal(queue_signals(&queue), i == 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_chain, setup),    cmocka_unit_test_setup(test_around, setup),
		cmocka_unit_test_setup(test_put_back, setup), cmocka_unit_test_setup(test_indirect, setup),
		cmocka_unit_test_setup(test_hostile, setup),  cmocka_unit_test_setup(test_nowhere, setup),
		cmocka_unit_test_setup(test_guarded, setup),  cmocka_unit_test_setup(test_starts, setup),
		cmocka_unit_test_setup(test_flags, setup),    cmocka_unit_test_setup(test_event_index, setup),
	};

	return cmocka_run_group_tests_name("virtqueue", tests, NULL, NULL);
}
