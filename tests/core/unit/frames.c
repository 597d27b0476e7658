/* SPDX-License-Identifier: Apache-2.0 */
/* The owner of memory: free ranges, the pool, placement of guests' RAM, reserves. */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "mm/frames.h"
#include "lib/bits.h"

#include <cmocka.h>

static struct frames f;

static int setup(void **state)
{
	(void)state;
	memset(&f, 0, sizeof(f));
	return 0;
}

static void good(enum status s)
{
	assert_int_equal(s, STATUS_OK);
}

static void check_order(void)
{
	for (uint32_t i = 0; i < f.free_count; i++) {
		assert_true(f.free[i].size);
		assert_true(is_aligned(f.free[i].base | f.free[i].size, PAGE_SIZE));
		if (i)
			assert_true(f.free[i - 1].base + f.free[i - 1].size <= f.free[i].base);
	}
}

static void test_add_and_exclude(void **state)
{
	(void)state;
	good(frames_add(&f, MIB(16), MIB(16)));
	good(frames_add(&f, MIB(1) + 5, MIB(1))); /* only whole pages count */
	good(frames_add(&f, MIB(32), MIB(16)));	  /* joins the first */
	assert_int_equal(f.free_count, 2);
	assert_int_equal(f.free[0].base, MIB(1) + PAGE_SIZE);
	assert_int_equal(f.free[0].size, MIB(1) - PAGE_SIZE);
	assert_int_equal(f.free[1].size, MIB(32));
	good(frames_add(&f, MIB(20), MIB(1))); /* reported twice */
	assert_int_equal(frames_free_bytes(&f), MIB(33) - PAGE_SIZE);
	good(frames_exclude(&f, MIB(20) + 1, 1)); /* a byte takes its page */
	assert_int_equal(frames_free_bytes(&f), MIB(33) - 2 * PAGE_SIZE);
	good(frames_exclude(&f, 0, GIB(1)));
	assert_int_equal(f.free_count, 0);
	check_order();
}

static void test_too_many_pieces(void **state)
{
	enum status s = STATUS_OK;

	(void)state;
	good(frames_add(&f, 0, GIB(1)));
	for (uint64_t i = 0; !s && i < 2 * FRAMES_RANGES; i++)
		s = frames_exclude(&f, i * MIB(1) + PAGE_SIZE, PAGE_SIZE);
	assert_int_equal(s, STATUS_NO_MEMORY);
	assert_int_equal(f.free_count, FRAMES_RANGES);
	check_order();
}

static void test_pool(void **state)
{
	uint64_t a, b;

	(void)state;
	good(frames_add(&f, GIB(8), GIB(8)));
	good(frames_add(&f, MIB(1), GIB(1)));
	assert_int_equal(frames_make_pool(&f, 0), STATUS_NO_MEMORY);
	good(frames_make_pool(&f, MIB(4)));
	assert_true(f.pool_base < GIB(4)); /* devices and 32-bit code reach it there */
	assert_int_equal(frames_make_pool(&f, MIB(4)), STATUS_EXISTS);
	good(frames_alloc(&f, 1, PAGE_SIZE, &a));
	good(frames_alloc(&f, PAGE_SIZE, PAGE_SIZE_2M, &b));
	assert_true(is_aligned(b, PAGE_SIZE_2M));
	assert_true(b > a);
	assert_int_equal(frames_alloc(&f, MIB(4), PAGE_SIZE, &a), STATUS_NO_MEMORY);
	assert_int_equal(frames_alloc(&f, ~0ull - PAGE_SIZE, PAGE_SIZE, &a), STATUS_NO_MEMORY);
	frames_freeze(&f);
	assert_int_equal(frames_alloc(&f, PAGE_SIZE, PAGE_SIZE, &a), STATUS_DENIED);
	assert_int_equal(frames_place(&f, PAGE_SIZE, FRAMES_ANY_NODE, &a, &b), STATUS_DENIED);
}

static void test_pool_only_high(void **state)
{
	(void)state;
	good(frames_add(&f, GIB(8), GIB(1)));
	good(frames_make_pool(&f, MIB(4)));
	assert_true(f.pool_base >= GIB(8));
}

static void test_placement_is_aligned(void **state)
{
	uint64_t phys, got;

	(void)state;
	good(frames_add(&f, MIB(1), GIB(5)));
	good(frames_place(&f, GIB(2), FRAMES_ANY_NODE, &phys, &got));
	assert_int_equal(got, GIB(2));
	assert_true(is_aligned(phys, PAGE_SIZE_1G));
	good(frames_place(&f, MIB(256), FRAMES_ANY_NODE, &phys, &got));
	assert_true(is_aligned(phys, PAGE_SIZE_2M));
	good(frames_place(&f, PAGE_SIZE, FRAMES_ANY_NODE, &phys, &got));
	assert_int_equal(got, PAGE_SIZE);
	assert_int_equal(frames_place(&f, 100, FRAMES_ANY_NODE, &phys, &got), STATUS_INVALID);
	check_order();
}

/* Memory in pieces: each call gives the largest, none overlap, all of it can be had. */
static void test_placement_in_pieces(void **state)
{
	uint64_t left = MIB(96), phys, got, n = 0;

	(void)state;
	good(frames_add(&f, MIB(2), MIB(32)));
	good(frames_add(&f, MIB(64), MIB(64)));
	while (left) {
		good(frames_place(&f, left, FRAMES_ANY_NODE, &phys, &got));
		assert_true(got && got <= left);
		left -= got;
		n++;
	}
	assert_int_equal(n, 2);
	assert_int_equal(frames_free_bytes(&f), 0);
	assert_int_equal(frames_place(&f, PAGE_SIZE, FRAMES_ANY_NODE, &phys, &got),
			 STATUS_NO_MEMORY);
}

static void test_nodes(void **state)
{
	uint64_t phys, got;

	(void)state;
	good(frames_add(&f, 0, GIB(4)));
	good(frames_set_node(&f, GIB(2), GIB(2), 1));
	good(frames_place(&f, MIB(64), 0, &phys, &got));
	assert_true(phys + got <= GIB(2));
	good(frames_place(&f, MIB(64), 1, &phys, &got));
	assert_true(phys >= GIB(2));
	assert_int_equal(frames_place(&f, MIB(64), 7, &phys, &got), STATUS_NO_MEMORY);
}

static void test_claim(void **state)
{
	(void)state;
	good(frames_add(&f, MIB(16), MIB(16)));
	good(frames_claim(&f, MIB(20), MIB(4)));
	assert_int_equal(frames_claim(&f, MIB(20), PAGE_SIZE), STATUS_DENIED);
	assert_int_equal(frames_claim(&f, MIB(30), MIB(4)), STATUS_DENIED);
	assert_int_equal(frames_claim(&f, ~0ull - PAGE_SIZE + 1, 2 * PAGE_SIZE), STATUS_DENIED);
	assert_int_equal(frames_free_bytes(&f), MIB(12));
}

/* Random exclusions against a map of pages. */
static void test_random(void **state)
{
	static bool model[4096];
	uint64_t sum = 0;

	(void)state;
	srand(7);
	good(frames_add(&f, 0, sizeof(model) * PAGE_SIZE));
	memset(model, 1, sizeof(model));
	for (unsigned int n = 0; n < 60; n++) {
		uint64_t first = (uint64_t)rand() % 4096, count = 1 + (uint64_t)rand() % 64;

		count = min_of(count, 4096 - first);
		good(frames_exclude(&f, first * PAGE_SIZE, count * PAGE_SIZE));
		memset(model + first, 0, count);
		check_order();
	}
	for (unsigned int i = 0; i < 4096; i++)
		sum += model[i] * PAGE_SIZE;
	assert_int_equal(frames_free_bytes(&f), sum);
	for (uint32_t i = 0; i < f.free_count; i++)
		for (uint64_t p = 0; p < f.free[i].size; p += PAGE_SIZE)
			assert_true(model[(f.free[i].base + p) / PAGE_SIZE]);
}

static uint8_t *reserve_memory;
static uint64_t reserve_base;

static void *reserve_virt(uint64_t phys)
{
	return reserve_memory + (phys - reserve_base);
}

static void test_reserve(void **state)
{
	struct frame_reserve r;
	uint64_t phys[8], extra;

	(void)state;
	good(frames_add(&f, MIB(2), MIB(4)));
	good(frames_make_pool(&f, MIB(2)));
	reserve_memory = aligned_alloc(PAGE_SIZE, MIB(2));
	memset(reserve_memory, 0xaa, MIB(2));
	reserve_base = f.pool_base;
	reserve_init(&r, reserve_virt);
	assert_int_equal(reserve_take(&r, &extra), STATUS_NO_MEMORY);
	good(reserve_fill(&r, &f, 8));
	frames_freeze(&f);
	for (unsigned int i = 0; i < 8; i++) {
		const uint8_t *p;

		good(reserve_take(&r, &phys[i]));
		p = reserve_virt(phys[i]);
		assert_true(p[0] == 0 && !memcmp(p, p + 1, PAGE_SIZE - 1));
		for (unsigned int k = 0; k < i; k++)
			assert_int_not_equal(phys[i], phys[k]);
		memset(reserve_virt(phys[i]), 0xbb, PAGE_SIZE);
	}
	assert_int_equal(reserve_take(&r, &extra), STATUS_NO_MEMORY);
	assert_int_equal(r.lowest, 0);
	reserve_give(&r, phys[3]);
	good(reserve_take(&r, &extra));
	assert_int_equal(extra, phys[3]);
	assert_int_equal(r.total, 8);
	free(reserve_memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_add_and_exclude, setup),
		cmocka_unit_test_setup(test_too_many_pieces, setup),
		cmocka_unit_test_setup(test_pool, setup),
		cmocka_unit_test_setup(test_pool_only_high, setup),
		cmocka_unit_test_setup(test_placement_is_aligned, setup),
		cmocka_unit_test_setup(test_placement_in_pieces, setup),
		cmocka_unit_test_setup(test_nodes, setup),
		cmocka_unit_test_setup(test_claim, setup),
		cmocka_unit_test_setup(test_random, setup),
		cmocka_unit_test_setup(test_reserve, setup),
	};

	return cmocka_run_group_tests_name("frames", tests, NULL, NULL);
}
