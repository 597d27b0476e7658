/* SPDX-License-Identifier: Apache-2.0 */
/* Guest physical memory: copies across pieces, all or nothing, and the write guard before every
 * write. */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "shim/guest_ram.h"
#include "space/dma.h"

#include <cmocka.h>

static int setup(void **state)
{
	(void)state;
	guest_ram_reset();
	return 0;
}

static void test_across_pieces(void **state)
{
	uint8_t out[64], in[64];

	(void)state;
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i + 1);
	assert_int_equal(memory_write(&guest_ram, RAM_SPLIT - 20, out, sizeof(out)), STATUS_OK);
	assert_memory_equal(guest_ram_low + RAM_SPLIT - 20, out, 20);
	assert_memory_equal(guest_ram_high, out + 20, 44);
	assert_int_equal(memory_read(&guest_ram, RAM_SPLIT - 20, in, sizeof(in)), STATUS_OK);
	assert_memory_equal(in, out, sizeof(in));
}

/* Each row is refused with nothing copied; the buffer and the memory stay as they were. */
static void test_all_or_nothing(void **state)
{
	static const struct {
		uint64_t gpa, size;
		bool readable;
	} rows[] = {
		{RAM_SIZE - 8, 16, false},   {RAM_SIZE, 1, false}, {HOLE_BASE, 1, false},
		{ROM_BASE + 4090, 8, false}, {ROM_BASE, 8, true},  {~0ull, 2, false},
		{~0ull - 3, 8, false},       {0x300000, 1, false},
	};
	uint8_t buffer[16], pattern[16];

	(void)state;
	memset(pattern, 0xa5, sizeof(pattern));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(buffer, 0xa5, sizeof(buffer));
		assert_int_equal(memory_write(&guest_ram, rows[i].gpa, buffer, rows[i].size),
				 STATUS_FAULT);
		if (rows[i].readable)
			continue;
		assert_int_equal(memory_read(&guest_ram, rows[i].gpa, buffer, rows[i].size),
				 STATUS_FAULT);
		assert_memory_equal(buffer, pattern, sizeof(buffer));
	}
	for (size_t i = 0; i < sizeof(guest_ram_high); i++)
		assert_int_equal(guest_ram_high[i], 0);
	assert_int_equal(guest_rom[0], 0);
}

static void test_guard(void **state)
{
	/* Closed: 0x1000 to 0x107f, and 0x2080 to 0x217f. */
	static const struct hv_guard closed[] = {
		{.gpa = 0x1000, .size = 0x1000, .writable = ~1u},
		{.gpa = 0x2000, .size = 0x1000, .writable = ~6u},
	};
	const struct guest_write {
		uint64_t gpa, size;
		enum status status;
	} rows[] = {
		{0xff8, 8, STATUS_OK},  {0xff9, 8, STATUS_FAULT},    {0x107f, 1, STATUS_FAULT},
		{0x1080, 8, STATUS_OK}, {0x2000, 0x80, STATUS_OK},   {0x2000, 0x81, STATUS_FAULT},
		{0x2180, 1, STATUS_OK}, {0x0, 0x4000, STATUS_FAULT},
	};
	static uint8_t zero[0x4000];
	uint32_t found;

	(void)state;
	guard_init(&guest_ram.guard, closed, 2);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(memory_write(&guest_ram, rows[i].gpa, zero, rows[i].size),
				 rows[i].status);
	assert_int_equal(memory_compare_exchange32(&guest_ram, 0x1000, 0, 1, &found), STATUS_FAULT);
	assert_int_equal(memory_compare_exchange32(&guest_ram, 0x1080, 0, 1, &found), STATUS_OK);
	/* The core's own loads are not the guest's writes. */
	assert_int_equal(memory_load(&guest_ram, 0x1000, zero, 64), STATUS_OK);
}

/* Locks of random ranges, beside a guard, against one byte a sub-page: all or nothing, never fewer than before, no more pages than
 * declared; writes are refused where a closed sub-page is touched. */
#define LOCKABLE 11u
#define PARTS	 (RAM_SIZE / GUARD_GRANULE)
static uint8_t closed_part[PARTS];
static uint32_t locked_pages;

static bool touches_closed(uint64_t first, uint64_t last)
{
	bool any = false;

	for (uint64_t i = first / GUARD_GRANULE; i <= last / GUARD_GRANULE; i++)
		any |= closed_part[i];
	return any;
}

static void lock_some(bool page_locked[RAM_SIZE / PAGE_SIZE])
{
	uint64_t first = (uint64_t)random() % PARTS, parts = 1 + (uint64_t)random() % (random() % 4 ? 40 : 400);
	uint32_t fresh = 0;
	bool changed, expected = false;

	parts = parts < PARTS - first ? parts : PARTS - first;
	for (uint64_t p = first / 32; p <= (first + parts - 1) / 32; p++)
		fresh += !page_locked[p];
	for (uint64_t i = first; i < first + parts; i++) /* a guarded page is one like others to the store */
		expected |= !page_locked[i / 32] || !(closed_part[i] & 2);
	if (locked_pages + fresh > LOCKABLE) {
		assert_int_equal(guard_lock(&guest_ram.guard, first * GUARD_GRANULE, parts * GUARD_GRANULE, &changed),
				 STATUS_NO_MEMORY);
		assert_false(changed);
		return;
	}
	assert_int_equal(guard_lock(&guest_ram.guard, first * GUARD_GRANULE, parts * GUARD_GRANULE, &changed), STATUS_OK);
	assert_int_equal(changed, expected);
	locked_pages += fresh;
	for (uint64_t i = first; i < first + parts; i++) {
		closed_part[i] |= 2;
		page_locked[i / 32] = true;
	}
}

static void test_locks(void **state)
{
	static const struct hv_guard guards[] = {
		{.gpa = 0x3000, .size = 0x2000, .writable = 0xffff00ff},
		{.gpa = HV_GUARD_ANYWHERE, .size = LOCKABLE * PAGE_SIZE},
	};
	static uint8_t bytes[3 * PAGE_SIZE];
	bool changed;

	(void)state;
	guard_init(&guest_ram.guard, guards, 2);
	guest_ram.guard.locks = calloc(1, guard_lock_bytes(&guest_ram.guard));
	assert_int_equal(guest_ram.guard.count, 1);
	for (int round = 0; round < 200; round++) {
		bool page_locked[RAM_SIZE / PAGE_SIZE] = {false};

		memset(closed_part, 0, sizeof(closed_part));
		for (uint32_t i = 0; i < 64; i++)
			closed_part[0x3000 / GUARD_GRANULE + i] = !(guards[0].writable >> i % 32 & 1);
		locked_pages = 0;
		for (int i = 0; i < 60; i++) {
			uint64_t size = 1 + (uint64_t)random() % (i % 3 ? 300 : sizeof(bytes));
			uint64_t gpa = (uint64_t)random() % (RAM_SIZE - size);
			const struct hv_guard *guard = guard_refuses(&guest_ram.guard, gpa, size);

			assert_int_equal(guard != NULL, touches_closed(gpa, gpa + size - 1));
			assert_int_equal(memory_write(&guest_ram, gpa, bytes, size), guard ? STATUS_FAULT : STATUS_OK);
			assert_int_equal(guard_of_page(&guest_ram.guard, gpa) != NULL,
					 page_locked[gpa / PAGE_SIZE] || gpa - 0x3000 < 0x2000);
			lock_some(page_locked);
		}
		guard_unlock_all(&guest_ram.guard);
	}
	assert_int_equal(guard_lock(&guest_ram.guard, 0, 1ull << 52, &changed), STATUS_NO_MEMORY);
	free(guest_ram.guard.locks);
}

static void test_exchange(void **state)
{
	uint64_t value, pair[2] = {0, 0};

	(void)state;
	for (uint32_t size = 1; size <= 8; size *= 2) {
		uint64_t mask = size == 8 ? ~0ull : (1ull << 8 * size) - 1;

		*(uint64_t *)guest_ram_at(0x100) = 0x1122334455667788ull;
		value = 1;
		assert_int_equal(memory_compare_exchange(&guest_ram, 0x100, size, &value, 2),
				 STATUS_OK);
		assert_int_equal(value, 0x1122334455667788ull & mask);
		assert_int_equal(memory_compare_exchange(&guest_ram, 0x100, size, &value, 2),
				 STATUS_OK);
		assert_int_equal(*(uint64_t *)guest_ram_at(0x100),
				 (0x1122334455667788ull & ~mask) | 2);
	}
	*(uint64_t *)guest_ram_at(0x100) = 0x1122334455667788ull;
	value = 0x33445566;
	assert_int_equal(memory_compare_exchange(&guest_ram, 0x102, 4, &value, 2), STATUS_OK);
	assert_int_equal(value, 0x33445566);
	assert_int_equal(*(uint64_t *)guest_ram_at(0x100), 0x1122000000027788ull);
	assert_int_equal(memory_compare_exchange(&guest_ram, 0xffe, 4, &value, 2), STATUS_INVALID);
	assert_int_equal(memory_compare_exchange(&guest_ram, 0x100, 16, &value, 2), STATUS_INVALID);
	*(uint64_t *)guest_ram_at(0x110) = 1;
	*(uint64_t *)guest_ram_at(0x118) = 2;
	assert_int_equal(memory_compare_exchange_16(&guest_ram, 0x110, (uint64_t[2]){1, 2}, (uint64_t[2]){3, 4}), STATUS_OK);
	assert_int_equal(*(uint64_t *)guest_ram_at(0x118), 4);
	pair[0] = 3;
	assert_int_equal(memory_compare_exchange_16(&guest_ram, 0x110, pair, (uint64_t[2]){5, 6}), STATUS_OK);
	assert_int_equal(pair[1], 4);
	assert_int_equal(*(uint64_t *)guest_ram_at(0x110), 3);
	assert_int_equal(memory_compare_exchange_16(&guest_ram, 0x118, pair, pair), STATUS_INVALID);
	assert_int_equal(memory_compare_exchange_16(&guest_ram, ROM_BASE, pair, pair), STATUS_FAULT);
	assert_int_equal(memory_compare_exchange(&guest_ram, ROM_BASE, 4, &value, 2), STATUS_FAULT);
	assert_int_equal(memory_compare_exchange(&guest_ram, HOLE_BASE, 4, &value, 2),
			 STATUS_FAULT);
}

static void test_load_and_clear(void **state)
{
	(void)state;
	assert_int_equal(memory_load(&guest_ram, ROM_BASE, "rom", 4), STATUS_OK);
	assert_int_equal(memory_load(&guest_ram, RAM_SPLIT - 2, "across", 7), STATUS_OK);
	assert_memory_equal(guest_ram_high, "ross", 5);
	assert_int_equal(memory_load(&guest_ram, RAM_SPLIT, NULL, 2), STATUS_OK);
	assert_memory_equal(guest_ram_high, "\0\0ss", 5);
	memory_clear(&guest_ram);
	assert_int_equal(guest_ram_low[RAM_SPLIT - 1], 0);
	assert_int_equal(guest_ram_high[2], 0);
	assert_string_equal((char *)guest_rom,
			    "rom"); /* what the guest cannot write need not be cleared */
}

/* ---- DMA */

static enum status swap_pages(void *context, uint64_t address, bool write, uint64_t *gpa,
			      uint64_t *size)
{
	uint64_t left = 4096 - address % 4096;

	(void)context;
	if (address >= 0x4000 || (write && address >= 0x3000))
		return STATUS_FAULT;
	*gpa = address ^ 0x1000;
	*size = *size < left ? *size : left;
	return STATUS_OK;
}

static void test_dma(void **state)
{
	struct dma_space space = {.memory = &guest_ram};
	char buffer[8] = "";

	(void)state;
	assert_int_equal(dma_write(&space, 0xffc, "abcdefg", 8), STATUS_OK);
	assert_string_equal(guest_ram_at(0xffc), "abcdefg");
	space.translate = swap_pages;
	assert_int_equal(dma_read(&space, 0x1ffc, buffer, 4), STATUS_OK);
	assert_memory_equal(buffer, "abcd", 4);
	assert_int_equal(dma_write(&space, 0x2ffe, "xy", 2), STATUS_OK);
	assert_int_equal(dma_write(&space, 0x2ffe, "xyz", 3), STATUS_FAULT);
	assert_memory_equal(guest_ram_at(0x3ffe), "xy", 2);
	assert_int_equal(dma_read(&space, 0x3ffe, buffer, 3), STATUS_FAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_across_pieces, setup),
		cmocka_unit_test_setup(test_all_or_nothing, setup),
		cmocka_unit_test_setup(test_guard, setup),
		cmocka_unit_test_setup(test_locks, setup),
		cmocka_unit_test_setup(test_exchange, setup),
		cmocka_unit_test_setup(test_load_and_clear, setup),
		cmocka_unit_test_setup(test_dma, setup),
	};

	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
