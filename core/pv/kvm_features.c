/* SPDX-License-Identifier: Apache-2.0 */
/* The KVM interface as a device: which of its MSRs are there is what the blob's feature bits say. */
#include "lib/bits.h"
#include "pv/kvm.h"

static struct kvm_vcpu *self(struct kvm_device *kvm, const struct bus_access *access)
{
	return &kvm->vcpu[device_vcpu_index(access->vcpu)];
}

static enum access_result wall_clock(void *context, struct bus_access *access)
{
	struct kvm_device *kvm = context;

	if (access->write)
		return kvm_clock_write_wall(kvm, access->value);
	access->value = kvm->wall_clock;
	return ACCESS_DONE;
}

static enum access_result system_time(void *context, struct bus_access *access)
{
	struct kvm_device *kvm = context;
	struct kvm_vcpu *vcpu = self(kvm, access);

	if (access->write)
		return kvm_clock_write_system_time(kvm, vcpu, access->value);
	access->value = vcpu->system_time;
	return ACCESS_DONE;
}

static enum access_result eoi(void *context, struct bus_access *access)
{
	struct kvm_vcpu *vcpu = self(context, access);

	if (access->write)
		return kvm_eoi_write(vcpu, access->value);
	access->value = vcpu->eoi;
	return ACCESS_DONE;
}

static enum access_result steal(void *context, struct bus_access *access)
{
	struct kvm_vcpu *vcpu = self(context, access);

	if (access->write)
		return kvm_steal_write(vcpu, access->value);
	access->value = vcpu->steal;
	return ACCESS_DONE;
}

static const struct {
	uint32_t feature;
	uint32_t msr;
	bus_handler *handler;
	uint32_t flags;
} msrs[] = {
	{ KVM_FEATURE_CLOCKSOURCE, MSR_KVM_WALL_CLOCK_OLD, wall_clock, BUS_LOCKED },
	{ KVM_FEATURE_CLOCKSOURCE, MSR_KVM_SYSTEM_TIME_OLD, system_time, 0 },
	{ KVM_FEATURE_CLOCKSOURCE2, MSR_KVM_WALL_CLOCK, wall_clock, BUS_LOCKED },
	{ KVM_FEATURE_CLOCKSOURCE2, MSR_KVM_SYSTEM_TIME, system_time, 0 },
	{ KVM_FEATURE_STEAL_TIME, MSR_KVM_STEAL_TIME, steal, 0 },
	{ KVM_FEATURE_PV_EOI, MSR_KVM_EOI, eoi, 0 },
};

static size_t state_size(uint32_t vcpus)
{
	return sizeof(struct kvm_device) + vcpus * sizeof(struct kvm_vcpu);
}

static enum status create(struct device *device)
{
	struct kvm_device *kvm = (struct kvm_device *)device;

	for (uint32_t i = 0; i < device_vcpu_count(device->vm); i++) {
		kvm->vcpu[i].vm = device->vm;
		kvm->vcpu[i].vcpu = device_vcpu(device->vm, i);
		kvm_eoi_create(&kvm->vcpu[i]);
	}
	if (device->record->parameter[1] & KVM_FEATURE_STEAL_TIME)
		device_on_schedule(device->vm, kvm_steal_scheduled, kvm);
	if (device->record->parameter[1] & (KVM_FEATURE_PV_UNHALT | KVM_FEATURE_PV_SEND_IPI))
		device_on_hypercall(device->vm, kvm_hypercall, kvm);
	for (unsigned int i = 0; i < ARRAY_SIZE(msrs); i++) {
		enum status s;

		if (!(device->record->parameter[1] & msrs[i].feature))
			continue;
		s = device_add_range(device, VM_MSR, msrs[i].msr, msrs[i].msr, msrs[i].handler, device,
				     msrs[i].flags);
		if (s)
			return s;
	}
	return STATUS_OK;
}

/* The guest that starts has made no promise about any address: nothing is written until it names one. */
static void reset(struct device *device)
{
	struct kvm_device *kvm = (struct kvm_device *)device;

	kvm->wall_clock = 0;
	kvm->wall_version = 0;
	kvm->started = time_now();
	kvm->started_wall_ns = time_wall_ns();
	for (uint32_t i = 0; i < device_vcpu_count(device->vm); i++) {
		kvm->vcpu[i].system_time = 0;
		kvm->vcpu[i].version = 0;
		kvm->vcpu[i].eoi = 0;
		kvm->vcpu[i].steal = kvm->vcpu[i].steal_time = 0;
		kvm->vcpu[i].steal_version = 0;
		irq_set_eoi_assist(kvm->vcpu[i].vcpu, NULL);
	}
}

const struct device_ops kvm_ops = {
	.name = "kvm",
	.kind = HV_DEVICE_KVM,
	.state_size = state_size,
	.create = create,
	.reset = reset,
};
