/* SPDX-License-Identifier: Apache-2.0 */
/* What the emulator's files share: the columns of opcodes.def, an instruction in progress. */
#ifndef CORE_EMUL_INTERNAL_H
#define CORE_EMUL_INTERNAL_H

#include "emul/emul.h"
#include "lib/bits.h"
#include "lib/types.h"

/* Off the common path, which then need not save registers for it. */
#define RARE __attribute__((noinline, cold))

/* How an opcode byte leads to a row. */
enum emul_kind {
	KIND_NONE,
	KIND_PLAIN,
	KIND_PREFIX,
	KIND_REX,      /* a prefix in 64-bit mode, a row elsewhere */
	KIND_ESCAPE,   /* 0F */
	KIND_MAP_0F38,
	KIND_VEX,      /* C4, C5 */
	KIND_EVEX,     /* 62 */
	KIND_GROUP,    /* by ModRM.reg; `op` is the group */
	KIND_SYSTEM,   /* a group whose register forms are instructions of their own */
	KIND_PREFIXED, /* by mandatory prefix; `op` is the map */
};

/* Operands: the letters of SDM v2 appendix A.2, and a few fixed ones. */
enum emul_operand {
	OPERAND_NONE,
	OPERAND_E,   /* ModRM.rm: register or memory */
	OPERAND_G,   /* ModRM.reg */
	OPERAND_Z,   /* register in the opcode */
	OPERAND_O,   /* memory at an offset without ModRM */
	OPERAND_A,   /* accumulator */
	OPERAND_I,   /* immediate */
	OPERAND_ONE,
	OPERAND_CL,
	OPERAND_DX,
	OPERAND_S,   /* ModRM.reg: segment, control, debug, vector register */
	OPERAND_C,
	OPERAND_D,
	OPERAND_V,
};

enum emul_size {
	SIZE_B,
	SIZE_W,
	SIZE_D,
	SIZE_Q,
	SIZE_V,	      /* 2, 4 or 8 */
	SIZE_Y,	      /* 4, or 8 with REX.W */
	SIZE_IO,      /* 2 or 4 */
	SIZE_STACK,   /* 2, 4 or 8; 8 is the default in 64-bit mode */
	SIZE_CONTROL, /* 4, or 8 in 64-bit mode */
	SIZE_PAIR,    /* 8, or 16 with REX.W */
	SIZE_X,	      /* 16, or 32 with VEX.L, or 64 with EVEX.L'L */
};

enum emul_immediate {
	IMMEDIATE_NONE,
	IMMEDIATE_UB, /* byte */
	IMMEDIATE_SB, /* byte, sign-extended */
	IMMEDIATE_IZ, /* operand size up to 4 bytes, sign-extended */
	IMMEDIATE_IV, /* operand size */
};

enum emul_row_flag {
	ROW_ONLY64 = 1 << 0,
	ROW_NOT64 = 1 << 1,
	ROW_REX = 1 << 2,	 /* a REX prefix in 64-bit mode */
	ROW_MODRM = 1 << 3,	 /* derived from the operands */
	ROW_MEMORY = 1 << 4,	 /* memory form only */
	ROW_REGISTER = 1 << 5,	 /* ModRM.mod is ignored */
	ROW_SOURCE_8 = 1 << 6,	 /* the source is narrower than the destination */
	ROW_SOURCE_16 = 1 << 7,
	ROW_SOURCE_32 = 1 << 8,
	ROW_BIT_OFFSET = 1 << 9, /* a register source moves the address: BT and kin */
	ROW_VEX = 1 << 10,	 /* has a VEX form */
	ROW_VEX128 = 1 << 11,	 /* has one, but with L = 0 alone */
	ROW_KEEP = 1 << 12,	 /* a vector load that keeps the rest of the register */
	ROW_HIGH = 1 << 13,	 /* the high half of the 16 bytes */
	ROW_ALIGNED = 1 << 14,	 /* memory must be aligned to the operand size */
	ROW_W0 = 1 << 15,	 /* EVEX.W must be 0 */
	ROW_W1 = 1 << 16,	 /* EVEX.W must be 1 */
	ROW_BYTES = 1 << 17,	 /* EVEX.W chooses elements of 1 or 2 bytes, not of 4 or 8 */
	ROW_UNMASKED = 1 << 18,	 /* no opmask */
};

enum emul_group {
	EMUL_GROUP_80,
	EMUL_GROUP_81,
	EMUL_GROUP_82,
	EMUL_GROUP_83,
	EMUL_GROUP_8F,
	EMUL_GROUP_C0,
	EMUL_GROUP_C1,
	EMUL_GROUP_C6,
	EMUL_GROUP_C7,
	EMUL_GROUP_D0,
	EMUL_GROUP_D1,
	EMUL_GROUP_D2,
	EMUL_GROUP_D3,
	EMUL_GROUP_F6,
	EMUL_GROUP_F7,
	EMUL_GROUP_FE,
	EMUL_GROUP_FF,
	EMUL_GROUP_0F00,
	EMUL_GROUP_0F01,
	EMUL_GROUP_0FBA,
	EMUL_GROUP_0FC7,
	EMUL_GROUPS,
};

struct emul_row {
	uint8_t kind;
	uint8_t op; /* enum emul_op, or the argument of the kind */
	uint8_t dst, src;
	uint8_t size;
	uint8_t immediate;
	uint32_t flags;
};

/* General registers by number; the byte registers 4..7 without REX are AH, CH, DH, BH. */
enum {
	GPR_RAX = 0,
	GPR_RCX = 1,
	GPR_RDX = 2,
	GPR_RBX = 3,
	GPR_RSP = 4,
	GPR_RBP = 5,
	GPR_RSI = 6,
	GPR_RDI = 7,
};

/* RFLAGS (SDM v1 3.4.3). */
enum {
	FLAG_CF = 1 << 0,
	FLAG_PF = 1 << 2,
	FLAG_AF = 1 << 4,
	FLAG_ZF = 1 << 6,
	FLAG_SF = 1 << 7,
	FLAG_DF = 1 << 10,
	FLAG_OF = 1 << 11,
	FLAG_RF = 1 << 16,
	FLAGS_STATUS = FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF,
};

/* Segment attributes, as struct emul_segment packs them. */
enum {
	SEGMENT_WRITABLE = 1 << 1, /* data; readable, of code */
	SEGMENT_DOWN = 1 << 2,
	SEGMENT_CODE = 1 << 3,
	SEGMENT_PRESENT = 1 << 7,
	SEGMENT_BIG = 1 << 10,
};

enum { FAULT_DE = 0, FAULT_UD = 6, FAULT_SS = 12, FAULT_GP = 13 };

/* An instruction being carried out. */
struct emul_step {
	struct emul_cpu *cpu;
	const struct emul_insn *insn;
	uint64_t offset; /* of the memory operand within its segment */
	uint64_t flags;	 /* RFLAGS in the making; stored when the instruction is done */
};

/* The low 8 * size bits, for the sizes of integers. */
static inline uint64_t size_mask(uint32_t size)
{
	static const uint64_t masks[] = { [1] = 0xff, [2] = 0xffff, [4] = 0xffffffff, [8] = ~0ULL };

	return masks[size];
}

/* Records an exception with error code 0, or none, as the vector has it. Returns EMUL_FAULT. */
enum emul_outcome emul_raise(struct emul_fault *fault, uint8_t vector);

/* The effective address of the instruction's memory operand: SDM v1 3.7.5. */
static inline uint64_t emul_effective_address(const struct emul_step *s)
{
	const struct emul_insn *insn = s->insn;
	const uint64_t *regs = s->cpu->regs;
	uint64_t address = insn->displacement;

	if (likely(insn->base != EMUL_NO_REGISTER))
		address += regs[insn->base];
	else if (insn->rip_relative)
		address += s->cpu->rip + insn->length;
	if (insn->index != EMUL_NO_REGISTER)
		address += regs[insn->index] << insn->scale;
	return address & size_mask(insn->address_size);
}

/* The handlers and the arithmetic that the rows of opcodes.def name. */
#define EMUL_OP(name, handler, compute, lock)                                                      \
	enum emul_outcome emul_run_##handler(struct emul_step *s) MUST_USE;                        \
	uint64_t emul_compute_##compute(struct emul_step *s, uint64_t a, uint64_t b);
#include "emul/opcodes.def"

/* SHLD and SHRD, by their counts. */
uint64_t emul_shift_pair(struct emul_step *s, uint64_t value, uint64_t fill, uint64_t by);
/* MUL and IMUL: both halves of the product. */
void emul_multiply(struct emul_step *s, uint64_t a, uint64_t b, uint64_t *high, uint64_t *low);
/* DIV and IDIV of high:low: quotient to low, remainder to high. False: #DE. */
bool MUST_USE emul_divide(const struct emul_step *s, uint64_t divisor, uint64_t *high,
			  uint64_t *low);
/* The condition in the opcode's low four bits: SDM v1 appendix B. */
bool emul_condition(const struct emul_step *s);

/* Beside enum emul_access, not passed on: the address must be a multiple of the size, else #GP. */
enum { ACCESS_ALIGNED = 1 << 8 };

/* Is the memory operand's linear address a multiple of size? */
bool emul_is_aligned(const struct emul_step *s, uint32_t size);

/* Read and write memory at an offset of a segment, after its checks. access: enum emul_access. */
enum emul_outcome emul_read(struct emul_step *s, uint32_t segment, uint64_t offset, void *data,
			    uint32_t size, uint32_t access) MUST_USE;
enum emul_outcome emul_write(struct emul_step *s, uint32_t segment, uint64_t offset,
			     const void *data, uint32_t size, uint32_t access) MUST_USE;
/* The write half of a locked update. */
enum emul_outcome emul_exchange(struct emul_step *s, const void *expected, const void *desired,
				uint32_t size) MUST_USE;

/* General registers by number; AH..BH without REX; partial writes as in SDM v1 3.4.1.1. */
static inline uint64_t emul_get_register(const struct emul_step *s, uint32_t number, uint32_t size)
{
	const uint64_t *regs = s->cpu->regs;

	if (unlikely(size == 1) && !s->insn->rex && number >= 4)
		return field_get(regs[number & 3], BITS(15, 8));
	return regs[number] & size_mask(size);
}

void emul_set_register(struct emul_step *s, uint32_t number, uint32_t size, uint64_t value);

/* Operands that are no memory: registers, immediates, constants. */
uint64_t emul_load_plain(const struct emul_step *s, uint32_t operand, uint32_t size);
void emul_store_plain(struct emul_step *s, uint32_t operand, uint32_t size, uint64_t value);

static inline bool is_memory(const struct emul_step *s, uint32_t operand)
{
	return s->insn->memory && (operand == OPERAND_E || operand == OPERAND_O);
}

/* An operand's value, zero-extended; EMUL_ACCESS_UPDATE where it is written later. */
static inline MUST_USE enum emul_outcome emul_load(struct emul_step *s, uint32_t operand,
						   uint32_t size, uint32_t access, uint64_t *value)
{
	if (is_memory(s, operand)) {
		*value = 0;
		return emul_read(s, s->insn->segment, s->offset, value, size, access);
	}
	*value = emul_load_plain(s, operand, size);
	return EMUL_DONE;
}

static inline MUST_USE enum emul_outcome emul_store(struct emul_step *s, uint32_t operand,
						    uint32_t size, uint64_t value)
{
	if (is_memory(s, operand))
		return emul_write(s, s->insn->segment, s->offset, &value, size, EMUL_ACCESS_SOLE);
	emul_store_plain(s, operand, size, value);
	return EMUL_DONE;
}

#endif
