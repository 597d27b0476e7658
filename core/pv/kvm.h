/* SPDX-License-Identifier: Apache-2.0 */
/* The KVM interface's parts as kvm_features.c puts them together. One struct kvm_vcpu a vCPU. */
#ifndef CORE_PV_KVM_H
#define CORE_PV_KVM_H

#include "pv/pv.h"
#include "vm/irq.h"

/* Bits of CPUID leaf base + 1, EAX. */
#define KVM_FEATURE_CLOCKSOURCE	 BIT(0) /* MSRs 0x11, 0x12 */
#define KVM_FEATURE_CLOCKSOURCE2 BIT(3) /* MSRs 0x4b564d00, 01 */
#define KVM_FEATURE_STEAL_TIME	 BIT(5) /* MSR 0x4b564d03 */
#define KVM_FEATURE_PV_EOI	 BIT(6) /* MSR 0x4b564d04 */
#define KVM_FEATURE_PV_UNHALT	 BIT(7)
#define KVM_FEATURE_PV_SEND_IPI	 BIT(11)
#define KVM_FEATURE_CLOCK_STABLE BIT(24)

#define MSR_KVM_WALL_CLOCK_OLD	0x11u
#define MSR_KVM_SYSTEM_TIME_OLD 0x12u
#define MSR_KVM_WALL_CLOCK	0x4b564d00u
#define MSR_KVM_SYSTEM_TIME	0x4b564d01u
#define MSR_KVM_STEAL_TIME	0x4b564d03u
#define MSR_KVM_EOI		0x4b564d04u

#define KVM_ENABLE	BIT(0)
#define KVM_ADDRESS	BITS(63, 2)

struct kvm_vcpu {
	struct vm *vm;
	struct vcpu *vcpu;
	uint64_t system_time; /* MSR as written */
	uint64_t eoi;	      /* MSR as written */
	uint32_t version;     /* of the time page: even, but while it is written */
	uint64_t steal;	      /* MSR as written */
	uint64_t steal_time;  /* in its page, ns */
	uint64_t stolen;      /* what of device_vcpu_stolen() is in there */
	uint32_t steal_version;
	struct irq_eoi_assist assist;
};

struct kvm_device {
	struct device device;
	uint64_t wall_clock; /* MSR as written; it is one for the VM */
	uint32_t wall_version;
	uint64_t started; /* host TSC at which the system time is 0 */
	uint64_t started_wall_ns;
	struct kvm_vcpu vcpu[];
};

/* A write to the MSRs; ACCESS_FAULT for a value that KVM does not take. */
enum access_result kvm_clock_write_wall(struct kvm_device *kvm, uint64_t value);
enum access_result kvm_clock_write_system_time(struct kvm_device *kvm, struct kvm_vcpu *vcpu, uint64_t value);

/* KVM's errors, negative in RAX (Linux, include/uapi/linux/kvm_para.h). */
#define KVM_EINVAL 22
#define KVM_ENOSYS 1000

enum access_result kvm_steal_write(struct kvm_vcpu *vcpu, uint64_t value);
void kvm_steal_scheduled(void *context, uint32_t index, bool running);

/* What RAX will be; `wide` in 64-bit mode. */
uint64_t kvm_hypercall(void *context, uint64_t number, const uint64_t argument[4], bool wide);

enum access_result kvm_eoi_write(struct kvm_vcpu *vcpu, uint64_t value);
void kvm_eoi_create(struct kvm_vcpu *vcpu);

#endif
