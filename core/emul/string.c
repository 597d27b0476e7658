/* SPDX-License-Identifier: Apache-2.0 */
/* String instructions, with REP, and ports. */
#include "emul/internal.h"

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
	emul_compute_sub(s, a, b);
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
	emul_compute_sub(s, emul_get_register(s, GPR_RAX, s->insn->operand_size), value);
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

enum emul_outcome emul_run_string(struct emul_step *s)
{
	static enum emul_outcome (*const once[])(struct emul_step *) = {
		[EMUL_OP_MOVS] = once_movs, [EMUL_OP_STOS] = once_stos, [EMUL_OP_LODS] = once_lods,
		[EMUL_OP_CMPS] = once_cmps, [EMUL_OP_SCAS] = once_scas, [EMUL_OP_INS] = once_ins,
		[EMUL_OP_OUTS] = once_outs,
	};

	return repeat(s, once[s->insn->op]);
}

/* The port is the operand that is not the accumulator: an immediate or DX. */
static uint16_t port_number(const struct emul_step *s)
{
	if (s->insn->row->immediate == IMMEDIATE_UB)
		return s->insn->immediate;
	return s->cpu->regs[GPR_RDX];
}

enum emul_outcome emul_run_in(struct emul_step *s)
{
	enum emul_outcome outcome;
	uint32_t value = 0;

	outcome = s->cpu->ops->port_in(s->cpu, port_number(s), &value, s->insn->operand_size);
	if (outcome == EMUL_DONE)
		emul_set_register(s, GPR_RAX, s->insn->operand_size, value);
	return outcome;
}

enum emul_outcome emul_run_out(struct emul_step *s)
{
	return s->cpu->ops->port_out(s->cpu, port_number(s),
				     emul_get_register(s, GPR_RAX, s->insn->operand_size),
				     s->insn->operand_size);
}

