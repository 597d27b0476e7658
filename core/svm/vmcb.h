/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual machine control block, APM v2 appendix B, and the numbers that go with it. */
#ifndef CORE_SVM_VMCB_H
#define CORE_SVM_VMCB_H

#include "emul/emul.h"
#include "lib/bits.h"

/* One segment register: the emulator's layout is this one (APM v2 table B-2). */
struct ALIGNED(4096) vmcb {
	/* ---- control area */
	uint32_t intercept_cr;	      /* 0x000: reads 15:0, writes 31:16 */
	uint32_t intercept_dr;	      /* 0x004: the same */
	uint32_t intercept_exception; /* 0x008: by vector */
	uint32_t intercept1;	      /* 0x00c */
	uint32_t intercept2;	      /* 0x010 */
	uint32_t intercept3;	      /* 0x014 */
	uint8_t reserved1[0x3c - 0x18];
	uint16_t pause_threshold; /* 0x03c */
	uint16_t pause_count;	  /* 0x03e */
	uint64_t iopm;		  /* 0x040: physical */
	uint64_t msrpm;		  /* 0x048: physical */
	uint64_t tsc_offset;	  /* 0x050 */
	uint32_t asid;		  /* 0x058 */
	uint8_t tlb_control;	  /* 0x05c */
	uint8_t reserved2[3];
	uint64_t interrupt;	 /* 0x060: VINT_* */
	uint64_t shadow;	 /* 0x068: bit 0 */
	uint64_t exit_code;	 /* 0x070 */
	uint64_t exit_info1;	 /* 0x078 */
	uint64_t exit_info2;	 /* 0x080 */
	uint64_t exit_int_info;	 /* 0x088: EVENT_* */
	uint64_t nested_control; /* 0x090 */
	uint64_t avic_bar;	 /* 0x098 */
	uint64_t ghcb;		 /* 0x0a0 */
	uint64_t event_inject;	 /* 0x0a8: EVENT_* */
	uint64_t nested_cr3;	 /* 0x0b0 */
	uint64_t lbr_control;	 /* 0x0b8 */
	uint32_t clean;		 /* 0x0c0 */
	uint32_t reserved3;
	uint64_t next_rip;	 /* 0x0c8 */
	uint8_t fetched;	 /* 0x0d0 */
	uint8_t bytes[15];
	uint8_t reserved4[0x400 - 0xe0];

	/* ---- state save area */
	struct emul_segment es, cs, ss, ds, fs, gs; /* 0x400 */
	struct emul_segment gdtr, ldtr, idtr, tr;   /* 0x460 */
	uint8_t reserved5[0x4cb - 0x4a0];
	uint8_t cpl; /* 0x4cb */
	uint32_t reserved6;
	uint64_t efer; /* 0x4d0 */
	uint8_t reserved7[0x548 - 0x4d8];
	uint64_t cr4; /* 0x548 */
	uint64_t cr3, cr0, dr7, dr6, rflags, rip;
	uint8_t reserved8[0x5d8 - 0x580];
	uint64_t rsp; /* 0x5d8 */
	uint64_t s_cet, ssp, isst;
	uint64_t rax; /* 0x5f8 */
	uint64_t star, lstar, cstar, sfmask, kernel_gs_base;
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
	uint64_t cr2; /* 0x640 */
	uint8_t reserved9[0x668 - 0x648];
	uint64_t pat; /* 0x668 */
	uint64_t debug_ctl, br_from, br_to, last_from, last_to;
	uint8_t reserved10[0x1000 - 0x698];
};
#define VMCB_AT(field, offset) static_assert(offsetof(struct vmcb, field) == (offset), #field)
VMCB_AT(pause_threshold, 0x3c);
VMCB_AT(iopm, 0x40);
VMCB_AT(asid, 0x58);
VMCB_AT(exit_code, 0x70);
VMCB_AT(event_inject, 0xa8);
VMCB_AT(next_rip, 0xc8);
VMCB_AT(es, 0x400);
VMCB_AT(gdtr, 0x460);
VMCB_AT(cpl, 0x4cb);
VMCB_AT(efer, 0x4d0);
VMCB_AT(cr4, 0x548);
VMCB_AT(rip, 0x578);
VMCB_AT(rsp, 0x5d8);
VMCB_AT(rax, 0x5f8);
VMCB_AT(cr2, 0x640);
VMCB_AT(pat, 0x668);
static_assert(sizeof(struct vmcb) == 4096, "one page");
static_assert(sizeof(struct emul_segment) == 16, "a segment of the VMCB");

/* intercept_cr */
#define CR_WRITE(n) (1u << (16 + (n)))

/* intercept1 */
enum {
	INTERCEPT_INTR = 1u << 0,
	INTERCEPT_NMI = 1u << 1,
	INTERCEPT_INIT = 1u << 3,
	INTERCEPT_VINTR = 1u << 4,
	INTERCEPT_CR0 = 1u << 5, /* writes that change more than TS and MP */
	INTERCEPT_RDPMC = 1u << 15,
	INTERCEPT_CPUID = 1u << 18,
	INTERCEPT_RSM = 1u << 19,
	INTERCEPT_IRET = 1u << 20,
	INTERCEPT_INVD = 1u << 22,
	INTERCEPT_PAUSE = 1u << 23,
	INTERCEPT_HLT = 1u << 24,
	INTERCEPT_INVLPGA = 1u << 26,
	INTERCEPT_IOIO = 1u << 27,
	INTERCEPT_MSR = 1u << 28,
	INTERCEPT_SHUTDOWN = 1u << 31,
};

/* intercept2 */
enum {
	INTERCEPT_VMRUN = 1u << 0,
	INTERCEPT_VMMCALL = 1u << 1,
	INTERCEPT_VMLOAD = 1u << 2,
	INTERCEPT_VMSAVE = 1u << 3,
	INTERCEPT_STGI = 1u << 4,
	INTERCEPT_CLGI = 1u << 5,
	INTERCEPT_SKINIT = 1u << 6,
	INTERCEPT_RDTSCP = 1u << 7,
	INTERCEPT_WBINVD = 1u << 9,
	INTERCEPT_MONITOR = 1u << 10,
	INTERCEPT_MWAIT = 1u << 11,
	INTERCEPT_MWAIT_ARMED = 1u << 12,
	INTERCEPT_XSETBV = 1u << 13,
	INTERCEPT_RDPRU = 1u << 14,
};

/* intercept3 */
enum {
	INTERCEPT_INVLPGB = 1u << 0,
	INTERCEPT_INVLPGB_ILLEGAL = 1u << 1,
	INTERCEPT_MCOMMIT = 1u << 3,
	INTERCEPT_TLBSYNC = 1u << 4,
};

/* interrupt, APM v2 15.21 */
#define VINT_TPR	  BITS(7, 0)
#define VINT_IRQ	  BIT(8)
#define VINT_GIF	  BIT(9)
#define VINT_PRIORITY	  BITS(19, 16)
#define VINT_IGNORE_TPR	  BIT(20)
#define VINT_MASKING	  BIT(24)
#define VINT_GIF_ENABLE	  BIT(25)

/* tlb_control */
enum { TLB_KEEP = 0, TLB_FLUSH_ALL = 1 };

#define NESTED_ENABLE BIT(0)

/* exit_int_info and event_inject, APM v2 15.7.2, 15.20 */
#define EVENT_VECTOR	BITS(7, 0)
#define EVENT_TYPE	BITS(10, 8)
#define EVENT_HAS_ERROR BIT(11)
#define EVENT_VALID	BIT(31)
#define EVENT_ERROR	BITS(63, 32)

/* exit_code, APM v2 appendix C */
enum {
	VMEXIT_CR_READ = 0x00,
	VMEXIT_CR_WRITE = 0x10,
	VMEXIT_EXCEPTION = 0x40,
	VMEXIT_INTR = 0x60,
	VMEXIT_NMI = 0x61,
	VMEXIT_INIT = 0x63,
	VMEXIT_VINTR = 0x64,
	VMEXIT_CR0 = 0x65,
	VMEXIT_RDPMC = 0x6f,
	VMEXIT_CPUID = 0x72,
	VMEXIT_RSM = 0x73,
	VMEXIT_IRET = 0x74,
	VMEXIT_INVD = 0x76,
	VMEXIT_PAUSE = 0x77,
	VMEXIT_HLT = 0x78,
	VMEXIT_INVLPGA = 0x7a,
	VMEXIT_IOIO = 0x7b,
	VMEXIT_MSR = 0x7c,
	VMEXIT_SHUTDOWN = 0x7f,
	VMEXIT_VMRUN = 0x80,
	VMEXIT_VMMCALL = 0x81,
	VMEXIT_VMLOAD = 0x82,
	VMEXIT_VMSAVE = 0x83,
	VMEXIT_STGI = 0x84,
	VMEXIT_CLGI = 0x85,
	VMEXIT_SKINIT = 0x86,
	VMEXIT_WBINVD = 0x89,
	VMEXIT_RDTSCP = 0x87,
	VMEXIT_MONITOR = 0x8a,
	VMEXIT_MWAIT = 0x8b,
	VMEXIT_MWAIT_ARMED = 0x8c,
	VMEXIT_XSETBV = 0x8d,
	VMEXIT_RDPRU = 0x8e,
	VMEXIT_INVLPGB = 0xa0,
	VMEXIT_INVLPGB_ILLEGAL = 0xa1,
	VMEXIT_MCOMMIT = 0xa3,
	VMEXIT_TLBSYNC = 0xa4,
	VMEXIT_CODES = 0xa5, /* below: a table */
	VMEXIT_NPF = 0x400,
};

/* exit_info1 of VMEXIT_IOIO, APM v2 15.10.2; exit_info2 is the next RIP */
#define IOIO_IN	    BIT(0)
#define IOIO_STRING BIT(2)
#define IOIO_SIZE   BITS(6, 4) /* bytes */
#define IOIO_PORT   BITS(31, 16)

/* exit_info1 of VMEXIT_NPF, APM v2 15.25.6; exit_info2 is the guest physical address */
#define NPF_WRITE	BIT(1)
#define NPF_FETCH	BIT(4)
#define NPF_TABLE_WALK	BIT(33)

/* Permission maps, APM v2 15.10.1, 15.11. */
#define IOPM_SIZE  (3 * PAGE_SIZE)
#define MSRPM_SIZE (2 * PAGE_SIZE)

#endif
