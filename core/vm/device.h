/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device of a guest: one row in the const array of boot/build_vm.c, state from the frame pool, registers behind
 * bus ranges. A device knows its VM through the functions here, vm/irq.h and space/; it never sees a vCPU's insides.
 *
 * Life: create (once, when the machine boots: adds its ranges and sinks), reset (before each start of the guest),
 * quiesce (the guest has stopped: cancel timers), gone (it does not start again by itself: leave what others have, too). Ranges with BUS_LOCKED run under the VM's device lock, as must
 * irq_set_line(); a timer's `fire` takes it itself with device_lock(). The local APIC and the KVM interface are
 * per vCPU and do without.
 */
#ifndef CORE_VM_DEVICE_H
#define CORE_VM_DEVICE_H

#include "lib/status.h"
#include "lib/types.h"
#include "schema/hvblob.h"
#include "space/bus.h"

struct vm;
struct vcpu;
struct memory;
struct device;

struct device_ops {
	const char *name;
	uint32_t kind; /* enum hv_device_kind */
	/* Bytes of state for a VM of this many vCPUs; it starts with struct device. */
	size_t (*state_size)(uint32_t vcpus);
	MUST_USE enum status (*create)(struct device *device);
	void (*reset)(struct device *device);
	void (*quiesce)(struct device *device); /* may be NULL */
	void (*gone)(struct device *device);	/* the guest has ended for good, until somebody starts it; may be NULL */
	void (*vcpu_reset)(struct device *device, uint32_t vcpu); /* INIT of one vCPU; may be NULL */
};

struct device { /* first member of each device's state; zeroed memory otherwise at create */
	const struct device_ops *ops;
	const struct hv_device *record;
	struct vm *vm;
};

/* What a device may ask of its VM (vm/vm.c). */
enum vm_bus { VM_PORT, VM_MMIO, VM_MSR, VM_BUSES };
MUST_USE enum status device_add_range(struct device *device, enum vm_bus bus, uint64_t first, uint64_t last,
				      bus_handler *handler, void *context, uint32_t flags);
void device_lock(struct vm *vm);
void device_unlock(struct vm *vm);
struct memory *device_memory(struct vm *vm);
const char *device_vm_name(const struct vm *vm);
const struct hv_guest *device_guest(const struct vm *vm);

/* The guest's PCI functions (hv_guest.pci): 256 bytes of config space at reset, and which bits may be written. */
struct device_pci {
	const struct hv_pci_function *record;
	const uint8_t *config;
	const uint8_t *mask;
};
struct device_pci device_pci_function(const struct vm *vm, uint32_t index); /* index < hv_guest.pci.count */

uint32_t device_vcpu_count(const struct vm *vm);
struct vcpu *device_vcpu(struct vm *vm, uint32_t index);
uint32_t device_vcpu_index(const struct vcpu *vcpu);	 /* 0-based in its VM */
uint32_t device_vcpu_apic_id(const struct vcpu *vcpu); /* initial, 32 bits */
struct percpu *device_vcpu_cpu(struct vcpu *vcpu);	 /* where it runs; for timer_arm_on() */

/* `size` zeroed bytes of the pool, at create; they live as long as the machine. */
MUST_USE enum status device_alloc(size_t size, void **p);
/* The VM's first device of this kind (enum hv_device_kind) that has been created; NULL: none. */
struct device *device_find(struct vm *vm, uint32_t kind);

/* The bytes of a payload of the blob (struct hv_payload), which stay; NULL: there is none of that index. */
const void *device_payload(const struct vm *vm, uint32_t index, uint64_t *size);

/*
 * What a device does outside of an access, because another guest asks or a long queue was left for later: run() is
 * called in the time of the device's own guest, on one of its CPUs, with the device lock held. It does a bounded
 * part, and returns whether something is left: then it comes again, after what else waits for that CPU.
 */
struct device_work {
	bool (*run)(struct device *device);
	struct device *device;
	struct device_work *next;
	uint32_t asked; /* atomic */
};
void device_add_work(struct device *device, struct device_work *work, bool (*run)(struct device *device)); /* at create */
void device_ask_work(struct device_work *work); /* any CPU, whatever locks it holds */

/* Time: the guest's TSC is the host's plus an offset that is one for the VM. */
uint64_t device_tsc_offset(const struct vm *vm); /* guest = host + offset, modulo 2^64 */
void device_set_vcpu_tsc_offset(struct vcpu *vcpu, uint64_t offset); /* after a write of the TSC MSRs */
uint64_t device_vcpu_tsc_offset(const struct vcpu *vcpu);
/* Where vCPUs share CPUs: a vCPU gets its CPU or loses it (on that CPU, outside the guest); host ticks that it has waited
 * in all; its translations are to be dropped before it runs. */
void device_on_schedule(struct vm *vm, void (*scheduled)(void *context, uint32_t vcpu, bool running), void *context);
uint64_t device_vcpu_stolen(const struct vcpu *vcpu);
void device_flush_vcpu(struct vcpu *vcpu);
/* Hypercalls: RAX for a number and its arguments. */
void device_on_hypercall(struct vm *vm, uint64_t (*call)(void *context, uint64_t number, const uint64_t argument[4], bool wide),
			 void *context);
uint64_t time_now(void);			 /* host TSC */
uint64_t time_khz(void);			 /* of the host TSC */
uint64_t time_to_ns(uint64_t ticks);		 /* multiply and shift, no division */
uint64_t time_from_ns(uint64_t nanoseconds);
uint64_t time_wall_ns(void); /* Unix time: the machine's clock as read once at boot, plus the TSC */

/* Guest-wide verdicts, called by ACPI PM (S5), the reset register, debug-exit. They take effect when the calling
 * exit ends: the handler returns ACCESS_DONE as usual. */
enum vm_event { VM_EVENT_POWEROFF, VM_EVENT_RESET, VM_EVENT_CRASH };
void device_vm_event(struct vm *vm, enum vm_event event);
void device_say(struct vm *vm, const char *text); /* a line in the core's log, as a warning */
void device_debug_exit(struct vm *vm, uint32_t value); /* host's debug-exit where the blob allows it, else power-off */

/* The guest's console on the machine's serial line (console/guest_console.h). */
void device_console_write(struct vm *vm, char c);
int device_console_read(struct vm *vm); /* -1: nothing there */
/* Told (on some CPU, interrupts off) when input has come: the device then calls device_console_read(). */
void device_console_listen(struct vm *vm, void (*ready)(void *context), void *context);

#endif
