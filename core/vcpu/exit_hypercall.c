/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMMCALL and VMCALL. The KVM interface answers unknown numbers with -KVM_ENOSYS (Linux,
 * include/uapi/linux/kvm_para.h); a guest without a paravirtual interface gets #UD, as on a bare
 * machine.
 */
#include "vcpu/exits.h"
#include "x86/cr.h"

#define KVM_EPERM  1
#define KVM_ENOSYS 1000

/* Outside 64-bit mode registers are 32 bits wide. */
static COLD uint64_t call(struct vcpu *vcpu)
{
	const struct guest *guest = vcpu->guest;
	bool wide = vcpu_mode_bytes(vcpu) == 8;
	uint64_t mask = wide ? ~0ull : ~0u, *r = vcpu->gpr;
	const uint64_t argument[] = {r[RBX] & mask, r[RCX] & mask, r[RDX] & mask, r[RSI] & mask};

	if (vcpu->backend->fetch_context(vcpu) & CONTEXT_CPL)
		return (uint64_t)-KVM_EPERM;
	return guest->hypercall(guest->hypercall_context, r[RAX] & mask, argument, wide);
}

enum verdict exit_hypercall(struct vcpu *vcpu)
{
	if (!(vcpu->guest->record->pv & HV_PV_KVM)) {
		vcpu_raise(vcpu, VECTOR_UD);
		return VERDICT_RESUME;
	}
	vcpu->gpr[RAX] = vcpu->guest->hypercall ? call(vcpu) : (uint64_t)-KVM_ENOSYS;
	vcpu_advance(vcpu, vcpu->exit.length);
	return VERDICT_RESUME;
}
