/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exit reasons become neutral records by a table: what the common part calls it, whether the instruction's length goes with it,
 * and what else is to be filled in. SDM v3 28.2, appendix C.
 */
#include "vmx/vmx.h"
#include "x86/cr.h"
#include "x86/insn.h"

struct exit_row {
	bool (*fill)(struct vcpu *vcpu, struct vmx_vcpu *vmx); /* false: the exit is done with */
	uint8_t reason; /* enum exit_reason */
	bool instruction; /* its length is wanted */
};

#define PLAIN(r)     {.reason = r}
#define FILLED(r, f) {.reason = r, .fill = f}
#define INSN(r)	     {.reason = r, .instruction = true}

/* ---- fillers */

static bool fill_port(struct vcpu *vcpu, struct vmx_vcpu *vmx)
{
	uint64_t q = vmread(VMCS_QUALIFICATION);

	(void)vmx;
	vcpu->exit.length = (uint32_t)vmread(VMCS_EXIT_LENGTH);
	vcpu->exit.port.number = (uint16_t)(q >> 16);
	vcpu->exit.port.size = (uint8_t)((q & IO_SIZE) + 1);
	vcpu->exit.port.in = q & IO_IN;
	vcpu->exit.port.string = q & IO_STRING;
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

static bool fill_rdmsr(struct vcpu *vcpu, struct vmx_vcpu *vmx)
{
	(void)vmx;
	vcpu->exit.write = false;
	return true;
}

static bool fill_wrmsr(struct vcpu *vcpu, struct vmx_vcpu *vmx)
{
	(void)vmx;
	vcpu->exit.write = true;
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
	vcpu->exit.memory.gpa = vmread(VMCS_GUEST_PHYSICAL);
	vcpu->exit.memory.write = q & EPT_VIOLATION_WRITE;
	vcpu->exit.memory.fetch = q & EPT_VIOLATION_FETCH;
	vcpu->exit.memory.linear_valid = q & EPT_VIOLATION_LINEAR;
	vcpu->exit.memory.table_walk = (q & EPT_VIOLATION_LINEAR) && !(q & EPT_VIOLATION_FINAL);
	vcpu->exit.memory.linear = vmread(VMCS_GUEST_LINEAR);
	return true;
}

/* The guest has lowered CR8, which vmx_exit() has seen. */
static bool fill_task_priority(struct vcpu *vcpu, struct vmx_vcpu *vmx)
{
	(void)vcpu, (void)vmx;
	return false;
}

/* ---- the table */

static const struct exit_row rows[VMEXIT_REASONS] = {
	/* Reasons without a row are EXIT_UNKNOWN, which is 0. */
	[VMEXIT_EXCEPTION] = FILLED(EXIT_EXCEPTION, fill_exception),
	[VMEXIT_INTERRUPT] = PLAIN(EXIT_INTERRUPT),
	[VMEXIT_TRIPLE_FAULT] = PLAIN(EXIT_TRIPLE_FAULT),
	[VMEXIT_INIT] = PLAIN(EXIT_NMI),
	[VMEXIT_INTERRUPT_WINDOW] = PLAIN(EXIT_INTERRUPT_WINDOW),
	[VMEXIT_NMI_WINDOW] = PLAIN(EXIT_NMI_WINDOW),
	[VMEXIT_CPUID] = INSN(EXIT_CPUID),
	[VMEXIT_GETSEC] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_HLT] = INSN(EXIT_HLT),
	[VMEXIT_INVD] = INSN(EXIT_CACHE),
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
	[VMEXIT_RDMSR] = {.reason = EXIT_MSR, .instruction = true, .fill = fill_rdmsr},
	[VMEXIT_WRMSR] = {.reason = EXIT_MSR, .instruction = true, .fill = fill_wrmsr},
	[VMEXIT_MWAIT] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_MONITOR] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_TPR] = FILLED(EXIT_INTERRUPT_WINDOW, fill_task_priority),
	[VMEXIT_EPT_VIOLATION] = FILLED(EXIT_MEMORY, fill_memory),
	[VMEXIT_INVEPT] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_TIMER] = PLAIN(EXIT_INTERRUPT),
	[VMEXIT_INVVPID] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_WBINVD] = INSN(EXIT_CACHE),
	[VMEXIT_XSETBV] = INSN(EXIT_XSETBV),
	[VMEXIT_RDRAND] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_VMFUNC] = PLAIN(EXIT_UNDEFINED),
	[VMEXIT_RDSEED] = PLAIN(EXIT_UNDEFINED),
};

/* What is common to all exits that are seldom. */
static COLD enum verdict rare_exit(struct vcpu *vcpu, struct vmx_vcpu *vmx, uint32_t reason)
{
	vcpu->exit.reason = reason & EXIT_REASON_FAILED ? EXIT_INVALID : EXIT_UNKNOWN;
	vcpu->exit.code = reason | vmread(VMCS_QUALIFICATION) << 32;
	(void)vmx;
	return exit_table[vcpu->exit.reason](vcpu);
}

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

/* What every exit wants to know of the guest. */
static inline void read_guest(struct vcpu *vcpu, struct vmx_vcpu *vmx)
{
	const struct vmx_guest *g = vcpu->guest->arch;

	vmx->known &= ~FIELDS_OF_GUEST;
	vmx->known |= BIT(FIELD_CR3);
	vmx->segments_known = false;
	vmx->rip = vmread(VMCS_GUEST_RIP);
	vmx->rflags = vmx->loaded_rflags = vmread(VMCS_GUEST_RFLAGS);
	vmx->blocking = vmx->loaded_blocking = vmread(VMCS_GUEST_BLOCKING);
	vmx->shadow = !!(vmx->blocking & BLOCKING_SHADOW);
	vmx->value[FIELD_CR3] = vmread(VMCS_GUEST_CR3);
	vmx->cr4 = (vmread(VMCS_GUEST_CR4) & ~g->cr4_mask) |
		   (vmx->value[FIELD_CR4_SHADOW] & g->cr4_mask);
}

enum verdict vmx_exit(struct vcpu *vcpu, struct vmx_vcpu *vmx)
{
	uint32_t reason = (uint32_t)vmread(VMCS_EXIT_REASON);
	uint64_t vectoring = vmread(VMCS_VECTORING);
	const struct exit_row *row;

	vmx->event = 0;
	if (unlikely(reason & EXIT_REASON_FAILED))
		return rare_exit(vcpu, vmx, reason);
	vmx->launched = 1;
	read_guest(vcpu, vmx);
	if (unlikely(vectoring & EVENT_VALID))
		take_vectoring(vcpu, vectoring);
	if (unlikely(vmx->apic[VIRTUAL_APIC_TPR] >> 4 != vmx->task_priority))
		vmx_task_priority_changed(vcpu, vmx);
	if (unlikely(reason >= VMEXIT_REASONS || !rows[reason].reason))
		return rare_exit(vcpu, vmx, reason);
	row = &rows[reason];
	vcpu->exit.reason = row->reason;
	if (row->instruction)
		vcpu->exit.length = (uint32_t)vmread(VMCS_EXIT_LENGTH);
	if (row->fill && !row->fill(vcpu, vmx))
		return VERDICT_RESUME;
	return exit_table[vcpu->exit.reason](vcpu);
}
