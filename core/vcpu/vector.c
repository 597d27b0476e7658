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

enum { SSE_BYTES = 16, AVX_BYTES = 32, REGISTERS = 16 };

static bool avx_is_on(const struct vcpu *vcpu)
{
	const uint64_t wanted = XCR0_SSE | XCR0_AVX;

	return *vcpu->cr4 & CR4_OSXSAVE && vcpu->guest->xcr0 && (xgetbv(0) & wanted) == wanted;
}

bool vcpu_vector_read(const struct vcpu *vcpu, uint32_t number, void *data, uint32_t size)
{
	uint8_t whole[AVX_BYTES];

	if (number >= REGISTERS || size > AVX_BYTES || !(*vcpu->cr4 & CR4_OSFXSR))
		return false;
	if (size <= SSE_BYTES)
		vector_store_16(number, whole);
	else if (avx_is_on(vcpu))
		vector_store_32(number, whole);
	else
		return false;
	memcpy(data, whole, size);
	return true;
}

bool vcpu_vector_write(const struct vcpu *vcpu, uint32_t number, const void *data, uint32_t size,
		       uint32_t clear_to)
{
	uint8_t whole[AVX_BYTES] = {0};

	if (number >= REGISTERS || size > AVX_BYTES || !(*vcpu->cr4 & CR4_OSFXSR))
		return false;
	memcpy(whole, data, size);
	if (clear_to <= SSE_BYTES && size <= SSE_BYTES)
		vector_load_16(number, whole);
	else if (avx_is_on(vcpu))
		vector_load_32_clear(number, whole);
	else
		return false;
	return true;
}
