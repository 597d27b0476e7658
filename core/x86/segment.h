/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments: selectors of the core's own GDT, descriptor bits, the TSS. SDM v3 3.4, 7.7; APM v2 4.7,
 * 12.2.5. The selectors are seen by assembly too.
 */
#ifndef CORE_X86_SEGMENT_H
#define CORE_X86_SEGMENT_H

/* The core's GDT, the same on every CPU but for the TSS. */
#define SELECTOR_CODE32 0x08
#define SELECTOR_CODE64 0x10
#define SELECTOR_DATA	0x18
#define SELECTOR_TSS	0x20 /* two slots */
#define GDT_ENTRIES	6

/* Interrupt stack table slots in use, 1..7. */
#define IST_NMI 1
#define IST_DF	2
#define IST_MC	3
#define IST_COUNT 3

#ifndef __ASSEMBLER__
#include "lib/bits.h"

#define SELECTOR_RPL BITS(1, 0)
#define SELECTOR_TI  BIT(2)

/* Descriptor of 8 bytes. */
#define DESCRIPTOR_TYPE	      BITS(43, 40)
#define DESCRIPTOR_ACCESSED   BIT(40)
#define DESCRIPTOR_WRITE      BIT(41)
#define DESCRIPTOR_EXECUTE    BIT(43)
#define DESCRIPTOR_S	      BIT(44) /* code or data, not system */
#define DESCRIPTOR_DPL	      BITS(46, 45)
#define DESCRIPTOR_PRESENT    BIT(47)
#define DESCRIPTOR_AVL	      BIT(52)
#define DESCRIPTOR_LONG	      BIT(53)
#define DESCRIPTOR_DB	      BIT(54)
#define DESCRIPTOR_GRANULAR   BIT(55)
#define DESCRIPTOR_TYPE_TSS   9
#define DESCRIPTOR_TYPE_TSS_BUSY 11
#define GATE_INTERRUPT	      14

/* Access rights as VMX keeps them: descriptor bits 55..40. SDM v3 25.4.1, table "Format of
 * Access Rights". */
#define SEGMENT_TYPE	 BITS(3, 0)
#define SEGMENT_S	 BIT(4)
#define SEGMENT_DPL	 BITS(6, 5)
#define SEGMENT_PRESENT	 BIT(7)
#define SEGMENT_AVL	 BIT(12)
#define SEGMENT_LONG	 BIT(13)
#define SEGMENT_DB	 BIT(14)
#define SEGMENT_GRANULAR BIT(15)

/* SDM v3 7.7, 64-bit task state segment. */
struct PACKED tss {
	uint32_t reserved0;    /* 0x00 */
	uint64_t rsp[3];       /* 0x04 */
	uint64_t reserved1;    /* 0x1c */
	uint64_t ist[7];       /* 0x24: slots 1..7 */
	uint64_t reserved2;    /* 0x5c */
	uint16_t reserved3;    /* 0x64 */
	uint16_t io_map;       /* 0x66 */
};
static_assert(sizeof(struct tss) == 104, "64-bit TSS");
static_assert(offsetof(struct tss, ist) == 0x24, "64-bit TSS");

/* SDM v3 6.14.1, 64-bit gate. */
struct gate {
	uint16_t offset_15_0;
	uint16_t selector;
	uint8_t ist;
	uint8_t type; /* P, DPL, type */
	uint16_t offset_31_16;
	uint32_t offset_63_32;
	uint32_t reserved;
};
static_assert(sizeof(struct gate) == 16, "64-bit gate");

/* The operand of LGDT and LIDT. */
struct PACKED table_register {
	uint16_t limit;
	uint64_t base;
};
static_assert(sizeof(struct table_register) == 10, "GDTR and IDTR");

#endif
#endif
