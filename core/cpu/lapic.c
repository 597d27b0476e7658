/* SPDX-License-Identifier: Apache-2.0 */
/* The physical local APIC: one register access for both modes, then IPIs and the timer on top. */
#include "cpu/lapic.h"

#include "cpu/idt.h"
#include "mm/host_map.h"
#include "x86/insn.h"
#include "x86/msr.h"

/* Offsets in the xAPIC page, SDM v3 table 11-1; MSR 0x800 + offset / 16 in x2APIC mode. */
enum lapic_register {
	LAPIC_ID = 0x020,
	LAPIC_TPR = 0x080,
	LAPIC_EOI = 0x0b0,
	LAPIC_SVR = 0x0f0,
	LAPIC_ISR = 0x100,
	LAPIC_ESR = 0x280,
	LAPIC_LVT_CMCI = 0x2f0,
	LAPIC_ICR = 0x300,
	LAPIC_ICR_HIGH = 0x310,
	LAPIC_LVT_TIMER = 0x320,
	LAPIC_LVT_THERMAL = 0x330,
	LAPIC_LVT_PERF = 0x340,
	LAPIC_LVT_LINT0 = 0x350,
	LAPIC_LVT_LINT1 = 0x360,
	LAPIC_LVT_ERROR = 0x370,
	LAPIC_INITIAL_COUNT = 0x380,
	LAPIC_CURRENT_COUNT = 0x390,
	LAPIC_DIVIDE = 0x3e0,
	LAPIC_VERSION = 0x030,
};

#define SVR_ENABLE	 BIT(8)
#define LVT_MASKED	 BIT(16)
#define LVT_NMI		 field_make(BITS(10, 8), 4)
#define LVT_DEADLINE	 field_make(BITS(18, 17), 2)
#define ICR_FIXED	 0
#define ICR_NMI		 field_make(BITS(10, 8), 4)
#define ICR_INIT	 field_make(BITS(10, 8), 5)
#define ICR_STARTUP	 field_make(BITS(10, 8), 6)
#define ICR_PENDING	 BIT(12)
#define ICR_ASSERT	 BIT(14)
#define VERSION_MAX_LVT	 BITS(23, 16)
#define DIVIDE_BY_1	 0xb
#define DIVIDE_BY_16	 0x3
#define SEND_PATIENCE	 1000000

static uint8_t *page; /* xAPIC registers; NULL in x2APIC mode */
static bool has_deadline;

static uint32_t get(enum lapic_register r)
{
	return page ? mmio_read32(page + r) : (uint32_t)rdmsr(MSR_X2APIC(r));
}

static void put(enum lapic_register r, uint32_t v)
{
	if (page)
		mmio_write32(page + r, v);
	else
		wrmsr(MSR_X2APIC(r), v);
}

enum status lapic_find(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);
	struct cpuid_regs features = cpuid(CPUID_FEATURES, 0);

	has_deadline = features.ecx & CPUID_1_ECX_TSC_DEADLINE;
	if ((base & APIC_BASE_EXTD) || (features.ecx & CPUID_1_ECX_X2APIC))
		return STATUS_OK;
	return map_registers(base & APIC_BASE_ADDR, PAGE_SIZE, (void **)&page);
}

static void mask_local_interrupts(void)
{
	uint32_t max_lvt = (uint32_t)field_get(get(LAPIC_VERSION), VERSION_MAX_LVT);

	put(LAPIC_LVT_TIMER, (uint32_t)LVT_MASKED | HOST_VECTOR_TIMER);
	put(LAPIC_LVT_LINT0, LVT_MASKED);
	/* The platform's NMI pin: an NMI of the hardware is reported, not lost. */
	put(LAPIC_LVT_LINT1, (uint32_t)LVT_NMI);
	put(LAPIC_LVT_ERROR, HOST_VECTOR_ERROR);
	if (max_lvt >= 4)
		put(LAPIC_LVT_PERF, LVT_MASKED);
	if (max_lvt >= 5)
		put(LAPIC_LVT_THERMAL, LVT_MASKED);
	if (max_lvt >= 6)
		put(LAPIC_LVT_CMCI, LVT_MASKED);
}

/* What firmware left in service would hold back all lower vectors: at most 256 of them. */
static void drain_in_service(void)
{
	for (unsigned int n = 0; n < 256; n++) {
		uint32_t any = 0;

		for (unsigned int i = 0; i < 8; i++)
			any |= get((enum lapic_register)(LAPIC_ISR + 0x10 * i));
		if (!any)
			return;
		put(LAPIC_EOI, 0);
	}
}

static void use_timer(void)
{
	put(LAPIC_LVT_TIMER, (has_deadline ? (uint32_t)LVT_DEADLINE : 0) | HOST_VECTOR_TIMER);
	put(LAPIC_DIVIDE, DIVIDE_BY_1);
	/* SDM v3 10.5.4.1: the mode is set before a deadline is; the xAPIC write is not ordered
	 * with WRMSR. */
	mfence();
}

void lapic_init(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;

	wrmsr(MSR_APIC_BASE, base);
	if (!page && !(base & APIC_BASE_EXTD))
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_EXTD);
	mask_local_interrupts();
	put(LAPIC_SVR, (uint32_t)SVR_ENABLE | HOST_VECTOR_SPURIOUS);
	put(LAPIC_TPR, 0);
	drain_in_service();
	/* SDM v3 11.5.3: a write makes the register current, so this clears it. */
	put(LAPIC_ESR, 0);
	use_timer();
}

uint32_t lapic_id(void)
{
	return page ? get(LAPIC_ID) >> 24 : get(LAPIC_ID);
}

bool lapic_is_x2apic(void)
{
	return !page;
}

void lapic_eoi(void)
{
	put(LAPIC_EOI, 0);
}

/* xAPIC: the register is free when the last request has gone (SDM v3 11.6.1, delivery status). */
static void wait_free(void)
{
	for (unsigned int i = 0; i < SEND_PATIENCE && (get(LAPIC_ICR) & ICR_PENDING); i++)
		cpu_pause();
}

static void send(uint32_t apic_id, uint64_t command)
{
	if (!page) {
		/* SDM v3 11.12.3: x2APIC writes are not serializing; what the target is to see
		 * goes out first. */
		mfence();
		lfence();
		wrmsr(MSR_X2APIC(LAPIC_ICR), join32((uint32_t)command, apic_id));
		return;
	}
	wait_free();
	put(LAPIC_ICR_HIGH, apic_id << 24);
	put(LAPIC_ICR, (uint32_t)command);
	wait_free();
}

void lapic_send_fixed(uint32_t apic_id, uint8_t vector)
{
	send(apic_id, ICR_FIXED | ICR_ASSERT | vector);
}

void lapic_send_nmi(uint32_t apic_id)
{
	send(apic_id, ICR_NMI | ICR_ASSERT);
}

void lapic_send_init(uint32_t apic_id)
{
	send(apic_id, ICR_INIT | ICR_ASSERT);
}

void lapic_send_startup(uint32_t apic_id, uint8_t start_page)
{
	send(apic_id, ICR_STARTUP | ICR_ASSERT | start_page);
}

void lapic_timer_set(uint32_t ticks)
{
	put(LAPIC_INITIAL_COUNT, ticks);
}

void lapic_timer_set_deadline(uint64_t tsc)
{
	wrmsr(MSR_TSC_DEADLINE, tsc);
}

bool lapic_has_deadline(void)
{
	return has_deadline;
}

void lapic_timer_measure_start(void)
{
	put(LAPIC_LVT_TIMER, (uint32_t)LVT_MASKED | HOST_VECTOR_TIMER);
	put(LAPIC_DIVIDE, DIVIDE_BY_16);
	put(LAPIC_INITIAL_COUNT, ~0u);
}

uint32_t lapic_timer_measure_read(void)
{
	return get(LAPIC_CURRENT_COUNT);
}

void lapic_timer_measure_stop(void)
{
	put(LAPIC_INITIAL_COUNT, 0);
	use_timer();
}
