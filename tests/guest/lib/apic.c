/* SPDX-License-Identifier: Apache-2.0 */
/* The local APIC in either of its two forms (SDM v3 11.4, 11.12). */
#include "guest.h"

#define XAPIC_PAGE 0xfee00000ull
#define BASE_ENABLE (1u << 11)
#define BASE_X2 (1u << 10)

static bool in_x2(void)
{
	return (rdmsr(MSR_APIC_BASE) & BASE_X2) != 0;
}

bool apic_has_x2(void)
{
	return (cpuid(1, 0).ecx & (1u << 21)) != 0;
}

bool apic_is_x2(void)
{
	return in_x2();
}

void apic_use_x2(bool on)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);

	if (on == ((base & BASE_X2) != 0))
		return;
	if (!on)
		wrmsr(MSR_APIC_BASE, base & ~(uint64_t)(BASE_ENABLE | BASE_X2));
	wrmsr(MSR_APIC_BASE, (base & ~(uint64_t)BASE_X2) | BASE_ENABLE | (on ? BASE_X2 : 0));
}

static void ignore_spurious(struct frame *frame)
{
	(void)frame; /* a spurious interrupt is not to be ended (SDM v3 11.9) */
}

void apic_enable(void)
{
	on_vector(0xff, ignore_spurious);
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | BASE_ENABLE);
	apic_write(APIC_SVR, 0x1ff);
}

uint32_t apic_read(enum apic_register reg)
{
	return in_x2() ? (uint32_t)rdmsr(0x800u + reg / 16u) : mmio_read(XAPIC_PAGE + reg);
}

void apic_write(enum apic_register reg, uint32_t value)
{
	if (in_x2())
		wrmsr(0x800u + reg / 16u, value);
	else
		mmio_write(XAPIC_PAGE + reg, value);
}

uint32_t apic_id(void)
{
	uint32_t id = apic_read(APIC_ID);

	return in_x2() ? id : id >> 24;
}

void apic_send(uint32_t destination, uint32_t low)
{
	if (in_x2()) {
		wrmsr(0x800u + APIC_ICR / 16u, (uint64_t)destination << 32 | low);
		return;
	}
	mmio_write(XAPIC_PAGE + APIC_ICR2, destination << 24);
	mmio_write(XAPIC_PAGE + APIC_ICR, low);
	while (mmio_read(XAPIC_PAGE + APIC_ICR) & (1u << 12))
		pause();
}

bool apic_vector_bit(enum apic_register base, uint8_t vector)
{
	return (apic_read((enum apic_register)(base + vector / 32u * 16u)) >> (vector % 32u)) & 1;
}
