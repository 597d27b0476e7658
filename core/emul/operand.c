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

uint64_t emul_get_register(const struct emul_step *s, uint32_t number, uint32_t size)
{
	const uint64_t *regs = s->cpu->regs;

	if (size == 1 && !s->insn.rex && number >= 4)
		return field_get(regs[number & 3], BITS(15, 8));
	return regs[number] & size_mask(size);
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
	else if (s->insn.rex || number < 4)
		*reg = field_set(*reg, BITS(7, 0), value);
	else
		s->cpu->regs[number & 3] = field_set(s->cpu->regs[number & 3], BITS(15, 8), value);
}

uint64_t emul_effective_address(const struct emul_step *s)
{
	const struct emul_insn *insn = &s->insn;
	const uint64_t *regs = s->cpu->regs;
	uint64_t address = insn->displacement;

	if (insn->base != EMUL_NO_REGISTER)
		address += regs[insn->base];
	else if (insn->rip_relative)
		address += s->cpu->rip + insn->length;
	if (insn->index != EMUL_NO_REGISTER)
		address += regs[insn->index] << insn->scale;
	return address & size_mask(insn->address_size);
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

	if (!allows(segment, write) || !within_limit(segment, offset, size))
		return refuse(s, number);
	*linear = (uint32_t)(segment->base + offset);
	return EMUL_DONE;
}

/* SDM v1 3.3.7.1: in 64-bit mode FS and GS alone have a base; every byte's address is canonical. */
static inline enum emul_outcome to_linear(struct emul_step *s, uint32_t number, uint64_t offset,
					  uint32_t size, bool write, uint64_t *linear)
{
	uint64_t address = offset;
	uint32_t bits = s->cpu->linear_bits;

	if (s->cpu->mode != 8)
		return linear32(s, number, offset, size, write, linear);
	if (number >= EMUL_FS)
		address += s->cpu->segments[number].base;
	if ((uint64_t)sign_extend(address, bits) != address ||
	    (uint64_t)sign_extend(address + size - 1, bits) != address + size - 1)
		return refuse(s, number);
	*linear = address;
	return EMUL_DONE;
}

/* Both at once; a misaligned operand of an instruction that demands alignment is a #GP(0). */
static inline enum emul_outcome translate(struct emul_step *s, uint32_t segment, uint64_t offset,
					  uint32_t size, uint32_t access, bool write,
					  uint64_t *linear)
{
	if (to_linear(s, segment, offset, size, write, linear) != EMUL_DONE)
		return EMUL_FAULT;
	if (unlikely(access & ACCESS_ALIGNED) && !is_aligned(*linear, size))
		return emul_raise(&s->cpu->fault, FAULT_GP);
	return EMUL_DONE;
}

enum emul_outcome emul_read(struct emul_step *s, uint32_t segment, uint64_t offset, void *data,
			    uint32_t size, uint32_t access)
{
	bool write = access & EMUL_ACCESS_UPDATE;
	uint64_t linear;

	if (translate(s, segment, offset, size, access, write, &linear) != EMUL_DONE)
		return EMUL_FAULT;
	return s->cpu->ops->read(s->cpu, linear, data, size, access & ~ACCESS_ALIGNED);
}

enum emul_outcome emul_write(struct emul_step *s, uint32_t segment, uint64_t offset,
			     const void *data, uint32_t size, uint32_t access)
{
	uint64_t linear;

	if (translate(s, segment, offset, size, access, true, &linear) != EMUL_DONE)
		return EMUL_FAULT;
	return s->cpu->ops->write(s->cpu, linear, data, size, access & ~ACCESS_ALIGNED);
}

enum emul_outcome emul_exchange(struct emul_step *s, const void *expected, const void *desired,
				uint32_t size)
{
	uint64_t linear;

	if (translate(s, s->insn.segment, s->offset, size, 0, true, &linear) != EMUL_DONE)
		return EMUL_FAULT;
	return s->cpu->ops->exchange(s->cpu, linear, expected, desired, size, EMUL_ACCESS_SOLE);
}

enum emul_outcome emul_load(struct emul_step *s, uint32_t operand, uint32_t size, uint32_t access,
			    uint64_t *value)
{
	const struct emul_insn *insn = &s->insn;

	switch (operand) {
	case OPERAND_G:
		*value = emul_get_register(s, insn->reg, size);
		return EMUL_DONE;
	case OPERAND_I:
		*value = insn->immediate & size_mask(size);
		return EMUL_DONE;
	case OPERAND_A:
		*value = emul_get_register(s, REG_RAX, size);
		return EMUL_DONE;
	case OPERAND_ONE:
		*value = 1;
		return EMUL_DONE;
	case OPERAND_CL:
		*value = emul_get_register(s, REG_RCX, 1);
		return EMUL_DONE;
	case OPERAND_DX:
		*value = emul_get_register(s, REG_RDX, 2);
		return EMUL_DONE;
	case OPERAND_NONE:
		*value = 0;
		return EMUL_DONE;
	}
	if (!insn->memory) {
		*value = emul_get_register(s, insn->rm, size);
		return EMUL_DONE;
	}
	*value = 0;
	return emul_read(s, insn->segment, s->offset, value, size, access);
}

enum emul_outcome emul_store(struct emul_step *s, uint32_t operand, uint32_t size, uint64_t value)
{
	const struct emul_insn *insn = &s->insn;

	if (operand == OPERAND_G)
		emul_set_register(s, insn->reg, size, value);
	else if (operand == OPERAND_A)
		emul_set_register(s, REG_RAX, size, value);
	else if (!insn->memory)
		emul_set_register(s, insn->rm, size, value);
	else
		return emul_write(s, insn->segment, s->offset, &value, size, EMUL_ACCESS_SOLE);
	return EMUL_DONE;
}
