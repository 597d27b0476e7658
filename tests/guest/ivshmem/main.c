/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU's inter-VM shared memory device (docs/specs/ivshmem-spec): a PCI function with registers, an MSI-X table and the memory.
 * A guest's number is in IVPosition; a write of (number << 16 | vector) to the doorbell comes to that guest as the message of the
 * vector, now, or once it is no longer masked. What there is not, nobody hears.
 *
 * The same program is both guests. Number 1 tells what it sees; number 0 answers: it rings back, and ends.
 */
#include "guest.h"

#define IVPOSITION 0x8
#define DOORBELL   0xc
#define FIRST	   0x51 /* our interrupt vectors */
#define SECOND	   0x52
#define SIZE	   0x10000u
#define PATIENCE   60000u /* milliseconds */

enum word { READY, ORDER = 2, DONE }; /* READY + number */

static uint32_t function, registers, table;
static volatile uint32_t *shared;

static uint32_t config(uint32_t offset)
{
	outl(0xcf8, 0x80000000u | function << 8 | offset);
	return inl(0xcfc);
}

static void configure(uint32_t offset, uint32_t value)
{
	outl(0xcf8, 0x80000000u | function << 8 | offset);
	outl(0xcfc, value);
}

static bool find(void)
{
	for (function = 0; function < 256; function += 8)
		if (config(0) == 0x11101af4)
			return true;
	return false;
}

static uint32_t size_of(uint32_t bar)
{
	uint32_t offset = 0x10 + 4 * bar, value = config(offset), mask;

	configure(4, config(4) & ~2u);
	configure(offset, 0xffffffff);
	mask = config(offset);
	configure(offset, value);
	configure(4, config(4) | 2);
	return mask;
}

static uint32_t msix(void)
{
	uint32_t at = config(0x34) & 0xff;

	while (at && (config(at) & 0xff) != 0x11)
		at = config(at) >> 8 & 0xff;
	return at;
}

static void set_vector(uint32_t number, uint8_t vector, bool masked)
{
	mmio_write(table + 16 * number, 0xfee00000u | apic_id() << 12);
	mmio_write(table + 16 * number + 4, 0);
	mmio_write(table + 16 * number + 8, vector);
	mmio_write(table + 16 * number + 12, masked);
}

static void ring(uint32_t number, uint32_t vector)
{
	mmio_write(registers + DOORBELL, number << 16 | vector);
}

static bool wait_word(enum word word, uint32_t value)
{
	for (uint32_t i = 0; i < PATIENCE && shared[word] < value; i++)
		delay_us(1000);
	return shared[word] >= value;
}

static void set_up(void)
{
	uint32_t at = msix();

	configure(4, config(4) | 6);
	registers = config(0x10) & ~15u;
	table = config(0x14) & ~15u;
	shared = (volatile uint32_t *)(uintptr_t)(config(0x18) & ~15u);
	apic_enable();
	count_vector(FIRST);
	count_vector(SECOND);
	set_vector(0, FIRST, false);
	set_vector(1, SECOND, false);
	configure(at, config(at) | 1u << 31);
}

/* Rings once it was rung, and once it is told to. */
static void answer(void)
{
	shared[READY] = 1;
	wait_hits(FIRST, 1, PATIENCE);
	ring(1, 1);
	wait_word(ORDER, 1);
	ring(1, 1);
	shared[DONE] = 1;
	wait_word(ORDER, 2);
	outw((uint16_t)fadt_read32(64), (uint16_t)(acpi_s5_type() << 10 | 1u << 13 | 1));
	for (;;)
		halt_once();
}

static void check_function(void)
{
	uint32_t at = msix();

	check_value("class: RAM", config(8) >> 16, 0x0500);
	check_value("revision", config(8) & 0xff, 1);
	check_value("256 bytes of registers", size_of(0), 0xffffff00);
	check_value("a 64-bit prefetchable window for the memory", size_of(2), ~(SIZE - 1) | 0xc);
	check_true("MSI-X", at != 0);
	check_value("two vectors", config(at) >> 16 & 0x7ff, 1);
	check_value("the table is in window 1", config(at + 4) & 7, 1);
	check_value("there is no interrupt to acknowledge", mmio_read(registers + 4), 0);
	mmio_write(registers + IVPOSITION, 7);
	check_value("the number is read-only", mmio_read(registers + IVPOSITION), 1);
}

static void check_doorbells(void)
{
	uint32_t pending = table + (config(msix() + 8) & ~7u);

	check_true("the other guest is there", wait_word(READY, 1));
	ring(0, 0);
	check_true("it rings back", wait_hits(SECOND, 1, PATIENCE));
	check_value("the other vector is silent", hits[FIRST], 0);
	ring(1, 0);
	check_true("one's own doorbell", wait_hits(FIRST, 1, PATIENCE));
	ring(1, 2);
	ring(2, 0);
	ring(0xffff, 0);
	ring(1, 0xffff);
	set_vector(1, SECOND, true);
	shared[ORDER] = 1;
	check_true("it rings a vector that is masked", wait_word(DONE, 1));
	for (uint32_t i = 0; i < PATIENCE && !(mmio_read(pending) & 2); i++)
		delay_us(1000);
	interrupt_window();
	check_value("it is pending", mmio_read(pending), 2);
	check_value("it has not come", hits[SECOND], 1);
	set_vector(1, SECOND, false);
	check_true("it comes when the mask goes", wait_hits(SECOND, 2, PATIENCE));
	check_value("nothing is pending", mmio_read(pending), 0);
	check_value("nothing else came", hits[FIRST] + hits[SECOND], 3);
}

static void check_moved(void)
{
	uint32_t bar = config(0x18), here = shared[DONE];

	configure(4, config(4) & ~2u);
	configure(0x18, bar + 4 * SIZE);
	configure(4, config(4) | 2);
	check_value("moved, it is where the guest put it", mmio_read((bar & ~15u) + 4 * SIZE + 4 * DONE), here);
	mmio_write((bar & ~15u) + 4 * SIZE + 0x100, 0x12345678);
	configure(0x18, bar);
	check_value("and back, with what was written meanwhile", shared[0x40], 0x12345678);
}

int main(void)
{
	check_true("1af4:1110 is on bus 0", find());
	set_up();
	if (mmio_read(registers + IVPOSITION) == 0)
		answer();
	check_function();
	check_doorbells();
	check_moved();
	shared[ORDER] = 2;
	delay_us(100000);
	return 0;
}
