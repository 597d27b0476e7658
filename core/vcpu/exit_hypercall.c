/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMMCALL and VMCALL. The KVM interface answers unknown numbers with -KVM_ENOSYS (Linux,
 * include/uapi/linux/kvm_para.h); a guest without a paravirtual interface gets #UD, as on a bare
 * machine.
 */
#include "vcpu/exits.h"
#include "x86/cr.h"

#define KVM_ENOSYS 1000

enum verdict exit_hypercall(struct vcpu *vcpu)
{
	if (!(vcpu->guest->record->pv & HV_PV_KVM)) {
		vcpu_raise(vcpu, VECTOR_UD);
		return VERDICT_RESUME;
	}
	vcpu->gpr[RAX] = (uint64_t)-KVM_ENOSYS;
	vcpu_advance(vcpu, vcpu->exit.length);
	return VERDICT_RESUME;
}
