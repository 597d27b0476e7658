/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local APIC of one processor, first in xAPIC mode (registers in memory at 0xfee00000), then in x2APIC mode (registers
 * as MSRs 0x800..0x83f): registers and their reserved bits, self-IPIs in every addressing mode, priorities, the timer
 * in its three modes, and the legal changes of mode. (SDM v3 11.4 to 11.12; APM v2 16.)
 */
#include "guest.h"

#define LOW 0x41u  /* priority class 4 */
#define HIGH 0x82u /* priority class 8 */
#define TIMER 0x60u
#define ERROR 0x70u
#define MASKED (1u << 16)

static bool x2;

/* ----------------------------------------------------------------------------------- registers */
struct register_row {
	const char *name;
	enum apic_register reg;
	uint32_t write, read;
	bool xapic_only;
};
static const struct register_row registers[] = {
	{ "TPR keeps 8 bits", APIC_TPR, 0x35, 0x35, false },
	{ "TPR is cleared again", APIC_TPR, 0, 0, false },
	{ "DFR keeps its model; the rest reads ones", APIC_DFR, 0x0fffffff, 0x0fffffff, true },
	{ "DFR goes back to flat", APIC_DFR, 0xffffffff, 0xffffffff, true },
	{ "LDR keeps bits 31:24", APIC_LDR, 0x02000000, 0x02000000, true },
	{ "divide configuration keeps bits 3, 1 and 0", APIC_TIMER_DIVIDE, 0xb, 0xb, false },
	{ "LVT LINT0 keeps vector, mode, polarity, trigger and mask", APIC_LVT_LINT0, 0x1a7fe, 0x1a7fe, false },
	{ "LVT LINT1 masked again", APIC_LVT_LINT1, 0x10400, 0x10400, false },
	{ "LVT error keeps vector and mask", APIC_LVT_ERROR, 0x100fe, 0x100fe, false },
	{ "LVT timer keeps vector, mask and mode", APIC_LVT_TIMER, 0x300fe, 0x300fe, false },
};

static void check_registers(void)
{
	check_range("version: integrated, at least 5 LVT entries", apic_read(APIC_VERSION) & 0xff, 0x10, 0x1f);
	check_range("version: highest LVT entry", apic_read(APIC_VERSION) >> 16 & 0xff, 4, 6);
	check_value("id of the boot processor as CPUID has it", apic_id(), cpuid(1, 0).ebx >> 24);
	for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
		const struct register_row *row = &registers[i];

		if (x2 && row->xapic_only)
			continue;
		apic_write(row->reg, row->write);
		check_value(row->name, apic_read(row->reg), row->read);
	}
	check_true("IA32_APIC_BASE marks the boot processor", (rdmsr(MSR_APIC_BASE) & 0x100) != 0);
}

/* ------------------------------------------------------------------------------------ self-IPIs */
static uint32_t logical_id(void)
{
	if (x2)
		return apic_read(APIC_LDR);
	apic_write(APIC_DFR, 0xffffffff);
	apic_write(APIC_LDR, 0x08000000);
	return 0x08;
}

static void check_sent(const char *name, uint32_t destination, uint32_t low)
{
	uint32_t before = hits[LOW];

	apic_send(destination, low | LOW);
	interrupt_window();
	check_value(name, hits[LOW] - before, 1);
}

static void check_not_sent(const char *name, uint32_t destination, uint32_t low)
{
	uint32_t before = hits[LOW];

	apic_send(destination, low | LOW);
	interrupt_window();
	check_value(name, hits[LOW] - before, 0);
}

static void check_ipis(void)
{
	uint32_t logical = logical_id();

	check_sent("IPI to itself by physical id", apic_id(), 0x4000);
	check_sent("IPI to itself by logical id", logical, 0x4800);
	check_sent("IPI by the shorthand self", 0, 0x44000);
	check_sent("IPI by the shorthand all", 0, 0x84000);
	check_not_sent("IPI by the shorthand all but self leaves it out", 0, 0xc4000);
	check_sent("IPI to the broadcast id", x2 ? 0xffffffff : 0xff, 0x4000);
	check_not_sent("IPI to a processor that does not exist", x2 ? 0x1234 : 0x77, 0x4000);
	check_sent("IPI of lowest priority to its logical id", logical, 0x4900);
	if (!x2) {
		apic_write(APIC_DFR, 0x0fffffff);
		apic_write(APIC_LDR, 0x21000000);
		check_sent("IPI to its cluster", 0x21, 0x4800);
		check_not_sent("IPI to another cluster", 0x31, 0x4800);
		apic_write(APIC_DFR, 0xffffffff);
	}
	if (x2) {
		uint32_t before = hits[LOW];

		apic_write(APIC_SELF_IPI, LOW);
		interrupt_window();
		check_value("the register SELF IPI", hits[LOW] - before, 1);
	}
}

static volatile uint32_t nmis;

static void count_nmi(struct frame *frame)
{
	(void)frame;
	nmis++;
}

static void check_nmi(void)
{
	on_vector(2, count_nmi);
	nmis = 0;
	disable_interrupts();
	apic_send(apic_id(), 0x4400);
	for (int i = 0; i < 1000 && !nmis; i++)
		pause();
	check_value("an NMI by IPI arrives with interrupts off", nmis, 1);
}

/* ------------------------------------------------------------------------------------ priorities */
static uint8_t order[4];
static unsigned taken;
static uint32_t ppr_inside, isr_inside;

static void take_low(struct frame *frame)
{
	(void)frame;
	order[taken++] = LOW;
	ppr_inside = apic_read(APIC_PPR);
	isr_inside = apic_vector_bit(APIC_ISR, LOW);
	apic_send(apic_id(), 0x4000 | HIGH); /* a higher class comes in between */
	interrupt_window();
	order[taken++] = 1; /* after it */
	apic_write(APIC_EOI, 0);
}

static void take_high(struct frame *frame)
{
	(void)frame;
	order[taken++] = HIGH;
	apic_send(apic_id(), 0x4000 | (HIGH + 1)); /* the same class waits */
	interrupt_window();
	apic_write(APIC_EOI, 0);
}

static void check_priorities(void)
{
	hits[LOW] = 0;
	apic_write(APIC_TPR, 0x50);
	check_value("CR8 is the class in TPR", read_cr8(), 5);
	apic_send(apic_id(), 0x4000 | LOW);
	interrupt_window();
	check_value("TPR of class 5 holds back a vector of class 4", hits[LOW], 0);
	check_true("which is seen in IRR", apic_vector_bit(APIC_IRR, LOW));
	hits[HIGH] = 0;
	apic_send(apic_id(), 0x4000 | HIGH);
	interrupt_window();
	check_value("and lets one of class 8 in", hits[HIGH], 1);
	write_cr8(0);
	check_value("CR8 = 0 clears TPR", apic_read(APIC_TPR), 0);

	taken = 0;
	on_vector(LOW, take_low);
	on_vector(HIGH, take_high);
	count_vector(HIGH + 1);
	interrupt_window();
	check_value("what was held back comes when TPR falls", taken, 3);
	check_value("in the handler PPR is its class", ppr_inside & 0xf0, LOW & 0xf0);
	check_value("in the handler ISR has its bit", isr_inside, 1);
	check_value("a higher class interrupts it", order[1], HIGH);
	check_value("and it goes on afterwards", order[2], 1);
	interrupt_window();
	check_value("a vector of the same class waited for the EOI", hits[HIGH + 1], 1);
	check_value("PPR is 0 in the end", apic_read(APIC_PPR), 0);
	check_true("ISR is empty in the end", !apic_vector_bit(APIC_ISR, LOW) && !apic_vector_bit(APIC_ISR, HIGH));
	count_vector(LOW);
	count_vector(HIGH);
}

/* ------------------------------------------------------------------------------------ the timer */

/* The count, and the time to a tenth of a millisecond: a reading in which the CPU was held up is taken again. */
static uint32_t count_at(uint64_t *when)
{
	uint64_t start;
	uint32_t count;

	do {
		start = rdtsc();
		count = apic_read(APIC_TIMER_CURRENT);
		*when = rdtsc();
	} while (*when - start > tsc_per_ms() / 10);
	return count;
}

static uint32_t ticks_per_ms(uint32_t divide) /* measured over at least four milliseconds */
{
	uint64_t first, last;
	uint32_t count;

	apic_write(APIC_TIMER_DIVIDE, divide);
	apic_write(APIC_TIMER_INITIAL, 4000000000u);
	count = count_at(&first);
	delay_us(4000);
	count -= count_at(&last);
	return (uint32_t)(count * tsc_per_ms() / (last - first));
}

static void check_timer(void)
{
	uint32_t before, first, second;

	count_vector(TIMER);
	apic_write(APIC_TIMER_DIVIDE, 0xb);
	apic_write(APIC_LVT_TIMER, TIMER);
	apic_write(APIC_TIMER_INITIAL, 100000);
	check_true("one-shot: arrives", wait_hits(TIMER, 1, 1000));
	delay_us(500);
	interrupt_window();
	check_value("one-shot: arrives once", hits[TIMER], 1);
	check_value("one-shot: the count stays at 0", apic_read(APIC_TIMER_CURRENT), 0);

	hits[TIMER] = 0;
	apic_write(APIC_LVT_TIMER, TIMER | MASKED);
	apic_write(APIC_TIMER_INITIAL, 1000);
	delay_us(500);
	interrupt_window();
	check_value("a masked timer does not arrive", hits[TIMER], 0);

	apic_write(APIC_LVT_TIMER, TIMER);
	first = ticks_per_ms(0xb);
	second = ticks_per_ms(0x9);
	check_true("the count falls", first > 0);
	check_range("divided by 64 it falls as much slower", first / (second ? second : 1), 48, 80);
	apic_write(APIC_TIMER_INITIAL, 0);
	check_value("an initial count of 0 stops it", apic_read(APIC_TIMER_CURRENT), 0);

	hits[TIMER] = 0;
	apic_write(APIC_TIMER_DIVIDE, 0xb);
	apic_write(APIC_LVT_TIMER, TIMER | 1u << 17);
	apic_write(APIC_TIMER_INITIAL, 500000);
	check_true("periodic: arrives again and again", wait_hits(TIMER, 5, 2000));
	apic_write(APIC_TIMER_INITIAL, 0);
	interrupt_window();
	before = hits[TIMER];
	delay_us(3000);
	interrupt_window();
	check_value("periodic: stops", hits[TIMER], before);
	apic_write(APIC_LVT_TIMER, MASKED);
}

static void check_deadline(void)
{
	uint64_t deadline;

	if (!(cpuid(1, 0).ecx & (1u << 24))) {
		skip("TSC-deadline mode", "CPUID says there is none");
		return;
	}
	count_vector(TIMER);
	apic_write(APIC_LVT_TIMER, TIMER | 2u << 17);
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + 50 * tsc_per_ms());
	check_true("TSC deadline: reads back while armed", rdmsr(MSR_TSC_DEADLINE) != 0);
	check_true("TSC deadline: arrives", wait_hits(TIMER, 1, 1000));
	check_value("TSC deadline: reads 0 afterwards", rdmsr(MSR_TSC_DEADLINE), 0);
	wrmsr(MSR_TSC_DEADLINE, 1);
	check_true("TSC deadline: one in the past arrives at once", wait_hits(TIMER, 2, 1000));
	check_value("TSC deadline: the counter reads 0", apic_read(APIC_TIMER_CURRENT), 0);
	apic_write(APIC_TIMER_INITIAL, 1000);
	delay_us(500);
	interrupt_window();
	check_value("TSC deadline: an initial count means nothing", hits[TIMER], 2);
	do { /* in time, however slow the machine is */
		deadline = rdtsc() + 20 * tsc_per_ms();
		apic_write(APIC_LVT_TIMER, TIMER | 2u << 17);
		wrmsr(MSR_TSC_DEADLINE, deadline);
		apic_write(APIC_LVT_TIMER, TIMER);
	} while (rdtsc() >= deadline);
	delay_us(25000);
	hits[TIMER] = 0;
	interrupt_window();
	check_value("TSC deadline: a change of mode disarms it", hits[TIMER], 0);
	apic_write(APIC_LVT_TIMER, MASKED);
}

/* --------------------------------------------------------------------------- errors and disabling */
static void check_errors(void)
{
	if (on_bare()) {
		skip("an illegal vector is an error", "QEMU records no send-illegal-vector");
		return;
	}
	count_vector(ERROR);
	apic_write(APIC_LVT_ERROR, ERROR);
	apic_write(APIC_ESR, 0);
	apic_send(apic_id(), 0x4005);
	interrupt_window();
	check_value("an illegal vector raises the error interrupt", hits[ERROR], 1);
	apic_write(APIC_ESR, 0);
	check_true("and ESR says so", (apic_read(APIC_ESR) & 0x60) != 0);
	apic_write(APIC_ESR, 0);
	check_value("ESR is latched by a write and then empty", apic_read(APIC_ESR), 0);
	apic_write(APIC_LVT_ERROR, MASKED);
}

static void check_software_disable(void)
{
	apic_write(APIC_LVT_TIMER, TIMER);
	apic_write(APIC_SVR, 0xff);
	if (on_bare()) {
		skip("software disable masks the LVT", "QEMU leaves it");
	} else {
		check_true("software disable masks the LVT", (apic_read(APIC_LVT_TIMER) & MASKED) != 0);
		apic_write(APIC_LVT_TIMER, TIMER);
		check_true("and keeps it masked", (apic_read(APIC_LVT_TIMER) & MASKED) != 0);
	}
	if (on_bare())
		skip("a disabled APIC takes no fixed IPI", "Bochs takes it");
	else
		check_not_sent("a disabled APIC takes no fixed IPI", apic_id(), 0x4000);
	apic_write(APIC_SVR, 0x1ff);
	check_sent("enabled again it does", apic_id(), 0x4000);
	apic_write(APIC_LVT_TIMER, MASKED);
}

/* ----------------------------------------------------------------------------- what x2APIC refuses */
static uint64_t write_id(void)
{
	wrmsr(0x802, 0);
	return 0;
}
static uint64_t read_dfr(void)
{
	return rdmsr(0x80e);
}
static uint64_t write_eoi_one(void)
{
	wrmsr(0x80b, 1);
	return 0;
}
static uint64_t write_tpr_wide(void)
{
	wrmsr(0x808, 0x100);
	return 0;
}
static uint64_t write_ldr(void)
{
	wrmsr(0x80d, 1);
	return 0;
}
static uint64_t read_icr2(void)
{
	return rdmsr(0x831);
}
static uint64_t read_self_ipi(void)
{
	return rdmsr(0x83f);
}
static uint64_t to_xapic_directly(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) & ~(1ull << 10));
	return 0;
}
static uint64_t base_reserved(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 1);
	return 0;
}
#define LENIENT "QEMU ignores it"
static const struct row refused[] = {
	{ "x2APIC: the id is read-only", write_id, 13, 0, LENIENT },
	{ "x2APIC: there is no DFR", read_dfr, 13, 0, LENIENT },
	{ "x2APIC: EOI takes only 0", write_eoi_one, 13, 0, LENIENT },
	{ "x2APIC: TPR has 8 bits", write_tpr_wide, 13, 0, LENIENT },
	{ "x2APIC: LDR is read-only", write_ldr, 13, 0, LENIENT },
	{ "x2APIC: there is no ICR2", read_icr2, 13, 0, LENIENT },
	{ "x2APIC: SELF IPI is write-only", read_self_ipi, 13, 0, LENIENT },
	{ "x2APIC: no direct way back to xAPIC", to_xapic_directly, 13, 0, LENIENT },
	{ "IA32_APIC_BASE: reserved bits", base_reserved, 13, 0, LENIENT },
};

static uint64_t read_x2_in_xapic(void)
{
	return rdmsr(0x802);
}
static uint64_t x2_while_disabled(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);

	wrmsr(MSR_APIC_BASE, base & ~0xc00ull);
	wrmsr(MSR_APIC_BASE, (base & ~0xc00ull) | 0x400);
	return 0;
}
static const struct row refused_in_xapic[] = {
	{ "xAPIC: the MSRs of x2APIC are not there", read_x2_in_xapic, 13, 0, LENIENT },
	{ "disabled: x2APIC without enable", x2_while_disabled, 13, 0, LENIENT },
};

static void check_disable(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);

	if (on_bare()) {
		skip("a disabled APIC is not in CPUID", "QEMU's CPUID does not follow");
		return;
	}
	wrmsr(MSR_APIC_BASE, base & ~0xc00ull);
	check_value("a disabled APIC is not in CPUID", cpuid(1, 0).edx >> 9 & 1, 0);
	wrmsr(MSR_APIC_BASE, (base & ~0xc00ull) | 0x800);
	check_value("enabled again it is", cpuid(1, 0).edx >> 9 & 1, 1);
	apic_enable();
}

static void check_mode(void)
{
	x2 = apic_is_x2();
	note("in %s mode", x2 ? "x2APIC" : "xAPIC");
	apic_enable();
	count_vector(LOW);
	count_vector(HIGH);
	check_registers();
	check_ipis();
	check_nmi();
	check_priorities();
	check_timer();
	check_deadline();
	check_errors();
	check_software_disable();
}

int main(void)
{
	apic_use_x2(false);
	apic_enable();
	check_mode();
	CHECK_ROWS(refused_in_xapic);
	wrmsr(MSR_APIC_BASE, (rdmsr(MSR_APIC_BASE) & ~0xc00ull) | 0x800);
	apic_enable();
	check_disable();
	if (!apic_has_x2()) {
		skip("x2APIC mode", "CPUID says there is none");
		return 0;
	}
	apic_use_x2(true);
	check_mode();
	check_value("x2APIC: LDR comes from the id", apic_read(APIC_LDR), (apic_id() >> 4) << 16 | 1u << (apic_id() & 15));
	CHECK_ROWS(refused);
	return 0;
}
