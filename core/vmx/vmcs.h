/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of the virtual machine control structure by their encoding (SDM v3 appendix B), the bits of its controls (SDM v3
 * 25.6 to 25.9), and exit reasons (SDM v3 appendix C). */
#ifndef CORE_VMX_VMCS_H
#define CORE_VMX_VMCS_H

#define VMCS_VPID		   0x0000
#define VMCS_POSTED_VECTOR	   0x0002

/* A segment register by its number in an instruction, then LDTR and TR. */
#define VMCS_GUEST_SELECTOR(n)	   (0x0800 + 2 * (n))
#define VMCS_GUEST_LIMIT(n)	   (0x4800 + 2 * (n))
#define VMCS_GUEST_RIGHTS(n)	   (0x4814 + 2 * (n))
#define VMCS_GUEST_BASE(n)	   (0x6806 + 2 * (n))

#define VMCS_HOST_ES		   0x0c00
#define VMCS_HOST_CS		   0x0c02
#define VMCS_HOST_SS		   0x0c04
#define VMCS_HOST_DS		   0x0c06
#define VMCS_HOST_FS		   0x0c08
#define VMCS_HOST_GS		   0x0c0a
#define VMCS_HOST_TR		   0x0c0c

#define VMCS_INTERRUPT_STATUS	   0x0810 /* of the guest: requesting vector 7:0, in service 15:8 */
#define VMCS_MSR_BITMAP		   0x2004
#define VMCS_TSC_OFFSET		   0x2010
#define VMCS_VIRTUAL_APIC	   0x2012
#define VMCS_APIC_ACCESS	   0x2014 /* page */
#define VMCS_POSTED		   0x2016 /* descriptor */
#define VMCS_EPT_POINTER	   0x201a
#define VMCS_EOI_EXITS(n)	   (0x201c + 2 * (n)) /* 64 vectors each */
#define VMCS_ENCLS_BITMAP	   0x202e
#define VMCS_ENCLV_BITMAP	   0x2036
#define VMCS_XSS_BITMAP		   0x202c
#define VMCS_SPP_TABLE		   0x2030
#define VMCS_GUEST_PHYSICAL	   0x2400
#define VMCS_LINK		   0x2800
#define VMCS_GUEST_DEBUG_CTL	   0x2802
#define VMCS_GUEST_PAT		   0x2804
#define VMCS_GUEST_EFER		   0x2806
#define VMCS_GUEST_PDPTE(n)	   (0x280a + 2 * (n))
#define VMCS_HOST_PAT		   0x2c00
#define VMCS_HOST_EFER		   0x2c02

#define VMCS_PIN		   0x4000
#define VMCS_PRIMARY		   0x4002
#define VMCS_EXCEPTIONS		   0x4004
#define VMCS_PF_ERROR_MASK	   0x4006
#define VMCS_PF_ERROR_MATCH	   0x4008
#define VMCS_CR3_TARGETS	   0x400a
#define VMCS_EXIT_CONTROLS	   0x400c
#define VMCS_EXIT_MSR_STORES	   0x400e
#define VMCS_EXIT_MSR_LOADS	   0x4010
#define VMCS_ENTRY_CONTROLS	   0x4012
#define VMCS_ENTRY_MSR_LOADS	   0x4014
#define VMCS_ENTRY_EVENT	   0x4016
#define VMCS_ENTRY_ERROR	   0x4018
#define VMCS_ENTRY_LENGTH	   0x401a
#define VMCS_TPR_THRESHOLD	   0x401c
#define VMCS_SECONDARY		   0x401e
#define VMCS_PAUSE_GAP		   0x4020
#define VMCS_PAUSE_WINDOW	   0x4022
#define VMCS_INSTRUCTION_ERROR	   0x4400
#define VMCS_EXIT_REASON	   0x4402
#define VMCS_EXIT_EVENT		   0x4404
#define VMCS_EXIT_EVENT_ERROR	   0x4406
#define VMCS_VECTORING		   0x4408
#define VMCS_VECTORING_ERROR	   0x440a
#define VMCS_EXIT_LENGTH	   0x440c
#define VMCS_GUEST_GDTR_LIMIT	   0x4810
#define VMCS_GUEST_IDTR_LIMIT	   0x4812
#define VMCS_GUEST_BLOCKING	   0x4824
#define VMCS_GUEST_ACTIVITY	   0x4826
#define VMCS_GUEST_SYSENTER_CS	   0x482a
#define VMCS_TIMER		   0x482e
#define VMCS_HOST_SYSENTER_CS	   0x4c00

#define VMCS_CR0_MASK		   0x6000
#define VMCS_CR4_MASK		   0x6002
#define VMCS_CR0_SHADOW		   0x6004
#define VMCS_CR4_SHADOW		   0x6006
#define VMCS_QUALIFICATION	   0x6400
#define VMCS_GUEST_CR0		   0x6800
#define VMCS_GUEST_CR3		   0x6802
#define VMCS_GUEST_CR4		   0x6804
#define VMCS_GUEST_GDTR_BASE	   0x6816
#define VMCS_GUEST_IDTR_BASE	   0x6818
#define VMCS_GUEST_DR7		   0x681a
#define VMCS_GUEST_RSP		   0x681c
#define VMCS_GUEST_RIP		   0x681e
#define VMCS_GUEST_RFLAGS	   0x6820
#define VMCS_GUEST_PENDING_DEBUG   0x6822
#define VMCS_GUEST_SYSENTER_ESP	   0x6824
#define VMCS_GUEST_SYSENTER_EIP	   0x6826
#define VMCS_HOST_CR0		   0x6c00
#define VMCS_HOST_CR3		   0x6c02
#define VMCS_HOST_CR4		   0x6c04
#define VMCS_HOST_FS_BASE	   0x6c06
#define VMCS_HOST_GS_BASE	   0x6c08
#define VMCS_HOST_TR_BASE	   0x6c0a
#define VMCS_HOST_GDTR_BASE	   0x6c0c
#define VMCS_HOST_IDTR_BASE	   0x6c0e
#define VMCS_HOST_SYSENTER_ESP	   0x6c10
#define VMCS_HOST_SYSENTER_EIP	   0x6c12
#define VMCS_HOST_RSP		   0x6c14
#define VMCS_HOST_RIP		   0x6c16

#ifndef __ASSEMBLER__
#include "lib/bits.h"

enum { /* pin-based controls */
	PIN_INTERRUPT = 1u << 0,
	PIN_NMI = 1u << 3,
	PIN_VIRTUAL_NMI = 1u << 5,
	PIN_TIMER = 1u << 6, /* preemption timer */
	PIN_POSTED = 1u << 7,
};

enum { /* primary processor-based controls */
	PRIMARY_INTERRUPT_WINDOW = 1u << 2,
	PRIMARY_TSC_OFFSET = 1u << 3,
	PRIMARY_HLT = 1u << 7,
	PRIMARY_MWAIT = 1u << 10,
	PRIMARY_RDPMC = 1u << 11,
	PRIMARY_TPR_SHADOW = 1u << 21,
	PRIMARY_NMI_WINDOW = 1u << 22,
	PRIMARY_IO = 1u << 24,
	PRIMARY_MSR_BITMAP = 1u << 28,
	PRIMARY_MONITOR = 1u << 29,
	PRIMARY_SECONDARY = 1u << 31,
};

enum { /* secondary processor-based controls */
	SECONDARY_APIC_ACCESSES = 1u << 0, /* of the page VMCS_APIC_ACCESS: go to the virtual-APIC page or exit */
	SECONDARY_EPT = 1u << 1,
	SECONDARY_RDTSCP = 1u << 3,
	SECONDARY_X2APIC = 1u << 4, /* the TPR and EOI of x2APIC mode are the virtual-APIC page's */
	SECONDARY_VPID = 1u << 5,
	SECONDARY_PAUSE_LOOP = 1u << 10,
	SECONDARY_WBINVD = 1u << 6,
	SECONDARY_UNRESTRICTED = 1u << 7,
	SECONDARY_APIC_REGISTERS = 1u << 8, /* all registers, not the TPR alone */
	SECONDARY_DELIVERY = 1u << 9, /* of virtual interrupts */
	SECONDARY_RDRAND = 1u << 11, /* exits */
	SECONDARY_INVPCID = 1u << 12,
	SECONDARY_ENCLS = 1u << 15,  /* exits, by a bitmap; ENCLV the same */
	SECONDARY_RDSEED = 1u << 16, /* exits */
	SECONDARY_XSAVES = 1u << 20,
	SECONDARY_SPP = 1u << 23, /* sub-page write permissions */
	SECONDARY_ENCLV = 1u << 28,
};

enum { /* exit controls */
	EXIT_SAVE_DEBUG = 1u << 2,
	EXIT_HOST_64 = 1u << 9,
	EXIT_ACKNOWLEDGE = 1u << 15, /* the interrupt that exits */
	EXIT_SAVE_PAT = 1u << 18,
	EXIT_LOAD_PAT = 1u << 19,
	EXIT_LOAD_EFER = 1u << 21,
};

enum { /* entry controls */
	ENTRY_LOAD_DEBUG = 1u << 2,
	ENTRY_GUEST_64 = 1u << 9,
	ENTRY_LOAD_PAT = 1u << 14,
	ENTRY_LOAD_EFER = 1u << 15,
};

/* VMCS_GUEST_BLOCKING: interruptibility */
enum {
	BLOCKING_STI = 1u << 0,
	BLOCKING_MOV_SS = 1u << 1,
	BLOCKING_SHADOW = BLOCKING_STI | BLOCKING_MOV_SS,
	BLOCKING_NMI = 1u << 3,
};

/* VMCS_ENTRY_EVENT, VMCS_EXIT_EVENT, VMCS_VECTORING */
#define EVENT_VECTOR	   BITS(7, 0)
#define EVENT_TYPE	   BITS(10, 8)
#define EVENT_HAS_ERROR	   BIT(11)
#define EVENT_UNBLOCKS_NMI BIT(12) /* exits only: the IRET that faulted had ended the block */
#define EVENT_VALID	   BIT(31)

/* Bits of access rights beside those of x86/segment.h. */
#define RIGHTS_UNUSABLE BIT(16)

/* VMCS_QUALIFICATION, SDM v3 28.2.1 */
#define CR_NUMBER   BITS(3, 0) /* control registers */
#define CR_ACCESS   BITS(5, 4)
#define CR_REGISTER BITS(11, 8)
enum { CR_MOV_TO, CR_MOV_FROM, CR_CLTS, CR_LMSW };
#define IO_SIZE	    BITS(2, 0) /* bytes - 1 */
#define IO_IN	    BIT(3)
#define IO_STRING   BIT(4)
#define IO_PORT	    BITS(31, 16)
#define APIC_OFFSET BITS(11, 0)
#define APIC_ACCESS BITS(15, 12)
enum { APIC_READ, APIC_WRITE, APIC_FETCH, APIC_PHYSICAL = 10 /* and above: by the processor itself */ };
#define EPT_VIOLATION_WRITE  BIT(1)
#define EPT_VIOLATION_FETCH  BIT(2)
#define EPT_VIOLATION_LINEAR BIT(7)
#define EPT_VIOLATION_FINAL  BIT(8)  /* not a page-table entry of the guest */
#define EPT_VIOLATION_NMI    BIT(12) /* as EVENT_UNBLOCKS_NMI */

#define EPT_POINTER_LEVELS_4 (3u << 3)
#define EPT_POINTER_AD	     BIT(6)

#define EXIT_REASON_FAILED BIT(31) /* the entry */

enum vmx_exit_reason {
	VMEXIT_EXCEPTION = 0,
	VMEXIT_INTERRUPT = 1,
	VMEXIT_TRIPLE_FAULT = 2,
	VMEXIT_INIT = 3,
	VMEXIT_STARTUP = 4,
	VMEXIT_INTERRUPT_WINDOW = 7,
	VMEXIT_NMI_WINDOW = 8,
	VMEXIT_TASK_SWITCH = 9,
	VMEXIT_CPUID = 10,
	VMEXIT_GETSEC = 11,
	VMEXIT_HLT = 12,
	VMEXIT_INVD = 13,
	VMEXIT_RDPMC = 15,
	VMEXIT_RSM = 17,
	VMEXIT_VMCALL = 18,
	VMEXIT_VMCLEAR = 19,
	VMEXIT_VMLAUNCH = 20,
	VMEXIT_VMPTRLD = 21,
	VMEXIT_VMPTRST = 22,
	VMEXIT_VMREAD = 23,
	VMEXIT_VMRESUME = 24,
	VMEXIT_VMWRITE = 25,
	VMEXIT_VMXOFF = 26,
	VMEXIT_VMXON = 27,
	VMEXIT_CR = 28,
	VMEXIT_IO = 30,
	VMEXIT_RDMSR = 31,
	VMEXIT_WRMSR = 32,
	VMEXIT_MWAIT = 36,
	VMEXIT_MONITOR = 39,
	VMEXIT_PAUSE = 40,
	VMEXIT_TPR = 43,
	VMEXIT_APIC_ACCESS = 44,
	VMEXIT_EOI = 45,
	VMEXIT_EPT_VIOLATION = 48,
	VMEXIT_INVEPT = 50,
	VMEXIT_TIMER = 52,
	VMEXIT_INVVPID = 53,
	VMEXIT_WBINVD = 54,
	VMEXIT_XSETBV = 55,
	VMEXIT_APIC_WRITE = 56, /* has been done */
	VMEXIT_RDRAND = 57,
	VMEXIT_VMFUNC = 59,
	VMEXIT_ENCLS = 60,
	VMEXIT_RDSEED = 61,
	VMEXIT_ENCLV = 70,
	VMEXIT_SEAMCALL = 76,
	VMEXIT_TDCALL = 77,
	VMEXIT_REASONS = 78, /* below: a table */
};
#endif
#endif
