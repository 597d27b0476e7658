/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exceptions and events: error codes and CR2, the instructions a hypervisor has to refuse as the processor would, traps
 * that must also come behind instructions that exit (single step, interrupt shadow), breakpoints, nested faults, and the
 * blocking of NMIs. (APM v2 8; SDM v3 6.)
 */
#include "guest.h"

#define NOWHERE 0x4000000000ull /* beyond the 4 GiB that are mapped */

/* -------------------------------------------------------------------------------- plain faults */
static uint64_t ud2(void)
{
	__asm__ volatile("ud2");
	return 0;
}
static uint64_t divide(void)
{
	__asm__ volatile("xorl %%edx, %%edx; movl %%edx, %%ecx; divl %%ecx" : : : "eax", "ecx", "edx", "cc");
	return 0;
}
static uint64_t int3(void)
{
	__asm__ volatile("int3");
	return 0;
}
static uint64_t selector_beyond(void)
{
	__asm__ volatile("mov %w0, %%fs" : : "r"(0x1238));
	return 0;
}
static uint64_t int_without_gate(void)
{
	set_gate(0x99, 0x0e, 0); /* not present */
	__asm__ volatile("int $0x99");
	return 0;
}
static uint64_t stack_not_canonical(void)
{
	uint64_t value;

	__asm__ volatile("mov %%rsp, %%rcx; movabs $0x8000000000000000, %%rsp; mov (%%rsp), %0; mov %%rcx, %%rsp"
			 : "=r"(value) : : "rcx", "memory");
	return value;
}
static uint64_t read_nowhere(void)
{
	return *(volatile uint64_t *)NOWHERE;
}
static uint64_t write_nowhere(void)
{
	*(volatile uint64_t *)NOWHERE = 1;
	return 0;
}
static uint64_t run_nowhere(void)
{
	((void (*)(void))NOWHERE)();
	return 0;
}
static uint64_t cr4_reserved(void)
{
	write_cr4(read_cr4() | 1ull << 31);
	return 0;
}
static uint64_t cr4_no_pae(void)
{
	write_cr4(read_cr4() & ~0x20ull); /* in long mode */
	return 0;
}
static uint64_t cr8_wide(void)
{
	write_cr8(16);
	return 0;
}
static uint64_t alignment(void)
{
	uint64_t value;

	__asm__ volatile("movaps (%1), %%xmm0; xor %0, %0" : "=r"(value) : "r"(0x100001ul));
	return value;
}

static const struct row faults[] = {
	{ "UD2", ud2, 6, 0, NULL },
	{ "division by zero", divide, 0, 0, NULL },
	{ "INT3", int3, 3, 0, NULL },
	{ "a selector beyond the GDT: #GP names it", selector_beyond, 13, 0x1238, NULL },
	{ "reading nothing: #PF", read_nowhere, 14, 0, NULL },
	{ "writing nothing: #PF", write_nowhere, 14, 2, NULL },
	{ "running nothing: #PF", run_nowhere, 14, 0x10, NULL },
	{ "CR4: a reserved bit", cr4_reserved, 13, 0, NULL, "QEMU drops it" },
	{ "CR4: PAE cannot go in long mode", cr4_no_pae, 13, 0, NULL, "QEMU accepts it" },
	{ "CR8: 4 bits", cr8_wide, 13, 0, NULL, "QEMU drops them" },
	{ "MOVAPS off its alignment", alignment, 13, 0, NULL, "QEMU 7 does not look" },
};

/* ---------------------------------------------------------------- what a hypervisor must refuse */
static uint64_t vmrun(void)
{
	__asm__ volatile("vmrun %%rax" : : "a"(0));
	return 0;
}
static uint64_t vmload(void)
{
	__asm__ volatile("vmload %%rax" : : "a"(0));
	return 0;
}
static uint64_t stgi(void)
{
	__asm__ volatile("stgi");
	return 0;
}
static uint64_t clgi(void)
{
	__asm__ volatile("clgi");
	return 0;
}
static uint64_t skinit(void)
{
	__asm__ volatile("skinit" : : "a"(0));
	return 0;
}
static uint64_t invlpga(void)
{
	__asm__ volatile("invlpga" : : "a"(0), "c"(0));
	return 0;
}
static uint64_t monitor(void)
{
	__asm__ volatile("monitor" : : "a"(0x100000), "c"(0), "d"(0));
	return 0;
}
static uint64_t wbinvd(void)
{
	__asm__ volatile("wbinvd" : : : "memory");
	return 0;
}

static const struct row refused[] = {
	{ "VMRUN without SVME", vmrun, 6, 0, NULL },
	{ "VMLOAD without SVME", vmload, 6, 0, NULL },
	{ "STGI without SVME", stgi, 6, 0, NULL },
	{ "CLGI without SVME", clgi, 6, 0, NULL },
	{ "INVLPGA without SVME", invlpga, 6, 0, NULL },
	{ "SKINIT", skinit, 6, 0, "this machine may have it" },
	{ "MONITOR, which CPUID does not have", monitor, 6, 0, "this machine has it" },
	{ "WBINVD is allowed", wbinvd, NO_TRAP, 0, NULL },
};

/* ----------------------------------------------------------------- #PF: CR2 and page rights */
static uint64_t scratch; /* address of a page of its own */

static uint64_t write_scratch(void)
{
	*(volatile uint64_t *)scratch = 1;
	return 0;
}
static uint64_t read_scratch(void)
{
	return *(volatile uint64_t *)scratch;
}
static uint64_t run_scratch(void)
{
	((void (*)(void))scratch)();
	return 0;
}

static void check_page(const char *name, uint64_t clear, uint64_t set, uint64_t (*stimulus)(void), uint64_t mask, uint64_t error)
{
	uint64_t *entry = page_entry(scratch), before = *entry;
	struct trap trap;

	*entry = (before & ~clear) | set;
	flush_page(scratch);
	try(stimulus, &trap);
	*entry = before;
	flush_page(scratch);
	check_value(name, (uint64_t)trap.vector << 32 | (trap.error & mask), 14ull << 32 | error);
	if (trap.cr2 != scratch)
		check_value("CR2", trap.cr2, scratch);
}

static void check_pages(void)
{
	scratch = (uint64_t)take_page();
	*(uint8_t *)scratch = 0xc3;
	check_page("write to a read-only page", 2, 0, write_scratch, ~0ull, 3);
	check_page("read of an absent page", 1, 0, read_scratch, ~0ull, 0);
	check_page("run of a no-execute page", 0, 1ull << 63, run_scratch, ~0ull, 0x11);
	check_page("a reserved bit in the entry", 0, 1ull << 51, read_scratch, 8, 8); /* QEMU leaves P out */
}

/* ------------------------------------------------------------------- traps behind an instruction */
static volatile uint64_t trap_rip, trap_dr6;
static volatile uint32_t traps;

static void take_debug(struct frame *frame)
{
	traps++;
	trap_rip = frame->rip;
	trap_dr6 = read_dr6();
	frame->rflags &= ~0x100ull;
}

/* Under a hypervisor that intercepts #DB, as it must (a #DB in the delivery of #DB would hold the CPU for ever), Bochs loses
 * what DR6 would have said. */
static void check_dr6(const char *name, uint64_t got, uint64_t want)
{
	if (has_argument("deaf") && !on_bare())
		skip(name, "Bochs leaves DR6 out of an intercepted #DB");
	else
		check_value(name, got, want);
}

/* Runs `instruction` with TF set; the trap must come right behind it. */
#define STEP(name, instruction)                                                                                     \
	do {                                                                                                        \
		uint64_t behind;                                                                                    \
                                                                                                                    \
		traps = 0;                                                                                          \
		write_dr6(0xffff0ff0);                                                                              \
		__asm__ volatile("pushfq; orl $0x100, (%%rsp); lea 1f(%%rip), %0; popfq; " instruction "; 1: nop" \
				 : "=&r"(behind) : : "rax", "rbx", "rcx", "rdx", "memory", "cc");           \
		check_value(name, trap_rip - behind, 0);                                                            \
		check_value("... once", traps, 1);                                                                  \
		check_dr6("... with DR6.BS", trap_dr6 >> 14 & 1, 1);                                                \
	} while (0)

static void check_single_step(void)
{
	on_vector(1, take_debug);
	STEP("single step over NOP", "nop");
	STEP("single step over CPUID", "cpuid");
	STEP("single step over IN", "inb $0x80, %%al");
}

static volatile uint64_t interrupt_rip;

static void take_interrupt(struct frame *frame)
{
	interrupt_rip = frame->rip;
	apic_write(APIC_EOI, 0);
}

/* A pending interrupt must not come between STI and the instruction behind it, but right behind that. */
#define SHADOW(name, instruction)                                                                                 \
	do {                                                                                                      \
		uint64_t behind;                                                                                  \
                                                                                                                  \
		interrupt_rip = 0;                                                                                \
		apic_send(apic_id(), 0x4050);                                                                     \
		__asm__ volatile("lea 1f(%%rip), %0; sti; " instruction "; 1: nop; nop; cli"                      \
				 : "=&r"(behind) : : "rax", "rbx", "rcx", "rdx", "memory", "cc");         \
		check_value(name, interrupt_rip - behind, 0);                                                     \
	} while (0)

static void check_shadow(void)
{
	on_vector(0x50, take_interrupt);
	SHADOW("interrupt shadow of STI over NOP", "nop");
	SHADOW("interrupt shadow of STI over CPUID", "cpuid");
	SHADOW("interrupt shadow of STI over IN", "inb $0x80, %%al");
	SHADOW("STI and HLT: wakes and goes on behind HLT", "hlt");
}

static void check_breakpoints(void)
{
	static volatile uint32_t word;
	uint64_t behind;

	traps = 0;
	write_dr6(0xffff0ff0);
	write_dr0((uint64_t)&word);
	write_dr7(0xd0402); /* global 0, write, 4 bytes */
	write_dr7(0xd0402 | 2);
	(void)cpuid(0, 0); /* the registers come through an exit */
	check_value("DR0 comes through an exit", read_dr0(), (uint64_t)&word);
	check_value("DR7 comes through an exit", read_dr7() & 0xf0003, 0xd0002);
	__asm__ volatile("lea 1f(%%rip), %0; movl $1, %1; 1: nop" : "=r"(behind), "=m"(word));
	write_dr7(0x400);
	check_value("a write breakpoint traps behind the write", trap_rip - behind, 0);
	check_value("... once", traps, 1);
	check_dr6("... and says which", trap_dr6 & 0xf, 1);
}

/* ------------------------------------------------------------------------------- nested faults */
static volatile uint32_t double_faults;
static uint64_t double_fault_error, resume_rsp;

static void take_double_fault(struct frame *frame)
{
	double_faults++;
	double_fault_error = frame->error;
	__asm__("lea double_fault_resume(%%rip), %0" : "=r"(frame->rip));
	frame->rsp = resume_rsp;
}

static void check_double_fault(void)
{
	on_vector(8, take_double_fault);
	set_gate(8, 0x8e, 1);
	set_gate(13, 0x0e, 0); /* #GP has no gate: #NP on delivery, two contributory exceptions */
	__asm__ volatile("push %%rbx; push %%rbp; mov %%rsp, %0\n\t"
			 "mov $0x1238, %%eax; mov %%ax, %%fs\n"
			 "double_fault_resume: mov %0, %%rsp; pop %%rbp; pop %%rbx"
			 : "=m"(resume_rsp) : : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory");
	set_gate(13, 0x8e, 0);
	check_value("#NP while #GP is delivered is #DF", double_faults, 1);
	check_value("... with error code 0", double_fault_error, 0);
}

/* ---------------------------------------------------------------------------------------- NMI */
static volatile uint32_t nmis, depth, deepest;

static void take_nmi(struct frame *frame)
{
	(void)frame;
	depth++;
	if (depth > deepest)
		deepest = depth;
	if (++nmis == 1) {
		apic_send(apic_id(), 0x4400); /* must wait for IRET */
		(void)cpuid(0, 0);	      /* also across an exit */
		for (int i = 0; i < 100; i++)
			pause();
	}
	depth--;
}

static void check_nmi(void)
{
	on_vector(2, take_nmi);
	set_gate(2, 0x8e, 2);
	apic_send(apic_id(), 0x4400);
	for (int i = 0; i < 10000 && nmis < 2; i++)
		pause();
	check_value("an NMI in the handler of an NMI comes after it", nmis, 2);
	check_value("and not inside it", deepest, 1);
}

static void check_absent_gate(void)
{
	struct trap trap;

	try(int_without_gate, &trap);
	check_value("INT through an absent gate: #NP", (uint64_t)trap.vector, 11);
	/* The vector is in the error code, too; QEMU scales it by 16 in long mode. */
	check_value("whose error code points into the IDT", trap.error & 7, 2);
}

static void check_stack(void)
{
	struct trap trap;

	set_gate(12, 0x8e, 1); /* it comes with a stack that is no good */
	set_gate(13, 0x8e, 1);
	try(stack_not_canonical, &trap);
	set_gate(12, 0x8e, 0);
	set_gate(13, 0x8e, 0);
	check_range("a stack that is not canonical: #SS (QEMU: #GP)", (uint64_t)trap.vector, 12, 13);
}

int main(void)
{
	apic_enable();
	check_absent_gate();
	check_stack();
	CHECK_ROWS(faults);
	CHECK_ROWS(refused);
	check_pages();
	check_single_step();
	check_shadow();
	check_breakpoints();
	check_double_fault();
	check_nmi();
	return 0;
}
