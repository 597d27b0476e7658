/* SPDX-License-Identifier: Apache-2.0 */
/* A VM's start, stop and restart, and what its devices may ask of it. The states are drawn in vm.h.
 */
#include "vm/vm.h"

#include "blob/blob.h"
#include "console/log.h"
#include "cpu/percpu.h"
#include "cpu/tsc.h"
#include "lib/bits.h"
#include "mm/frames.h"
#include "platform/power.h"
#include "space/memory.h"

/* ---- all VMs of the machine */

static struct {
	struct vm *first;
	uint32_t running; /* VMs that are not stopped; atomic */
	uint32_t flags;   /* enum hv_system_flags */
} machine;

void vm_add(struct vm *vm, uint32_t system_flags)
{
	vm->next = machine.first;
	machine.first = vm;
	machine.flags = system_flags;
	machine.running++;
}

struct vm *vm_first(void)
{
	return machine.first;
}

/* ---- start */

static enum status load(struct vm *vm, const struct hv_load *l)
{
	const struct blob *b = vm->blob;
	struct memory *memory = vm->guest.memory;
	const uint8_t *bytes = NULL;
	enum status s;

	if (l->source == HV_LOAD_BYTES)
		bytes = b->bytes + l->source_offset;
	else if (l->source == HV_LOAD_PAYLOAD)
		bytes = (const uint8_t *)blob_payload(b, l->payload) + l->source_offset;
	s = bytes ? memory_load(memory, l->gpa, bytes, l->file_size) : STATUS_OK;
	/* RAM is zero at the start; what is zeroed here may lie over an earlier load. */
	if (s == STATUS_OK && l->memory_size > (bytes ? l->file_size : 0))
		s = memory_load(memory, l->gpa + (bytes ? l->file_size : 0), NULL,
				l->memory_size - (bytes ? l->file_size : 0));
	return s;
}

static enum status load_all(struct vm *vm)
{
	const struct hv_run *run = &vm->guest.record->loads;
	char place[BLOB_PLACE_SIZE];

	for (uint32_t i = 0; i < run->count; i++) {
		const struct hv_load *l = &vm->blob->loads[run->first + i];
		enum status s = load(vm, l);

		if (s == STATUS_OK)
			continue;
		log_guest(LOG_ERROR, vm->guest.name, "%s cannot be loaded at 0x%llx%s",
			  blob_string(vm->blob, l->name), (unsigned long long)l->gpa,
			  blob_place(vm->blob, l->position, place));
		return s;
	}
	return STATUS_OK;
}

/* Regions that are filled from a payload are loads before all others. */
static enum status load_payload_regions(struct vm *vm)
{
	const struct hv_guest *g = vm->guest.record;

	for (uint32_t i = 0; i < g->regions.count; i++) {
		const struct hv_region *r = &vm->blob->regions[g->regions.first + i];
		enum status s;

		if (r->backing != HV_BACKING_PAYLOAD)
			continue;
		s = memory_load(vm->guest.memory, r->gpa, NULL, r->size);
		if (s == STATUS_OK)
			s = memory_load(vm->guest.memory, r->gpa,
					blob_payload(vm->blob, r->payload),
					min_of(r->size, vm->blob->payloads[r->payload].size));
		if (s != STATUS_OK)
			return s;
	}
	return STATUS_OK;
}

static void reset_devices(struct vm *vm)
{
	for (uint32_t i = 0; i < vm->device_count; i++)
		vm->devices[i]->ops->reset(vm->devices[i]);
	vm->extint_level = 0;
}

static const struct hv_start *start_of(const struct vm *vm, const struct vcpu *vcpu)
{
	return vcpu->record->start == HV_NONE ? NULL : &vm->blob->starts[vcpu->record->start];
}

/* All vCPUs are parked: nothing else touches them, the memory or the devices. */
MUST_USE enum status vm_start(struct vm *vm)
{
	enum status s = memory_reset(vm->guest.memory);

	if (s == STATUS_OK)
		s = load_payload_regions(vm);
	if (s == STATUS_OK)
		s = load_all(vm);
	if (s != STATUS_OK)
		return s;
	reset_devices(vm);
	events_reset(vm);
	vm->event = VM_EVENT_NONE;
	vm->crashed = NULL;
	__atomic_store_n(&vm->running, vm->guest.vcpu_count, __ATOMIC_RELEASE);
	__atomic_store_n(&vm->state, VM_RUNNING, __ATOMIC_RELEASE);
	for (uint32_t i = 0; i < vm->guest.vcpu_count; i++) /* the tables may be others than before */
		__atomic_store_n(&vm->guest.vcpus[i]->request, VCPU_REQUEST_FLUSH, __ATOMIC_RELEASE);
	/* The boot processor last: once reset it may run, and send INIT to the others. */
	for (uint32_t i = vm->guest.vcpu_count; i-- > 0;)
		vcpu_reset(vm->guest.vcpus[i], start_of(vm, vm->guest.vcpus[i]));
	for (uint32_t i = 0; i < vm->guest.vcpu_count; i++)
		vcpu_wake(vm->guest.vcpus[i]);
	return STATUS_OK;
}

/* ---- stop */

/* Any CPU, locks held or not: the vCPUs are only asked. The first event wins. */
static void vm_stop(struct vm *vm, enum vm_event event)
{
	uint32_t running = VM_RUNNING;

	if (!__atomic_compare_exchange_n(&vm->state, &running, VM_STOPPING, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return;
	vm->event = event;
	for (uint32_t i = 0; i < vm->guest.vcpu_count; i++)
		vcpu_request(vm->guest.vcpus[i], VCPU_REQUEST_PARK);
}

static const struct hv_event *event_record(const struct vm *vm)
{
	const struct hv_guest *g = vm->guest.record;

	return vm->event == VM_EVENT_POWEROFF ? &g->on_poweroff
	       : vm->event == VM_EVENT_RESET  ? &g->on_reboot
					      : &g->on_crash;
}

/* Whether a restart is still within its bound; counts it. */
static bool may_restart(struct vm *vm, const struct hv_event *e)
{
	uint64_t now = time_to_ns(time_now());
	uint32_t *count = &vm->restarts[vm->event];
	uint64_t *start = &vm->window_start[vm->event];

	if (!e->max_restarts)
		return true;
	if (!*count || now - *start > (uint64_t)e->window_ms * 1000000) {
		*start = now;
		*count = 0;
	}
	return ++*count <= e->max_restarts;
}

static void machine_idle(void)
{
	if (!(machine.flags & HV_SYSTEM_POWEROFF_WHEN_IDLE))
		return;
	log_info("the last guest has stopped");
	power_off();
}

static const char *const event_names[] = {
	[VM_EVENT_POWEROFF] = "powered off",
	[VM_EVENT_RESET] = "reset",
	[VM_EVENT_CRASH] = "crashed",
};

/* What it leaves is nobody's. */
static void clear(struct vm *vm)
{
	memory_clear(vm->guest.memory);
	for (uint32_t i = 0; i < vm->device_count; i++)
		if (vm->devices[i]->ops->gone)
			vm->devices[i]->ops->gone(vm->devices[i]);
}

static void vm_end(struct vm *vm, enum hv_event_action action)
{
	log_guest(LOG_INFO, vm->guest.name, "%s", event_names[vm->event]);
	if (__atomic_sub_fetch(&machine.running, 1, __ATOMIC_ACQ_REL) == 0)
		machine_idle();
	if (action != HV_EVENT_PRESERVE)
		clear(vm);
	__atomic_store_n(&vm->state, VM_STOPPED, __ATOMIC_RELEASE);
}

static void vm_restart(struct vm *vm)
{
	log_guest(LOG_INFO, vm->guest.name, "%s: starting again", event_names[vm->event]);
	memory_clear(vm->guest.memory);
	/* As after power-on, its TSC counts from zero. */
	vm->guest.tsc_offset = -time_now();
	if (vm_start(vm) != STATUS_OK)
		vm_end(vm, HV_EVENT_DESTROY);
}

/* The last vCPU has parked; this is its CPU. */
static void carry_out(struct vm *vm)
{
	const struct hv_event *e = event_record(vm);
	enum hv_event_action action = (enum hv_event_action)e->action;

	for (uint32_t i = 0; i < vm->device_count; i++)
		if (vm->devices[i]->ops->quiesce)
			vm->devices[i]->ops->quiesce(vm->devices[i]);
	if (vm->event == VM_EVENT_CRASH)
		guest_console_show(&vm->console);
	if (action == HV_EVENT_RESTART && !may_restart(vm, e)) {
		log_guest(LOG_WARNING, vm->guest.name, "%u restarts within %u ms: that is enough",
			  e->max_restarts, e->window_ms);
		action = (enum hv_event_action)e->then;
	}
	if (action == HV_EVENT_RESTART)
		vm_restart(vm);
	else
		vm_end(vm, action);
}

/* Each vCPU on its own CPU, before it parks, one at a time. */
static void dump(struct vm *vm, struct vcpu *vcpu)
{
	static const char *const doing[] = {
		[VCPU_WAIT_STARTUP] = "waits for its start-up",
		[VCPU_ACTIVE] = "runs",
		[VCPU_HALTED] = "has halted",
	};

	if (!event_record(vm)->dump || vm->crashed == vcpu)
		return;
	spin_lock(&vm->dump_lock);
	log_guest(LOG_ERROR, vm->guest.name, "vCPU %u %s", vcpu->index, doing[vcpu->activity & 3]);
	if (vcpu->activity != VCPU_WAIT_STARTUP)
		vcpu_dump(vcpu);
	spin_unlock(&vm->dump_lock);
}

static void vm_parked(struct vcpu *vcpu)
{
	struct vm *vm = vm_of(vcpu);

	dump(vm, vcpu);
	__atomic_store_n(&vcpu->activity, VCPU_PARKED, __ATOMIC_RELEASE);
	__atomic_fetch_and(&vcpu->request, ~(uint32_t)VCPU_REQUEST_PARK, __ATOMIC_ACQ_REL);
	if (__atomic_sub_fetch(&vm->running, 1, __ATOMIC_ACQ_REL) == 0)
		carry_out(vm);
}

static void vm_crashed(struct vcpu *vcpu)
{
	vm_of(vcpu)->crashed = vcpu;
	vm_stop(vm_of(vcpu), VM_EVENT_CRASH);
}

/* ---- work of devices */

static bool vm_work(struct vcpu *vcpu)
{
	struct vm *vm = vm_of(vcpu);
	bool left = false;

	device_lock(vm);
	for (struct device_work *w = vm->work; w; w = w->next) {
		if (!__atomic_exchange_n(&w->asked, 0, __ATOMIC_ACQ_REL) || !w->run(w->device))
			continue;
		__atomic_store_n(&w->asked, 1, __ATOMIC_RELEASE);
		left = true;
	}
	device_unlock(vm);
	return left;
}

void device_add_work(struct device *device, struct device_work *work, bool (*run)(struct device *device))
{
	*work = (struct device_work){run, device, device->vm->work, 0};
	device->vm->work = work;
}

/* On this CPU where it has one of the VM's vCPUs: the guest that asks pays. Else on the boot
 * processor's. */
void device_ask_work(struct device_work *work)
{
	struct guest *guest = &work->device->vm->guest;
	struct vcpu *here = this_cpu()->vcpu;

	__atomic_store_n(&work->asked, 1, __ATOMIC_RELEASE);
	vcpu_request(here && here->guest == guest ? here : guest->vcpus[0], VCPU_REQUEST_WORK);
}

void vm_init(struct vm *vm)
{
	vm->guest.parked = vm_parked;
	vm->guest.crashed = vm_crashed;
	vm->guest.refused = events_tell;
	vm->guest.events_call = vm->guest.record->flags & HV_GUEST_OBSERVER ? events_call : NULL;
	vm->guest.work = vm_work;
	for (uint32_t i = 0; i < vm->guest.vcpu_count; i++)
		vm->guest.vcpus[i]->activity = VCPU_PARKED;
}

/* ---- what devices may ask, vm/device.h */

MUST_USE enum status device_add_range(struct device *device, enum vm_bus bus, uint64_t first,
				      uint64_t last, bus_handler *handler, void *context,
				      uint32_t flags)
{
	static const uint8_t buses[VM_BUSES] = {
		[VM_PORT] = GUEST_PORT, [VM_MMIO] = GUEST_MMIO, [VM_MSR] = GUEST_MSR};
	const struct bus_range range = {
		.first = first,
		.last = last,
		.handler = handler,
		.context = context,
		.name = device->ops->name,
		.position = device->record->position,
		.flags = flags,
	};

	return bus_add(&device->vm->guest.bus[buses[bus]], &range);
}

void device_lock(struct vm *vm)
{
	spin_lock(&vm->guest.device_lock);
}

void device_unlock(struct vm *vm)
{
	spin_unlock(&vm->guest.device_lock);
}

struct memory *device_memory(struct vm *vm)
{
	return vm->guest.memory;
}

const char *device_vm_name(const struct vm *vm)
{
	return vm->guest.name;
}

const struct hv_guest *device_guest(const struct vm *vm)
{
	return vm->guest.record;
}

struct device_pci device_pci_function(const struct vm *vm, uint32_t index)
{
	const struct hv_pci_function *f = &vm->blob->pci[vm->guest.record->pci.first + index];

	return (struct device_pci){f, vm->blob->bytes + f->config, vm->blob->bytes + f->mask};
}

MUST_USE enum status device_alloc(size_t size, void **p)
{
	return pool_alloc(size, p);
}

const void *device_payload(const struct vm *vm, uint32_t index, uint64_t *size)
{
	if (index >= vm->blob->count[HV_SECTION_PAYLOADS])
		return NULL;
	*size = vm->blob->payloads[index].size;
	return blob_payload(vm->blob, index);
}

struct device *device_find(struct vm *vm, uint32_t kind)
{
	for (uint32_t i = 0; i < vm->device_count; i++)
		if (vm->devices[i]->record->kind == kind)
			return vm->devices[i];
	return NULL;
}

uint32_t device_vcpu_count(const struct vm *vm)
{
	return vm->guest.vcpu_count;
}

struct vcpu *device_vcpu(struct vm *vm, uint32_t index)
{
	return vm->guest.vcpus[index];
}

uint32_t device_vcpu_index(const struct vcpu *vcpu)
{
	return vcpu->index;
}

uint32_t device_vcpu_apic_id(const struct vcpu *vcpu)
{
	return vcpu->record->apic_id;
}

struct percpu *device_vcpu_cpu(struct vcpu *vcpu)
{
	return vcpu->cpu;
}

uint64_t device_tsc_offset(const struct vm *vm)
{
	return vm->guest.tsc_offset;
}

void device_set_vcpu_tsc_offset(struct vcpu *vcpu, uint64_t offset)
{
	vcpu->tsc_offset = offset;
	vcpu_request(vcpu, VCPU_REQUEST_OFFSET);
}

uint64_t device_vcpu_tsc_offset(const struct vcpu *vcpu)
{
	return vcpu->tsc_offset;
}

void device_on_schedule(struct vm *vm, void (*scheduled)(void *context, uint32_t vcpu, bool running),
			void *context)
{
	vm->guest.scheduled = scheduled;
	vm->guest.scheduled_context = context;
}

uint64_t device_vcpu_stolen(const struct vcpu *vcpu)
{
	return vcpu->stolen;
}

void device_flush_vcpu(struct vcpu *vcpu)
{
	vcpu_mark(vcpu, VCPU_REQUEST_FLUSH);
}

void device_on_hypercall(struct vm *vm,
			 uint64_t (*call)(void *context, uint64_t number,
					  const uint64_t argument[4], bool wide),
			 void *context)
{
	vm->guest.hypercall = call;
	vm->guest.hypercall_context = context;
}

void device_vm_event(struct vm *vm, enum vm_event event)
{
	vm_stop(vm, event);
}

void device_say(struct vm *vm, const char *text)
{
	log_guest(LOG_WARNING, vm->guest.name, "%s", text);
}

void device_debug_exit(struct vm *vm, uint32_t value)
{
	if (machine.flags & HV_SYSTEM_DEBUG_EXIT)
		power_debug_exit(value);
	vm_stop(vm, VM_EVENT_POWEROFF);
}

void device_console_write(struct vm *vm, char c)
{
	guest_console_write(&vm->console, &c, 1);
}

int device_console_read(struct vm *vm)
{
	return guest_console_read(&vm->console);
}

void device_console_listen(struct vm *vm, void (*ready)(void *context), void *context)
{
	guest_console_listen(&vm->console, ready, context);
}
