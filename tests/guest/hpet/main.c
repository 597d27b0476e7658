/* SPDX-License-Identifier: Apache-2.0 */
/* The HPET that the HPET table names: the main counter's rate, and one-shot and periodic timers. (IA-PC HPET 1.0a.) */
#include "guest.h"

#define VECTOR 0x59u
#define MASKED (1u << 16)

static uint64_t base;

static void count_up(uint32_t pin, uint32_t low)
{
	mmio_write(0xfec00000, 0x11 + 2 * pin);
	mmio_write(0xfec00010, apic_id() << 24);
	mmio_write(0xfec00000, 0x10 + 2 * pin);
	mmio_write(0xfec00010, low);
}

static uint64_t read64(uint64_t offset)
{
	return *(volatile uint64_t *)(base + offset);
}

static void write64(uint64_t offset, uint64_t value)
{
	*(volatile uint64_t *)(base + offset) = value;
}

static void check_counter(uint64_t per_ms)
{
	uint64_t first, second, tsc;

	write64(0x10, 0);
	first = read64(0xf0);
	delay_us(500);
	check_value("a stopped counter stands", read64(0xf0), first);
	write64(0xf0, 0x123456789);
	check_range("it can be set while it stands", read64(0xf0), 0x123456789, 0x123456789);
	write64(0x10, 1);
	first = read64(0xf0);
	tsc = rdtsc();
	delay_us(5000);
	second = read64(0xf0);
	tsc = rdtsc() - tsc;
	check_range("it goes at the rate it says, in percent", (second - first) * tsc_per_ms() * 100 / (per_ms * tsc), 90, 110);
	check_value("its low half can be read alone", (mmio_read(base + 0xf0) - (uint32_t)second) >> 31, 0);
}

static void set_idle(uint64_t counter)
{
	write64(0x100, 0);
	write64(0x10, 0);
	write64(0xf0, counter);
}

static void check_timer(uint64_t per_ms)
{
	uint32_t pins = (uint32_t)(read64(0x100) >> 32), pin = 0;

	check_true("timer 0 can be routed", pins != 0);
	if (!pins)
		return;
	while (pin < 16 || !(pins >> pin & 1)) /* above the ISA lines, where there is one */
		if (++pin == 32)
			for (pin = 0; !(pins >> pin & 1);)
				pin++;
	note("pin %u of 0x%x", pin, pins);
	count_vector(VECTOR);
	count_up(pin, VECTOR);
	/* QEMU takes a 64-bit write as two: the counter stays below 4 GiB, and only low halves change while it counts. */
	set_idle(0);
	write64(0x108, 0xffffffff);
	write64(0x100, (uint64_t)pin << 9 | 4); /* edge, enabled, one-shot */
	write64(0x10, 1);
	mmio_write(base + 0x108, mmio_read(base + 0xf0) + (uint32_t)per_ms);
	check_true("one-shot: arrives", wait_hits(VECTOR, 1, 1000));
	delay_us(3000);
	interrupt_window();
	check_value("one-shot: once", hits[VECTOR], 1);

	if (!(read64(0x100) & 0x10)) {
		skip("periodic", "timer 0 cannot");
	} else {
		set_idle(0);
		write64(0x100, (uint64_t)pin << 9 | 4 | 8 | 0x40);
		mmio_write(base + 0x108, (uint32_t)per_ms);
		mmio_write(base + 0x108, (uint32_t)per_ms);
		hits[VECTOR] = 0;
		write64(0x10, 1);
		check_true("periodic: arrives again and again", wait_hits(VECTOR, 5, 2000));
		write64(0x100, 0);
		interrupt_window();
		hits[VECTOR] = 0;
		delay_us(3000);
		interrupt_window();
		check_value("disabled it stops", hits[VECTOR], 0);
	}
	count_up(pin, MASKED);
}

int main(void)
{
	const uint8_t *table = acpi_table("HPET");
	uint64_t capabilities, per_ms;

	apic_use_x2(false);
	apic_enable();
	if (!table) {
		skip("HPET", "there is no HPET table");
		return 0;
	}
	memory_copy(&base, table + 44, 8);
	capabilities = read64(0);
	note("at 0x%lx, capabilities 0x%lx", base, capabilities);
	check_range("period in femtoseconds", capabilities >> 32, 1, 100000000);
	check_value("a 64-bit counter", capabilities >> 13 & 1, 1);
	check_range("timers", (capabilities >> 8 & 0x1f) + 1, 1, 32);
	per_ms = 1000000000000ull / (capabilities >> 32);
	check_counter(per_ms);
	check_timer(per_ms);
	return 0;
}
