/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPUID as this guest sees it: limits, the vendor, fields that follow the processor's state (OSXSAVE, APIC id, XSAVE
 * sizes), the topology leaves agreeing with the APIC ids on every processor, and features that come with what they rest on. (APM v3 appendix E;
 * SDM v2 CPUID.) Nothing that the guest may not have, such as SVM, is announced.
 */
#include "guest.h"

struct feature {
	const char *name;
	uint32_t leaf, subleaf;
	enum { EAX, EBX, ECX, EDX } reg;
	uint8_t bit;
};

static bool has(const struct feature *feature)
{
	struct cpuid r;

	if (cpuid(feature->leaf & 0x80000000u, 0).eax < feature->leaf)
		return false;
	r = cpuid(feature->leaf, feature->subleaf);
	return ((const uint32_t[]){ r.eax, r.ebx, r.ecx, r.edx })[feature->reg] >> feature->bit & 1;
}

/* A feature and the one without which it makes no sense. */
static const struct {
	struct feature feature, rests_on;
} closure[] = {
	{ { "AVX", 1, 0, ECX, 28 }, { "XSAVE", 1, 0, ECX, 26 } },
	{ { "AVX2", 7, 0, EBX, 5 }, { "AVX", 1, 0, ECX, 28 } },
	{ { "FMA", 1, 0, ECX, 12 }, { "AVX", 1, 0, ECX, 28 } },
	{ { "F16C", 1, 0, ECX, 29 }, { "AVX", 1, 0, ECX, 28 } },
	{ { "AVX512F", 7, 0, EBX, 16 }, { "AVX2", 7, 0, EBX, 5 } },
	{ { "VAES", 7, 0, ECX, 9 }, { "AVX", 1, 0, ECX, 28 } },
	{ { "SSE4.2", 1, 0, ECX, 20 }, { "SSE4.1", 1, 0, ECX, 19 } },
	{ { "SSE4.1", 1, 0, ECX, 19 }, { "SSSE3", 1, 0, ECX, 9 } },
	{ { "SSSE3", 1, 0, ECX, 9 }, { "SSE3", 1, 0, ECX, 0 } },
	{ { "AES", 1, 0, ECX, 25 }, { "SSE2", 1, 0, EDX, 26 } },
	{ { "XSAVEOPT", 13, 1, EAX, 0 }, { "XSAVE", 1, 0, ECX, 26 } },
	{ { "1 GiB pages", 0x80000001, 0, EDX, 26 }, { "long mode", 0x80000001, 0, EDX, 29 } },
	{ { "TSC deadline", 1, 0, ECX, 24 }, { "APIC", 1, 0, EDX, 9 } },
	{ { "x2APIC", 1, 0, ECX, 21 }, { "APIC", 1, 0, EDX, 9 } },
	{ { "PKU", 7, 0, ECX, 3 }, { "XSAVE", 1, 0, ECX, 26 } },
};

static void check_closure(void)
{
	for (size_t i = 0; i < sizeof(closure) / sizeof(closure[0]); i++) {
		if (!has(&closure[i].feature))
			continue;
		note("%s rests on %s", closure[i].feature.name, closure[i].rests_on.name);
		check_true(closure[i].feature.name, has(&closure[i].rests_on));
	}
}

/* Every processor of the 64-bit base has these; no operating system starts without. */
static const struct feature base[] = {
	{ "FPU", 1, 0, EDX, 0 },    { "TSC", 1, 0, EDX, 4 },   { "MSR", 1, 0, EDX, 5 },    { "PAE", 1, 0, EDX, 6 },
	{ "CX8", 1, 0, EDX, 8 },    { "APIC", 1, 0, EDX, 9 },  { "PGE", 1, 0, EDX, 13 },   { "CMOV", 1, 0, EDX, 15 },
	{ "FXSR", 1, 0, EDX, 24 },  { "SSE2", 1, 0, EDX, 26 }, { "NX", 0x80000001, 0, EDX, 20 },
	{ "long mode", 0x80000001, 0, EDX, 29 },	       { "SYSCALL", 0x80000001, 0, EDX, 11 },
};
/* A guest of this hypervisor may not have these. */
static const struct feature absent[] = {
	{ "no SVM", 0x80000001, 0, ECX, 2 },
	{ "no VMX", 1, 0, ECX, 5 },
	{ "no MONITOR", 1, 0, ECX, 3 },
};

static void check_limits(void)
{
	struct cpuid basic = cpuid(0, 0), extended = cpuid(0x80000000, 0), beyond;
	uint32_t width = cpuid(0x80000008, 0).eax & 0xff;

	check_range("highest basic leaf", basic.eax, 7, 0x20);
	check_range("highest extended leaf", extended.eax, 0x80000008, 0x80000028);
	if (basic.ebx == 0x68747541) { /* AMD: both leaves name the vendor, and what is beyond reads 0 */
		check_true("the extended leaf names the same vendor",
			   extended.ebx == basic.ebx && extended.ecx == basic.ecx && extended.edx == basic.edx);
		beyond = cpuid(extended.eax + 1, 0);
		if (on_bare())
			skip("beyond the extended leaves", "QEMU gives the last basic leaf");
		else
			check_value("beyond the extended leaves", beyond.eax | beyond.ebx | beyond.ecx | beyond.edx, 0);
	}
	check_range("physical address width", width, 36, 52);
	check_range("linear address width", cpuid(0x80000008, 0).eax >> 8 & 0xff, 48, 57);
}

/* ------------------------------------------------------------------------------ dynamic fields */
static void check_dynamic(void)
{
	uint64_t cr4 = read_cr4();

	if (!has(&(struct feature){ "XSAVE", 1, 0, ECX, 26 })) {
		skip("OSXSAVE and XSAVE sizes", "CPUID says there is no XSAVE");
		return;
	}
	write_cr4(cr4 & ~(uint64_t)CR4_OSXSAVE);
	check_value("OSXSAVE is clear while CR4 says so", cpuid(1, 0).ecx >> 27 & 1, 0);
	write_cr4(cr4 | CR4_OSXSAVE);
	check_value("OSXSAVE follows CR4", cpuid(1, 0).ecx >> 27 & 1, 1);
	xsetbv(0, 1);
	check_value("leaf 0xD: the area for x87 alone", cpuid(13, 0).ebx, 576);
	xsetbv(0, 3);
	check_value("leaf 0xD: the area for SSE", cpuid(13, 0).ebx, 576);
	if (cpuid(13, 0).eax & 4) {
		xsetbv(0, 7);
		check_value("leaf 0xD: the area grows with AVX", cpuid(13, 0).ebx, 832);
		check_value("leaf 0xD: AVX takes 256 bytes", cpuid(13, 2).eax, 256);
		check_value("leaf 0xD: AVX stands at 576", cpuid(13, 2).ebx, 576);
		xsetbv(0, 1);
	}
	check_true("leaf 0xD: the area for all is no smaller", cpuid(13, 0).ecx >= cpuid(13, 0).ebx);
	check_value("leaf 0xD: AVX in XCR0 and AVX in leaf 1 agree", cpuid(13, 0).eax >> 2 & 1, cpuid(1, 0).ecx >> 28 & 1);
	write_cr4(cr4);
}

/* ------------------------------------------------------------------------------------- topology */
struct view {
	uint32_t id, id8, id32, smt_shift, core_shift, smt_count, core_count, types;
	uint32_t amd_id, brand;
};

static void take_view(void *argument)
{
	struct view *view = argument;
	struct cpuid smt = cpuid(11, 0), core = cpuid(11, 1), end = cpuid(11, 2);

	view->id = apic_id();
	view->id8 = cpuid(1, 0).ebx >> 24;
	view->id32 = smt.edx;
	view->smt_shift = smt.eax & 31;
	view->core_shift = core.eax & 31;
	view->smt_count = smt.ebx & 0xffff;
	view->core_count = core.ebx & 0xffff;
	view->types = (smt.ecx & 0xffff) << 16 | (core.ecx & 0xff00) | (end.ecx >> 8 & 0xff);
	view->amd_id = cpuid(0x8000001e, 0).eax;
	view->brand = cpuid(1, 0).eax;
}

static void check_topology(uint32_t running)
{
	struct view first, view;

	bool has_11 = cpuid(0, 0).eax >= 11 && cpuid(11, 1).ebx;
	bool has_1e = cpuid(0x80000000, 0).eax >= 0x8000001e && (cpuid(0x80000001, 0).ecx & (1u << 22)) && !on_bare(); /* Bochs: zeroes */

	take_view(&first);
	for (uint32_t i = 0; i < running; i++) {
		if (processor_apic_id(i) == first.id)
			take_view(&view);
		else
			run_on(i, take_view, &view);
		note("processor %u", i);
		check_value("APIC id of the MADT", view.id, processor_apic_id(i));
		check_value("leaf 1 has its low 8 bits", view.id8, view.id & 0xff);
		check_value("signature as on the first", view.brand, first.brand);
		if (has_11) {
			check_value("leaf 0xB has all of it", view.id32, view.id);
			check_true("leaf 0xB: the same shape on all", view.smt_shift == first.smt_shift && view.core_shift == first.core_shift);
		}
		if (has_1e)
			check_value("leaf 0x8000001E has it", view.amd_id, view.id);
	}
	if (!has_11) {
		skip("leaf 0xB", "this processor has none");
		return;
	}
	check_value("leaf 0xB: levels are SMT, core, none", first.types, 0x100u << 16 | 0x200);
	check_true("leaf 0xB: shifts grow", first.core_shift >= first.smt_shift);
	check_range("leaf 0xB: as many threads as the ids have room for", first.smt_count, 1, 1u << first.smt_shift);
	check_range("leaf 0xB: as many processors as the ids have room for", first.core_count, first.smt_count, 1u << first.core_shift);
	check_value("leaf 0xB: sub-leaf comes back in ECX", cpuid(11, 5).ecx & 0xff, 5);
}

int main(void)
{
	uint32_t running;

	apic_enable();
	check_limits();
	for (size_t i = 0; i < sizeof(base) / sizeof(base[0]); i++)
		check_true(base[i].name, has(&base[i]));
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		if (on_bare())
			skip(absent[i].name, "the bare machine has it");
		else
			check_true(absent[i].name, !has(&absent[i]));
	check_closure();
	check_dynamic();
	running = start_processors();
	note("%u processors", running);
	check_topology(running);
	return 0;
}
