/* SPDX-License-Identifier: Apache-2.0 */
/* From messages to local APICs: SDM v3 11.6.2 (destinations), 11.11 (message format). */
#include "vm/irq.h"

#include "lib/bits.h"
#include "vcpu/backend.h"
#include "vm/vm.h"

/* Message address and data, SDM v3 figures 11-14 and 11-15. */
#define ADDRESS_DESTINATION BITS(19, 12)
#define ADDRESS_EXTENDED    BITS(11, 5) /* bits 14:8 of the id, where no remapping takes them */
#define ADDRESS_LOGICAL     BIT(2)
#define ADDRESS_HIGH        BITS(63, 40) /* bits 31:8 of the id */
#define DATA_VECTOR         BITS(7, 0)
#define DATA_DELIVERY       BITS(10, 8)
#define DATA_LEVEL          BIT(15)

void irq_attach_chip(struct vcpu *vcpu, const struct irq_chip *ops, void *chip)
{
	vcpu->chip = ops;
	vcpu->chip_state = chip;
}

struct irq_page *irq_lend(struct vcpu *vcpu, enum irq_lending how)
{
	return vcpu->backend->lend_apic(vcpu, how);
}

void irq_post(struct vcpu *vcpu)
{
	vcpu->backend->post(vcpu);
}

void irq_set_eoi_assist(struct vcpu *vcpu, const struct irq_eoi_assist *assist)
{
	if (vcpu->chip)
		vcpu->chip->set_eoi_assist(vcpu->chip_state, assist);
}

/* ---- destinations */

static bool matches(const struct vcpu *vcpu, const struct irq_request *request)
{
	return vcpu->chip && vcpu->chip->matches(vcpu->chip_state, request);
}

static void deliver(struct vcpu *vcpu, const struct irq_request *request)
{
	vcpu->chip->deliver(vcpu->chip_state, request);
}

static bool is_broadcast(const struct irq_request *request)
{
	return request->destination == (request->wide ? ~0u : 0xffu);
}

/* The one vCPU that a physical destination names, by the table of initial ids. NULL: ask them all.
 */
static struct vcpu *by_id(const struct vm *vm, const struct irq_request *request)
{
	struct vcpu *vcpu;

	if (request->logical || is_broadcast(request) || request->destination >= vm->apic_id_count)
		return NULL;
	vcpu = vm->by_apic_id[request->destination];
	return vcpu && matches(vcpu, request) ? vcpu : NULL;
}

/* The lowest priority wins; among equals they take turns. */
static struct vcpu *arbitrate(struct vm *vm, const struct irq_request *request)
{
	uint32_t start = __atomic_fetch_add(&vm->lowest_next, 1, __ATOMIC_RELAXED);
	struct vcpu *best = NULL;
	unsigned int best_priority = 256;

	for (uint32_t i = 0; i < vm->guest.vcpu_count; i++) {
		struct vcpu *vcpu = vm->guest.vcpus[(start + i) % vm->guest.vcpu_count];
		unsigned int priority;

		if (!matches(vcpu, request))
			continue;
		priority = vcpu->chip->priority(vcpu->chip_state);
		if (priority < best_priority) {
			best = vcpu;
			best_priority = priority;
		}
	}
	return best;
}

void irq_request(struct vm *vm, const struct irq_request *request)
{
	struct vcpu *one =
		request->delivery == IRQ_LOWEST ? arbitrate(vm, request) : by_id(vm, request);

	if (one)
		deliver(one, request);
	if (one || request->delivery == IRQ_LOWEST)
		return;
	for (uint32_t i = 0; i < vm->guest.vcpu_count; i++)
		if (matches(vm->guest.vcpus[i], request))
			deliver(vm->guest.vcpus[i], request);
}

void irq_message(struct vm *vm, const struct irq_message *message)
{
	uint64_t high = field_get(message->address, ADDRESS_EXTENDED) |
			field_get(message->address, ADDRESS_HIGH);
	struct irq_request request = {
		.destination =
			(uint32_t)(field_get(message->address, ADDRESS_DESTINATION) | high << 8),
		.vector = (uint8_t)field_get(message->data, DATA_VECTOR),
		.delivery = (uint8_t)field_get(message->data, DATA_DELIVERY),
		.logical = message->address & ADDRESS_LOGICAL,
		.level = message->data & DATA_LEVEL,
		.wide = high != 0,
	};
	bool drop = false;

	if (vm->remap && vm->remap(vm->remap_context, message, &request, &drop) && drop)
		return;
	irq_request(vm, &request);
}

/* ---- lines */

MUST_USE enum status irq_add_line_sink(struct vm *vm, irq_line_handler *handler, void *context)
{
	if (vm->sink_count == VM_LINE_SINKS)
		return trace_error(STATUS_NO_MEMORY);
	vm->sinks[vm->sink_count].handler = handler;
	vm->sinks[vm->sink_count++].context = context;
	return STATUS_OK;
}

void irq_set_line(struct vm *vm, uint32_t gsi, bool level)
{
	for (uint32_t i = 0; i < vm->sink_count; i++)
		vm->sinks[i].handler(vm->sinks[i].context, gsi, level);
}

void irq_set_eoi_sink(struct vm *vm, irq_eoi_handler *handler, void *context)
{
	vm->eoi = handler;
	vm->eoi_context = context;
}

void irq_end_of_interrupt(struct vm *vm, uint8_t vector)
{
	if (!vm->eoi)
		return;
	device_lock(vm);
	vm->eoi(vm->eoi_context, vector);
	device_unlock(vm);
}

/* ---- the 8259 pair's pin */

void irq_set_extint(struct vm *vm, const struct irq_extint *source)
{
	vm->extint = source;
}

void irq_raise_extint(struct vm *vm, bool level)
{
	__atomic_store_n(&vm->extint_level, level, __ATOMIC_RELEASE);
	if (level)
		irq_notify(vm->guest.vcpus[0]);
}

bool irq_extint_pending(const struct vm *vm)
{
	return __atomic_load_n(&vm->extint_level, __ATOMIC_ACQUIRE);
}

int irq_extint_acknowledge(struct vm *vm)
{
	int vector = -1;

	if (!vm->extint)
		return -1;
	device_lock(vm);
	if (vm->extint_level)
		vector = vm->extint->acknowledge(vm->extint->context);
	device_unlock(vm);
	return vector;
}

/* ---- to the vCPU */

void irq_notify(struct vcpu *vcpu)
{
	vcpu_request(vcpu, VCPU_REQUEST_EVENT);
}

void irq_signal_nmi(struct vcpu *vcpu)
{
	__atomic_fetch_add(&vcpu->nmi_signalled, 1, __ATOMIC_ACQ_REL);
	vcpu_request(vcpu, VCPU_REQUEST_NMI);
}

void irq_signal_init(struct vcpu *vcpu)
{
	vcpu_request(vcpu, VCPU_REQUEST_INIT);
}

void irq_unhalt(struct vm *vm, uint32_t apic_id)
{
	for (uint32_t i = 0; i < vm->guest.vcpu_count; i++)
		if (vm->guest.vcpus[i]->record->apic_id == apic_id)
			vcpu_request(vm->guest.vcpus[i], VCPU_REQUEST_UNHALT);
}

void irq_signal_startup(struct vcpu *vcpu, uint8_t vector)
{
	__atomic_store_n(&vcpu->startup_vector, vector, __ATOMIC_RELEASE);
	vcpu_request(vcpu, VCPU_REQUEST_STARTUP);
}
