/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware's memory map and what is made of it: order, overlaps, the start page. */
#include <setjmp.h>
#include <string.h>

#include "platform/memory_map.h"
#include "lib/bits.h"

#include <cmocka.h>

#include "shim/quiet_log.h"

static struct memory_map map;
static struct frames f;

static int setup(void **state)
{
	(void)state;
	memset(&map, 0, sizeof(map));
	memset(&f, 0, sizeof(f));
	return 0;
}

/* QEMU q35 with 128 MiB, out of order. */
static void add_q35(void)
{
	memory_map_add(&map, 0x100000, 0x7edf000, MAP_RAM);
	memory_map_add(&map, 0, 0x9fc00, MAP_RAM);
	memory_map_add(&map, 0x9fc00, 0x400, MAP_RESERVED);
	memory_map_add(&map, 0x7fdf000, 0x21000, MAP_RESERVED);
	memory_map_add(&map, 0xf0000, 0x10000, MAP_RESERVED);
	memory_map_sort(&map);
}

static void test_order(void **state)
{
	(void)state;
	add_q35();
	for (uint32_t i = 1; i < map.count; i++)
		assert_true(map.entries[i - 1].base <= map.entries[i].base);
	assert_int_equal(memory_map_ram(&map), 0x9fc00 + 0x7edf000);
	quiet_log_lines = 0;
	memory_map_log(&map);
	assert_int_equal(quiet_log_lines, map.count);
}

static void test_bad_entries(void **state)
{
	(void)state;
	memory_map_add(&map, 0x1000, 0, MAP_RAM);
	memory_map_add(&map, ~0ull - 0xfff, 0x2000, MAP_RAM);
	assert_int_equal(map.count, 0);
	for (uint32_t i = 0; i < MEMORY_MAP_ENTRIES + 3; i++)
		memory_map_add(&map, i * MIB(1), MIB(1), MAP_RAM);
	assert_int_equal(map.count, MEMORY_MAP_ENTRIES);
	assert_int_equal(map.lost, 3);
}

static void test_is_ram(void **state)
{
	(void)state;
	add_q35();
	assert_true(memory_map_is_ram(&map, 0x1000, 0x1000));
	assert_true(memory_map_is_ram(&map, 0x100000, 0x7edf000));
	assert_false(memory_map_is_ram(&map, 0x9f000, 0x1000)); /* its end is reserved */
	assert_false(memory_map_is_ram(&map, 0x100000, 0x7edf001));
	assert_false(memory_map_is_ram(&map, GIB(1), 0x1000));
}

/* Where entries overlap, RAM loses, in whole pages. */
static void test_overlap(void **state)
{
	(void)state;
	memory_map_add(&map, MIB(1), MIB(10), MAP_RAM);
	memory_map_add(&map, MIB(8), MIB(10), MAP_RAM);
	memory_map_add(&map, MIB(4) + 10, 20, MAP_NVS);
	assert_int_equal(memory_map_give(&map, &f), STATUS_OK);
	assert_int_equal(frames_free_bytes(&f), MIB(17) - PAGE_SIZE);
	assert_int_equal(f.free[0].base + f.free[0].size, MIB(4));
}

static void test_start_page(void **state)
{
	uint64_t page;

	(void)state;
	assert_int_equal(memory_map_start_page(&map, &page), STATUS_NOT_FOUND);
	add_q35();
	assert_int_equal(memory_map_start_page(&map, &page), STATUS_OK);
	assert_int_equal(page, 0x9e000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_order, setup),
		cmocka_unit_test_setup(test_bad_entries, setup),
		cmocka_unit_test_setup(test_is_ram, setup),
		cmocka_unit_test_setup(test_overlap, setup),
		cmocka_unit_test_setup(test_start_page, setup),
	};

	return cmocka_run_group_tests_name("memory_map", tests, NULL, NULL);
}
