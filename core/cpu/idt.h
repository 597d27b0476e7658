/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions and interrupts of the host: 256 gates, one frame, one dispatcher. */
#ifndef CORE_CPU_IDT_H
#define CORE_CPU_IDT_H

#include "lib/types.h"

/* What entry.S leaves on the stack. */
struct frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector;
	uint64_t error; /* 0 where the vector pushes none */
	uint64_t rip, cs, rflags, rsp, ss;
};

/* The core's vectors: those of one priority class are taken highest first. */
enum host_vector {
	HOST_VECTOR_PIC = 0x20,	    /* 16 vectors where a stray 8259 interrupt would land */
	HOST_VECTOR_CONSOLE = 0xe0, /* the serial port */
	HOST_VECTOR_TIMER = 0xf0,   /* LAPIC timer */
	HOST_VECTOR_KICK = 0xf1,    /* cpu_kick() */
	HOST_VECTOR_POSTED = 0xf2,  /* a vCPU of this CPU has interrupts posted; outside the guest it only wakes */
	HOST_VECTOR_ERROR = 0xfe,   /* LAPIC error */
	HOST_VECTOR_SPURIOUS = 0xff,
};

/* Runs with interrupts off; the dispatcher does the EOI. At boot only. */
void interrupt_set_handler(uint8_t vector, void (*handler)(void));

/* Handles an interrupt that this CPU has acknowledged without its gate (an exit did), EOI included. */
void interrupt_take(uint8_t vector);

/* The table itself, once; then each CPU loads it with its TSS. */
void idt_build(void);
void idt_load(void);

/* Prints the machine's state, stops the other CPUs, halts. */
void panic(const char *fmt, ...) PRINTF_LIKE(1, 2) NORETURN;

#endif
