/* SPDX-License-Identifier: Apache-2.0 */
/* Both boot protocols from bytes: a good hand-off each, then cut, looping and noisy ones within
 * exact bounds. */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "boot/handoff.h"
#include "lib/bits.h"

#include <cmocka.h>

#include "shim/quiet_log.h"

#define BASE 0x10000u

static uint8_t *memory;
static uint64_t memory_size;
static struct handoff h;

/* Of handoff.c: physical memory is the block at BASE. */
const void *handoff_view(uint64_t phys, uint64_t size)
{
	return phys >= BASE && range_fits(phys - BASE, size, memory_size) ? memory + (phys - BASE)
									  : NULL;
}

void handoff_copy_string(uint64_t phys, char *to, size_t size)
{
	size_t n = 0;

	for (; n + 1 < size; n++) {
		const char *c = handoff_view(phys + n, 1);

		if (!c || !*c)
			break;
		to[n] = *c;
	}
	to[n] = 0;
}

static int setup(void **state)
{
	(void)state;
	memory_size = 4096;
	memory = calloc(1, memory_size);
	memset(&h, 0, sizeof(h));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(memory);
	return 0;
}

static void put(uint64_t at, uint64_t v, unsigned int n)
{
	memcpy(memory + at, &v, n);
}

static void make_pvh(void)
{
	put(0, PVH_START_MAGIC, 4);
	put(4, 1, 4);
	put(0x18, BASE + 0x800, 8);
	put(0x20, BASE + 0x900, 8);
	put(0x28, BASE + 0x100, 8);
	put(0x30, 2, 4);
	put(0x100, 0, 8);
	put(0x108, 0x9fc00, 8);
	put(0x110, MAP_RAM, 4);
	put(0x118, 0x100000, 8);
	put(0x120, 0x7f00000, 8);
	put(0x128, MAP_RAM, 4);
	memcpy(memory + 0x800, "loglevel=3", 11);
	memcpy(memory + 0x900, "RSD PTR ", 8);
}

static void test_pvh(void **state)
{
	(void)state;
	make_pvh();
	assert_int_equal(pvh_read(BASE, &h), STATUS_OK);
	assert_int_equal(h.map.count, 2);
	assert_int_equal(h.map.entries[1].size, 0x7f00000);
	assert_string_equal(h.command_line, "loglevel=3");
	assert_int_equal(h.rsdp_size, 36);
	assert_memory_equal(h.rsdp, "RSD PTR ", 8);
}

static void test_pvh_refusals(void **state)
{
	static const struct {
		uint64_t at, value;
		unsigned int size;
	} changes[] = {
		{0, 1, 4},        {4, 0, 4},    {0x28, 0, 8},
		{0x28, ~0ull, 8}, {0x30, 0, 4}, {0x30, 0xffffffff, 4},
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(changes); i++) {
		make_pvh();
		put(changes[i].at, changes[i].value, changes[i].size);
		assert_int_equal(pvh_read(BASE, &h), STATUS_CORRUPT);
	}
	assert_int_equal(pvh_read(BASE + 4096 - 8, &h), STATUS_CORRUPT);
}

static uint64_t put_tag(uint64_t at, uint32_t type, const void *body, uint32_t size)
{
	put(at, type, 4);
	put(at + 4, size + 8, 4);
	memcpy(memory + at + 8, body, size);
	return align_up(at + 8 + size, 8);
}

static uint64_t make_multiboot2(void)
{
	const uint8_t rsdp_old[20] = "RSD PTR old", rsdp_new[36] = "RSD PTR new";
	struct {
		uint32_t entry_size, version;
		uint64_t base, size;
		uint32_t type, reserved;
	} map = {24, 0, 0x100000, 0x700000, MAP_RAM, 0};
	uint64_t at = 8;

	at = put_tag(at, 1, "quiet splash", 13);
	at = put_tag(at, 15, rsdp_new, sizeof(rsdp_new));
	at = put_tag(at, 14, rsdp_old, sizeof(rsdp_old));
	at = put_tag(at, 99, "unknown", 8);
	at = put_tag(at, 6, &map, sizeof(map));
	at = put_tag(at, 0, "", 0);
	put(0, at, 4);
	return at;
}

static void test_multiboot2(void **state)
{
	(void)state;
	make_multiboot2();
	assert_int_equal(multiboot2_read(BASE, &h), STATUS_OK);
	assert_string_equal(h.command_line, "quiet splash");
	assert_int_equal(h.map.count, 1);
	assert_int_equal(h.map.entries[0].size, 0x700000);
	assert_int_equal(h.rsdp_size, 36);
	assert_memory_equal(h.rsdp, "RSD PTR new", 11);
}

/* Every length, each in a block of its own size: whatever is cut off is left out. */
static void test_multiboot2_cut(void **state)
{
	uint64_t whole = make_multiboot2();
	uint8_t *all = memory;

	(void)state;
	for (uint64_t n = 0; n < whole; n++) {
		memory = malloc(n ? n : 1);
		memory_size = n;
		memcpy(memory, all, n);
		if (n >= 4)
			put(0, n, 4);
		memset(&h, 0, sizeof(h));
		if (multiboot2_read(BASE, &h) == STATUS_OK)
			assert_int_equal(h.map.count, 1);
		free(memory);
	}
	memory = all;
}

static void test_multiboot2_noise(void **state)
{
	(void)state;
	srand(5);
	for (unsigned int n = 0; n < 20000; n++) {
		make_multiboot2();
		for (unsigned int k = 0; k < 4; k++)
			memory[8 + rand() % 180] = (uint8_t)rand();
		memset(&h, 0, sizeof(h));
		(void)!multiboot2_read(BASE, &h);
		assert_true(h.rsdp_size <= sizeof(h.rsdp));
		assert_true(strlen(h.command_line) < sizeof(h.command_line));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pvh, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pvh_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_multiboot2, setup, teardown),
		cmocka_unit_test_setup_teardown(test_multiboot2_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(test_multiboot2_noise, setup, teardown),
	};

	return cmocka_run_group_tests_name("handoff", tests, NULL, NULL);
}
