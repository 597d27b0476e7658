/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intel's VMX as the manual describes it: instructions (SDM v3 31), capability MSRs (SDM v3 appendix A). The instructions report
 * failure in CF and ZF; VMREAD and VMWRITE of a field that the processor has cannot fail while a VMCS is current.
 */
#ifndef CORE_X86_VMX_H
#define CORE_X86_VMX_H

#include "lib/bits.h"

#define MSR_VMX_BASIC		 0x00000480
#define MSR_VMX_MISC		 0x00000485
#define MSR_VMX_CR0_FIXED0	 0x00000486
#define MSR_VMX_CR4_FIXED0	 0x00000488
#define MSR_VMX_SECONDARY	 0x0000048b
#define MSR_VMX_EPT_VPID_CAP	 0x0000048c
#define MSR_VMX_TRUE_PIN	 0x0000048d
#define MSR_VMX_TRUE_PRIMARY	 0x0000048e
#define MSR_VMX_TRUE_EXIT	 0x0000048f
#define MSR_VMX_TRUE_ENTRY	 0x00000490

#define FEATURE_CONTROL_LOCK	 BIT(0)
#define FEATURE_CONTROL_VMX	 BIT(2) /* VMXON outside SMX */

#define VMX_BASIC_REVISION	 BITS(30, 0)
#define VMX_BASIC_TRUE		 BIT(55) /* the MSRs from 0x48d on are there */
#define VMX_MISC_TIMER_SHIFT	 BITS(4, 0) /* the preemption timer counts when this bit of the TSC changes */

#define VMX_EPT_LEVELS_4	 BIT(6)
#define VMX_EPT_WB		 BIT(14)
#define VMX_EPT_PAGE_2M		 BIT(16)
#define VMX_EPT_PAGE_1G		 BIT(17)
#define VMX_INVEPT		 BIT(20)
#define VMX_EPT_ACCESSED_DIRTY	 BIT(21)
#define VMX_INVEPT_SINGLE	 BIT(25)
#define VMX_INVEPT_ALL		 BIT(26)
#define VMX_INVVPID		 BIT(32)
#define VMX_INVVPID_SINGLE	 BIT(41)
#define VMX_INVVPID_ALL		 BIT(42)

/* Types of INVEPT and INVVPID. */
enum { INVALIDATE_SINGLE = 1, INVALIDATE_ALL = 2 };

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

static inline void invvpid(uint64_t type, uint16_t vpid)
{
	const uint64_t descriptor[2] = {vpid, 0};

	__asm__ volatile("invvpid %0, %1" : : "m"(descriptor), "r"(type) : "cc", "memory");
}

#endif
