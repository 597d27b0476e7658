/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one guest is told of another: its refused writes (HV_GUARD_NOTIFY). The watched guest's CPU puts an event into the observer's
 * ring; the observer takes it out by a hypercall (schema/hypercalls.md), and is interrupted when its ring was empty.
 *
 *	watched guest's vCPU ── events_tell() ──► ring of 32 ── HV_CALL_EVENT ──► observer
 *	                              └─ the first one: the message of HV_CALL_WATCH
 *
 * A full ring loses the new event and counts it: nobody waits for an observer.
 */
#include "blob/blob.h"
#include "lib/bits.h"
#include "vm/vm.h"

enum { EVENTS_EAGAIN = 11, EVENTS_EINVAL = 22 };

static struct vm *vm_of_record(const struct blob *b, uint32_t index)
{
	struct vm *vm = vm_first();

	while (vm && vm->guest.record != &b->guests[index])
		vm = vm->next;
	return vm;
}

void events_tell(struct vcpu *vcpu, const struct hv_guard *guard, uint64_t gpa, uint32_t size)
{
	const struct vm *watched = vm_of(vcpu);
	struct vm *vm = vm_of_record(watched->blob, guard->observer);
	struct vm_events *e = vm ? &vm->events : NULL;
	struct irq_message message = {0};

	if (!e)
		return;
	spin_lock(&e->lock);
	if (e->count == ARRAY_SIZE(e->ring)) {
		e->lost++;
	} else {
		e->ring[(e->first + e->count) % ARRAY_SIZE(e->ring)] = (struct vm_refusal){
			gpa, *vcpu->rip, (uint32_t)(watched->guest.record - watched->blob->guests), size, e->lost};
		e->lost = 0;
		if (!e->count++)
			message = e->message;
	}
	spin_unlock(&e->lock);
	if (message.address)
		irq_message(vm, &message);
}

/* The next event in the vCPU's registers. */
static uint64_t take(struct vm_events *e, uint64_t *gpr)
{
	const struct vm_refusal *r = &e->ring[e->first];

	if (!e->count)
		return (uint64_t)-EVENTS_EAGAIN;
	gpr[RBX] = r->gpa;
	gpr[RCX] = (uint64_t)r->guest << 32 | r->size;
	gpr[RDX] = r->rip;
	gpr[RSI] = r->lost;
	e->first = (e->first + 1) % ARRAY_SIZE(e->ring);
	e->count--;
	return 0;
}

/* The message of interrupts: to local APICs (SDM v3 11.11.1), or none. */
static uint64_t watch(struct vm_events *e, uint64_t address, uint64_t data)
{
	if (address && address >> 20 != 0xfee)
		return (uint64_t)-EVENTS_EINVAL;
	e->message = (struct irq_message){.address = address, .data = (uint32_t)data};
	return 0;
}

uint64_t events_call(struct vcpu *vcpu, uint64_t number, const uint64_t argument[2])
{
	struct vm_events *e = &vm_of(vcpu)->events;
	uint64_t result;

	spin_lock(&e->lock);
	result = number == HV_CALL_WATCH ? watch(e, argument[0], argument[1]) : take(e, vcpu->gpr);
	spin_unlock(&e->lock);
	return result;
}

void events_reset(struct vm *vm)
{
	spin_lock(&vm->events.lock);
	vm->events.count = 0;
	vm->events.lost = 0;
	vm->events.message = (struct irq_message){0};
	spin_unlock(&vm->events.lock);
}
