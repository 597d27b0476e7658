/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instruction decoder against Zydis: random and structured byte strings in the three modes.
 * What ours accepts, Zydis accepts, with the same length and operands; what Zydis names and
 * opcodes.def has, ours accepts. EMUL_CASES sets the number of strings, EMUL_SEED the sequence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ctype.h>
#include <cmocka.h>
#include <Zydis/Zydis.h>

#include "emul/internal.h"
#include "emul_random.h"

enum { DEFAULT_CASES = 1500000 };

static const char *const op_names[EMUL_OPS] = {
#define EMUL_OP(name, handler, compute, lock) [EMUL_OP_##name] = #name,
#include "emul/opcodes.def"
};

/* The start of Zydis's mnemonics where it is not our name in small letters. */
static const char *const other_names[EMUL_OPS] = {
	[EMUL_OP_IMUL2] = "imul",
	[EMUL_OP_MOV_FROM_SEGMENT] = "mov",
	[EMUL_OP_MOV_FROM_CR] = "mov",
	[EMUL_OP_MOV_TO_CR] = "mov",
	[EMUL_OP_MOV_FROM_DR] = "mov",
	[EMUL_OP_MOV_TO_DR] = "mov",
	[EMUL_OP_SETCC] = "set",
	[EMUL_OP_CMOVCC] = "cmov",
	[EMUL_OP_CMPXCHG8B] = "cmpxchg",
	[EMUL_OP_STI] = "sti",
};

static bool names_agree(const struct emul_insn *ours, const ZydisDecodedInstruction *theirs)
{
	const char *name = ZydisMnemonicGetString(theirs->mnemonic);
	char wanted[32] = "";

	if (ours->op == EMUL_OP_VECTOR_LOAD || ours->op == EMUL_OP_VECTOR_STORE)
		return !strncmp(name, "mov", 3) || !strncmp(name, "vmov", 4) || strstr(name, "lddqu");
	if (ours->op == EMUL_OP_MOV && theirs->mnemonic == ZYDIS_MNEMONIC_MOVNTI)
		return true;
	if (other_names[ours->op])
		return !strncmp(name, other_names[ours->op], strlen(other_names[ours->op]));
	for (size_t i = 0; op_names[ours->op][i]; i++)
		wanted[i] = tolower(op_names[ours->op][i]);
	return !strncmp(name, wanted, strlen(wanted));
}

/* Zydis's register as the number that encodes it; EMUL_NO_REGISTER for none. */
static uint32_t register_number(ZydisRegister reg)
{
	if (reg == ZYDIS_REGISTER_NONE || reg == ZYDIS_REGISTER_RIP || reg == ZYDIS_REGISTER_EIP)
		return EMUL_NO_REGISTER;
	return ZydisRegisterGetId(reg);
}

static bool memory_agrees(const struct emul_insn *ours, const ZydisDecodedOperand *theirs)
{
	bool rip = theirs->mem.base == ZYDIS_REGISTER_RIP || theirs->mem.base == ZYDIS_REGISTER_EIP;
	uint64_t mask = size_mask(ours->address_size);
	uint32_t base = register_number(theirs->mem.base), index = register_number(theirs->mem.index);
	uint32_t scale = index == EMUL_NO_REGISTER ? 0 : 1u << ours->scale;

	if (ours->address_size == 2 && index != EMUL_NO_REGISTER)
		scale = theirs->mem.scale;
	/*
	 * Zydis 4.0 names a base R13D for [index + disp32] with REX.B and a 67 prefix, and drops the
	 * displacement. SDM v2 table 2-5: REX.B is not decoded there; tests/core/unit/execute.c asks
	 * the processor.
	 */
	if (ours->base == EMUL_NO_REGISTER && ours->address_size == 4 &&
	    theirs->mem.base == ZYDIS_REGISTER_R13D)
		return index == ours->index && theirs->mem.scale == scale;
	return rip == ours->rip_relative && base == ours->base && index == ours->index &&
	       theirs->mem.scale == scale &&
	       ((uint64_t)theirs->mem.disp.value & mask) == ((uint64_t)ours->displacement & mask) &&
	       ZydisRegisterGetId(theirs->mem.segment) == ours->segment;
}

/* Bytes of the explicit memory operand, 0 where the table does not say. */
static uint32_t memory_size(const struct emul_insn *ours)
{
	uint32_t flags = ours->row->flags;

	if (ours->op >= EMUL_OP_CPUID)
		return 0;
	if (ours->op == EMUL_OP_MOVDIR64B)
		return 64;
	if (ours->op == EMUL_OP_MOV_FROM_SEGMENT)
		return 2;
	if (flags & ROW_SOURCE_8)
		return 1;
	if (flags & ROW_SOURCE_16)
		return 2;
	if (flags & ROW_SOURCE_32)
		return 4;
	return ours->operand_size;
}

static bool is_register(uint8_t operand)
{
	return operand == OPERAND_G || operand == OPERAND_Z || operand == OPERAND_A;
}

/* An explicit general register: number and width. */
static bool register_agrees(const struct emul_insn *ours, uint8_t kind, uint32_t size,
			    const ZydisDecodedOperand *theirs)
{
	uint32_t number = kind == OPERAND_A ? 0 : kind == OPERAND_G ? ours->reg : ours->rm;
	ZydisRegister reg = theirs->reg.value;

	if (theirs->size != 8 * size && ours->op != EMUL_OP_MOVSX) /* MOVSXD r16, r32 is r16 there */
		return false;
	if (reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH)
		return !ours->rex && number == (uint32_t)(reg - ZYDIS_REGISTER_AH + 4);
	if (reg >= ZYDIS_REGISTER_SPL && reg <= ZYDIS_REGISTER_R15B)
		return ours->rex && number == (uint32_t)(reg - ZYDIS_REGISTER_SPL + 4);
	return register_number(reg) == number;
}

static bool operand_agrees(const struct emul_insn *ours, uint8_t kind, uint32_t size,
			   const ZydisDecodedOperand *theirs)
{
	if ((kind == OPERAND_E || kind == OPERAND_O) && ours->memory)
		return theirs->type == ZYDIS_OPERAND_TYPE_MEMORY && memory_agrees(ours, theirs) &&
		       (!memory_size(ours) || theirs->size == 8 * memory_size(ours));
	if (is_register(kind) || kind == OPERAND_E)
		return theirs->type == ZYDIS_OPERAND_TYPE_REGISTER &&
		       (ours->op >= EMUL_OP_CPUID || register_agrees(ours, kind, size, theirs));
	if (kind == OPERAND_I)
		return theirs->type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
		       ((theirs->imm.value.u ^ ours->immediate) & size_mask(ours->operand_size)) == 0;
	if (kind == OPERAND_V || kind == OPERAND_C || kind == OPERAND_D || kind == OPERAND_S)
		return theirs->type == ZYDIS_OPERAND_TYPE_REGISTER &&
		       register_number(theirs->reg.value) == ours->reg;
	return true;
}

static bool operands_agree(const struct emul_insn *ours, const ZydisDecodedInstruction *theirs,
			   const ZydisDecodedOperand *operands)
{
	const struct emul_row *row = ours->row;
	/* MOVDIR64B: its first operand is memory at a register, which the row does not name. */
	uint32_t next = ours->op == EMUL_OP_MOVDIR64B, source = memory_size(ours);

	if (row->dst != OPERAND_NONE) {
		if (next >= theirs->operand_count ||
		    !operand_agrees(ours, row->dst, ours->operand_size, &operands[next++]))
			return false;
	}
	if (row->src == OPERAND_NONE)
		return true;
	if (operands[next].encoding == ZYDIS_OPERAND_ENCODING_MASK)
		next++;
	return next < theirs->operand_count &&
	       operand_agrees(ours, row->src, source ? source : ours->operand_size, &operands[next]);
}

/* EVEX: the opmask, and how many bytes a bit of it stands for. */
static bool mask_agrees(const struct emul_insn *ours, const ZydisDecodedInstruction *theirs,
			const ZydisDecodedOperand *operands)
{
	uint32_t mask = ZydisRegisterGetId(theirs->avx.mask.reg);

	if (theirs->encoding != ZYDIS_INSTRUCTION_ENCODING_EVEX)
		return !ours->mask;
	return mask == ours->mask &&
	       (!mask || (ours->zeroing == (theirs->avx.mask.mode == ZYDIS_MASK_MODE_ZEROING) &&
			  8 * min_of(ours->element, ours->operand_size) == operands[0].element_size));
}

/* INS and OUTS are used for these by exits without decode assists. */
static bool string_agrees(const struct emul_insn *ours, const ZydisDecodedInstruction *theirs,
			  const ZydisDecodedOperand *operands)
{
	if (ours->op < EMUL_OP_MOVS || ours->op > EMUL_OP_OUTS)
		return true;
	for (uint32_t i = 0; i < theirs->operand_count; i++) {
		const ZydisDecodedOperand *o = &operands[i];

		if (o->type != ZYDIS_OPERAND_TYPE_MEMORY)
			continue;
		if (o->size != 8 * ours->operand_size)
			return false;
		if (register_number(o->mem.base) == 6 &&
		    ZydisRegisterGetId(o->mem.segment) != ours->segment)
			return false;
	}
	return theirs->address_width == 8 * ours->address_size;
}

struct zydis {
	ZydisDecoder decoder[9];
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

static void describe(const char *what, uint32_t mode, const uint8_t *bytes,
		     const struct emul_insn *ours, const struct zydis *z, bool valid)
{
	print_error("%s: mode %u:", what, mode * 8);
	for (uint32_t i = 0; i < 15; i++)
		print_error(" %02x", bytes[i]);
	print_error("; ours %s length %u, Zydis %s length %u\n", op_names[ours->op] ?: "-",
		    ours->length, valid ? ZydisMnemonicGetString(z->insn.mnemonic) : "none",
		    z->insn.length);
}

/* An opcode of the table that Zydis decoded and ours did not: what we leave out on purpose. */
static bool left_out(const struct zydis *z)
{
	const ZydisDecodedInstruction *insn = &z->insn;

	return insn->mnemonic == ZYDIS_MNEMONIC_ARPL;
}

/* A move between memory and a vector register, of those in opcodes.def: none has a second source. */
static bool is_evex_move(const struct zydis *z)
{
	static const char *const names[] = { "vmovup", "vmovap", "vmovdq", "vmovnt", "vmovss", "vmovsd" };
	const char *name = ZydisMnemonicGetString(z->insn.mnemonic);
	bool memory = false, listed = false;

	for (uint32_t i = 0; i < z->insn.operand_count_visible; i++)
		memory |= z->operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY;
	for (uint32_t i = 0; i < ARRAY_SIZE(names); i++)
		listed |= !strncmp(name, names[i], 6);
	return z->insn.encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX && memory && listed;
}

static bool in_table[2][256];

static bool agree(struct zydis *z, const uint8_t *bytes, uint32_t mode)
{
	struct emul_insn ours = { 0 };
	struct emul_fault fault = { 0 };
	enum emul_outcome outcome = emul_decode(&ours, bytes, 15, mode, &fault);
	ZyanStatus status = ZydisDecoderDecodeFull(&z->decoder[mode], bytes, 15, &z->insn, z->operands);
	const char *what = NULL;

	if (outcome == EMUL_DONE) {
		if (!ZYAN_SUCCESS(status))
			what = "ours accepts what Zydis refuses";
		else if (z->insn.length != ours.length)
			what = "length";
		else if (!names_agree(&ours, &z->insn))
			what = "mnemonic";
		else if (!operands_agree(&ours, &z->insn, z->operands))
			what = "operands";
		else if (!mask_agrees(&ours, &z->insn, z->operands))
			what = "opmask";
		else if (!string_agrees(&ours, &z->insn, z->operands))
			what = "string operands";
	} else if (outcome == EMUL_FAULT) {
		if (ZYAN_SUCCESS(status))
			what = "ours raises a fault, Zydis does not";
	} else if (outcome == EMUL_SHORT) {
		what = "short of 15 bytes";
	} else if (ZYAN_SUCCESS(status) && z->insn.opcode_map <= ZYDIS_OPCODE_MAP_0F &&
		   z->insn.encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY &&
		   in_table[z->insn.opcode_map][z->insn.opcode] && !left_out(z)) {
		what = "Zydis decodes an opcode of the table, ours does not";
	} else if (ZYAN_SUCCESS(status) && is_evex_move(z)) {
		what = "Zydis decodes an EVEX move, ours does not";
	}
	if (what)
		describe(what, mode, bytes, &ours, z, ZYAN_SUCCESS(status));
	return !what;
}

static void fill_table(void)
{
#define EMUL_ONE(opcode, ...) in_table[0][opcode] = true;
#define EMUL_ONE_KIND(opcode, ...)
#include "emul/opcodes.def"
#define EMUL_TWO(opcode, ...) in_table[1][opcode] = true;
#define EMUL_TWO_KIND(opcode, ...)
#include "emul/opcodes.def"
}

static void decoder_agrees_with_zydis(void **state)
{
	uint64_t cases = emul_random_setting("EMUL_CASES", DEFAULT_CASES), failures = 0;
	struct emul_random random = { emul_random_setting("EMUL_SEED", 1) };
	struct zydis *z = calloc(1, sizeof(*z));

	(void)state;
	fill_table();
	ZydisDecoderInit(&z->decoder[2], ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
	ZydisDecoderInit(&z->decoder[4], ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
	ZydisDecoderInit(&z->decoder[8], ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (uint64_t i = 0; i < cases && failures < 20; i++) {
		uint32_t mode = 2u << emul_random_below(&random, 3);
		uint8_t bytes[16];

		if (i % 8 == 1)
			emul_random_evex(&random, bytes);
		else if (i % 4)
			emul_random_instruction(&random, mode, bytes);
		else
			emul_random_bytes(&random, bytes, sizeof(bytes));
		failures += !agree(z, bytes, mode);
	}
	free(z);
	assert_int_equal(failures, 0);
}

/* Every prefix of an instruction is short, and says nothing else. */
static void short_bytes_are_short(void **state)
{
	static const uint8_t bytes[] = { 0x66, 0x4c, 0x81, 0xac, 0xc8, 1, 2, 3, 4, 5, 6, 7, 8 };
	struct emul_insn insn;
	struct emul_fault fault;

	(void)state;
	for (uint32_t n = 0; n < sizeof(bytes); n++)
		assert_int_equal(emul_decode(&insn, bytes, n, 8, &fault), EMUL_SHORT);
	assert_int_equal(emul_decode(&insn, bytes, sizeof(bytes), 8, &fault), EMUL_DONE);
	assert_int_equal(insn.length, sizeof(bytes));
}

static void more_than_15_bytes_fault(void **state)
{
	uint8_t bytes[16] = { 0 };
	struct emul_insn insn;
	struct emul_fault fault;

	(void)state;
	memset(bytes, 0x66, 13);
	bytes[13] = 0x01;
	bytes[14] = 0x00;
	assert_int_equal(emul_decode(&insn, bytes, 15, 4, &fault), EMUL_DONE);
	assert_int_equal(insn.length, 15);
	memmove(bytes + 1, bytes, 15);
	assert_int_equal(emul_decode(&insn, bytes, 16, 4, &fault), EMUL_FAULT);
	assert_int_equal(fault.vector, 13);
	assert_true(fault.has_error);
	assert_int_equal(fault.error, 0);
	assert_int_equal(emul_decode(&insn, bytes, 14, 4, &fault), EMUL_SHORT);
}

static void illegal_lock_is_undefined(void **state)
{
	static const struct {
		uint8_t bytes[6];
		bool legal;
	} cases[] = {
		{ { 0xf0, 0x01, 0x00 }, true },		    /* add [rax], eax */
		{ { 0xf0, 0x01, 0xc0 }, false },	    /* add eax, eax */
		{ { 0xf0, 0x03, 0x00 }, false },	    /* add eax, [rax] */
		{ { 0xf0, 0x89, 0x00 }, false },	    /* mov [rax], eax */
		{ { 0xf0, 0x39, 0x00 }, false },	    /* cmp [rax], eax */
		{ { 0xf0, 0x87, 0x00 }, true },		    /* xchg [rax], eax */
		{ { 0xf0, 0xff, 0x00 }, true },		    /* inc [rax] */
		{ { 0xf0, 0xd1, 0x20 }, false },	    /* shl [rax], 1 */
		{ { 0xf0, 0x0f, 0xb1, 0x08 }, true },	    /* cmpxchg [rax], ecx */
		{ { 0xf0, 0x0f, 0xc7, 0x08 }, true },	    /* cmpxchg8b [rax] */
		{ { 0xf0, 0x0f, 0xa3, 0x08 }, false },	    /* bt [rax], ecx */
		{ { 0xf0, 0x0f, 0xab, 0x08 }, true },	    /* bts [rax], ecx */
		{ { 0xf0, 0x0f, 0xba, 0x20, 1 }, false },   /* bt [rax], 1 */
		{ { 0xf0, 0x0f, 0xba, 0x28, 1 }, true },    /* bts [rax], 1 */
		{ { 0xf0, 0x0f, 0x90, 0x00 }, false },	    /* seto [rax] */
		{ { 0xf0, 0xa4 }, false },		    /* movsb */
		{ { 0xf0, 0x0f, 0xa2 }, false },	    /* cpuid */
	};
	struct emul_insn insn;
	struct emul_fault fault;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum emul_outcome outcome = emul_decode(&insn, cases[i].bytes, 6, 8, &fault);

		assert_int_equal(outcome, cases[i].legal ? EMUL_DONE : EMUL_FAULT);
		if (!cases[i].legal)
			assert_int_equal(fault.vector, 6);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decoder_agrees_with_zydis),
		cmocka_unit_test(short_bytes_are_short),
		cmocka_unit_test(more_than_15_bytes_fault),
		cmocka_unit_test(illegal_lock_is_undefined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
