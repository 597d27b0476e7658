/* SPDX-License-Identifier: Apache-2.0 */
/*
 * KVM's hypercalls for vCPUs that share CPUs (Linux, Documentation/virt/kvm/x86/hypercalls.rst): to wake one that halted because
 * it waits for a lock, and to send one interrupt to many without an exit for each.
 */
#include "lib/bits.h"
#include "pv/kvm.h"

enum { KVM_HC_KICK_CPU = 5, KVM_HC_SEND_IPI = 10 };

#define ICR_VECTOR   BITS(7, 0)
#define ICR_DELIVERY BITS(10, 8)
#define ICR_REFUSED  (BIT(15) | BITS(19, 18)) /* level-triggered; shorthands */

/* To the vCPUs whose bits are set in two words, counted from an APIC id on; how many there are. */
static uint64_t send_ipi(struct vm *vm, const uint64_t argument[4], bool wide)
{
	uint32_t icr = (uint32_t)argument[3], word = wide ? 64 : 32;
	struct irq_request request = {
		.vector = (uint8_t)field_get(icr, ICR_VECTOR),
		.delivery = (uint8_t)field_get(icr, ICR_DELIVERY),
		.wide = true,
	};
	uint64_t sent = 0;

	if (icr & ICR_REFUSED || (request.delivery != IRQ_FIXED && request.delivery != IRQ_NMI))
		return (uint64_t)-KVM_EINVAL;
	for (uint32_t i = 0; i < 2 * word; i++) {
		uint64_t id = (uint32_t)argument[2] + (uint64_t)i;

		if (!(argument[i / word] & BIT(i % word)) || id >= ~0u)
			continue;
		request.destination = (uint32_t)id;
		irq_request(vm, &request);
		sent++;
	}
	return sent;
}

uint64_t kvm_hypercall(void *context, uint64_t number, const uint64_t argument[4], bool wide)
{
	const struct kvm_device *kvm = context;
	uint32_t features = kvm->device.record->parameter[1];

	if (number == KVM_HC_KICK_CPU && features & KVM_FEATURE_PV_UNHALT) {
		irq_unhalt(kvm->device.vm, (uint32_t)argument[1]);
		return 0;
	}
	if (number == KVM_HC_SEND_IPI && features & KVM_FEATURE_PV_SEND_IPI)
		return send_ipi(kvm->device.vm, argument, wide);
	return (uint64_t)-KVM_ENOSYS;
}
