/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of live state. A row is there when the machine has it; vector state is one XSAVE area.
 * What a backend switches at each entry (segment bases, system-call MSRs on one vendor) is not here
 * but is skipped on load by its own answer.
 */
#include "vcpu/state.h"

#include "cpu/extable.h"
#include "cpu/mitigations.h"
#include "lib/bits.h"
#include "lib/string.h"
#include "vcpu/backend.h"
#include "vcpu/cpuid.h"
#include "x86/cr.h"
#include "x86/insn.h"
#include "x86/msr.h"

enum live_kind { LIVE_MSR, LIVE_DR, LIVE_XCR0 };

struct live_row {
	const char *name;
	uint8_t kind; /* enum live_kind */
	uint32_t number;
	uint64_t reset;
};

static const struct live_row rows[] = {
	{"DR0", LIVE_DR, 0, 0},
	{"DR1", LIVE_DR, 1, 0},
	{"DR2", LIVE_DR, 2, 0},
	{"DR3", LIVE_DR, 3, 0},
	{"XCR0", LIVE_XCR0, 0, XCR0_X87},
	{"XSS", LIVE_MSR, MSR_XSS, 0},
	{"TSC_AUX", LIVE_MSR, MSR_TSC_AUX, 0},
	{"SPEC_CTRL", LIVE_MSR, MSR_SPEC_CTRL, 0},
	{"STAR", LIVE_MSR, MSR_STAR, 0},
	{"LSTAR", LIVE_MSR, MSR_LSTAR, 0},
	{"CSTAR", LIVE_MSR, MSR_CSTAR, 0},
	{"SFMASK", LIVE_MSR, MSR_SFMASK, 0},
	{"KERNEL_GS_BASE", LIVE_MSR, MSR_KERNEL_GS_BASE, 0},
};

struct live_state {
	uint64_t value[ARRAY_SIZE(rows)];
	/* XSAVE area, or FXSAVE area without it. All zero with XSTATE_BV 0: everything in its
	 * initial state. */
	uint8_t vector[] ALIGNED(64);
};

/* Rows that this machine has, by index. */
static uint64_t present;
static bool has_xsave;

/* Command MSRs keep nothing. */
static const uint32_t commands[] = {MSR_PRED_CMD, MSR_FLUSH_CMD};

static bool probe_row(const struct live_row *row)
{
	uint64_t value;

	switch (row->kind) {
	case LIVE_DR:
		return true;
	case LIVE_XCR0:
		return has_xsave;
	default:
		/* Machines that answer unknown MSRs are asked by CPUID where there is a bit for it.
		 */
		if (row->number == MSR_XSS && !(cpuid(CPUID_XSAVE, 1).eax & CPUID_D_1_EAX_XSAVES))
			return false;
		return rdmsr_safe(row->number, &value);
	}
}

void live_state_probe(void)
{
	has_xsave = cpuid(CPUID_FEATURES, 0).ecx & CPUID_1_ECX_XSAVE;
	if (has_xsave)
		xsave_layout_read(&xsave_layout, cpuid);
	for (uint32_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (probe_row(&rows[i]))
			present |= BIT(i);
}

#define FXSAVE_SIZE 512

size_t live_state_size(void)
{
	uint32_t area =
		has_xsave ? xsave_size(&xsave_layout, xsave_layout.supported, false) : FXSAVE_SIZE;

	return sizeof(struct live_state) + align_up(area, 64);
}

/* Rows of MSRs that the backend switches itself stay its business. */
static bool row_is_ours(const struct vcpu *vcpu, uint32_t i)
{
	uint64_t value;

	if (!(present & BIT(i)))
		return false;
	return rows[i].kind != LIVE_MSR ||
	       vcpu->backend->get_msr(vcpu, rows[i].number, &value) != STATUS_OK;
}

static uint64_t (*const read_dr[])(void) = {read_dr0, read_dr1, read_dr2, read_dr3};
static void (*const write_dr[])(uint64_t value) = {write_dr0, write_dr1, write_dr2, write_dr3};

static uint64_t row_read(const struct live_row *row)
{
	if (row->kind == LIVE_DR)
		return read_dr[row->number & 3]();
	if (row->number == MSR_SPEC_CTRL)
		return mitigations_guest_spec_ctrl();
	return row->kind == LIVE_XCR0 ? xgetbv(0) : rdmsr(row->number);
}

static void row_write(const struct live_row *row, uint64_t value)
{
	if (row->kind == LIVE_DR)
		write_dr[row->number & 3](value);
	else if (row->kind == LIVE_XCR0)
		xsetbv(0, value);
	else if (row->number == MSR_SPEC_CTRL)
		mitigations_set_guest_spec_ctrl(value);
	else
		wrmsr(row->number, value);
}

void live_state_reset(struct vcpu *vcpu)
{
	struct live_state *live = vcpu->live;

	memset(live, 0, live_state_size());
	for (uint32_t i = 0; i < ARRAY_SIZE(rows); i++)
		live->value[i] = rows[i].reset;
	/* FCW and MXCSR of SDM v3 table 10-1, in the layout of FXSAVE; XRSTOR takes MXCSR from
	 * there in any case. */
	*(uint16_t *)live->vector = 0x40;
	*(uint32_t *)(live->vector + 24) = 0x1f80;
}

void live_state_save(struct vcpu *vcpu)
{
	struct live_state *live = vcpu->live;

	for (uint32_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (row_is_ours(vcpu, i))
			live->value[i] = row_read(&rows[i]);
	if (has_xsave) {
		/* Also components that the guest has switched off again keep their contents. */
		xsetbv(0, xsave_layout.supported);
		xsave(live->vector, xsave_layout.supported);
	} else {
		fxsave(live->vector);
	}
}

void live_state_load(struct vcpu *vcpu)
{
	struct live_state *live = vcpu->live;

	if (has_xsave) {
		xsetbv(0, xsave_layout.supported);
		xrstor(live->vector, xsave_layout.supported);
	} else {
		fxrstor(live->vector);
	}
	for (uint32_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (row_is_ours(vcpu, i))
			row_write(&rows[i], live->value[i]);
}

void live_state_init(struct vcpu *vcpu)
{
	(void)vcpu;
	for (uint32_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].kind == LIVE_DR)
			row_write(&rows[i], rows[i].reset);
}

bool live_state_has_msr(uint32_t msr)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].kind == LIVE_MSR && rows[i].number == msr)
			return present & BIT(i);
	for (uint32_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i] == msr)
			return true;
	return false;
}
