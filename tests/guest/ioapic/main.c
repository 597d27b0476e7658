/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The IOAPIC: its registers, and lines delivered as edges and as levels. The source of lines is the UART of COM1, whose
 * interrupt (transmitter empty) can be raised and lowered at will; as a level it must come again until it is served, with
 * Remote IRR set from delivery to EOI. (82093AA data sheet; ACPI 6.5 5.2.12.3.)
 */
#include "guest.h"

#define VECTOR 0x55u
#define PIN 4u /* of COM1: identity mapped, ISA */
#define MASKED (1u << 16)
#define LEVEL (1u << 15)
#define LOGICAL (1u << 11)

static uint64_t base;

static uint32_t read_register(uint32_t index)
{
	mmio_write(base, index);
	return mmio_read(base + 0x10);
}

static void write_register(uint32_t index, uint32_t value)
{
	mmio_write(base, index);
	mmio_write(base + 0x10, value);
}

static void route(uint32_t pin, uint32_t low, uint32_t destination)
{
	write_register(0x10 + 2 * pin, MASKED);
	write_register(0x11 + 2 * pin, destination << 24);
	write_register(0x10 + 2 * pin, low);
}

static uint64_t find_ioapic(void) /* MADT type 1 */
{
	const uint8_t *madt = acpi_table("APIC");
	uint32_t length, address;

	if (!madt)
		return 0;
	memory_copy(&length, madt + 4, 4);
	for (uint32_t at = 44; at + 2 <= length && madt[at + 1] >= 2; at += madt[at + 1]) {
		if (madt[at] != 1)
			continue;
		memory_copy(&address, madt + at + 4, 4);
		return address;
	}
	return 0;
}

/* ------------------------------------------------------------------- the UART as a line to pull */
static void line_up(void)
{
	outb(0x3f9, 2); /* transmitter empty */
}

static void line_down(void)
{
	outb(0x3f9, 0);
	(void)inb(0x3fa);
}

static volatile uint32_t arrivals, serve_at, remote_irr_inside;

static void take_line(struct frame *frame)
{
	(void)frame;
	arrivals++;
	remote_irr_inside = read_register(0x10 + 2 * PIN) >> 14 & 1;
	if (arrivals >= serve_at)
		line_down();
	apic_write(APIC_EOI, 0);
}

static void check_registers(void)
{
	check_value("version: 24 pins", read_register(1) >> 16 & 0xff, 23);
	check_range("version", read_register(1) & 0xff, 0x11, 0x20);
	check_value("pins are masked at first", read_register(0x10 + 2 * 20) & MASKED, MASKED);
	route(20, MASKED | LEVEL | 0x1234 | 0x800, 0xa5);
	check_value("an entry keeps what may be written", read_register(0x10 + 2 * 20) & 0x1ffff, MASKED | LEVEL | 0x234 | 0x800);
	check_value("its destination, too", read_register(0x11 + 2 * 20) >> 24, 0xa5);
	route(20, MASKED, 0);
}

static void check_line(const char *name, uint32_t low, uint32_t destination, uint32_t serve, uint32_t want)
{
	arrivals = 0;
	serve_at = serve;
	route(PIN, low | VECTOR, destination);
	line_up();
	for (int i = 0; i < 20; i++)
		interrupt_window();
	line_down();
	interrupt_window();
	route(PIN, MASKED, 0);
	check_value(name, arrivals, want);
}

static void check_lines(void)
{
	uint32_t id = apic_id();

	check_line("masked: nothing", MASKED, id, 1, 0);
	check_line("edge: once", 0, id, 1, 1);
	check_line("edge: once, even when it is not served", 0, id, 1000, 1);
	check_line("level: once when it is served at once", LEVEL, id, 1, 1);
	check_value("level: Remote IRR is set in the handler", remote_irr_inside, 1);
	check_value("level: and clear in the end", read_register(0x10 + 2 * PIN) >> 14 & 1, 0);
	check_line("level: again until it is served", LEVEL, id, 3, 3);
	check_line("to a processor that does not exist: nothing", 0, 0x77, 1, 0);
	apic_write(APIC_DFR, 0xffffffff);
	apic_write(APIC_LDR, 0x02000000);
	check_line("logical destination", LOGICAL, 2, 1, 1);
	check_line("logical destination, lowest priority", LOGICAL | 0x100, 2, 1, 1);
	check_line("logical destination of somebody else", LOGICAL, 4, 1, 0);
}

/* Nothing comes from the PIC any more: then a processor may deliver all interrupts itself, and take their ends. */
static void check_x2(void)
{
	apic_use_x2(true);
	apic_enable();
	apic_write(APIC_LVT_LINT0, 0x10700);
	check_line("x2APIC, edge: once", 0, apic_id(), 1, 1);
	check_line("x2APIC, level: once when it is served at once", LEVEL, apic_id(), 1, 1);
	check_value("x2APIC, level: Remote IRR is clear in the end", read_register(0x10 + 2 * PIN) >> 14 & 1, 0);
	check_line("x2APIC, level: again until it is served", LEVEL, apic_id(), 3, 3);
}

int main(void)
{
	apic_use_x2(false);
	apic_enable();
	base = find_ioapic();
	check_true("the MADT names an IOAPIC", base != 0);
	if (!base)
		return 0;
	on_vector(VECTOR, take_line);
	outb(0x3fc, inb(0x3fc) | 8); /* OUT2: the line's gate */
	check_registers();
	check_lines();
	if (apic_has_x2())
		check_x2();
	return 0;
}
