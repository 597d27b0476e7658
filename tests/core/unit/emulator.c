/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What random comparison with a processor does not reach: REP in parts, faults in the middle,
 * races, segmentation outside 64-bit mode, what the callbacks are told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "emul/internal.h"

enum {
	MEMORY_SIZE = 0x3000,
	MEMORY_BASE = 0x10000,
	DATA32 = 0xc93,
	DATA32_DOWN = 0xc97,
	DATA32_READONLY = 0xc91,
	CODE32 = 0xc9b,
	CODE32_EXECUTE_ONLY = 0xc99,
	DATA16 = 0x93,
	MAX_ACCESSES = 8,
};

/* A processor with some memory, and a record of what was asked of it. */
struct world {
	struct emul_cpu cpu;
	uint64_t regs[16];
	uint8_t vectors[32][64];
	uint64_t masks[8];
	struct emul_segment segments[EMUL_SEGMENTS];
	uint8_t memory[MEMORY_SIZE];
	struct emul_cache cache;
	bool race;	       /* memory changes between the halves of a locked update */
	uint64_t bad_page;     /* linear address of a page that faults */
	uint32_t port_value;
	uint32_t ports;
	uint32_t accesses;
	struct {
		uint64_t linear;
		uint32_t size, access;
		bool write;
	} seen[MAX_ACCESSES];
};

static uint8_t *find(struct emul_cpu *cpu, uint64_t linear, uint32_t size, bool write,
		     uint32_t access)
{
	struct world *w = cpu->context;
	uint64_t last = linear + size - 1;

	if (w->accesses < MAX_ACCESSES) {
		w->seen[w->accesses].linear = linear;
		w->seen[w->accesses].size = size;
		w->seen[w->accesses].access = access;
		w->seen[w->accesses].write = write;
	}
	w->accesses++;
	if (w->bad_page && (align_down(linear, 4096) == w->bad_page ||
			    align_down(last, 4096) == w->bad_page)) {
		cpu->fault = (struct emul_fault){ .vector = 14,
						  .has_error = true,
						  .error = write || access & EMUL_ACCESS_UPDATE ? 2 : 0,
						  .cr2 = max_of(linear, w->bad_page) };
		return NULL;
	}
	assert_true(linear >= MEMORY_BASE && last < MEMORY_BASE + MEMORY_SIZE);
	return w->memory + (linear - MEMORY_BASE);
}

static enum emul_outcome read_memory(struct emul_cpu *cpu, uint64_t linear, void *data,
				     uint32_t size, uint32_t access)
{
	const uint8_t *from = find(cpu, linear, size, false, access);

	if (!from)
		return EMUL_FAULT;
	memcpy(data, from, size);
	return EMUL_DONE;
}

static enum emul_outcome write_memory(struct emul_cpu *cpu, uint64_t linear, const void *data,
				      uint32_t size, uint32_t access)
{
	uint8_t *to = find(cpu, linear, size, true, access);

	if (!to)
		return EMUL_FAULT;
	if (!(access & EMUL_ACCESS_PROBE))
		memcpy(to, data, size);
	return EMUL_DONE;
}

static enum emul_outcome exchange_memory(struct emul_cpu *cpu, uint64_t linear, const void *expected,
					 const void *desired, uint32_t size, uint32_t access)
{
	struct world *w = cpu->context;
	uint8_t *to = find(cpu, linear, size, true, access);

	if (!to)
		return EMUL_FAULT;
	if (w->race)
		to[0]++;
	if (memcmp(to, expected, size))
		return EMUL_RETRY;
	memcpy(to, desired, size);
	return EMUL_DONE;
}

static enum emul_outcome port_in(struct emul_cpu *cpu, uint16_t port, uint32_t *value, uint32_t size)
{
	struct world *w = cpu->context;

	assert_int_equal(port, 0x1f0);
	*value = w->port_value & size_mask(size);
	w->ports++;
	return EMUL_DONE;
}

static enum emul_outcome port_out(struct emul_cpu *cpu, uint16_t port, uint32_t value, uint32_t size)
{
	struct world *w = cpu->context;

	assert_int_equal(port, 0x1f0);
	assert_int_equal(value & ~size_mask(size), 0);
	w->port_value = value;
	w->ports++;
	return EMUL_DONE;
}

static enum emul_outcome vector_read(struct emul_cpu *cpu, uint32_t number, void *data, uint32_t size)
{
	struct world *w = cpu->context;

	memcpy(data, w->vectors[number], size);
	return EMUL_DONE;
}

static enum emul_outcome vector_write(struct emul_cpu *cpu, uint32_t number, const void *data,
				      uint32_t size, uint32_t clear_to)
{
	struct world *w = cpu->context;

	memcpy(w->vectors[number], data, size);
	if (clear_to > size)
		memset(w->vectors[number] + size, 0, clear_to - size);
	return EMUL_DONE;
}

static enum emul_outcome mask_read(struct emul_cpu *cpu, uint32_t number, uint32_t bits, uint64_t *mask)
{
	struct world *w = cpu->context;

	assert_in_range(bits, 1, 64);
	*mask = w->masks[number];
	return EMUL_DONE;
}

static const struct emul_ops ops = {
	.read = read_memory,
	.write = write_memory,
	.exchange = exchange_memory,
	.port_in = port_in,
	.port_out = port_out,
	.vector_read = vector_read,
	.vector_write = vector_write,
	.mask_read = mask_read,
};

static void make_world(struct world *w, uint32_t mode)
{
	memset(w, 0, sizeof(*w));
	w->cpu = (struct emul_cpu){ .regs = w->regs,
				    .segments = w->segments,
				    .rip = 0x100,
				    .rflags = 2,
				    .mode = mode,
				    .linear_bits = 48,
				    .ops = &ops,
				    .context = w };
	for (uint32_t i = 0; i < EMUL_SEGMENTS; i++)
		w->segments[i] = (struct emul_segment){ .attributes = mode == 2 ? DATA16 : DATA32,
							.limit = mode == 2 ? 0xffff : 0xffffffff,
							.base = mode == 2 ? MEMORY_BASE : 0 };
	w->segments[EMUL_CS].attributes = CODE32;
	for (uint32_t i = 0; i < MEMORY_SIZE; i++)
		w->memory[i] = i * 7 + (i >> 8);
}

/* Runs the instruction given as a string of bytes. */
#define RUN(w, code) run(w, (const uint8_t *)(code), sizeof(code) - 1)
static enum emul_outcome run(struct world *w, const uint8_t *code, uint32_t length)
{
	uint8_t bytes[EMUL_MAX_LENGTH] = { 0 };

	memcpy(bytes, code, length);
	return emul_run(&w->cpu, bytes, EMUL_MAX_LENGTH);
}

static void assert_fault(const struct world *w, int vector)
{
	assert_int_equal(w->cpu.fault.vector, vector);
	assert_int_equal(w->cpu.rip, 0x100);
}

/* ---- REP */

static void long_rep_comes_in_parts(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 8);
	w.regs[GPR_RCX] = EMUL_MAX_REPEAT + 10;
	w.regs[GPR_RDI] = MEMORY_BASE;
	w.regs[GPR_RAX] = 0x5a;
	assert_int_equal(RUN(&w, "\xf3\xaa"), EMUL_REPEAT); /* rep stosb */
	assert_int_equal(w.regs[GPR_RCX], 10);
	assert_int_equal(w.regs[GPR_RDI], MEMORY_BASE + EMUL_MAX_REPEAT);
	assert_int_equal(w.cpu.rip, 0x100);
	assert_true(w.cpu.rflags & FLAG_RF);
	assert_int_equal(w.memory[EMUL_MAX_REPEAT - 1], 0x5a);
	assert_int_not_equal(w.memory[EMUL_MAX_REPEAT], 0x5a);
	assert_int_equal(RUN(&w, "\xf3\xaa"), EMUL_DONE);
	assert_int_equal(w.regs[GPR_RCX], 0);
	assert_int_equal(w.cpu.rip, 0x102);
	assert_false(w.cpu.rflags & FLAG_RF);
	assert_int_equal(w.memory[EMUL_MAX_REPEAT + 9], 0x5a);
}

static void rep_of_exactly_one_part_is_done(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 8);
	w.regs[GPR_RCX] = EMUL_MAX_REPEAT;
	w.regs[GPR_RDI] = MEMORY_BASE;
	assert_int_equal(RUN(&w, "\xf3\xaa"), EMUL_DONE);
	assert_int_equal(w.cpu.rip, 0x102);
}

static void rep_of_nothing_touches_nothing(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 8);
	w.regs[GPR_RSI] = w.regs[GPR_RDI] = 1;
	assert_int_equal(RUN(&w, "\xf3\xa5"), EMUL_DONE); /* rep movsd */
	assert_int_equal(w.accesses, 0);
	assert_int_equal(w.regs[GPR_RSI], 1);
	assert_int_equal(w.cpu.rip, 0x102);
}

static void rep_fault_keeps_what_was_done(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 8);
	w.bad_page = MEMORY_BASE + 0x2000;
	w.regs[GPR_RCX] = 5;
	w.regs[GPR_RSI] = MEMORY_BASE;
	w.regs[GPR_RDI] = MEMORY_BASE + 0x2000 - 8;
	w.cpu.rflags |= FLAGS_STATUS;
	assert_int_equal(RUN(&w, "\xf3\xa5"), EMUL_FAULT); /* rep movsd */
	assert_fault(&w, 14);
	assert_int_equal(w.cpu.fault.cr2, MEMORY_BASE + 0x2000);
	assert_int_equal(w.cpu.fault.error, 2);
	assert_int_equal(w.regs[GPR_RCX], 3);
	assert_int_equal(w.regs[GPR_RSI], MEMORY_BASE + 8);
	assert_int_equal(w.regs[GPR_RDI], MEMORY_BASE + 0x2000);
	assert_memory_equal(w.memory, w.memory + 0x2000 - 8, 8);
	w.bad_page = 0;
	assert_int_equal(RUN(&w, "\xf3\xa5"), EMUL_DONE);
	assert_memory_equal(w.memory, w.memory + 0x2000 - 8, 20);
}

/* SDM v2 "CMPS": a fault leaves the flags as they were before the instruction. */
static void comparison_fault_keeps_flags(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 8);
	memset(w.memory, 1, sizeof(w.memory));
	w.bad_page = MEMORY_BASE + 0x2000;
	w.regs[GPR_RCX] = 5;
	w.regs[GPR_RAX] = 1;
	w.regs[GPR_RDI] = MEMORY_BASE + 0x2000 - 2;
	w.cpu.rflags = 2 | FLAG_CF | FLAG_SF;
	assert_int_equal(RUN(&w, "\xf3\xae"), EMUL_FAULT); /* repe scasb */
	assert_int_equal(w.regs[GPR_RCX], 3);
	assert_int_equal(w.cpu.rflags, 2 | FLAG_CF | FLAG_SF);
}

static void rep_counts_by_address_size(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 2);
	w.regs[GPR_RCX] = 0xdead0003;
	w.regs[GPR_RDI] = 0xbeefffff;
	w.regs[GPR_RAX] = 0x77;
	w.segments[EMUL_ES].base = 0x1000;
	w.bad_page = 0x1000;
	assert_int_equal(RUN(&w, "\xf3\xaa"), EMUL_FAULT); /* at ES:0000, after ES:FFFF */
	assert_int_equal(w.regs[GPR_RCX], 0xdead0002);
	assert_int_equal(w.regs[GPR_RDI], 0xbeef0000);
	assert_int_equal(w.memory[0xfff], 0x77);
}

/* ---- ports */

static void ins_loses_no_port_data(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 8);
	w.bad_page = MEMORY_BASE + 0x1000;
	w.port_value = 0x12345678;
	w.regs[GPR_RDX] = 0x1f0;
	w.regs[GPR_RCX] = 4;
	w.regs[GPR_RDI] = MEMORY_BASE + 0x1000 - 4;
	assert_int_equal(RUN(&w, "\xf3\x66\x6d"), EMUL_FAULT); /* rep insw */
	assert_int_equal(w.ports, 2);
	assert_int_equal(w.regs[GPR_RCX], 2);
	assert_int_equal(w.memory[0xffc] | w.memory[0xffd] << 8, 0x5678);
	assert_true(w.seen[0].access & EMUL_ACCESS_PROBE);
	assert_false(w.seen[1].access & EMUL_ACCESS_PROBE);
}

static void outs_uses_its_segment(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 4);
	w.segments[EMUL_FS].base = MEMORY_BASE;
	w.regs[GPR_RDX] = 0x1f0;
	w.regs[GPR_RSI] = 4;
	assert_int_equal(RUN(&w, "\x64\x6f"), EMUL_DONE); /* fs outsd */
	assert_memory_equal(&w.port_value, w.memory + 4, 4);
	assert_int_equal(w.regs[GPR_RSI], 8);
}

static void in_and_out_by_size(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 8);
	w.port_value = 0xaabbccdd;
	w.regs[GPR_RDX] = 0x1f0;
	w.regs[GPR_RAX] = ~0ULL;
	assert_int_equal(RUN(&w, "\xec"), EMUL_DONE); /* in al, dx */
	assert_true(w.regs[GPR_RAX] == 0xffffffffffffffdd);
	assert_int_equal(RUN(&w, "\xed"), EMUL_DONE); /* in eax, dx */
	assert_int_equal(w.regs[GPR_RAX], 0xaabbccdd);
	assert_int_equal(RUN(&w, "\x66\xef"), EMUL_DONE); /* out dx, ax */
	assert_int_equal(w.port_value, 0xccdd);
}

/* ---- memory updates */

static void lost_race_changes_nothing(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 8);
	w.race = true;
	w.regs[GPR_RBX] = MEMORY_BASE;
	w.regs[GPR_RCX] = 5;
	assert_int_equal(RUN(&w, "\xf0\x0f\xc1\x0b"), EMUL_RETRY); /* lock xadd [rbx], ecx */
	assert_int_equal(w.cpu.rip, 0x100);
	assert_int_equal(w.cpu.rflags, 2);
	assert_int_equal(w.regs[GPR_RCX], 5);
	assert_int_equal(RUN(&w, "\x87\x0b"), EMUL_RETRY); /* xchg [rbx], ecx: locked without prefix */
	assert_int_equal(w.regs[GPR_RCX], 5);
	assert_int_equal(RUN(&w, "\x01\x0b"), EMUL_DONE); /* add [rbx], ecx: not locked */
}

static void updates_read_as_writes(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 8);
	w.regs[GPR_RBX] = MEMORY_BASE + 0xffe;
	assert_int_equal(RUN(&w, "\xff\x03"), EMUL_DONE); /* inc dword [rbx], across a page */
	assert_int_equal(w.accesses, 2);
	assert_int_equal(w.seen[0].access, EMUL_ACCESS_UPDATE | EMUL_ACCESS_SOLE);
	assert_int_equal(w.seen[1].access, EMUL_ACCESS_SOLE);
	assert_int_equal(w.seen[0].size, 4);
	assert_true(w.seen[1].write);
	w.bad_page = MEMORY_BASE + 0x1000;
	w.cpu.rip = 0x100;
	assert_int_equal(RUN(&w, "\xff\x03"), EMUL_FAULT);
	assert_fault(&w, 14);
	assert_int_equal(w.cpu.fault.cr2, MEMORY_BASE + 0x1000);
	assert_int_equal(w.cpu.fault.error, 2);
}

static void two_operands_are_not_sole(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 8);
	w.regs[GPR_RSI] = MEMORY_BASE;
	w.regs[GPR_RDI] = MEMORY_BASE + 64;
	w.regs[GPR_RSP] = MEMORY_BASE + 128;
	assert_int_equal(RUN(&w, "\xa5"), EMUL_DONE);	      /* movsd */
	assert_int_equal(RUN(&w, "\xff\x36"), EMUL_DONE);     /* push qword [rsi] */
	assert_int_equal(RUN(&w, "\x8f\x07"), EMUL_DONE);     /* pop qword [rdi] */
	assert_int_equal(w.accesses, 6);
	for (uint32_t i = 0; i < 6; i++)
		assert_int_equal(w.seen[i].access & EMUL_ACCESS_SOLE, 0);
	w.accesses = 0;
	assert_int_equal(RUN(&w, "\xab"), EMUL_DONE);	  /* stosd */
	assert_int_equal(RUN(&w, "\x8b\x06"), EMUL_DONE); /* mov eax, [rsi] */
	assert_int_equal(RUN(&w, "\x50"), EMUL_DONE);	  /* push rax */
	for (uint32_t i = 0; i < 3; i++)
		assert_true(w.seen[i].access & EMUL_ACCESS_SOLE);
}

static void pop_fault_keeps_the_stack_pointer(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 8);
	w.bad_page = MEMORY_BASE + 0x1000;
	w.regs[GPR_RSP] = MEMORY_BASE + 0xff8;
	assert_int_equal(RUN(&w, "\x8f\x04\x24"), EMUL_FAULT); /* pop [rsp]: at the new RSP */
	assert_fault(&w, 14);
	assert_int_equal(w.regs[GPR_RSP], MEMORY_BASE + 0xff8);
	assert_int_equal(w.cpu.fault.cr2, MEMORY_BASE + 0x1000);
}

static void bit_offsets_leave_the_operand(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 8);
	w.regs[GPR_RBX] = MEMORY_BASE + 0x800;
	w.regs[GPR_RCX] = -1;
	assert_int_equal(RUN(&w, "\x0f\xab\x0b"), EMUL_DONE); /* bts [rbx], ecx */
	assert_int_equal(w.seen[0].linear, MEMORY_BASE + 0x7fc);
	assert_true(w.memory[0x7ff] & 0x80);
	w.regs[GPR_RCX] = 64 * 10 + 3;
	assert_int_equal(RUN(&w, "\x48\x0f\xb3\x0b"), EMUL_DONE); /* btr [rbx], rcx */
	assert_int_equal(w.seen[2].linear, MEMORY_BASE + 0x800 + 80);
	assert_int_equal(w.seen[2].size, 8);
	assert_int_equal(RUN(&w, "\x0f\xba\x23\x7f"), EMUL_DONE); /* bt [rbx], 127: stays */
	assert_int_equal(w.seen[4].linear, MEMORY_BASE + 0x800);
	make_world(&w, 2);
	w.regs[GPR_RBX] = 2;
	w.regs[GPR_RCX] = 0x8000; /* -32768 bits: -4096 bytes, around the end of the segment */
	w.segments[EMUL_DS].base = MEMORY_BASE - 0xf000;
	assert_int_equal(RUN(&w, "\x0f\xa3\x0f"), EMUL_DONE); /* bt [bx], cx */
	assert_int_equal(w.seen[0].linear, MEMORY_BASE + 2);
}

/* ---- segmentation */

static void limits_are_checked(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 4);
	w.segments[EMUL_DS] = (struct emul_segment){ .attributes = DATA32, .limit = 0xfff, .base = MEMORY_BASE };
	w.regs[GPR_RBX] = 0xffc;
	assert_int_equal(RUN(&w, "\x8b\x03"), EMUL_DONE); /* mov eax, [ebx] */
	w.cpu.rip = 0x100;
	w.regs[GPR_RBX] = 0xffd;
	assert_int_equal(RUN(&w, "\x8b\x03"), EMUL_FAULT);
	assert_fault(&w, 13);
	assert_true(w.cpu.fault.has_error);
	w.segments[EMUL_SS] = w.segments[EMUL_DS];
	w.regs[GPR_RBP] = 0xffd;
	assert_int_equal(RUN(&w, "\x8b\x45\x00"), EMUL_FAULT); /* mov eax, [ebp] */
	assert_fault(&w, 12);
	w.regs[GPR_RSP] = 2;
	assert_int_equal(RUN(&w, "\x50"), EMUL_FAULT); /* push eax: around the end */
	assert_fault(&w, 12);
	w.regs[GPR_RBX] = 0xffffffff;
	w.segments[EMUL_DS].limit = 0xffffffff;
	assert_int_equal(RUN(&w, "\x8b\x03"), EMUL_FAULT);
	assert_fault(&w, 13);
}

static void expand_down_turns_the_limit_out(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 4);
	w.segments[EMUL_DS] = (struct emul_segment){ .attributes = DATA32_DOWN, .limit = 0xfff, .base = MEMORY_BASE };
	w.regs[GPR_RBX] = 0x1000;
	assert_int_equal(RUN(&w, "\x8b\x03"), EMUL_DONE);
	w.cpu.rip = 0x100;
	w.regs[GPR_RBX] = 0xfff;
	assert_int_equal(RUN(&w, "\x8b\x03"), EMUL_FAULT);
	assert_fault(&w, 13);
	w.segments[EMUL_DS].attributes &= ~SEGMENT_BIG;
	w.regs[GPR_RBX] = 0xfffe;
	assert_int_equal(RUN(&w, "\x8b\x03"), EMUL_FAULT);
	assert_fault(&w, 13);
}

static void segment_types_are_checked(void **state)
{
	static const struct {
		uint16_t attributes;
		bool read, write;
	} cases[] = {
		{ DATA32, true, true },
		{ DATA32_READONLY, true, false },
		{ CODE32, true, false },
		{ CODE32_EXECUTE_ONLY, false, false },
		{ 0, false, false },
	};
	struct world w;

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(cases); i++) {
		make_world(&w, 4);
		w.regs[GPR_RBX] = MEMORY_BASE;
		w.segments[EMUL_DS].attributes = cases[i].attributes;
		assert_int_equal(RUN(&w, "\x8b\x03"), cases[i].read ? EMUL_DONE : EMUL_FAULT);
		assert_int_equal(RUN(&w, "\x89\x03"), cases[i].write ? EMUL_DONE : EMUL_FAULT);
		/* an update is a write from its first half on */
		w.accesses = 0;
		assert_int_equal(RUN(&w, "\x01\x03"), cases[i].write ? EMUL_DONE : EMUL_FAULT);
		assert_int_equal(w.accesses, cases[i].write ? 2 : 0);
	}
}

static void linear_addresses_wrap_at_4_gib(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 4);
	w.segments[EMUL_DS].base = 0xffff0000;
	w.regs[GPR_RBX] = MEMORY_BASE + 0x10000;
	assert_int_equal(RUN(&w, "\x8b\x03"), EMUL_DONE);
	assert_int_equal(w.seen[0].linear, MEMORY_BASE);
}

static void code_ends_at_its_limit(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 4);
	w.regs[GPR_RBX] = MEMORY_BASE;
	w.segments[EMUL_CS].limit = 0x101;
	assert_int_equal(RUN(&w, "\x8b\x03"), EMUL_DONE);
	w.cpu.rip = 0x100;
	w.segments[EMUL_CS].limit = 0x100;
	assert_int_equal(RUN(&w, "\x8b\x03"), EMUL_FAULT);
	assert_fault(&w, 13);
}

static void addresses_are_canonical(void **state)
{
	static const struct {
		uint64_t address;
		uint8_t bits, vector;
	} cases[] = {
		{ 0x00007ffffffffffd, 48, 13 }, /* the last byte is not */
		{ 0x0000800000000000, 48, 13 },
		{ 0xffff7ffffffffffe, 48, 13 },
		{ 0x0000800000000000, 57, 14 },
		{ 0x0100000000000000, 57, 13 },
		{ 0x00fffffffffffffd, 57, 13 },
		{ 0x00007ffffffffffc, 48, 14 },
		{ 0xffff800000000000, 48, 14 },
	};
	struct world w;

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(cases); i++) {
		make_world(&w, 8);
		w.bad_page = align_down(cases[i].address, 4096);
		w.cpu.linear_bits = cases[i].bits;
		w.regs[GPR_RBX] = cases[i].address;
		assert_int_equal(RUN(&w, "\x8b\x03"), EMUL_FAULT);
		assert_fault(&w, cases[i].vector);
	}
	w.regs[GPR_RSP] = BIT(62);
	assert_int_equal(RUN(&w, "\x50"), EMUL_FAULT);
	assert_fault(&w, 12);
}

/* ---- others */

static void selectors_fill_registers_only(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 8);
	w.segments[EMUL_DS].selector = 0x23;
	w.regs[GPR_RAX] = ~0ULL;
	w.regs[GPR_RBX] = MEMORY_BASE;
	w.memory[2] = 0xee;
	assert_int_equal(RUN(&w, "\x8c\xd8"), EMUL_DONE); /* mov eax, ds */
	assert_int_equal(w.regs[GPR_RAX], 0x23);
	assert_int_equal(RUN(&w, "\x48\x8c\x1b"), EMUL_DONE); /* mov [rbx], ds */
	assert_int_equal(w.seen[0].size, 2);
	assert_int_equal(w.memory[2], 0xee);
}

/* The signed range has one more number below 0 than above. */
static void signed_division_at_its_bounds(void **state)
{
	static const struct {
		uint64_t high, low;
		int8_t divisor;
		bool fits;
	} cases[] = {
		{ 0, BIT(63), 1, false },     { ~0ULL, BIT(63), 1, true },
		{ 0, BIT(63), -1, true },     { ~0ULL, BIT(63), -1, false },
		{ 0, BIT(63) - 1, 1, true },  { ~0ULL, BIT(63) - 1, 1, false },
		{ 0, 5, 0, false },
	};
	struct world w;

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(cases); i++) {
		make_world(&w, 8);
		w.regs[GPR_RAX] = cases[i].low;
		w.regs[GPR_RDX] = cases[i].high;
		w.regs[GPR_RBX] = (int64_t)cases[i].divisor;
		assert_int_equal(RUN(&w, "\x48\xf7\xfb"), cases[i].fits ? EMUL_DONE : EMUL_FAULT);
		if (cases[i].fits)
			assert_true(w.regs[GPR_RAX] == cases[i].low && !w.regs[GPR_RDX]);
		else
			assert_fault(&w, 0);
	}
}

static void make_vector_world(struct world *w)
{
	make_world(w, 8);
	w->regs[GPR_RBX] = MEMORY_BASE + 0x80;
	for (uint32_t i = 0; i < 32 * 64; i++)
		w->vectors[i / 64][i % 64] = 0x80 | i;
}

/* EVEX: registers of 64 bytes up to 31, displacements that count operands. */
static void evex_moves(void **state)
{
	struct world w;

	(void)state;
	make_vector_world(&w);
	assert_int_equal(RUN(&w, "\x62\xe1\xfe\x48\x7f\x0b"), EMUL_DONE); /* vmovdqu64 [rbx], zmm17 */
	assert_memory_equal(w.memory + 0x80, w.vectors[17], 64);
	assert_int_equal(w.accesses, 1);
	assert_int_equal(w.seen[0].size, 64);
	assert_int_equal(w.cpu.rip, 0x106);
	make_vector_world(&w);
	w.masks[1] = ~0ULL;
	assert_int_equal(RUN(&w, "\x62\xf1\x7e\x89\x10\x1b"), EMUL_DONE); /* vmovss xmm3{k1}{z}, [rbx] */
	assert_memory_equal(w.vectors[3], w.memory + 0x80, 4);
	for (uint32_t i = 4; i < 64; i++)
		assert_int_equal(w.vectors[3][i], 0);
}

/* What the opmask leaves out stays, or becomes zero, and is not touched in memory. */
static void evex_masks(void **state)
{
	static const char *const loads[] = { "\x62\xe1\x7e\x4a\x6f\x63\x02",   /* vmovdqu32 zmm20{k2}, [rbx+128] */
					     "\x62\xe1\x7e\xca\x6f\x63\x02" }; /* ... {z} */
	struct world w, before;

	(void)state;
	for (uint32_t zeroing = 0; zeroing < 2; zeroing++) {
		make_vector_world(&w);
		before = w;
		w.masks[2] = 0xa5a5;
		assert_int_equal(run(&w, (const uint8_t *)loads[zeroing], 7), EMUL_DONE);
		for (uint32_t i = 0; i < 64; i++)
			assert_int_equal(w.vectors[20][i], 0xa5a5 >> i / 4 & 1 ? w.memory[0x100 + i] :
							   zeroing ? 0 : before.vectors[20][i]);
		assert_int_equal(w.accesses, 8);
	}
	make_vector_world(&w);
	before = w;
	w.masks[7] = 0x8001;
	w.bad_page = MEMORY_BASE + 0x1000;
	w.regs[GPR_RBX] = MEMORY_BASE + 0x1000 + 32 - 30; /* the last element of 16 faults */
	assert_int_equal(RUN(&w, "\x62\x61\xff\x2f\x7f\x73\xff"), EMUL_FAULT); /* vmovdqu16 [rbx-32]{k7}, ymm30 */
	assert_fault(&w, 14);
	w.masks[7] = 1;
	assert_int_equal(RUN(&w, "\x62\x61\xff\x2f\x7f\x73\xff"), EMUL_DONE);
	assert_memory_equal(w.memory + 0xfe2, w.vectors[30], 2);
	assert_memory_equal(w.memory + 0xfe4, before.memory + 0xfe4, 30);
	make_vector_world(&w);
	w.masks[1] = 0; /* alignment is asked of the whole operand, whatever the opmask */
	w.regs[GPR_RBX] += 8;
	assert_int_equal(RUN(&w, "\x62\xf1\xfd\x29\x6f\x2b"), EMUL_FAULT); /* vmovdqa64 ymm5{k1}, [rbx] */
	assert_fault(&w, 13);
}

/* Direct stores: MOVDIRI is a MOV, MOVDIR64B copies 64 bytes to an aligned place. */
static void direct_stores(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 8);
	w.regs[GPR_RAX] = 0x1122334455667788;
	w.regs[GPR_RBX] = MEMORY_BASE;
	assert_int_equal(RUN(&w, "\x48\x0f\x38\xf9\x03"), EMUL_DONE); /* movdiri [rbx], rax */
	assert_memory_equal(w.memory, &w.regs[GPR_RAX], 8);
	make_world(&w, 8);
	w.regs[GPR_RBX] = MEMORY_BASE + 5;
	w.regs[GPR_RDX] = MEMORY_BASE + 128;
	assert_int_equal(RUN(&w, "\x66\x0f\x38\xf8\x13"), EMUL_DONE); /* movdir64b rdx, [rbx] */
	assert_memory_equal(w.memory + 128, w.memory + 5, 64);
	w.cpu.rip = 0x100;
	w.regs[GPR_RDX] += 8;
	assert_int_equal(RUN(&w, "\x66\x0f\x38\xf8\x13"), EMUL_FAULT);
	assert_fault(&w, 13);
}

/* An instruction that the table has for its length alone is not run. */
static void length_rows_are_unhandled(void **state)
{
	struct world w;
	struct emul_insn insn;
	struct emul_fault fault;

	(void)state;
	make_world(&w, 8);
	assert_int_equal(RUN(&w, "\x0f\xa2"), EMUL_UNHANDLED);	 /* cpuid */
	assert_int_equal(RUN(&w, "\x0f\x05"), EMUL_UNHANDLED);	 /* syscall: no row */
	assert_int_equal(w.cpu.rip, 0x100);
	assert_int_equal(emul_decode(&insn, (const uint8_t *)"\x44\x0f\x22\xc1", 4, 8, &fault), EMUL_DONE);
	assert_int_equal(insn.op, EMUL_OP_MOV_TO_CR);
	assert_int_equal(insn.reg, 8); /* mov cr8, rcx */
	assert_int_equal(insn.rm, GPR_RCX);
	assert_int_equal(emul_decode(&insn, (const uint8_t *)"\x2e\x66\xf3\x6e", 4, 4, &fault), EMUL_DONE);
	assert_int_equal(insn.op, EMUL_OP_OUTS);
	assert_int_equal(insn.segment, EMUL_CS);
	assert_int_equal(insn.prefixes, EMUL_PREFIX_REPE);
	assert_int_equal(insn.operand_size, 1);
	assert_int_equal(insn.address_size, 4);
}

/* The same place holding other bytes, or the same bytes in another mode, is another instruction. */
static void cache_answers_for_its_bytes_alone(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 8);
	w.cpu.cache = &w.cache;
	w.regs[GPR_RBX] = MEMORY_BASE;
	for (uint32_t i = 0; i < 3; i++) {
		w.cpu.rip = 0x100;
		w.regs[GPR_RAX] = 0;
		assert_int_equal(RUN(&w, "\x48\x8b\x03"), EMUL_DONE); /* mov rax, [rbx] */
		assert_memory_equal(&w.regs[GPR_RAX], w.memory, 8);
		assert_int_equal(w.cpu.rip, 0x103);
		w.cpu.rip = 0x100;
		w.regs[GPR_RAX] = 0;
		assert_int_equal(RUN(&w, "\x48\x8a\x03"), EMUL_DONE); /* mov al, [rbx] */
		assert_int_equal(w.regs[GPR_RAX], w.memory[0]);
		w.cpu.rip = 0x100;
		assert_int_equal(RUN(&w, "\x0f\x05"), EMUL_UNHANDLED);
		w.cpu.rip = 0x100;
		w.cpu.mode = 4;
		w.regs[GPR_RAX] = 5;
		assert_int_equal(RUN(&w, "\x48\x8b\x03"), EMUL_DONE); /* dec eax */
		assert_int_equal(w.regs[GPR_RAX], 4);
		w.cpu.mode = 8;
		w.cpu.rip = 0x100; /* mov dword [rbx + disp32], imm32: they differ in the tenth byte */
		assert_int_equal(RUN(&w, "\xc7\x83\x40\0\0\0\1\0\0\1"), EMUL_DONE);
		assert_int_equal(w.memory[0x43], 1);
		w.cpu.rip = 0x100;
		assert_int_equal(RUN(&w, "\xc7\x83\x40\0\0\0\1\0\0\2"), EMUL_DONE);
		assert_int_equal(w.memory[0x43], 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(long_rep_comes_in_parts),
		cmocka_unit_test(rep_of_exactly_one_part_is_done),
		cmocka_unit_test(rep_of_nothing_touches_nothing),
		cmocka_unit_test(rep_fault_keeps_what_was_done),
		cmocka_unit_test(comparison_fault_keeps_flags),
		cmocka_unit_test(rep_counts_by_address_size),
		cmocka_unit_test(ins_loses_no_port_data),
		cmocka_unit_test(outs_uses_its_segment),
		cmocka_unit_test(in_and_out_by_size),
		cmocka_unit_test(lost_race_changes_nothing),
		cmocka_unit_test(updates_read_as_writes),
		cmocka_unit_test(two_operands_are_not_sole),
		cmocka_unit_test(pop_fault_keeps_the_stack_pointer),
		cmocka_unit_test(bit_offsets_leave_the_operand),
		cmocka_unit_test(limits_are_checked),
		cmocka_unit_test(expand_down_turns_the_limit_out),
		cmocka_unit_test(segment_types_are_checked),
		cmocka_unit_test(linear_addresses_wrap_at_4_gib),
		cmocka_unit_test(code_ends_at_its_limit),
		cmocka_unit_test(addresses_are_canonical),
		cmocka_unit_test(selectors_fill_registers_only),
		cmocka_unit_test(signed_division_at_its_bounds),
		cmocka_unit_test(evex_moves),
		cmocka_unit_test(evex_masks),
		cmocka_unit_test(direct_stores),
		cmocka_unit_test(length_rows_are_unhandled),
		cmocka_unit_test(cache_answers_for_its_bytes_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
