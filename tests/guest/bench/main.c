/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an exit costs. Each row runs its operation a few thousand times between two readings of the time stamp counter, and
 * takes off what the same loop costs without it. Under `-icount shift=0` the counter counts instructions, so the figures are
 * instructions an operation, the core's included, and a second run gives the same.
 *
 * Prints `bench <name> <instructions>`, or `bench <name> absent` for what this machine does not have. Sleeping rows print what
 * the wake-up took beyond the time that was asked for; the least of their runs, since a tick of the timer is more than one
 * instruction on machines whose counter the core had to measure.
 */
#include "guest.h"

#define TURNS 4096u
#define SLEEPS 32u
#define SLEEP_TICKS 200000u
#define VECTOR 0x41u
#define LVT_MASKED (1u << 16)
#define LVT_DEADLINE (2u << 17)
#define DIVIDE_BY_1 0xbu
#define ICR_SELF (1u << 18)
#define ICR_ASSERT (1u << 14)

static volatile uint32_t arrived;
static uint64_t arrived_at;
static bool x2apic, intel;

static void handle(struct frame *frame)
{
	(void)frame;
	arrived_at = rdtsc();
	arrived++;
	if (x2apic) /* not apic_write(): it asks the mode, which is an exit of its own */
		wrmsr(0x80b, 0);
	else
		mmio_write(0xfee00000u + APIC_EOI, 0);
}

static void nothing(void)
{
	__asm__ volatile("" : : : "memory");
}

static void do_cpuid(void)
{
	cpuid(1, 0);
}

static void do_rdmsr(void)
{
	rdmsr(MSR_APIC_BASE);
}

static void do_vmmcall(void)
{
	uint64_t number = 0x4242; /* no hypercall of anyone's */

	if (intel)
		__asm__ volatile("vmcall" : "+a"(number) : : "memory");
	else
		__asm__ volatile("vmmcall" : "+a"(number) : : "memory");
}

static void do_uart_status(void)
{
	inb(0x3fd);
}

static void do_eoi_xapic(void)
{
	mmio_write(0xfee00000u + APIC_EOI, 0);
}

static void do_eoi_x2apic(void)
{
	wrmsr(0x80b, 0);
}

static void do_self_ipi(void)
{
	uint32_t before = arrived;

	wrmsr(0x830, ICR_SELF | ICR_ASSERT | VECTOR);
	while (arrived == before)
		;
}

static uint64_t loop(void (*operation)(void))
{
	uint64_t start = rdtsc();

	for (uint32_t i = 0; i < TURNS; i++)
		operation();
	return rdtsc() - start;
}

static void measure(const char *name, void (*operation)(void))
{
	uint64_t empty, full;

	operation(); /* translations, caches */
	empty = loop(nothing);
	full = loop(operation);
	print("bench %s %lu\n", name, full > empty ? (full - empty + TURNS / 2) / TURNS : 0);
}

static void arm(uint32_t ticks)
{
	if (x2apic)
		wrmsr(0x838, ticks);
	else
		mmio_write(0xfee00000u + APIC_TIMER_INITIAL, ticks);
}

/* The timer's clock is 1 GHz here, and so is the counter's where it counts instructions; a machine with another one says so. */
static uint64_t counter_ticks(void)
{
	uint32_t khz = !on_bare() && cpuid(0x40000000, 0).eax >= 0x40000010 ? cpuid(0x40000010, 0).eax : 0;

	return khz ? (uint64_t)SLEEP_TICKS * khz / 1000000 : SLEEP_TICKS;
}

/* From arming to the handler's first instruction, less the time asked for. */
static uint64_t sleep_once(bool deadline, uint64_t asked)
{
	uint64_t start;

	disable_interrupts();
	start = rdtsc();
	if (deadline)
		wrmsr(MSR_TSC_DEADLINE, start + SLEEP_TICKS);
	else
		arm(SLEEP_TICKS);
	halt_once();
	return arrived_at - start - asked;
}

static void measure_sleep(const char *name, bool deadline)
{
	uint64_t least = UINT64_MAX, asked = deadline ? SLEEP_TICKS : counter_ticks();

	apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
	apic_write(APIC_LVT_TIMER, VECTOR | (deadline ? LVT_DEADLINE : 0));
	for (uint32_t i = 0; i < SLEEPS; i++) {
		uint64_t cost = sleep_once(deadline, asked);

		least = cost < least ? cost : least;
	}
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	print("bench %s %lu\n", name, least);
}

static void measure_x2apic(void)
{
	if (!apic_has_x2()) {
		print("bench eoi-x2apic absent\nbench self-ipi-x2apic absent\nbench hlt-wake-x2apic absent\n");
		return;
	}
	apic_use_x2(true);
	x2apic = true;
	apic_enable();
	apic_write(APIC_LVT_LINT0, LVT_MASKED); /* as kernels have it once they use the IOAPIC */
	measure("eoi-x2apic", do_eoi_x2apic);
	enable_interrupts();
	measure("self-ipi-x2apic", do_self_ipi);
	disable_interrupts();
	measure_sleep("hlt-wake-x2apic", false);
}

int main(void)
{
	/* Firmware's timer is not what is measured. */
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	on_vector(VECTOR, handle);
	intel = cpuid(0, 0).ecx == 0x6c65746e; /* "ntel" */
	measure("cpuid", do_cpuid);
	measure("rdmsr-apic-base", do_rdmsr);
	if (on_bare())
		print("bench vmmcall absent\n");
	else
		measure("vmmcall", do_vmmcall);
	measure("uart-status", do_uart_status);
	measure_x2apic();
	apic_use_x2(false);
	x2apic = false;
	apic_enable();
	measure("eoi-xapic", do_eoi_xapic);
	measure_sleep("hlt-wake-xapic", false);
	if (cpuid(1, 0).ecx & (1u << 24))
		measure_sleep("hlt-wake-deadline", true);
	else
		print("bench hlt-wake-deadline absent\n");
	check_true("every handled interrupt was one of ours", arrived >= SLEEPS);
	return 0;
}
