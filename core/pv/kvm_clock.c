/* SPDX-License-Identifier: Apache-2.0 */
/*
 * KVM's clock: a page that says how to make nanoseconds since start out of the TSC, and one with the time of day at
 * start (Linux, Documentation/virt/kvm/x86/msr.rst).
 *
 *     ns = system_time + ((tsc - tsc_timestamp) shifted by tsc_shift) * multiplier >> 32
 *
 * The TSC never stops, has one rate, and is one for all vCPUs: what is written once stays true, and PVCLOCK_TSC_STABLE
 * says so. `version` is odd while a page is being written; pages are never written but in the guest's own WRMSR.
 */
#include "lib/bits.h"
#include "lib/string.h"
#include "pv/kvm.h"
#include "space/memory.h"

#define PVCLOCK_TSC_STABLE BIT(0)
#define NS_PER_SECOND	   1000000000ull

struct pvclock_time {
	uint32_t version;	/* 0 */
	uint32_t pad0;		/* 4 */
	uint64_t tsc_timestamp; /* 8 */
	uint64_t system_time;	/* 16, ns */
	uint32_t multiplier;	/* 24 */
	int8_t shift;		/* 28 */
	uint8_t flags;		/* 29 */
	uint8_t pad[2];		/* 30 */
};
static_assert(sizeof(struct pvclock_time) == 32, "the layout is the guest's");

struct pvclock_wall {
	uint32_t version;     /* 0 */
	uint32_t seconds;     /* 4 */
	uint32_t nanoseconds; /* 8 */
};
static_assert(sizeof(struct pvclock_wall) == 12, "the layout is the guest's");

/* ns = (ticks << shift) * multiplier >> 32, with the multiplier between 2^31 and 2^32: for `khz` ticks in a million ns. */
static void rate(struct pvclock_time *time, uint64_t khz)
{
	uint64_t scaled = 1000000; /* ns a ms */
	int shift = 0;

	khz = khz ? khz : 1;
	while (scaled >= 2 * khz && shift < 31) {
		khz <<= 1;
		shift++;
	}
	while (scaled < khz && shift > -31) {
		scaled <<= 1;
		shift--;
	}
	/* Now 1 <= scaled / khz < 2: one shift more, and it is a fraction. */
	time->shift = shift + 1;
	time->multiplier = (scaled << 31) / khz;
}

/*
 * Writes a page whose first word is the version: odd with the new contents, then even alone. An address that is no RAM
 * gets nothing, as with KVM.
 */
static void publish(struct memory *memory, uint64_t gpa, void *page, size_t size, uint32_t *version)
{
	uint32_t odd = *version + 1, even = *version + 2;

	memcpy(page, &odd, sizeof(odd));
	if (memory_write(memory, gpa, page, size) == STATUS_OK &&
	    memory_write(memory, gpa, &even, sizeof(even)) == STATUS_OK)
		*version = even;
}

enum access_result kvm_clock_write_wall(struct kvm_device *kvm, uint64_t value)
{
	uint64_t ns = kvm->started_wall_ns;
	struct pvclock_wall wall = {
		.seconds = ns / NS_PER_SECOND,
		.nanoseconds = ns % NS_PER_SECOND,
	};

	if (value & ~KVM_ADDRESS)
		return ACCESS_FAULT;
	kvm->wall_clock = value;
	if (value)
		publish(device_memory(kvm->device.vm), value & KVM_ADDRESS, &wall, sizeof(wall),
			&kvm->wall_version);
	return ACCESS_DONE;
}

enum access_result kvm_clock_write_system_time(struct kvm_device *kvm, struct kvm_vcpu *vcpu,
					       uint64_t value)
{
	uint64_t now = time_now();
	struct pvclock_time time = {
		.tsc_timestamp = now + device_vcpu_tsc_offset(vcpu->vcpu),
		.system_time = time_to_ns(now - kvm->started),
		.flags = kvm->device.record->parameter[1] & KVM_FEATURE_CLOCK_STABLE ? PVCLOCK_TSC_STABLE : 0,
	};

	if (value & ~(KVM_ADDRESS | KVM_ENABLE))
		return ACCESS_FAULT;
	vcpu->system_time = value;
	rate(&time, time_khz());
	if (value & KVM_ENABLE)
		publish(device_memory(kvm->device.vm), value & KVM_ADDRESS, &time, sizeof(time),
			&vcpu->version);
	return ACCESS_DONE;
}
