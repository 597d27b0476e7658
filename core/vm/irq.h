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
#include "vcpu/irq_chip.h" /* struct irq_chip, struct irq_request: the local APIC */

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

/* Called when the chip is created, once a vCPU. */
void irq_attach_chip(struct vcpu *vcpu, const struct irq_chip *ops, void *chip);

/* The processor takes over the registers of a chip, from this page, or gives them back; NULL: it cannot. On the vCPU's own CPU, or
 * while it is parked. */
struct irq_page *irq_lend(struct vcpu *vcpu, enum irq_lending how);

/* Vectors were posted in the page that was lent: any CPU. */
void irq_post(struct vcpu *vcpu);

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
void irq_unhalt(struct vm *vm, uint32_t apic_id); /* the vCPU wakes from HLT, or does not sleep in the next one */
void irq_signal_startup(struct vcpu *vcpu, uint8_t vector);

#endif
