/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control registers and XCR0, where the policy gives the guest less than the CPU would: writes are
 * checked against what is allowed and against the rules of the processor (SDM v2 MOV to CR, XSETBV;
 * APM v2 3.1), and carried out.
 */
#include "cpu/extable.h"
#include "vcpu/cpuid.h"
#include "vcpu/exits.h"
#include "x86/cr.h"

/* What a change of CR4 makes stale in the TLB (SDM v3 4.10.4.1). */
#define CR4_FLUSHES                                                                                \
	(CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_SMEP | CR4_SMAP | CR4_PKE | CR4_LA57)

static bool cr4_is_valid(const struct vcpu *vcpu, uint64_t value)
{
	uint64_t old = vcpu->backend->get_cr(vcpu, 4);
	bool long_mode = vcpu->backend->get_efer(vcpu) & EFER_LMA;

	if (value & ~vcpu->guest->cr4)
		return false;
	if (long_mode && (!(value & CR4_PAE) || (value ^ old) & CR4_LA57))
		return false;
	/* PCIDs are turned on in long mode only, and with PCID 0. */
	if (value & ~old & CR4_PCIDE)
		return long_mode && !(vcpu->backend->get_cr(vcpu, 3) & BITS(11, 0));
	return true;
}

static enum verdict write_cr4(struct vcpu *vcpu, uint64_t value, uint32_t length)
{
	if (!cr4_is_valid(vcpu, value)) {
		vcpu_raise_error(vcpu, VECTOR_GP, 0);
		return VERDICT_RESUME;
	}
	if ((value ^ vcpu->backend->get_cr(vcpu, 4)) & CR4_FLUSHES)
		vcpu->backend->flush(vcpu);
	vcpu->backend->set_cr(vcpu, 4, value);
	vcpu_advance(vcpu, length);
	return VERDICT_RESUME;
}

/* SDM v2 "MOV to control registers"; APM v2 14.6.1 for what turns long mode on and off. */
static bool cr0_is_valid(const struct vcpu *vcpu, uint64_t value, uint64_t old)
{
	uint64_t efer = vcpu->backend->get_efer(vcpu), cr4 = *vcpu->cr4;
	bool code_is_64 = vcpu->backend->segments(vcpu)[EMUL_CS].attributes & BIT(9);

	if (value >> 32 || (value & CR0_PG && !(value & CR0_PE)) ||
	    (value & CR0_NW && !(value & CR0_CD)))
		return false;
	if (value & ~old & CR0_PG && efer & EFER_LME)
		return cr4 & CR4_PAE && !code_is_64;
	if (~value & old & CR0_PG)
		return !(cr4 & CR4_PCIDE) && !(efer & EFER_LMA && code_is_64);
	return true;
}

/* What a change of CR0 makes stale in the TLB (APM v2 5.5.2). */
#define CR0_FLUSHES (CR0_PG | CR0_WP | CR0_PE)

static bool change_cr0(struct vcpu *vcpu, uint64_t value)
{
	uint64_t old = vcpu->backend->get_cr(vcpu, 0);

	if (!cr0_is_valid(vcpu, value, old))
		return false;
	vcpu->backend->set_cr(vcpu, 0, value | CR0_ET);
	vcpu->backend->set_efer(vcpu, vcpu->backend->get_efer(vcpu));
	if ((value ^ old) & CR0_FLUSHES)
		vcpu->backend->flush(vcpu);
	return true;
}

static enum verdict write_cr0(struct vcpu *vcpu, uint64_t value, uint32_t length)
{
	if (change_cr0(vcpu, value))
		vcpu_advance(vcpu, length);
	else
		vcpu_raise_error(vcpu, VECTOR_GP, 0);
	return VERDICT_RESUME;
}

/* Intercepted while an interrupt may wait for a lower task priority. */
static enum verdict write_cr8(struct vcpu *vcpu, uint64_t value, uint32_t length)
{
	if (value & ~BITS(3, 0)) {
		vcpu_raise_error(vcpu, VECTOR_GP, 0);
		return VERDICT_RESUME;
	}
	if (vcpu->chip)
		vcpu->chip->set_cr8(vcpu->chip_state, (uint8_t)value);
	vcpu_mark(vcpu, VCPU_REQUEST_EVENT);
	vcpu_advance(vcpu, length);
	return VERDICT_RESUME;
}

static enum verdict write_cr(struct vcpu *vcpu, uint8_t number, uint64_t value, uint32_t length)
{
	if (number == 0)
		return write_cr0(vcpu, value, length);
	return number == 8 ? write_cr8(vcpu, value, length) : write_cr4(vcpu, value, length);
}

bool exit_lmsw(struct vcpu *vcpu, uint16_t value)
{
	return change_cr0(vcpu, (vcpu->backend->get_cr(vcpu, 0) & ~BITS(3, 1)) | (value & BITS(3, 0)));
}

enum verdict exit_cr(struct vcpu *vcpu)
{
	uint8_t number = vcpu->exit.cr.number;
	struct emul_insn insn;
	uint64_t value;

	if (vcpu->exit.cr.decoded)
		return write_cr(vcpu, number, vcpu->gpr[vcpu->exit.cr.reg % GPRS],
				vcpu->exit.length);
	/* Another instruction by now, or unreadable: executing it again tells. */
	if (!vcpu_decode(vcpu, &insn))
		return VERDICT_RESUME;
	if (insn.op == EMUL_OP_LMSW && number == 0)
		return exit_emulate(vcpu);
	if (insn.op != EMUL_OP_MOV_TO_CR || insn.reg != number)
		return VERDICT_RESUME;
	value = vcpu->gpr[insn.rm % GPRS];
	return write_cr(vcpu, number, vcpu_mode_bytes(vcpu) == 8 ? value : (uint32_t)value,
			insn.length);
}

/* SDM v1 13.3. */
static bool xcr0_is_valid(const struct guest *guest, uint64_t value)
{
	if (value & ~guest->xcr0 || !(value & XCR0_X87))
		return false;
	if (value & XCR0_AVX && !(value & XCR0_SSE))
		return false;
	if (value & XCR0_AVX512 && (value & (XCR0_AVX512 | XCR0_AVX)) != (XCR0_AVX512 | XCR0_AVX))
		return false;
	return !(value & XCR0_BNDREGS) == !(value & XCR0_BNDCSR) &&
	       !(value & XCR0_TILECFG) == !(value & XCR0_TILEDATA);
}

enum verdict exit_xsetbv(struct vcpu *vcpu)
{
	uint64_t value = join32((uint32_t)vcpu->gpr[RAX], (uint32_t)vcpu->gpr[RDX]);
	struct vcpu_paging paging;

	vcpu->backend->get_paging(vcpu, &paging);
	/* The processor looks at this before it exits; QEMU 10 does not. */
	if (!(paging.cr4 & CR4_OSXSAVE)) {
		vcpu_raise(vcpu, VECTOR_UD);
		return VERDICT_RESUME;
	}
	if (paging.cpl || (uint32_t)vcpu->gpr[RCX] || !xcr0_is_valid(vcpu->guest, value) ||
	    !xsetbv_safe(0, value)) {
		vcpu_raise_error(vcpu, VECTOR_GP, 0);
		return VERDICT_RESUME;
	}
	vcpu_advance(vcpu, vcpu->exit.length);
	return VERDICT_RESUME;
}
