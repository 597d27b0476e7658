/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instructions of VMX (SDM v3 31), in a header of their own, since host tests put a processor of theirs in its place. They
 * report failure in CF and ZF; VMREAD and VMWRITE of a field that the processor has cannot fail while a VMCS is current.
 */
#ifndef CORE_X86_VMX_INSN_H
#define CORE_X86_VMX_INSN_H

#include "lib/bits.h"

/* Physical addresses of regions; false: it failed. */
static inline bool vmxon(uint64_t region)
{
	bool ok;

	__asm__ volatile("vmxon %1" : "=@cca"(ok) : "m"(region) : "memory");
	return ok;
}

static inline bool vmclear(uint64_t region)
{
	bool ok;

	__asm__ volatile("vmclear %1" : "=@cca"(ok) : "m"(region) : "memory");
	return ok;
}

static inline bool vmptrld(uint64_t region)
{
	bool ok;

	__asm__ volatile("vmptrld %1" : "=@cca"(ok) : "m"(region) : "memory");
	return ok;
}

static inline uint64_t vmread(uint32_t field)
{
	uint64_t value;

	__asm__ volatile("vmread %1, %0" : "=rm"(value) : "r"((uint64_t)field) : "cc");
	return value;
}

static inline void vmwrite(uint32_t field, uint64_t value)
{
	__asm__ volatile("vmwrite %1, %0" : : "r"((uint64_t)field), "rm"(value) : "cc");
}

static inline void invept(uint64_t type, uint64_t pointer)
{
	const uint64_t descriptor[2] = {pointer, 0};

	__asm__ volatile("invept %0, %1" : : "m"(descriptor), "r"(type) : "cc", "memory");
}

#endif
