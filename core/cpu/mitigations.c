/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The speculation table. What a guest could leave in or learn from a CPU's predictors and buffers,
 * and the instruction that empties them; a row is in force if its instruction exists and the CPU
 * does not say that it needs none.
 *
 * SDM v4 IA32_ARCH_CAPABILITIES; Intel's "Deep Dive" papers on L1TF and MDS; AMD's "Software
 * techniques for managing speculation".
 */
#include "cpu/mitigations.h"

#include "console/log.h"
#include "cpu/extable.h"
#include "cpu/percpu.h"
#include "lib/bits.h"
#include "x86/insn.h"
#include "x86/msr.h"

void fill_return_stack(void); /* entry.S */

uint32_t mitigations_active[MITIGATE_POINTS];

/* What the choice depends on. */
struct facts {
	struct cpuid_regs seven, sizes;
	bool intel;
	uint64_t capabilities; /* IA32_ARCH_CAPABILITIES, 0 if there is none */
};

static bool needs_return_stack(const struct facts *f)
{
	(void)f;
	return true;
}

/* AMD's and Intel's bits for the same command. */
static bool has_ibpb(const struct facts *f)
{
	return (f->seven.edx & CPUID_7_EDX_IBRS_IBPB) || (f->sizes.ebx & CPUID_88_EBX_IBPB);
}

static bool needs_verw(const struct facts *f)
{
	bool immune = (f->capabilities & ARCH_CAP_MDS_NO) && (f->capabilities & ARCH_CAP_TAA_NO) &&
		      (f->capabilities & ARCH_CAP_FBSDP_NO);

	return f->intel && (f->seven.edx & CPUID_7_EDX_MD_CLEAR) && !immune;
}

static bool needs_l1d_flush(const struct facts *f)
{
	return f->intel && (f->seven.edx & CPUID_7_EDX_L1D_FLUSH) &&
	       !(f->capabilities & (ARCH_CAP_RDCL_NO | ARCH_CAP_SKIP_L1DFL));
}

/* IBRS once and for all where the CPU offers that mode ("enhanced", "automatic"). */
static bool has_spec_ctrl(const struct facts *f)
{
	return f->capabilities & ARCH_CAP_IBRS_ALL;
}

static void do_return_stack(void)
{
	fill_return_stack();
}

static void do_ibpb(void)
{
	wrmsr(MSR_PRED_CMD, PRED_CMD_IBPB);
}

static void do_verw(void)
{
	static const uint16_t selector = SELECTOR_DATA;

	verw(&selector);
}

static void do_l1d_flush(void)
{
	wrmsr(MSR_FLUSH_CMD, FLUSH_CMD_L1D);
}

static bool own_spec_ctrl; /* the core has a value of its own */

static void take_spec_ctrl(void)
{
	this_cpu()->guest_spec_ctrl = rdmsr(MSR_SPEC_CTRL);
	if (this_cpu()->guest_spec_ctrl != SPEC_CTRL_IBRS)
		wrmsr(MSR_SPEC_CTRL, SPEC_CTRL_IBRS);
}

static void give_spec_ctrl(void)
{
	if (this_cpu()->guest_spec_ctrl != SPEC_CTRL_IBRS)
		wrmsr(MSR_SPEC_CTRL, this_cpu()->guest_spec_ctrl);
}

uint64_t mitigations_guest_spec_ctrl(void)
{
	return own_spec_ctrl ? this_cpu()->guest_spec_ctrl : rdmsr(MSR_SPEC_CTRL);
}

void mitigations_set_guest_spec_ctrl(uint64_t value)
{
	if (!own_spec_ctrl) {
		wrmsr(MSR_SPEC_CTRL, value);
		return;
	}
	this_cpu()->guest_spec_ctrl = value;
	wrmsr(MSR_SPEC_CTRL, SPEC_CTRL_IBRS);
}

static const struct row {
	const char *name;
	enum mitigation_point point;
	bool (*chosen)(const struct facts *f);
	void (*run)(void);
} rows[] = {
	{"return stack", MITIGATE_EXIT, needs_return_stack, do_return_stack},
	{"SPEC_CTRL", MITIGATE_EXIT, has_spec_ctrl, take_spec_ctrl},
	{"SPEC_CTRL", MITIGATE_ENTRY, has_spec_ctrl, give_spec_ctrl},
	{"IBPB", MITIGATE_SWITCH, has_ibpb, do_ibpb},
	{"VERW", MITIGATE_ENTRY, needs_verw, do_verw},
	{"L1D flush", MITIGATE_ENTRY, needs_l1d_flush, do_l1d_flush},
};

static struct facts find_facts(void)
{
	struct facts f = {0};
	struct cpuid_regs basic = cpuid(CPUID_VENDOR, 0);

	f.intel = basic.ecx == 0x6c65746e; /* "ntel" */
	if (basic.eax >= CPUID_STRUCTURED)
		f.seven = cpuid(CPUID_STRUCTURED, 0);
	if (cpuid(CPUID_EXTENDED, 0).eax >= CPUID_SIZES)
		f.sizes = cpuid(CPUID_SIZES, 0);
	if ((f.seven.edx & CPUID_7_EDX_ARCH_CAP) &&
	    !rdmsr_safe(MSR_ARCH_CAPABILITIES, &f.capabilities))
		f.capabilities = 0;
	return f;
}

void mitigations_choose(bool off)
{
	struct facts f = find_facts();

	if (off) {
		log_info("mitigations: off");
		return;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!rows[i].chosen(&f))
			continue;
		mitigations_active[rows[i].point] |= (uint32_t)BIT(i);
		if (rows[i].run == give_spec_ctrl)
			own_spec_ctrl = true;
		else
			log_info("mitigation: %s", rows[i].name);
	}
}

void mitigations_run(enum mitigation_point point)
{
	uint32_t left = mitigations_active[point];

	while (left) {
		int i = lowest_bit(left);

		rows[i].run();
		left &= left - 1;
	}
}
