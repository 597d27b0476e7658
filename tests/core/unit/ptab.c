/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page-table engine against a plain model: an array that says for each 4 KiB page of a small
 * window where it leads and with which rights. Thousands of random maps, unmaps and protects must
 * keep both equal, in both formats and at 4 and 5 levels.
 */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "mm/ptab.h"
#include "x86/cr.h"
#include "x86/msr.h"

#include <cmocka.h>

#define ARENA_FRAMES 512
#define WINDOW_PAGES 2048 /* 8 MiB: four large pages */
#define WINDOW_BASE  0x7ffffc00000ull /* crosses entries of levels 2, 3 and 4 */

struct arena {
	uint8_t *memory;
	bool used[ARENA_FRAMES];
	unsigned int count, limit;
};

static struct arena arena;

static enum status arena_alloc(void *context, uint64_t *phys)
{
	struct arena *a = context;

	if (a->count >= a->limit)
		return STATUS_NO_MEMORY;
	for (unsigned int i = 0; i < ARENA_FRAMES; i++) {
		if (a->used[i])
			continue;
		a->used[i] = true;
		a->count++;
		memset(a->memory + i * PAGE_SIZE, 0, PAGE_SIZE);
		*phys = GIB(1) + i * PAGE_SIZE;
		return STATUS_OK;
	}
	return STATUS_NO_MEMORY;
}

static void arena_release(void *context, uint64_t phys)
{
	struct arena *a = context;
	uint64_t i = (phys - GIB(1)) / PAGE_SIZE;

	assert_true(i < ARENA_FRAMES && a->used[i]);
	a->used[i] = false;
	a->count--;
}

static void *arena_to_virt(uint64_t phys)
{
	uint64_t offset = phys - GIB(1);

	assert_true(offset < ARENA_FRAMES * PAGE_SIZE);
	return arena.memory + offset;
}

static const struct ptab_effects effects = {arena_alloc, arena_release, arena_to_virt};

static int setup(void **state)
{
	(void)state;
	memset(&arena, 0, sizeof(arena));
	arena.memory = aligned_alloc(PAGE_SIZE, ARENA_FRAMES * PAGE_SIZE);
	arena.limit = ARENA_FRAMES;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(arena.memory);
	return 0;
}

struct model {
	uint64_t phys[WINDOW_PAGES]; /* ~0: absent */
	uint8_t rights[WINDOW_PAGES];
};

static void check_equal(const struct ptab *t, const struct model *m)
{
	for (unsigned int i = 0; i < WINDOW_PAGES; i++) {
		struct ptab_mapping got;
		bool mapped = ptab_translate(t, WINDOW_BASE + i * PAGE_SIZE + 0x123, &got);

		assert_int_equal(mapped, m->phys[i] != ~0ull);
		if (!mapped)
			continue;
		assert_int_equal(got.phys, m->phys[i] + 0x123);
		assert_int_equal(got.attributes.rights, m->rights[i]);
		assert_int_equal(got.attributes.type, MEMORY_TYPE_WB);
	}
}

static bool window_free(const struct model *m, unsigned int first, unsigned int n)
{
	for (unsigned int i = first; i < first + n; i++)
		if (m->phys[i] != ~0ull)
			return false;
	return true;
}

/* Prefers ends at large-page boundaries, where the interesting cases are. */
static void pick_range(unsigned int *first, unsigned int *n)
{
	*first = (unsigned int)rand() % WINDOW_PAGES;
	if (rand() % 2)
		*first &= ~511u;
	*n = 1 + (unsigned int)rand() % (WINDOW_PAGES - *first);
	if (rand() % 2 && *n > 512)
		*n &= ~511u;
}

static void step(struct ptab *t, struct model *m)
{
	static const uint8_t choices[] = {PTAB_READ, PTAB_RW, PTAB_RWX, PTAB_READ | PTAB_EXECUTE};
	uint8_t rights = choices[rand() % 4];
	struct ptab_attributes a = {rights, MEMORY_TYPE_WB};
	/* Sometimes the physical side is out of step with the virtual one: no large pages then. */
	uint64_t delta = rand() % 3 ? GIB(64) : GIB(64) + PAGE_SIZE;
	unsigned int first, n;
	uint64_t virt;
	int what = rand() % 3;

	pick_range(&first, &n);
	virt = WINDOW_BASE + first * PAGE_SIZE;
	if (what == 0) {
		if (!window_free(m, first, n))
			return;
		assert_int_equal(ptab_map(t, virt, virt + delta, n * PAGE_SIZE, a), STATUS_OK);
	} else if (what == 1) {
		assert_int_equal(ptab_unmap(t, virt, n * PAGE_SIZE), STATUS_OK);
	} else {
		assert_int_equal(ptab_protect(t, virt, n * PAGE_SIZE, a), STATUS_OK);
	}
	for (unsigned int i = first; i < first + n; i++) {
		if (what == 0)
			m->phys[i] = WINDOW_BASE + i * PAGE_SIZE + delta;
		else if (what == 1)
			m->phys[i] = ~0ull;
		if (what != 1)
			m->rights[i] = rights;
	}
}

static void run_random(const struct ptab_format *format, unsigned int levels, unsigned int largest)
{
	static struct model m;
	struct ptab t;

	memset(m.phys, 0xff, sizeof(m.phys));
	srand(levels * 10 + largest);
	assert_int_equal(ptab_init(&t, format, &effects, &arena, levels, largest), STATUS_OK);
	for (unsigned int i = 0; i < 1500; i++) {
		step(&t, &m);
		if (i % 10 == 0)
			check_equal(&t, &m);
	}
	if (levels == 4) {
		struct ptab_mapping found;

		ptab_clear(&t);
		assert_int_equal(arena.count, 1);
		assert_false(ptab_translate(&t, 0x1000, &found));
		assert_int_equal(ptab_map(&t, 0x1000, 0x5000, PAGE_SIZE, (struct ptab_attributes){PTAB_RW, MEMORY_TYPE_WB}),
				 STATUS_OK);
	}
	ptab_destroy(&t);
	assert_int_equal(arena.count, 0);
}

static void test_random_host(void **state)
{
	(void)state;
	run_random(&ptab_host_format, 4, 3);
	run_random(&ptab_host_format, 4, 1);
}

static void test_random_npt(void **state)
{
	(void)state;
	run_random(&ptab_npt_format, 4, 2);
	run_random(&ptab_npt_format, 5, 3);
}

static void test_random_ept(void **state)
{
	(void)state;
	run_random(&ptab_ept_format, 4, 3);
	run_random(&ptab_ept_format, 5, 2);
}

static void test_largest_pages(void **state)
{
	struct ptab_attributes a = {PTAB_RWX, MEMORY_TYPE_WB};
	struct ptab_mapping m;
	struct ptab t;
	unsigned int level;

	(void)state;
	assert_int_equal(ptab_init(&t, &ptab_npt_format, &effects, &arena, 4, 3), STATUS_OK);
	/* From 4 KiB below 1 GiB to 2 GiB and 2 MiB and 4 KiB: a page of each size but at the
	 * ends. */
	assert_int_equal(ptab_map(&t, GIB(1) - PAGE_SIZE, GIB(5) - PAGE_SIZE,
				  GIB(1) + PAGE_SIZE_2M + 2 * PAGE_SIZE, a), STATUS_OK);
	assert_true(ptab_translate(&t, GIB(1) - 1, &m));
	assert_int_equal(m.page_size, PAGE_SIZE);
	assert_true(ptab_translate(&t, GIB(1) + 12345, &m));
	assert_int_equal(m.page_size, PAGE_SIZE_1G);
	assert_int_equal(m.phys, GIB(5) + 12345);
	assert_true(ptab_translate(&t, GIB(2) + 5, &m));
	assert_int_equal(m.page_size, PAGE_SIZE_2M);
	assert_true(ptab_translate(&t, GIB(2) + PAGE_SIZE_2M, &m));
	assert_int_equal(m.page_size, PAGE_SIZE);
	assert_false(ptab_translate(&t, GIB(2) + PAGE_SIZE_2M + PAGE_SIZE, &m));
	ptab_entry(&t, GIB(1), &level);
	assert_int_equal(level, 3);
	/* One page out of the middle of 1 GiB: two tables, the neighbours stay. */
	assert_int_equal(ptab_unmap(&t, GIB(1) + MIB(4), PAGE_SIZE), STATUS_OK);
	assert_false(ptab_translate(&t, GIB(1) + MIB(4), &m));
	assert_true(ptab_translate(&t, GIB(1) + MIB(4) + PAGE_SIZE, &m));
	assert_int_equal(m.page_size, PAGE_SIZE);
	assert_int_equal(m.phys, GIB(5) + MIB(4) + PAGE_SIZE);
	assert_true(ptab_translate(&t, GIB(1) + MIB(6), &m));
	assert_int_equal(m.page_size, PAGE_SIZE_2M);
	ptab_destroy(&t);
}

/* APM v2 15.25.5: U=1 everywhere; the entry bits themselves. */
static void test_npt_bits(void **state)
{
	struct ptab t;
	unsigned int level;
	uint64_t *root;

	(void)state;
	assert_int_equal(ptab_init(&t, &ptab_npt_format, &effects, &arena, 4, 3), STATUS_OK);
	assert_int_equal(ptab_map(&t, 0x1000, 0x5000, PAGE_SIZE,
				  (struct ptab_attributes){PTAB_READ, MEMORY_TYPE_UC}), STATUS_OK);
	root = arena_to_virt(t.root);
	assert_int_equal(root[0] & 0xfff, 0x27); /* present, write, user, accessed */
	assert_int_equal(*ptab_entry(&t, 0x1000, &level), 0x5000 | PTE_PRESENT | PTE_USER |
								  PTE_ACCESSED | PTE_NX | PTE_PCD |
								  PTE_PWT);
	assert_int_equal(level, 1);
	ptab_destroy(&t);
}

/* SDM v3 29.3.2: rights in bits 2:0, the memory type in the leaf, accessed and dirty in 8 and 9. */
static void test_ept_bits(void **state)
{
	static const struct {
		uint8_t rights, type;
		uint64_t low;
	} rows[] = {
		{PTAB_READ, MEMORY_TYPE_UC, 0x101},
		{PTAB_RW, MEMORY_TYPE_UC_MINUS, 0x303},
		{PTAB_RWX, MEMORY_TYPE_WB, 0x337},
		{PTAB_RW, MEMORY_TYPE_WC, 0x30b},
		{PTAB_READ | PTAB_EXECUTE, MEMORY_TYPE_WT, 0x125},
	};
	struct ptab t;
	unsigned int level;
	uint64_t *root;

	(void)state;
	assert_int_equal(ptab_init(&t, &ptab_ept_format, &effects, &arena, 4, 3), STATUS_OK);
	for (uint32_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct ptab_attributes a = {rows[i].rights, rows[i].type};
		uint64_t at = i * PAGE_SIZE;

		assert_int_equal(ptab_map(&t, at, 0x50000 + at, PAGE_SIZE, a), STATUS_OK);
		assert_int_equal(*ptab_entry(&t, at, &level), (0x50000 + at) | rows[i].low);
		assert_int_equal(level, 1);
	}
	root = arena_to_virt(t.root);
	assert_int_equal(root[0] & 0xfff, 0x107);
	assert_int_equal(ptab_map(&t, GIB(1), GIB(3), GIB(1),
				  (struct ptab_attributes){PTAB_RWX, MEMORY_TYPE_WB}), STATUS_OK);
	assert_int_equal(*ptab_entry(&t, GIB(1), &level), GIB(3) | 0x3b7);
	assert_int_equal(level, 3);
	ptab_destroy(&t);
}

/* A second root that differs in one page, wherever that lies; it follows what changes when it is made again. */
static void test_view(void **state)
{
	static const uint64_t pages[] = {WINDOW_BASE, WINDOW_BASE + 5 * PAGE_SIZE, WINDOW_BASE + MIB(6), 0xfee00000};
	const struct ptab_attributes rwx = {PTAB_RWX, MEMORY_TYPE_WB};
	const uint64_t leaf = ptab_ept_format.make_leaf(GIB(9), 1, rwx);
	uint64_t phys[4];
	struct ptab t, view;

	(void)state;
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(arena_alloc(&arena, &phys[i]), STATUS_OK);
	assert_int_equal(phys[3] - phys[0], 3 * PAGE_SIZE);
	assert_int_equal(ptab_init(&t, &ptab_ept_format, &effects, &arena, 4, 2), STATUS_OK);
	view = t;
	view.root = phys[3];
	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++) {
		struct ptab_mapping ours, its;

		for (unsigned int round = 0; round < 2; round++) {
			ptab_make_view(&t, arena_to_virt(phys[0]), phys[0], pages[i], leaf);
			for (uint64_t at = WINDOW_BASE; at < WINDOW_BASE + MIB(8); at += PAGE_SIZE) {
				bool is = ptab_translate(&view, at, &ours);

				if (at == pages[i])
					continue;
				assert_int_equal(is, ptab_translate(&t, at, &its));
				assert_true(!is || ours.phys == its.phys);
			}
			assert_true(ptab_translate(&view, pages[i], &ours));
			assert_int_equal(ours.phys, GIB(9));
			assert_true(i < 3 || !ptab_translate(&t, pages[i], &its));
			if (i == 0 && round == 0) {
				assert_int_equal(ptab_map(&t, WINDOW_BASE + 3 * PAGE_SIZE, GIB(2), MIB(1), rwx), STATUS_OK);
				assert_int_equal(ptab_map(&t, WINDOW_BASE + MIB(4), GIB(3), MIB(2), rwx), STATUS_OK);
			}
		}
	}
}

static void test_refusals(void **state)
{
	struct ptab_attributes a = {PTAB_RW, MEMORY_TYPE_WB};
	struct ptab_mapping m;
	struct ptab t;

	(void)state;
	assert_int_equal(ptab_init(&t, &ptab_host_format, &effects, &arena, 6, 1), STATUS_INVALID);
	assert_int_equal(ptab_init(&t, &ptab_host_format, &effects, &arena, 4, 2), STATUS_OK);
	assert_int_equal(ptab_map(&t, 0x1001, 0, PAGE_SIZE, a), STATUS_INVALID);
	assert_int_equal(ptab_map(&t, 0, 0x10, PAGE_SIZE, a), STATUS_INVALID);
	assert_int_equal(ptab_map(&t, BIT(48) - PAGE_SIZE, 0, 2 * PAGE_SIZE, a), STATUS_INVALID);
	assert_int_equal(ptab_map(&t, 0, 0, 4 * PAGE_SIZE, a), STATUS_OK);
	assert_int_equal(ptab_map(&t, 3 * PAGE_SIZE, 0, PAGE_SIZE, a), STATUS_EXISTS);
	/* A high canonical address is its low 48 bits. */
	assert_int_equal(ptab_map(&t, 0xffffffff80000000ull, MIB(2), MIB(2), a), STATUS_OK);
	assert_true(ptab_translate(&t, 0xffffffff80000fffull, &m));
	assert_int_equal(m.phys, MIB(2) + 0xfff);
	ptab_destroy(&t);
}

/* Running out of frames at any point is an error, and loses nothing that was there. */
static void test_exhaustion(void **state)
{
	struct ptab_attributes a = {PTAB_RW, MEMORY_TYPE_WB};

	(void)state;
	for (unsigned int limit = 1; limit < 8; limit++) {
		struct ptab_mapping m;
		struct ptab t;
		enum status s;

		arena.limit = limit;
		assert_int_equal(ptab_init(&t, &ptab_host_format, &effects, &arena, 4, 3),
				 STATUS_OK);
		s = ptab_map(&t, 0, 0, PAGE_SIZE_1G, a);
		if (!s)
			s = ptab_unmap(&t, 0x5000, PAGE_SIZE);
		assert_int_equal(s, limit < 4 ? STATUS_NO_MEMORY : STATUS_OK);
		if (limit >= 2) {
			assert_true(ptab_translate(&t, MIB(512), &m));
			assert_int_equal(m.phys, MIB(512));
		}
		ptab_destroy(&t);
		assert_int_equal(arena.count, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_random_host, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random_npt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random_ept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_largest_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_npt_bits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ept_bits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_view, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_exhaustion, setup, teardown),
	};

	return cmocka_run_group_tests_name("ptab", tests, NULL, NULL);
}
