/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that dies at any moment: its timer's handler faults three times over (APM v2 8.2.9), and the time that it has is drawn
 * from the wall clock. Until then it does what makes a hypervisor work: exits of all kinds, messages to itself, sleep, with
 * the vector registers in use. Whoever runs it counts its lives, and looks at the others.
 */
#include "guest.h"

#define VECTOR_DEATH 0x50
#define VECTOR_OWN   0x51
#define MSR_KVM_WALL_CLOCK 0x4b564d00u

static uint64_t state;

static uint32_t draw(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 11) % below;
}

static void die(struct frame *frame)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) none = { 0, 0 };

	(void)frame;
	__asm__ volatile("lidt %0; ud2" : : "m"(none));
}

static void do_cpuid(void)
{
	cpuid(draw(0x20), draw(4));
}

static void do_msr(void)
{
	wrmsr(0xc0000103, rdmsr(0xc0000103) + draw(7));
}

static void do_port(void)
{
	inb(0x3fd);
	outb(0x3f8, 'm');
}

static void do_mmio(void)
{
	mmio_read(0xfec00000 + 16 * draw(2));
}

static void do_message(void)
{
	apic_send(apic_id(), VECTOR_OWN);
}

static void do_sleep(void)
{
	halt_once();
	enable_interrupts();
}

static void do_vectors(void)
{
	__asm__ volatile("movq %0, %%xmm3; paddq %%xmm3, %%xmm7" : : "r"(state));
}

static void do_config(void)
{
	outl(0xcf8, 0x80000000u | draw(64) << 2);
	inl(0xcfc);
}

static void do_deaf(void)
{
	disable_interrupts();
	for (uint32_t turns = draw(3000); turns; turns--)
		pause();
	enable_interrupts();
}

static void (*const deeds[])(void) = { do_cpuid, do_msr, do_port, do_mmio, do_message, do_sleep, do_vectors, do_config, do_deaf };

int main(void)
{
	struct {
		uint32_t version, seconds, nanoseconds;
	} *clock = take_page();

	wrmsr(MSR_KVM_WALL_CLOCK, (uintptr_t)clock);
	state = clock->seconds * 1000000000ull + clock->nanoseconds;
	on_vector(VECTOR_DEATH, die);
	count_vector(VECTOR_OWN);
	apic_enable();
	for (int i = 0; i < 8; i++)
		draw(2);
	apic_write(APIC_TIMER_DIVIDE, 0xb);
	apic_write(APIC_LVT_TIMER, VECTOR_DEATH);
	apic_write(APIC_TIMER_INITIAL, 1 + draw(1000000));
	enable_interrupts();
	for (;;)
		deeds[draw(sizeof(deeds) / sizeof(*deeds))]();
}
