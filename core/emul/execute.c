/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carries out decoded instructions. Most are "load, compute, store": a compute function works on
 * plain 64-bit values and the flags in the making; a handler does the loading and storing. Which
 * two an instruction has is in opcodes.def.
 *
 * Order of effects: everything that can fault comes before anything that the guest can see, so that
 * an instruction that ends early has changed nothing (REP: nothing beyond the iterations it did).
 */
#include "emul/internal.h"

/* ---------------------------------------------------------------------------------- the flags */

static inline uint64_t sign_bit(uint32_t size)
{
	return BIT(8 * size - 1);
}

static void set_flags(struct emul_step *s, uint64_t which, uint64_t value)
{
	s->flags = (s->flags & ~which) | (value & which);
}

/* SF, ZF and PF of a result. */
static uint64_t result_flags(uint64_t result, uint32_t size)
{
	uint64_t flags = __builtin_parity(result & 0xff) ? 0 : FLAG_PF;

	if (!result)
		flags |= FLAG_ZF;
	if (result & sign_bit(size))
		flags |= FLAG_SF;
	return flags;
}

/* CF, AF and OF from the carries (or borrows) out of each bit position. */
static uint64_t carry_flags(uint64_t carries, uint32_t size)
{
	uint64_t flags = carries & BIT(3) ? FLAG_AF : 0;

	if (carries & sign_bit(size))
		flags |= FLAG_CF;
	if ((carries ^ carries << 1) & sign_bit(size))
		flags |= FLAG_OF;
	return flags;
}

static uint64_t add(struct emul_step *s, uint64_t a, uint64_t b, uint64_t carry, uint64_t which)
{
	uint32_t size = s->insn->operand_size;
	uint64_t sum = (a + b + carry) & size_mask(size);
	uint64_t carries = (a & b) | ((a | b) & ~sum);

	set_flags(s, which, result_flags(sum, size) | carry_flags(carries, size));
	return sum;
}

static uint64_t subtract(struct emul_step *s, uint64_t a, uint64_t b, uint64_t borrow,
			 uint64_t which)
{
	uint32_t size = s->insn->operand_size;
	uint64_t difference = (a - b - borrow) & size_mask(size);
	uint64_t borrows = (~a & b) | ((~a | b) & difference);

	set_flags(s, which, result_flags(difference, size) | carry_flags(borrows, size));
	return difference;
}

static uint64_t logic(struct emul_step *s, uint64_t result)
{
	set_flags(s, FLAGS_STATUS, result_flags(result, s->insn->operand_size));
	return result;
}

/* SDM v1 appendix B: the condition in an opcode's low four bits. */
static bool condition(const struct emul_step *s)
{
	bool less = !(s->flags & FLAG_SF) != !(s->flags & FLAG_OF);
	const bool met[8] = {
		s->flags & FLAG_OF,
		s->flags & FLAG_CF,
		s->flags & FLAG_ZF,
		s->flags & (FLAG_CF | FLAG_ZF),
		s->flags & FLAG_SF,
		s->flags & FLAG_PF,
		less,
		less || s->flags & FLAG_ZF,
	};

	return met[field_get(s->insn->opcode, BITS(3, 1))] != (s->insn->opcode & 1);
}

/* --------------------------------------------------------------------------- compute functions */

static uint64_t compute_none(struct emul_step *s, uint64_t a, uint64_t b)
{
	(void)s;
	(void)a;
	return b;
}

static uint64_t compute_add(struct emul_step *s, uint64_t a, uint64_t b)
{
	return add(s, a, b, 0, FLAGS_STATUS);
}

static uint64_t compute_adc(struct emul_step *s, uint64_t a, uint64_t b)
{
	return add(s, a, b, s->flags & FLAG_CF, FLAGS_STATUS);
}

static uint64_t compute_sub(struct emul_step *s, uint64_t a, uint64_t b)
{
	return subtract(s, a, b, 0, FLAGS_STATUS);
}

static uint64_t compute_sbb(struct emul_step *s, uint64_t a, uint64_t b)
{
	return subtract(s, a, b, s->flags & FLAG_CF, FLAGS_STATUS);
}

static uint64_t compute_inc(struct emul_step *s, uint64_t a, uint64_t b)
{
	(void)b;
	return add(s, a, 1, 0, FLAGS_STATUS & ~FLAG_CF);
}

static uint64_t compute_dec(struct emul_step *s, uint64_t a, uint64_t b)
{
	(void)b;
	return subtract(s, a, 1, 0, FLAGS_STATUS & ~FLAG_CF);
}

static uint64_t compute_neg(struct emul_step *s, uint64_t a, uint64_t b)
{
	(void)b;
	return subtract(s, 0, a, 0, FLAGS_STATUS);
}

static uint64_t compute_not(struct emul_step *s, uint64_t a, uint64_t b)
{
	(void)b;
	return ~a & size_mask(s->insn->operand_size);
}

static uint64_t compute_and(struct emul_step *s, uint64_t a, uint64_t b)
{
	return logic(s, a & b);
}

static uint64_t compute_or(struct emul_step *s, uint64_t a, uint64_t b)
{
	return logic(s, a | b);
}

static uint64_t compute_xor(struct emul_step *s, uint64_t a, uint64_t b)
{
	return logic(s, a ^ b);
}

/* SDM v2 "BT": CF is the bit, the rest stays. Returns the bit's mask. */
static uint64_t test_bit(struct emul_step *s, uint64_t a, uint64_t b)
{
	uint64_t mask = BIT(b & (8 * s->insn->operand_size - 1));

	set_flags(s, FLAG_CF, a & mask ? FLAG_CF : 0);
	return mask;
}

static uint64_t compute_bt(struct emul_step *s, uint64_t a, uint64_t b)
{
	test_bit(s, a, b);
	return a;
}

static uint64_t compute_bts(struct emul_step *s, uint64_t a, uint64_t b)
{
	return a | test_bit(s, a, b);
}

static uint64_t compute_btr(struct emul_step *s, uint64_t a, uint64_t b)
{
	return a & ~test_bit(s, a, b);
}

static uint64_t compute_btc(struct emul_step *s, uint64_t a, uint64_t b)
{
	return a ^ test_bit(s, a, b);
}

/* Shift counts have 5 bits, or 6 for 64-bit operands; a count of 0 changes no flag. */
static uint32_t shift_count(const struct emul_step *s, uint64_t count)
{
	return count & (s->insn->operand_size == 8 ? 63 : 31);
}

/* The flags of SHL, SHR and SAR; OF is defined for a count of 1 alone, AF never. */
static uint64_t shifted(struct emul_step *s, uint64_t result, bool carry, bool overflow)
{
	set_flags(s, FLAGS_STATUS,
		  result_flags(result, s->insn->operand_size) | (carry ? FLAG_CF : 0) |
			  (overflow ? FLAG_OF : 0));
	return result;
}

static uint64_t compute_shl(struct emul_step *s, uint64_t a, uint64_t b)
{
	uint32_t size = s->insn->operand_size, count = shift_count(s, b);
	uint64_t result;
	bool carry;

	if (!count)
		return a;
	result = (a << count) & size_mask(size);
	carry = a << (count - 1) & sign_bit(size);
	return shifted(s, result, carry, carry != !!(result & sign_bit(size)));
}

static uint64_t compute_shr(struct emul_step *s, uint64_t a, uint64_t b)
{
	uint32_t count = shift_count(s, b);

	if (!count)
		return a;
	return shifted(s, a >> count, a >> (count - 1) & 1, a & sign_bit(s->insn->operand_size));
}

static uint64_t compute_sar(struct emul_step *s, uint64_t a, uint64_t b)
{
	uint32_t size = s->insn->operand_size, count = shift_count(s, b);
	int64_t value = sign_extend(a, 8 * size);

	if (!count)
		return a;
	return shifted(s, (value >> count) & size_mask(size), value >> (count - 1) & 1, false);
}

static void set_rotate_flags(struct emul_step *s, bool carry, bool overflow)
{
	set_flags(s, FLAG_CF | FLAG_OF, (carry ? FLAG_CF : 0) | (overflow ? FLAG_OF : 0));
}

static uint64_t compute_rol(struct emul_step *s, uint64_t a, uint64_t b)
{
	uint32_t size = s->insn->operand_size, count = shift_count(s, b);
	uint32_t turn = count % (8 * size);
	uint64_t result = a;

	if (!count)
		return a;
	if (turn)
		result = (a << turn | a >> (8 * size - turn)) & size_mask(size);
	set_rotate_flags(s, result & 1, (result & 1) != !!(result & sign_bit(size)));
	return result;
}

static uint64_t compute_ror(struct emul_step *s, uint64_t a, uint64_t b)
{
	uint32_t size = s->insn->operand_size, count = shift_count(s, b);
	uint32_t turn = count % (8 * size);
	uint64_t result = a;

	if (!count)
		return a;
	if (turn)
		result = (a >> turn | a << (8 * size - turn)) & size_mask(size);
	set_rotate_flags(s, result & sign_bit(size), (result ^ result << 1) & sign_bit(size));
	return result;
}

/* Rotation through CF goes bit by bit: at most 63 steps. */
static uint64_t compute_rcl(struct emul_step *s, uint64_t a, uint64_t b)
{
	uint32_t size = s->insn->operand_size, count = shift_count(s, b);
	bool carry = s->flags & FLAG_CF;

	if (!count)
		return a;
	for (uint32_t i = count % (8 * size + 1); i; i--) {
		bool out = a & sign_bit(size);

		a = (a << 1 | carry) & size_mask(size);
		carry = out;
	}
	set_rotate_flags(s, carry, carry != !!(a & sign_bit(size)));
	return a;
}

static uint64_t compute_rcr(struct emul_step *s, uint64_t a, uint64_t b)
{
	uint32_t size = s->insn->operand_size, count = shift_count(s, b);
	bool carry = s->flags & FLAG_CF;

	if (!count)
		return a;
	for (uint32_t i = count % (8 * size + 1); i; i--) {
		bool out = a & 1;

		a = a >> 1 | (carry ? sign_bit(size) : 0);
		carry = out;
	}
	set_rotate_flags(s, carry, (a ^ a << 1) & sign_bit(size));
	return a;
}

static uint64_t (*const computes[EMUL_OPS])(struct emul_step *s, uint64_t a, uint64_t b) = {
#define EMUL_OP(name, handler, compute, lock) [EMUL_OP_##name] = compute_##compute,
#include "emul/opcodes.def"
};

/* ------------------------------------------------------------------------ load, compute, store */

static uint32_t source_size(const struct emul_step *s)
{
	uint32_t flags = s->insn->row->flags;

	if (likely(!(flags & (ROW_SOURCE_8 | ROW_SOURCE_16 | ROW_SOURCE_32))))
		return s->insn->operand_size;
	if (flags & ROW_SOURCE_32)
		return 4;
	return flags & ROW_SOURCE_8 ? 1 : 2;
}

static enum emul_outcome load_source(struct emul_step *s, uint64_t *value)
{
	return emul_load(s, s->insn->row->src, source_size(s), EMUL_ACCESS_SOLE, value);
}

static enum emul_outcome load_for_update(struct emul_step *s, uint64_t *value)
{
	return emul_load(s, s->insn->row->dst, s->insn->operand_size,
			 EMUL_ACCESS_SOLE | EMUL_ACCESS_UPDATE, value);
}

static enum emul_outcome store(struct emul_step *s, uint64_t value)
{
	return emul_store(s, s->insn->row->dst, s->insn->operand_size, value);
}

/* The write half of an update; XCHG with memory is always locked (SDM v2 "XCHG"). */
static enum emul_outcome store_update(struct emul_step *s, uint64_t old, uint64_t value)
{
	bool locked = s->insn->prefixes & EMUL_PREFIX_LOCK || s->insn->op == EMUL_OP_XCHG;

	if (locked && s->insn->memory)
		return emul_exchange(s, &old, &value, s->insn->operand_size);
	return store(s, value);
}

static enum emul_outcome run_move_zero(struct emul_step *s)
{
	enum emul_outcome outcome;
	uint64_t value;

	outcome = load_source(s, &value);
	return outcome == EMUL_DONE ? store(s, value) : outcome;
}

/* The instruction that drivers touch their devices with: MOV between memory and a register. */
static enum emul_outcome run_move(struct emul_step *s)
{
	const struct emul_insn *insn = s->insn;
	const struct emul_row *row = insn->row;
	uint32_t size = insn->operand_size;
	enum emul_outcome outcome;
	uint64_t value = 0;

	if (!is_memory(s, row->src)) {
		value = emul_load_plain(s, row->src, size);
		return emul_store(s, row->dst, size, value);
	}
	outcome = emul_read(s, insn->segment, s->offset, &value, size, EMUL_ACCESS_SOLE);
	if (outcome == EMUL_DONE)
		emul_store_plain(s, row->dst, size, value);
	return outcome;
}

static enum emul_outcome run_move_signed(struct emul_step *s)
{
	enum emul_outcome outcome;
	uint64_t value;

	outcome = load_source(s, &value);
	if (outcome != EMUL_DONE)
		return outcome;
	return store(s, sign_extend(value, 8 * source_size(s)));
}

static enum emul_outcome run_move_swapped(struct emul_step *s)
{
	enum emul_outcome outcome;
	uint64_t value;

	outcome = load_source(s, &value);
	if (outcome != EMUL_DONE)
		return outcome;
	return store(s, __builtin_bswap64(value) >> (64 - 8 * s->insn->operand_size));
}

/* SDM v2 "MOV": a selector fills a register, but only two bytes of memory. */
static enum emul_outcome run_move_segment(struct emul_step *s)
{
	uint32_t size = s->insn->memory ? 2 : s->insn->operand_size;

	return emul_store(s, OPERAND_E, size, s->cpu->segments[s->insn->reg].selector);
}

static enum emul_outcome run_inspect(struct emul_step *s)
{
	enum emul_outcome outcome;
	uint64_t a, b;

	outcome = emul_load(s, s->insn->row->dst, s->insn->operand_size, EMUL_ACCESS_SOLE, &a);
	if (outcome == EMUL_DONE)
		outcome = load_source(s, &b);
	if (outcome == EMUL_DONE)
		computes[s->insn->op](s, a, b);
	return outcome;
}

static enum emul_outcome run_update(struct emul_step *s)
{
	enum emul_outcome outcome;
	uint64_t a, b;

	outcome = load_for_update(s, &a);
	if (outcome == EMUL_DONE)
		outcome = load_source(s, &b);
	if (outcome != EMUL_DONE)
		return outcome;
	return store_update(s, a, computes[s->insn->op](s, a, b));
}

static enum emul_outcome run_setcc(struct emul_step *s)
{
	return store(s, condition(s));
}

/* The source is read even if the condition is false, and a 32-bit destination is cleared above. */
static enum emul_outcome run_cmovcc(struct emul_step *s)
{
	enum emul_outcome outcome;
	uint64_t value;

	outcome = load_source(s, &value);
	if (outcome != EMUL_DONE)
		return outcome;
	if (!condition(s))
		value = emul_get_register(s, s->insn->reg, s->insn->operand_size);
	return store(s, value);
}

static enum emul_outcome run_xchg(struct emul_step *s)
{
	uint64_t source = emul_get_register(s, s->insn->reg, s->insn->operand_size);
	enum emul_outcome outcome;
	uint64_t value;

	outcome = load_for_update(s, &value);
	if (outcome == EMUL_DONE)
		outcome = store_update(s, value, source);
	if (outcome == EMUL_DONE)
		emul_set_register(s, s->insn->reg, s->insn->operand_size, value);
	return outcome;
}

/* The source register is written before a register destination: XADD of a register to itself. */
static enum emul_outcome run_xadd(struct emul_step *s)
{
	uint64_t source = emul_get_register(s, s->insn->reg, s->insn->operand_size);
	enum emul_outcome outcome;
	uint64_t value, sum;

	outcome = load_for_update(s, &value);
	if (outcome != EMUL_DONE)
		return outcome;
	sum = compute_add(s, value, source);
	if (s->insn->memory)
		outcome = store_update(s, value, sum);
	if (outcome != EMUL_DONE)
		return outcome;
	emul_set_register(s, s->insn->reg, s->insn->operand_size, value);
	return s->insn->memory ? EMUL_DONE : store(s, sum);
}

/* SDM v2 "CMPXCHG": memory, but no register, gets a write cycle even if the comparison fails. */
static enum emul_outcome run_cmpxchg(struct emul_step *s)
{
	uint32_t size = s->insn->operand_size;
	uint64_t accumulator = emul_get_register(s, GPR_RAX, size);
	uint64_t source = emul_get_register(s, s->insn->reg, size);
	enum emul_outcome outcome;
	uint64_t value;

	outcome = load_for_update(s, &value);
	if (outcome != EMUL_DONE)
		return outcome;
	compute_sub(s, accumulator, value);
	if (value == accumulator)
		return store_update(s, value, source);
	if (s->insn->memory)
		outcome = store_update(s, value, value);
	if (outcome == EMUL_DONE)
		emul_set_register(s, GPR_RAX, size, value);
	return outcome;
}

/* A register pair as the two halves of an operand of 8 or 16 bytes. */
static void get_pair(const struct emul_step *s, uint32_t high, uint32_t low, uint64_t pair[2])
{
	const uint64_t *regs = s->cpu->regs;

	pair[0] = regs[low];
	pair[1] = regs[high];
	if (s->insn->operand_size == 8)
		pair[0] = join32(regs[low], regs[high]);
}

static void set_pair(struct emul_step *s, const uint64_t pair[2])
{
	bool wide = s->insn->operand_size == 16;

	emul_set_register(s, GPR_RAX, wide ? 8 : 4, pair[0]);
	emul_set_register(s, GPR_RDX, wide ? 8 : 4, wide ? pair[1] : pair[0] >> 32);
}

/* SDM v2 "CMPXCHG8B/CMPXCHG16B": the latter wants alignment. ZF alone changes. */
static enum emul_outcome run_cmpxchg_pair(struct emul_step *s)
{
	uint32_t size = s->insn->operand_size;
	uint32_t access = EMUL_ACCESS_SOLE | EMUL_ACCESS_UPDATE;
	uint64_t value[2], wanted[2], source[2];
	enum emul_outcome outcome;
	bool equal;

	outcome = emul_read(s, s->insn->segment, s->offset, value, size,
			    access | (size == 16 ? ACCESS_ALIGNED : 0));
	if (outcome != EMUL_DONE)
		return outcome;
	get_pair(s, GPR_RDX, GPR_RAX, wanted);
	get_pair(s, GPR_RCX, GPR_RBX, source);
	equal = value[0] == wanted[0] && (size == 8 || value[1] == wanted[1]);
	if (s->insn->prefixes & EMUL_PREFIX_LOCK)
		outcome = emul_exchange(s, value, equal ? source : value, size);
	else
		outcome = emul_write(s, s->insn->segment, s->offset, equal ? source : value, size,
				     EMUL_ACCESS_SOLE);
	if (outcome != EMUL_DONE)
		return outcome;
	set_flags(s, FLAG_ZF, equal ? FLAG_ZF : 0);
	if (!equal)
		set_pair(s, value);
	return EMUL_DONE;
}

/* --------------------------------------------------------------------------- shifts of a pair */

/* SDM v2 "SHLD", "SHRD": a 16-bit operand with a count above 16 is undefined. */
static enum emul_outcome run_double_shift(struct emul_step *s)
{
	uint32_t size = s->insn->operand_size, bits = 8 * size;
	bool by_cl = s->insn->row->immediate == IMMEDIATE_NONE;
	uint32_t count = shift_count(s, by_cl ? s->cpu->regs[GPR_RCX] : s->insn->immediate);
	uint64_t fill = emul_get_register(s, s->insn->reg, size);
	enum emul_outcome outcome;
	uint64_t value, result;
	bool carry;

	outcome = load_for_update(s, &value);
	if (outcome != EMUL_DONE || !count)
		return outcome == EMUL_DONE ? store(s, value) : outcome;
	if (count > bits)
		count -= bits;
	if (s->insn->op == EMUL_OP_SHLD) {
		result = (value << count | fill >> (bits - count)) & size_mask(size);
		carry = value >> (bits - count) & 1;
	} else {
		result = (value >> count | fill << (bits - count)) & size_mask(size);
		carry = value >> (count - 1) & 1;
	}
	shifted(s, result, carry, (value ^ result) & sign_bit(size));
	return store(s, result);
}

/* ------------------------------------------------------------------ multiplication and division */

/* The double-width accumulator: AX, DX:AX, EDX:EAX or RDX:RAX. */
static void set_wide(struct emul_step *s, uint64_t high, uint64_t low)
{
	uint32_t size = s->insn->operand_size;

	if (size == 1) {
		emul_set_register(s, GPR_RAX, 2, (high & 0xff) << 8 | (low & 0xff));
		return;
	}
	emul_set_register(s, GPR_RAX, size, low);
	emul_set_register(s, GPR_RDX, size, high);
}

static void get_wide(const struct emul_step *s, uint64_t *high, uint64_t *low)
{
	uint32_t size = s->insn->operand_size;

	*low = emul_get_register(s, GPR_RAX, size);
	*high = size == 1 ? field_get(s->cpu->regs[GPR_RAX], BITS(15, 8)) :
			    emul_get_register(s, GPR_RDX, size);
}

/* The full product of two `size`-byte values; returns whether the low half cannot hold it. */
static bool full_product(const struct emul_step *s, uint64_t a, uint64_t b, uint64_t *high,
			 uint64_t *low)
{
	uint32_t bits = 8 * s->insn->operand_size;
	bool is_signed = s->insn->op != EMUL_OP_MUL;
	unsigned __int128 product;

	if (is_signed)
		product = (__int128)sign_extend(a, bits) * sign_extend(b, bits);
	else
		product = (unsigned __int128)a * b;
	*low = (uint64_t)product & size_mask(s->insn->operand_size);
	*high = (uint64_t)(product >> bits) & size_mask(s->insn->operand_size);
	if (!is_signed)
		return *high;
	return (__int128)product != sign_extend(*low, bits);
}

static enum emul_outcome run_multiply(struct emul_step *s)
{
	enum emul_outcome outcome;
	uint64_t value, high, low;
	bool overflow;

	outcome = load_source(s, &value);
	if (outcome != EMUL_DONE)
		return outcome;
	overflow = full_product(s, emul_get_register(s, GPR_RAX, s->insn->operand_size), value,
				&high, &low);
	set_rotate_flags(s, overflow, overflow);
	set_wide(s, high, low);
	return EMUL_DONE;
}

/* IMUL r, r/m and IMUL r, r/m, imm. */
static enum emul_outcome run_multiply_truncated(struct emul_step *s)
{
	uint32_t size = s->insn->operand_size;
	enum emul_outcome outcome;
	uint64_t a, b, high, low;
	bool overflow;

	outcome = load_source(s, &a);
	if (outcome != EMUL_DONE)
		return outcome;
	b = s->insn->row->immediate == IMMEDIATE_NONE ? emul_get_register(s, s->insn->reg, size) :
						       s->insn->immediate & size_mask(size);
	overflow = full_product(s, a, b, &high, &low);
	set_rotate_flags(s, overflow, overflow);
	return store(s, low);
}

/*
 * high:low / divisor, all of `bits` bits, high < divisor. Bit by bit: the freestanding core has no
 * 128-bit division, and this is no hot path.
 */
static uint64_t long_divide(uint64_t high, uint64_t low, uint64_t divisor, uint32_t bits,
			    uint64_t *remainder)
{
	uint64_t quotient = 0;

	for (uint32_t i = bits; i; i--) {
		bool carry = high & BIT(63);

		high = high << 1 | (low >> (i - 1) & 1);
		quotient <<= 1;
		if (carry || high >= divisor) {
			high -= divisor;
			quotient |= 1;
		}
	}
	*remainder = high;
	return quotient;
}

/* IDIV works on magnitudes: the remainder has the dividend's sign. True on overflow. */
static bool divide_signed(uint64_t *high, uint64_t *low, uint64_t divisor, uint32_t size)
{
	uint32_t bits = 8 * size;
	bool negative = *high & sign_bit(size), invert = divisor & sign_bit(size);
	uint64_t mask = size_mask(size), h = *high, l = *low, quotient, remainder;

	if (negative) {
		l = -l & mask;
		h = (~h + !l) & mask;
	}
	if (invert)
		divisor = -divisor & mask;
	if (h >= divisor)
		return true;
	quotient = long_divide(h, l, divisor, bits, &remainder);
	if (quotient > sign_bit(size) - (negative == invert))
		return true;
	*low = (negative == invert ? quotient : -quotient) & mask;
	*high = (negative ? -remainder : remainder) & mask;
	return false;
}

/* SDM v2 "DIV", "IDIV": #DE for a zero divisor or a quotient that does not fit. */
static enum emul_outcome run_divide(struct emul_step *s)
{
	uint32_t size = s->insn->operand_size;
	enum emul_outcome outcome;
	uint64_t divisor, high, low;
	bool overflow;

	outcome = load_source(s, &divisor);
	if (outcome != EMUL_DONE)
		return outcome;
	get_wide(s, &high, &low);
	if (s->insn->op == EMUL_OP_IDIV) {
		overflow = !divisor || divide_signed(&high, &low, divisor, size);
	} else {
		overflow = high >= divisor;
		if (!overflow)
			low = long_divide(high, low, divisor, 8 * size, &high);
	}
	if (overflow)
		return emul_raise(&s->cpu->fault, FAULT_DE);
	set_wide(s, high, low);
	return EMUL_DONE;
}

/* -------------------------------------------------------------------------------------- stack */

/* Bytes of the stack pointer: SDM v1 6.2.3. */
static uint32_t stack_pointer_size(const struct emul_step *s)
{
	if (s->cpu->mode == 8)
		return 8;
	return s->cpu->segments[EMUL_SS].attributes & SEGMENT_BIG ? 4 : 2;
}

static enum emul_outcome run_push(struct emul_step *s)
{
	uint32_t size = s->insn->operand_size, width = stack_pointer_size(s);
	uint64_t top = (s->cpu->regs[GPR_RSP] - size) & size_mask(width);
	enum emul_outcome outcome;
	uint64_t value;

	outcome = emul_load(s, s->insn->row->src, size, 0, &value);
	if (outcome == EMUL_DONE)
		outcome = emul_write(s, EMUL_SS, top, &value, size,
				     s->insn->memory ? 0 : EMUL_ACCESS_SOLE);
	if (outcome == EMUL_DONE)
		emul_set_register(s, GPR_RSP, width, top);
	return outcome;
}

/* SDM v2 "POP": an address that uses RSP uses its new value; POP RSP leaves the popped one. */
static enum emul_outcome run_pop(struct emul_step *s)
{
	uint32_t size = s->insn->operand_size, width = stack_pointer_size(s);
	uint64_t old = s->cpu->regs[GPR_RSP], value = 0;
	enum emul_outcome outcome;

	outcome = emul_read(s, EMUL_SS, old & size_mask(width), &value, size,
			    s->insn->memory ? 0 : EMUL_ACCESS_SOLE);
	if (outcome != EMUL_DONE)
		return outcome;
	emul_set_register(s, GPR_RSP, width, old + size);
	if (!s->insn->memory)
		return store(s, value);
	outcome = emul_write(s, s->insn->segment, emul_effective_address(s), &value, size, 0);
	if (outcome != EMUL_DONE)
		s->cpu->regs[GPR_RSP] = old;
	return outcome;
}

/* ------------------------------------------------------------------------ strings and ports */

static uint64_t index_register(const struct emul_step *s, uint32_t number)
{
	return s->cpu->regs[number] & size_mask(s->insn->address_size);
}

/* Moves RSI or RDI by one element, as DF says. */
static void advance(struct emul_step *s, uint32_t number)
{
	uint64_t step = s->insn->operand_size;

	if (s->flags & FLAG_DF)
		step = -step;
	emul_set_register(s, number, s->insn->address_size, s->cpu->regs[number] + step);
}

static enum emul_outcome read_source(struct emul_step *s, uint64_t *value, uint32_t access)
{
	*value = 0;
	return emul_read(s, s->insn->segment, index_register(s, GPR_RSI), value,
			 s->insn->operand_size, access);
}

/* The destination is ES:[RDI], without override. */
static enum emul_outcome read_destination(struct emul_step *s, uint64_t *value, uint32_t access)
{
	*value = 0;
	return emul_read(s, EMUL_ES, index_register(s, GPR_RDI), value, s->insn->operand_size,
			 access);
}

static enum emul_outcome write_destination(struct emul_step *s, uint64_t value, uint32_t access)
{
	return emul_write(s, EMUL_ES, index_register(s, GPR_RDI), &value, s->insn->operand_size,
			  access);
}

static enum emul_outcome once_movs(struct emul_step *s)
{
	enum emul_outcome outcome;
	uint64_t value;

	outcome = read_source(s, &value, 0);
	if (outcome == EMUL_DONE)
		outcome = write_destination(s, value, 0);
	if (outcome != EMUL_DONE)
		return outcome;
	advance(s, GPR_RSI);
	advance(s, GPR_RDI);
	return EMUL_DONE;
}

static enum emul_outcome once_stos(struct emul_step *s)
{
	enum emul_outcome outcome;

	outcome = write_destination(s, s->cpu->regs[GPR_RAX], EMUL_ACCESS_SOLE);
	if (outcome == EMUL_DONE)
		advance(s, GPR_RDI);
	return outcome;
}

static enum emul_outcome once_lods(struct emul_step *s)
{
	enum emul_outcome outcome;
	uint64_t value;

	outcome = read_source(s, &value, EMUL_ACCESS_SOLE);
	if (outcome != EMUL_DONE)
		return outcome;
	emul_set_register(s, GPR_RAX, s->insn->operand_size, value);
	advance(s, GPR_RSI);
	return EMUL_DONE;
}

static enum emul_outcome once_cmps(struct emul_step *s)
{
	enum emul_outcome outcome;
	uint64_t a, b;

	outcome = read_source(s, &a, 0);
	if (outcome == EMUL_DONE)
		outcome = read_destination(s, &b, 0);
	if (outcome != EMUL_DONE)
		return outcome;
	compute_sub(s, a, b);
	advance(s, GPR_RSI);
	advance(s, GPR_RDI);
	return EMUL_DONE;
}

static enum emul_outcome once_scas(struct emul_step *s)
{
	enum emul_outcome outcome;
	uint64_t value;

	outcome = read_destination(s, &value, EMUL_ACCESS_SOLE);
	if (outcome != EMUL_DONE)
		return outcome;
	compute_sub(s, emul_get_register(s, GPR_RAX, s->insn->operand_size), value);
	advance(s, GPR_RDI);
	return EMUL_DONE;
}

/* The write is probed first: what a port gave must not be lost to a fault. */
static enum emul_outcome once_ins(struct emul_step *s)
{
	enum emul_outcome outcome;
	uint32_t value = 0;

	outcome = write_destination(s, 0, EMUL_ACCESS_SOLE | EMUL_ACCESS_PROBE);
	if (outcome == EMUL_DONE)
		outcome = s->cpu->ops->port_in(s->cpu, s->cpu->regs[GPR_RDX], &value,
					       s->insn->operand_size);
	if (outcome == EMUL_DONE)
		outcome = write_destination(s, value, EMUL_ACCESS_SOLE);
	if (outcome == EMUL_DONE)
		advance(s, GPR_RDI);
	return outcome;
}

static enum emul_outcome once_outs(struct emul_step *s)
{
	enum emul_outcome outcome;
	uint64_t value;

	outcome = read_source(s, &value, EMUL_ACCESS_SOLE);
	if (outcome == EMUL_DONE)
		outcome = s->cpu->ops->port_out(s->cpu, s->cpu->regs[GPR_RDX], value,
						s->insn->operand_size);
	if (outcome == EMUL_DONE)
		advance(s, GPR_RSI);
	return outcome;
}

/* SDM v2 "REP": CMPS and SCAS also end when ZF differs from what the prefix asks for. */
static bool comparison_ends(const struct emul_step *s)
{
	bool zero = s->flags & FLAG_ZF;

	if (s->insn->op != EMUL_OP_CMPS && s->insn->op != EMUL_OP_SCAS)
		return false;
	return zero != !!(s->insn->prefixes & EMUL_PREFIX_REPE);
}

/*
 * Registers are updated after each iteration, so that an iteration that faults leaves those before
 * it done. A call does at most EMUL_MAX_REPEAT of them.
 */
static enum emul_outcome repeat(struct emul_step *s, enum emul_outcome (*once)(struct emul_step *))
{
	if (!(s->insn->prefixes & (EMUL_PREFIX_REPE | EMUL_PREFIX_REPNE)))
		return once(s);
	for (uint32_t i = 0; i < EMUL_MAX_REPEAT; i++) {
		uint64_t count = index_register(s, GPR_RCX);
		enum emul_outcome outcome;

		if (!count)
			return EMUL_DONE;
		outcome = once(s);
		if (outcome != EMUL_DONE)
			return outcome;
		emul_set_register(s, GPR_RCX, s->insn->address_size, count - 1);
		if (comparison_ends(s))
			return EMUL_DONE;
	}
	return index_register(s, GPR_RCX) ? EMUL_REPEAT : EMUL_DONE;
}

static enum emul_outcome run_movs(struct emul_step *s)
{
	return repeat(s, once_movs);
}

static enum emul_outcome run_stos(struct emul_step *s)
{
	return repeat(s, once_stos);
}

static enum emul_outcome run_lods(struct emul_step *s)
{
	return repeat(s, once_lods);
}

static enum emul_outcome run_cmps(struct emul_step *s)
{
	return repeat(s, once_cmps);
}

static enum emul_outcome run_scas(struct emul_step *s)
{
	return repeat(s, once_scas);
}

static enum emul_outcome run_ins(struct emul_step *s)
{
	return repeat(s, once_ins);
}

static enum emul_outcome run_outs(struct emul_step *s)
{
	return repeat(s, once_outs);
}

/* The port is the operand that is not the accumulator: an immediate or DX. */
static uint16_t port_number(const struct emul_step *s)
{
	if (s->insn->row->immediate == IMMEDIATE_UB)
		return s->insn->immediate;
	return s->cpu->regs[GPR_RDX];
}

static enum emul_outcome run_in(struct emul_step *s)
{
	enum emul_outcome outcome;
	uint32_t value = 0;

	outcome = s->cpu->ops->port_in(s->cpu, port_number(s), &value, s->insn->operand_size);
	return outcome == EMUL_DONE ? store(s, value) : outcome;
}

static enum emul_outcome run_out(struct emul_step *s)
{
	return s->cpu->ops->port_out(s->cpu, port_number(s),
				     emul_get_register(s, GPR_RAX, s->insn->operand_size),
				     s->insn->operand_size);
}

/* ------------------------------------------------------------------------------- vector moves */

enum { VECTOR_LEGACY_BYTES = 16, VECTOR_BYTES = 64 };

static uint32_t vector_access(const struct emul_step *s)
{
	return EMUL_ACCESS_SOLE | (s->insn->row->flags & ROW_ALIGNED ? ACCESS_ALIGNED : 0);
}

/* A load that keeps the rest of the register (MOVLPS, MOVHPS) replaces eight of sixteen bytes. */
static enum emul_outcome run_vector_load(struct emul_step *s)
{
	uint32_t size = s->insn->operand_size, at = s->insn->row->flags & ROW_HIGH ? size : 0;
	uint32_t clear = s->insn->vex ? VECTOR_BYTES : VECTOR_LEGACY_BYTES;
	const struct emul_ops *ops = s->cpu->ops;
	uint8_t data[EMUL_MAX_OPERAND];
	enum emul_outcome outcome = EMUL_DONE;

	if (s->insn->row->flags & ROW_KEEP)
		outcome = ops->vector_read(s->cpu, s->insn->reg, data, VECTOR_LEGACY_BYTES);
	if (outcome == EMUL_DONE)
		outcome = emul_read(s, s->insn->segment, s->offset, data + at, size,
				    vector_access(s));
	if (outcome != EMUL_DONE)
		return outcome;
	if (s->insn->row->flags & ROW_KEEP)
		size = VECTOR_LEGACY_BYTES;
	return ops->vector_write(s->cpu, s->insn->reg, data, size, clear);
}

static enum emul_outcome run_vector_store(struct emul_step *s)
{
	uint32_t size = s->insn->operand_size, at = s->insn->row->flags & ROW_HIGH ? size : 0;
	uint8_t data[EMUL_MAX_OPERAND];
	enum emul_outcome outcome;

	outcome = s->cpu->ops->vector_read(s->cpu, s->insn->reg, data, at + size);
	if (outcome != EMUL_DONE)
		return outcome;
	return emul_write(s, s->insn->segment, s->offset, data + at, size, vector_access(s));
}

/* ------------------------------------------------------------------------------- the dispatch */

static enum emul_outcome run_length(struct emul_step *s)
{
	(void)s;
	return EMUL_UNHANDLED;
}

static enum emul_outcome (*const handlers[EMUL_OPS])(struct emul_step *s) = {
#define EMUL_OP(name, handler, compute, lock) [EMUL_OP_##name] = run_##handler,
#include "emul/opcodes.def"
};

/*
 * SDM v2 3.1.1.9, "Bit(BitBase, BitOffset)": a register source reaches beyond the operand, in both
 * directions, by whole operands.
 */
static uint64_t bit_operand_offset(const struct emul_step *s)
{
	uint32_t size = s->insn->operand_size;
	int64_t bit = sign_extend(s->cpu->regs[s->insn->reg], 8 * size);
	int64_t operand = bit >> (size == 8 ? 6 : size == 4 ? 5 : 4);

	return (s->offset + (uint64_t)operand * size) & size_mask(s->insn->address_size);
}

/* Outside 64-bit mode the instruction itself lies within the limit of CS. */
static bool fetch_allowed(const struct emul_step *s)
{
	const struct emul_cpu *cpu = s->cpu;

	return cpu->mode == 8 || cpu->rip + s->insn->length - 1 <= cpu->segments[EMUL_CS].limit;
}

static RARE enum emul_outcome refill(struct emul_cpu *cpu, struct emul_cache_line *line,
				     const uint8_t *bytes, uint32_t count)
{
	enum emul_outcome outcome = emul_decode(&line->insn, bytes, count, cpu->mode, &cpu->fault);

	__builtin_memcpy(&line->head, bytes, 8);
	__builtin_memcpy(&line->tail, bytes + EMUL_MAX_LENGTH - 8, 8);
	line->mode = outcome == EMUL_DONE ? cpu->mode : 0;
	return outcome;
}

/*
 * Decodes, or finds what these bytes decoded to before: decoding depends on the bytes and the mode
 * alone, and a guest reaches a device from few places. A line of mode 0 is empty.
 */
static inline enum emul_outcome recall(struct emul_step *s, const uint8_t *bytes, uint32_t count,
				       struct emul_insn *scratch)
{
	struct emul_cpu *cpu = s->cpu;
	struct emul_cache_line *line;
	uint64_t head, tail;

	s->insn = scratch;
	if (unlikely(!cpu->cache || count < EMUL_MAX_LENGTH))
		return emul_decode(scratch, bytes, count, cpu->mode, &cpu->fault);
	line = &cpu->cache->lines[(cpu->rip ^ cpu->rip >> 4) % EMUL_CACHE_LINES];
	s->insn = &line->insn;
	__builtin_memcpy(&head, bytes, 8);
	__builtin_memcpy(&tail, bytes + EMUL_MAX_LENGTH - 8, 8);
	if (likely(line->head == head && line->tail == tail && line->mode == cpu->mode))
		return EMUL_DONE;
	return refill(cpu, line, bytes, count);
}

enum emul_outcome emul_run(struct emul_cpu *cpu, const uint8_t *bytes, uint32_t count)
{
	struct emul_insn scratch;
	struct emul_step s;
	enum emul_outcome outcome;

	s.cpu = cpu;
	s.flags = cpu->rflags;
	outcome = recall(&s, bytes, count, &scratch);
	if (unlikely(outcome != EMUL_DONE))
		return outcome;
	if (unlikely(!fetch_allowed(&s)))
		return emul_raise(&cpu->fault, FAULT_GP);
	if (s.insn->memory) {
		s.offset = emul_effective_address(&s);
		if (unlikely(s.insn->row->flags & ROW_BIT_OFFSET))
			s.offset = bit_operand_offset(&s);
	}
	outcome = handlers[s.insn->op](&s);
	if (likely(outcome == EMUL_DONE)) {
		cpu->rip += s.insn->length;
		if (cpu->mode != 8)
			cpu->rip = (uint32_t)cpu->rip;
		cpu->rflags = s.flags & ~(uint64_t)FLAG_RF;
	} else if (outcome == EMUL_REPEAT) {
		cpu->rflags |= FLAG_RF;
	}
	return outcome;
}
