/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's page walk. Tables are built by hand in the four modes of paging; permissions against
 * a table of what SDM v3 4.6 says; the fetch cache against changes of the tables behind its back.
 */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "lib/bits.h"
#include "shim/guest_ram.h"
#include "space/guest_walk.h"
#include "x86/cr.h"

#include <cmocka.h>

#define ALL    (PTE_PRESENT | PTE_WRITE | PTE_USER)
#define LINEAR 0x00007f0123456abcull

static struct guest_paging paging;

static uint64_t *entry(uint64_t table, uint64_t index)
{
	return guest_ram_at(table + 8 * index);
}

/* Four levels at 0x1000 .. 0x4000, LINEAR → 0x7abc. */
static int setup(void **state)
{
	(void)state;
	guest_ram_reset();
	paging = (struct guest_paging){
		.cr0 = CR0_PG | CR0_PE | CR0_WP,
		.cr3 = 0x1000,
		.cr4 = CR4_PAE,
		.efer = EFER_LME | EFER_LMA | EFER_NXE,
		.physical_bits = 39,
	};
	*entry(0x1000, LINEAR >> 39 & 511) = 0x2000 | ALL;
	*entry(0x2000, LINEAR >> 30 & 511) = 0x3000 | ALL;
	*entry(0x3000, LINEAR >> 21 & 511) = 0x4000 | ALL;
	*entry(0x4000, LINEAR >> 12 & 511) = 0x7000 | ALL;
	return 0;
}

static uint64_t *leaf(void)
{
	return entry(0x4000, LINEAR >> 12 & 511);
}

static void good(uint64_t linear, uint32_t access, uint64_t wanted)
{
	uint64_t gpa = 0;
	uint32_t error;

	assert_int_equal(guest_walk(&guest_ram, &paging, linear, access, &gpa, &error), STATUS_OK);
	assert_int_equal(gpa, wanted);
}

static void bad(uint64_t linear, uint32_t access, uint32_t wanted)
{
	uint64_t gpa;
	uint32_t error = ~0u;

	assert_int_equal(guest_walk(&guest_ram, &paging, linear, access, &gpa, &error),
			 STATUS_FAULT);
	assert_int_equal(error, wanted);
}

static void test_no_paging(void **state)
{
	(void)state;
	paging = (struct guest_paging){.physical_bits = 39};
	good(0x12345678, GUEST_WRITE, 0x12345678);
	good(0x112345678ull, GUEST_READ, 0x12345678); /* 32 bits outside long mode */
}

static void test_sizes(void **state)
{
	(void)state;
	good(LINEAR, GUEST_READ, 0x7abc);
	*entry(0x3000, LINEAR >> 21 & 511) = 0x40000000 | PTE_LARGE | ALL;
	good(LINEAR, GUEST_READ, 0x40000000 | (LINEAR & (PAGE_SIZE_2M - 1)));
	*entry(0x2000, LINEAR >> 30 & 511) = 0x1c0000000 | PTE_LARGE | ALL;
	good(LINEAR, GUEST_READ, 0x1c0000000 | (LINEAR & (PAGE_SIZE_1G - 1)));
}

static void test_five_levels(void **state)
{
	uint64_t linear = LINEAR | 0x55ull << 48;

	(void)state;
	paging.cr4 |= CR4_LA57;
	paging.cr3 = 0x5000;
	*entry(0x5000, 0x55) = 0x1000 | ALL;
	good(linear, GUEST_READ, 0x7abc);
	bad(LINEAR, GUEST_READ, 0);
}

static void test_pae(void **state)
{
	(void)state;
	paging.efer = EFER_NXE;
	paging.cr3 = 0x6020; /* 32-byte aligned */
	*entry(0x6020, 2) = 0x3000 | PTE_PRESENT;
	*entry(0x3000, 0x1ff) = 0x4000 | ALL;
	*entry(0x4000, 0x1fe) = 0x8000 | ALL;
	good(0xbfffe123, GUEST_WRITE, 0x8123);
	assert_int_equal(*entry(0x6020, 2), 0x3000 | PTE_PRESENT); /* no accessed bit there */
	*entry(0x6020, 2) |= PTE_ACCESSED;                         /* QEMU's doing */
	good(0xbfffe123, GUEST_WRITE, 0x8123);
	*entry(0x6020, 2) |= PTE_WRITE;                            /* reserved */
	bad(0xbfffe123, GUEST_WRITE, PF_PRESENT | PF_WRITE | PF_RESERVED);
}

/* A key guards data of user pages, from the supervisor, too; writes of the supervisor with CR0.WP alone. */
static void test_protection_keys(void **state)
{
	(void)state;
	paging.cr4 |= CR4_PKE;
	*leaf() |= field_make(PTE_KEY, 5);
	paging.pkru = ~(3u << 10);
	good(LINEAR, GUEST_WRITE, 0x7abc); /* key 5 denies nothing */
	paging.pkru = 2u << 10;
	good(LINEAR, GUEST_READ, 0x7abc);
	bad(LINEAR, GUEST_WRITE, PF_PRESENT | PF_WRITE | PF_PKEY);
	paging.cr0 &= ~CR0_WP;
	good(LINEAR, GUEST_WRITE, 0x7abc);
	paging.cpl = 3;
	bad(LINEAR, GUEST_WRITE, PF_PRESENT | PF_WRITE | PF_USER | PF_PKEY);
	paging.pkru = 1u << 10;
	bad(LINEAR, GUEST_READ, PF_PRESENT | PF_USER | PF_PKEY);
	good(LINEAR, GUEST_FETCH, 0x7abc);
	paging.cpl = 0;
	bad(LINEAR, GUEST_READ, PF_PRESENT | PF_PKEY);
	*leaf() &= ~PTE_USER;
	good(LINEAR, GUEST_READ, 0x7abc); /* a supervisor page has no key */
	*leaf() |= PTE_USER;
	paging.cr4 &= ~CR4_PKE;
	good(LINEAR, GUEST_READ, 0x7abc);
}

static void test_32_bit(void **state)
{
	uint32_t *directory, *table, error;
	uint64_t gpa;

	(void)state;
	paging.efer = 0;
	paging.cr4 = 0;
	directory = guest_ram_at(0x1000);
	table = guest_ram_at(0x3000);
	memset(directory, 0, 4096);
	directory[0x300] = 0x3000 | ALL;
	table[0x3ff] = 0x9000 | ALL;
	good(0xc03ff456, GUEST_WRITE, 0x9456);
	assert_int_equal(directory[0x300], 0x3000 | ALL | PTE_ACCESSED);
	assert_int_equal(table[0x3ff], 0x9000 | ALL | PTE_ACCESSED | PTE_DIRTY);
	directory[0x301] = 0xc0000000 | (uint32_t)BIT(13) | PTE_LARGE | ALL; /* address bit 32 */
	/* Without PSE it points to a table, which is not there. */
	assert_int_equal(guest_walk(&guest_ram, &paging, 0xc0400000, GUEST_READ, &gpa, &error),
			 STATUS_NOT_FOUND);
}

static void test_32_bit_large(void **state)
{
	uint32_t *directory = guest_ram_at(0x1000);

	(void)state;
	paging.efer = 0;
	paging.cr4 = CR4_PSE;
	directory[1] = 0xc0000000 | (uint32_t)BIT(13) | PTE_LARGE | ALL;
	good(0x412345, GUEST_READ, 0x1c0012345ull);
	directory[1] |= (uint32_t)BIT(21);
	bad(0x412345, GUEST_READ, PF_PRESENT | PF_RESERVED);
}

/* SDM v3 4.6.1: page rights, mode, access, and what comes of it. */
static void test_permissions(void **state)
{
	static const struct {
		uint64_t page; /* of the leaf */
		uint8_t cpl;
		uint64_t cr0_off, cr4, rflags;
		uint32_t access;
		int64_t error; /* -1: allowed */
	} rows[] = {
		{ALL, 3, 0, 0, 0, GUEST_WRITE, -1},
		{PTE_PRESENT | PTE_USER, 3, 0, 0, 0, GUEST_READ, -1},
		{PTE_PRESENT | PTE_USER, 3, 0, 0, 0, GUEST_WRITE, PF_PRESENT | PF_WRITE | PF_USER},
		{PTE_PRESENT | PTE_WRITE, 3, 0, 0, 0, GUEST_READ, PF_PRESENT | PF_USER},
		{PTE_PRESENT | PTE_WRITE, 3, 0, 0, 0, GUEST_READ | GUEST_IMPLICIT, -1},
		{PTE_PRESENT, 0, 0, 0, 0, GUEST_WRITE, PF_PRESENT | PF_WRITE},
		{PTE_PRESENT, 0, CR0_WP, 0, 0, GUEST_WRITE, -1},
		{PTE_PRESENT | PTE_USER, 3, CR0_WP, 0, 0, GUEST_WRITE,
		 PF_PRESENT | PF_WRITE | PF_USER},
		{ALL | PTE_NX, 0, 0, 0, 0, GUEST_FETCH, PF_PRESENT | PF_FETCH},
		{ALL | PTE_NX, 3, 0, 0, 0, GUEST_FETCH, PF_PRESENT | PF_FETCH | PF_USER},
		{ALL, 0, 0, 0, 0, GUEST_FETCH, -1},
		{ALL, 0, 0, CR4_SMEP, 0, GUEST_FETCH, PF_PRESENT | PF_FETCH},
		{ALL, 3, 0, CR4_SMEP, 0, GUEST_FETCH, -1},
		{ALL, 0, 0, CR4_SMAP, 0, GUEST_READ, PF_PRESENT},
		{ALL, 0, 0, CR4_SMAP, RFLAGS_AC, GUEST_READ, -1},
		{ALL, 0, 0, CR4_SMAP, RFLAGS_AC, GUEST_READ | GUEST_IMPLICIT, PF_PRESENT},
		{ALL, 3, 0, CR4_SMAP, 0, GUEST_READ, -1},
		{0, 3, 0, 0, 0, GUEST_WRITE, PF_WRITE | PF_USER},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		setup(state);
		*leaf() = 0x7000 | rows[i].page;
		paging.cpl = rows[i].cpl;
		paging.cr0 &= ~rows[i].cr0_off;
		paging.cr4 |= rows[i].cr4;
		paging.rflags = rows[i].rflags;
		if (rows[i].error < 0)
			good(LINEAR, rows[i].access, 0x7abc);
		else
			bad(LINEAR, rows[i].access, (uint32_t)rows[i].error);
	}
}

/* A right that one level takes away is gone. */
static void test_rights_are_of_all_levels(void **state)
{
	(void)state;
	*entry(0x2000, LINEAR >> 30 & 511) &= ~(uint64_t)PTE_WRITE;
	bad(LINEAR, GUEST_WRITE, PF_PRESENT | PF_WRITE);
	*entry(0x1000, LINEAR >> 39 & 511) |= PTE_NX;
	bad(LINEAR, GUEST_FETCH, PF_PRESENT | PF_FETCH);
	good(LINEAR, GUEST_READ, 0x7abc);
}

static void test_reserved_bits(void **state)
{
	(void)state;
	*leaf() |= BIT(39);
	bad(LINEAR, GUEST_READ, PF_PRESENT | PF_RESERVED);
	setup(state);
	*leaf() |= PTE_NX;
	paging.efer &= ~EFER_NXE;
	bad(LINEAR, GUEST_READ, PF_PRESENT | PF_RESERVED);
	setup(state);
	*entry(0x3000, LINEAR >> 21 & 511) = 0x40002000 | PTE_LARGE | ALL;
	bad(LINEAR, GUEST_READ, PF_PRESENT | PF_RESERVED);
	setup(state);
	*entry(0x1000, LINEAR >> 39 & 511) |= PTE_LARGE;
	bad(LINEAR, GUEST_READ, PF_PRESENT | PF_RESERVED);
}

static void test_accessed_and_dirty(void **state)
{
	(void)state;
	good(LINEAR, GUEST_WRITE | GUEST_PROBE, 0x7abc);
	assert_int_equal(*leaf(), 0x7000 | ALL);
	good(LINEAR, GUEST_READ, 0x7abc);
	assert_int_equal(*leaf(), 0x7000 | ALL | PTE_ACCESSED);
	assert_int_equal(*entry(0x1000, LINEAR >> 39 & 511), 0x2000 | ALL | PTE_ACCESSED);
	good(LINEAR, GUEST_WRITE, 0x7abc);
	assert_int_equal(*leaf(), 0x7000 | ALL | PTE_ACCESSED | PTE_DIRTY);
}

/* Tables where the guest has no memory: no fault of its own. */
static void test_tables_nowhere(void **state)
{
	uint64_t gpa;
	uint32_t error;

	(void)state;
	*entry(0x3000, LINEAR >> 21 & 511) = HOLE_BASE | ALL;
	assert_int_equal(guest_walk(&guest_ram, &paging, LINEAR, GUEST_READ, &gpa, &error),
			 STATUS_NOT_FOUND);
	paging.cr3 = 0x7000000000;
	assert_int_equal(guest_walk(&guest_ram, &paging, LINEAR, GUEST_READ, &gpa, &error),
			 STATUS_NOT_FOUND);
}

/* ---- the fetch cache */

static uint32_t fetch(struct fetch_cache *cache, uint64_t linear, uint8_t *bytes, uint32_t size)
{
	uint32_t error;
	uint64_t at;

	return guest_fetch(&guest_ram, &paging, linear, bytes, size, cache, 5, &error, &at);
}

static void test_fetch(void **state)
{
	struct fetch_cache cache;
	uint8_t bytes[15];

	(void)state;
	fetch_cache_clear(&cache);
	assert_null(fetch_cached(&cache, LINEAR, 0x1000));
	memcpy(guest_ram_at(0x7abc), "0123456789abcdef", 16);
	assert_int_equal(fetch(&cache, LINEAR, bytes, 15), 15);
	assert_memory_equal(bytes, "0123456789abcde", 15);
	assert_ptr_equal(fetch_cached(&cache, LINEAR, 0x1000), guest_ram_at(0x7000));
	assert_null(fetch_cached(&cache, LINEAR, 0x2000));
	assert_null(fetch_cached(&cache, LINEAR + 4096, 0x1000));
	assert_ptr_equal(fetch_exact(&cache, LINEAR, 0x1000, 5), guest_ram_at(0x7000));
	assert_null(fetch_exact(&cache, LINEAR, 0x1000, 6));
}

static void test_exact_sees_every_level(void **state)
{
	static const struct {
		uint64_t table;
		unsigned int shift;
	} levels[] = {{0x1000, 39}, {0x2000, 30}, {0x3000, 21}, {0x4000, 12}};
	struct fetch_cache cache;
	uint8_t bytes[1];

	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		uint64_t *e;

		setup(state);
		fetch_cache_clear(&cache);
		assert_int_equal(fetch(&cache, LINEAR, bytes, 1), 1);
		e = entry(levels[i].table, LINEAR >> levels[i].shift & 511);
		*e |= PTE_ACCESSED | PTE_DIRTY; /* these do not change where it leads */
		assert_non_null(fetch_exact(&cache, LINEAR, 0x1000, 5));
		*e ^= 0x8000;
		assert_null(fetch_exact(&cache, LINEAR, 0x1000, 5));
	}
}

/* An instruction that ends in a page that is not there: what could be read, and the fault. */
static void test_fetch_across_pages(void **state)
{
	uint64_t linear = (LINEAR | 0xfff) - 3, at;
	struct fetch_cache cache;
	uint8_t bytes[15];
	uint32_t error;

	(void)state;
	fetch_cache_clear(&cache);
	assert_int_equal(
		guest_fetch(&guest_ram, &paging, linear, bytes, 15, &cache, 0, &error, &at), 4);
	assert_int_equal(error, PF_FETCH);
	assert_int_equal(at, linear + 4);
	*(leaf() + 1) = HOLE_BASE | ALL;
	assert_int_equal(
		guest_fetch(&guest_ram, &paging, linear, bytes, 15, &cache, 0, &error, &at), 4);
	assert_int_equal(error, 0);
	*(leaf() + 1) = 0xa000 | ALL;
	assert_int_equal(
		guest_fetch(&guest_ram, &paging, linear, bytes, 15, &cache, 0, &error, &at), 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_no_paging, setup),
		cmocka_unit_test_setup(test_sizes, setup),
		cmocka_unit_test_setup(test_five_levels, setup),
		cmocka_unit_test_setup(test_pae, setup),
		cmocka_unit_test_setup(test_protection_keys, setup),
		cmocka_unit_test_setup(test_32_bit, setup),
		cmocka_unit_test_setup(test_32_bit_large, setup),
		cmocka_unit_test_setup(test_permissions, setup),
		cmocka_unit_test_setup(test_rights_are_of_all_levels, setup),
		cmocka_unit_test_setup(test_reserved_bits, setup),
		cmocka_unit_test_setup(test_accessed_and_dirty, setup),
		cmocka_unit_test_setup(test_tables_nowhere, setup),
		cmocka_unit_test_setup(test_fetch, setup),
		cmocka_unit_test_setup(test_exact_sees_every_level, setup),
		cmocka_unit_test_setup(test_fetch_across_pages, setup),
	};

	return cmocka_run_group_tests_name("guest_walk", tests, NULL, NULL);
}
