/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MC146818 at 0x70: a clock that goes, registers that keep, and its interrupts through the IOAPIC's pin 8. (MC146818A data sheet; 82371AB for
 * the bank.) The interrupt stays low until register C is read.
 */
#include "guest.h"

#define VECTOR 0x58u
#define MASKED (1u << 16)

static volatile uint32_t arrivals, causes;

static uint8_t read_cmos(uint8_t index)
{
	outb(0x70, index);
	return inb(0x71);
}

static void write_cmos(uint8_t index, uint8_t value)
{
	outb(0x70, index);
	outb(0x71, value);
}

static void take_rtc(struct frame *frame)
{
	(void)frame;
	arrivals++;
	causes |= read_cmos(0x0c);
	apic_write(APIC_EOI, 0);
}

static void route(uint32_t low)
{
	mmio_write(0xfec00000, 0x11 + 2 * 8);
	mmio_write(0xfec00010, apic_id() << 24);
	mmio_write(0xfec00000, 0x10 + 2 * 8);
	mmio_write(0xfec00010, low);
}

static bool wait_arrivals(uint32_t count, uint32_t milliseconds)
{
	uint64_t end = rdtsc() + milliseconds * tsc_per_ms();

	while (arrivals < count && rdtsc() < end)
		interrupt_window();
	return arrivals >= count;
}

static unsigned binary(uint8_t bcd)
{
	return read_cmos(0x0b) & 4 ? bcd : bcd / 16u * 10u + bcd % 16u;
}

static void check_time(void)
{
	uint64_t end = rdtsc() + 2500 * tsc_per_ms();
	unsigned first = binary(read_cmos(0)), now = first;

	check_range("month", binary(read_cmos(8)), 1, 12);
	check_range("day", binary(read_cmos(7)), 1, 31);
	check_range("hours, 24-hour mode", binary(read_cmos(4)), 0, 23);
	check_range("minutes", binary(read_cmos(2)), 0, 59);
	check_range("seconds", first, 0, 59);
	check_value("the battery is good", read_cmos(0x0d) & 0x80, 0x80);
	while (now == first && rdtsc() < end)
		now = binary(read_cmos(0));
	check_value("the seconds go on", now, (first + 1) % 60);
}

static void check_interrupts(void)
{
	write_cmos(0x0a, 0x26); /* 1024 Hz */
	(void)read_cmos(0x0c);
	write_cmos(0x0b, (uint8_t)(read_cmos(0x0b) | 0x40));
	check_true("periodic interrupts at 1024 Hz", wait_arrivals(10, 1000));
	check_true("register C names the cause", (causes & 0xc0) == 0xc0);
	write_cmos(0x0b, (uint8_t)(read_cmos(0x0b) & ~0x40));
	(void)read_cmos(0x0c);
	interrupt_window();
	arrivals = causes = 0;
	delay_us(3000);
	interrupt_window();
	check_value("disabled they stop", arrivals, 0);
	write_cmos(0x0b, (uint8_t)(read_cmos(0x0b) | 0x10));
	check_true("the update-ended interrupt within 2 s", wait_arrivals(1, 2500));
	check_true("register C names it", (causes & 0x90) == 0x90);
	write_cmos(0x0b, (uint8_t)(read_cmos(0x0b) & ~0x10));
}

int main(void)
{
	uint8_t before;

	apic_use_x2(false);
	apic_enable();
	before = read_cmos(0x50);
	write_cmos(0x50, 0xa7);
	check_value("memory keeps a byte", read_cmos(0x50), 0xa7);
	write_cmos(0x50, before);
	write_cmos(0x80 | 0x51, 0x3c);
	check_value("bit 7 of the index is the NMI gate's", read_cmos(0x51), 0x3c);
	check_time();
	on_vector(VECTOR, take_rtc);
	route(VECTOR);
	check_interrupts();
	route(MASKED);
	return 0;
}
