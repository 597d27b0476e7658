/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instruction emulator against the processor that runs the test: 64-bit user-mode instructions,
 * random registers, flags and memory.
 *
 *	struct machine (fixed address, below 2 GiB)        data: guard | 2 pages | guard
 *	  registers, flags, vectors ──native_enter──► code: [instruction] [jmp native_leave]
 *	                                                 └─ or a signal: its context is the result
 *
 * Each case runs natively on the data pages and in the emulator on a copy of them; then registers,
 * the flags that the manual defines, vector registers, memory and the exception must agree.
 * EMUL_CASES sets the number of cases, EMUL_SEED the sequence.
 */
#include <asm/prctl.h>
#include <cpuid.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <cmocka.h>

#include "emul/internal.h"
#include "emul_random.h"

enum { DEFAULT_CASES = 700000, MAX_FAILURES = 10 };

#define MACHINE_ADDRESS 0x10000000
#define CODE_ADDRESS 0x10010000
#define DATA_ADDRESS 0x10021000
#define DATA_SIZE 0x2000
#define GS_BASE 0x3000

struct machine {
	uint64_t regs[16];
	uint64_t flags;
	uint64_t host_rsp;
	uint64_t code;
	uint64_t avx;
	uint8_t vectors[16][32];
};

static_assert(offsetof(struct machine, vectors) == 160, "the assembly below knows it");
static struct machine *const machine = (struct machine *)MACHINE_ADDRESS;

void native_enter(void);
void native_leave(void);

/* clang-format off */
asm(".macro each_vector insn, reg, store\n"
    "	.set number, 0\n"
    "	.rept 16\n"
    "	vector_\\store \\insn, \\reg, %number\n"
    "	.set number, number + 1\n"
    "	.endr\n"
    ".endm\n"
    ".altmacro\n"
    ".macro vector_0 insn, reg, n\n"
    "	\\insn 0x10000000 + 160 + 32 * \\n, %\\reg\\n\n"
    ".endm\n"
    ".macro vector_1 insn, reg, n\n"
    "	\\insn %\\reg\\n, 0x10000000 + 160 + 32 * \\n\n"
    ".endm\n"
    ".globl native_enter, native_leave\n"
    "native_enter:\n"
    "	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "	mov %rsp, 0x10000088\n"
    "	cmpb $0, 0x10000098\n"
    "	je 1f\n"
    "	each_vector vmovups, ymm, 0\n"
    "	jmp 2f\n"
    "1:	each_vector movups, xmm, 0\n"
    "2:	pushq 0x10000080\n"
    "	popfq\n"
    "	mov 0x10000000, %rax; mov 0x10000008, %rcx; mov 0x10000010, %rdx; mov 0x10000018, %rbx\n"
    "	mov 0x10000028, %rbp; mov 0x10000030, %rsi; mov 0x10000038, %rdi; mov 0x10000040, %r8\n"
    "	mov 0x10000048, %r9; mov 0x10000050, %r10; mov 0x10000058, %r11; mov 0x10000060, %r12\n"
    "	mov 0x10000068, %r13; mov 0x10000070, %r14; mov 0x10000078, %r15; mov 0x10000020, %rsp\n"
    "	jmp *0x10000090\n"
    "native_leave:\n"
    "	mov %rax, 0x10000000; mov %rcx, 0x10000008; mov %rdx, 0x10000010; mov %rbx, 0x10000018\n"
    "	mov %rsp, 0x10000020; mov %rbp, 0x10000028; mov %rsi, 0x10000030; mov %rdi, 0x10000038\n"
    "	mov %r8, 0x10000040; mov %r9, 0x10000048; mov %r10, 0x10000050; mov %r11, 0x10000058\n"
    "	mov %r12, 0x10000060; mov %r13, 0x10000068; mov %r14, 0x10000070; mov %r15, 0x10000078\n"
    "	mov 0x10000088, %rsp\n"
    "	pushfq\n"
    "	popq 0x10000080\n"
    "	cld\n"
    "	cmpb $0, 0x10000098\n"
    "	je 1f\n"
    "	each_vector vmovups, ymm, 1\n"
    "	vzeroupper\n"
    "	jmp 2f\n"
    "1:	each_vector movups, xmm, 1\n"
    "2:	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    "	ret\n"
    ".noaltmacro\n");
/* clang-format on */

/* What an execution ended in, natively or emulated. */
struct result {
	uint64_t regs[16];
	uint64_t flags;
	int vector; /* -1: none */
	uint32_t error;
	uint64_t cr2;
	uint8_t vectors[16][32];
};

static sigjmp_buf escape;
static struct result native;

/* General registers of a signal context in hardware order. */
static const int context_order[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
				       REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
				       REG_R12, REG_R13, REG_R14, REG_R15 };

static void on_signal(int number, siginfo_t *info, void *context)
{
	const greg_t *gregs = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)number;
	(void)info;
	for (uint32_t i = 0; i < 16; i++)
		native.regs[i] = gregs[context_order[i]];
	native.flags = gregs[REG_EFL];
	native.vector = gregs[REG_TRAPNO];
	native.error = gregs[REG_ERR];
	native.cr2 = gregs[REG_CR2];
	siglongjmp(escape, 1);
}

static void map_at(uint64_t address, uint64_t size, int protection)
{
	void *at = mmap((void *)address, size, protection,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	assert_ptr_equal(at, (void *)address);
}

/* From within the test: cmocka sets its own signal handlers before each. */
static void set_up(void)
{
	static uint8_t signal_stack[64 << 10];
	const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL };
	stack_t stack = { .ss_sp = signal_stack, .ss_size = sizeof(signal_stack) };
	struct sigaction action = { .sa_sigaction = on_signal,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };

	map_at(MACHINE_ADDRESS, 0x30000, PROT_NONE);
	mprotect((void *)MACHINE_ADDRESS, 0x1000, PROT_READ | PROT_WRITE);
	mprotect((void *)CODE_ADDRESS, 0x1000, PROT_READ | PROT_WRITE | PROT_EXEC);
	mprotect((void *)DATA_ADDRESS, DATA_SIZE, PROT_READ | PROT_WRITE);
	machine->avx = !!__builtin_cpu_supports("avx");
	assert_int_equal(syscall(SYS_arch_prctl, ARCH_SET_GS, GS_BASE), 0);
	assert_int_equal(sigaltstack(&stack, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		assert_int_equal(sigaction(signals[i], &action, NULL), 0);
}

/* ---- the emulator's side */

struct emulated {
	struct emul_cpu cpu;
	struct emul_segment segments[EMUL_SEGMENTS];
	uint8_t memory[DATA_SIZE];
	struct result result;
};

static struct emulated *emulated_of(struct emul_cpu *cpu)
{
	return cpu->context;
}

/* Where an access lies in the copy, or NULL with the page fault that the guard pages give. */
static uint8_t *data_at(struct emul_cpu *cpu, uint64_t linear, uint32_t size, bool write)
{
	uint64_t offset = linear - DATA_ADDRESS;

	if (offset < DATA_SIZE && offset + size <= DATA_SIZE)
		return emulated_of(cpu)->memory + offset;
	cpu->fault.vector = 14;
	cpu->fault.has_error = true;
	cpu->fault.error = write ? BIT(1) : 0;
	cpu->fault.cr2 = offset < DATA_SIZE ? DATA_ADDRESS + DATA_SIZE : linear;
	return NULL;
}

static enum emul_outcome read_data(struct emul_cpu *cpu, uint64_t linear, void *data, uint32_t size,
				   uint32_t access)
{
	const uint8_t *from = data_at(cpu, linear, size, access & EMUL_ACCESS_UPDATE);

	if (!from)
		return EMUL_FAULT;
	memcpy(data, from, size);
	return EMUL_DONE;
}

static enum emul_outcome write_data(struct emul_cpu *cpu, uint64_t linear, const void *data,
				    uint32_t size, uint32_t access)
{
	uint8_t *to = data_at(cpu, linear, size, true);

	(void)access;
	if (!to)
		return EMUL_FAULT;
	memcpy(to, data, size);
	return EMUL_DONE;
}

static enum emul_outcome exchange_data(struct emul_cpu *cpu, uint64_t linear, const void *expected,
				       const void *desired, uint32_t size, uint32_t access)
{
	uint8_t *to = data_at(cpu, linear, size, true);

	(void)access;
	if (!to)
		return EMUL_FAULT;
	if (memcmp(to, expected, size))
		return EMUL_RETRY;
	memcpy(to, desired, size);
	return EMUL_DONE;
}

static enum emul_outcome read_vector(struct emul_cpu *cpu, uint32_t number, void *data, uint32_t size)
{
	memcpy(data, emulated_of(cpu)->result.vectors[number], size);
	return EMUL_DONE;
}

static enum emul_outcome write_vector(struct emul_cpu *cpu, uint32_t number, const void *data,
				      uint32_t size, uint32_t clear_to)
{
	uint8_t *vector = emulated_of(cpu)->result.vectors[number];

	memcpy(vector, data, size);
	if (size < clear_to)
		memset(vector + size, 0, min_of(clear_to, 32u) - size);
	return EMUL_DONE;
}

static const struct emul_ops ops = {
	.read = read_data,
	.write = write_data,
	.exchange = exchange_data,
	.vector_read = read_vector,
	.vector_write = write_vector,
};

static void run_emulated(struct emulated *e, const uint8_t *bytes)
{
	struct emul_cpu *cpu = &e->cpu;
	enum emul_outcome outcome;

	memcpy(e->result.regs, machine->regs, sizeof(e->result.regs));
	memcpy(e->result.vectors, machine->vectors, sizeof(e->result.vectors));
	*cpu = (struct emul_cpu){ .regs = e->result.regs,
				  .segments = e->segments,
				  .rip = CODE_ADDRESS,
				  .rflags = machine->flags,
				  .mode = 8,
				  .linear_bits = 48,
				  .ops = &ops,
				  .context = e };
	outcome = emul_run(cpu, bytes, EMUL_MAX_LENGTH);
	assert_true(outcome == EMUL_DONE || outcome == EMUL_FAULT);
	e->result.flags = cpu->rflags;
	e->result.vector = outcome == EMUL_DONE ? -1 : cpu->fault.vector;
	e->result.error = cpu->fault.error;
	e->result.cr2 = cpu->fault.cr2;
}

/* ---- the processor's side */

static void run_native(const uint8_t *bytes, uint32_t length)
{
	uint8_t *code = (uint8_t *)CODE_ADDRESS;
	static const uint8_t jump[] = { 0xff, 0x25, 0, 0, 0, 0 }; /* jmp [rip] */
	void (*leave)(void) = native_leave;

	memcpy(code, bytes, length);
	memcpy(code + length, jump, sizeof(jump));
	memcpy(code + length + sizeof(jump), &leave, sizeof(leave));
	machine->code = CODE_ADDRESS;
	if (sigsetjmp(escape, 0))
		return;
	native.vector = -1;
	native_enter();
	memcpy(native.regs, machine->regs, sizeof(native.regs));
	memcpy(native.vectors, machine->vectors, sizeof(native.vectors));
	native.flags = machine->flags;
}

/* ---- making a case */

struct attempt {
	struct emul_random *random;
	struct emul_insn insn;
	uint8_t bytes[32];
	uint64_t target; /* linear address of the memory operand */
	bool movbe;	 /* the processor has it */
};

static uint64_t random_value(struct emul_random *r)
{
	uint64_t value = emul_random_next(r);

	switch (emul_random_below(r, 4)) {
	case 0:
		return value;
	case 1:
		return value & 0xff;
	case 2:
		return sign_extend(value, 8);
	default:
		return value >> emul_random_below(r, 64);
	}
}

/* Mostly inside, often across the two pages, sometimes into a guard page or not canonical. */
static uint64_t random_target(struct emul_random *r, uint32_t size, bool align, bool any)
{
	uint32_t choice = emul_random_below(r, 1000);
	uint64_t target = DATA_ADDRESS + 1024 + emul_random_below(r, DATA_SIZE - 2048);

	if (choice < 100)
		target = DATA_ADDRESS + DATA_SIZE / 2 - emul_random_below(r, 64);
	else if (choice < 104)
		target = DATA_ADDRESS + DATA_SIZE - emul_random_below(r, 64);
	else if (choice < 107)
		target = DATA_ADDRESS - emul_random_below(r, 64);
	else if (choice < 110 && any)
		target = BIT(63) | emul_random_next(r) >> 17;
	return align && emul_random_below(r, 4) ? align_down(target, size) : target;
}

static bool patch_displacement(struct attempt *a, uint64_t value, uint32_t size)
{
	const struct emul_insn *insn = &a->insn;
	uint32_t immediate = 0;

	if (insn->row->immediate == IMMEDIATE_UB || insn->row->immediate == IMMEDIATE_SB)
		immediate = 1;
	else if (insn->row->immediate == IMMEDIATE_IZ)
		immediate = min_of(insn->operand_size, 4);
	if (size == 4 && insn->address_size == 8 && (uint64_t)sign_extend(value, 32) != value)
		return false;
	memcpy(a->bytes + insn->length - immediate - size, &value, size);
	return true;
}

static void set_address_register(struct attempt *a, uint32_t number, uint64_t value)
{
	if (a->insn.address_size == 4)
		value = join32(value, emul_random_next(a->random));
	machine->regs[number] = value;
}

/* Chooses the base register, or the displacement, so that the operand lies at the target. */
static bool steer(struct attempt *a)
{
	const struct emul_insn *insn = &a->insn;
	uint64_t want = a->target - (insn->segment == EMUL_GS ? GS_BASE : 0);
	uint64_t *regs = machine->regs, index = 0, factor = 1;

	if (insn->index != EMUL_NO_REGISTER && insn->index != insn->base)
		index = regs[insn->index] << insn->scale;
	if (insn->base != EMUL_NO_REGISTER) {
		if (insn->index == insn->base)
			factor += 1u << insn->scale;
		want -= insn->displacement + index;
		if (insn->address_size == 4)
			want = (uint32_t)want;
		set_address_register(a, insn->base, want / factor);
		return want % factor == 0;
	}
	if (insn->rip_relative)
		return patch_displacement(a, want - (CODE_ADDRESS + insn->length), 4);
	if (insn->row->dst == OPERAND_O || insn->row->src == OPERAND_O)
		return patch_displacement(a, want, insn->address_size);
	return patch_displacement(a, want - index, 4);
}

static bool uses(const struct attempt *a, uint32_t number)
{
	return a->insn.memory && (a->insn.base == number || a->insn.index == number);
}

static bool is_string(const struct attempt *a)
{
	return a->insn.op >= EMUL_OP_MOVS && a->insn.op <= EMUL_OP_SCAS;
}

static void aim_string(struct attempt *a)
{
	uint32_t size = a->insn.operand_size;

	set_address_register(a, GPR_RSI, random_target(a->random, size, false, false) -
						 (a->insn.segment == EMUL_GS ? GS_BASE : 0));
	set_address_register(a, GPR_RDI, random_target(a->random, size, false, false));
	set_address_register(a, GPR_RCX, emul_random_below(a->random, 40));
	if (emul_random_below(a->random, 2)) /* so that comparisons go on */
		memset((void *)DATA_ADDRESS, a->bytes[15], DATA_SIZE);
}

/* A bit offset that leaves the operand but not the guard pages. */
static bool aim_bit_offset(struct attempt *a)
{
	uint32_t bits = 8 * a->insn.operand_size;
	int64_t offset = (int64_t)emul_random_below(a->random, 4096) - 2048;

	if (uses(a, a->insn.reg))
		return false;
	machine->regs[a->insn.reg] =
		field_set(machine->regs[a->insn.reg], BITS(bits - 1, 0), offset);
	return true;
}

static bool aim_stack(struct attempt *a)
{
	uint64_t rsp = machine->regs[GPR_RSP];

	if (!uses(a, GPR_RSP))
		machine->regs[GPR_RSP] = random_target(a->random, a->insn.operand_size, false, true);
	else if (rsp - (DATA_ADDRESS - 0x1000) > DATA_SIZE + 0x2000)
		return false; /* it would write who knows where */
	return true;
}

/* Most comparisons succeed, most divisions fit. */
static void aim_values(struct attempt *a)
{
	uint64_t *regs = machine->regs, offset = a->target - DATA_ADDRESS;
	bool fits = a->insn.memory && offset <= DATA_SIZE - 16;
	const uint8_t *memory = (const uint8_t *)DATA_ADDRESS + (fits ? offset : 0);

	if (emul_random_below(a->random, 4) == 0 || uses(a, GPR_RAX) || uses(a, GPR_RDX))
		return;
	if (a->insn.op == EMUL_OP_CMPXCHG && fits)
		memcpy(&regs[GPR_RAX], memory, 8);
	else if (a->insn.op == EMUL_OP_CMPXCHG)
		regs[GPR_RAX] = regs[a->insn.rm];
	else if (a->insn.op == EMUL_OP_CMPXCHG8B && fits && a->insn.operand_size == 8) {
		memcpy(&regs[GPR_RAX], memory, 4);
		memcpy(&regs[GPR_RDX], memory + 4, 4);
	} else if (a->insn.op == EMUL_OP_CMPXCHG8B && fits) {
		memcpy(&regs[GPR_RAX], memory, 8);
		memcpy(&regs[GPR_RDX], memory + 8, 8);
	} else if (a->insn.op == EMUL_OP_DIV) {
		regs[GPR_RDX] = emul_random_below(a->random, 4);
	} else if (a->insn.op == EMUL_OP_IDIV) {
		regs[GPR_RDX] = (int64_t)regs[GPR_RAX] < 0 ? ~0ULL : 0;
	}
}

static bool has_movbe(void)
{
	uint32_t eax, ebx, ecx, edx;

	return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && ecx & bit_MOVBE;
}

/* What user mode or this processor may not do, or needs a segment base that we cannot set. */
static bool out_of_reach(const struct attempt *a)
{
	const struct emul_insn *insn = &a->insn;

	return insn->op >= EMUL_OP_MOVDIR64B || (insn->op == EMUL_OP_MOV && insn->opcode == 0xf9) ||
	       (insn->op == EMUL_OP_MOVBE && !a->movbe) ||
	       (insn->vex && !machine->avx) ||
	       (insn->op >= EMUL_OP_INS && insn->op <= EMUL_OP_OUT) ||
	       ((insn->memory || is_string(a)) && insn->segment == EMUL_FS);
}

static void randomize_machine(struct emul_random *r)
{
	for (uint32_t i = 0; i < 16; i++)
		machine->regs[i] = random_value(r);
	for (uint32_t i = 0; i < 16; i++)
		*(uint64_t *)(machine->vectors[i] + 8 * (i & 3)) = emul_random_next(r);
	machine->flags = (emul_random_next(r) & (FLAGS_STATUS | FLAG_DF)) | BIT(1);
}

/* An instruction with registers that lead it to the data pages. False: not this one. */
static bool make_attempt(struct attempt *a)
{
	uint32_t at = emul_random_instruction(a->random, 8, a->bytes);
	struct emul_fault fault;
	enum emul_outcome outcome;

	if (emul_random_below(a->random, 8) == 0)
		emul_random_vex(a->random, a->bytes);
	else if (emul_random_below(a->random, 4) == 0) /* more bases, fewer register forms */
		a->bytes[at + 1] &= 0x7f;
	outcome = emul_decode(&a->insn, a->bytes, EMUL_MAX_LENGTH, 8, &fault);
	if (outcome == EMUL_UNHANDLED || (outcome == EMUL_DONE && out_of_reach(a)))
		return false;
	randomize_machine(a->random);
	a->target = 0;
	if (outcome == EMUL_FAULT) {
		if (fault.vector != FAULT_UD || a->insn.op >= EMUL_OP_MOVDIR64B || /* AMD: LOCK MOV CR0 */
		    emul_random_below(a->random, 8)) /* exceptions take their time */
			return false;
		a->insn.length = EMUL_MAX_LENGTH;
		a->insn.op = EMUL_OP_NONE;
		return true;
	}
	a->target = random_target(a->random, a->insn.operand_size,
				  a->insn.row->flags & ROW_ALIGNED || a->insn.operand_size == 16,
				  a->insn.address_size == 8 && a->insn.segment != EMUL_GS &&
					  !(a->insn.row->flags & ROW_ALIGNED)); /* #SS or #GP */
	if (a->insn.memory && !steer(a))
		return false;
	if (is_string(a))
		aim_string(a);
	if (a->insn.memory && a->insn.row->flags & ROW_BIT_OFFSET && !aim_bit_offset(a))
		return false;
	if ((a->insn.op == EMUL_OP_PUSH || a->insn.op == EMUL_OP_POP) && !aim_stack(a))
		return false;
	aim_values(a);
	return true;
}

/* ---- comparing */

/* Status flags that the manual (SDM v2, each instruction's "Flags Affected") defines. */
static uint64_t defined_flags(const struct attempt *a, const uint64_t *regs)
{
	const struct emul_insn *insn = &a->insn;
	uint32_t bits = 8 * insn->operand_size;
	uint32_t count = insn->row->src == OPERAND_ONE	      ? 1 :
			 insn->row->immediate == IMMEDIATE_UB ? insn->immediate :
								regs[GPR_RCX];

	count &= bits == 64 ? 63 : 31;
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
		       (count >= bits && insn->op != EMUL_OP_SAR ? ~FLAG_CF : ~0);
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

/* SDM v2 "SHLD": with a count above the operand size the result is undefined. */
static bool result_undefined(const struct attempt *a, const uint64_t *regs)
{
	uint32_t count = a->insn.row && a->insn.row->immediate == IMMEDIATE_UB ? a->insn.immediate :
										 regs[GPR_RCX];

	return (a->insn.op == EMUL_OP_SHLD || a->insn.op == EMUL_OP_SHRD) &&
	       a->insn.operand_size == 2 && (count & 31) > 16;
}

/* It either reads or writes. Whether the first half of an update faults as a read is not said. */
static bool computes_nothing(const struct attempt *a)
{
	return a->insn.op == EMUL_OP_MOV || a->insn.op == EMUL_OP_VECTOR_LOAD ||
	       a->insn.op == EMUL_OP_VECTOR_STORE || a->insn.op == EMUL_OP_SETCC || is_string(a);
}

static const char *difference(const struct attempt *a, const struct result *ours, uint64_t flags)
{
	if (ours->vector != native.vector)
		return "exception";
	if (native.vector == 14 && ours->cr2 != native.cr2 && a->insn.op != EMUL_OP_CMPS)
		return "CR2"; /* of two operands that both fault, either may come first */
	if (native.vector == 14 && computes_nothing(a) && (ours->error ^ native.error) & BIT(1))
		return "error code";
	if (memcmp(ours->regs, native.regs, sizeof(ours->regs)))
		return "registers";
	if (native.vector == -1 && (ours->flags ^ native.flags) & flags)
		return "flags";
	if (native.vector == -1 && a->insn.op != EMUL_OP_NONE && machine->avx &&
	    memcmp(ours->vectors, native.vectors, sizeof(ours->vectors)))
		return "vector registers";
	return NULL;
}

static void describe(const char *what, const struct attempt *a, const uint64_t *before,
		     const struct result *ours)
{
	print_error("%s:", what);
	for (uint32_t i = 0; i < a->insn.length; i++)
		print_error(" %02x", a->bytes[i]);
	print_error("; target %lx; exception %d, native %d; flags %lx, native %lx\n", a->target,
		    ours->vector, native.vector, ours->flags & 0xfff, native.flags & 0xfff);
	print_error("  cr2 %lx, native %lx; error %x, native %x\n", ours->cr2, native.cr2,
		    ours->error, native.error);
	for (uint32_t i = 0; i < 16; i++)
		if (ours->regs[i] != native.regs[i])
			print_error("  register %u: %lx -> %lx, native %lx\n", i, before[i],
				    ours->regs[i], native.regs[i]);
}

/* Runs one attempt both ways; whether they agree. */
static bool agree(struct attempt *a, struct emulated *e)
{
	struct machine before;
	const char *what;

	memcpy(&before, machine, sizeof(before));
	memcpy(e->memory, (void *)DATA_ADDRESS, DATA_SIZE);
	run_emulated(e, a->bytes);
	run_native(a->bytes, a->insn.length);
	if (result_undefined(a, before.regs)) {
		return true;
	}
	what = difference(a, &e->result,
			  a->insn.op == EMUL_OP_NONE ? 0 : defined_flags(a, before.regs));
	if (!what && memcmp(e->memory, (void *)DATA_ADDRESS, DATA_SIZE))
		what = "memory";
	if (what)
		describe(what, a, before.regs, &e->result);
	return !what;
}

static void read_selectors(struct emul_segment *segments)
{
	asm("mov %%es, %0" : "=r"(segments[EMUL_ES].selector));
	asm("mov %%cs, %0" : "=r"(segments[EMUL_CS].selector));
	asm("mov %%ss, %0" : "=r"(segments[EMUL_SS].selector));
	asm("mov %%ds, %0" : "=r"(segments[EMUL_DS].selector));
	asm("mov %%fs, %0" : "=r"(segments[EMUL_FS].selector));
	asm("mov %%gs, %0" : "=r"(segments[EMUL_GS].selector));
}

static void emulator_agrees_with_the_processor(void **state)
{
	uint64_t cases = emul_random_setting("EMUL_CASES", DEFAULT_CASES), done = 0, failures = 0;
	struct emul_random random = { emul_random_setting("EMUL_SEED", 1) };
	struct emulated *e = calloc(1, sizeof(*e));
	struct attempt a = { .random = &random, .movbe = has_movbe() };
	uint64_t seen[EMUL_OPS] = { 0 }, faults = 0;

	(void)state;
	set_up();
	read_selectors(e->segments);
	e->segments[EMUL_GS].base = GS_BASE;
	while (done < cases && failures < MAX_FAILURES) {
		if (done % 1024 == 0)
			emul_random_bytes(&random, (uint8_t *)DATA_ADDRESS, DATA_SIZE);
		if (!make_attempt(&a))
			continue;
		failures += !agree(&a, e);
		seen[a.insn.op]++;
		faults += native.vector != -1;
		done++;
	}
	free(e);
	assert_int_equal(failures, 0);
	print_message("# %lu cases, %lu of them exceptions\n", done, faults);
	/* The comparison means something only if every instruction took part, and few faulted. */
	for (uint32_t op = 1; op < EMUL_OP_MOVDIR64B; op++)
		if (op < EMUL_OP_INS || op > EMUL_OP_OUT)
			assert_true(seen[op] > cases / 2000 || (op == EMUL_OP_MOVBE && !a.movbe));
	assert_true(faults > cases / 200 && faults < cases / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(emulator_agrees_with_the_processor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
