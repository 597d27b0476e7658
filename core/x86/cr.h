/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control registers, EFER, RFLAGS, XCR0, debug registers, page-fault error codes, exception
 * vectors. SDM v3 2.5, 4.7, 6.15; APM v2 3.1, 8.2.
 */
#ifndef CORE_X86_CR_H
#define CORE_X86_CR_H

#include "lib/bits.h"

#define CR0_PE BIT(0)  /* protection enable */
#define CR0_MP BIT(1)  /* monitor coprocessor */
#define CR0_EM BIT(2)  /* emulate coprocessor */
#define CR0_TS BIT(3)  /* task switched */
#define CR0_ET BIT(4)  /* extension type, always 1 */
#define CR0_NE BIT(5)  /* numeric error */
#define CR0_WP BIT(16) /* write protect */
#define CR0_AM BIT(18) /* alignment mask */
#define CR0_NW BIT(29) /* not write-through */
#define CR0_CD BIT(30) /* cache disable */
#define CR0_PG BIT(31) /* paging */

#define CR3_PWT	     BIT(3)
#define CR3_PCD	     BIT(4)
#define CR3_PCID     BITS(11, 0)
#define CR3_ADDR     BITS(51, 12)
#define CR3_ADDR_PAE BITS(31, 5)
#define CR3_NO_FLUSH BIT(63)

#define CR4_VME	       BIT(0)  /* virtual-8086 mode extensions */
#define CR4_PVI	       BIT(1)  /* protected-mode virtual interrupts */
#define CR4_TSD	       BIT(2)  /* time stamp disable */
#define CR4_DE	       BIT(3)  /* debugging extensions */
#define CR4_PSE	       BIT(4)  /* page size extensions */
#define CR4_PAE	       BIT(5)  /* physical address extension */
#define CR4_MCE	       BIT(6)  /* machine-check enable */
#define CR4_PGE	       BIT(7)  /* page global enable */
#define CR4_PCE	       BIT(8)  /* performance counter enable */
#define CR4_OSFXSR     BIT(9)  /* FXSAVE and SSE */
#define CR4_OSXMMEXCPT BIT(10) /* unmasked SIMD exceptions */
#define CR4_UMIP       BIT(11) /* user-mode instruction prevention */
#define CR4_LA57       BIT(12) /* 57-bit linear addresses */
#define CR4_VMXE       BIT(13) /* VMX enable */
#define CR4_SMXE       BIT(14) /* SMX enable */
#define CR4_FSGSBASE   BIT(16) /* RDFSBASE and others */
#define CR4_PCIDE      BIT(17) /* PCID enable */
#define CR4_OSXSAVE    BIT(18) /* XSAVE and extended states */
#define CR4_KL	       BIT(19) /* key locker */
#define CR4_SMEP       BIT(20) /* supervisor execution prevention */
#define CR4_SMAP       BIT(21) /* supervisor access prevention */
#define CR4_PKE	       BIT(22) /* protection keys, user pages */
#define CR4_CET	       BIT(23) /* control-flow enforcement */
#define CR4_PKS	       BIT(24) /* protection keys, supervisor pages */
#define CR4_UINTR      BIT(25) /* user interrupts */

#define EFER_SCE   BIT(0)  /* SYSCALL enable */
#define EFER_LME   BIT(8)  /* long mode enable */
#define EFER_LMA   BIT(10) /* long mode active */
#define EFER_NXE   BIT(11) /* no-execute enable */
#define EFER_SVME  BIT(12) /* SVM enable */
#define EFER_LMSLE BIT(13) /* long mode segment limit enable */
#define EFER_FFXSR BIT(14) /* fast FXSAVE */
#define EFER_TCE   BIT(15) /* translation cache extension */
#define EFER_AIBRSE BIT(21) /* automatic IBRS */

#define RFLAGS_CF   BIT(0)
#define RFLAGS_ONE  BIT(1) /* always 1 */
#define RFLAGS_PF   BIT(2)
#define RFLAGS_AF   BIT(4)
#define RFLAGS_ZF   BIT(6)
#define RFLAGS_SF   BIT(7)
#define RFLAGS_TF   BIT(8)
#define RFLAGS_IF   BIT(9)
#define RFLAGS_DF   BIT(10)
#define RFLAGS_OF   BIT(11)
#define RFLAGS_IOPL BITS(13, 12)
#define RFLAGS_NT   BIT(14)
#define RFLAGS_RF   BIT(16)
#define RFLAGS_VM   BIT(17)
#define RFLAGS_AC   BIT(18)
#define RFLAGS_VIF  BIT(19)
#define RFLAGS_VIP  BIT(20)
#define RFLAGS_ID   BIT(21)

#define XCR0_X87       BIT(0)
#define XCR0_SSE       BIT(1)
#define XCR0_AVX       BIT(2)
#define XCR0_BNDREGS   BIT(3)
#define XCR0_BNDCSR    BIT(4)
#define XCR0_OPMASK    BIT(5)
#define XCR0_ZMM_HI256 BIT(6)
#define XCR0_HI16_ZMM  BIT(7)
#define XCR0_AVX512    (XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM)
#define XCR0_PKRU      BIT(9)
#define XCR0_TILECFG   BIT(17)
#define XCR0_TILEDATA  BIT(18)

#define DR6_INITIAL 0xffff0ff0ULL
#define DR6_BP	    BITS(3, 0)
#define DR6_BD	    BIT(13)
#define DR6_BS	    BIT(14)
#define DR6_BT	    BIT(15)
#define DR7_INITIAL 0x400ULL
#define DR7_ENABLES BITS(7, 0)
#define DR7_GD	    BIT(13)

/* Page-fault error code. */
#define PF_PRESENT  BIT(0)
#define PF_WRITE    BIT(1)
#define PF_USER	    BIT(2)
#define PF_RESERVED BIT(3)
#define PF_FETCH    BIT(4)
#define PF_PKEY	    BIT(5)
#define PF_SHADOW   BIT(6)

/* x86 page-table entries, SDM v3 4.5. */
#define PTE_PRESENT  BIT(0)
#define PTE_WRITE    BIT(1)
#define PTE_USER     BIT(2)
#define PTE_PWT	     BIT(3)
#define PTE_PCD	     BIT(4)
#define PTE_ACCESSED BIT(5)
#define PTE_DIRTY    BIT(6)
#define PTE_LARGE    BIT(7)
#define PTE_GLOBAL   BIT(8)
#define PTE_ADDR     BITS(51, 12)
#define PTE_KEY	     BITS(62, 59) /* protection key of a user page */
#define PTE_NX	     BIT(63)

/* PKRU (SDM v3 4.6.2): two bits a key. */
#define PKRU_NO_ACCESS BIT(0)
#define PKRU_NO_WRITE  BIT(1)

enum vector {
	VECTOR_DE = 0,	/* divide error */
	VECTOR_DB = 1,	/* debug */
	VECTOR_NMI = 2, /* non-maskable interrupt */
	VECTOR_BP = 3,	/* breakpoint */
	VECTOR_OF = 4,	/* overflow */
	VECTOR_BR = 5,	/* bound range */
	VECTOR_UD = 6,	/* undefined opcode */
	VECTOR_NM = 7,	/* device not available */
	VECTOR_DF = 8,	/* double fault */
	VECTOR_TS = 10, /* invalid TSS */
	VECTOR_NP = 11, /* segment not present */
	VECTOR_SS = 12, /* stack segment */
	VECTOR_GP = 13, /* general protection */
	VECTOR_PF = 14, /* page fault */
	VECTOR_MF = 16, /* x87 */
	VECTOR_AC = 17, /* alignment check */
	VECTOR_MC = 18, /* machine check */
	VECTOR_XM = 19, /* SIMD */
	VECTOR_VE = 20, /* virtualization */
	VECTOR_CP = 21, /* control protection */
	VECTOR_HV = 28, /* hypervisor injection */
	VECTOR_VC = 29, /* VMM communication */
	VECTOR_SX = 30, /* security */
};

/* The vectors below 32 that push an error code (SDM v3 6.13, APM v2 8.2). */
#define VECTORS_WITH_ERROR_CODE                                                                    \
	((uint32_t)(BIT(VECTOR_DF) | BIT(VECTOR_TS) | BIT(VECTOR_NP) | BIT(VECTOR_SS) |           \
		    BIT(VECTOR_GP) | BIT(VECTOR_PF) | BIT(VECTOR_AC) | BIT(VECTOR_CP) |           \
		    BIT(VECTOR_VC) | BIT(VECTOR_SX)))

#endif
