/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instructions with which programs touch device memory. A hypervisor has to carry out each of them itself. The device is
 * the local APIC's task priority register (readable, writable, 8 bits, 32-bit accesses only) and, for other widths and for
 * strings, the PCI configuration space in memory. (APM v3; SDM v3 11.4.1.)
 */
#include "guest.h"

#define TPR 0xfee00080ul
#define VERSION 0xfee00030ul

static uint64_t ecam;

static void set(uint32_t value)
{
	mmio_write(TPR, value);
}

static uint32_t get(void)
{
	return mmio_read(TPR);
}

/* `instruction` with the register at (%rbx), EAX = eax, EFLAGS in `flags`; then the register and EAX must be as said. */
#define FORM(name, before, eax, instruction, after, eax_after)                                                         \
	do {                                                                                                           \
		uint64_t rax_ = (eax);                                                                                 \
                                                                                                                       \
		set(before);                                                                                           \
		__asm__ volatile(instruction : "+a"(rax_) : "b"(TPR), "c"(4ul), "d"(0x20ul) : "memory", "cc", "rsi", "rdi", "r8", "r15"); \
		check_value(name, (uint64_t)get() << 32 | (uint32_t)rax_, (uint64_t)(after) << 32 | (uint32_t)(eax_after));  \
	} while (0)

static void check_moves(void)
{
	FORM("mov r32, m", 0x21, 0, "movl (%%rbx), %%eax", 0x21, 0x21);
	FORM("mov m, r32", 0, 0x32, "movl %%eax, (%%rbx)", 0x32, 0x32);
	FORM("mov m, imm32", 0, 0, "movl $0x43, (%%rbx)", 0x43, 0);
	FORM("mov with index and displacement", 0x54, 0, "movl -16(%%rbx, %%rcx, 4), %%eax", 0x54, 0x54);
	FORM("mov through r15", 0x65, 0, "mov %%rbx, %%r15; movl (%%r15), %%r8d; movl %%r8d, %%eax", 0x65, 0x65);
	FORM("mov r8d clears the upper half", 0x66, 0, "mov $-1, %%r8; movl (%%rbx), %%r8d; mov %%r8, %%rax; shr $32, %%rax", 0x66, 0);
	FORM("movabs eax, moffs", 0x76, 0, ".byte 0xa1; .quad 0xfee00080", 0x76, 0x76);
	FORM("movabs moffs, eax", 0, 0x71, ".byte 0xa3; .quad 0xfee00080", 0x71, 0x71);
	FORM("mov by a segment base", 0x35, 0, "movl %%fs:(%%rbx), %%eax", 0x35, 0x35);
	FORM("movsxd", 0x45, ~0ull, "movslq (%%rbx), %%rax", 0x45, 0x45);
}

static void check_arithmetic(void)
{
	FORM("or m, imm", 0x11, 0, "orl $0x22, (%%rbx)", 0x33, 0);
	FORM("and m, r", 0x3f, 0x0f, "andl %%eax, (%%rbx)", 0x0f, 0x0f);
	FORM("xor m, imm8", 0x55, 0, "xorl $0x0f, (%%rbx)", 0x5a, 0);
	FORM("add m, r", 0x11, 0x22, "addl %%eax, (%%rbx)", 0x33, 0x22);
	FORM("sub m, imm", 0x33, 0, "subl $0x11, (%%rbx)", 0x22, 0);
	FORM("add r, m", 0x11, 0x22, "addl (%%rbx), %%eax", 0x11, 0x33);
	FORM("inc m", 0x11, 0, "incl (%%rbx)", 0x12, 0);
	FORM("dec m", 0x11, 0, "decl (%%rbx)", 0x10, 0);
	FORM("not m (8 bits are kept)", 0x0f, 0, "notl (%%rbx)", 0xf0, 0);
	FORM("cmp m, imm: equal", 0x44, 9, "cmpl $0x44, (%%rbx); setz %%al", 0x44, 1);
	FORM("cmp m, r: below", 0x44, 0x45, "cmpl %%eax, (%%rbx); setb %%al", 0x44, 1);
	FORM("test m, imm: zero", 0x40, 9, "testl $0x0f, (%%rbx); setz %%al", 0x40, 1);
	FORM("test m, r: not zero", 0x40, 0x40, "testl %%eax, (%%rbx); setnz %%al", 0x40, 1);
	FORM("adc takes the carry", 0x10, 0, "stc; adcl $1, (%%rbx)", 0x12, 0);
	FORM("sbb takes the borrow", 0x10, 0, "stc; sbbl $1, (%%rbx)", 0x0e, 0);
}

static void check_exchanges(void)
{
	FORM("xchg", 0x11, 0x22, "xchgl %%eax, (%%rbx)", 0x22, 0x11);
	FORM("lock cmpxchg, equal", 0x11, 0x11, "lock cmpxchgl %%edx, (%%rbx)", 0x20, 0x11);
	FORM("lock cmpxchg, different", 0x11, 0x12, "lock cmpxchgl %%edx, (%%rbx)", 0x11, 0x11);
	FORM("lock xadd", 0x11, 0x22, "lock xaddl %%eax, (%%rbx)", 0x33, 0x11);
	FORM("bt", 0x10, 9, "btl $4, (%%rbx); setc %%al", 0x10, 1);
	FORM("lock bts", 0x10, 9, "lock btsl $5, (%%rbx); setc %%al", 0x30, 0);
	FORM("lock btr", 0x30, 9, "lock btrl $4, (%%rbx); setc %%al", 0x20, 1);
	FORM("lock or", 0x30, 0, "lock orl $1, (%%rbx)", 0x31, 0);
	FORM("cmovcc, taken", 0x30, 7, "stc; cmovcl (%%rbx), %%eax", 0x30, 0x30);
}

static void check_strings(void)
{
	uint32_t words[4] = { 0x21, 0x32, 0x43, 0x54 }, back = 0;
	const void *source = words;
	void *target = (void *)TPR;
	uint64_t count = 1, eax;

	__asm__ volatile("movsl" : "+S"(source), "+D"(target) : : "memory");
	check_value("movs to the device", get(), 0x21);
	check_value("... moves both pointers", (uint64_t)source - (uint64_t)words + ((uint64_t)target - TPR), 8);
	source = (const void *)TPR;
	target = &back;
	__asm__ volatile("rep movsl" : "+S"(source), "+D"(target), "+c"(count) : : "memory");
	check_value("rep movs from the device", back, 0x21);
	check_value("... counts down", count, 0);
	target = (void *)TPR;
	count = 1;
	__asm__ volatile("rep stosl" : "+D"(target), "+c"(count) : "a"(0x65) : "memory");
	check_value("rep stos to the device", get(), 0x65);
	source = (const void *)TPR;
	__asm__ volatile("lodsl" : "=a"(eax), "+S"(source) : : "memory");
	check_value("lods from the device", eax, 0x65);
	target = (void *)TPR;
	__asm__ volatile("std; stosl; cld" : "+D"(target) : "a"(0x12) : "memory");
	check_value("stos downwards", get(), 0x12);
	check_value("... goes down", TPR - (uint64_t)target, 4);
	count = 0;
	target = (void *)TPR;
	__asm__ volatile("rep stosl" : "+D"(target), "+c"(count) : "a"(0x76) : "memory");
	check_value("rep stos of nothing does nothing", get(), 0x12);
}

static void check_widths(void)
{
	uint32_t ids;
	uint64_t value;
	uint8_t copy[64], *target = copy;
	const uint8_t *source;
	uint64_t count;

	if (!ecam) {
		skip("other widths", "there is no MCFG");
		return;
	}
	ids = mmio_read(ecam);
	__asm__ volatile("xor %%eax, %%eax; movb (%1), %%al" : "=&a"(value) : "r"(ecam + 1));
	check_value("mov r8, m", value, ids >> 8 & 0xff);
	__asm__ volatile("xor %%eax, %%eax; movb (%1), %%ah" : "=&a"(value) : "b"(ecam + 1));
	check_value("mov ah, m", value, ids & 0xff00);
	__asm__ volatile("mov $-1, %0; movw (%1), %w0" : "=&r"(value) : "r"(ecam));
	check_value("mov r16, m keeps the rest", value, 0xffffffffffff0000 | (ids & 0xffff));
	__asm__ volatile("movzbl (%1), %k0" : "=r"(value) : "r"(ecam + 3));
	check_value("movzx r32, m8", value, ids >> 24);
	__asm__ volatile("movzwq (%1), %0" : "=r"(value) : "r"(ecam + 2));
	check_value("movzx r64, m16", value, ids >> 16);
	__asm__ volatile("movsbq (%1), %0" : "=r"(value) : "r"(ecam + 1));
	check_value("movsx r64, m8", value, (uint64_t)(int64_t)(int8_t)(ids >> 8));
	__asm__ volatile("movswl (%1), %k0" : "=r"(value) : "r"(ecam));
	check_value("movsx r32, m16", value, (uint32_t)(int32_t)(int16_t)ids);
	__asm__ volatile("cmpb %b2, (%1); setz %b0" : "=q"(value) : "r"(ecam), "q"((uint8_t)ids));
	check_value("cmp m8, r8", value & 1, 1);
	__asm__ volatile("movq (%1), %0" : "=r"(value) : "r"(ecam));
	check_value("mov r64, m", value, (uint64_t)mmio_read(ecam + 4) << 32 | ids);
	source = (const uint8_t *)ecam;
	count = 64;
	__asm__ volatile("rep movsb" : "+S"(source), "+D"(target), "+c"(count) : : "memory");
	check_value("rep movsb of 64 bytes", memory_compare(copy, (const void *)&ids, 4), 0);
	check_value("... moves all", count + (uint64_t)(target - copy), 64);
}

static void check_pages(void)
{
	/* The same instruction across the end of a page. */
	uint8_t *page = take_page();
	uint8_t *code = page + 4096 - 3;
	static const uint8_t indirect[] = { 0x8b, 0x87, 0x30, 0x00, 0x00, 0x00, 0xc3 };   /* mov 0x30(%rdi), %eax; ret */
	uint32_t got;

	take_page();
	memory_copy(code, indirect, sizeof(indirect));
	__asm__ volatile("call *%1" : "=a"(got) : "r"(code), "D"(0xfee00000ul) : "memory");
	check_value("an instruction across two pages", got, mmio_read(VERSION));
}

int main(void)
{
	const uint8_t *mcfg = acpi_table("MCFG");

	apic_use_x2(false);
	apic_enable();
	if (mcfg)
		memory_copy(&ecam, mcfg + 44, 8);
	check_moves();
	check_arithmetic();
	check_exchanges();
	check_strings();
	check_widths();
	check_pages();
	return 0;
}
