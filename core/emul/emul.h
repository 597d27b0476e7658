/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instruction emulator: carries out one guest instruction that an exit stopped at.
 *
 * It is pure. It knows nothing of VMs, page tables or devices: registers are reached by pointer,
 * memory, ports and vector registers through the callbacks of struct emul_ops, the instruction's
 * bytes come from the caller, who read them once. It has no state between calls and no globals
 * but const tables, so host tests and fuzzers link it as it is.
 *
 *   bytes ──decode.c──► struct emul_insn ──operand.c──► addresses, loads ──execute.c──► effects
 *            opcodes.def                    segmentation checks              flags, stores, RIP
 *
 * It may include core/lib and core/x86 only.
 */
#ifndef CORE_EMUL_EMUL_H
#define CORE_EMUL_EMUL_H

#include <stdbool.h>
#include <stdint.h>

enum {
	EMUL_MAX_LENGTH = 15, /* bytes of an instruction (SDM v2 2.3.11) */
	EMUL_MAX_OPERAND = 64, /* bytes of the largest memory operand */
	EMUL_MAX_REPEAT = 256, /* iterations of a REP instruction in one call */
};

/* Segment registers by their number in an instruction. */
enum emul_segment_number {
	EMUL_ES,
	EMUL_CS,
	EMUL_SS,
	EMUL_DS,
	EMUL_FS,
	EMUL_GS,
	EMUL_SEGMENTS,
};

/*
 * One segment register with its hidden part, laid out as AMD's VMCB has it (APM v2 B.2), so that
 * the six can be used where they lie. attributes: descriptor bits 55:52 and 47:40 packed into 12
 * (type 3:0, S 4, DPL 6:5, P 7, AVL 8, L 9, D/B 10, G 11); limit: in bytes, already scaled by G.
 */
struct emul_segment {
	uint16_t selector;   /* 0 */
	uint16_t attributes; /* 2 */
	uint32_t limit;	     /* 4 */
	uint64_t base;	     /* 8 */
};

_Static_assert(sizeof(struct emul_segment) == 16, "the VMCB's segment registers are 16 bytes");

/* What a call ended in. */
enum emul_outcome {
	/* Carried out; registers, RIP and RFLAGS are updated. */
	EMUL_DONE,
	/*
	 * Some iterations of a REP instruction were carried out: registers are updated, RIP still
	 * points at it, RFLAGS.RF is set. Let interrupts in, then resume the guest.
	 */
	EMUL_REPEAT,
	/* The instruction raises cpu->fault; RIP points at it; iterations done by REP stay done. */
	EMUL_FAULT,
	/* Nothing happened (a locked exchange lost its race): resume the guest to try again. */
	EMUL_RETRY,
	/*
	 * The bytes end within the instruction: fetch more, or raise the exception that fetching
	 * the byte at RIP + count gives.
	 */
	EMUL_SHORT,
	/* Not an instruction of opcodes.def, or a callback said so. REP as above. */
	EMUL_UNHANDLED,
};

/* An exception to inject. cr2 is meaningful for vector 14 only. */
struct emul_fault {
	uint8_t vector;
	bool has_error;
	uint32_t error;
	uint64_t cr2;
};

/* What the memory callbacks are told of an access. */
enum emul_access {
	/*
	 * A read whose operand will be written: check (and report a #PF) as a write. The write
	 * follows, except where REP or a fault ends the instruction.
	 */
	EMUL_ACCESS_UPDATE = 1 << 0,
	/*
	 * The instruction touches no other memory operand. If the exit was a data fault of this
	 * instruction then this is the access that faulted, and the guest-physical address that
	 * the hardware reported belongs to `linear` where the low 12 bits agree: no walk needed.
	 */
	EMUL_ACCESS_SOLE = 1 << 1,
	/* A write that only checks: it fails as the write would, and moves no data (INS). */
	EMUL_ACCESS_PROBE = 1 << 2,
};

struct emul_cpu;

/*
 * Effects. Each returns EMUL_DONE, EMUL_FAULT (with cpu->fault filled in), EMUL_RETRY or
 * EMUL_UNHANDLED; anything but EMUL_DONE ends the instruction there. Linear addresses have
 * passed segmentation; an access may cross a page: then both pages are checked before either is
 * touched. `data` points to `size` bytes (1, 2, 4, 8, 16, 32 or 64), little-endian.
 */
struct emul_ops {
	enum emul_outcome (*read)(struct emul_cpu *cpu, uint64_t linear, void *data, uint32_t size,
				  uint32_t access);
	enum emul_outcome (*write)(struct emul_cpu *cpu, uint64_t linear, const void *data,
				   uint32_t size, uint32_t access);
	/*
	 * The write half of a locked update, after a read with EMUL_ACCESS_UPDATE. In RAM: one
	 * atomic compare-exchange; EMUL_RETRY when memory no longer holds `expected`. For MMIO: a
	 * plain write of `desired`. size: 1, 2, 4, 8, or 16.
	 */
	enum emul_outcome (*exchange)(struct emul_cpu *cpu, uint64_t linear, const void *expected,
				      const void *desired, uint32_t size, uint32_t access);
	/* Ports: size 1, 2 or 4. Permission was checked by the CPU before the exit. */
	enum emul_outcome (*port_in)(struct emul_cpu *cpu, uint16_t port, uint32_t *value,
				     uint32_t size);
	enum emul_outcome (*port_out)(struct emul_cpu *cpu, uint16_t port, uint32_t value,
				      uint32_t size);
	/* LMSW of this value (SDM v2 "LMSW"). NULL: LMSW gives EMUL_UNHANDLED. */
	enum emul_outcome (*lmsw)(struct emul_cpu *cpu, uint16_t value);
	/* The low `size` bytes of live vector register `number` (0..31). */
	enum emul_outcome (*vector_read)(struct emul_cpu *cpu, uint32_t number, void *data,
					 uint32_t size);
	/* The same; the register's bytes from `size` up to `clear_to` become zero. */
	enum emul_outcome (*vector_write)(struct emul_cpu *cpu, uint32_t number, const void *data,
					  uint32_t size, uint32_t clear_to);
	/* The low `bits` (1 to 64) of live opmask register `number`. NULL: masked moves give
	 * EMUL_UNHANDLED. */
	enum emul_outcome (*mask_read)(struct emul_cpu *cpu, uint32_t number, uint32_t bits,
				       uint64_t *mask);
};

/* What an instruction does: the mnemonics of opcodes.def. */
enum emul_op {
	EMUL_OP_NONE,
#define EMUL_OP(name, handler, compute, lock) EMUL_OP_##name,
#include "emul/opcodes.def"
	EMUL_OPS,
};

enum emul_prefix {
	EMUL_PREFIX_LOCK = 1 << 0,
	EMUL_PREFIX_REPE = 1 << 1,  /* F3 */
	EMUL_PREFIX_REPNE = 1 << 2, /* F2 */
};

struct emul_row;

/* A decoded instruction. */
struct emul_insn {
	const struct emul_row *row; /* decode's table row; opaque outside this folder */
	uint8_t op;		    /* enum emul_op */
	uint8_t length;		    /* bytes, prefixes included */
	uint8_t operand_size;	    /* bytes: 1, 2, 4, 8, 16, 32, 64 */
	uint8_t address_size;	    /* bytes: 2, 4, 8 */
	uint8_t prefixes;	    /* enum emul_prefix */
	uint8_t segment;	    /* of the memory operand, overrides applied; DS if none */
	uint8_t opcode;		    /* last opcode byte: conditions are its low four bits */
	uint8_t reg;		    /* ModRM.reg with REX.R: register, or CR/DR/segment number */
	uint8_t rm;		    /* ModRM.rm or the opcode's register with REX.B */
	bool memory;		    /* it has an explicit memory operand (ModRM or moffs) */
	bool rex;		    /* byte registers 4..7 are SPL..DIL, not AH..BH */
	bool vex;
	bool rip_relative;
	uint8_t mask;	 /* EVEX: opmask register; 0: none */
	uint8_t element; /* EVEX: bytes that a bit of the mask stands for */
	bool zeroing;	 /* EVEX: what the mask leaves out becomes zero, else it stays */
	uint8_t base, index; /* of the address: EMUL_NO_REGISTER if absent */
	uint8_t scale;	     /* a shift */
	int64_t displacement;
	uint64_t immediate; /* sign-extended where the instruction does so */
};

enum { EMUL_NO_REGISTER = 0xff };

/*
 * Instructions decoded before, by their bytes: a guest reaches its devices from few places. Zeroed
 * once; never needs invalidation, since a line answers for its bytes alone.
 */
enum { EMUL_CACHE_LINES = 16 };

struct emul_cache {
	struct emul_cache_line {
		uint64_t head, tail; /* bytes 0..7 and 7..14 */
		uint8_t mode;
		struct emul_insn insn;
	} lines[EMUL_CACHE_LINES];
};

/* The view of a vCPU. The caller owns all of it and fills it in before each call. */
struct emul_cpu {
	uint64_t *regs;			      /* rax rcx rdx rbx rsp rbp rsi rdi r8..r15 */
	const struct emul_segment *segments;  /* EMUL_SEGMENTS of them */
	uint64_t rip;
	uint64_t rflags;
	uint8_t mode;			      /* bytes of the default address size: 2, 4 or 8 */
	uint8_t linear_bits;		      /* 48, or 57 with CR4.LA57; used in mode 8 */
	const struct emul_ops *ops;
	void *context;			      /* the caller's */
	struct emul_cache *cache;	      /* lives as long as the vCPU; NULL: none */
	struct emul_fault fault;	      /* out, with EMUL_FAULT */
};

/*
 * Decodes the instruction in bytes[0..count). Fields that the instruction does not have are
 * undefined. `mode` is that of struct emul_cpu. Returns EMUL_DONE; EMUL_SHORT; EMUL_UNHANDLED
 * where no row matches; or EMUL_FAULT with fault filled in: #UD for an illegal LOCK, #GP(0) for
 * more than 15 bytes.
 */
enum emul_outcome emul_decode(struct emul_insn *insn, const uint8_t *bytes, uint32_t count,
			      uint32_t mode, struct emul_fault *fault)
	__attribute__((warn_unused_result));

/*
 * Decodes and carries out the instruction at cpu->rip, whose bytes are given. Instructions that
 * are in the table for their length alone (CPUID, MOV to CR, ...) give EMUL_UNHANDLED.
 * After EMUL_DONE the caller raises #DB if RFLAGS.TF was set before, and ends an interrupt shadow.
 */
enum emul_outcome emul_run(struct emul_cpu *cpu, const uint8_t *bytes, uint32_t count)
	__attribute__((warn_unused_result));

#endif
