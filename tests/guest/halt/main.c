/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HLT: wakes for the timer a thousand times over, does not sleep when an interrupt is already pending, wakes for an NMI with
 * interrupts off, and a processor that another one wakes. Losing one wake-up hangs this guest. (APM v3 HLT.)
 */
#include "guest.h"

#define TIMER 0x60u
#define WAKE 0x61u
#define TURNS 1000u

static volatile uint32_t nmis;

static void count_nmi(struct frame *frame)
{
	(void)frame;
	nmis++;
}

static void check_timer(void)
{
	count_vector(TIMER);
	apic_write(APIC_TIMER_DIVIDE, 0xb);
	apic_write(APIC_LVT_TIMER, TIMER);
	for (uint32_t i = 0; i < TURNS; i++) {
		apic_write(APIC_TIMER_INITIAL, 1000 + i * 97 % 20000); /* sometimes it is over before HLT */
		halt_once();
	}
	check_value("the timer wakes, each time once", hits[TIMER], TURNS);
}

static void check_pending(void)
{
	count_vector(WAKE);
	for (uint32_t i = 0; i < TURNS; i++) {
		apic_send(apic_id(), 0x4000 | WAKE);
		halt_once();
	}
	check_value("an interrupt that is pending does", hits[WAKE], TURNS);
}

static void check_nmi(void)
{
	on_vector(2, count_nmi);
	apic_send(apic_id(), 0x4400); /* arrives at once */
	check_value("an NMI arrives", nmis, 1);
}

static volatile uint32_t asleep, awake;

static void sleep_again_and_again(void *argument)
{
	(void)argument;
	apic_enable();
	for (uint32_t i = 1; i <= TURNS; i++) {
		asleep = i;
		halt_once();
		awake = i;
	}
}

static volatile uint32_t deaf, woken;

static void sleep_deaf(void *argument)
{
	(void)argument;
	deaf = 1;
	__asm__ volatile("hlt" : : : "memory"); /* interrupts are off: only an NMI ends this */
	woken = 1;
}

static void check_others(void)
{
	uint32_t other;

	if (start_processors() < 2) {
		skip("a processor wakes another", "there is one");
		return;
	}
	other = processor_apic_id(0) == apic_id() ? 1 : 0;
	hits[WAKE] = 0;
	start_on(other, sleep_again_and_again, NULL);
	for (uint32_t i = 1; i <= TURNS; i++) {
		while (asleep != i)
			pause();
		apic_send(processor_apic_id(other), 0x4000 | WAKE); /* before, at or after its HLT */
		while (awake != i)
			pause();
	}
	check_value("a processor wakes another, each time", hits[WAKE], TURNS);
	while (!is_done(other))
		pause();

	nmis = 0;
	start_on(other, sleep_deaf, NULL);
	while (!deaf)
		pause();
	apic_send(processor_apic_id(other), 0x4000 | WAKE);
	delay_us(1000);
	check_value("with interrupts off it sleeps on", woken, 0);
	while (!woken) { /* one NMI may come before its HLT */
		apic_send(processor_apic_id(other), 0x4400);
		delay_us(1000);
	}
	check_true("until an NMI comes", nmis > 0);
}

int main(void)
{
	apic_enable();
	tsc_per_ms();
	check_timer();
	check_pending();
	check_nmi();
	check_others();
	return 0;
}
