/* SPDX-License-Identifier: Apache-2.0 */
/* CPUID leaves and the feature bits that the core itself uses. SDM v2 CPUID; APM v3 appendix E. */
#ifndef CORE_X86_CPUID_H
#define CORE_X86_CPUID_H

#include "lib/bits.h"

#define CPUID_VENDOR	      0x00000000 /* eax: last standard leaf; ebx, edx, ecx: vendor */
#define CPUID_FEATURES	      0x00000001
#define CPUID_CACHE	      0x00000004
#define CPUID_MWAIT	      0x00000005
#define CPUID_POWER	      0x00000006
#define CPUID_STRUCTURED      0x00000007
#define CPUID_TOPOLOGY	      0x0000000b
#define CPUID_XSAVE	      0x0000000d
#define CPUID_TSC	      0x00000015
#define CPUID_FREQUENCY	      0x00000016
#define CPUID_TOPOLOGY_V2     0x0000001f
#define CPUID_HYPERVISOR      0x40000000
#define CPUID_EXTENDED	      0x80000000 /* eax: last extended leaf */
#define CPUID_EXT_FEATURES    0x80000001
#define CPUID_BRAND(n)	      (0x80000002 + (n)) /* 0..2 */
#define CPUID_POWER_MGMT      0x80000007
#define CPUID_SIZES	      0x80000008
#define CPUID_SVM	      0x8000000a
#define CPUID_AMD_CACHE	      0x8000001d
#define CPUID_AMD_TOPOLOGY    0x8000001e

/* Leaf 1. */
#define CPUID_1_EBX_APIC_ID	 BITS(31, 24)
#define CPUID_1_EBX_LOGICAL	 BITS(23, 16)
#define CPUID_1_ECX_MONITOR	 BIT(3)
#define CPUID_1_ECX_VMX		 BIT(5)
#define CPUID_1_ECX_PCID	 BIT(17)
#define CPUID_1_ECX_CX16	BIT(13)
#define CPUID_1_ECX_X2APIC	 BIT(21)
#define CPUID_1_ECX_TSC_DEADLINE BIT(24)
#define CPUID_1_ECX_XSAVE	 BIT(26)
#define CPUID_1_ECX_OSXSAVE	 BIT(27)
#define CPUID_1_ECX_AVX		 BIT(28)
#define CPUID_1_ECX_HYPERVISOR	 BIT(31)
#define CPUID_1_EDX_MCE		 BIT(7)
#define CPUID_1_EDX_APIC	 BIT(9)
#define CPUID_1_EDX_MTRR	 BIT(12)
#define CPUID_1_EDX_PGE		 BIT(13)
#define CPUID_1_EDX_MCA		 BIT(14)
#define CPUID_1_EDX_PAT		 BIT(16)
#define CPUID_1_EDX_FXSR	 BIT(24)

/* Leaf 7, subleaf 0. */
#define CPUID_7_EBX_AVX512BW   BIT(30)
#define CPUID_7_EBX_TSC_ADJUST BIT(1)
#define CPUID_7_EBX_SMEP       BIT(7)
#define CPUID_7_EBX_INVPCID    BIT(10)
#define CPUID_7_EBX_SMAP       BIT(20)
#define CPUID_7_ECX_UMIP       BIT(2)
#define CPUID_7_ECX_PKU	       BIT(3)
#define CPUID_7_ECX_OSPKE      BIT(4)
#define CPUID_7_ECX_LA57       BIT(16)
#define CPUID_7_EDX_MD_CLEAR   BIT(10)
#define CPUID_7_EDX_IBRS_IBPB  BIT(26)
#define CPUID_7_EDX_STIBP      BIT(27)
#define CPUID_7_EDX_L1D_FLUSH  BIT(28)
#define CPUID_7_EDX_ARCH_CAP   BIT(29)
#define CPUID_7_EDX_SSBD       BIT(31)

/* Leaf 0xd, subleaf 1. */
#define CPUID_D_1_EAX_XSAVEOPT BIT(0)
#define CPUID_D_1_EAX_XSAVEC   BIT(1)
#define CPUID_D_1_EAX_XGETBV1  BIT(2)
#define CPUID_D_1_EAX_XSAVES   BIT(3)

/* Leaf 0x80000001. */
#define CPUID_81_ECX_SVM       BIT(2)
#define CPUID_81_ECX_TOPOEXT   BIT(22)
#define CPUID_81_EDX_SYSCALL   BIT(11)
#define CPUID_81_EDX_NX	       BIT(20)
#define CPUID_81_EDX_FFXSR     BIT(25)
#define CPUID_81_EDX_PAGE_1G   BIT(26)
#define CPUID_81_EDX_RDTSCP    BIT(27)
#define CPUID_81_EDX_LONG_MODE BIT(29)

#define CPUID_87_EDX_INVARIANT_TSC BIT(8)

/* Leaf 0x80000008. */
#define CPUID_88_EAX_PHYSICAL_BITS BITS(7, 0)
#define CPUID_88_EAX_LINEAR_BITS   BITS(15, 8)
#define CPUID_88_EBX_IBPB	   BIT(12)
#define CPUID_88_EBX_IBRS	   BIT(14)
#define CPUID_88_EBX_STIBP	   BIT(15)
#define CPUID_88_EBX_SSBD	   BIT(24)
#define CPUID_88_EBX_VIRT_SSBD	   BIT(25)

/* Leaf 0x8000000a, APM v3 E.4.9: SVM revision and features. */
#define CPUID_8A_EDX_NPT	     BIT(0)
#define CPUID_8A_EDX_LBR	     BIT(1)
#define CPUID_8A_EDX_SVM_LOCK	     BIT(2)
#define CPUID_8A_EDX_NRIP_SAVE	     BIT(3)
#define CPUID_8A_EDX_TSC_RATIO	     BIT(4)
#define CPUID_8A_EDX_VMCB_CLEAN	     BIT(5)
#define CPUID_8A_EDX_FLUSH_BY_ASID   BIT(6)
#define CPUID_8A_EDX_DECODE_ASSISTS  BIT(7)
#define CPUID_8A_EDX_PAUSE_FILTER    BIT(10)
#define CPUID_8A_EDX_PAUSE_THRESHOLD BIT(12)
#define CPUID_8A_EDX_AVIC	     BIT(13)
#define CPUID_8A_EDX_VIRT_VMSAVE     BIT(15)
#define CPUID_8A_EDX_VGIF	     BIT(16)
#define CPUID_8A_EDX_GMET	     BIT(17)
#define CPUID_8A_EDX_X2AVIC	     BIT(18)
#define CPUID_8A_EDX_SPEC_CTRL	     BIT(20)
#define CPUID_8A_EDX_VNMI	     BIT(25)

struct cpuid_regs {
	uint32_t eax, ebx, ecx, edx;
};

#endif
