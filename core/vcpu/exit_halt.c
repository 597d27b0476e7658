/* SPDX-License-Identifier: Apache-2.0 */
/* HLT: the vCPU sleeps until an event that it can take; the scheduler decides what its CPU does
 * meanwhile. */
#include "vcpu/exits.h"

enum verdict exit_hlt(struct vcpu *vcpu)
{
	vcpu_advance(vcpu, vcpu->exit.length);
	vcpu->activity = VCPU_HALTED;
	/* Something may have come while the guest ran, and be waiting for just this IF and shadow.
	 */
	vcpu_mark(vcpu, VCPU_REQUEST_EVENT);
	return VERDICT_LEAVE;
}
