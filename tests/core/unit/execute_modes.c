/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instruction emulator against Unicorn in 16-bit (real) and 32-bit (flat protected) mode, which
 * the processor under the test cannot be put in: the same instruction, registers, flags and memory.
 *
 *	0x00000 ─ data ─ 0x80000 code 0x80100 ─ data ─ 0x110000		one 1 MiB + 64 KiB memory each
 *
 * EMUL_CASES sets the number of cases, EMUL_SEED the sequence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <unicorn/unicorn.h>

#include "emul/internal.h"
#include "emul_random.h"

enum {
	DEFAULT_CASES = 300000,
	MAX_FAILURES = 10,
	MEMORY_SIZE = 0x110000,
	CODE_SEGMENT = 0x8000,
	CODE_ADDRESS = CODE_SEGMENT << 4,
	ATTRIBUTES_DATA = 0x93,
	ATTRIBUTES_CODE = 0x9b,
	ATTRIBUTE_BIG = 0xc00,
};

static const int uc_registers[8] = { UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_EDX,
				     UC_X86_REG_EBX, UC_X86_REG_ESP, UC_X86_REG_EBP,
				     UC_X86_REG_ESI, UC_X86_REG_EDI };
static const int uc_segments[EMUL_SEGMENTS] = { UC_X86_REG_ES, UC_X86_REG_CS, UC_X86_REG_SS,
						UC_X86_REG_DS, UC_X86_REG_FS, UC_X86_REG_GS };

struct bench {
	uc_engine *uc;
	struct emul_random random;
	uint32_t mode;
	uint8_t *theirs, *ours;
	struct emul_cpu cpu;
	struct emul_segment segments[EMUL_SEGMENTS];
	uint64_t regs[16];
	struct emul_insn insn;
	uint8_t bytes[32];
	int exception; /* Unicorn's; -1: none */
	uint64_t low, high; /* where it wrote */
};

/* ---- the emulator's side */

static uint8_t *data_at(struct emul_cpu *cpu, uint64_t linear, uint32_t size)
{
	struct bench *b = cpu->context;

	if (linear + size <= MEMORY_SIZE)
		return b->ours + linear;
	cpu->fault.vector = 14;
	return NULL;
}

static enum emul_outcome read_data(struct emul_cpu *cpu, uint64_t linear, void *data, uint32_t size,
				   uint32_t access)
{
	const uint8_t *from = data_at(cpu, linear, size);

	(void)access;
	if (!from)
		return EMUL_FAULT;
	memcpy(data, from, size);
	return EMUL_DONE;
}

static enum emul_outcome write_data(struct emul_cpu *cpu, uint64_t linear, const void *data,
				    uint32_t size, uint32_t access)
{
	struct bench *b = cpu->context;
	uint8_t *to = data_at(cpu, linear, size);

	(void)access;
	if (!to)
		return EMUL_FAULT;
	memcpy(to, data, size);
	b->low = min_of(b->low, linear);
	b->high = max_of(b->high, linear + size);
	return EMUL_DONE;
}

static enum emul_outcome exchange_data(struct emul_cpu *cpu, uint64_t linear, const void *expected,
				       const void *desired, uint32_t size, uint32_t access)
{
	(void)expected;
	return write_data(cpu, linear, desired, size, access);
}

static const struct emul_ops ops = {
	.read = read_data,
	.write = write_data,
	.exchange = exchange_data,
};

/* ---- making a case */

static uint64_t random_value(struct emul_random *r)
{
	uint32_t value = emul_random_next(r);

	switch (emul_random_below(r, 3)) {
	case 0:
		return value;
	case 1:
		return value & 0xff;
	default:
		return value >> emul_random_below(r, 32);
	}
}

/* An offset that both modes' segments have. */
static uint32_t random_offset(struct bench *b)
{
	return 0x200 + emul_random_below(&b->random, 0xfc00);
}

/*
 * What the two do not share: devices, privilege, vectors, MOVBE and MOVDIRI (Unicorn's CPU model lacks them), the
 * twin of TEST in group 3, and two things that its QEMU does otherwise than the processor that
 * execute.c asks: the flags of LOCK NEG, and F2 with F3, of which the later counts.
 */
static bool comparable(const struct emul_insn *insn, const uint8_t *bytes)
{
	bool string = insn->op >= EMUL_OP_MOVS && insn->op <= EMUL_OP_SCAS;

	if (string && memchr(bytes, 0xf2, insn->length) && memchr(bytes, 0xf3, insn->length))
		return false;
	if (insn->op >= EMUL_OP_INS || insn->op == EMUL_OP_MOVBE ||
	    (insn->op == EMUL_OP_MOV && insn->opcode == 0xf9) ||
	    (insn->op == EMUL_OP_TEST && insn->opcode >= 0xf6 && insn->reg == 1) ||
	    (insn->op == EMUL_OP_NEG && insn->prefixes & EMUL_PREFIX_LOCK))
		return false;
	return insn->op != EMUL_OP_MOV_FROM_SEGMENT || insn->memory;
}

/* 32-bit addresses are led to memory by the base register; 16-bit ones always hit. */
static bool steer(struct bench *b)
{
	const struct emul_insn *insn = &b->insn;
	uint64_t want = random_offset(b) - insn->displacement;

	if (insn->address_size == 2)
		return true;
	if (insn->base == EMUL_NO_REGISTER) {
		if (insn->row->dst != OPERAND_O && insn->row->src != OPERAND_O)
			return false;
		memcpy(b->bytes + insn->length - 4, &(uint32_t){ random_offset(b) }, 4);
		return true;
	}
	if (insn->index == insn->base)
		return false;
	if (insn->index != EMUL_NO_REGISTER)
		want -= b->regs[insn->index] << insn->scale;
	b->regs[insn->base] = (uint32_t)want;
	return true;
}

static bool make_case(struct bench *b)
{
	struct emul_insn *insn = &b->insn;
	struct emul_fault fault;

	emul_random_instruction(&b->random, b->mode, b->bytes);
	if (emul_decode(insn, b->bytes, EMUL_MAX_LENGTH, b->mode, &fault) != EMUL_DONE ||
	    !comparable(insn, b->bytes))
		return false;
	for (uint32_t i = 0; i < 8; i++)
		b->regs[i] = random_value(&b->random);
	b->regs[GPR_RSP] = random_offset(b) & ~3u;
	if (insn->op >= EMUL_OP_MOVS && insn->op <= EMUL_OP_SCAS) {
		b->regs[GPR_RSI] = random_offset(b);
		b->regs[GPR_RDI] = random_offset(b);
		b->regs[GPR_RCX] = emul_random_below(&b->random, 40);
	}
	if (insn->row->flags & ROW_BIT_OFFSET && insn->memory)
		b->regs[insn->reg] &= 0x7ff;
	if (insn->memory && !steer(b))
		return false;
	b->cpu.rflags = (emul_random_next(&b->random) & (FLAGS_STATUS | FLAG_DF)) | BIT(1);
	return true;
}

/* ---- comparing */

/* As in execute.c, less what Unicorn (QEMU 5.0) computes in its own way. */
static uint64_t defined_flags(const struct emul_insn *insn, uint64_t rcx)
{
	uint32_t bits = 8 * insn->operand_size;
	uint32_t count = insn->row->src == OPERAND_ONE	      ? 1 :
			 insn->row->immediate == IMMEDIATE_UB ? insn->immediate :
								rcx;

	count &= 31;
	switch (insn->op) {
	case EMUL_OP_AND:
	case EMUL_OP_OR:
	case EMUL_OP_XOR:
	case EMUL_OP_TEST:
		return FLAGS_STATUS & ~FLAG_AF;
	case EMUL_OP_ROL:
	case EMUL_OP_ROR:
	case EMUL_OP_RCL:
	case EMUL_OP_RCR:
		return count > 1 ? FLAGS_STATUS & ~FLAG_OF : FLAGS_STATUS;
	case EMUL_OP_SHL:
	case EMUL_OP_SHR:
	case EMUL_OP_SAR:
	case EMUL_OP_SHLD:
	case EMUL_OP_SHRD:
		if (!count)
			return FLAGS_STATUS;
		return FLAGS_STATUS & ~FLAG_AF & (count > 1 ? ~FLAG_OF : ~0) &
		       (count >= bits ? ~FLAG_CF : ~0);
	case EMUL_OP_MUL:
	case EMUL_OP_IMUL:
	case EMUL_OP_IMUL2:
		return FLAG_CF | FLAG_OF;
	case EMUL_OP_DIV:
	case EMUL_OP_IDIV:
		return 0;
	case EMUL_OP_BT:
	case EMUL_OP_BTS:
	case EMUL_OP_BTR:
	case EMUL_OP_BTC:
		return FLAG_CF | FLAG_ZF;
	default:
		return FLAGS_STATUS;
	}
}

static bool result_undefined(const struct emul_insn *insn, uint64_t rcx)
{
	uint32_t count = insn->row->immediate == IMMEDIATE_UB ? insn->immediate : rcx;

	return (insn->op == EMUL_OP_SHLD || insn->op == EMUL_OP_SHRD) && insn->operand_size == 2 &&
	       (count & 31) > 16;
}

static void on_interrupt(uc_engine *uc, uint32_t number, void *context)
{
	((struct bench *)context)->exception = number;
	uc_emu_stop(uc);
}

static void run_unicorn(struct bench *b, const uint64_t *before, uint64_t eflags, uint64_t *regs,
			uint64_t *flags, uint64_t *ip)
{
	uint64_t start = b->mode == 2 ? 0 : CODE_ADDRESS;
	uc_err error;

	b->exception = -1;
	uc_ctl_remove_cache(b->uc, CODE_ADDRESS, CODE_ADDRESS + 64);
	for (uint32_t i = 0; i < 8; i++)
		uc_reg_write(b->uc, uc_registers[i], &before[i]);
	uc_reg_write(b->uc, UC_X86_REG_EFLAGS, &eflags);
	error = uc_emu_start(b->uc, CODE_ADDRESS, CODE_ADDRESS + b->insn.length, 0, 0);
	for (uint32_t i = 0; i < 8; i++) {
		regs[i] = 0;
		uc_reg_read(b->uc, uc_registers[i], &regs[i]);
	}
	*flags = *ip = 0;
	uc_reg_read(b->uc, UC_X86_REG_EFLAGS, flags);
	uc_reg_read(b->uc, b->mode == 2 ? UC_X86_REG_IP : UC_X86_REG_EIP, ip);
	*ip -= start;
	if (error != UC_ERR_OK && b->exception < 0)
		b->exception = 256 + error;
}

static void describe(const struct bench *b, const char *what, const uint64_t *before,
		     const uint64_t *theirs, uint64_t flags)
{
	print_error("%s: mode %u:", what, 8 * b->mode);
	for (uint32_t i = 0; i < b->insn.length; i++)
		print_error(" %02x", b->bytes[i]);
	print_error("; flags %lx, Unicorn %lx; its exception %d\n", b->cpu.rflags, flags,
		    b->exception);
	for (uint32_t i = 0; i < 8; i++)
		if (theirs[i] != b->regs[i])
			print_error("  register %u: %lx -> %lx, Unicorn %lx\n", i, before[i],
				    b->regs[i], theirs[i]);
}

/*
 * 1: they agree; 0: they do not; -1: no comparison. Where the emulator raises a fault Unicorn is not
 * asked: it has no segment limits, and stays in its exception's delivery. Nor where it would change
 * itself.
 */
static int agree(struct bench *b)
{
	uint64_t before[8], theirs[8], eflags = b->cpu.rflags, flags, ip, low, size;
	const char *what = NULL;

	memcpy(before, b->regs, sizeof(before));
	memcpy(b->ours + CODE_ADDRESS, b->bytes, EMUL_MAX_LENGTH);
	memcpy(b->theirs + CODE_ADDRESS, b->bytes, EMUL_MAX_LENGTH);
	b->low = MEMORY_SIZE;
	b->high = 0;
	b->cpu.rip = b->mode == 2 ? 0 : CODE_ADDRESS;
	if (result_undefined(&b->insn, before[GPR_RCX]))
		return -1;
	if (emul_run(&b->cpu, b->bytes, EMUL_MAX_LENGTH) != EMUL_DONE ||
	    ranges_overlap(b->low, b->high > b->low ? b->high - b->low : 0, CODE_ADDRESS, 64)) {
		if (b->high)
			memcpy(b->ours + b->low, b->theirs + b->low, b->high - b->low);
		return -1;
	}
	run_unicorn(b, before, eflags, theirs, &flags, &ip);
	low = b->low < 64 ? 0 : b->low - 64;
	size = b->high ? min_of(b->high + 64, (uint64_t)MEMORY_SIZE) - low : 0;
	if (b->exception >= 0)
		what = "exception";
	else if (memcmp(theirs, b->regs, sizeof(theirs)))
		what = "registers";
	else if ((flags ^ b->cpu.rflags) & defined_flags(&b->insn, before[GPR_RCX]))
		what = "flags";
	else if (b->cpu.rip - (b->mode == 2 ? 0 : CODE_ADDRESS) != ip)
		what = "RIP";
	else if (size && memcmp(b->ours + low, b->theirs + low, size))
		what = "memory";
	if (what)
		describe(b, what, before, theirs, flags);
	return !what;
}

static void open_bench(struct bench *b, uint32_t mode)
{
	uint32_t big = mode == 4 ? ATTRIBUTE_BIG : 0;
	uc_hook hook;

	b->mode = mode;
	b->random.state = emul_random_setting("EMUL_SEED", 1) + mode;
	b->theirs = aligned_alloc(4096, MEMORY_SIZE);
	b->ours = malloc(MEMORY_SIZE);
	emul_random_bytes(&b->random, b->theirs, MEMORY_SIZE);
	memcpy(b->ours, b->theirs, MEMORY_SIZE);
	assert_int_equal(uc_open(UC_ARCH_X86, mode == 2 ? UC_MODE_16 : UC_MODE_32, &b->uc), UC_ERR_OK);
	assert_int_equal(uc_mem_map_ptr(b->uc, 0, MEMORY_SIZE, UC_PROT_ALL, b->theirs), UC_ERR_OK);
	for (uint32_t i = 0; i < EMUL_SEGMENTS; i++) {
		uint64_t selector = i == EMUL_CS ? CODE_SEGMENT : 0x1000 * (i + 1);

		b->segments[i] = (struct emul_segment){
			.attributes = (i == EMUL_CS && mode == 4 ? ATTRIBUTES_CODE : ATTRIBUTES_DATA) | big,
			.limit = mode == 4 ? 0xffffffff : 0xffff,
		};
		if (mode == 4) {
			uc_reg_read(b->uc, uc_segments[i], &b->segments[i].selector);
			continue;
		}
		b->segments[i].selector = selector;
		b->segments[i].base = selector << 4;
		assert_int_equal(uc_reg_write(b->uc, uc_segments[i], &selector), UC_ERR_OK);
	}
	assert_int_equal(uc_hook_add(b->uc, &hook, UC_HOOK_INTR, on_interrupt, b, 1, 0), UC_ERR_OK);
	b->cpu = (struct emul_cpu){ .regs = b->regs,
				    .segments = b->segments,
				    .mode = mode,
				    .ops = &ops,
				    .context = b };
}

static void compare_mode(uint32_t mode)
{
	uint64_t cases = emul_random_setting("EMUL_CASES", DEFAULT_CASES) / 2, done = 0, failures = 0;
	struct bench *b = calloc(1, sizeof(*b));

	open_bench(b, mode);
	while (done < cases && failures < MAX_FAILURES) {
		int verdict;

		if (!make_case(b))
			continue;
		verdict = agree(b);
		failures += verdict == 0;
		done += verdict != -1;
		if (done % 4096 == 0)
			failures += !!memcmp(b->ours, b->theirs, MEMORY_SIZE);
	}
	uc_close(b->uc);
	free(b->theirs);
	free(b->ours);
	free(b);
	assert_int_equal(failures, 0);
}

static void emulator_agrees_in_16_bit_mode(void **state)
{
	(void)state;
	compare_mode(2);
}

static void emulator_agrees_in_32_bit_mode(void **state)
{
	(void)state;
	compare_mode(4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(emulator_agrees_in_16_bit_mode),
		cmocka_unit_test(emulator_agrees_in_32_bit_mode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
