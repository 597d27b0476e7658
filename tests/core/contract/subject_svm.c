/* SPDX-License-Identifier: Apache-2.0 */
/* AMD-V on a processor of the test: what VMRUN would take from the control block, and what #VMEXIT leaves there (APM v2 15.6,
 * appendix C). */
#include <stdlib.h>
#include <string.h>

#include "subject.h"
#include "svm/svm.h"
#include "x86/cr.h"
#include "x86/msr.h"

extern const struct vcpu_backend svm_backend;

enum verdict svm_run(struct vcpu *vcpu)
{
	(void)vcpu;
	abort();
}

static void prepare(struct vcpu *vcpu)
{
	_Alignas(4096) static struct svm_vcpu memory;
	_Alignas(4096) static struct svm_guest guest;

	memset(&memory, 0, sizeof(memory));
	svm_machine.next_rip = true;
	svm_machine.asids = 16;
	vcpu->backend = &svm_backend;
	vcpu->arch = &memory;
	vcpu->guest->arch = &guest;
	if (svm_backend.guest_create(vcpu->guest) != STATUS_OK ||
	    svm_backend.vcpu_create(vcpu) != STATUS_OK)
		abort();
}

static struct vcpu_event event_of(uint64_t v)
{
	return (struct vcpu_event){
		.valid = v & EVENT_VALID,
		.type = (uint8_t)field_get(v, EVENT_TYPE),
		.vector = (uint8_t)v,
		.has_error = v & EVENT_HAS_ERROR,
		.error = v & EVENT_HAS_ERROR ? (uint32_t)(v >> 32) : 0,
	};
}

static void enter(struct vcpu *vcpu, struct entry *found)
{
	struct svm_vcpu *svm = vcpu->arch;
	const struct vmcb *v = &svm->vmcb;

	*found = (struct entry){
		.event = event_of(v->event_inject),
		.interrupt_window = v->interrupt & VINT_IRQ && v->intercept1 & INTERCEPT_VINTR,
		/* IRET is looked at, a shadow is stepped over, or a kick ends the run. */
		.nmi_window = svm->nmi_wanted,
		.shadow = v->shadow & 1,
		.rip = v->rip,
		.rflags = v->rflags,
		.cr0 = v->cr0,
		.cr3 = v->cr3,
		.cr4 = v->cr4,
		.efer = v->efer & ~EFER_SVME,
		.tsc_offset = v->tsc_offset,
		.cr8 = v->interrupt & VINT_TPR,
		.cr8_watched = v->intercept_cr & CR_WRITE(8),
		.flushed = !svm->generation,
	};
	svm->generation = 1; /* a new ASID was taken */
}

static uint64_t code_of(const struct vcpu_exit *exit)
{
	static const uint64_t codes[EXIT_REASONS] = {
		[EXIT_UNKNOWN] = VMEXIT_CR_READ,
		[EXIT_INTERRUPT] = VMEXIT_INTR,
		[EXIT_NMI] = VMEXIT_NMI,
		[EXIT_INTERRUPT_WINDOW] = VMEXIT_VINTR,
		[EXIT_CPUID] = VMEXIT_CPUID,
		[EXIT_MSR] = VMEXIT_MSR,
		[EXIT_PORT] = VMEXIT_IOIO,
		[EXIT_MEMORY] = VMEXIT_NPF,
		[EXIT_HLT] = VMEXIT_HLT,
		[EXIT_HYPERCALL] = VMEXIT_VMMCALL,
		[EXIT_XSETBV] = VMEXIT_XSETBV,
		[EXIT_CACHE] = VMEXIT_WBINVD,
		[EXIT_COUNTER] = VMEXIT_RDPMC,
		[EXIT_UNDEFINED] = VMEXIT_VMRUN,
		[EXIT_TRIPLE_FAULT] = VMEXIT_SHUTDOWN,
		[EXIT_INVALID] = ~0ULL,
	};

	if (exit->reason == EXIT_CR)
		return exit->cr.number ? VMEXIT_CR_WRITE + exit->cr.number : VMEXIT_CR0;
	if (exit->reason == EXIT_EXCEPTION)
		return VMEXIT_EXCEPTION + exit->exception.vector;
	return codes[exit->reason];
}

static void set_info(struct vmcb *v, const struct vcpu_exit *exit)
{
	v->exit_info1 = v->exit_info2 = 0;
	if (exit->reason == EXIT_MSR)
		v->exit_info1 = exit->write;
	if (exit->reason == EXIT_PORT) {
		v->exit_info1 = (exit->port.in ? IOIO_IN : 0) | (exit->port.string ? IOIO_STRING : 0) |
				field_make(IOIO_SIZE, exit->port.size) |
				field_make(IOIO_PORT, exit->port.number);
		v->exit_info2 = v->rip + exit->length;
	}
	if (exit->reason == EXIT_MEMORY) {
		v->exit_info1 = (exit->memory.write ? NPF_WRITE : 0) | (exit->memory.fetch ? NPF_FETCH : 0) |
				(exit->memory.table_walk ? NPF_TABLE_WALK : 0);
		v->exit_info2 = exit->memory.gpa;
	}
	if (exit->reason == EXIT_EXCEPTION)
		v->exit_info1 = exit->exception.error;
}

static enum verdict leave(struct vcpu *vcpu, const struct occasion *o)
{
	struct svm_vcpu *svm = vcpu->arch;
	struct vmcb *v = &svm->vmcb;
	const struct vcpu_event *e = &o->vectoring;

	v->event_inject = 0;
	v->rip = o->rip;
	v->rflags = o->rflags;
	v->cr3 = o->cr3;
	v->shadow = o->shadow;
	v->interrupt = (v->interrupt & ~VINT_TPR) | o->cr8;
	v->exit_int_info = !e->valid ? 0 :
			   EVENT_VALID | e->vector | field_make(EVENT_TYPE, e->type) |
				   (e->has_error ? EVENT_HAS_ERROR | field_make(EVENT_ERROR, e->error) : 0);
	v->exit_code = code_of(&o->exit);
	v->next_rip = v->rip + o->exit.length;
	set_info(v, &o->exit);
	if (o->exit.reason == EXIT_EXCEPTION && o->exit.exception.vector == VECTOR_DB)
		v->dr6 = (v->dr6 & ~DR6_BP) | o->exit.exception.address;
	return svm_exit(vcpu, svm);
}

const struct subject subject_svm = {&svm_backend, MSR_LSTAR, prepare, enter, leave};
