/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emulator's arithmetic: results and flags of plain 64-bit values, which hold operands of the
 * instruction's size, zero-extended. Flags that the manual leaves undefined get some value. Nothing
 * here reads or writes an operand.
 */
#include "emul/internal.h"

/* ---- the flags */

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
bool emul_condition(const struct emul_step *s)
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

/* ---- compute functions */

uint64_t emul_compute_none(struct emul_step *s, uint64_t a, uint64_t b)
{
	(void)s;
	(void)a;
	return b;
}

uint64_t emul_compute_add(struct emul_step *s, uint64_t a, uint64_t b)
{
	return add(s, a, b, 0, FLAGS_STATUS);
}

uint64_t emul_compute_adc(struct emul_step *s, uint64_t a, uint64_t b)
{
	return add(s, a, b, s->flags & FLAG_CF, FLAGS_STATUS);
}

uint64_t emul_compute_sub(struct emul_step *s, uint64_t a, uint64_t b)
{
	return subtract(s, a, b, 0, FLAGS_STATUS);
}

uint64_t emul_compute_sbb(struct emul_step *s, uint64_t a, uint64_t b)
{
	return subtract(s, a, b, s->flags & FLAG_CF, FLAGS_STATUS);
}

uint64_t emul_compute_inc(struct emul_step *s, uint64_t a, uint64_t b)
{
	(void)b;
	return add(s, a, 1, 0, FLAGS_STATUS & ~FLAG_CF);
}

uint64_t emul_compute_dec(struct emul_step *s, uint64_t a, uint64_t b)
{
	(void)b;
	return subtract(s, a, 1, 0, FLAGS_STATUS & ~FLAG_CF);
}

uint64_t emul_compute_neg(struct emul_step *s, uint64_t a, uint64_t b)
{
	(void)b;
	return subtract(s, 0, a, 0, FLAGS_STATUS);
}

uint64_t emul_compute_not(struct emul_step *s, uint64_t a, uint64_t b)
{
	(void)b;
	return ~a & size_mask(s->insn->operand_size);
}

uint64_t emul_compute_and(struct emul_step *s, uint64_t a, uint64_t b)
{
	return logic(s, a & b);
}

uint64_t emul_compute_or(struct emul_step *s, uint64_t a, uint64_t b)
{
	return logic(s, a | b);
}

uint64_t emul_compute_xor(struct emul_step *s, uint64_t a, uint64_t b)
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

uint64_t emul_compute_bt(struct emul_step *s, uint64_t a, uint64_t b)
{
	test_bit(s, a, b);
	return a;
}

uint64_t emul_compute_bts(struct emul_step *s, uint64_t a, uint64_t b)
{
	return a | test_bit(s, a, b);
}

uint64_t emul_compute_btr(struct emul_step *s, uint64_t a, uint64_t b)
{
	return a & ~test_bit(s, a, b);
}

uint64_t emul_compute_btc(struct emul_step *s, uint64_t a, uint64_t b)
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

uint64_t emul_compute_shl(struct emul_step *s, uint64_t a, uint64_t b)
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

uint64_t emul_compute_shr(struct emul_step *s, uint64_t a, uint64_t b)
{
	uint32_t count = shift_count(s, b);

	if (!count)
		return a;
	return shifted(s, a >> count, a >> (count - 1) & 1, a & sign_bit(s->insn->operand_size));
}

uint64_t emul_compute_sar(struct emul_step *s, uint64_t a, uint64_t b)
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

uint64_t emul_compute_rol(struct emul_step *s, uint64_t a, uint64_t b)
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

uint64_t emul_compute_ror(struct emul_step *s, uint64_t a, uint64_t b)
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
uint64_t emul_compute_rcl(struct emul_step *s, uint64_t a, uint64_t b)
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

uint64_t emul_compute_rcr(struct emul_step *s, uint64_t a, uint64_t b)
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

/* SDM v2 "SHLD", "SHRD": a 16-bit operand with a count above 16 is undefined. */
uint64_t emul_shift_pair(struct emul_step *s, uint64_t value, uint64_t fill, uint64_t by)
{
	uint32_t size = s->insn->operand_size, bits = 8 * size, count = shift_count(s, by);
	uint64_t result;
	bool carry;

	if (!count)
		return value;
	if (count > bits)
		count -= bits;
	if (s->insn->op == EMUL_OP_SHLD) {
		result = (value << count | fill >> (bits - count)) & size_mask(size);
		carry = value >> (bits - count) & 1;
	} else {
		result = (value >> count | fill << (bits - count)) & size_mask(size);
		carry = value >> (count - 1) & 1;
	}
	return shifted(s, result, carry, (value ^ result) & sign_bit(size));
}

/* SDM v2 "MUL", "IMUL": CF and OF say that the low half alone does not hold the product. */
void emul_multiply(struct emul_step *s, uint64_t a, uint64_t b, uint64_t *high, uint64_t *low)
{
	uint32_t size = s->insn->operand_size, bits = 8 * size;
	unsigned __int128 product = (unsigned __int128)a * b;
	bool overflow = product >> bits;

	if (s->insn->op != EMUL_OP_MUL) {
		__int128 exact = (__int128)sign_extend(a, bits) * sign_extend(b, bits);

		overflow = exact != sign_extend(exact, bits);
		product = exact;
	}
	*low = (uint64_t)product & size_mask(size);
	*high = (uint64_t)(product >> bits) & size_mask(size);
	set_rotate_flags(s, overflow, overflow);
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

/* IDIV works on magnitudes: the remainder has the dividend's sign. */
static bool divide_signed(uint32_t size, uint64_t divisor, uint64_t *high, uint64_t *low)
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
		return false;
	quotient = long_divide(h, l, divisor, bits, &remainder);
	if (quotient > sign_bit(size) - (negative == invert))
		return false;
	*low = (negative == invert ? quotient : -quotient) & mask;
	*high = (negative ? -remainder : remainder) & mask;
	return true;
}

/* False: #DE, for a divisor of 0 or a quotient that does not fit. */
bool emul_divide(const struct emul_step *s, uint64_t divisor, uint64_t *high, uint64_t *low)
{
	uint32_t size = s->insn->operand_size;

	if (!divisor)
		return false;
	if (s->insn->op == EMUL_OP_IDIV)
		return divide_signed(size, divisor, high, low);
	if (*high >= divisor)
		return false;
	*low = long_divide(*high, *low, divisor, 8 * size, high);
	return true;
}
