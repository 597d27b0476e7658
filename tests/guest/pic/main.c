/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 8259 pair and the 8254: interrupts of the timer through the virtual wire (LVT LINT0 as ExtINT), masks, the request and
 * in-service registers, both kinds of EOI, and the counters' modes as PCs use them. (Intel 8259A and 8254 data sheets.)
 */
#include "guest.h"

#define MASTER 0x20u
#define SLAVE 0xa0u
#define VECTORS 0x20u /* of the master; the slave's follow */
#define IRQ0 (VECTORS + 0)
#define PIT_HZ 1193182u

static volatile uint32_t ticks, isr_inside;
static bool specific;

static void take_tick(struct frame *frame)
{
	(void)frame;
	ticks++;
	outb(MASTER, 0x0b);
	isr_inside = inb(MASTER);
	outb(MASTER, specific ? 0x60 : 0x20);
}

static void start_pics(void)
{
	static const struct {
		uint16_t port;
		uint8_t value;
	} writes[] = {
		{ MASTER, 0x11 }, { MASTER + 1, VECTORS },     { MASTER + 1, 4 }, { MASTER + 1, 1 },
		{ SLAVE, 0x11 },  { SLAVE + 1, VECTORS + 8 }, { SLAVE + 1, 2 },  { SLAVE + 1, 1 },
		{ MASTER + 1, 0xff }, { SLAVE + 1, 0xff },
	};

	for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++)
		outb(writes[i].port, writes[i].value);
}

static void set_counter0(uint8_t mode, uint16_t count)
{
	outb(0x43, (uint8_t)(0x30 | mode << 1));
	outb(0x40, (uint8_t)count);
	outb(0x40, (uint8_t)(count >> 8));
}

static uint16_t read_counter0(void)
{
	uint16_t low;

	outb(0x43, 0);
	low = inb(0x40);
	return (uint16_t)(low | inb(0x40) << 8);
}

static bool wait_ticks(uint32_t count, uint32_t milliseconds)
{
	uint64_t end = rdtsc() + milliseconds * tsc_per_ms();

	while (ticks < count && rdtsc() < end)
		interrupt_window();
	return ticks >= count;
}

static void check_delivery(void)
{
	uint32_t before;

	set_counter0(2, PIT_HZ / 1000);
	on_vector(IRQ0, take_tick);
	delay_us(5000);
	interrupt_window();
	check_value("a masked line does not arrive", ticks, 0);
	outb(MASTER, 0x0a);
	check_value("but is seen in the request register", inb(MASTER) & 1, 1);
	outb(MASTER + 1, 0xfe);
	check_value("the mask reads back", inb(MASTER + 1), 0xfe);
	check_true("ticks arrive through the virtual wire", wait_ticks(5, 1000));
	check_value("in the handler the in-service register has the line", isr_inside & 1, 1);
	outb(MASTER, 0x0b);
	check_value("after the EOI it is empty", inb(MASTER) & 1, 0);
	specific = true;
	before = ticks;
	check_true("ticks arrive with the specific EOI", wait_ticks(before + 5, 1000));
	apic_write(APIC_LVT_LINT0, 0x10700);
	interrupt_window(); /* what was on its way */
	before = ticks;
	delay_us(5000);
	interrupt_window();
	check_value("a masked LINT0 lets none through", ticks, before);
	apic_write(APIC_LVT_LINT0, 0x700);
	check_true("unmasked it does", wait_ticks(before + 2, 1000));
	outb(MASTER + 1, 0xff);
}

static void check_rate(void)
{
	uint64_t start, passed;
	uint32_t first;

	outb(MASTER + 1, 0xfe);
	first = ticks;
	wait_ticks(first + 1, 1000);
	first = ticks;
	start = rdtsc();
	wait_ticks(first + 50, 3000);
	passed = (rdtsc() - start) / (tsc_per_ms() / 1000);
	outb(MASTER + 1, 0xff);
	/* Never faster; slower when the machine is busy, since a tick that nobody took is lost. */
	check_range("50 ticks at 1 kHz take 50 ms", passed, 45000, 500000);
}

static void check_counters(void)
{
	uint16_t first, second;
	uint64_t end;

	set_counter0(2, 0xffff);
	first = read_counter0();
	delay_us(1000);
	second = read_counter0();
	check_true("mode 2: the counter falls", second < first || second > 0xff00);
	outb(0x43, 0xe2); /* read-back: status of counter 0 */
	check_value("read-back gives mode and access", inb(0x40) & 0x3f, 0x34);

	outb(0x61, (uint8_t)((inb(0x61) & ~2) | 1)); /* gate of counter 2 on, speaker off */
	outb(0x43, 0xb0);			      /* counter 2, mode 0 */
	outb(0x42, 0xff);
	outb(0x42, 0x0f);
	check_value("mode 0: the output is low while it counts", inb(0x61) >> 5 & 1, 0);
	end = rdtsc() + 100 * tsc_per_ms();
	while (!(inb(0x61) & 0x20) && rdtsc() < end)
		pause();
	check_value("mode 0: and high at the end", inb(0x61) >> 5 & 1, 1);
}

int main(void)
{
	apic_enable();
	if (inb(0x40) == 0xff && inb(0x40) == 0xff && inb(0x21) == 0xff && inb(0xa1) == 0xff) {
		outb(MASTER + 1, 0x5a);
		if (inb(MASTER + 1) != 0x5a) {
			skip("8259 and 8254", "this machine has none");
			return 0;
		}
	}
	start_pics();
	apic_write(APIC_LVT_LINT0, 0x700);
	check_delivery();
	check_rate();
	check_counters();
	return 0;
}
