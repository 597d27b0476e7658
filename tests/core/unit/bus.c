/* SPDX-License-Identifier: Apache-2.0 */
/* Buses: what overlaps is refused, what is found is what holds the whole access, hints change
 * nothing. */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "space/bus.h"

#include <cmocka.h>

static struct bus bus;

static int setup(void **state)
{
	(void)state;
	memset(&bus, 0, sizeof(bus));
	return 0;
}

static enum access_result nothing(void *context, struct bus_access *access)
{
	(void)context, (void)access;
	return ACCESS_NONE;
}

static enum status add(uint64_t first, uint64_t last)
{
	const struct bus_range range = {.first = first, .last = last, .handler = nothing};

	return bus_add(&bus, &range);
}

static void test_overlap_is_refused(void **state)
{
	(void)state;
	assert_int_equal(add(0x100, 0x1ff), STATUS_OK);
	assert_int_equal(add(0x1ff, 0x200), STATUS_EXISTS);
	assert_int_equal(add(0x80, 0x100), STATUS_EXISTS);
	assert_int_equal(add(0x120, 0x130), STATUS_EXISTS);
	assert_int_equal(add(0x0, 0xfff), STATUS_EXISTS);
	assert_int_equal(add(0x200, 0x200), STATUS_OK);
	assert_int_equal(add(0x300, 0x2ff), STATUS_INVALID);
	assert_int_equal(bus.count, 2);
}

static void test_full_and_sealed(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < BUS_RANGES; i++)
		assert_int_equal(add(i * 16, i * 16 + 7), STATUS_OK);
	assert_int_equal(add(0x10000, 0x10000), STATUS_NO_MEMORY);
	setup(NULL);
	bus_seal(&bus);
	assert_int_equal(add(1, 1), STATUS_DENIED);
}

static void test_edges(void **state)
{
	(void)state;
	assert_int_equal(add(0x3f8, 0x3ff), STATUS_OK);
	assert_int_equal(add(~7ull, ~0ull), STATUS_OK);
	assert_int_equal(add(0, 0), STATUS_OK);
	bus_seal(&bus);
	assert_ptr_equal(bus_find(&bus, 0x3ff, 1), bus_find(&bus, 0x3f8, 8));
	assert_null(bus_find(&bus, 0x3ff, 2)); /* half of it is elsewhere */
	assert_null(bus_find(&bus, 0x3f7, 1));
	assert_null(bus_find(&bus, 0x3f7, 2));
	assert_non_null(bus_find(&bus, 0, 1));
	assert_null(bus_find(&bus, 0, 2));
	assert_non_null(bus_find(&bus, ~0ull, 1));
	assert_null(bus_find(&bus, ~0ull, 2));
}

/* Against a search without an order, with hints good, stale and out of range. */
static void test_random(void **state)
{
	uint32_t hint = 12345;

	(void)state;
	srandom(1);
	while (bus.count < BUS_RANGES) {
		uint64_t first = (uint64_t)random() % 4096;
		enum status s = add(first, first + (uint64_t)random() % 16);

		assert_true(s == STATUS_OK || s == STATUS_EXISTS);
	}
	bus_seal(&bus);
	for (int i = 0; i < 100000; i++) {
		uint64_t address = (uint64_t)random() % 4200;
		uint32_t size = 1u << random() % 4;
		const struct bus_range *wanted = NULL;

		for (uint32_t r = 0; r < bus.count; r++)
			if (address >= bus.ranges[r].first &&
			    address + size - 1 <= bus.ranges[r].last)
				wanted = &bus.ranges[r];
		assert_ptr_equal(bus_find(&bus, address, size), wanted);
		assert_ptr_equal(bus_find_near(&bus, address, size, &hint), wanted);
		if (wanted)
			assert_ptr_equal(&bus.ranges[hint], wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_overlap_is_refused, setup),
		cmocka_unit_test_setup(test_full_and_sealed, setup),
		cmocka_unit_test_setup(test_edges, setup),
		cmocka_unit_test_setup(test_random, setup),
	};

	return cmocka_run_group_tests_name("bus", tests, NULL, NULL);
}
