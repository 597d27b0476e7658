/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An hour of sleep, woken once a second by the local APIC's periodic timer, and what each clock of the guest says of it. The
 * machine's clock is its time stamp counter: under `-icount shift=0,sleep=off` it counts nanoseconds and the time that all sleep
 * passes at once. KVM's clock, the ACPI timer, the HPET and the number of wake-ups may differ from it by a millionth.
 */
#include "guest.h"

#define SECONDS 3600u
#define VECTOR 0x41u
#define LVT_PERIODIC (1u << 17)
#define DIVIDE_BY_1 0xbu
#define LAPIC_HZ 1000000000u
#define PM_HZ 3579545u
#define MSR_KVM_SYSTEM_TIME 0x4b564d01u
#define HPET_PERIOD 0x4u /* femtoseconds a tick */
#define HPET_CONFIG 0x10u
#define HPET_COUNTER 0xf0u
#define NS 1000000000ull

struct time_info {
	uint32_t version, pad;
	uint64_t tsc, system;
	uint32_t multiplier;
	int8_t shift;
	uint8_t flags, pad2[2];
};

static uint64_t kvm_ns(const volatile struct time_info *info)
{
	uint64_t delta = rdtsc() - info->tsc;

	delta = info->shift >= 0 ? delta << info->shift : delta >> -info->shift;
	return info->system + (uint64_t)((unsigned __int128)delta * info->multiplier >> 32);
}

/* 24 bits: to be read within each 4.6 seconds. */
static uint64_t pm_ticks(void)
{
	static uint32_t last;
	static uint64_t ticks;
	uint32_t now = inl(acpi_pm_timer()) & 0xffffff;

	ticks += (now - last) & 0xffffff;
	last = now;
	return ticks;
}

static uint64_t hpet_base(void)
{
	const uint8_t *table = acpi_table("HPET");

	return table ? *(const uint64_t *)(table + 44) : 0;
}

static uint64_t hpet_ticks(uint64_t base)
{
	static uint32_t last;
	static uint64_t ticks;
	uint32_t now = mmio_read(base + HPET_COUNTER);

	ticks += now - last;
	last = now;
	return ticks;
}

static volatile uint32_t arrived;

static void take_tick(struct frame *frame)
{
	(void)frame;
	arrived++;
	apic_write(APIC_EOI, 0);
}

/* To a millionth. */
static void check_hour(const char *name, uint64_t ns, uint64_t tsc)
{
	note("%s: %lu ns in %lu of the machine's", name, ns, tsc);
	check_range(name, ns, tsc - tsc / 1000000, tsc + tsc / 1000000);
}

int main(void)
{
	volatile struct time_info *info = take_page();
	uint64_t base = hpet_base(), tsc, kvm, pm, hpet;

	apic_enable();
	on_vector(VECTOR, take_tick);
	wrmsr(MSR_KVM_SYSTEM_TIME, (uint64_t)info | 1);
	check_true("there is an HPET", base != 0);
	mmio_write(base + HPET_CONFIG, 1);
	apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
	apic_write(APIC_LVT_TIMER, LVT_PERIODIC | VECTOR);
	apic_write(APIC_TIMER_INITIAL, LAPIC_HZ);
	halt_once();
	tsc = rdtsc();
	kvm = kvm_ns(info);
	pm = pm_ticks();
	hpet = hpet_ticks(base);
	for (uint32_t i = 0; i < SECONDS; i++) {
		halt_once();
		pm_ticks();
		hpet_ticks(base);
	}
	tsc = rdtsc() - tsc;
	check_value("the local APIC's timer ticks once a second", arrived, SECONDS + 1);
	check_hour("the local APIC's timer", SECONDS * NS, tsc);
	check_hour("KVM's clock", kvm_ns(info) - kvm, tsc);
	check_hour("the ACPI timer", (pm_ticks() - pm) * NS / PM_HZ, tsc);
	check_hour("the HPET", (hpet_ticks(base) - hpet) * mmio_read(base + HPET_PERIOD) / 1000000, tsc);
	apic_write(APIC_TIMER_INITIAL, 0);
	return 0;
}
