/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a bare-metal test guest has: 64-bit mode with the first 4 GiB mapped one to one, a console, exceptions that can be
 * caught, tables of checks, the local APIC in either mode, the other processors, and the static ACPI tables.
 *
 *     multiboot 1 --> start.S --> guest_main() in lib/test.c --> main() of the guest --> exit by port 0xf4 (or Bochs's)
 *
 * A guest is one folder with one behaviour. Its main.c opens with prose that says what is right and where that is written;
 * then come tables of stimulus and expectation. Each row is a line of TAP; the worst row is the guest's status.
 * The same ELF runs on the bare (emulated) machine: there the word `bare` is on the command line, and rows that only a
 * hypervisor answers, or that the emulator is known to get wrong, say so with skip().
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ------------------------------------------------------------------------------- tests (test.c) */
int main(void); /* the guest; its checks decide the status, not what it returns */

/* One check: prints its line. The value is of the form the name says. */
void check_value(const char *name, uint64_t got, uint64_t want);
void check_range(const char *name, uint64_t got, uint64_t least, uint64_t most);
void check_true(const char *name, bool holds);
void skip(const char *name, const char *reason);
void note(const char *format, ...) __attribute__((format(printf, 1, 2))); /* a line of prose, `# ...` */

/* A stimulus and what must come of it: the vector of the exception it raises, or NO_TRAP and its value. */
#define NO_TRAP (-1)
struct row {
	const char *name;
	uint64_t (*stimulus)(void);
	int vector;	/* NO_TRAP, or the exception */
	uint64_t value; /* what the stimulus returns, or the exception's error code */
	const char *not_bare; /* why a bare emulator cannot pass this row; NULL: it can */
	const char *not_lenient; /* why a lenient processor cannot, with or without a hypervisor */
};
void check_rows(const struct row *rows, size_t count);
#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

bool on_bare(void);			 /* `bare` is on the command line */
bool on_lenient(void);			 /* `lenient`: the processor itself does not check all it should (QEMU) */
bool has_argument(const char *word);	 /* that word is on the command line */
const char *command_line(void);
const void *multiboot_information(void); /* Multiboot 0.6.96, 3.3 */

__attribute__((noreturn)) void guest_finish(void);	    /* plan, status, exit */
__attribute__((noreturn)) void guest_exit(uint32_t status); /* 0x10 passed, 0x11 failed */

/* ---------------------------------------------------------------------------- console (console.c) */
void put(char c);
void print(const char *format, ...) __attribute__((format(printf, 1, 2))); /* %s %c %d %u %x %lu %lx %p, widths with 0 */

/* --------------------------------------------------------------------- exceptions (trap.c, trap_entry.S) */
struct frame { /* as trap_entry.S pushes it */
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};
struct trap {
	int vector; /* NO_TRAP: none came */
	uint64_t error, rip, cr2, rflags, dr6;
};
typedef void trap_handler(struct frame *frame);

/* Calls stimulus(); an exception in it ends it. What came stands in *trap; returns the stimulus's value, or 0. */
uint64_t try(uint64_t (*stimulus)(void), struct trap *trap);
/* The handler of a vector (any but those in try()); NULL: none, which is fatal outside try(). */
void on_vector(uint8_t vector, trap_handler *handler);
/* Counts what arrives at a vector, and ends it at the local APIC. */
void count_vector(uint8_t vector);
extern volatile uint32_t hits[256];
/* Lets interrupts in until that many have arrived in all, or the time is over: then false. */
bool wait_hits(uint8_t vector, uint32_t count, uint32_t milliseconds);
/* Opens a window for interrupts that is certain to take what is pending. */
void interrupt_window(void);
void load_idt(void);
/* Sets the type and privilege of a gate (0x8e interrupt, 0x8f trap, 0xee interrupt for user mode) and its IST slot. */
void set_gate(uint8_t vector, uint8_t attributes, uint8_t ist);

/* ---------------------------------------------------------------------------- instructions */
static inline uint8_t inb(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}
static inline uint16_t inw(uint16_t port)
{
	uint16_t value;

	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}
static inline uint32_t inl(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}
static inline void outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}
static inline void outw(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}
static inline void outl(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}
static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
	return ((uint64_t)high << 32) | low;
}
static inline void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}
struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};
static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid r;

	__asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
	return r;
}
static inline uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return ((uint64_t)high << 32) | low;
}
static inline uint64_t xgetbv(uint32_t index)
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(index));
	return ((uint64_t)high << 32) | low;
}
static inline void xsetbv(uint32_t index, uint64_t value)
{
	__asm__ volatile("xsetbv" : : "c"(index), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}
#define CONTROL_REGISTER(name)                                                       \
	static inline uint64_t read_##name(void)                                     \
	{                                                                            \
		uint64_t value;                                                      \
                                                                                     \
		__asm__ volatile("mov %%" #name ", %0" : "=r"(value) : : "memory");  \
		return value;                                                        \
	}                                                                            \
	static inline void write_##name(uint64_t value)                              \
	{                                                                            \
		__asm__ volatile("mov %0, %%" #name : : "r"(value) : "memory");      \
	}
CONTROL_REGISTER(cr0)
CONTROL_REGISTER(cr2)
CONTROL_REGISTER(cr3)
CONTROL_REGISTER(cr4)
CONTROL_REGISTER(cr8)
CONTROL_REGISTER(dr0)
CONTROL_REGISTER(dr3)
CONTROL_REGISTER(dr6)
CONTROL_REGISTER(dr7)
static inline uint64_t read_rflags(void)
{
	uint64_t value;

	__asm__ volatile("pushfq; pop %0" : "=r"(value) : : "memory");
	return value;
}
static inline void enable_interrupts(void)
{
	__asm__ volatile("sti" : : : "memory");
}
static inline void disable_interrupts(void)
{
	__asm__ volatile("cli" : : : "memory");
}
static inline void pause(void)
{
	__asm__ volatile("pause" : : : "memory");
}
static inline void halt_once(void) /* waits for one interrupt and leaves interrupts off */
{
	__asm__ volatile("sti; hlt; cli" : : : "memory");
}
static inline uint32_t mmio_read(uint64_t address)
{
	uint32_t value;

	__asm__ volatile("movl (%1), %0" : "=r"(value) : "r"(address) : "memory");
	return value;
}
static inline void mmio_write(uint64_t address, uint32_t value)
{
	__asm__ volatile("movl %0, (%1)" : : "r"(value), "r"(address) : "memory");
}

#define MSR_APIC_BASE 0x1bu
#define MSR_TSC_DEADLINE 0x6e0u
#define MSR_EFER 0xc0000080u
#define CR4_OSXSAVE (1u << 18)

/* ------------------------------------------------------------------------------ memory (paging.c) */
uint64_t *page_entry(uint64_t address); /* the 4 KiB entry that maps it; splits a 2 MiB page on first use */
void flush_page(uint64_t address);
void *take_page(void);			/* a zeroed page of its own, mapped one to one */

/* ------------------------------------------------------------------------------- APIC (apic.c) */
enum apic_register {
	APIC_ID = 0x20, APIC_VERSION = 0x30, APIC_TPR = 0x80, APIC_PPR = 0xa0, APIC_EOI = 0xb0, APIC_LDR = 0xd0, APIC_DFR = 0xe0,
	APIC_SVR = 0xf0, APIC_ISR = 0x100, APIC_TMR = 0x180, APIC_IRR = 0x200, APIC_ESR = 0x280, APIC_ICR = 0x300,
	APIC_ICR2 = 0x310, APIC_LVT_TIMER = 0x320, APIC_LVT_LINT0 = 0x350, APIC_LVT_LINT1 = 0x360, APIC_LVT_ERROR = 0x370,
	APIC_TIMER_INITIAL = 0x380, APIC_TIMER_CURRENT = 0x390, APIC_TIMER_DIVIDE = 0x3e0, APIC_SELF_IPI = 0x3f0,
};
bool apic_has_x2(void);
bool apic_is_x2(void);
void apic_use_x2(bool on); /* off goes by way of "disabled", as it must */
void apic_enable(void);	   /* global, software enable, spurious vector 0xff */
uint32_t apic_read(enum apic_register reg);
void apic_write(enum apic_register reg, uint32_t value);
uint32_t apic_id(void);
void apic_send(uint32_t destination, uint32_t low); /* ICR; waits for delivery in xAPIC mode */
bool apic_vector_bit(enum apic_register base, uint8_t vector);

/* --------------------------------------------------------------------------- processors (smp.c) */
#define MOST_CPUS 32u
/* Starts every processor of the MADT but this one with INIT and start-up IPIs; returns how many run, this one included. */
uint32_t start_processors(void);
uint32_t processor_apic_id(uint32_t index); /* by order of the MADT; 0 is this one */
/* Has that processor call the function; returns when it has. */
void run_on(uint32_t index, void (*function)(void *), void *argument);
/* Has it call the function and does not wait. */
void start_on(uint32_t index, void (*function)(void *), void *argument);
bool is_done(uint32_t index);

/* ------------------------------------------------------------------------- tables and time (acpi.c) */
const void *acpi_table(const char *signature); /* NULL: there is none */
uint16_t acpi_pm_timer(void);		       /* port; 0: none */
uint32_t acpi_s5_type(void);		       /* SLP_TYP from the DSDT's _S5_; ~0: none */
uint32_t fadt_read32(size_t offset);
uint64_t tsc_per_ms(void); /* measured against the PM timer, once */
bool wait_until(volatile const uint32_t *word, uint32_t value, uint32_t milliseconds); /* false: it did not come */
void delay_us(uint32_t microseconds);

void *memory_set(void *to, int byte, size_t size);
void *memory_copy(void *to, const void *from, size_t size);
int memory_compare(const void *a, const void *b, size_t size);
bool text_equal(const char *a, const char *b);

#endif
