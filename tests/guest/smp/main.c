/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several processors: all of the MADT start, IPIs reach exactly whom they name in every addressing mode, none is lost
 * under load, a running processor can be sent back to its start (INIT) and started again, and the time stamp counters agree. (SDM v3 9.4, 11.6.)
 */
#include "guest.h"

#define IPI 0x51u
#define PING 0x52u
#define ROUNDS 500u

static uint32_t running;
static volatile uint32_t got[MOST_CPUS];

static uint32_t index_of(uint32_t id)
{
	for (uint32_t i = 0; i < running; i++)
		if (processor_apic_id(i) == id)
			return i;
	return MOST_CPUS - 1;
}

static void take_ipi(struct frame *frame)
{
	(void)frame;
	__atomic_add_fetch(&got[index_of(apic_id())], 1, __ATOMIC_RELAXED);
	apic_write(APIC_EOI, 0);
}

static volatile uint32_t stop_listening, listening;

static void listen(void *argument)
{
	bool *x2 = argument;

	apic_use_x2(*x2);
	apic_enable();
	if (!*x2) {
		apic_write(APIC_DFR, 0xffffffff);
		apic_write(APIC_LDR, 1u << (24 + index_of(apic_id()) % 8));
	}
	__atomic_add_fetch(&listening, 1, __ATOMIC_RELEASE);
	while (!stop_listening)
		interrupt_window();
}

static void all_listen(bool *x2)
{
	stop_listening = listening = 0;
	for (uint32_t i = 0; i < running; i++)
		if (processor_apic_id(i) != apic_id())
			start_on(i, listen, x2);
	while (listening != running - 1)
		pause();
}

static void all_stop(void)
{
	stop_listening = 1;
	for (uint32_t i = 0; i < running; i++)
		while (processor_apic_id(i) != apic_id() && !is_done(i))
			pause();
}

/* Sends, lets it arrive, and compares who got it with the mask of processors (by order of the MADT). */
static void check_reach(const char *name, uint32_t destination, uint32_t low, uint32_t mask)
{
	uint32_t reached = 0, twice = 0;
	uint64_t end;

	memory_set((void *)got, 0, sizeof(got));
	apic_send(destination, low | IPI);
	end = rdtsc() + 200 * tsc_per_ms();
	while (rdtsc() < end) {
		interrupt_window();
		reached = 0;
		for (uint32_t i = 0; i < running; i++)
			reached |= (got[i] > 0 ? 1u : 0u) << i;
		if (reached == mask && mask)
			break;
	}
	delay_us(200);
	interrupt_window();
	for (uint32_t i = 0; i < running; i++) {
		reached |= (got[i] > 0 ? 1u : 0u) << i;
		twice += got[i] > 1;
	}
	check_value(name, reached | twice << 16, mask);
}

static uint32_t others(void)
{
	return ((1u << running) - 1) & ~(1u << index_of(apic_id()));
}

static void check_ipis(bool x2)
{
	uint32_t me = index_of(apic_id());

	note("IPIs in %s mode", x2 ? "x2APIC" : "xAPIC");
	for (uint32_t i = 0; i < running; i++)
		check_reach("by physical id", processor_apic_id(i), 0x4000, 1u << i);
	check_reach("to all but self", 0, 0xc4000, others());
	check_reach("to all", 0, 0x84000, others() | 1u << me);
	check_reach("to the broadcast id", x2 ? 0xffffffff : 0xff, 0x4000, others() | 1u << me);
	if (!x2) {
		apic_write(APIC_DFR, 0xffffffff);
		apic_write(APIC_LDR, 1u << (24 + me % 8));
		check_reach("by logical ids: the first two", 3, 0x4800, 3);
		check_reach("by logical id: none", 0, 0x4800, 0);
	} else {
		uint32_t id = processor_apic_id(1);

		check_reach("by logical id", (id >> 4) << 16 | 1u << (id & 15), 0x4800, 2);
		check_reach("by logical ids: a cluster's all", 0xffff, 0x4800, others() | 1u << me);
	}
}

static volatile uint32_t pinged;

static void take_ping(struct frame *frame)
{
	(void)frame;
	__atomic_add_fetch(&pinged, 1, __ATOMIC_RELAXED);
	apic_write(APIC_EOI, 0);
}

static void check_load(void)
{
	bool lost = false;

	on_vector(PING, take_ping);
	for (uint32_t round = 0; round < ROUNDS && !lost; round++) {
		pinged = 0;
		apic_send(0, 0xc4000 | PING);
		lost = !wait_until(&pinged, running - 1, 2000);
	}
	check_true("none of many broadcasts is lost", !lost);
}

static volatile uint32_t nmis;

static void take_nmi(struct frame *frame)
{
	(void)frame;
	__atomic_add_fetch(&nmis, 1, __ATOMIC_RELAXED);
}

static void check_nmi(void)
{
	on_vector(2, take_nmi);
	nmis = 0;
	apic_send(0, 0xc4400);
	wait_until(&nmis, running - 1, 1000);
	delay_us(1000);
	check_value("an NMI reaches all others, each once", nmis, running - 1);
}

/* A counter of this processor between two of another's: no one is ahead. */
static volatile uint64_t their_tsc;

static void read_tsc(void *argument)
{
	(void)argument;
	their_tsc = rdtsc();
}

static void check_tsc(void)
{
	bool good = true;

	for (uint32_t i = 0; i < running; i++) {
		for (int turn = 0; turn < 50 && processor_apic_id(i) != apic_id(); turn++) {
			uint64_t before = rdtsc();

			run_on(i, read_tsc, NULL);
			good = good && before <= their_tsc && their_tsc <= rdtsc();
		}
	}
	check_true("time stamp counters agree", good);
}

extern volatile uint32_t ap_started;

static void check_init(void)
{
	uint32_t other = processor_apic_id(0) == apic_id() ? 1 : 0, before = ap_started;

	apic_send(processor_apic_id(other), 0x4608); /* it runs: ignored */
	delay_us(2000);
	check_value("a start-up IPI to one that runs is ignored", ap_started, before);
	apic_send(processor_apic_id(other), 0x4500);
	delay_us(10000);
	apic_send(processor_apic_id(other), 0x4608);
	if (has_argument("deaf"))
		skip("after INIT it starts again", "here nothing ends a guest's run while its interrupts are off");
	else
		check_true("after INIT it starts again", wait_until(&ap_started, before + 1, 2000));
}

int main(void)
{
	static bool x2;

	apic_use_x2(false);
	apic_enable();
	tsc_per_ms();
	running = start_processors();
	note("%u processors", running);
	if (running < 2) {
		skip("several processors", "there is one");
		return 0;
	}
	on_vector(IPI, take_ipi);
	all_listen(&x2);
	check_ipis(false);
	check_load();
	check_nmi();
	all_stop();
	check_tsc();
	if (apic_has_x2()) {
		x2 = true;
		apic_use_x2(true);
		apic_enable();
		all_listen(&x2);
		check_ipis(true);
		check_load();
		all_stop();
	}
	check_init();
	return 0;
}
