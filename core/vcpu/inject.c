/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may go into the guest, and when. At most one event enters with the guest; the order is
 *
 *	1. the event that was being delivered when the guest stopped (never lost),
 *	   or the exception that the exit raised, combined with it by the contributory table
 *	2. NMI, unless one is being handled or an interrupt shadow covers RIP
 *	3. an interrupt, if RFLAGS.IF is set and no shadow covers RIP
 *
 * and for what could not go in the backend opens a window: an exit at the first moment it could.
 * SDM v3 6.9, 6.15; APM v2 8.5, 15.20, 15.21.
 */
#include "lib/string.h"
#include "vcpu/backend.h"
#include "x86/cr.h"

/* Classes of SDM v3 table 6-4. */
enum exception_class { BENIGN, CONTRIBUTORY, PAGE_FAULT, DOUBLE_FAULT };

static enum exception_class exception_class(uint8_t vector)
{
	static const uint8_t classes[32] = {
		[VECTOR_DE] = CONTRIBUTORY, [VECTOR_TS] = CONTRIBUTORY, [VECTOR_NP] = CONTRIBUTORY,
		[VECTOR_SS] = CONTRIBUTORY, [VECTOR_GP] = CONTRIBUTORY, [VECTOR_CP] = CONTRIBUTORY,
		[VECTOR_PF] = PAGE_FAULT,   [VECTOR_VE] = PAGE_FAULT,   [VECTOR_DF] = DOUBLE_FAULT,
	};

	return vector < 32 ? classes[vector] : BENIGN;
}

/* Rows: the first exception; columns: the second (SDM v3 table 6-5). DOUBLE and TRIPLE, or 0: the
 * second alone. */
enum { SERIAL, DOUBLE, TRIPLE };
static const uint8_t combined[4][4] = {
	[BENIGN] = {SERIAL, SERIAL, SERIAL, SERIAL},
	[CONTRIBUTORY] = {SERIAL, DOUBLE, SERIAL, SERIAL},
	[PAGE_FAULT] = {SERIAL, DOUBLE, DOUBLE, SERIAL},
	[DOUBLE_FAULT] = {SERIAL, TRIPLE, TRIPLE, TRIPLE},
};

/* The exception under way, if there is one: raised since the exit, or being delivered at it. */
static const struct vcpu_event *first_exception(const struct vcpu *vcpu)
{
	if (vcpu->exception.valid)
		return &vcpu->exception;
	return vcpu->vectoring.valid && vcpu->vectoring.type == EVENT_EXCEPTION ? &vcpu->vectoring
										: NULL;
}

static void raise(struct vcpu *vcpu, uint8_t vector, bool has_error, uint32_t error)
{
	const struct vcpu_event *first = first_exception(vcpu);
	unsigned int how =
		first ? combined[exception_class(first->vector)][exception_class(vector)] : SERIAL;

	/* An exception that was being delivered is replaced; an interrupt or NMI that was waits
	 * behind the new one. */
	if (vcpu->vectoring.valid && vcpu->vectoring.type == EVENT_EXCEPTION)
		vcpu->vectoring.valid = false;
	vcpu->triple_fault |= how == TRIPLE;
	vcpu->exception = (struct vcpu_event){
		.valid = true,
		.type = EVENT_EXCEPTION,
		.vector = how == DOUBLE ? VECTOR_DF : vector,
		.has_error = how == DOUBLE || has_error,
		.error = how == DOUBLE ? 0 : error,
	};
	vcpu_mark(vcpu, VCPU_REQUEST_EVENT);
}

void vcpu_raise(struct vcpu *vcpu, uint8_t vector)
{
	raise(vcpu, vector, false, 0);
}

void vcpu_raise_error(struct vcpu *vcpu, uint8_t vector, uint32_t error)
{
	raise(vcpu, vector, true, error);
}

void vcpu_raise_page_fault(struct vcpu *vcpu, uint32_t error, uint64_t address)
{
	raise(vcpu, VECTOR_PF, true, error);
	/* A double fault leaves CR2 with the second address, as the processor does. */
	vcpu->backend->set_cr(vcpu, 2, address);
}

void vcpu_vectoring(struct vcpu *vcpu, const struct vcpu_event *event)
{
	/* INT n, INT3 and INTO: RIP still points at them, they are simply executed again. */
	if (event->type == EVENT_SOFTWARE ||
	    (event->type == EVENT_EXCEPTION &&
	     (event->vector == VECTOR_BP || event->vector == VECTOR_OF)))
		return;
	vcpu->vectoring = *event;
	vcpu_mark(vcpu, VCPU_REQUEST_EVENT);
}

static void inject(struct vcpu *vcpu, struct vcpu_event *event)
{
	/* Exceptions in real mode push no error code (SDM v3 20.1.4). */
	if (!(vcpu->backend->get_cr(vcpu, 0) & CR0_PE))
		event->has_error = false;
	vcpu->backend->inject(vcpu, event);
	event->valid = false;
}

/* An interrupt that was being delivered when an exception took its turn has to wait for IF like any
 * other. */
static bool vectoring_may_enter(const struct vcpu *vcpu, bool after_exception)
{
	if (vcpu->vectoring.type == EVENT_INTERRUPT && after_exception)
		return *vcpu->rflags & RFLAGS_IF && !(*vcpu->shadow & 1);
	return true;
}

/* First choice: whether something went in. */
static COLD bool inject_unfinished(struct vcpu *vcpu)
{
	if (vcpu->exception.valid) {
		inject(vcpu, &vcpu->exception);
		vcpu->vectoring_waits = vcpu->vectoring.valid;
		return true;
	}
	if (!vcpu->vectoring.valid || !vectoring_may_enter(vcpu, vcpu->vectoring_waits))
		return false;
	vcpu->vectoring_waits = false;
	inject(vcpu, &vcpu->vectoring);
	return true;
}

/* Second choice. Returns whether something has gone in by now. */
static COLD bool inject_nmi(struct vcpu *vcpu, bool used)
{
	static const struct vcpu_event nmi = {
		.valid = true, .type = EVENT_NMI, .vector = VECTOR_NMI};

	if (used || !vcpu->nmi_pending || *vcpu->shadow & 1 || vcpu->backend->nmi_blocked(vcpu))
		return used;
	vcpu->nmi_pending--;
	vcpu->backend->inject(vcpu, &nmi);
	return true;
}

static bool chip_pending(struct vcpu *vcpu)
{
	return vcpu->chip && vcpu->chip->pending(vcpu->chip_state);
}

/*
 * Whether the guest is about to halt: then an interrupt waits for that HLT, whose exit asks again.
 * Late by one instruction is always allowed; early is not, between the STI and the HLT of an idle
 * loop: the interrupt would be over when the guest goes to sleep for it. The shadow of STI says the
 * same, but QEMU 7.2 drops it at every entry (and so do guests of KVM hang there).
 */
static COLD bool halt_comes_first(struct vcpu *vcpu)
{
	enum { OPCODE_HLT = 0xf4 };

	struct guest_paging paging;

	vcpu_guest_paging(vcpu, &paging);
	return paging.cpl == 0 && vcpu_next_byte(vcpu, &paging) == OPCODE_HLT;
}

/* Whether an exit can lie between two instructions: the others have just carried one out, and it
 * was not STI. */
static bool exit_was_between(const struct vcpu *vcpu)
{
	return vcpu->exit.reason <= EXIT_NMI_WINDOW || vcpu->exit.reason == EXIT_MEMORY;
}

/* Third choice. Returns whether an interrupt still waits for a window. */
static bool inject_interrupt(struct vcpu *vcpu, bool used)
{
	struct vcpu_event event;
	int vector;

	if (unlikely(vcpu->vectoring.valid))
		return true;
	if (unlikely(!vcpu->chip))
		return false;
	if (used || !(*vcpu->rflags & RFLAGS_IF))
		return chip_pending(vcpu);
	if (exit_was_between(vcpu) && chip_pending(vcpu) && halt_comes_first(vcpu))
		return false;
	if (*vcpu->shadow & 1)
		return chip_pending(vcpu);
	vector = vcpu->chip->accept(vcpu->chip_state);
	if (vector < 0)
		return false;
	event = (struct vcpu_event){
		.valid = true, .type = EVENT_INTERRUPT, .vector = (uint8_t)vector};
	vcpu->backend->inject(vcpu, &event);
	return chip_pending(vcpu);
}

void vcpu_inject(struct vcpu *vcpu)
{
	/* When something is asked between the injection and the entry we come by again: one event enters, and it was chosen. */
	bool used = *vcpu->entering & VCPU_ENTERING, waits;

	if (unlikely(vcpu->exception.valid || vcpu->vectoring.valid) && !used)
		used = inject_unfinished(vcpu);
	if (unlikely(vcpu->nmi_pending))
		used = inject_nmi(vcpu, used);
	waits = inject_interrupt(vcpu, used);
	if (unlikely(waits || vcpu->nmi_pending || vcpu->window_open)) {
		vcpu->window_open = waits || vcpu->nmi_pending;
		vcpu->backend->windows(vcpu, waits, vcpu->nmi_pending);
	}
	if (vcpu->chip)
		vcpu->backend->set_task_priority(vcpu, vcpu->chip->get_cr8(vcpu->chip_state));
}

bool vcpu_wakes(struct vcpu *vcpu)
{
	bool unhalted = vcpu->unhalted;

	vcpu->unhalted = false;
	if (unhalted || (vcpu->nmi_pending && !vcpu->backend->nmi_blocked(vcpu)))
		return true;
	return *vcpu->rflags & RFLAGS_IF && (vcpu->vectoring.valid || chip_pending(vcpu));
}

void vcpu_clear_events(struct vcpu *vcpu)
{
	vcpu->vectoring.valid = false;
	vcpu->vectoring_waits = false;
	vcpu->exception.valid = false;
	vcpu->triple_fault = false;
	vcpu->unhalted = false;
	vcpu->window_open = false;
	vcpu->nmi_pending = 0;
}
