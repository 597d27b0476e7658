/* SPDX-License-Identifier: Apache-2.0 */
/* Intel's VMX as the manual describes it: capability MSRs (SDM v3 appendix A). Its instructions are in vmx_insn.h. */
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

/* Types of INVEPT. */
enum { INVALIDATE_SINGLE = 1, INVALIDATE_ALL = 2 };

#endif
