/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a vCPU: reset, INIT and start-up, and what has to happen before an entry. */
#include "vcpu/vcpu.h"

#include "cpu/percpu.h"
#include "lib/string.h"
#include "vcpu/backend.h"
#include "vcpu/state.h"
#include "x86/cr.h"
#include "x86/msr.h"

/* DX after RESET: family, model, stepping, as CPUID 1 EAX says them. */
static uint64_t reset_signature(const struct vcpu *vcpu)
{
	const struct cpuid_table *t = vcpu->cpuid;

	if (t->limit[HV_CPUID_BASIC] < 2 || t->index[HV_CPUID_BASIC][1] == 0xffff)
		return 0;
	return t->entries[t->index[HV_CPUID_BASIC][1]].value[0];
}

/* Registers that RESET and INIT leave alike, SDM v3 table 10-1. */
static void reset_registers(struct vcpu *vcpu, bool init)
{
	memset(vcpu->gpr, 0, sizeof(vcpu->gpr));
	vcpu->gpr[RDX] = reset_signature(vcpu);
	*vcpu->rip = 0xfff0;
	*vcpu->rflags = RFLAGS_ONE;
	*vcpu->shadow = 0;
	vcpu_clear_events(vcpu);
	fetch_cache_clear(&vcpu->fetch);
	vcpu->backend->vcpu_reset(vcpu, init);
	vcpu->backend->flush(vcpu);
}

static void load_start(struct vcpu *vcpu, const struct hv_start *start)
{
	const struct vcpu_backend *b = vcpu->backend;
	const struct vcpu_tables tables = {start->gdtr_base, start->idtr_base, start->gdtr_limit,
					   start->idtr_limit};

	memcpy(vcpu->gpr, start->gpr, sizeof(vcpu->gpr));
	*vcpu->rip = start->rip;
	*vcpu->rflags = start->rflags | RFLAGS_ONE;
	b->set_cr(vcpu, 3, start->cr3);
	b->set_cr(vcpu, 4, start->cr4);
	b->set_cr(vcpu, 0, start->cr0);
	b->set_efer(vcpu, start->efer);
	b->set_tables(vcpu, &tables);
	for (int i = 0; i < HV_SEGMENTS; i++)
		b->set_segment(vcpu, (enum hv_segment_id)i, &start->segments[i]);
}

static void reset_msr_slots(struct vcpu *vcpu)
{
	const struct msr_table *t = &vcpu->guest->msr;

	for (uint32_t i = 0; i < t->count; i++) {
		const struct msr_entry *e = &t->entries[i];

		if (e->read != HV_MSR_STORE && e->write != HV_MSR_STORE)
			continue;
		for (uint32_t msr = e->first; msr - e->first <= e->last - e->first; msr++)
			vcpu->msr_slots[(e->slot + (msr - e->first)) % HV_MSR_SLOTS] = e->reset;
	}
}

void vcpu_reset(struct vcpu *vcpu, const struct hv_start *start)
{
	reset_registers(vcpu, false);
	reset_msr_slots(vcpu);
	live_state_reset(vcpu);
	vcpu->fresh = true;
	vcpu->nmi_signalled = 0;
	vcpu->tsc_offset = vcpu->guest->tsc_offset;
	vcpu->tsc_adjust = 0;
	vcpu->backend->set_tsc_offset(vcpu, vcpu->tsc_offset);
	if (start)
		load_start(vcpu, start);
	/* Last, and seen last: from here on its own CPU may run it. */
	__atomic_store_n(&vcpu->activity, start ? VCPU_ACTIVE : VCPU_WAIT_STARTUP,
			 __ATOMIC_RELEASE);
}

/* INIT, SDM v3 10.1: vector state, XCR0 and most MSRs stay. The boot processor goes to the reset
 * vector. */
static void take_init(struct vcpu *vcpu)
{
	reset_registers(vcpu, true);
	live_state_init(vcpu);
	if (vcpu->chip)
		vcpu->chip->init(vcpu->chip_state);
	vcpu->activity = vcpu->index == 0 ? VCPU_ACTIVE : VCPU_WAIT_STARTUP;
}

/* SDM v3 9.4.4: real mode at vector * 4 KiB. Not waiting for one: ignored. */
static void take_startup(struct vcpu *vcpu)
{
	uint32_t vector = __atomic_load_n(&vcpu->startup_vector, __ATOMIC_ACQUIRE) & 0xff;
	const struct hv_segment cs = {
		.selector = vector << 8,
		.attributes = 0x9b, /* present, code, readable, accessed */
		.limit = 0xffff,
		.base = vector << 12,
	};

	if (vcpu->activity != VCPU_WAIT_STARTUP)
		return;
	vcpu->backend->set_segment(vcpu, HV_CS, &cs);
	*vcpu->rip = 0;
	vcpu->activity = VCPU_ACTIVE;
}

/* NMIs pend at most twice: one being handled, one behind it. */
static void take_nmis(struct vcpu *vcpu)
{
	vcpu->nmi_pending += __atomic_exchange_n(&vcpu->nmi_signalled, 0, __ATOMIC_ACQ_REL);
	vcpu->nmi_pending = min_of(vcpu->nmi_pending, 2u);
}

static void take_unhalt(struct vcpu *vcpu)
{
	vcpu->unhalted = true;
}

/* What is left comes before the next entry, and lets physical interrupts in between. */
static void take_work(struct vcpu *vcpu)
{
	if (!vcpu->guest->work(vcpu))
		return;
	vcpu_mark(vcpu, VCPU_REQUEST_WORK);
	cpu_take_interrupts();
}

static const struct {
	uint32_t bit;
	void (*take)(struct vcpu *vcpu);
} rare_requests[] = {
	{VCPU_REQUEST_INIT, take_init},
	{VCPU_REQUEST_STARTUP, take_startup},
	{VCPU_REQUEST_NMI, take_nmis},
	{VCPU_REQUEST_UNHALT, take_unhalt},
	{VCPU_REQUEST_WORK, take_work},
};

/* Returns whether the scheduler is to decide before it goes on. */
static COLD bool take_rare_requests(struct vcpu *vcpu, uint32_t asked)
{
	if (asked & VCPU_REQUEST_OFFSET)
		vcpu->backend->set_tsc_offset(vcpu, vcpu->tsc_offset);
	if (asked & VCPU_REQUEST_FLUSH)
		vcpu->backend->flush(vcpu);
	for (uint32_t i = 0; i < ARRAY_SIZE(rare_requests); i++)
		if (asked & rare_requests[i].bit)
			rare_requests[i].take(vcpu);
	if (!(READ_ONCE(vcpu->request) & VCPU_REQUEST_WORK))
		return false;
	vcpu_mark(vcpu, VCPU_REQUEST_EVENT); /* not looked at this time */
	return true;
}

enum verdict vcpu_prepare(struct vcpu *vcpu)
{
	uint32_t asked = __atomic_load_n(&vcpu->request, __ATOMIC_ACQUIRE);

	/* Both stay set until the scheduler has looked. */
	if (asked & (VCPU_REQUEST_PARK | VCPU_REQUEST_YIELD))
		return VERDICT_LEAVE;
	__atomic_fetch_and(&vcpu->request, ~asked, __ATOMIC_ACQ_REL);
	if (asked & ~(uint32_t)(VCPU_REQUEST_EVENT | VCPU_REQUEST_POSTED) &&
	    take_rare_requests(vcpu, asked))
		return VERDICT_LEAVE;
	if (vcpu->activity == VCPU_HALTED && vcpu_wakes(vcpu))
		vcpu->activity = VCPU_ACTIVE;
	if (vcpu->activity != VCPU_ACTIVE)
		return VERDICT_LEAVE;
	if (vcpu->triple_fault)
		return vcpu_crash(vcpu, "triple fault");
	vcpu_inject(vcpu);
	return VERDICT_RESUME;
}
