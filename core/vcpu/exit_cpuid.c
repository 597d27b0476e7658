/* SPDX-License-Identifier: Apache-2.0 */
/* CPUID: an indexed entry, and on top what depends on the vCPU's state at this moment (enum hv_cpuid_dynamic). */
#include "console/log.h"
#include "vcpu/cpuid.h"
#include "vcpu/exits.h"
#include "x86/cr.h"
#include "x86/insn.h"
#include "x86/msr.h"

enum { EAX, EBX, ECX, EDX };

/* XCR0 is the guest's, also where its writes cannot be intercepted: then it may have more than its policy says. */
static uint64_t live_xcr0(struct vcpu *vcpu)
{
	uint64_t xcr0 = vcpu->guest->xcr0 ? xgetbv(0) : XCR0_X87;

	if (unlikely(xcr0 & ~vcpu->guest->xcr0) && vcpu->guest->xcr0 && guest_log_once(vcpu->guest, LOGGED_XCR0))
		log_guest(LOG_WARNING, vcpu->guest->name,
			  "XCR0 is %#llx, its policy says %#llx: this CPU cannot intercept XSETBV",
			  (unsigned long long)xcr0, (unsigned long long)vcpu->guest->xcr0);
	return xcr0;
}

static void fill_xsave(struct vcpu *vcpu, const struct cpuid_entry *e, uint32_t subleaf, uint32_t r[4])
{
	if (e->dynamic & HV_DYNAMIC_XSAVE_MAX) {
		r[EAX] = (uint32_t)vcpu->guest->xcr0;
		r[EDX] = (uint32_t)(vcpu->guest->xcr0 >> 32);
		r[ECX] = xsave_size(&xsave_layout, vcpu->guest->xcr0, false);
	}
	if (e->dynamic & HV_DYNAMIC_XSAVE_SIZE)
		r[EBX] = xsave_size(&xsave_layout, live_xcr0(vcpu), subleaf == 1);
}

static void fill_ids(const struct vcpu *vcpu, const struct cpuid_entry *e, uint32_t subleaf, uint32_t r[4])
{
	uint32_t id = vcpu->record->apic_id;

	if (e->dynamic & HV_DYNAMIC_APIC_ID8)
		r[EBX] = (r[EBX] & 0x00ffffff) | id << 24;
	if (e->dynamic & HV_DYNAMIC_APIC_ID32) {
		r[ECX] = (r[ECX] & ~0xffu) | (subleaf & 0xff);
		r[EDX] = id;
	}
	if (e->dynamic & HV_DYNAMIC_APIC_EXT) {
		r[EAX] = id;
		r[EBX] = (r[EBX] & ~0xffu) | (vcpu->record->core_id & 0xff);
		r[ECX] = (r[ECX] & ~0xffu) | (vcpu->record->node_id & 0xff);
	}
}

static void fill_enables(const struct vcpu *vcpu, const struct cpuid_entry *e, uint32_t r[4])
{
	if (e->dynamic & HV_DYNAMIC_OSXSAVE && vcpu->backend->get_cr(vcpu, 4) & CR4_OSXSAVE)
		r[ECX] |= (uint32_t)CPUID_1_ECX_OSXSAVE;
	if (e->dynamic & HV_DYNAMIC_APIC_ENABLE && vcpu->chip &&
	    !(vcpu->chip->base(vcpu->chip_state) & APIC_BASE_ENABLE))
		r[EDX] &= ~(uint32_t)CPUID_1_EDX_APIC;
	if (e->dynamic & HV_DYNAMIC_OSPKE && vcpu->backend->get_cr(vcpu, 4) & CR4_PKE)
		r[ECX] |= (uint32_t)CPUID_7_ECX_OSPKE;
}

#define DYNAMIC_IDS	(HV_DYNAMIC_APIC_ID8 | HV_DYNAMIC_APIC_ID32 | HV_DYNAMIC_APIC_EXT)
#define DYNAMIC_ENABLES (HV_DYNAMIC_OSXSAVE | HV_DYNAMIC_APIC_ENABLE | HV_DYNAMIC_OSPKE)
#define DYNAMIC_XSAVE	(HV_DYNAMIC_XSAVE_SIZE | HV_DYNAMIC_XSAVE_MAX)

static void fill_dynamic(struct vcpu *vcpu, const struct cpuid_entry *e, uint32_t subleaf, uint32_t r[4])
{
	if (e->dynamic & DYNAMIC_IDS)
		fill_ids(vcpu, e, subleaf, r);
	if (e->dynamic & DYNAMIC_ENABLES)
		fill_enables(vcpu, e, r);
	if (e->dynamic & DYNAMIC_XSAVE)
		fill_xsave(vcpu, e, subleaf, r);
	if (e->dynamic & HV_DYNAMIC_TSC_KHZ) {
		r[EAX] = vcpu->guest->tsc_khz;
		r[EBX] = vcpu->guest->lapic_khz;
	}
}

enum verdict exit_cpuid(struct vcpu *vcpu)
{
	uint32_t subleaf = (uint32_t)vcpu->gpr[RCX];
	const struct cpuid_entry *e = cpuid_find(&vcpu->guest->cpuid, (uint32_t)vcpu->gpr[RAX], subleaf);
	uint32_t r[4] = {0};

	if (likely(e)) {
		for (int i = 0; i < 4; i++)
			r[i] = e->value[i];
		if (e->dynamic)
			fill_dynamic(vcpu, e, subleaf, r);
	}
	vcpu->gpr[RAX] = r[EAX];
	vcpu->gpr[RBX] = r[EBX];
	vcpu->gpr[RCX] = r[ECX];
	vcpu->gpr[RDX] = r[EDX];
	vcpu_advance(vcpu, vcpu->exit.length);
	return VERDICT_RESUME;
}
