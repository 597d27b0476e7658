/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The KVM paravirtual interface as Linux uses it: signature and features in CPUID, the clock (version protocol, per-page
 * stable flag), the EOI word, hypercalls, and #GP for what is malformed. (Linux: Documentation/virt/kvm/x86/{cpuid,msr,hypercalls}.rst.)
 * Where the guest has `pv: none` nothing of it may be there.
 */
#include "guest.h"

#define FEATURE_CLOCK2 3u
#define FEATURE_STEAL 5u
#define FEATURE_PV_EOI 6u
#define FEATURE_UNHALT 7u
#define FEATURE_STABLE 24u
#define MSR_WALL 0x4b564d00u
#define MSR_SYSTEM 0x4b564d01u
#define MSR_PV_EOI 0x4b564d04u
#define IPI 0x53u

struct time_info {
	uint32_t version, pad;
	uint64_t tsc, system;
	uint32_t multiplier;
	int8_t shift;
	uint8_t flags, pad2[2];
};
struct wall {
	uint32_t version, seconds, nanoseconds;
};

static uint32_t features;

static bool has(uint32_t bit)
{
	return features >> bit & 1;
}

static uint64_t nanoseconds(const volatile struct time_info *info)
{
	uint64_t delta = rdtsc() - info->tsc;

	delta = info->shift >= 0 ? delta << info->shift : delta >> -info->shift;
	return info->system + (uint64_t)((unsigned __int128)delta * info->multiplier >> 32);
}

static void check_clock(void)
{
	volatile struct time_info *info = take_page();
	volatile struct wall *wall = take_page();
	uint64_t first, second, tsc;

	check_true("features: clock by the second pair of MSRs", has(FEATURE_CLOCK2));
	wrmsr(MSR_SYSTEM, (uint64_t)info | 1);
	check_true("clock: the page is filled", info->multiplier != 0);
	check_value("clock: the version is even", info->version & 1, 0);
	check_value("clock: reads back", rdmsr(MSR_SYSTEM), (uint64_t)info | 1);
	if (has(FEATURE_STABLE))
		check_value("clock: the page says stable, as CPUID does", info->flags & 1, 1);
	first = nanoseconds(info);
	tsc = rdtsc();
	delay_us(2000);
	second = nanoseconds(info);
	tsc = rdtsc() - tsc;
	check_range("clock: goes as the TSC does, in percent", (second - first) / 10 * tsc_per_ms() / (tsc * 1000), 90, 110);
	wrmsr(MSR_WALL, (uint64_t)wall);
	check_value("wall clock: the version is even", wall->version & 1, 0);
	check_range("wall clock: after 2000", wall->seconds, 946684800, 0xffffffff);
	wrmsr(MSR_SYSTEM, 0);
}

static uint64_t odd_wall(void)
{
	wrmsr(MSR_WALL, 0x1000003);
	return 0;
}

static volatile uint32_t word;
static volatile uint32_t was_set, arrivals;

static void take_ipi(struct frame *frame)
{
	(void)frame;
	arrivals++;
	was_set = word & 1;
	__asm__ volatile("lock btrl $0, %0" : "+m"(word));
	if (!was_set)
		apic_write(APIC_EOI, 0);
}

static void check_eoi(void)
{
	if (!has(FEATURE_PV_EOI)) {
		skip("the EOI word", "no such feature");
		return;
	}
	wrmsr(MSR_PV_EOI, (uint64_t)&word | 1);
	on_vector(IPI, take_ipi);
	for (uint32_t i = 1; i <= 20; i++) {
		apic_send(apic_id(), 0x4000 | IPI);
		interrupt_window();
		if (arrivals != i)
			break;
	}
	check_value("the EOI word ends each of 20 interrupts", arrivals, 20);
	note("the last one came with the word %s", was_set ? "set" : "clear");
	(void)cpuid(0, 0);
	check_true("nothing stays in service", !apic_vector_bit(APIC_ISR, IPI));
	wrmsr(MSR_PV_EOI, 0);
}

static uint64_t hypercall(void)
{
	uint64_t result;

	if (cpuid(0, 0).ecx == 0x6c65746e) /* "ntel" */
		__asm__ volatile("vmcall" : "=a"(result) : "a"(0x4242ull), "b"(0ull), "c"(0ull), "d"(0ull), "S"(0ull) : "memory");
	else
		__asm__ volatile("vmmcall" : "=a"(result) : "a"(0x4242ull), "b"(0ull), "c"(0ull), "d"(0ull), "S"(0ull) : "memory");
	return result;
}

static const struct row rows[] = {
	{ "an unknown hypercall: -ENOSYS", hypercall, NO_TRAP, (uint64_t)-1000, NULL },
	{ "a wall clock at an address that is not aligned: #GP", odd_wall, 13, 0, NULL },
};

static uint64_t read_system(void)
{
	return rdmsr(MSR_SYSTEM);
}
static const struct row absent[] = {
	{ "without pv: the clock's MSR", read_system, 13, 0, NULL },
	{ "without pv: a hypercall", hypercall, 6, 0, NULL },
};

int main(void)
{
	struct cpuid signature = cpuid(0x40000000, 0);

	apic_enable();
	if (signature.ebx != 0x4b4d564b || signature.ecx != 0x564b4d56 || signature.edx != 0x4d) {
		if (on_bare())
			skip("KVM's interface", "this is the bare machine");
		else
			CHECK_ROWS(absent);
		return 0;
	}
	check_range("highest leaf", signature.eax, 0x40000001, 0x40000010);
	check_true("the hypervisor bit is set", (cpuid(1, 0).ecx >> 31 & 1) != 0);
	features = cpuid(0x40000001, 0).eax;
	note("features 0x%x", features);
	if (signature.eax >= 0x40000010) {
		struct cpuid rates = cpuid(0x40000010, 0);

		check_range("TSC rate in kHz, as the PM timer has it, in percent", rates.eax * 100ull / (tsc_per_ms() ? tsc_per_ms() : 1), 80, 125);
		check_range("LAPIC timer rate in kHz", rates.ebx, 1000, 10000000);
	}
	check_clock();
	check_eoi();
	CHECK_ROWS(rows);
	return 0;
}
