/* SPDX-License-Identifier: Apache-2.0 */
/* The machine that chips meet in host tests: see machine.h. */
#include "tests/core/unit/shim/machine.h"

#include <stdlib.h>
#include <string.h>

#include "cpu/timer.h"
#include "lib/bits.h"
#include "space/memory.h"

#define TIMERS 64

struct vm machine;

static uint64_t tsc, tsc_khz;
static struct timer *armed[TIMERS];

/* ------------------------------------------------------------------- time */

uint64_t time_now(void)
{
	return tsc += machine.drift;
}

uint64_t time_khz(void)
{
	return tsc_khz;
}

uint64_t time_to_ns(uint64_t ticks)
{
	return (unsigned __int128)ticks * 1000000 / tsc_khz;
}

uint64_t time_from_ns(uint64_t ns)
{
	return (unsigned __int128)ns * tsc_khz / 1000000;
}

uint64_t time_wall_ns(void)
{
	return 1700000000ull * 1000000000 + time_to_ns(tsc); /* 2023-11-14 22:13:20, a Tuesday */
}

void timer_init(struct timer *timer, void (*fire)(struct timer *timer))
{
	memset(timer, 0, sizeof(*timer));
	timer->fire = fire;
}

void timer_cancel(struct timer *timer)
{
	for (unsigned int i = 0; i < TIMERS; i++)
		if (armed[i] == timer)
			armed[i] = NULL;
	timer->cpu = NULL;
}

void timer_arm_on(struct timer *timer, struct percpu *cpu, uint64_t deadline)
{
	timer_cancel(timer);
	timer->cpu = cpu;
	timer->deadline = deadline;
	for (unsigned int i = 0; i < TIMERS; i++) {
		if (!armed[i]) {
			armed[i] = timer;
			return;
		}
	}
	abort();
}

void timer_arm(struct timer *timer, uint64_t deadline)
{
	timer_arm_on(timer, (struct percpu *)&machine, deadline);
}

static struct timer *earliest(uint64_t until)
{
	struct timer *first = NULL;

	for (unsigned int i = 0; i < TIMERS; i++)
		if (armed[i] && armed[i]->deadline <= until && (!first || armed[i]->deadline < first->deadline))
			first = armed[i];
	return first;
}

void machine_wait(uint64_t ns)
{
	uint64_t end = tsc + time_from_ns(ns);
	struct timer *timer;

	while ((timer = earliest(end))) {
		tsc = max_of(tsc, timer->deadline);
		timer_cancel(timer);
		machine.fired++;
		timer->fire(timer);
	}
	tsc = end;
}

/* ------------------------------------------------------------------- vm/device.h */

static void *clean(size_t size)
{
	void *p = aligned_alloc(64, align_up(size, 64));

	if (!p)
		abort();
	return memset(p, 0, align_up(size, 64));
}

enum status device_add_range(struct device *device, enum vm_bus bus, uint64_t first, uint64_t last,
			     bus_handler *handler, void *context, uint32_t flags)
{
	struct machine_range *r = &machine.range[machine.range_count++];

	if (machine.range_count > ARRAY_SIZE(machine.range) || last < first)
		abort();
	r->bus = bus;
	r->range = (struct bus_range){ first, last, handler, context, device->ops->name, 0, flags };
	return STATUS_OK;
}

void device_lock(struct vm *vm)
{
	if (vm->locked++)
		abort(); /* it would deadlock */
}

void device_unlock(struct vm *vm)
{
	if (--vm->locked)
		abort();
}

struct memory *device_memory(struct vm *vm)
{
	return (struct memory *)vm;
}

const char *device_vm_name(const struct vm *vm)
{
	(void)vm;
	return "machine";
}

uint32_t device_vcpu_count(const struct vm *vm)
{
	return vm->vcpus;
}

struct vcpu *device_vcpu(struct vm *vm, uint32_t index)
{
	return &vm->vcpu[index];
}

uint32_t device_vcpu_index(const struct vcpu *vcpu)
{
	return vcpu->index;
}

uint32_t device_vcpu_apic_id(const struct vcpu *vcpu)
{
	return vcpu->apic_id;
}

struct percpu *device_vcpu_cpu(struct vcpu *vcpu)
{
	return (struct percpu *)vcpu;
}

uint64_t device_vcpu_tsc_offset(const struct vcpu *vcpu)
{
	return vcpu->tsc_offset;
}

const struct hv_guest *device_guest(const struct vm *vm)
{
	return &vm->guest;
}

struct device_pci device_pci_function(const struct vm *vm, uint32_t index)
{
	return (struct device_pci){ &vm->pci[index], vm->config[index], vm->mask[index] };
}

void device_on_schedule(struct vm *vm, void (*scheduled)(void *context, uint32_t vcpu, bool running), void *context)
{
	vm->scheduled = scheduled;
	vm->scheduled_context = context;
}

uint64_t device_vcpu_stolen(const struct vcpu *vcpu)
{
	return vcpu->stolen;
}

void device_flush_vcpu(struct vcpu *vcpu)
{
	vcpu->flushes++;
}

void device_on_hypercall(struct vm *vm, uint64_t (*call)(void *context, uint64_t number, const uint64_t argument[4], bool wide),
			 void *context)
{
	vm->hypercall = call;
	vm->hypercall_context = context;
}

void irq_unhalt(struct vm *vm, uint32_t apic_id)
{
	for (uint32_t i = 0; i < vm->vcpus; i++)
		vm->vcpu[i].unhalts += vm->vcpu[i].apic_id == apic_id;
}

enum status device_alloc(size_t size, void **p)
{
	if (machine.allocations == ARRAY_SIZE(machine.allocated))
		abort();
	*p = machine.allocated[machine.allocations++] = clean(size);
	return STATUS_OK;
}

const void *device_payload(const struct vm *vm, uint32_t index, uint64_t *size)
{
	*size = vm->payload_size;
	return index ? NULL : vm->payload;
}

struct device *device_find(struct vm *vm, uint32_t kind)
{
	for (unsigned int i = 0; i < vm->device_count; i++)
		if (vm->device[i]->record->kind == kind)
			return vm->device[i];
	return NULL;
}

void device_add_work(struct device *device, struct device_work *work, bool (*run)(struct device *device))
{
	*work = (struct device_work){ run, device, device->vm->work, 0 };
	device->vm->work = work;
}

void device_ask_work(struct device_work *work)
{
	work->asked = 1;
}

bool machine_work(void)
{
	bool left = false;

	device_lock(&machine);
	for (struct device_work *w = machine.work; w; w = w->next) {
		if (!w->asked)
			continue;
		w->asked = 0;
		w->asked = w->run(w->device);
		left |= w->asked;
	}
	device_unlock(&machine);
	return left;
}

void device_vm_event(struct vm *vm, enum vm_event event)
{
	vm->events[event]++;
}

void device_say(struct vm *vm, const char *text)
{
	(void)text;
	vm->said++;
}

void device_debug_exit(struct vm *vm, uint32_t value)
{
	vm->exits++;
	vm->exit_value = value;
}

void device_console_write(struct vm *vm, char c)
{
	if (vm->output_length < sizeof(vm->output) - 1)
		vm->output[vm->output_length++] = c;
}

int device_console_read(struct vm *vm)
{
	return vm->input && *vm->input ? (uint8_t)*vm->input++ : -1;
}

void device_console_listen(struct vm *vm, void (*ready)(void *context), void *context)
{
	vm->ready = ready;
	vm->ready_context = context;
}

/* ------------------------------------------------------------------- space/memory.h */

static enum status in_ram(uint64_t gpa, size_t size)
{
	return !machine.ram_gone && range_fits(gpa, size, MACHINE_RAM) ? STATUS_OK : STATUS_FAULT;
}

enum status memory_read(struct memory *memory, uint64_t gpa, void *buffer, size_t size)
{
	(void)memory;
	if (in_ram(gpa, size))
		return STATUS_FAULT;
	memcpy(buffer, machine.ram + gpa, size);
	return STATUS_OK;
}

enum status memory_compare_exchange(struct memory *memory, uint64_t gpa, uint32_t size, uint64_t *expected, uint64_t desired)
{
	uint64_t found = 0;

	if (memory_read(memory, gpa, &found, size))
		return STATUS_FAULT;
	if (found == *expected)
		return memory_write(memory, gpa, &desired, size);
	*expected = found;
	return STATUS_OK;
}

enum status memory_write(struct memory *memory, uint64_t gpa, const void *buffer, size_t size)
{
	(void)memory;
	if (in_ram(gpa, size))
		return STATUS_FAULT;
	memcpy(machine.ram + gpa, buffer, size);
	return STATUS_OK;
}

/* ------------------------------------------------------------------- vm/irq.h */

struct irq_page *lendable;

enum irq_lending lent_as;

struct irq_page *irq_lend(struct vcpu *vcpu, enum irq_lending how)
{
	(void)vcpu;
	lent_as = lendable ? how : IRQ_KEPT;
	return lendable;
}

void irq_post(struct vcpu *vcpu)
{
	vcpu->posts++;
}

void irq_attach_chip(struct vcpu *vcpu, const struct irq_chip *ops, void *chip)
{
	vcpu->ops = ops;
	vcpu->chip = chip;
}

void irq_set_eoi_assist(struct vcpu *vcpu, const struct irq_eoi_assist *assist)
{
	vcpu->assist = assist;
	if (vcpu->ops)
		vcpu->ops->set_eoi_assist(vcpu->chip, assist);
}

static struct vcpu *lower(struct vcpu *best, struct vcpu *vcpu)
{
	return best && best->ops->priority(best->chip) <= vcpu->ops->priority(vcpu->chip) ? best : vcpu;
}

void irq_request(struct vm *vm, const struct irq_request *request)
{
	struct vcpu *best = NULL;

	for (uint32_t i = 0; i < vm->vcpus; i++) {
		struct vcpu *vcpu = &vm->vcpu[i];

		if (!vcpu->ops || !vcpu->ops->matches(vcpu->chip, request))
			continue;
		if (request->delivery == IRQ_LOWEST)
			best = lower(best, vcpu);
		else
			vcpu->ops->deliver(vcpu->chip, request);
	}
	if (best)
		best->ops->deliver(best->chip, request);
}

void irq_message(struct vm *vm, const struct irq_message *message)
{
	struct irq_request request = {
		.destination = message->address >> 12 & 0xff,
		.vector = message->data,
		.delivery = message->data >> 8 & 7,
		.logical = message->address & BIT(2),
		.level = message->data & BIT(15),
	};

	vm->message[vm->messages++ % MACHINE_LOG] = *message;
	if (!vm->swallow_messages)
		irq_request(vm, &request);
}

enum status irq_add_line_sink(struct vm *vm, irq_line_handler *handler, void *context)
{
	vm->sink[vm->sink_count] = handler;
	vm->sink_context[vm->sink_count++] = context;
	return STATUS_OK;
}

void irq_set_line(struct vm *vm, uint32_t gsi, bool level)
{
	if (gsi >= IRQ_LINES)
		abort();
	vm->rises[gsi] += level && !vm->line[gsi];
	vm->line[gsi] = level;
	for (unsigned int i = 0; i < vm->sink_count; i++)
		vm->sink[i](vm->sink_context[i], gsi, level);
}

void irq_set_eoi_sink(struct vm *vm, irq_eoi_handler *handler, void *context)
{
	vm->eoi = handler;
	vm->eoi_context = context;
}

void irq_end_of_interrupt(struct vm *vm, uint8_t vector)
{
	vm->eois++;
	vm->eoi_vector = vector;
	device_lock(vm);
	if (vm->eoi)
		vm->eoi(vm->eoi_context, vector);
	device_unlock(vm);
}

void irq_set_extint(struct vm *vm, const struct irq_extint *source)
{
	vm->extint = source;
}

void irq_raise_extint(struct vm *vm, bool level)
{
	vm->extint_level = level;
}

bool irq_extint_pending(const struct vm *vm)
{
	return vm->extint_level;
}

int irq_extint_acknowledge(struct vm *vm)
{
	int vector;

	device_lock(vm);
	vector = vm->extint ? vm->extint->acknowledge(vm->extint->context) : -1;
	device_unlock(vm);
	return vector;
}

void irq_notify(struct vcpu *vcpu)
{
	vcpu->notified++;
}

void irq_signal_nmi(struct vcpu *vcpu)
{
	vcpu->nmis++;
}

void irq_signal_init(struct vcpu *vcpu)
{
	vcpu->inits++;
}

void irq_signal_startup(struct vcpu *vcpu, uint8_t vector)
{
	vcpu->startups++;
	vcpu->startup_vector = vector;
}

enum status trace_error_at(enum status s, const char *file, int line)
{
	(void)file;
	(void)line;
	return s;
}

/* ------------------------------------------------------------------- the machine */

void machine_free(void)
{
	for (unsigned int i = 0; i < machine.device_count; i++) {
		struct device *device = machine.device[i];

		if (device->ops->quiesce)
			device->ops->quiesce(device);
		free((void *)device->record);
		free(device);
	}
	machine.device_count = 0;
	while (machine.allocations)
		free(machine.allocated[--machine.allocations]);
	for (unsigned int i = 0; i < TIMERS; i++)
		if (armed[i])
			abort(); /* quiesce has left it */
}

void machine_new(uint32_t vcpus, uint64_t khz)
{
	machine_free();
	memset(&machine, 0, sizeof(machine));
	tsc = 1000000;
	tsc_khz = khz;
	machine.vcpus = vcpus;
	for (uint32_t i = 0; i < vcpus; i++) {
		machine.vcpu[i].vm = &machine;
		machine.vcpu[i].index = i;
		machine.vcpu[i].apic_id = i;
	}
}

struct device *machine_add(const struct device_ops *ops, struct hv_device record)
{
	struct device *device = clean(ops->state_size(machine.vcpus));
	struct hv_device *copy = clean(sizeof(record));

	*copy = record;
	device->ops = ops;
	device->record = copy;
	device->vm = &machine;
	if (ops->create(device))
		abort();
	ops->reset(device);
	machine.device[machine.device_count++] = device;
	return device;
}

enum access_result machine_access(enum vm_bus bus, uint64_t address, unsigned int size, bool write,
				  uint64_t *value)
{
	struct bus_access access = {
		.vcpu = &machine.vcpu[machine.cpu], .address = address, .value = *value, .size = size, .write = write
	};
	enum access_result result;

	for (unsigned int i = 0; i < machine.range_count; i++) {
		const struct bus_range *range = &machine.range[i].range;

		if (machine.range[i].bus != bus || address < range->first ||
		    address + (bus == VM_MSR ? 1 : size) - 1 > range->last)
			continue;
		if (range->flags & BUS_LOCKED)
			device_lock(&machine);
		result = range->handler(range->context, &access);
		if (range->flags & BUS_LOCKED)
			device_unlock(&machine);
		*value = access.value;
		return result;
	}
	return ACCESS_NONE;
}
