/* SPDX-License-Identifier: Apache-2.0 */
/* The fake backend of the other contract tests, so that it promises no more than the real ones keep. */
#include "../unit/shim/fake_backend.h"
#include "subject.h"
#include "x86/msr.h"

static void prepare(struct vcpu *vcpu)
{
	struct fake_arch *a = &fake_arch[0];

	vcpu->backend = &fake_backend;
	vcpu->arch = a;
	vcpu->rip = &a->rip;
	vcpu->rflags = &a->rflags;
	vcpu->shadow = &a->shadow;
	vcpu->entering = &a->entering;
	vcpu->cr3 = &a->cr[3];
	vcpu->cr4 = &a->cr[4];
}

static void enter(struct vcpu *vcpu, struct entry *found)
{
	struct fake_arch *a = vcpu->arch;

	*found = (struct entry){
		.event = a->entering ? a->injected[(a->injections - 1) % 4] : (struct vcpu_event){0},
		.interrupt_window = a->interrupt_window,
		.nmi_window = a->nmi_window,
		.shadow = a->shadow,
		.rip = a->rip,
		.rflags = a->rflags,
		.cr0 = a->cr[0],
		.cr3 = a->cr[3],
		.cr4 = a->cr[4],
		.efer = a->efer,
		.tsc_offset = a->tsc_offset,
		.cr8 = (uint8_t)a->cr[8],
		.cr8_watched = a->cr[8],
		.flushed = a->flushes,
	};
	a->flushes = 0;
}

static enum verdict leave(struct vcpu *vcpu, const struct occasion *occasion)
{
	struct fake_arch *a = vcpu->arch;

	a->entering = 0;
	a->rip = occasion->rip;
	a->rflags = occasion->rflags;
	a->cr[3] = occasion->cr3;
	a->shadow = occasion->shadow;
	if (occasion->cr8 != a->cr[8]) {
		a->cr[8] = occasion->cr8;
		vcpu->chip->set_cr8(vcpu->chip_state, occasion->cr8);
		vcpu_mark(vcpu, VCPU_REQUEST_EVENT);
	}
	if (occasion->vectoring.valid)
		vcpu_vectoring(vcpu, &occasion->vectoring);
	vcpu->exit = occasion->exit;
	if (vcpu->exit.reason == EXIT_EXCEPTION && vcpu->exit.exception.vector == VECTOR_DB)
		a->dr[6] = (a->dr[6] & ~DR6_BP) | vcpu->exit.exception.address;
	return exit_table[vcpu->exit.reason](vcpu);
}

const struct subject subject_fake = {&fake_backend, MSR_STAR, prepare, enter, leave};
