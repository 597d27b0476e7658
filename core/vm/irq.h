/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupts of a guest. Every one is a message (requester id, address, data), IOAPIC pins included, and passes
 * the remapping hook before it becomes a target vCPU and a vector. Devices know this file and nothing of vCPUs.
 *
 *     line ── irq_set_line ──► IOAPIC, PIC            hook (virtual IOMMU; none: message is compatibility format)
 *     MSI, IOAPIC entry, IPI ── irq_message ─────────► remap ──► target vCPUs' local APICs ──► irq_notify
 */
#ifndef CORE_VM_IRQ_H
#define CORE_VM_IRQ_H

#include "lib/status.h"
#include "lib/types.h"

struct vm;
struct vcpu;

#define IRQ_LINES 24u

struct irq_message { /* SDM v3 11.11: message address and data; a requester of IRQ_REQUESTER_NONE is a vCPU's ICR */
	uint32_t requester;
	uint32_t data;
	uint64_t address; /* bits 63:40 extend the destination id where the guest has no remapping (Linux: MSI_EXT_DEST_ID
			   * puts its bits 14:8 into address 11:5) */
};
#define IRQ_REQUESTER_NONE 0xffffffffu

/* What an interrupt asks of a local APIC once it has been decoded. */
enum irq_delivery { /* the encoding of MSI data 10:8 and of ICR 10:8 */
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
	bool level;	  /* level-triggered */
	bool wide;	  /* destination is a 32-bit id; else 8 bits with 0xff for all */
};

/* The local APIC's timer counts nanoseconds, so that it needs no division; CPUID's timing leaf says so. */
#define IRQ_LAPIC_TIMER_KHZ 1000000u

/* A word in guest memory through which a vCPU may end an interrupt without an exit (pv/kvm_eoi.c). */
struct irq_eoi_assist {
	void *context;
	bool (*offer)(void *context);	/* sets the word; whether that could be done */
	bool (*collect)(void *context); /* clears the word; whether the guest had done so: the EOI is due */
};

/* The local APIC of a vCPU as the rest of the core sees it; dev/vlapic.c provides it. `chip` is its state. */
struct irq_chip {
	/* Whether the request's destination names this APIC. */
	bool (*matches)(const void *chip, const struct irq_request *request);
	/* Takes the request in (sets IRR, or signals NMI, INIT, start-up); any CPU may call it. */
	void (*deliver)(void *chip, const struct irq_request *request);
	/* Arbitration priority, for lowest-priority delivery. */
	uint8_t (*priority)(const void *chip);
	/* On its own CPU: whether an interrupt could be taken now, as far as the APIC is concerned. */
	bool (*pending)(void *chip);
	/* On its own CPU: the vector to inject now (IRR to ISR, or the PIC's acknowledge); -1 when it has gone. */
	int (*accept)(void *chip);
	/* CR8: bits 7:4 of the task priority. */
	uint8_t (*get_cr8)(const void *chip);
	void (*set_cr8)(void *chip, uint8_t value);
	/* IA32_APIC_BASE as the guest reads it (CPUID's dynamic fields need EN and EXTD). */
	uint64_t (*base)(const void *chip);
	/* INIT reached this vCPU: the state SDM v3 11.4.7.3 names. */
	void (*init)(void *chip);
	/* On its own CPU: uses this assist from now on; NULL: none. */
	void (*set_eoi_assist)(void *chip, const struct irq_eoi_assist *assist);
};

/* Called when the chip is created, once a vCPU. */
void irq_attach_chip(struct vcpu *vcpu, const struct irq_chip *ops, void *chip);

/* Hands an assist to the vCPU's chip, see irq_chip.set_eoi_assist. */
void irq_set_eoi_assist(struct vcpu *vcpu, const struct irq_eoi_assist *assist);

/* A message from a device, an IOAPIC pin or an MSI: decoded, remapped, delivered. */
void irq_message(struct vm *vm, const struct irq_message *message);

/* A decoded request, delivered to all vCPUs that match (one for lowest priority). */
void irq_request(struct vm *vm, const struct irq_request *request);

/* Sinks of lines: the IOAPIC (global system interrupts) and the PIC. Each sees every line. */
typedef void irq_line_handler(void *context, uint32_t gsi, bool level);
MUST_USE enum status irq_add_line_sink(struct vm *vm, irq_line_handler *handler, void *context);

/* A device's interrupt line, by gsi; call with the device lock held. Edge sources raise and lower. */
void irq_set_line(struct vm *vm, uint32_t gsi, bool level);

/* A level-triggered vector was acknowledged: the IOAPIC drops Remote IRR and looks at its pin again. */
typedef void irq_eoi_handler(void *context, uint8_t vector);
void irq_set_eoi_sink(struct vm *vm, irq_eoi_handler *handler, void *context);
void irq_end_of_interrupt(struct vm *vm, uint8_t vector); /* takes the device lock */

/* The PIC's INTR pin, seen by LVT LINT0 in ExtINT mode (virtual wire): the sink is the boot processor's APIC. */
struct irq_extint {
	int (*acknowledge)(void *context); /* INTA cycle: the vector */
	void *context;
};
void irq_set_extint(struct vm *vm, const struct irq_extint *source);
void irq_raise_extint(struct vm *vm, bool level); /* pin state; wakes the boot processor */
bool irq_extint_pending(const struct vm *vm);
int irq_extint_acknowledge(struct vm *vm); /* takes the device lock; -1: spurious, gone */

/* From a local APIC to its vCPU (any CPU): look at the chip again; and the events that bypass IRR. */
void irq_notify(struct vcpu *vcpu);
void irq_signal_nmi(struct vcpu *vcpu);
void irq_signal_init(struct vcpu *vcpu);
void irq_signal_startup(struct vcpu *vcpu, uint8_t vector);

#endif
