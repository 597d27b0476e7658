/* SPDX-License-Identifier: Apache-2.0 */
/*
 * KVM's steal time, for vCPUs that share CPUs (Linux, Documentation/virt/kvm/x86/msr.rst): a page that says how long the vCPU has
 * waited for a CPU, and whether it has one. Other vCPUs look at the flag before they wait for this one; and instead of
 * interrupting it to flush its TLB they may ask for that beside the flag, to be done before it runs again.
 */
#include "lib/bits.h"
#include "pv/kvm.h"
#include "space/memory.h"

#define STEAL_RESERVED BITS(5, 1)
#define STEAL_ADDRESS  BITS(63, 6)

enum { AT_STEAL = 0, AT_VERSION = 8, AT_PREEMPTED = 16 }; /* 64, 32 and 8 bits */
enum { PREEMPTED = 1u << 0, FLUSH_TLB = 1u << 1 };

static enum status put(const struct kvm_vcpu *vcpu, uint32_t at, const void *value, size_t size)
{
	return memory_write(device_memory(vcpu->vm), (vcpu->steal & STEAL_ADDRESS) + at, value, size);
}

/* Takes the flags away, in one step: others set them meanwhile. */
static uint8_t take_flags(const struct kvm_vcpu *vcpu)
{
	uint64_t flags = PREEMPTED, found;

	do {
		found = flags;
		if (memory_compare_exchange(device_memory(vcpu->vm),
					    (vcpu->steal & STEAL_ADDRESS) + AT_PREEMPTED, 1, &flags, 0))
			return 0;
	} while (flags != found);
	return (uint8_t)flags;
}

/* The vCPU itself reads it, and does not run now; others may. */
static void publish(struct kvm_vcpu *vcpu)
{
	uint64_t stolen = device_vcpu_stolen(vcpu->vcpu);
	uint32_t odd = vcpu->steal_version + 1, even = odd + 1;

	vcpu->steal_time += time_to_ns(stolen - vcpu->stolen);
	vcpu->stolen = stolen;
	if (put(vcpu, AT_VERSION, &odd, sizeof(odd)) == STATUS_OK &&
	    put(vcpu, AT_STEAL, &vcpu->steal_time, sizeof(vcpu->steal_time)) == STATUS_OK &&
	    put(vcpu, AT_VERSION, &even, sizeof(even)) == STATUS_OK)
		vcpu->steal_version = even;
	else
		vcpu->steal = 0; /* no RAM: as with KVM, it gets nothing */
}

void kvm_steal_scheduled(void *context, uint32_t index, bool running)
{
	struct kvm_vcpu *vcpu = &((struct kvm_device *)context)->vcpu[index];
	uint8_t preempted = PREEMPTED;

	if (!(vcpu->steal & KVM_ENABLE))
		return;
	if (!running) {
		(void)!put(vcpu, AT_PREEMPTED, &preempted, sizeof(preempted));
		return;
	}
	if (take_flags(vcpu) & FLUSH_TLB)
		device_flush_vcpu(vcpu->vcpu);
	publish(vcpu);
}

enum access_result kvm_steal_write(struct kvm_vcpu *vcpu, uint64_t value)
{
	if (value & STEAL_RESERVED)
		return ACCESS_FAULT;
	vcpu->steal = value;
	vcpu->stolen = device_vcpu_stolen(vcpu->vcpu);
	if (value & KVM_ENABLE)
		publish(vcpu);
	return ACCESS_DONE;
}
