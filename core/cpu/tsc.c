/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TSC's frequency, and time as others see it.
 *
 *	tsc_start()                       tsc_finish()
 *	    | reference, TSC, LAPIC           | reference, TSC, LAPIC
 *	    +------- boot goes on ------------+   10 ms apart or more
 *
 * HPET is wide enough for any boot. PM timer (24 bits at 3.58 MHz wrap in 4.7 s) and 8254 (55 ms)
 * are not: with those the whole measurement is made in tsc_finish().
 */
#include "cpu/tsc.h"

#include "console/log.h"
#include "cpu/lapic.h"
#include "mm/host_map.h"
#include "platform/acpi_host.h"
#include "x86/insn.h"

#define WINDOW_US 10000
#define TRIES	  5

/* A fraction a/b as multiply and shift: ticks * multiplier >> 32. */
struct scale {
	uint64_t multiplier; /* 32.32 */
};

static uint64_t tsc_khz_value = 1000000, lapic_khz_value = 1000000;
static struct scale tsc_to_ns = {1ULL << 32}, ns_to_tsc = {1ULL << 32}, tsc_to_lapic = {1ULL << 32};

/* a / b; `a`, in kHz, is below 2^32. */
static struct scale make_scale(uint64_t a, uint64_t b)
{
	return (struct scale){(a << 32) / b};
}

static uint64_t apply(struct scale s, uint64_t v)
{
	unsigned __int128 r = (unsigned __int128)v * s.multiplier >> 32;

	return r >> 64 ? ~0ULL : (uint64_t)r;
}

uint64_t time_now(void)
{
	return rdtsc();
}

uint64_t time_khz(void)
{
	return tsc_khz_value;
}

uint64_t time_to_ns(uint64_t ticks)
{
	return apply(tsc_to_ns, ticks);
}

uint64_t time_from_ns(uint64_t nanoseconds)
{
	return apply(ns_to_tsc, nanoseconds);
}

uint64_t lapic_ticks_from_tsc(uint64_t ticks)
{
	return apply(tsc_to_lapic, ticks);
}

static void set_frequencies(uint64_t tsc_khz, uint64_t lapic_khz)
{
	tsc_khz_value = tsc_khz;
	lapic_khz_value = lapic_khz ? lapic_khz : 1;
	tsc_to_ns = make_scale(1000000, tsc_khz);
	ns_to_tsc = make_scale(tsc_khz, 1000000);
	tsc_to_lapic = make_scale(lapic_khz_value, tsc_khz);
}

/* ---- references: free-running counters of known rate */

struct reference {
	const char *name;
	bool (*find)(void);
	uint64_t (*read)(void);
	uint64_t (*hz)(void);
	uint64_t mask; /* the counter wraps here */
	bool long_window;
};

/* HPET: IA-PC HPET 1.0a, 2.3. */
#define HPET_CAPABILITIES  0x000 /* 63:32 period in femtoseconds, 13: counter has 64 bits */
#define HPET_CONFIGURATION 0x010 /* 0: runs */
#define HPET_COUNTER	   0x0f0
#define FEMTOSECONDS	   1000000000000000ULL

static uint8_t *hpet;

static uint64_t hpet_period(void)
{
	return mmio_read32(hpet + HPET_CAPABILITIES + 4);
}

static bool hpet_find(void)
{
	if (!machine_acpi.hpet_base ||
	    map_registers(machine_acpi.hpet_base, PAGE_SIZE, (void **)&hpet))
		return false;
	if (!hpet_period() || hpet_period() > 100000000) /* 2.3.4: at most 100 ns */
		return false;
	mmio_write32(hpet + HPET_CONFIGURATION, mmio_read32(hpet + HPET_CONFIGURATION) | 1);
	return true;
}

static uint64_t hpet_read(void)
{
	return mmio_read32(hpet + HPET_COUNTER);
}

static uint64_t hpet_hz(void)
{
	return FEMTOSECONDS / hpet_period();
}

/* ACPI 6.5 4.8.3.3: 3.579545 MHz. */
static bool pm_find(void)
{
	return machine_acpi.pm_timer.address && machine_acpi.pm_timer.space == ACPI_SPACE_IO;
}

static uint64_t pm_read(void)
{
	return in32((uint16_t)machine_acpi.pm_timer.address);
}

static uint64_t pm_hz(void)
{
	return 3579545;
}

/* 8254 channel 2 counts down from 0xffff; its gate is bit 0 of port 0x61. */
static bool pit_find(void)
{
	out8(0x61, (uint8_t)((in8(0x61) & ~2) | 1));
	out8(0x43, 0xb4); /* channel 2, both bytes, mode 2 */
	out8(0x42, 0xff);
	out8(0x42, 0xff);
	return true;
}

static uint64_t pit_read(void)
{
	uint64_t low;

	out8(0x43, 0x80); /* latch channel 2 */
	low = in8(0x42);
	return 0xffff - (low | (uint64_t)in8(0x42) << 8);
}

static uint64_t pit_hz(void)
{
	return 1193182;
}

static const struct reference references[] = {
	{"HPET", hpet_find, hpet_read, hpet_hz, 0xffffffff, true},
	{"PM timer", pm_find, pm_read, pm_hz, 0xffffff, false},
	{"8254", pit_find, pit_read, pit_hz, 0xffff, false},
};

static const struct reference *reference;

/* ---- one reading of all clocks */

struct sample {
	uint64_t reference, tsc;
	uint32_t lapic;
};

static struct sample start;

/* Several tries: the one that took least time is the one that nothing came between. */
static struct sample take_sample(void)
{
	struct sample best = {0};
	uint64_t least = ~0ULL;

	for (unsigned int i = 0; i < TRIES; i++) {
		uint64_t before = rdtsc_ordered(), value = reference->read();
		uint32_t lapic = lapic_timer_measure_read();
		uint64_t after = rdtsc_ordered();

		if (after - before >= least)
			continue;
		least = after - before;
		best = (struct sample){value, before + least / 2, lapic};
	}
	return best;
}

static uint64_t elapsed_us(uint64_t from)
{
	uint64_t ticks = (reference->read() - from) & reference->mask;

	return ticks * 1000000 / reference->hz();
}

void tsc_early_delay_us(uint32_t us)
{
	uint64_t from = reference->read();

	while (us) { /* in steps that no counter wraps in */
		uint32_t step = us < WINDOW_US ? us : WINDOW_US;

		while (elapsed_us(from) < step)
			cpu_pause();
		from = reference->read();
		us -= step;
	}
}

/* ---- sources that need no measurement */

static uint64_t known_khz;

/* SDM v2 CPUID 0x15: TSC Hz = crystal Hz (ECX) * EBX / EAX. */
static uint64_t cpuid_khz(void)
{
	struct cpuid_regs r;

	if (cpuid(CPUID_VENDOR, 0).eax < CPUID_TSC)
		return 0;
	r = cpuid(CPUID_TSC, 0);
	if (!r.eax || !r.ebx || !r.ecx)
		return 0;
	return (uint64_t)r.ecx * r.ebx / r.eax / 1000;
}

static enum status find_reference(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(references); i++) {
		if (!references[i].find())
			continue;
		reference = &references[i];
		return STATUS_OK;
	}
	return trace_error(STATUS_NOT_FOUND);
}

static void begin(void)
{
	lapic_timer_measure_start();
	start = take_sample();
}

enum status tsc_start(uint32_t khz)
{
	enum status s = find_reference();

	if (s)
		return s;
	known_khz = cpuid_khz();
	if (!known_khz)
		known_khz = khz;
	begin();
	return STATUS_OK;
}

/* The frequencies from two samples. Quotients fit: no window lasts a year. */
static void conclude(const struct sample *end)
{
	uint64_t ticks = (end->reference - start.reference) & reference->mask;
	uint64_t tsc = end->tsc - start.tsc, lapic = (uint64_t)(start.lapic - end->lapic) * 16;
	uint64_t khz = known_khz;

	if (!khz)
		khz = (mul_div(tsc, reference->hz(), ticks) + 500) / 1000;
	set_frequencies(khz, (mul_div(lapic, khz * 16, tsc) + 8) / 16);
}

enum status tsc_finish(void)
{
	struct sample end;

	if (!reference->long_window || !lapic_timer_measure_read())
		begin(); /* the window so far is longer than a counter */
	while (elapsed_us(start.reference) < WINDOW_US)
		cpu_pause();
	end = take_sample();
	lapic_timer_measure_stop();
	if (end.tsc <= start.tsc || end.reference == start.reference)
		return trace_error(STATUS_INVALID);
	conclude(&end);
	if (!tsc_khz_value)
		return trace_error(STATUS_INVALID);
	log_info("TSC %llu kHz (%s), LAPIC timer %llu kHz", (unsigned long long)tsc_khz_value,
		 known_khz ? "given" : reference->name, (unsigned long long)lapic_khz_value);
	return STATUS_OK;
}
