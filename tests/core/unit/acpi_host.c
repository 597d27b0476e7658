/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a machine's static tables from bytes: a small firmware of RSDP, XSDT, RSDT and the tables
 * the core wants, at made-up physical addresses; then the same damaged, cut and filled with noise.
 * ASan watches the bounds: each table lies in a block of its own size.
 */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "platform/acpi_host.h"
#include "lib/bits.h"
#include "lib/checksum.h"

#include <cmocka.h>

#include "shim/quiet_log.h"

#define MAX_BLOCKS 16

static struct block {
	uint64_t phys;
	uint8_t *bytes;
	uint32_t size;
} blocks[MAX_BLOCKS];
static unsigned int block_count;
static struct acpi_host acpi;

static const void *map_block(uint64_t phys, uint64_t size)
{
	for (unsigned int i = 0; i < block_count; i++)
		if (blocks[i].phys == phys && size <= blocks[i].size)
			return blocks[i].bytes;
	return NULL;
}

static void put(uint8_t *p, uint64_t v, unsigned int n)
{
	memcpy(p, &v, n);
}

static void seal(uint8_t *p, uint32_t size)
{
	p[9] = 0;
	p[9] = (uint8_t)-checksum8(p, size);
}

/* A table of `size` bytes with its header; the caller fills the rest and seals. */
static uint8_t *add_table(uint64_t phys, const char *signature, uint32_t size)
{
	struct block *b = &blocks[block_count++];

	*b = (struct block){phys, calloc(1, size), size};
	memcpy(b->bytes, signature, 4);
	put(b->bytes + 4, size, 4);
	b->bytes[8] = 1;
	return b->bytes;
}

static void make_madt(uint64_t phys)
{
	static const uint8_t entries[] = {
		0, 8, 0, 0, 1, 0, 0, 0,		     /* LAPIC: uid 0, id 0, enabled */
		0, 8, 1, 4, 1, 0, 0, 0,		     /* uid 1, id 4, enabled */
		0, 8, 2, 6, 2, 0, 0, 0,		     /* online capable only: not counted */
		9, 16, 0, 0, 0x2c, 1, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, /* x2APIC 300, uid 7 */
		9, 16, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0,	  /* id 4 again */
		1, 12, 9, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0,		  /* IOAPIC */
		2, 10, 0, 0, 2, 0, 0, 0, 0, 0,				  /* ISA 0 -> 2 */
		2, 10, 0, 9, 9, 0, 0, 0, 0x0f, 0,			  /* ISA 9 level low */
		5, 12, 0, 0, 0, 0, 0xe1, 0xfe, 1, 0, 0, 0,		  /* LAPIC at 0x1fee10000 */
	};
	uint8_t *p = add_table(phys, "APIC", 44 + sizeof(entries));

	put(p + 36, 0xfee00000, 4);
	put(p + 40, 1, 4);
	memcpy(p + 44, entries, sizeof(entries));
	seal(p, 44 + sizeof(entries));
}

static void make_fadt(uint64_t phys, uint32_t size)
{
	uint8_t *p = add_table(phys, "FACP", 276);

	put(p + 40, 0x7000, 4); /* DSDT */
	put(p + 46, 9, 2);
	put(p + 48, 0xb2, 4);
	p[52] = 0xf1;
	put(p + 64, 0x604, 4);
	put(p + 76, 0x608, 4);
	put(p + 112, BIT(10) | BIT(8), 4);
	p[116] = ACPI_SPACE_IO;
	p[117] = 8;
	put(p + 120, 0xcf9, 8);
	p[128] = 0x0f;
	put(p + 140, 0x8000, 8); /* X_DSDT */
	p[172] = ACPI_SPACE_IO;
	put(p + 176, 0x1604, 8); /* X_PM1a_CNT_BLK */
	put(p + 4, size, 4);
	blocks[block_count - 1].size = size;
	blocks[block_count - 1].bytes = p = realloc(p, size);
	seal(p, size);
}

static void make_others(void)
{
	uint8_t *p = add_table(0x3000, "MCFG", 60);

	put(p + 44, 0xb0000000, 8);
	p[55] = 255;
	seal(p, 60);

	p = add_table(0x4000, "HPET", 56);
	p[40] = ACPI_SPACE_MEMORY;
	put(p + 44, 0xfed00000, 8);
	seal(p, 56);

	p = add_table(0x5000, "SRAT", 48 + 16 + 24 + 40);
	p[48] = 0;
	p[49] = 16;
	p[50] = 1; /* node 1 */
	p[51] = 4; /* LAPIC id 4 */
	p[52] = 1;
	p[64] = 2;
	p[65] = 24;
	put(p + 64 + 4, 2, 4);
	put(p + 64 + 8, 300, 4);
	put(p + 64 + 12, 1, 4);
	p[88] = 1;
	p[89] = 40;
	put(p + 88 + 2, 1, 4);
	put(p + 88 + 8, GIB(4), 8);
	put(p + 88 + 16, GIB(2), 8);
	put(p + 88 + 28, 1, 4);
	seal(p, 128);
}

static uint8_t rsdp[36];

static void make_rsdp(uint64_t xsdt, uint32_t rsdt)
{
	memset(rsdp, 0, sizeof(rsdp));
	memcpy(rsdp, "RSD PTR ", 8);
	rsdp[15] = 2;
	put(rsdp + 16, rsdt, 4);
	put(rsdp + 20, 36, 4);
	put(rsdp + 24, xsdt, 8);
	rsdp[8] = (uint8_t)-checksum8(rsdp, 20);
	rsdp[32] = (uint8_t)-checksum8(rsdp, 36);
}

static int setup(void **state)
{
	static const uint64_t tables[] = {0x5000, 0x1000, 0x2000, 0x3000, 0x4000, 0xdead000, 0};
	uint8_t *x, *r;

	(void)state;
	block_count = 0;
	make_madt(0x1000);
	make_fadt(0x2000, 276);
	make_others();
	x = add_table(0x9000, "XSDT", 36 + 8 * ARRAY_SIZE(tables));
	r = add_table(0xa000, "RSDT", 36 + 4 * 2);
	for (unsigned int i = 0; i < ARRAY_SIZE(tables); i++)
		put(x + 36 + 8 * i, tables[i], 8);
	put(r + 36, 0x1000, 4);
	put(r + 40, 0x2000, 4);
	seal(x, 36 + 8 * ARRAY_SIZE(tables));
	seal(r, 44);
	make_rsdp(0x9000, 0xa000);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < block_count; i++)
		free(blocks[i].bytes);
	return 0;
}

static void test_cpus(void **state)
{
	(void)state;
	assert_int_equal(acpi_read(rsdp, sizeof(rsdp), map_block, &acpi), STATUS_OK);
	assert_int_equal(acpi.cpu_count, 3);
	assert_int_equal(acpi.cpus[0].apic_id, 0);
	assert_int_equal(acpi.cpus[1].apic_id, 4);
	assert_int_equal(acpi.cpus[2].apic_id, 300);
	assert_int_equal(acpi.cpus[2].uid, 7);
	/* SRAT came first. */
	assert_int_equal(acpi.cpus[0].node, 0);
	assert_int_equal(acpi.cpus[1].node, 1);
	assert_int_equal(acpi.cpus[2].node, 2);
	assert_int_equal(acpi.affinity_count, 1);
	assert_int_equal(acpi.affinities[0].base, GIB(4));
	assert_int_equal(acpi.affinities[0].node, 1);
}

static void test_chips(void **state)
{
	struct acpi_override o;

	(void)state;
	assert_int_equal(acpi_read(rsdp, sizeof(rsdp), map_block, &acpi), STATUS_OK);
	assert_int_equal(acpi.lapic_base, 0x1fee10000);
	assert_true(acpi.has_8259);
	assert_int_equal(acpi.ioapic_count, 1);
	assert_int_equal(acpi.ioapics[0].base, 0xfec00000);
	assert_int_equal(acpi.hpet_base, 0xfed00000);
	assert_int_equal(acpi.segment_count, 1);
	assert_int_equal(acpi.segments[0].last_bus, 255);
	o = acpi_isa_interrupt(&acpi, 0);
	assert_int_equal(o.gsi, 2);
	assert_false(o.level);
	o = acpi_isa_interrupt(&acpi, 9);
	assert_true(o.gsi == 9 && o.level && o.active_low);
	assert_int_equal(acpi_isa_interrupt(&acpi, 4).gsi, 4);
}

static void test_fadt(void **state)
{
	(void)state;
	assert_int_equal(acpi_read(rsdp, sizeof(rsdp), map_block, &acpi), STATUS_OK);
	assert_int_equal(acpi.pm1a_control.address, 0x1604); /* the extended one wins */
	assert_int_equal(acpi.pm_timer.address, 0x608);	     /* the old one where that is 0 */
	assert_int_equal(acpi.reset.address, 0xcf9);
	assert_int_equal(acpi.reset_value, 0x0f);
	assert_true(acpi.reset_supported && acpi.pm_timer_32bit && !acpi.hardware_reduced);
	assert_int_equal(acpi.dsdt, 0x8000);
	assert_int_equal(acpi.smi_command, 0xb2);
}

/* ACPI 1.0: 116 bytes, none of the extended fields. */
static void test_old_fadt(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < block_count; i++) {
		if (blocks[i].phys != 0x2000)
			continue;
		free(blocks[i].bytes);
		blocks[i] = blocks[--block_count];
		break;
	}
	make_fadt(0x2000, 116);
	assert_int_equal(acpi_read(rsdp, sizeof(rsdp), map_block, &acpi), STATUS_OK);
	assert_int_equal(acpi.pm1a_control.address, 0x604);
	assert_int_equal(acpi.reset.address, 0);
	assert_int_equal(acpi.dsdt, 0x7000);
}

static void test_rsdt_when_no_xsdt(void **state)
{
	(void)state;
	rsdp[15] = 0; /* revision 0: 20 bytes */
	rsdp[8] = 0;
	rsdp[8] = (uint8_t)-checksum8(rsdp, 20);
	assert_int_equal(acpi_read(rsdp, 20, map_block, &acpi), STATUS_OK);
	assert_int_equal(acpi.cpu_count, 3);
	assert_int_equal(acpi.hpet_base, 0); /* only in the XSDT here */
	make_rsdp(0xbad0000, 0xa000);
	assert_int_equal(acpi_read(rsdp, 36, map_block, &acpi), STATUS_OK);
}

static void test_damage(void **state)
{
	(void)state;
	rsdp[9] ^= 1;
	assert_int_equal(acpi_read(rsdp, sizeof(rsdp), map_block, &acpi), STATUS_CORRUPT);
	make_rsdp(0x9000, 0xa000);
	assert_int_equal(acpi_read(rsdp, 19, map_block, &acpi), STATUS_CORRUPT);
	blocks[0].bytes[20] ^= 1; /* MADT */
	quiet_log_lines = 0;
	assert_int_equal(acpi_read(rsdp, sizeof(rsdp), map_block, &acpi), STATUS_CORRUPT);
	assert_true(quiet_log_lines > 0);
}

/* Noise in every table, each of its own size: nothing is read beyond it. */
static void test_noise(void **state)
{
	static const char *const names[] = {"APIC", "FACP", "MCFG", "SRAT", "HPET"};

	(void)state;
	srand(3);
	for (unsigned int n = 0; n < 20000; n++) {
		uint32_t size = 36 + (uint32_t)rand() % 300;
		uint8_t *p = malloc(size);

		for (uint32_t i = 0; i < size; i++)
			p[i] = (uint8_t)(rand() % 3 ? rand() % 20 : rand());
		memcpy(p, names[n % ARRAY_SIZE(names)], 4);
		acpi_read_table(p, size, &acpi);
		assert_true(acpi.cpu_count <= ACPI_CPUS && acpi.ioapic_count <= ACPI_IOAPICS);
		free(p);
	}
}

static void test_s5(void **state)
{
	static const struct {
		uint8_t bytes[16];
		uint32_t size;
		int want; /* -1: not found */
	} cases[] = {
		{{0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x00, 0x00}, 10, 0},
		{{0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x01, 0x00}, 10, 1},
		{{0x08, '_', 'S', '5', '_', 0x12, 0x07, 0x04, 0x0a, 0x05, 0x00}, 11, 5},
		{{0x08, '_', 'S', '5', '_', 0x12, 0x47, 0x00, 0x04, 0x0a, 0x05}, 11, 5},
		{{0x08, '_', 'S', '5', '_', 0x14, 0x06, 0x04, 0x00, 0x00}, 10, -1}, /* a method */
		{{0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x68, 0x00},
		 10,
		 -1}, /* an argument */
		{{0x08, '_', 'S', '5'}, 4, -1},
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t size = 36 + cases[i].size;
		uint8_t *dsdt = calloc(1, size), type = 0xff;
		enum status s;

		memcpy(dsdt + 36, cases[i].bytes, cases[i].size);
		s = acpi_find_s5(dsdt, size, &type);
		assert_int_equal(s, cases[i].want < 0 ? STATUS_NOT_FOUND : STATUS_OK);
		if (!s)
			assert_int_equal(type, cases[i].want);
		free(dsdt);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_cpus, setup, teardown),
		cmocka_unit_test_setup_teardown(test_chips, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fadt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_old_fadt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rsdt_when_no_xsdt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_s5),
	};

	return cmocka_run_group_tests_name("acpi_host", tests, NULL, NULL);
}
