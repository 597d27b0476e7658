/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 16550A at 0x3f8: registers, divisor latch, FIFOs, interrupts by cause, and loopback. (National PC16550D data sheet.)
 * It is also the console, so results are collected first and printed at the end.
 */
#include "guest.h"

enum { DATA = 0x3f8, IER, IIR, LCR, MCR, LSR, MSR, SCR };

static struct {
	const char *name;
	uint32_t got, want;
} results[40];
static unsigned count;

static void collect(const char *name, uint32_t got, uint32_t want)
{
	results[count].name = name;
	results[count].got = got;
	results[count++].want = want;
}

static void drain(void)
{
	while (!(inb(LSR) & 0x40))
		pause();
}

static void try_registers(void)
{
	uint8_t low, high;

	collect("scratch register", (outb(SCR, 0x5a), inb(SCR)), 0x5a);
	collect("idle transmitter", inb(LSR) & 0x60, 0x60);
	outb(LCR, 0x83);
	low = inb(DATA);
	high = inb(IER);
	outb(DATA, 0x34);
	outb(IER, 0x12);
	collect("divisor latch, low", inb(DATA), 0x34);
	collect("divisor latch, high", inb(IER), 0x12);
	outb(DATA, low);
	outb(IER, high);
	outb(LCR, 0x03);
	collect("line control", inb(LCR), 0x03);
	outb(IER, 0x0f);
	collect("interrupt enable keeps four bits", inb(IER), 0x0f);
	outb(IER, 0);
}

static void try_fifo(void)
{
	outb(IIR, 0);
	collect("FIFOs off", inb(IIR) & 0xc0, 0);
	outb(IIR, 0x07);
	collect("FIFOs on", inb(IIR) & 0xc0, 0xc0);
	collect("no interrupt pending", inb(IIR) & 0x0f, 1);
}

static void try_loopback(void)
{
	static const uint8_t text[] = { 0x00, 0x55, 0xaa, 0xff };

	drain();
	outb(MCR, 0x1a); /* loop, OUT2, RTS */
	collect("loopback: RTS is CTS, OUT2 is DCD", inb(MSR) & 0xf0, 0x90);
	for (unsigned i = 0; i < sizeof(text); i++) {
		uint8_t got = 0xee;

		outb(DATA, text[i]);
		for (int turn = 0; turn < 100000 && !(inb(LSR) & 1); turn++)
			pause();
		if (inb(LSR) & 1)
			got = inb(DATA);
		collect("loopback: a byte comes back", got, text[i]);
	}
	collect("loopback: nothing more", inb(LSR) & 1, 0);
	outb(DATA, 'x');
	for (int turn = 0; turn < 100000 && !(inb(LSR) & 1); turn++)
		pause();
	outb(IER, 1);
	collect("received data is the interrupt's cause", inb(IIR) & 0x07, 0x04);
	(void)inb(DATA);
	collect("reading it ends the interrupt", inb(IIR) & 1, 1);
	drain();
	outb(IER, 2);
	collect("an empty transmitter is a cause", inb(IIR) & 0x0f, 0x02);
	collect("reading the cause ends it", inb(IIR) & 0x0f, 0x01);
	outb(IER, 0);
	outb(MCR, 0x0b);
}

int main(void)
{
	try_registers();
	try_fifo();
	try_loopback();
	for (unsigned i = 0; i < count; i++)
		check_value(results[i].name, results[i].got, results[i].want);
	return 0;
}
