/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm/ is a virtual machine as a whole: its start, stop and restart, and the ways of its interrupts.
 * It knows vCPUs and memory, and devices only as the contract of device.h.
 *
 *	RUNNING   an event of the guest, or a crash: every vCPU is asked to park, and kicked
 *	   │
 *	STOPPING  each vCPU leaves its guest and parks when it comes to it; none is hurried;
 *	   │      the last one's CPU carries the event out:
 *	   ├────► restart: memory zeroed, loaded again; RUNNING
 *	   ├────► destroy: memory zeroed; STOPPED
 *	   └────► preserve: STOPPED
 */
#ifndef CORE_VM_VM_H
#define CORE_VM_VM_H

#include "console/guest_console.h"
#include "vcpu/backend.h"
#include "vcpu/vcpu.h"
#include "vm/device.h"
#include "vm/irq.h"

struct blob;

#define VM_EVENT_NONE 3 /* behind enum vm_event */
#define VM_LINE_SINKS 4
#define VM_DEVICES    128

enum vm_state { VM_STOPPED, VM_RUNNING, VM_STOPPING };

/* What an observer is told (events.c). */
struct vm_refusal {
	uint64_t gpa, rip;
	uint32_t guest; /* index of its record */
	uint32_t size;
	uint64_t lost; /* directly before it: the ring was full */
};

struct vm_events {
	struct spinlock lock;
	struct vm_refusal ring[32];
	uint32_t first, count;
	uint64_t lost;              /* since the last one that came in */
	struct irq_message message; /* address 0: none is wanted */
};

struct vm {
	struct guest guest; /* first: struct guest * and struct vm * are one address */
	const struct blob *blob;
	struct guest_console console;
	struct device *devices[VM_DEVICES];
	uint32_t device_count;

	/* irq.c */
	struct {
		irq_line_handler *handler;
		void *context;
	} sinks[VM_LINE_SINKS];
	uint32_t sink_count;
	irq_eoi_handler *eoi;
	void *eoi_context;
	const struct irq_extint *extint;
	uint32_t extint_level;
	uint32_t lowest_next; /* where the next lowest-priority arbitration starts */
	/* The remapping hook: true when it took the message, with *request filled in or `*drop`
	 * set. NULL: none. */
	bool (*remap)(void *context, const struct irq_message *message, struct irq_request *request,
		      bool *drop);
	void *remap_context;
	struct vcpu **by_apic_id; /* dense part of the ids; NULL entries are holes */
	uint32_t apic_id_count;

	/* vm.c */
	struct device_work *work;
	uint32_t state;       /* enum vm_state; atomic */
	uint32_t event;       /* enum vm_event that is being carried out */
	const struct vcpu *crashed; /* whose registers the log has already */
	uint32_t running;     /* vCPUs not parked; atomic */
	uint32_t restarts[3]; /* within the window of each event */
	uint64_t window_start[3];
	struct spinlock dump_lock; /* one vCPU's lines at a time */
	struct vm *next;
	struct vm_events events;
};

static inline struct vm *vm_of(struct vcpu *vcpu)
{
	return (struct vm *)vcpu->guest;
}

/* Fills in what vm.c keeps, once guest.vcpus are there; all are parked. */
void vm_init(struct vm *vm);

/* Makes it one of the machine's VMs. At boot. */
void vm_add(struct vm *vm, uint32_t system_flags);
struct vm *vm_first(void); /* then vm->next */

/*
 * First start, once all VMs are built, or restart: memory loaded, devices and vCPUs reset, boot
 * processor ready to run. All vCPUs are parked. STATUS_FAULT, logged: a load lies outside its
 * memory.
 */
MUST_USE enum status vm_start(struct vm *vm);

/* events.c: a write of another guest was refused whose guard names an observer; a call of an observer, what its RAX is then, with
 * arguments of its width; at its start. */
void events_tell(struct vcpu *vcpu, const struct hv_guard *guard, uint64_t gpa, uint32_t size);
uint64_t events_call(struct vcpu *vcpu, uint64_t number, const uint64_t argument[2]);
void events_reset(struct vm *vm);

#endif
