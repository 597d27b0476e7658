/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exit reasons become neutral records by a table: what the common part calls it, whether the instruction's length goes with it,
 * and what else is to be filled in. SDM v3 28.2, appendix C.
 */
#include "cpu/idt.h"
#include "vmx/vmx.h"
#include "x86/cr.h"
#include "x86/insn.h"

struct exit_row {
	bool (*fill)(struct vcpu *vcpu, struct vmx_vcpu *vmx); /* false: the exit is done with */
	uint8_t reason; /* enum exit_reason */
	bool instruction; /* its length is wanted, and nothing else */
};

#define PLAIN(r)     {.reason = r}
#define FILLED(r, f) {.reason = r, .fill = f}
#define INSN(r)	     {.reason = r, .instruction = true}

/* ---- fillers */

static bool fill_port(struct vcpu *vcpu, struct vmx_vcpu *vmx)
{
	uint64_t q = vmread(VMCS_QUALIFICATION);

	vcpu->exit.length = (uint32_t)vmread(VMCS_EXIT_LENGTH);
	vcpu->exit.port.number = (uint16_t)(q >> 16);
	vcpu->exit.port.size = (uint8_t)((q & IO_SIZE) + 1);
	vcpu->exit.port.in = q & IO_IN;
	vcpu->exit.port.string = q & IO_STRING;
	if (vcpu->exit.port.string)
		vmx_get(vmx, FIELD_CR3);
	return true;
}

/* LMSW is left to the decoder. CR3 and CR8 do not exit, nor do reads and CLTS. */
static bool fill_cr(struct vcpu *vcpu, struct vmx_vcpu *vmx)
{
	uint64_t q = vmread(VMCS_QUALIFICATION);

	(void)vmx;
	vcpu->exit.length = (uint32_t)vmread(VMCS_EXIT_LENGTH);
	vcpu->exit.cr.number = (uint8_t)field_get(q, CR_NUMBER);
	vcpu->exit.cr.write = true;
	vcpu->exit.cr.decoded = field_get(q, CR_ACCESS) == CR_MOV_TO;
	vcpu->exit.cr.reg = (uint8_t)field_get(q, CR_REGISTER);
	return true;
}

/* An intercepted #DB leaves to us what it writes to DR6, and that a general-detect fault clears DR7.GD (SDM v3 28.1). */
static void take_debug_exception(struct vcpu *vcpu)
{
	uint64_t why = vmread(VMCS_QUALIFICATION) & (DR6_BP | DR6_BD | DR6_BS);

	vmx_set_dr(vcpu, 6, (vmx_get_dr(vcpu, 6) & ~DR6_BP) | why);
	if (why & DR6_BD)
		vmx_set_dr(vcpu, 7, vmx_get_dr(vcpu, 7) & ~DR7_GD);
	vcpu->exit.exception.address = why;
}

/* Exceptions, and the machine's NMIs. */
static bool fill_exception(struct vcpu *vcpu, struct vmx_vcpu *vmx)
{
	uint64_t event = vmread(VMCS_EXIT_EVENT);

	if (field_get(event, EVENT_TYPE) == EVENT_NMI) {
		call_nmi_handler();
		vcpu->exit.reason = EXIT_NMI;
		return true;
	}
	if (event & EVENT_UNBLOCKS_NMI && (uint8_t)event != VECTOR_DF && !vcpu->vectoring.valid)
		vmx->blocking |= BLOCKING_NMI;
	vcpu->exit.exception.vector = (uint8_t)event;
	vcpu->exit.exception.error =
		event & EVENT_HAS_ERROR ? (uint32_t)vmread(VMCS_EXIT_EVENT_ERROR) : 0;
	if ((uint8_t)event == VECTOR_DB)
		take_debug_exception(vcpu);
	return true;
}

static bool fill_memory(struct vcpu *vcpu, struct vmx_vcpu *vmx)
{
	uint64_t q = vmread(VMCS_QUALIFICATION);

	if (unlikely(q & EPT_VIOLATION_NMI && !vcpu->vectoring.valid))
		vmx->blocking |= BLOCKING_NMI;
	vmx_get(vmx, FIELD_CR3); /* for the emulator */
	vcpu->exit.memory.gpa = vmread(VMCS_GUEST_PHYSICAL);
	vcpu->exit.memory.write = q & EPT_VIOLATION_WRITE;
	vcpu->exit.memory.fetch = q & EPT_VIOLATION_FETCH;
	vcpu->exit.memory.table_walk = (q & EPT_VIOLATION_LINEAR) && !(q & EPT_VIOLATION_FINAL);
	return true;
}

/* An access to the page of an xAPIC that is lent which the processor leaves to the core. */
static bool fill_apic_access(struct vcpu *vcpu, struct vmx_vcpu *vmx)
{
	uint64_t q = vmread(VMCS_QUALIFICATION), how = field_get(q, APIC_ACCESS);

	vmx_get(vmx, FIELD_CR3);
	vcpu->exit.memory.gpa = (vcpu->chip->base(vcpu->chip_state) & ~APIC_OFFSET) | (q & APIC_OFFSET);
	vcpu->exit.memory.write = how == APIC_WRITE;
	vcpu->exit.memory.fetch = how == APIC_FETCH;
	vcpu->exit.memory.table_walk = how >= APIC_PHYSICAL;
	return true;
}

static bool fill_task_switch(struct vcpu *vcpu, struct vmx_vcpu *vmx)
{
	(void)vmx;
	vcpu->exit.code = (uint16_t)vmread(VMCS_QUALIFICATION);
	return true;
}

/* The guest has written a register of its lent APIC. */
static bool fill_apic_write(struct vcpu *vcpu, struct vmx_vcpu *vmx)
{
	(void)vmx;
	vcpu->chip->written(vcpu->chip_state, (unsigned int)(vmread(VMCS_QUALIFICATION) & APIC_OFFSET) / 16);
	return false;
}

/* The exit has acknowledged it. */
static bool fill_interrupt(struct vcpu *vcpu, struct vmx_vcpu *vmx)
{
	(void)vcpu, (void)vmx;
	interrupt_take((uint8_t)vmread(VMCS_EXIT_EVENT));
	return true;
}

/* The guest has lowered CR8, which vmx_exit() has seen. */
static bool fill_task_priority(struct vcpu *vcpu, struct vmx_vcpu *vmx)
{
	(void)vcpu, (void)vmx;
	return false;
}

/* The guest has ended a level-triggered interrupt that the processor delivered. */
static bool fill_eoi(struct vcpu *vcpu, struct vmx_vcpu *vmx)
{
	(void)vmx;
	if (vcpu->chip)
		vcpu->chip->ended(vcpu->chip_state, (uint8_t)vmread(VMCS_QUALIFICATION));
	return false;
}

/* It is armed again when the guest is entered with interrupts off. */
static bool fill_timer(struct vcpu *vcpu, struct vmx_vcpu *vmx)
{
	(void)vcpu;
	vmx_set_timer(vmx, false);
	return true;
}

/* ---- the table */

static const struct exit_row rows[VMEXIT_REASONS] = {
	/* Reasons without a row are EXIT_UNKNOWN, which is 0. */
	[VMEXIT_EXCEPTION] = FILLED(EXIT_EXCEPTION, fill_exception),
	[VMEXIT_INTERRUPT] = FILLED(EXIT_INTERRUPT, fill_interrupt),
	[VMEXIT_TRIPLE_FAULT] = PLAIN(EXIT_TRIPLE_FAULT),
	[VMEXIT_INIT] = PLAIN(EXIT_NMI),
	[VMEXIT_INTERRUPT_WINDOW] = PLAIN(EXIT_INTERRUPT_WINDOW),
	[VMEXIT_NMI_WINDOW] = PLAIN(EXIT_NMI_WINDOW),
	[VMEXIT_CPUID] = INSN(EXIT_CPUID),
	[VMEXIT_GETSEC] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_HLT] = INSN(EXIT_HLT),
	[VMEXIT_INVD] = INSN(EXIT_CACHE),
	[VMEXIT_PAUSE] = INSN(EXIT_PAUSE),
	[VMEXIT_RDPMC] = INSN(EXIT_COUNTER),
	[VMEXIT_RSM] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_VMCALL] = INSN(EXIT_HYPERCALL),
	[VMEXIT_VMCLEAR] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_VMLAUNCH] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_VMPTRLD] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_VMPTRST] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_VMREAD] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_VMRESUME] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_VMWRITE] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_VMXOFF] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_VMXON] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_CR] = FILLED(EXIT_CR, fill_cr),
	[VMEXIT_IO] = FILLED(EXIT_PORT, fill_port),
	[VMEXIT_RDMSR] = INSN(EXIT_MSR),
	[VMEXIT_WRMSR] = INSN(EXIT_MSR),
	[VMEXIT_MWAIT] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_MONITOR] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_TASK_SWITCH] = FILLED(EXIT_TASK_SWITCH, fill_task_switch),
	[VMEXIT_TPR] = FILLED(EXIT_INTERRUPT_WINDOW, fill_task_priority),
	[VMEXIT_APIC_ACCESS] = FILLED(EXIT_MEMORY, fill_apic_access),
	[VMEXIT_APIC_WRITE] = FILLED(EXIT_INTERRUPT_WINDOW, fill_apic_write),
	[VMEXIT_EOI] = FILLED(EXIT_INTERRUPT_WINDOW, fill_eoi),
	[VMEXIT_EPT_VIOLATION] = FILLED(EXIT_MEMORY, fill_memory),
	[VMEXIT_INVEPT] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_TIMER] = FILLED(EXIT_INTERRUPT, fill_timer),
	[VMEXIT_INVVPID] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_WBINVD] = INSN(EXIT_CACHE),
	[VMEXIT_XSETBV] = INSN(EXIT_XSETBV),
	[VMEXIT_RDRAND] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_VMFUNC] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_ENCLS] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_RDSEED] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_ENCLV] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_SEAMCALL] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_TDCALL] = PLAIN(EXIT_UNDEFINED),
};

enum verdict vmx_refused(struct vcpu *vcpu)
{
	vcpu->exit.reason = EXIT_INVALID;
	vcpu->exit.code = vmread(VMCS_INSTRUCTION_ERROR);
	vmx_of(vcpu)->event = 0;
	return exit_table[EXIT_INVALID](vcpu);
}

static COLD void take_vectoring(struct vcpu *vcpu, uint64_t info)
{
	uint8_t type = (uint8_t)field_get(info, EVENT_TYPE);
	struct vcpu_event event = {
		.valid = true,
		/* 5 and 6 are the exceptions of INT1, INT3 and INTO. */
		.type = type > EVENT_SOFTWARE ? EVENT_SOFTWARE : type,
		.vector = (uint8_t)info,
		.has_error = info & EVENT_HAS_ERROR,
		.error = info & EVENT_HAS_ERROR ? (uint32_t)vmread(VMCS_VECTORING_ERROR) : 0,
	};

	vcpu_vectoring(vcpu, &event);
}

/* Now and then there is more to be said about what the guest left. */
static COLD void take_blocking(struct vmx_vcpu *vmx, uint64_t blocking)
{
	vmx->blocking = vmx->loaded_blocking = blocking;
	vmx->shadow = !!(blocking & BLOCKING_SHADOW);
}

/* What every exit wants to know of the guest. */
static inline void read_guest(struct vmx_vcpu *vmx)
{
	uint64_t blocking = vmread(VMCS_GUEST_BLOCKING);

	vmx->event = 0;
	vmx->known &= ~FIELDS_OF_GUEST;
	vmx->rip = vmread(VMCS_GUEST_RIP);
	vmx->rflags = vmx->loaded_rflags = vmread(VMCS_GUEST_RFLAGS);
	if (unlikely(blocking | vmx->blocking | vmx->loaded_blocking | vmx->shadow))
		take_blocking(vmx, blocking);
}

/* Reasons that no row knows, and entries that have failed: then the guest is as it was. */
static COLD enum verdict rare_exit(struct vcpu *vcpu, struct vmx_vcpu *vmx, uint32_t reason)
{
	vmx->event = 0;
	if (!(reason & EXIT_REASON_FAILED)) {
		vmx->launched = 1;
		read_guest(vmx);
	}
	vcpu->exit.reason = reason & EXIT_REASON_FAILED ? EXIT_INVALID : EXIT_UNKNOWN;
	vcpu->exit.code = reason | vmread(VMCS_QUALIFICATION) << 32;
	return exit_table[vcpu->exit.reason](vcpu);
}

static enum verdict filled_exit(struct vcpu *vcpu, struct vmx_vcpu *vmx, const struct exit_row *row)
{
	if (row->fill && !row->fill(vcpu, vmx))
		return VERDICT_RESUME;
	return exit_table[vcpu->exit.reason](vcpu);
}

/* MSRs and most instructions: no call, and no register to be kept. */
static inline enum verdict take_exit(struct vcpu *vcpu, struct vmx_vcpu *vmx, uint32_t reason)
{
	const struct exit_row *row = &rows[reason];

	vcpu->exit.reason = row->reason;
	if (!row->instruction)
		return row->reason ? filled_exit(vcpu, vmx, row) : rare_exit(vcpu, vmx, reason);
	vcpu->exit.length = (uint32_t)vmread(VMCS_EXIT_LENGTH);
	/* Of EXIT_MSR; for the others it is cheaper written than asked about. */
	vcpu->exit.write = reason == VMEXIT_WRMSR;
	return exit_table[row->reason](vcpu);
}

static COLD enum verdict take_side_effects(struct vcpu *vcpu, struct vmx_vcpu *vmx, uint32_t reason,
					   uint64_t vectoring)
{
	if (vectoring & EVENT_VALID)
		take_vectoring(vcpu, vectoring);
	if (vmx->apic[VIRTUAL_APIC_TPR] >> 4 != vmx->task_priority)
		vmx_task_priority_changed(vcpu, vmx);
	return take_exit(vcpu, vmx, reason);
}

enum verdict vmx_exit(struct vcpu *vcpu, struct vmx_vcpu *vmx)
{
	uint32_t reason = (uint32_t)vmread(VMCS_EXIT_REASON);
	uint64_t vectoring = vmread(VMCS_VECTORING);

	if (unlikely(reason >= VMEXIT_REASONS))
		return rare_exit(vcpu, vmx, reason);
	vmx->launched = 1;
	read_guest(vmx);
	if (unlikely(vectoring & EVENT_VALID ||
		     vmx->apic[VIRTUAL_APIC_TPR] >> 4 != vmx->task_priority))
		return take_side_effects(vcpu, vmx, reason, vectoring);
	return take_exit(vcpu, vmx, reason);
}
