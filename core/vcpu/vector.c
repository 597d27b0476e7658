/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emulator's way to the guest's vector registers, which are live in this CPU. The guest may
 * change its code between the exit and the emulation: what it may execute is asked here again.
 */
#include "vcpu/vector.h"

#include "lib/string.h"
#include "vcpu/vcpu.h"
#include "x86/insn.h"
#include "x86/vector.h"

enum { SSE_BYTES = 16, AVX_BYTES = 32, AVX512_BYTES = 64, OLD_REGISTERS = 16, REGISTERS = 32 };

static bool is_on(const struct vcpu *vcpu, uint64_t wanted)
{
	return *vcpu->cr4 & CR4_OSXSAVE && vcpu->guest->xcr0 && (xgetbv(0) & wanted) == wanted;
}

static bool avx_is_on(const struct vcpu *vcpu)
{
	return is_on(vcpu, XCR0_SSE | XCR0_AVX);
}

static bool avx512_is_on(const struct vcpu *vcpu)
{
	return is_on(vcpu, XCR0_SSE | XCR0_AVX | XCR0_AVX512);
}

bool vcpu_vector_read(const struct vcpu *vcpu, uint32_t number, void *data, uint32_t size)
{
	uint8_t whole[AVX512_BYTES];
	bool old = number < OLD_REGISTERS;

	if (number >= REGISTERS || size > AVX512_BYTES || !(*vcpu->cr4 & CR4_OSFXSR))
		return false;
	if (old && size <= SSE_BYTES)
		vector_store_16(number, whole);
	else if (old && size <= AVX_BYTES && avx_is_on(vcpu))
		vector_store_32(number, whole);
	else if (avx512_is_on(vcpu))
		vector_store_64(number, whole);
	else
		return false;
	memcpy(data, whole, size);
	return true;
}

bool vcpu_vector_write(const struct vcpu *vcpu, uint32_t number, const void *data, uint32_t size,
		       uint32_t clear_to)
{
	uint8_t whole[AVX512_BYTES] = {0};
	bool old = number < OLD_REGISTERS;

	if (number >= REGISTERS || size > AVX512_BYTES || !(*vcpu->cr4 & CR4_OSFXSR))
		return false;
	memcpy(whole, data, size);
	if (old && clear_to <= SSE_BYTES && size <= SSE_BYTES)
		vector_load_16(number, whole);
	else if (old && size <= AVX_BYTES && avx_is_on(vcpu))
		vector_load_32_clear(number, whole);
	else if (avx512_is_on(vcpu))
		vector_load_64(number, whole);
	else
		return false;
	return true;
}

bool vcpu_opmask_read(const struct vcpu *vcpu, uint32_t number, uint32_t bits, uint64_t *mask)
{
	uint16_t narrow;

	if (!avx512_is_on(vcpu))
		return false;
	if (bits > 16) {
		if (!(cpuid(7, 0).ebx & CPUID_7_EBX_AVX512BW))
			return false;
		opmask_store_64(number, mask);
	} else {
		opmask_store_16(number, &narrow);
		*mask = narrow;
	}
	return true;
}
