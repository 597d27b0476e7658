/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How any CPU asks something of a vCPU. The order is what makes it safe without a lock:
 *
 *	asking CPU                          the vCPU's CPU (entry loop, or idle)
 *	request |= bits                     inside = 1
 *	read inside: kick if set            read request: leave if not zero, else enter (or sleep)
 *
 * Each side writes before it reads, with full barriers: one of them sees the other. A kick that
 * comes between the check and the entry is pending, and ends the guest's run at once. `inside` is also
 * set while a vCPU that shares its CPU sleeps and another one runs there; a kick then is a matter for the scheduler.
 */
#include "cpu/kick.h"
#include "vcpu/vcpu.h"

/* Where another one's vCPU is what this CPU runs or has run last, the scheduler decides between them. */
static void ask_another(struct vcpu *vcpu)
{
	if (!vcpu->cpu || !__atomic_load_n(&vcpu->inside, __ATOMIC_SEQ_CST))
		return;
	if (vcpu->cpu != this_cpu())
		cpu_kick(vcpu->cpu);
	else if (vcpu->cpu->vcpu)
		vcpu_mark(vcpu->cpu->vcpu, VCPU_REQUEST_YIELD);
}

void vcpu_request(struct vcpu *vcpu, uint32_t bits)
{
	uint32_t before = __atomic_fetch_or(&vcpu->request, bits, __ATOMIC_SEQ_CST);

	/* Who set the same bits before us has kicked, or is about to. */
	if ((before & bits) != bits && vcpu != this_cpu()->vcpu)
		ask_another(vcpu);
}

void vcpu_wake(struct vcpu *vcpu)
{
	__atomic_fetch_or(&vcpu->request, VCPU_REQUEST_EVENT, __ATOMIC_SEQ_CST);
	if (vcpu->cpu && vcpu->cpu != this_cpu())
		cpu_kick(vcpu->cpu);
}
