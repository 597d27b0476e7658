/* SPDX-License-Identifier: Apache-2.0 */
/* The control block: what is intercepted, and the guest's registers in it. */
#include "cpu/kick.h"
#include "lib/string.h"
#include "mm/layout.h"
#include "svm/svm.h"
#include "vcpu/cpuid.h"
#include "x86/cr.h"
#include "x86/msr.h"

/* ---- MSRs */

/* Switched by VMRUN, VMLOAD and VMSAVE (APM v2 15.5.1, 15.14). */
static const struct {
	uint32_t msr;
	uint32_t offset; /* in the VMCB */
} switched[] = {
	{MSR_STAR, offsetof(struct vmcb, star)},
	{MSR_LSTAR, offsetof(struct vmcb, lstar)},
	{MSR_CSTAR, offsetof(struct vmcb, cstar)},
	{MSR_SFMASK, offsetof(struct vmcb, sfmask)},
	{MSR_KERNEL_GS_BASE, offsetof(struct vmcb, kernel_gs_base)},
	{MSR_FS_BASE, offsetof(struct vmcb, fs.base)},
	{MSR_GS_BASE, offsetof(struct vmcb, gs.base)},
	{MSR_SYSENTER_CS, offsetof(struct vmcb, sysenter_cs)},
	{MSR_SYSENTER_ESP, offsetof(struct vmcb, sysenter_esp)},
	{MSR_SYSENTER_EIP, offsetof(struct vmcb, sysenter_eip)},
	{MSR_PAT, offsetof(struct vmcb, pat)},
};

static uint64_t *switched_msr(const struct vcpu *vcpu, uint32_t msr)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(switched); i++)
		if (switched[i].msr == msr)
			return (uint64_t *)((uint8_t *)&svm_of(vcpu)->vmcb + switched[i].offset);
	return NULL;
}

enum status svm_get_msr(const struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
	const uint64_t *p = switched_msr(vcpu, msr);

	if (!p)
		return STATUS_NOT_FOUND;
	*value = *p;
	return STATUS_OK;
}

enum status svm_set_msr(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
	uint64_t *p = switched_msr(vcpu, msr);

	if (!p)
		return STATUS_NOT_FOUND;
	*p = value;
	return STATUS_OK;
}

static bool is_switched(uint32_t msr)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(switched); i++)
		if (switched[i].msr == msr)
			return true;
	return false;
}

/* Two bits an MSR, in three ranges of 8192; -1: not in the map, always intercepted. */
static int64_t msrpm_bit(uint32_t msr)
{
	static const uint32_t ranges[] = {0, 0xc0000000, 0xc0010000};

	for (uint32_t i = 0; i < ARRAY_SIZE(ranges); i++)
		if (msr - ranges[i] < 0x2000)
			return 8 * 0x800 * (int64_t)i + 2 * (msr - ranges[i]);
	return -1;
}

static void allow_msr(void *arch, uint32_t msr, bool read, bool write)
{
	struct svm_guest *g = arch;
	int64_t bit = msrpm_bit(msr);
	uint8_t mask = (uint8_t)(read | write << 1);

	if (bit >= 0)
		g->msrpm[bit / 8] &= (uint8_t) ~(mask << (bit & 7));
}

enum status svm_guest_create(struct guest *guest)
{
	struct svm_guest *g = guest->arch;

	memset(g->msrpm, 0xff, sizeof(g->msrpm));
	return msr_allow_passed(guest, is_switched, allow_msr);
}

/* ---- set-up */

/*
 * CR0 but for TS and MP is looked at when it is written: what is not allowed must not reach VMRUN,
 * which refuses it. Its cache bits are the guest's own: with nested paging they slow down nobody
 * else. CR4 is intercepted only when the machine would let the guest set a bit that its policy does
 * not.
 */
static void set_intercepts(const struct guest *guest, struct vmcb *v)
{
	v->intercept_cr = guest->host_cr4 & ~guest->cr4 ? CR_WRITE(4) : 0;
	v->intercept_exception = VCPU_EXCEPTIONS;
	v->intercept1 = INTERCEPT_INTR | INTERCEPT_NMI | INTERCEPT_INIT | INTERCEPT_CR0 |
			INTERCEPT_RDPMC | INTERCEPT_CPUID | INTERCEPT_RSM | INTERCEPT_INVD |
			INTERCEPT_HLT | INTERCEPT_INVLPGA | INTERCEPT_IOIO | INTERCEPT_MSR |
			INTERCEPT_SHUTDOWN;
	v->intercept2 = INTERCEPT_VMRUN | INTERCEPT_VMMCALL | INTERCEPT_VMLOAD | INTERCEPT_VMSAVE |
			INTERCEPT_STGI | INTERCEPT_CLGI | INTERCEPT_SKINIT | INTERCEPT_WBINVD |
			INTERCEPT_MONITOR | INTERCEPT_MWAIT | INTERCEPT_MWAIT_ARMED |
			INTERCEPT_XSETBV | INTERCEPT_RDPRU;
	if (!cpuid_has(&guest->cpuid, CPUID_EXT_FEATURES, 0, 3, (uint32_t)CPUID_81_EDX_RDTSCP))
		v->intercept2 |= INTERCEPT_RDTSCP;
	v->intercept3 = INTERCEPT_INVLPGB | INTERCEPT_INVLPGB_ILLEGAL | INTERCEPT_MCOMMIT |
			INTERCEPT_TLBSYNC;
}

enum status svm_vcpu_create(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = svm_of(vcpu);
	const struct svm_guest *g = vcpu->guest->arch;
	struct vmcb *v = &svm->vmcb;

	svm->phys = virt_to_phys(v);
	vcpu->rip = &v->rip;
	vcpu->rflags = &v->rflags;
	vcpu->shadow = &v->shadow;
	vcpu->entering = &v->event_inject;
	vcpu->cr3 = &v->cr3;
	vcpu->cr4 = &v->cr4;
	set_intercepts(vcpu->guest, v);
	if (vcpu->record->scheduler == HV_SCHEDULER_FAIR)
		v->intercept1 |= INTERCEPT_PAUSE;
	v->pause_count = svm_machine.pause_count;
	v->pause_threshold = svm_machine.pause_threshold;
	v->iopm = svm_machine.iopm_phys;
	v->msrpm = virt_to_phys(g->msrpm);
	v->nested_control = NESTED_ENABLE;
	v->nested_cr3 = vcpu->guest->memory->nested.root;
	v->interrupt = VINT_MASKING;
	return STATUS_OK;
}

static void reset_segments(struct vmcb *v)
{
	static const struct emul_segment data = {.attributes = 0x093, .limit = 0xffff};
	static const struct emul_segment table = {.limit = 0xffff};

	v->es = v->ss = v->ds = v->fs = v->gs = data;
	v->cs = (struct emul_segment){0xf000, 0x09b, 0xffff, 0xffff0000};
	v->gdtr = v->idtr = table;
	v->ldtr = (struct emul_segment){0, 0x082, 0xffff, 0};
	v->tr = (struct emul_segment){0, 0x08b, 0xffff, 0};
}

void svm_vcpu_reset(struct vcpu *vcpu, bool init)
{
	struct svm_vcpu *svm = svm_of(vcpu);
	struct vmcb *v = &svm->vmcb;

	reset_segments(v);
	v->cpl = 0;
	v->efer = EFER_SVME;
	v->cr0 = CR0_CD | CR0_NW | CR0_ET;
	v->cr2 = v->cr3 = v->cr4 = 0;
	v->dr6 = DR6_INITIAL;
	v->dr7 = DR7_INITIAL;
	v->event_inject = 0;
	v->interrupt = VINT_MASKING;
	v->intercept1 &= ~(uint32_t)(INTERCEPT_VINTR | INTERCEPT_IRET);
	svm->nmi_blocked = svm->nmi_wanted = svm->watching = false;
	svm->look_again = svm->iret_pending = svm->stepping = svm->shadow_step = false;
	svm->task_priority = 0;
	if (init)
		return;
	for (uint32_t i = 0; i < ARRAY_SIZE(switched); i++)
		*switched_msr(vcpu, switched[i].msr) = 0;
	v->pat = PAT_RESET;
	v->debug_ctl = 0;
}

/* ---- registers */

static uint64_t *control_register(const struct vcpu *vcpu, uint32_t number)
{
	struct vmcb *v = &svm_of(vcpu)->vmcb;

	return number == 0 ? &v->cr0 : number == 2 ? &v->cr2 : number == 3 ? &v->cr3 : &v->cr4;
}

uint64_t svm_get_cr(const struct vcpu *vcpu, uint32_t number)
{
	return *control_register(vcpu, number);
}

void svm_set_cr(struct vcpu *vcpu, uint32_t number, uint64_t value)
{
	*control_register(vcpu, number) = value;
}

uint64_t svm_get_efer(const struct vcpu *vcpu)
{
	return svm_of(vcpu)->vmcb.efer & ~EFER_SVME;
}

void svm_set_efer(struct vcpu *vcpu, uint64_t value)
{
	struct vmcb *v = &svm_of(vcpu)->vmcb;

	value &= ~EFER_LMA;
	if (value & EFER_LME && v->cr0 & CR0_PG)
		value |= EFER_LMA;
	v->efer = value | EFER_SVME;
}

uint64_t svm_get_dr(const struct vcpu *vcpu, uint32_t number)
{
	return number == 6 ? svm_of(vcpu)->vmcb.dr6 : svm_of(vcpu)->vmcb.dr7;
}

void svm_set_dr(struct vcpu *vcpu, uint32_t number, uint64_t value)
{
	if (number == 6)
		svm_of(vcpu)->vmcb.dr6 = value;
	else
		svm_of(vcpu)->vmcb.dr7 = value;
}

void svm_get_paging(const struct vcpu *vcpu, struct vcpu_paging *paging)
{
	const struct vmcb *v = &svm_of(vcpu)->vmcb;

	*paging = (struct vcpu_paging){v->cr0, v->cr3, v->cr4, v->efer & ~EFER_SVME, v->cpl};
}

uint32_t svm_fetch_context(const struct vcpu *vcpu)
{
	return svm_context(&svm_of(vcpu)->vmcb);
}

const struct emul_segment *svm_segments(const struct vcpu *vcpu)
{
	return &svm_of(vcpu)->vmcb.es;
}

void svm_set_segment(struct vcpu *vcpu, enum hv_segment_id id, const struct hv_segment *segment)
{
	struct vmcb *v = &svm_of(vcpu)->vmcb;
	struct emul_segment *const places[HV_SEGMENTS] = {
		[HV_ES] = &v->es, [HV_CS] = &v->cs, [HV_SS] = &v->ss,     [HV_DS] = &v->ds,
		[HV_FS] = &v->fs, [HV_GS] = &v->gs, [HV_LDTR] = &v->ldtr, [HV_TR] = &v->tr,
	};

	*places[id] = (struct emul_segment){
		.selector = (uint16_t)segment->selector,
		.attributes = segment_attributes(segment->attributes),
		.limit = segment->limit,
		.base = segment->base,
	};
	if (id == HV_SS) /* the CPL is the DPL of SS */
		v->cpl = v->ss.attributes >> 5 & 3;
}

void svm_get_tables(const struct vcpu *vcpu, struct vcpu_tables *tables)
{
	const struct vmcb *v = &svm_of(vcpu)->vmcb;

	*tables = (struct vcpu_tables){v->gdtr.base, v->idtr.base, v->gdtr.limit, v->idtr.limit};
}

void svm_set_tables(struct vcpu *vcpu, const struct vcpu_tables *tables)
{
	struct vmcb *v = &svm_of(vcpu)->vmcb;

	v->gdtr.base = tables->gdtr_base;
	v->gdtr.limit = tables->gdtr_limit;
	v->idtr.base = tables->idtr_base;
	v->idtr.limit = tables->idtr_limit;
}

void svm_set_tsc_offset(struct vcpu *vcpu, uint64_t offset)
{
	svm_of(vcpu)->vmcb.tsc_offset = offset;
}

/* A new ASID has no translations (APM v2 15.16). */
void svm_flush(struct vcpu *vcpu)
{
	svm_of(vcpu)->generation = 0;
}

/* ---- events */

void svm_inject(struct vcpu *vcpu, const struct vcpu_event *event)
{
	struct svm_vcpu *svm = svm_of(vcpu);
	uint64_t v = EVENT_VALID | event->vector | field_make(EVENT_TYPE, event->type);

	if (event->has_error)
		v |= EVENT_HAS_ERROR | field_make(EVENT_ERROR, event->error);
	svm->vmcb.event_inject = v;
	if (event->type == EVENT_NMI) {
		svm->nmi_blocked = true;
		svm->iret_pending = false;
		svm->vmcb.intercept1 |= INTERCEPT_IRET;
	}
}

bool svm_nmi_blocked(const struct vcpu *vcpu)
{
	return svm_of(vcpu)->nmi_blocked;
}

/* A kick would end the run before it had begun, with the shadow still there. The guest's own single
 * step does as well. */
static COLD void step_out_of_shadow(struct vcpu *vcpu, struct svm_vcpu *svm)
{
	if (*vcpu->rflags & RFLAGS_TF)
		return;
	*vcpu->rflags |= RFLAGS_TF;
	svm->stepping = svm->shadow_step = true;
}

/*
 * Interrupts: a virtual one of the highest priority is made pending, and exits the moment before it
 * would be taken. NMIs: IRET ends the block (svm_exit.c); a shadow ends with one instruction, which
 * is stepped over; behind another event the kick of this CPU itself is taken. Whatever exit comes
 * first looks again: the guest may have opened itself up since, and a virtual interrupt that it
 * could take at VMRUN is one that Bochs never delivers.
 */
void svm_windows(struct vcpu *vcpu, bool interrupt, bool nmi)
{
	struct svm_vcpu *svm = svm_of(vcpu);
	struct vmcb *v = &svm->vmcb;

	if (unlikely(interrupt)) {
		v->interrupt |= VINT_IRQ | VINT_PRIORITY | VINT_IGNORE_TPR;
		v->intercept1 |= INTERCEPT_VINTR;
	} else {
		v->interrupt &= ~(VINT_IRQ | VINT_PRIORITY | VINT_IGNORE_TPR);
		v->intercept1 &= ~(uint32_t)INTERCEPT_VINTR;
	}
	svm->nmi_wanted = nmi;
	svm->look_again = interrupt || (nmi && !svm->nmi_blocked);
	svm->watching |= svm->look_again;
	if (likely(!nmi || svm->nmi_blocked))
		return;
	if (*vcpu->shadow & 1)
		step_out_of_shadow(vcpu, svm);
	else
		cpu_kick(this_cpu());
}

/* While the guest holds interrupts back by CR8, its next write of CR8 is looked at. */
static void watch_task_priority(struct svm_vcpu *svm, uint8_t cr8)
{
	svm->task_priority = cr8;
	if (cr8)
		svm->vmcb.intercept_cr |= CR_WRITE(8);
	else
		svm->vmcb.intercept_cr &= ~CR_WRITE(8);
}

void svm_task_priority_changed(struct vcpu *vcpu, struct svm_vcpu *svm)
{
	watch_task_priority(svm, svm->vmcb.interrupt & VINT_TPR);
	if (vcpu->chip)
		vcpu->chip->set_cr8(vcpu->chip_state, svm->task_priority);
	vcpu_mark(vcpu, VCPU_REQUEST_EVENT);
}

void svm_set_task_priority(struct vcpu *vcpu, uint8_t cr8)
{
	struct svm_vcpu *svm = svm_of(vcpu);

	if (likely(svm->task_priority == cr8))
		return;
	svm->vmcb.interrupt = (svm->vmcb.interrupt & ~VINT_TPR) | (cr8 & 15u);
	watch_task_priority(svm, cr8 & 15);
}
