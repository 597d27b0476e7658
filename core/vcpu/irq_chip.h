/* SPDX-License-Identifier: Apache-2.0 */
/* The local APIC of a vCPU as the rest of the core sees it; dev/vlapic.c provides it. `chip` is its
 * state. */
#ifndef CORE_VCPU_IRQ_CHIP_H
#define CORE_VCPU_IRQ_CHIP_H

#include "lib/types.h"

/* What an interrupt asks of a local APIC once it has been decoded. */
/* the encoding of MSI data 10:8 and of ICR 10:8 */
enum irq_delivery {
	IRQ_FIXED = 0,
	IRQ_LOWEST = 1,
	IRQ_SMI = 2,
	IRQ_REMOTE_READ = 3,
	IRQ_NMI = 4,
	IRQ_INIT = 5,
	IRQ_STARTUP = 6,
	IRQ_EXTINT = 7,
};

struct irq_request {
	uint32_t destination; /* 32 bits, as in x2APIC; 8-bit formats: see `wide` */
	uint8_t vector;
	uint8_t delivery; /* enum irq_delivery */
	bool logical;
	bool level; /* level-triggered */
	bool wide;  /* destination is a 32-bit id; else 8 bits with 0xff for all */
};

/* The local APIC's timer counts nanoseconds, so that it needs no division; CPUID's timing leaf says
 * so. */
#define IRQ_LAPIC_TIMER_KHZ 1000000u

/* A word in guest memory through which a vCPU may end an interrupt without an exit (pv/kvm_eoi.c).
 */
struct irq_eoi_assist {
	void *context;
	bool (*offer)(void *context); /* sets the word; whether that could be done */
	bool (*collect)(
		void *context); /* clears the word; whether the guest had done so: the EOI is due */
};

/* How the processor may work on a chip itself: not at all, as on an x2APIC, as on an xAPIC. */
enum irq_lending { IRQ_KEPT, IRQ_LENT_X2APIC, IRQ_LENT_XAPIC, IRQ_LENDINGS };

/* What the processor works on itself where it delivers a guest's interrupts and takes their ends (Intel: virtual-interrupt
 * delivery), laid out as in the xAPIC's page: TPR, ISR and IRR; as an xAPIC all that the guest may read without an exit. Only the
 * vCPU's own CPU touches it. */
struct irq_page {
	uint8_t *registers; /* a page */
	uint64_t level[4];  /* vectors whose end the chip wants to hear of */
	uint64_t changed;   /* the chip has put something there: looked at before the next entry */
	/* Where any CPU may request vectors of a running vCPU, followed by irq_post(); NULL: nowhere. */
	uint64_t *posted;
};

/* The local APIC of a vCPU as the rest of the core sees it; dev/vlapic.c provides it. `chip` is its
 * state. */
struct irq_chip {
	/* Whether the request's destination names this APIC. */
	bool (*matches)(const void *chip, const struct irq_request *request);
	/* Takes the request in (sets IRR, or signals NMI, INIT, start-up); any CPU may call it. */
	void (*deliver)(void *chip, const struct irq_request *request);
	/* Arbitration priority, for lowest-priority delivery. */
	uint8_t (*priority)(const void *chip);
	/* On its own CPU: whether an interrupt could be taken now, as far as the APIC is concerned.
	 */
	bool (*pending)(void *chip);
	/* On its own CPU: the vector to inject now (IRR to ISR, or the PIC's acknowledge); -1 when
	 * it has gone. */
	int (*accept)(void *chip);
	/* CR8: bits 7:4 of the task priority. A chip whose task priority changes by its own
	 * registers calls irq_notify(). */
	uint8_t (*get_cr8)(const void *chip);
	void (*set_cr8)(void *chip, uint8_t value);
	/* IA32_APIC_BASE as the guest reads it (CPUID's dynamic fields need EN and EXTD). */
	uint64_t (*base)(const void *chip);
	/* INIT reached this vCPU: the state SDM v3 11.4.7.3 names. */
	void (*init)(void *chip);
	/* On its own CPU: the guest's TSC jumped, and a TSC deadline is due sooner or later. */
	void (*tsc_moved)(void *chip);
	/* The processor has ended an interrupt of irq_page.level. */
	void (*ended)(void *chip, uint8_t vector);
	/* The guest has written this register of irq_page; its number is the offset / 16. */
	void (*written)(void *chip, unsigned int n);
	/* On its own CPU: uses this assist from now on; NULL: none. */
	void (*set_eoi_assist)(void *chip, const struct irq_eoi_assist *assist);
};

#endif
