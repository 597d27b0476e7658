/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exit codes become neutral records by a table: reason, the instruction's bytes, and what else is
 * to be filled in.
 *
 * Length of the instruction: from the processor where it saves the next RIP; else the bytes at a
 * cached translation of RIP are compared with those of the bare instruction; else the instruction
 * is fetched by a walk and decoded (prefixes); and when it is another one by then (the guest
 * changed it), the guest is resumed where it is, and the exit repeats or not.
 */
#include "svm/svm.h"
#include "x86/cr.h"
#include "x86/insn.h"

struct exit_row;
typedef bool exit_filler(struct vcpu *vcpu, struct vmcb *v);

struct ALIGNED(32) exit_row {
	exit_filler *fill; /* false: the exit is done with */
	uint32_t bytes, mask;
	uint8_t reason;        /* enum exit_reason */
	uint8_t length;        /* of the bare instruction; 0: none is needed */
	uint16_t op, other_op; /* enum emul_op; some exits are of two instructions */
};

#define PLAIN(r)                                                                                   \
	{                                                                                          \
		.reason = r                                                                        \
	}
#define FILLED(r, f)                                                                               \
	{                                                                                          \
		.reason = r, .fill = f                                                             \
	}
#define INSNS(r, o, o2, l, b, m)                                                                   \
	{                                                                                          \
		.reason = r, .length = l, .op = EMUL_OP_##o, .other_op = EMUL_OP_##o2, .bytes = b, \
		.mask = m                                                                          \
	}
#define INSN(r, o, l, b, m) INSNS(r, o, o, l, b, m)

/* ---- instruction lengths */

static inline const uint8_t *cached_bytes(const struct vcpu *vcpu, const struct vmcb *v)
{
	uint64_t linear = v->rip;
	const uint8_t *page;

	if (unlikely(!(v->cs.attributes & 0x200 && v->efer & EFER_LMA)))
		linear = (uint32_t)(linear + v->cs.base);
	page = fetch_cached(&vcpu->fetch, linear, v->cr3);
	if (unlikely(!page || (linear & (PAGE_SIZE - 1)) > PAGE_SIZE - 4))
		return NULL;
	return page + (linear & (PAGE_SIZE - 1));
}

static COLD uint32_t decoded_length(struct vcpu *vcpu, const struct exit_row *row)
{
	struct emul_insn insn;

	return vcpu_decode(vcpu, &insn) && (insn.op == row->op || insn.op == row->other_op)
		       ? insn.length
		       : 0;
}

static inline uint32_t length_of(struct vcpu *vcpu, const struct vmcb *v,
				 const struct exit_row *row)
{
	const uint8_t *bytes;

	if (svm_machine.next_rip && v->next_rip)
		return (uint32_t)(v->next_rip - v->rip);
	bytes = cached_bytes(vcpu, v);
	if (likely(bytes && (*(const volatile uint32_t *)bytes & row->mask) == row->bytes))
		return row->length;
	return decoded_length(vcpu, row);
}

/* ---- fillers */

static bool fill_port(struct vcpu *vcpu, struct vmcb *v)
{
	uint64_t info = v->exit_info1;

	vcpu->exit.length = (uint32_t)(v->exit_info2 - *vcpu->rip);
	vcpu->exit.port.number = (uint16_t)(info >> 16);
	vcpu->exit.port.size = (uint8_t)field_get(info, IOIO_SIZE);
	vcpu->exit.port.in = info & IOIO_IN;
	vcpu->exit.port.string = info & IOIO_STRING;
	return true;
}

static bool fill_cr(struct vcpu *vcpu, struct vmcb *v)
{
	vcpu->exit.cr.number =
		v->exit_code == VMEXIT_CR0 ? 0 : (uint8_t)(v->exit_code - VMEXIT_CR_WRITE);
	vcpu->exit.cr.write = true;
	vcpu->exit.cr.decoded = false;
	/* LMA goes with CR0.PG, which has not been written: Bochs has moved it already. */
	if (vcpu->exit.cr.number == 0)
		svm_set_efer(vcpu, svm_get_efer(vcpu));
	return true;
}

/* After the stepped IRET the guest has its own flags again: the trap was ours. */
static bool step_was_ours(struct vcpu *vcpu, struct svm_vcpu *svm)
{
	if (!svm->stepping)
		return false;
	svm->stepping = false;
	svm->vmcb.dr6 &= ~DR6_BS;
	if (*vcpu->rip == svm->iret_rip)
		*vcpu->rflags &= ~RFLAGS_TF;
	return !(*vcpu->rflags & RFLAGS_TF);
}

static bool fill_exception(struct vcpu *vcpu, struct vmcb *v)
{
	uint8_t vector = (uint8_t)(v->exit_code - VMEXIT_EXCEPTION);

	if (vector == VECTOR_DB && step_was_ours(vcpu, svm_of(vcpu)))
		return false;
	vcpu->exit.exception.vector = vector;
	vcpu->exit.exception.error = (uint32_t)v->exit_info1;
	vcpu->exit.exception.address = v->exit_info2;
	return true;
}

static bool fill_vintr(struct vcpu *vcpu, struct vmcb *v)
{
	(void)vcpu;
	v->interrupt &= ~VINT_IRQ;
	v->intercept1 &= ~(uint32_t)INTERCEPT_VINTR;
	return true;
}

/*
 * The IRET has not been executed yet, but it will be: NMIs are unblocked at the first exit that
 * finds RIP elsewhere. When one waits, the IRET is stepped over, so that this exit comes at once.
 */
static bool fill_iret(struct vcpu *vcpu, struct vmcb *v)
{
	struct svm_vcpu *svm = svm_of(vcpu);

	v->intercept1 &= ~(uint32_t)INTERCEPT_IRET;
	svm->watching = svm->iret_pending = true;
	svm->iret_rip = *vcpu->rip;
	if (svm->nmi_wanted) {
		svm->stepping = true;
		*vcpu->rflags |= RFLAGS_TF | RFLAGS_RF;
	}
	return false;
}

static void end_iret(struct vcpu *vcpu, struct svm_vcpu *svm)
{
	if (*vcpu->rip == svm->iret_rip && svm->vmcb.exit_code != VMEXIT_EXCEPTION + VECTOR_DB)
		return;
	svm->iret_pending = false;
	svm->nmi_blocked = false;
	if (svm->nmi_wanted)
		vcpu_mark(vcpu, VCPU_REQUEST_EVENT);
}

static enum verdict nested_fault(struct vcpu *vcpu, const struct vmcb *v)
{
	vcpu->exit.reason = EXIT_MEMORY;
	vcpu->exit.memory.gpa = v->exit_info2;
	vcpu->exit.memory.write = v->exit_info1 & NPF_WRITE;
	vcpu->exit.memory.fetch = v->exit_info1 & NPF_FETCH;
	vcpu->exit.memory.table_walk = v->exit_info1 & NPF_TABLE_WALK;
	return exit_table[EXIT_MEMORY](vcpu);
}

/* ---- the table */

static const struct exit_row rows[VMEXIT_CODES] = {
	/* Codes without a row are EXIT_UNKNOWN, which is 0. */
	[VMEXIT_CR_WRITE + 4] = FILLED(EXIT_CR, fill_cr),
	[VMEXIT_CR_WRITE + 8] = FILLED(EXIT_CR, fill_cr),
	[VMEXIT_EXCEPTION + VECTOR_DB] = FILLED(EXIT_EXCEPTION, fill_exception),
	[VMEXIT_EXCEPTION + VECTOR_AC] = FILLED(EXIT_EXCEPTION, fill_exception),
	[VMEXIT_EXCEPTION + VECTOR_MC] = FILLED(EXIT_EXCEPTION, fill_exception),
	[VMEXIT_INTR] = PLAIN(EXIT_INTERRUPT),
	[VMEXIT_NMI] = PLAIN(EXIT_NMI),
	[VMEXIT_INIT] = PLAIN(EXIT_NMI),
	[VMEXIT_VINTR] = FILLED(EXIT_INTERRUPT_WINDOW, fill_vintr),
	[VMEXIT_CR0] = FILLED(EXIT_CR, fill_cr),
	[VMEXIT_RDTSCP] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_RDPMC] = INSN(EXIT_COUNTER, RDPMC, 2, 0x330f, 0xffff),
	[VMEXIT_CPUID] = INSN(EXIT_CPUID, CPUID, 2, 0xa20f, 0xffff),
	[VMEXIT_RSM] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_IRET] = FILLED(EXIT_NMI_WINDOW, fill_iret),
	[VMEXIT_INVD] = INSN(EXIT_CACHE, INVD, 2, 0x080f, 0xffff),
	[VMEXIT_PAUSE] = INSN(EXIT_PAUSE, PAUSE, 2, 0x90f3, 0xffff),
	[VMEXIT_HLT] = INSN(EXIT_HLT, HLT, 1, 0xf4, 0xff),
	[VMEXIT_INVLPGA] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_IOIO] = FILLED(EXIT_PORT, fill_port),
	[VMEXIT_MSR] = INSNS(EXIT_MSR, RDMSR, WRMSR, 2, 0x300f, 0xfdff),
	[VMEXIT_SHUTDOWN] = PLAIN(EXIT_TRIPLE_FAULT),
	[VMEXIT_VMRUN] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_VMMCALL] = INSN(EXIT_HYPERCALL, VMMCALL, 3, 0xd9010f, 0xffffff),
	[VMEXIT_VMLOAD] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_VMSAVE] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_STGI] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_CLGI] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_SKINIT] = PLAIN(EXIT_UNDEFINED),
	/* Some emulators report INVD as WBINVD: 0F 08 or 0F 09. */
	[VMEXIT_WBINVD] = INSNS(EXIT_CACHE, WBINVD, INVD, 2, 0x080f, 0xfeff),
	[VMEXIT_MONITOR] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_MWAIT] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_MWAIT_ARMED] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_XSETBV] = INSN(EXIT_XSETBV, XSETBV, 3, 0xd1010f, 0xffffff),
	[VMEXIT_RDPRU] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_INVLPGB] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_INVLPGB_ILLEGAL] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_MCOMMIT] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_TLBSYNC] = PLAIN(EXIT_UNDEFINED),
};

/* Codes past the table. */
static COLD enum verdict rare_exit(struct vcpu *vcpu, const struct vmcb *v)
{
	vcpu->exit.code = v->exit_code;
	/* VMEXIT_INVALID is -1, in 32 or in 64 bits. */
	vcpu->exit.reason = (uint32_t)v->exit_code == 0xffffffff ? EXIT_INVALID : EXIT_UNKNOWN;
	return exit_table[vcpu->exit.reason](vcpu);
}

static void take_vectoring(struct vcpu *vcpu, const struct vmcb *v)
{
	uint64_t info = v->exit_int_info;
	struct vcpu_event event = {
		.valid = true,
		.type = (uint8_t)field_get(info, EVENT_TYPE),
		.vector = (uint8_t)info,
		.has_error = info & EVENT_HAS_ERROR,
		.error = (uint32_t)(info >> 32),
	};

	vcpu_vectoring(vcpu, &event);
}

/* What svm_exit() finds to be there only now and then. */
static COLD void take_side_effects(struct vcpu *vcpu, struct svm_vcpu *svm)
{
	struct vmcb *v = &svm->vmcb;

	if (v->exit_int_info & EVENT_VALID)
		take_vectoring(vcpu, v);
	if (svm->iret_pending)
		end_iret(vcpu, svm);
	if (svm->look_again)
		vcpu_mark(vcpu, VCPU_REQUEST_EVENT);
	svm->look_again = false;
	if (svm->shadow_step) { /* whatever ended the run, the guest's flag was clear */
		*vcpu->rflags &= ~RFLAGS_TF;
		svm->stepping = v->exit_code == VMEXIT_EXCEPTION + VECTOR_DB;
		svm->shadow_step = false;
	}
	svm->watching = svm->iret_pending;
	/* Breakpoints of the guest must not fire in the core: not every machine turns them off. */
	if (v->dr7 & DR7_ENABLES)
		write_dr7(DR7_INITIAL);
}

static COLD enum verdict unknown_exit(struct vcpu *vcpu, const struct vmcb *v)
{
	vcpu->exit.reason = EXIT_UNKNOWN;
	vcpu->exit.code = v->exit_code;
	return exit_table[EXIT_UNKNOWN](vcpu);
}

enum verdict svm_exit(struct vcpu *vcpu, struct svm_vcpu *svm)
{
	struct vmcb *v = &svm->vmcb;
	const struct exit_row *row;

	if (unlikely(v->exit_int_info & EVENT_VALID || svm->watching || v->dr7 & DR7_ENABLES))
		take_side_effects(vcpu, svm);
	if (unlikely((uint8_t)v->interrupt != svm->task_priority))
		svm_task_priority_changed(vcpu, svm);
	if (v->exit_code >= VMEXIT_CODES)
		return likely(v->exit_code == VMEXIT_NPF) ? nested_fault(vcpu, v)
							  : rare_exit(vcpu, v);
	row = &rows[v->exit_code];
	vcpu->exit.reason = row->reason;
	if (row->length) {
		vcpu->exit.length = length_of(vcpu, v, row);
		if (unlikely(!vcpu->exit.length))
			return VERDICT_RESUME;
		/* Of EXIT_MSR; for the others it is cheaper written than asked about. */
		vcpu->exit.write = (uint8_t)v->exit_info1 & 1;
		return exit_table[row->reason](vcpu);
	}
	if (row->fill && !row->fill(vcpu, v))
		return VERDICT_RESUME;
	if (unlikely(!row->reason))
		return unknown_exit(vcpu, v);
	return exit_table[row->reason](vcpu);
}
