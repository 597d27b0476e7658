/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MSRs: those of the base architecture keep what is written and refuse what is illegal; those that nobody listed raise #GP,
 * for reads and for writes. (APM v2 appendix A, 3.1.7 EFER, 7.8 PAT; SDM v4.)
 */
#include "guest.h"

#define GP 13
#define LENIENT "QEMU ignores it"

static uint32_t number;
static uint64_t value;

static uint64_t read_number(void)
{
	return rdmsr(number);
}
static uint64_t write_number(void)
{
	wrmsr(number, value);
	return 0;
}

/* ------------------------------------------------------------------------- kept as written */
static const struct {
	const char *name;
	uint32_t msr;
	uint64_t value;
} kept[] = {
	{ "STAR", 0xc0000081, 0x0023001000000000 },
	{ "LSTAR", 0xc0000082, 0xffffffff81000000 },
	{ "CSTAR", 0xc0000083, 0xffffffff82000000 },
	{ "SFMASK", 0xc0000084, 0x47700 },
	{ "FS base", 0xc0000100, 0x00007f0000001000 },
	{ "GS base", 0xc0000101, 0xffff888000000000 },
	{ "kernel GS base", 0xc0000102, 0xffff888000001000 },
	{ "SYSENTER_CS", 0x174, 0x10 },
	{ "SYSENTER_ESP", 0x175, 0xffffc90000000000 },
	{ "SYSENTER_EIP", 0x176, 0xffffffff83000000 },
	{ "PAT", 0x277, 0x0007040600070406 },
};

static void check_kept(void)
{
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		uint64_t before = rdmsr(kept[i].msr);

		wrmsr(kept[i].msr, kept[i].value);
		(void)cpuid(0, 0); /* across an exit */
		check_value(kept[i].name, rdmsr(kept[i].msr), kept[i].value);
		wrmsr(kept[i].msr, before);
	}
}

/* ---------------------------------------------------------------------------------- refused */
static const struct {
	const char *name;
	uint32_t msr;
	bool write;
	uint64_t value;
	const char *not_bare, *not_lenient;
} refused[] = {
	{ "reading an MSR that nobody has", 0x12345678, false, 0, LENIENT },
	{ "writing an MSR that nobody has", 0x12345678, true, 0, LENIENT },
	{ "reading one in the range of AMD's that is not listed", 0xc0011fff, false, 0, LENIENT },
	{ "writing one in the low range that is not listed", 0x1ffe, true, 1, LENIENT },
	{ "LSTAR takes no address that is not canonical", 0xc0000082, true, 0x0000900000000000, NULL, LENIENT },
	{ "kernel GS base takes no address that is not canonical", 0xc0000102, true, 0x8000000000000000, NULL, LENIENT },
	{ "PAT has no type 2", 0x277, true, 0x0007040600070402, NULL, LENIENT },
	{ "PAT has no type 9", 0x277, true, 0x0907040600070406, NULL, LENIENT },
	{ "EFER has no bit 1", MSR_EFER, true, 0xd03, LENIENT },
	{ "EFER.LME cannot change while paging is on", MSR_EFER, true, 0x801, LENIENT },
	{ "EFER.SVME is not this guest's", MSR_EFER, true, 0x1d01, LENIENT },
	{ "a read-only MSR takes no write: MTRRcap", 0xfe, true, 0, LENIENT },
};

static void check_refused(void)
{
	struct trap trap;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if ((on_bare() && refused[i].not_bare) || (on_lenient() && refused[i].not_lenient)) {
			skip(refused[i].name, LENIENT);
			continue;
		}
		number = refused[i].msr;
		value = refused[i].value;
		try(refused[i].write ? write_number : read_number, &trap);
		check_value(refused[i].name, trap.vector == GP && trap.error == 0, 1);
	}
}

/* ------------------------------------------------------------------------------ with a meaning */
static void check_tsc(void)
{
	uint64_t before = rdtsc(), middle = rdmsr(0x10), after = rdtsc();

	if (on_bare())
		skip("MSR 0x10 is the TSC", "QEMU reads 0");
	else
		check_range("MSR 0x10 is the TSC", middle, before, after);
	check_true("the TSC goes forward", after > before);
}

static void check_tsc_aux(void)
{
	uint32_t aux;

	if (!(cpuid(0x80000001, 0).edx & (1u << 27))) {
		skip("RDTSCP reads TSC_AUX", "CPUID says there is no RDTSCP");
		return;
	}
	wrmsr(0xc0000103, 0x1234567);
	__asm__ volatile("rdtscp" : "=c"(aux) : : "eax", "edx");
	check_value("RDTSCP reads TSC_AUX", aux, 0x1234567);
	check_value("TSC_AUX is kept", rdmsr(0xc0000103), 0x1234567);
}

/* What the core does about speculation for itself is not seen here. */
static void check_spec_ctrl(void)
{
	if (!(cpuid(0, 0).eax >= 7 && cpuid(7, 0).edx & (1u << 26))) {
		skip("SPEC_CTRL is kept", "CPUID says there is none");
		return;
	}
	for (uint64_t wanted = 0; wanted < 2; wanted++) {
		wrmsr(0x48, wanted);
		(void)cpuid(0, 0); /* across an exit */
		check_value("SPEC_CTRL is kept", rdmsr(0x48), wanted);
	}
	wrmsr(0x48, 0);
}

static void check_gs(void)
{
	uint64_t gs;

	wrmsr(0xc0000101, 0x1111000);
	wrmsr(0xc0000102, 0x2222000);
	__asm__ volatile("swapgs" : : : "memory");
	gs = rdmsr(0xc0000101);
	__asm__ volatile("swapgs" : : : "memory");
	check_value("SWAPGS takes the kernel GS base", gs, 0x2222000);
	check_value("and gives it back", rdmsr(0xc0000101), 0x1111000);
}

static void check_memory_types(void)
{
	if (!(cpuid(1, 0).edx & (1u << 12))) {
		skip("MTRRs are on, write-back by default", "CPUID says there are none");
		return;
	}
	note("MTRRcap 0x%lx, default type 0x%lx", rdmsr(0xfe), rdmsr(0x2ff));
	check_true("MTRRs are on", (rdmsr(0x2ff) & 0x800) != 0);
	for (uint32_t i = 0; i < (rdmsr(0xfe) & 0xff); i++)
		note("range %u: base 0x%lx mask 0x%lx", i, rdmsr(0x200 + 2 * i), rdmsr(0x201 + 2 * i));
}

static uint64_t machine_checks(void)
{
	return rdmsr(0x179) & 0xff;
}

static const struct row other[] = {
	{ "MCG_CAP: no machine-check banks", machine_checks, NO_TRAP, 0, "QEMU has ten" },
};

int main(void)
{
	apic_enable();
	check_kept();
	check_refused();
	check_tsc();
	check_tsc_aux();
	check_spec_ctrl();
	check_gs();
	check_memory_types();
	CHECK_ROWS(other);
	check_value("EFER reads back with LMA", rdmsr(MSR_EFER) & 0xd01, 0xd01);
	return 0;
}
