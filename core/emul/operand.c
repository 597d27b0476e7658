/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operands: registers with the rules for partial writes, effective addresses, segmentation and its
 * checks, and the way to the caller's memory.
 */
#include "emul/internal.h"

enum emul_outcome emul_raise(struct emul_fault *fault, uint8_t vector)
{
	fault->vector = vector;
	fault->has_error = vector == FAULT_GP || vector == FAULT_SS;
	fault->error = 0;
	return EMUL_FAULT;
}

void emul_set_register(struct emul_step *s, uint32_t number, uint32_t size, uint64_t value)
{
	uint64_t *reg = &s->cpu->regs[number];

	if (size == 8)
		*reg = value;
	else if (size == 4)
		*reg = (uint32_t)value;
	else if (size == 2)
		*reg = field_set(*reg, BITS(15, 0), value);
	else if (s->insn->rex || number < 4)
		*reg = field_set(*reg, BITS(7, 0), value);
	else
		s->cpu->regs[number & 3] = field_set(s->cpu->regs[number & 3], BITS(15, 8), value);
}

/* SDM v3 5.3, "Limit Checking": every byte lies inside; expand-down turns the inside out. */
static bool within_limit(const struct emul_segment *segment, uint64_t offset, uint32_t size)
{
	uint64_t last = offset + size - 1;

	if ((segment->attributes & (SEGMENT_CODE | SEGMENT_DOWN)) == SEGMENT_DOWN)
		return offset > segment->limit &&
		       last <= (segment->attributes & SEGMENT_BIG ? 0xffffffff : 0xffff);
	return last <= segment->limit;
}

/* SDM v3 5.5, "Segment Types". */
static bool allows(const struct emul_segment *segment, bool write)
{
	uint32_t attributes = segment->attributes;

	if (!(attributes & SEGMENT_PRESENT))
		return false;
	if (attributes & SEGMENT_CODE)
		return !write && attributes & SEGMENT_WRITABLE;
	return !write || attributes & SEGMENT_WRITABLE;
}

static enum emul_outcome refuse(struct emul_step *s, uint32_t segment)
{
	return emul_raise(&s->cpu->fault, segment == EMUL_SS ? FAULT_SS : FAULT_GP);
}

/* Segmentation outside 64-bit mode; linear addresses have 32 bits. */
static enum emul_outcome linear32(struct emul_step *s, uint32_t number, uint64_t offset,
				  uint32_t size, bool write, uint64_t *linear)
{
	const struct emul_segment *segment = &s->cpu->segments[number];

	*linear = (uint32_t)(segment->base + offset);
	if (!allows(segment, write) || !within_limit(segment, offset, size))
		return refuse(s, number);
	return EMUL_DONE;
}

/*
 * SDM v1 3.3.7.1: every byte's address is canonical. Adding half the address space brings the
 * canonical addresses together at 0.
 */
static inline bool is_canonical(const struct emul_step *s, uint64_t linear, uint32_t size)
{
	uint64_t half = BIT(s->cpu->linear_bits - 1);

	return linear + half <= 2 * half - size;
}

/* A misaligned operand of an instruction that demands alignment is a #GP(0), and comes first. */
static enum emul_outcome to_linear(struct emul_step *s, uint32_t number, uint64_t offset,
				   uint32_t size, bool write, uint32_t access, uint64_t *linear)
{
	enum emul_outcome outcome = EMUL_DONE;

	if (s->cpu->mode != 8) {
		outcome = linear32(s, number, offset, size, write, linear);
	} else {
		*linear = offset + (number >= EMUL_FS ? s->cpu->segments[number].base : 0);
		if (!is_canonical(s, *linear, size))
			outcome = refuse(s, number);
	}
	if (access & ACCESS_ALIGNED && !is_aligned(*linear, size))
		return emul_raise(&s->cpu->fault, FAULT_GP);
	return outcome;
}

bool emul_is_aligned(const struct emul_step *s, uint32_t size)
{
	bool based = s->cpu->mode != 8 || s->insn->segment >= EMUL_FS;

	return is_aligned(s->offset + (based ? s->cpu->segments[s->insn->segment].base : 0), size);
}

/* The common access: 64-bit mode, where only FS and GS have a base. */
static inline bool is_flat(const struct emul_step *s, uint32_t segment, uint64_t offset,
			   uint32_t size, uint32_t access)
{
	return likely(s->cpu->mode == 8 && segment < EMUL_FS && !(access & ACCESS_ALIGNED) &&
		      is_canonical(s, offset, size));
}

static RARE enum emul_outcome read_checked(struct emul_step *s, uint32_t segment, uint64_t offset,
				      void *data, uint32_t size, uint32_t access)
{
	bool write = access & EMUL_ACCESS_UPDATE;
	uint64_t linear;

	if (to_linear(s, segment, offset, size, write, access, &linear) != EMUL_DONE)
		return EMUL_FAULT;
	return s->cpu->ops->read(s->cpu, linear, data, size, access & ~ACCESS_ALIGNED);
}

enum emul_outcome emul_read(struct emul_step *s, uint32_t segment, uint64_t offset, void *data,
			    uint32_t size, uint32_t access)
{
	if (is_flat(s, segment, offset, size, access))
		return s->cpu->ops->read(s->cpu, offset, data, size, access);
	return read_checked(s, segment, offset, data, size, access);
}

static RARE enum emul_outcome write_checked(struct emul_step *s, uint32_t segment, uint64_t offset,
				       const void *data, uint32_t size, uint32_t access)
{
	uint64_t linear;

	if (to_linear(s, segment, offset, size, true, access, &linear) != EMUL_DONE)
		return EMUL_FAULT;
	return s->cpu->ops->write(s->cpu, linear, data, size, access & ~ACCESS_ALIGNED);
}

enum emul_outcome emul_write(struct emul_step *s, uint32_t segment, uint64_t offset,
			     const void *data, uint32_t size, uint32_t access)
{
	if (is_flat(s, segment, offset, size, access))
		return s->cpu->ops->write(s->cpu, offset, data, size, access);
	return write_checked(s, segment, offset, data, size, access);
}

enum emul_outcome emul_exchange(struct emul_step *s, const void *expected, const void *desired,
				uint32_t size)
{
	uint64_t linear;

	if (to_linear(s, s->insn->segment, s->offset, size, true, 0, &linear) != EMUL_DONE)
		return EMUL_FAULT;
	return s->cpu->ops->exchange(s->cpu, linear, expected, desired, size, EMUL_ACCESS_SOLE);
}

uint64_t emul_load_plain(const struct emul_step *s, uint32_t operand, uint32_t size)
{
	switch (operand) {
	case OPERAND_G:
		return emul_get_register(s, s->insn->reg, size);
	case OPERAND_I:
		return s->insn->immediate & size_mask(size);
	case OPERAND_A:
		return emul_get_register(s, GPR_RAX, size);
	case OPERAND_ONE:
		return 1;
	case OPERAND_CL:
		return emul_get_register(s, GPR_RCX, 1);
	case OPERAND_NONE:
		return 0;
	default:
		return emul_get_register(s, s->insn->rm, size);
	}
}

void emul_store_plain(struct emul_step *s, uint32_t operand, uint32_t size, uint64_t value)
{
	if (operand == OPERAND_G)
		emul_set_register(s, s->insn->reg, size, value);
	else if (operand == OPERAND_A)
		emul_set_register(s, GPR_RAX, size, value);
	else
		emul_set_register(s, s->insn->rm, size, value);
}
