/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Write protection of 128-byte sub-pages (SDM v3 28.3.4). Two pages let some of their sub-pages be written; what is
 * written to the others has no effect, or gives a fault, as guest.yaml says of each range:
 *
 *     0x3000000  drop     two pages, in each the sub-pages 8 to 19 and 24 to 27 are open
 *     0x3002000  free
 *     0x3003000  fault    sub-page 4 is closed: #PF
 *     0x3004000  general  sub-pages 0, 1 and 31 are open: #GP elsewhere
 *
 * Rule: an instruction's write takes place as a whole, and only if every sub-page it touches is open; a string instruction
 * writes element by element. Every store is tried at every place of the first three pages, and what memory then holds is
 * compared with a copy that obeys the rule. Reads are never refused. (`first-part` on the command line: this processor looks
 * only at the first sub-page that a write touches, so writes across two are left out.)
 */
#include "guest.h"

#define DROP 0x3000000ul
#define SPAN 0x3000ul /* compared: `drop` and the free page behind it */
#define FAULT 0x3003000ul
#define GENERAL 0x3004000ul
#define OPEN 0x0f0fff00u

static uint8_t shadow[SPAN];

static bool is_open(uint64_t address, uint32_t size)
{
	for (uint64_t a = address; a < address + size; a++)
		if (a < DROP + 0x2000 && !(OPEN >> (a / 128 % 32) & 1))
			return false;
	return true;
}

/* The rule, on the copy. */
static void model(uint64_t address, const void *bytes, uint32_t size)
{
	const uint8_t *from = bytes;

	for (uint32_t i = 0; i < size && is_open(address, size); i++)
		shadow[address - DROP + i] = from[i];
}

/* Bytes in which memory and the copy differ. */
static uint64_t differences(void)
{
	const volatile uint8_t *memory = (const volatile uint8_t *)DROP;
	uint64_t count = 0;

	for (uint64_t i = 0; i < SPAN; i++)
		count += memory[i] != shadow[i];
	return count;
}

/* ------------------------------------------------------------------------------------ plain stores */
static void store8(uint64_t at, uint64_t value)
{
	__asm__ volatile("movb %b0, (%1)" : : "q"(value), "r"(at) : "memory");
}
static void store16(uint64_t at, uint64_t value)
{
	__asm__ volatile("movw %w0, (%1)" : : "r"(value), "r"(at) : "memory");
}
static void store32(uint64_t at, uint64_t value)
{
	__asm__ volatile("movl %k0, (%1)" : : "r"(value), "r"(at) : "memory");
}
static void store64(uint64_t at, uint64_t value)
{
	__asm__ volatile("movq %0, (%1)" : : "r"(value), "r"(at) : "memory");
}
static void store_immediate(uint64_t at, uint64_t value)
{
	(void)value;
	__asm__ volatile("movl $0x5a5a5a5a, (%0)" : : "r"(at) : "memory");
}
static void store_nontemporal(uint64_t at, uint64_t value)
{
	__asm__ volatile("movnti %0, (%1)" : : "r"(value), "r"(at) : "memory");
}
static void store_push(uint64_t at, uint64_t value)
{
	uint64_t stack;

	__asm__ volatile("mov %%rsp, %0; lea 8(%1), %%rsp; push %2; mov %0, %%rsp" : "=&r"(stack) : "r"(at), "r"(value) : "memory");
}
static void store_sse(uint64_t at, uint64_t value)
{
	uint64_t pair[2] = { value, ~value };

	__asm__ volatile("movups (%0), %%xmm5; movups %%xmm5, (%1)" : : "r"(pair), "r"(at) : "memory");
}
static void store_locked(uint64_t at, uint64_t value)
{
	uint64_t old = *(volatile uint64_t *)at;

	__asm__ volatile("lock cmpxchgq %1, (%2)" : "+a"(old) : "r"(value), "r"(at) : "memory", "cc");
}
static void store_exchange(uint64_t at, uint64_t value)
{
	__asm__ volatile("xchgq %0, (%1)" : "+r"(value) : "r"(at) : "memory");
}

static void store_sse_aligned(uint64_t at, uint64_t value)
{
	uint64_t pair[2] = { value, ~value };

	__asm__ volatile("movups (%0), %%xmm5; movntdq %%xmm5, (%1)" : : "r"(pair), "r"(at) : "memory");
}
static void store_locked_16(uint64_t at, uint64_t value)
{
	const volatile uint64_t *was = (const volatile uint64_t *)at;
	uint64_t low = was[0], high = was[1];

	__asm__ volatile("lock cmpxchg16b (%2)" : "+a"(low), "+d"(high) : "r"(at), "b"(value), "c"(~value) : "memory", "cc");
}
static void store_ymm(uint64_t at, uint64_t value)
{
	uint64_t pair[4] = { value, ~value, value, ~value };

	__asm__ volatile("vmovups (%0), %%ymm5; vmovups %%ymm5, (%1); vzeroupper" : : "r"(pair), "r"(at) : "memory");
}
static void store_zmm(uint64_t at, uint64_t value)
{
	uint64_t pair[8] = { value, ~value, value, ~value, value, ~value, value, ~value };

	__asm__ volatile("vmovups (%0), %%zmm21; vmovdqu64 %%zmm21, (%1)" : : "r"(pair), "r"(at) : "memory");
}

static const struct form {
	const char *name;
	void (*store)(uint64_t at, uint64_t value);
	uint32_t size, step; /* bytes written; distance of the places */
	bool immediate;
	uint32_t state; /* of XCR0, which the processor must have */
} forms[] = {
	{ "mov m8, r8 at every byte", store8, 1, 1 },
	{ "mov m16, r16 at every byte", store16, 2, 1 },
	{ "mov m32, r32 at every third byte", store32, 4, 3 },
	{ "mov m64, r64 at every third byte", store64, 8, 3 },
	{ "mov m32, imm32 at every fifth byte", store_immediate, 4, 5, true },
	{ "movnti at every seventh byte", store_nontemporal, 8, 7 },
	{ "push at every fifth byte", store_push, 8, 5 },
	{ "movups at every third byte", store_sse, 16, 3 },
	{ "lock cmpxchg at every eighth byte", store_locked, 8, 8 },
	{ "xchg at every eighth byte", store_exchange, 8, 8 },
	{ "movntdq at every sixteenth byte", store_sse_aligned, 16, 16 },
	{ "lock cmpxchg16b at every sixteenth byte", store_locked_16, 16, 16 },
	{ "vmovups ymm at every fifth byte", store_ymm, 32, 5, .state = 7 },
	{ "vmovdqu64 zmm at every seventh byte", store_zmm, 64, 7, .state = 0xe7 },
};

static bool left_out(uint64_t at, uint32_t size)
{
	return has_argument("first-part") && at / 128 != (at + size - 1) / 128;
}

static void check_form(const struct form *form)
{
	for (uint64_t at = DROP; at + form->size <= DROP + SPAN; at += form->step) {
		uint64_t value = form->immediate ? 0x5a5a5a5a5a5a5a5a : (at + form->size) * 0x9e3779b97f4a7c15ull;
		uint64_t pair[8] = { value, ~value, value, ~value, value, ~value, value, ~value };

		if (left_out(at, form->size))
			continue;
		form->store(at, value);
		model(at, pair, form->size);
	}
	check_value(form->name, differences(), 0);
}

static void check_walk(void);

/* What the emulator has not: where the processor cannot tell sub-pages apart, the guest is stopped there, and what it would have
 * written is not. */
static void end(void)
{
	const uint64_t open = DROP + 8 * 128;

	print("guest: an instruction that is not emulated\n");
	if (has_argument("end=fxsave"))
		__asm__ volatile("fxsave (%0)" : : "r"(open) : "memory");
	else if (has_argument("end=maskmovdqu"))
		__asm__ volatile("pcmpeqd %%xmm5, %%xmm5; maskmovdqu %%xmm5, %%xmm5" : : "D"(open) : "memory");
	else if (has_argument("end=call"))
		__asm__ volatile("mov %0, %%rsp; call 1f; 1:" : : "r"(open + 128) : "memory");
	else if (has_argument("end=frame"))
		__asm__ volatile("mov %0, %%rsp; int3" : : "r"(open + 128) : "memory");
	else if (has_argument("end=tables"))
		check_walk();
	print("guest: went on\n");
}

/* ---------------------------------------------------------------------------------------- strings */
static void check_strings(void)
{
	static uint8_t source[SPAN];
	void *to = (void *)DROP;
	const void *from = source;
	uint64_t count = SPAN;

	__asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(0x77) : "memory");
	for (uint64_t i = 0; i < SPAN; i++)
		model(DROP + i, "\x77", 1);
	check_value("rep stosb over all of it", differences(), 0);
	check_value("... goes to the end", (uint64_t)to + count, DROP + SPAN);
	for (uint64_t i = 0; i < SPAN; i++)
		source[i] = (uint8_t)(i * 11);
	if (has_argument("first-part")) {
		skip("rep movsq across the borders of sub-pages", "this processor looks at the first one");
		return;
	}
	to = (void *)(DROP + 4);
	count = SPAN / 8 - 1;
	__asm__ volatile("rep movsq" : "+S"(from), "+D"(to), "+c"(count) : : "memory");
	for (uint64_t i = 0; i < SPAN / 8 - 1; i++)
		model(DROP + 4 + 8 * i, source + 8 * i, 8);
	check_value("rep movsq across the borders of sub-pages", differences(), 0);
}

/* ------------------------------------------------------------------------- updates, and their flags */
static void check_updates(void)
{
	volatile uint32_t *open = (volatile uint32_t *)(DROP + 8 * 128), *closed = (volatile uint32_t *)DROP;
	uint32_t was = *closed, sum = 5;
	uint8_t carry;

	*open = 7;
	__asm__ volatile("lock xaddl %0, (%1)" : "+r"(sum) : "r"(open) : "memory", "cc");
	check_value("lock xadd where it may", (uint64_t)*open << 32 | sum, 12ull << 32 | 7);
	__asm__ volatile("addl $1, (%0)" : : "r"(closed) : "memory", "cc");
	check_value("add where it may not leaves memory", *closed, was);
	__asm__ volatile("lock btsl $31, (%1); setc %0" : "=q"(carry) : "r"(closed) : "memory", "cc");
	check_value("lock bts there leaves memory", *closed, was);
	check_value("... and its flag is that of memory", carry, was >> 31);
	sum = 1;
	__asm__ volatile("xchgl %0, (%1)" : "+r"(sum) : "r"(closed) : "memory");
	check_value("xchg there reads", sum, was);
	memory_copy(shadow, (const void *)DROP, SPAN);
}

/* --------------------------------------------------------------------- what the core writes, and the walk of the page tables */
#define MSR_SYSTEM_TIME 0x4b564d01u
#define MSR_PV_EOI	0x4b564d04u
#define WINDOW		(0x3800000ul + 9 * 128 / 8 * 4096) /* the page of that entry of a table */

extern uint64_t page_directories[4 * 512];

/* A page table in an open sub-page: its entry is marked. A processor to which each step of its walk is a write cannot use it. */
static void check_walk(void)
{
	volatile uint64_t *entry = (volatile uint64_t *)(DROP + 9 * 128);
	uint64_t pages = DROP + 0x2000, *directory = &page_directories[WINDOW >> 21], was = *directory;

	*entry = pages | 3;
	*directory = DROP | 3;
	write_cr3(read_cr3());
	check_value("a page whose table lies in an open sub-page", *(volatile uint64_t *)WINDOW, *(volatile uint64_t *)pages);
	check_value("... is marked as accessed", *entry & 0x60, 0x20);
	*(volatile uint64_t *)WINDOW = 0x77;
	check_value("... and as dirty", *entry & 0x60, 0x60);
	*directory = was;
	write_cr3(read_cr3());
	memory_copy(shadow, (const void *)DROP, SPAN);
}

/* KVM's clock (32 bytes) and its word for ends of interrupts, asked for in a closed sub-page and in an open one. */
static void check_core(void)
{
	const volatile uint64_t *closed = (const volatile uint64_t *)(DROP + 64), *open = (const volatile uint64_t *)(DROP + 8 * 128);
	uint64_t before[4], same = 0;

	for (uint32_t i = 0; i < 4; i++)
		before[i] = closed[i];
	wrmsr(MSR_SYSTEM_TIME, (uint64_t)closed | 1);
	wrmsr(MSR_SYSTEM_TIME, 0);
	wrmsr(MSR_PV_EOI, (uint64_t)closed | 1);
	wrmsr(MSR_PV_EOI, 0);
	for (uint32_t i = 0; i < 4; i++)
		same += closed[i] == before[i];
	check_value("the core writes no clock where the guest may not", same, 4);
	before[1] = open[1];
	wrmsr(MSR_SYSTEM_TIME, (uint64_t)open | 1);
	check_true("... and where it may, it does", open[1] != before[1]);
	wrmsr(MSR_SYSTEM_TIME, 0);
	memory_copy(shadow, (const void *)DROP, SPAN);
}

/* ----------------------------------------------------------------------------------------- faults */
static uint64_t write_fault_closed(void)
{
	*(volatile uint32_t *)(FAULT + 4 * 128 + 8) = 1;
	return 0;
}
static uint64_t write_fault_open(void)
{
	*(volatile uint32_t *)(FAULT + 3 * 128 + 8) = 0x1234;
	return *(volatile uint32_t *)(FAULT + 3 * 128 + 8);
}
static uint64_t write_fault_across(void)
{
	*(volatile uint64_t *)(FAULT + 4 * 128 - 4) = ~0ull;
	return 0;
}
static uint64_t read_fault_closed(void)
{
	return *(volatile uint32_t *)(FAULT + 4 * 128 + 8);
}
static uint64_t write_general_closed(void)
{
	*(volatile uint8_t *)(GENERAL + 2 * 128) = 1;
	return 0;
}
static uint64_t write_general_open(void)
{
	*(volatile uint8_t *)(GENERAL + 31 * 128) = 0x42;
	return *(volatile uint8_t *)(GENERAL + 31 * 128);
}

static const struct row across[] = {
	{ "into a closed one from the open one before it: #PF", write_fault_across, 14, 3 },
	{ "... and nothing was written", read_fault_closed, NO_TRAP, 0 },
};

static const struct row faults[] = {
	{ "a closed sub-page: #PF", write_fault_closed, 14, 3 },
	{ "an open one beside it", write_fault_open, NO_TRAP, 0x1234 },
	{ "another range, closed: #GP", write_general_closed, 13, 0 },
	{ "there, an open sub-page", write_general_open, NO_TRAP, 0x42 },
};

/* Writes across two sub-pages. */
static void check_across(void)
{
	if (has_argument("first-part"))
		skip("a write into a closed sub-page from the open one before it", "this processor looks at the first one");
	else
		CHECK_ROWS(across);
}

/* Whether the processor has these components of XCR0, which are on then. */
static bool has_state(uint32_t state)
{
	if (!state)
		return true;
	if (!(cpuid(1, 0).ecx & 1u << 26) || (cpuid(0xd, 0).eax & state) != state)
		return false;
	write_cr4(read_cr4() | CR4_OSXSAVE);
	xsetbv(0, state);
	return true;
}

int main(void)
{
	struct trap trap;

	if (on_bare()) {
		skip("sub-page protection", "there is nobody to protect");
		return 0;
	}
	write_cr4(read_cr4() | 3u << 9); /* OSFXSR, OSXMMEXCPT */
	if (has_argument("end=fxsave") || has_argument("end=maskmovdqu") || has_argument("end=call") || has_argument("end=frame") ||
	    has_argument("end=tables")) {
		end();
		return 0;
	}
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (has_state(forms[i].state))
			check_form(&forms[i]);
		else
			skip(forms[i].name, "this processor has no such registers");
	check_strings();
	check_updates();
	check_core();
	if (has_argument("marks"))
		check_walk();
	else
		skip("page tables in an open sub-page", "to this processor each step of a walk is a write");
	CHECK_ROWS(faults);
	check_across();
	try(write_fault_closed, &trap);
	if (has_argument("deaf"))
		skip("CR2 is the address", "VMRUN of this processor leaves CR2 as it is (Bochs)");
	else
		check_value("CR2 is the address", trap.cr2, FAULT + 4 * 128 + 8);
	return 0;
}
