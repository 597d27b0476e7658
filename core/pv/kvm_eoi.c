/* SPDX-License-Identifier: Apache-2.0 */
/*
 * KVM's paravirtual EOI: a word in guest memory whose bit 0 the core sets when it injects an interrupt that may be ended
 * without it. The guest ends it by clearing the bit, instead of writing the EOI register; the local APIC finds out when
 * it next looks (irq.h, struct irq_eoi_assist). Only the vCPU and, while that does not run, its own CPU touch the word.
 */
#include "lib/bits.h"
#include "pv/kvm.h"
#include "space/memory.h"

#define WORD_PENDING 1u

static uint64_t word(const struct kvm_vcpu *vcpu)
{
	return vcpu->eoi & KVM_ADDRESS;
}

static bool offer(void *context)
{
	const struct kvm_vcpu *vcpu = context;
	uint32_t value = WORD_PENDING;

	return vcpu->eoi & KVM_ENABLE &&
	       memory_write(device_memory(vcpu->vm), word(vcpu), &value, sizeof(value)) == STATUS_OK;
}

static bool collect(void *context)
{
	struct kvm_vcpu *vcpu = context;
	struct memory *memory = device_memory(vcpu->vm);
	uint32_t value;

	if (memory_read(memory, word(vcpu), &value, sizeof(value)))
		return false;
	if (!(value & WORD_PENDING))
		return true;
	value &= ~WORD_PENDING;
	if (memory_write(memory, word(vcpu), &value, sizeof(value)))
		vcpu->eoi = 0; /* no longer RAM: no more offers */
	return false;
}

void kvm_eoi_create(struct kvm_vcpu *vcpu)
{
	vcpu->assist = (struct irq_eoi_assist){ .context = vcpu, .offer = offer, .collect = collect };
}

enum access_result kvm_eoi_write(struct kvm_vcpu *vcpu, uint64_t value)
{
	if (value & BIT(1))
		return ACCESS_FAULT;
	irq_set_eoi_assist(vcpu->vcpu, NULL); /* what was offered at the old address ends first */
	vcpu->eoi = value;
	if (value & KVM_ENABLE)
		irq_set_eoi_assist(vcpu->vcpu, &vcpu->assist);
	return ACCESS_DONE;
}
