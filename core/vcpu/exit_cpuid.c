/* SPDX-License-Identifier: Apache-2.0 */
/* CPUID: an indexed entry, and on top what depends on the vCPU's state at this moment (enum
 * hv_cpuid_dynamic). */
#include "console/log.h"
#include "vcpu/cpuid.h"
#include "vcpu/exits.h"
#include "x86/cr.h"
#include "x86/insn.h"
#include "x86/msr.h"

enum { EAX, EBX, ECX, EDX };

/* XCR0 is the guest's, also where its writes cannot be intercepted: then it may have more than its
 * policy says. */
static COLD uint64_t live_xcr0(struct vcpu *vcpu)
{
	uint64_t xcr0 = vcpu->guest->xcr0 ? xgetbv(0) : XCR0_X87;

	if (unlikely(xcr0 & ~vcpu->guest->xcr0) && vcpu->guest->xcr0 &&
	    guest_log_once(vcpu->guest, LOGGED_XCR0))
		log_guest(LOG_WARNING, vcpu->guest->name,
			  "XCR0 is %#llx, its policy says %#llx: this CPU cannot intercept XSETBV",
			  (unsigned long long)xcr0, (unsigned long long)vcpu->guest->xcr0);
	return xcr0;
}

static COLD void fill_xsave(struct vcpu *vcpu, const struct cpuid_entry *e, uint32_t subleaf)
{
	if (e->dynamic & HV_DYNAMIC_XSAVE_MAX) {
		vcpu->gpr[RAX] = (uint32_t)vcpu->guest->xcr0;
		vcpu->gpr[RDX] = vcpu->guest->xcr0 >> 32;
		vcpu->gpr[RCX] = xsave_size(&xsave_layout, vcpu->guest->xcr0, false);
	}
	if (e->dynamic & HV_DYNAMIC_XSAVE_SIZE)
		vcpu->gpr[RBX] = xsave_size(&xsave_layout, live_xcr0(vcpu), subleaf == 1);
}

static COLD void fill_topology(struct vcpu *vcpu, const struct cpuid_entry *e, uint32_t subleaf)
{
	uint32_t id = vcpu->record->apic_id;

	if (e->dynamic & HV_DYNAMIC_APIC_ID32) {
		vcpu->gpr[RCX] = (vcpu->gpr[RCX] & ~0xffULL) | (subleaf & 0xff);
		vcpu->gpr[RDX] = id;
	}
	if (e->dynamic & HV_DYNAMIC_APIC_EXT) {
		vcpu->gpr[RAX] = id;
		vcpu->gpr[RBX] = (vcpu->gpr[RBX] & ~0xffULL) | (vcpu->record->core_id & 0xff);
		vcpu->gpr[RCX] = (vcpu->gpr[RCX] & ~0xffULL) | (vcpu->record->node_id & 0xff);
	}
}

static COLD void fill_rare(struct vcpu *vcpu, const struct cpuid_entry *e, uint32_t subleaf)
{
	fill_xsave(vcpu, e, subleaf);
	fill_topology(vcpu, e, subleaf);
	if (e->dynamic & HV_DYNAMIC_OSPKE && *vcpu->cr4 & CR4_PKE)
		vcpu->gpr[RCX] |= CPUID_7_ECX_OSPKE;
	if (e->dynamic & HV_DYNAMIC_TSC_KHZ) {
		vcpu->gpr[RAX] = vcpu->guest->tsc_khz;
		vcpu->gpr[RBX] = vcpu->guest->lapic_khz;
	}
}

/* The fields of leaf 1, which is asked for most. */
#define DYNAMIC_LEAF_1 (HV_DYNAMIC_APIC_ID8 | HV_DYNAMIC_OSXSAVE | HV_DYNAMIC_APIC_ENABLE)

static inline void fill_dynamic(struct vcpu *vcpu, const struct cpuid_entry *e, uint32_t subleaf)
{
	if (e->dynamic & HV_DYNAMIC_APIC_ID8)
		vcpu->gpr[RBX] = (vcpu->gpr[RBX] & 0x00ffffff) |
				 (uint64_t)(vcpu->record->apic_id & 0xff) << 24;
	if (e->dynamic & HV_DYNAMIC_OSXSAVE && *vcpu->cr4 & CR4_OSXSAVE)
		vcpu->gpr[RCX] |= CPUID_1_ECX_OSXSAVE;
	if (e->dynamic & HV_DYNAMIC_APIC_ENABLE && vcpu->chip &&
	    !(vcpu->chip->base(vcpu->chip_state) & APIC_BASE_ENABLE))
		vcpu->gpr[RDX] &= ~CPUID_1_EDX_APIC;
	if (unlikely(e->dynamic & ~(uint32_t)DYNAMIC_LEAF_1))
		fill_rare(vcpu, e, subleaf);
}

enum verdict exit_cpuid(struct vcpu *vcpu)
{
	static const struct cpuid_entry nothing;
	uint32_t subleaf = (uint32_t)vcpu->gpr[RCX];
	const struct cpuid_entry *e = cpuid_find(vcpu->cpuid, (uint32_t)vcpu->gpr[RAX], subleaf);

	if (unlikely(!e))
		e = &nothing;
	vcpu->gpr[RAX] = e->value[0];
	vcpu->gpr[RBX] = e->value[1];
	vcpu->gpr[RCX] = e->value[2];
	vcpu->gpr[RDX] = e->value[3];
	if (e->dynamic)
		fill_dynamic(vcpu, e, subleaf);
	vcpu_advance(vcpu, vcpu->exit.length);
	return VERDICT_RESUME;
}
