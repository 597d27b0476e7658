/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carries out decoded instructions. Most are "load, compute, store": a handler here does the
 * loading and storing, a compute function of arithmetic.c works on the values. Which two an
 * instruction has is in opcodes.def. String instructions are in string.c.
 *
 * Order of effects: everything that can fault comes before anything that the guest can see, so that
 * an instruction that ends early has changed nothing (REP: nothing beyond the iterations it did).
 */
#include "emul/internal.h"

/* ---- load, compute, store */

static uint64_t (*const computes[EMUL_OPS])(struct emul_step *s, uint64_t a, uint64_t b) = {
#define EMUL_OP(name, handler, compute, lock) [EMUL_OP_##name] = emul_compute_##compute,
#include "emul/opcodes.def"
};

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

enum emul_outcome emul_run_move_zero(struct emul_step *s)
{
	enum emul_outcome outcome;
	uint64_t value;

	outcome = load_source(s, &value);
	return outcome == EMUL_DONE ? store(s, value) : outcome;
}

/* The instruction that drivers touch their devices with: MOV between memory and a register. */
enum emul_outcome emul_run_move(struct emul_step *s)
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

enum emul_outcome emul_run_move_signed(struct emul_step *s)
{
	enum emul_outcome outcome;
	uint64_t value;

	outcome = load_source(s, &value);
	if (outcome != EMUL_DONE)
		return outcome;
	return store(s, sign_extend(value, 8 * source_size(s)));
}

enum emul_outcome emul_run_move_swapped(struct emul_step *s)
{
	enum emul_outcome outcome;
	uint64_t value;

	outcome = load_source(s, &value);
	if (outcome != EMUL_DONE)
		return outcome;
	return store(s, __builtin_bswap64(value) >> (64 - 8 * s->insn->operand_size));
}

/* SDM v2 "MOV": a selector fills a register, but only two bytes of memory. */
enum emul_outcome emul_run_move_segment(struct emul_step *s)
{
	uint32_t size = s->insn->memory ? 2 : s->insn->operand_size;

	return emul_store(s, OPERAND_E, size, s->cpu->segments[s->insn->reg].selector);
}

enum emul_outcome emul_run_inspect(struct emul_step *s)
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

enum emul_outcome emul_run_update(struct emul_step *s)
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

enum emul_outcome emul_run_setcc(struct emul_step *s)
{
	return store(s, emul_condition(s));
}

/* The source is read even if the condition is false, and a 32-bit destination is cleared above. */
enum emul_outcome emul_run_cmovcc(struct emul_step *s)
{
	enum emul_outcome outcome;
	uint64_t value;

	outcome = load_source(s, &value);
	if (outcome != EMUL_DONE)
		return outcome;
	if (!emul_condition(s))
		value = emul_get_register(s, s->insn->reg, s->insn->operand_size);
	return store(s, value);
}

enum emul_outcome emul_run_xchg(struct emul_step *s)
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
enum emul_outcome emul_run_xadd(struct emul_step *s)
{
	uint64_t source = emul_get_register(s, s->insn->reg, s->insn->operand_size);
	enum emul_outcome outcome;
	uint64_t value, sum;

	outcome = load_for_update(s, &value);
	if (outcome != EMUL_DONE)
		return outcome;
	sum = emul_compute_add(s, value, source);
	if (s->insn->memory)
		outcome = store_update(s, value, sum);
	if (outcome != EMUL_DONE)
		return outcome;
	emul_set_register(s, s->insn->reg, s->insn->operand_size, value);
	return s->insn->memory ? EMUL_DONE : store(s, sum);
}

/* SDM v2 "CMPXCHG": memory, but no register, gets a write cycle even if the comparison fails. */
enum emul_outcome emul_run_cmpxchg(struct emul_step *s)
{
	uint32_t size = s->insn->operand_size;
	uint64_t accumulator = emul_get_register(s, GPR_RAX, size);
	uint64_t source = emul_get_register(s, s->insn->reg, size);
	enum emul_outcome outcome;
	uint64_t value;

	outcome = load_for_update(s, &value);
	if (outcome != EMUL_DONE)
		return outcome;
	emul_compute_sub(s, accumulator, value);
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
enum emul_outcome emul_run_cmpxchg_pair(struct emul_step *s)
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
	s->flags = equal ? s->flags | FLAG_ZF : s->flags & ~(uint64_t)FLAG_ZF;
	if (!equal)
		set_pair(s, value);
	return EMUL_DONE;
}

enum emul_outcome emul_run_double_shift(struct emul_step *s)
{
	bool by_cl = s->insn->row->immediate == IMMEDIATE_NONE;
	uint64_t count = by_cl ? s->cpu->regs[GPR_RCX] : s->insn->immediate;
	uint64_t fill = emul_get_register(s, s->insn->reg, s->insn->operand_size);
	enum emul_outcome outcome;
	uint64_t value;

	outcome = load_for_update(s, &value);
	if (outcome != EMUL_DONE)
		return outcome;
	return store(s, emul_shift_pair(s, value, fill, count));
}

/* ---- multiplication and division */

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

enum emul_outcome emul_run_multiply(struct emul_step *s)
{
	enum emul_outcome outcome;
	uint64_t value, high, low;

	outcome = load_source(s, &value);
	if (outcome != EMUL_DONE)
		return outcome;
	emul_multiply(s, emul_get_register(s, GPR_RAX, s->insn->operand_size), value, &high, &low);
	set_wide(s, high, low);
	return EMUL_DONE;
}

/* IMUL r, r/m and IMUL r, r/m, imm. */
enum emul_outcome emul_run_multiply_truncated(struct emul_step *s)
{
	uint32_t size = s->insn->operand_size;
	bool by_register = s->insn->row->immediate == IMMEDIATE_NONE;
	enum emul_outcome outcome;
	uint64_t a, b, high, low;

	outcome = load_source(s, &a);
	if (outcome != EMUL_DONE)
		return outcome;
	b = emul_load_plain(s, by_register ? OPERAND_G : OPERAND_I, size);
	emul_multiply(s, a, b, &high, &low);
	return store(s, low);
}

enum emul_outcome emul_run_divide(struct emul_step *s)
{
	enum emul_outcome outcome;
	uint64_t divisor, high, low;

	outcome = load_source(s, &divisor);
	if (outcome != EMUL_DONE)
		return outcome;
	get_wide(s, &high, &low);
	if (!emul_divide(s, divisor, &high, &low))
		return emul_raise(&s->cpu->fault, FAULT_DE);
	set_wide(s, high, low);
	return EMUL_DONE;
}

/* ---- stack */

/* Bytes of the stack pointer: SDM v1 6.2.3. */
static uint32_t stack_pointer_size(const struct emul_step *s)
{
	if (s->cpu->mode == 8)
		return 8;
	return s->cpu->segments[EMUL_SS].attributes & SEGMENT_BIG ? 4 : 2;
}

enum emul_outcome emul_run_push(struct emul_step *s)
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
enum emul_outcome emul_run_pop(struct emul_step *s)
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

/* ---- vector moves */

enum { VECTOR_LEGACY_BYTES = 16, VECTOR_BYTES = 64 };

static uint32_t vector_access(const struct emul_step *s)
{
	return EMUL_ACCESS_SOLE | (s->insn->row->flags & ROW_ALIGNED ? ACCESS_ALIGNED : 0);
}

/* Element by element: what the opmask leaves out is not touched, and does not fault. */
static enum emul_outcome move_masked(struct emul_step *s, uint8_t *data, bool is_store)
{
	uint32_t element = min_of(s->insn->element, s->insn->operand_size);
	uint32_t count = s->insn->operand_size / element;
	enum emul_outcome outcome;
	uint64_t mask;

	if (!s->cpu->ops->mask_read)
		return EMUL_UNHANDLED;
	if (s->insn->row->flags & ROW_ALIGNED && !emul_is_aligned(s, s->insn->operand_size))
		return emul_raise(&s->cpu->fault, FAULT_GP);
	outcome = s->cpu->ops->mask_read(s->cpu, s->insn->mask, count, &mask);
	for (uint32_t i = 0; i < count && outcome == EMUL_DONE; i++) {
		uint64_t offset = s->offset + i * element;

		if (!(mask >> i & 1))
			continue;
		outcome = is_store ? emul_write(s, s->insn->segment, offset, data + i * element, element, 0) :
				     emul_read(s, s->insn->segment, offset, data + i * element, element, 0);
	}
	return outcome;
}

static enum emul_outcome load_masked(struct emul_step *s)
{
	const struct emul_ops *ops = s->cpu->ops;
	uint8_t data[EMUL_MAX_OPERAND] = { 0 };
	enum emul_outcome outcome = EMUL_DONE;

	if (!s->insn->zeroing)
		outcome = ops->vector_read(s->cpu, s->insn->reg, data, s->insn->operand_size);
	if (outcome == EMUL_DONE)
		outcome = move_masked(s, data, false);
	if (outcome != EMUL_DONE)
		return outcome;
	return ops->vector_write(s->cpu, s->insn->reg, data, s->insn->operand_size, VECTOR_BYTES);
}

/* A load that keeps the rest of the register (MOVLPS, MOVHPS) replaces eight of sixteen bytes. */
enum emul_outcome emul_run_vector_load(struct emul_step *s)
{
	uint32_t size = s->insn->operand_size, at = s->insn->row->flags & ROW_HIGH ? size : 0;
	uint32_t clear = s->insn->vex ? VECTOR_BYTES : VECTOR_LEGACY_BYTES;
	const struct emul_ops *ops = s->cpu->ops;
	uint8_t data[EMUL_MAX_OPERAND];
	enum emul_outcome outcome = EMUL_DONE;

	if (s->insn->mask)
		return load_masked(s);
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

enum emul_outcome emul_run_vector_store(struct emul_step *s)
{
	uint32_t size = s->insn->operand_size, at = s->insn->row->flags & ROW_HIGH ? size : 0;
	uint8_t data[EMUL_MAX_OPERAND];
	enum emul_outcome outcome;

	outcome = s->cpu->ops->vector_read(s->cpu, s->insn->reg, data, at + size);
	if (outcome != EMUL_DONE)
		return outcome;
	if (s->insn->mask)
		return move_masked(s, data, true);
	return emul_write(s, s->insn->segment, s->offset, data + at, size, vector_access(s));
}

/* SDM v2 "MOVDIR64B": from the memory operand to ES at the register, which must be aligned. */
enum emul_outcome emul_run_move_64_bytes(struct emul_step *s)
{
	uint64_t to = emul_get_register(s, s->insn->reg, 8) & size_mask(s->insn->address_size);
	uint8_t data[EMUL_MAX_OPERAND];
	enum emul_outcome outcome;

	outcome = emul_read(s, s->insn->segment, s->offset, data, sizeof(data), 0);
	if (outcome != EMUL_DONE)
		return outcome;
	return emul_write(s, EMUL_ES, to, data, sizeof(data), ACCESS_ALIGNED);
}

enum emul_outcome emul_run_lmsw(struct emul_step *s)
{
	enum emul_outcome outcome;
	uint64_t value;

	if (!s->cpu->ops->lmsw)
		return EMUL_UNHANDLED;
	outcome = load_source(s, &value);
	return outcome == EMUL_DONE ? s->cpu->ops->lmsw(s->cpu, (uint16_t)value) : outcome;
}

/* ---- the dispatch */

enum emul_outcome emul_run_length(struct emul_step *s)
{
	(void)s;
	return EMUL_UNHANDLED;
}

static enum emul_outcome (*const handlers[EMUL_OPS])(struct emul_step *s) = {
#define EMUL_OP(name, handler, compute, lock) [EMUL_OP_##name] = emul_run_##handler,
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
