/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86/ is the processor as its manuals describe it: one wrapper an instruction, and the numbers of
 * its registers. It knows nothing of how the core uses them.
 *
 * This header has all inline assembly of the core (longer sequences are in .S files). A wrapper
 * that orders memory says so by its "memory" clobber.
 */
#ifndef CORE_X86_INSN_H
#define CORE_X86_INSN_H

#include "lib/bits.h"
#include "x86/cpuid.h"
#include "x86/segment.h"

/* ------------------------------------------------------------------ ports */

static inline uint8_t in8(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline uint16_t in16(uint16_t port)
{
	uint16_t v;

	__asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline uint32_t in32(uint16_t port)
{
	uint32_t v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline void out8(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline void out16(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline void out32(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

/* --------------------------------------------- registers mapped in memory: one access of
 * exactly that width */

static inline uint32_t mmio_read32(const volatile void *p)
{
	uint32_t v;

	__asm__ volatile("movl %1, %0" : "=r"(v) : "m"(*(const volatile uint32_t *)p) : "memory");
	return v;
}

static inline uint64_t mmio_read64(const volatile void *p)
{
	uint64_t v;

	__asm__ volatile("movq %1, %0" : "=r"(v) : "m"(*(const volatile uint64_t *)p) : "memory");
	return v;
}

static inline void mmio_write16(volatile void *p, uint16_t v)
{
	__asm__ volatile("movw %1, %0" : "=m"(*(volatile uint16_t *)p) : "ri"(v) : "memory");
}

static inline void mmio_write32(volatile void *p, uint32_t v)
{
	__asm__ volatile("movl %1, %0" : "=m"(*(volatile uint32_t *)p) : "ri"(v) : "memory");
}

static inline void mmio_write64(volatile void *p, uint64_t v)
{
	__asm__ volatile("movq %1, %0" : "=m"(*(volatile uint64_t *)p) : "r"(v) : "memory");
}

/* ---------------------------------------------------------------- MSR, CPUID, XCR, TSC */

/* These two fault on an MSR that the machine does not have; cpu/extable.h has forms that return
 * whether they did. */
static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
	return join32(low, high);
}

static inline void wrmsr(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32))
			 : "memory");
}

static inline struct cpuid_regs cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid_regs r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(subleaf));
	return r;
}

/* #UD without CR4.OSXSAVE. */
static inline uint64_t xgetbv(uint32_t index)
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(index));
	return join32(low, high);
}

static inline void xsetbv(uint32_t index, uint64_t v)
{
	__asm__ volatile("xsetbv"
			 :
			 : "c"(index), "a"((uint32_t)v), "d"((uint32_t)(v >> 32))
			 : "memory");
}

/* Not ordered with what stands before it; see rdtsc_ordered(). */
static inline uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return join32(low, high);
}

static inline uint64_t rdtsc_ordered(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return join32(low, high);
}

/* Whether the generator had a word; CPUID says whether there is one. */
static inline bool rdrand(uint64_t *word)
{
	bool got;

	__asm__ volatile("rdrand %0" : "=r"(*word), "=@ccc"(got));
	return got;
}

/* ---------------------------------------------------------------- control and debug registers */

#define REGISTER_ACCESS(name)                                                                      \
	static inline uint64_t read_##name(void)                                                   \
	{                                                                                          \
		uint64_t v;                                                                        \
		__asm__ volatile("mov %%" #name ", %0" : "=r"(v) : : "memory");                    \
		return v;                                                                          \
	}                                                                                          \
	static inline void write_##name(uint64_t v)                                                \
	{                                                                                          \
		__asm__ volatile("mov %0, %%" #name : : "r"(v) : "memory");                        \
	}

REGISTER_ACCESS(cr0)
REGISTER_ACCESS(cr2)
REGISTER_ACCESS(cr3)
REGISTER_ACCESS(cr4)
REGISTER_ACCESS(cr8)
REGISTER_ACCESS(dr0)
REGISTER_ACCESS(dr1)
REGISTER_ACCESS(dr2)
REGISTER_ACCESS(dr3)
REGISTER_ACCESS(dr6)
REGISTER_ACCESS(dr7)
#undef REGISTER_ACCESS

static inline void invlpg(const void *p)
{
	__asm__ volatile("invlpg (%0)" : : "r"(p) : "memory");
}

/* ---------------------------------------------------------------- descriptor tables */

static inline void lgdt(const struct table_register *r)
{
	__asm__ volatile("lgdt %0" : : "m"(*r) : "memory");
}

static inline void lidt(const struct table_register *r)
{
	__asm__ volatile("lidt %0" : : "m"(*r) : "memory");
}

static inline void sidt(struct table_register *r)
{
	__asm__ volatile("sidt %0" : "=m"(*r));
}

static inline void ltr(uint16_t selector)
{
	__asm__ volatile("ltr %0" : : "r"(selector) : "memory");
}

static inline void lldt(uint16_t selector)
{
	__asm__ volatile("lldt %0" : : "r"(selector) : "memory");
}

/* Loads DS, ES, SS with the data selector and FS, GS with null, whose bases become 0 on most
 * machines. */
static inline void load_data_segments(void)
{
	__asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%ss; mov %1, %%fs; mov %1, %%gs"
			 :
			 : "r"((uint32_t)SELECTOR_DATA), "r"(0)
			 : "memory");
}

static inline void load_code_segment(uint16_t selector)
{
	uint64_t scratch;

	__asm__ volatile("lea 1f(%%rip), %0; pushq %1; pushq %0; lretq; 1:"
			 : "=&r"(scratch)
			 : "r"((uint64_t)selector)
			 : "memory");
}

/* ---------------------------------------------------------------- flow */

static inline void cpu_pause(void)
{
	__asm__ volatile("pause" : : : "memory");
}

static inline void cli(void)
{
	__asm__ volatile("cli" : : : "memory");
}

static inline void sti(void)
{
	__asm__ volatile("sti" : : : "memory");
}

static inline void hlt(void)
{
	__asm__ volatile("hlt" : : : "memory");
}

/* Waits for an interrupt; the shadow of STI closes the gap before HLT. Returns with interrupts
 * off. */
static inline void wait_for_interrupt(void)
{
	__asm__ volatile("sti; hlt; cli" : : : "memory");
}

/* Lets pending interrupts in: one instruction after STI they are taken. Returns with interrupts
 * off. */
static inline void take_interrupts(void)
{
	__asm__ volatile("sti; nop; cli" : : : "memory");
}

static inline uint64_t read_rsp(void)
{
	uint64_t v;

	__asm__ volatile("mov %%rsp, %0" : "=r"(v));
	return v;
}

/* The NMI handler, for an NMI that has been taken by an exit already: its IRET ends the blocking. */
static inline void call_nmi_handler(void)
{
	__asm__ volatile("int $2" : : : "memory");
}

static inline void breakpoint(void)
{
	__asm__ volatile("int3");
}

/* a * b / c with 128 bits in between; #DE if the quotient does not fit. */
static inline uint64_t mul_div(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t quotient, rest;

	__asm__("mulq %3; divq %4"
		: "=&a"(quotient), "=&d"(rest)
		: "0"(a), "r"(b), "r"(c)
		: "cc");
	return quotient;
}

/* ---------------------------------------------------------------- barriers */

static inline void compiler_barrier(void)
{
	__asm__ volatile("" : : : "memory");
}

static inline void lfence(void)
{
	__asm__ volatile("lfence" : : : "memory");
}

static inline void mfence(void)
{
	__asm__ volatile("mfence" : : : "memory");
}

/* SDM v3 VERW with MD_CLEAR: overwrites the buffers named by MDS. */
static inline void verw(const uint16_t *selector)
{
	__asm__ volatile("verw %0" : : "m"(*selector) : "cc", "memory");
}

/* ---------------------------------------------------------------- SVM, APM v2 15 */

static inline void stgi(void)
{
	__asm__ volatile("stgi" : : : "memory");
}

static inline void clgi(void)
{
	__asm__ volatile("clgi" : : : "memory");
}

static inline void vmload(uint64_t vmcb)
{
	__asm__ volatile("vmload %0" : : "a"(vmcb) : "memory");
}

static inline void vmsave(uint64_t vmcb)
{
	__asm__ volatile("vmsave %0" : : "a"(vmcb) : "memory");
}

/* ---------------------------------------------------------------- vector state (SDM v1 13) */

/* `area` is 64-byte aligned; the components of `mask` that XCR0 has. */
static inline void xsave(void *area, uint64_t mask)
{
	__asm__ volatile("xsave64 (%0)"
			 :
			 : "r"(area), "a"((uint32_t)mask), "d"((uint32_t)(mask >> 32))
			 : "memory");
}

static inline void xrstor(const void *area, uint64_t mask)
{
	__asm__ volatile("xrstor64 (%0)"
			 :
			 : "r"(area), "a"((uint32_t)mask), "d"((uint32_t)(mask >> 32))
			 : "memory");
}

static inline void fxsave(void *area)
{
	__asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

static inline void fxrstor(const void *area)
{
	__asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
}

/* RFLAGS behind a CMPXCHG16B that follows a SUB of `operand`, which has no flag of consequence set. Interrupts are off. */
static inline uint64_t cmpxchg16b_flags(uint64_t operand)
{
	uint64_t pair[2] __attribute__((aligned(16))) = {0, 0}, flags;

	__asm__ volatile("pushq $2; popfq\n\t"
			 "xorl %%eax, %%eax; xorl %%edx, %%edx; xorl %%ebx, %%ebx; xorl %%ecx, %%ecx\n\t"
			 "movl $1, %%esi; subq %2, %%rsi\n\t"
			 "cmpxchg16b %1\n\t"
			 "pushfq; popq %0; pushq $2; popfq"
			 : "=&r"(flags), "+m"(pair)
			 : "r"(operand)
			 : "rax", "rbx", "rcx", "rdx", "rsi", "cc", "memory");
	return flags;
}

/* LOCK CMPXCHG16B of the aligned 16 bytes at p; *expected becomes what was there. QEMU 7.2 leaves rubbish
 * in RFLAGS: they are put back at once. Interrupts are off. */
static inline void compare_exchange_16(void *p, uint64_t expected[2], const uint64_t desired[2])
{
	__asm__ volatile("lea -128(%%rsp), %%rsp; pushfq\n\t" /* host tests have a red zone */
			 "lock cmpxchg16b (%2)\n\t"
			 "popfq; lea 128(%%rsp), %%rsp"
			 : "+a"(expected[0]), "+d"(expected[1])
			 : "r"(p), "b"(desired[0]), "c"(desired[1])
			 : "cc", "memory");
}

/* PKRU, which lives on in the CPU; the instruction wants CR4.PKE. */
static inline uint32_t read_pkru(void)
{
	uint64_t cr4 = read_cr4();
	uint32_t value;

	write_cr4(cr4 | BIT(22)); /* PKE */
	__asm__ volatile("rdpkru" : "=a"(value) : "c"(0) : "edx");
	write_cr4(cr4);
	return value;
}

/* ---------------------------------------------------------------- per-CPU segment */

/* The word at GS:0, where each CPU keeps the address of its own data. */
static inline uint64_t read_gs_self(void)
{
	uint64_t v;

	__asm__ volatile("movq %%gs:0, %0" : "=r"(v));
	return v;
}

#endif
