/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpu/ is the processors and chips the core itself runs on: exceptions, NMI, starting and reaching
 * other CPUs, the physical LAPIC and IOAPIC, time. It knows no guest.
 *
 * percpu.h: what each CPU has of its own, found through GS. The core runs with interrupts off; it
 * lets them in at two places only: idle (cpu_idle()) and when a guest was left because of one
 * (cpu_take_interrupts()). So no lock needs to mask them, and handlers may take locks.
 */
#ifndef CORE_CPU_PERCPU_H
#define CORE_CPU_PERCPU_H

#include "schema/hvblob.h"
#include "lib/list.h"
#include "lib/spinlock.h"
#include "x86/insn.h"
#include "x86/segment.h"

#define MAX_CPUS HV_HOST_CPUS /* entries of the MADT beyond this are reported and left alone */

struct vcpu;
struct sched_cpu;

enum cpu_state {
	CPU_ABSENT,  /* never answered */
	CPU_STARTING,
	CPU_ONLINE,
	CPU_STOPPED, /* after panic */
};

/* How a CPU is to be reached by cpu_kick(). */
enum kick_method { KICK_INTERRUPT, KICK_NMI };

struct percpu {
	struct percpu *self; /* at GS:0 */
	uint32_t index;	     /* 0..cpu_count - 1, in MADT order; the boot CPU's may be any */
	uint32_t apic_id;    /* 32 bits, of the hardware */
	uint32_t acpi_uid;
	uint32_t node;	     /* NUMA node by SRAT */
	uint32_t state;	     /* enum cpu_state; READ_ONCE() from others */
	uint8_t kick_method; /* enum kick_method */
	uint8_t kick_vector;

	/* Counts kicks received as interrupts or NMIs; only for statistics and tests. */
	uint32_t kicks;
	uint32_t nmis;	     /* NMIs that nobody claimed */
	uint32_t nmi_kicked; /* set by the sender before an NMI kick, taken by the handler */

	/* Owned by higher layers; the core below never looks inside. */
	struct vcpu *vcpu;	 /* the one whose state is live in this CPU */
	struct sched_cpu *sched;
	void *backend;		 /* host save areas and the like of svm or vmx */
	uint64_t guest_spec_ctrl; /* while the core has its own: cpu/mitigations.c */

	/* cpu/timer.c: deadlines, earliest first. */
	struct spinlock timer_lock;
	struct list_node timers;
	uint64_t timer_programmed; /* what the hardware is set to; ~0: off */

	uint64_t stack_top; /* 16-byte aligned */
	struct tss tss ALIGNED(16);
	uint64_t gdt[GDT_ENTRIES] ALIGNED(16);
};

extern struct percpu *percpu_table[MAX_CPUS]; /* by index; valid below cpu_count */
extern uint32_t cpu_count;		      /* CPUs of the MADT that are enabled */

static inline struct percpu *this_cpu(void)
{
	return (struct percpu *)(uintptr_t)read_gs_self();
}

/* STI, one instruction, CLI: interrupts that pend are handled before it returns. */
void cpu_take_interrupts(void);

/* Halts until an interrupt was handled. Call with interrupts off, after checking for work: none
 * is missed. */
void cpu_idle(void);

#endif
