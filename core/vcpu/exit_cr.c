/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control registers and XCR0, where the policy gives the guest less than the CPU would: writes are checked against what is
 * allowed and against the rules of the processor (SDM v2 MOV to CR, XSETBV; APM v2 3.1), and carried out.
 */
#include "cpu/extable.h"
#include "vcpu/cpuid.h"
#include "vcpu/exits.h"
#include "x86/cr.h"

/* What a change of CR4 makes stale in the TLB (SDM v3 4.10.4.1). */
#define CR4_FLUSHES (CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_SMEP | CR4_SMAP | CR4_PKE | CR4_LA57)

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

enum verdict exit_cr(struct vcpu *vcpu)
{
	uint32_t length = vcpu->exit.length;
	uint8_t reg = vcpu->exit.cr.reg;
	struct emul_insn insn;
	uint64_t value;

	if (!vcpu->exit.cr.decoded) {
		/* Another instruction by now, or unreadable: executing it again tells. */
		if (!vcpu_decode(vcpu, &insn) || insn.op != EMUL_OP_MOV_TO_CR || insn.reg != vcpu->exit.cr.number)
			return VERDICT_RESUME;
		reg = insn.rm;
		length = insn.length;
	}
	value = vcpu->gpr[reg % GPRS];
	if (vcpu_mode_bytes(vcpu) != 8)
		value = (uint32_t)value;
	return vcpu->exit.cr.number == 8 ? write_cr8(vcpu, value, length) : write_cr4(vcpu, value, length);
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
	return !(value & XCR0_BNDREGS) == !(value & XCR0_BNDCSR) && !(value & XCR0_TILECFG) == !(value & XCR0_TILEDATA);
}

enum verdict exit_xsetbv(struct vcpu *vcpu)
{
	uint64_t value = join32((uint32_t)vcpu->gpr[RAX], (uint32_t)vcpu->gpr[RDX]);
	struct vcpu_paging paging;

	vcpu->backend->get_paging(vcpu, &paging);
	if (paging.cpl || (uint32_t)vcpu->gpr[RCX] || !xcr0_is_valid(vcpu->guest, value) || !xsetbv_safe(0, value)) {
		vcpu_raise_error(vcpu, VECTOR_GP, 0);
		return VERDICT_RESUME;
	}
	vcpu_advance(vcpu, vcpu->exit.length);
	return VERDICT_RESUME;
}
