/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an instruction, in any mode, decoded and run. The input: options, the number of code
 * bytes, these, then what registers and segments are made of. Besides what the sanitizers see:
 * an instruction's length is the shortest that decodes; RIP moves by it exactly when all is done;
 * callbacks get legal sizes and addresses, and only so many; the cache changes nothing.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "emul/internal.h"

enum { OPTION_MODE = 3, OPTION_FAULT = 1 << 2, OPTION_LA57 = 1 << 3, OPTION_RACE = 1 << 4 };

struct run {
	struct emul_cpu cpu;
	uint64_t regs[16];
	struct emul_segment segments[EMUL_SEGMENTS];
	uint32_t options;
	uint32_t calls;
	uint64_t trace; /* of all that the callbacks were asked */
};

static void must(bool holds)
{
	if (!holds)
		abort();
}

static enum emul_outcome answer(struct emul_cpu *cpu, uint64_t what)
{
	struct run *r = cpu->context;

	r->trace = (r->trace ^ what) * 0x100000001b3;
	must(++r->calls <= 4 * EMUL_MAX_REPEAT);
	if (r->options & OPTION_FAULT && r->trace % 8 == 0) {
		cpu->fault.vector = 14;
		return EMUL_FAULT;
	}
	return EMUL_DONE;
}

static void check_access(const struct emul_cpu *cpu, uint64_t linear, uint32_t size)
{
	must(size && is_power_of_two(size) && size <= EMUL_MAX_OPERAND);
	if (cpu->mode == 8)
		must((uint64_t)sign_extend(linear, cpu->linear_bits) == linear);
	else
		must(linear <= UINT32_MAX);
}

static enum emul_outcome read_memory(struct emul_cpu *cpu, uint64_t linear, void *data,
				     uint32_t size, uint32_t access)
{
	check_access(cpu, linear, size);
	must(access <= (EMUL_ACCESS_UPDATE | EMUL_ACCESS_SOLE));
	memset(data, linear, size);
	return answer(cpu, linear ^ size);
}

static enum emul_outcome write_memory(struct emul_cpu *cpu, uint64_t linear, const void *data,
				      uint32_t size, uint32_t access)
{
	uint8_t last = ((const uint8_t *)data)[size - 1];

	check_access(cpu, linear, size);
	must(!(access & ~(EMUL_ACCESS_SOLE | EMUL_ACCESS_PROBE)));
	return answer(cpu, linear ^ size ^ (uint64_t)last << 8);
}

static enum emul_outcome exchange(struct emul_cpu *cpu, uint64_t linear, const void *expected,
				  const void *desired, uint32_t size, uint32_t access)
{
	struct run *r = cpu->context;

	must(size <= 16);
	(void)expected;
	return r->options & OPTION_RACE ? EMUL_RETRY : write_memory(cpu, linear, desired, size, access);
}

static enum emul_outcome port_in(struct emul_cpu *cpu, uint16_t port, uint32_t *value, uint32_t size)
{
	must(size == 1 || size == 2 || size == 4);
	*value = port;
	return answer(cpu, port ^ size);
}

static enum emul_outcome port_out(struct emul_cpu *cpu, uint16_t port, uint32_t value, uint32_t size)
{
	must(size == 4 || value < BIT(8 * size));
	return answer(cpu, port ^ value);
}

static enum emul_outcome vector_read(struct emul_cpu *cpu, uint32_t number, void *data, uint32_t size)
{
	must(number < 32 && size <= EMUL_MAX_OPERAND);
	memset(data, number, size);
	return answer(cpu, number);
}

static enum emul_outcome vector_write(struct emul_cpu *cpu, uint32_t number, const void *data,
				      uint32_t size, uint32_t clear_to)
{
	must(number < 32 && size <= clear_to && clear_to <= EMUL_MAX_OPERAND);
	return answer(cpu, number ^ ((const uint8_t *)data)[size - 1]);
}

static enum emul_outcome mask_read(struct emul_cpu *cpu, uint32_t number, uint32_t bits, uint64_t *mask)
{
	must(number > 0 && number < 8 && bits > 0 && bits <= 64);
	*mask = 0x5555555555555555ull << number;
	return answer(cpu, number);
}

static enum emul_outcome lmsw(struct emul_cpu *cpu, uint16_t value)
{
	return answer(cpu, value);
}

static const struct emul_ops ops = {
	.read = read_memory,
	.write = write_memory,
	.exchange = exchange,
	.port_in = port_in,
	.port_out = port_out,
	.vector_read = vector_read,
	.vector_write = vector_write,
	.mask_read = mask_read,
	.lmsw = lmsw,
};

/* The length is the least number of bytes that decodes, and more of them do not matter. */
static void check_decode(const uint8_t *code, uint32_t count, uint32_t mode)
{
	struct emul_insn insn, again;
	struct emul_fault fault;

	if (emul_decode(&insn, code, count, mode, &fault) != EMUL_DONE)
		return;
	must(insn.length && insn.length <= count && insn.length <= EMUL_MAX_LENGTH);
	must(insn.op > EMUL_OP_NONE && insn.op < EMUL_OPS);
	for (uint32_t n = 0; n < insn.length; n++)
		must(emul_decode(&again, code, n, mode, &fault) == EMUL_SHORT);
	must(emul_decode(&again, code, insn.length, mode, &fault) == EMUL_DONE);
	must(again.row == insn.row && again.length == insn.length);
}

static void fill(void *to, size_t size, const uint8_t *from, size_t available)
{
	memset(to, 0, size);
	memcpy(to, from, min_of(size, available));
}

/* regs, rip, flags, segments: whatever is left of the input. */
static void set_up(struct run *r, uint32_t options, const uint8_t *data, size_t size)
{
	static const uint8_t modes[] = { 8, 4, 2, 8 };
	struct {
		uint64_t regs[16], rip, rflags;
		struct emul_segment segments[EMUL_SEGMENTS];
	} raw;

	fill(&raw, sizeof(raw), data, size);
	memset(r, 0, sizeof(*r));
	memcpy(r->regs, raw.regs, sizeof(r->regs));
	memcpy(r->segments, raw.segments, sizeof(r->segments));
	r->options = options;
	r->cpu = (struct emul_cpu){ .regs = r->regs,
				    .segments = r->segments,
				    .rip = raw.rip,
				    .rflags = raw.rflags,
				    .mode = modes[options & OPTION_MODE],
				    .linear_bits = options & OPTION_LA57 ? 57 : 48,
				    .ops = &ops,
				    .context = r };
	if (r->cpu.mode != 8)
		r->cpu.rip = (uint32_t)r->cpu.rip;
}

static void check_run(struct run *r, const uint8_t *code, uint32_t count, struct emul_cache *cache)
{
	uint64_t rip = r->cpu.rip, rflags = r->cpu.rflags;
	struct emul_insn insn;
	struct emul_fault fault;
	enum emul_outcome outcome;

	r->cpu.cache = cache;
	outcome = emul_run(&r->cpu, code, count);
	must(outcome <= EMUL_UNHANDLED);
	if (outcome != EMUL_DONE) {
		must(r->cpu.rip == rip);
		must(r->cpu.rflags == rflags || outcome == EMUL_REPEAT);
		return;
	}
	must(emul_decode(&insn, code, count, r->cpu.mode, &fault) == EMUL_DONE);
	must(r->cpu.rip == (r->cpu.mode == 8 ? rip + insn.length : (uint32_t)(rip + insn.length)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct emul_cache cache;
	struct run first, second;
	uint32_t count;
	uint8_t *code;

	if (size < 2)
		return 0;
	count = min_of((size_t)(data[1] % 17), size - 2);
	code = malloc(count ? count : 1); /* of its own, so that reading on is seen */
	memcpy(code, data + 2, count);
	set_up(&first, data[0], data + 2 + count, size - 2 - count);
	set_up(&second, data[0], data + 2 + count, size - 2 - count);
	check_decode(code, count, first.cpu.mode);
	check_run(&first, code, count, NULL);
	check_run(&second, code, count, &cache);
	must(first.trace == second.trace && first.cpu.rip == second.cpu.rip);
	must(!memcmp(first.regs, second.regs, sizeof(first.regs)));
	free(code);
	return 0;
}
