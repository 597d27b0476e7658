/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RDMSR and WRMSR: the row of the guest's table says what happens; handlers are ranges of the MSR
 * bus, the devices' and the vCPU's own (msr.c).
 */
#include "blob/blob.h"
#include "console/log.h"
#include "vcpu/cpuid.h"
#include "vcpu/exits.h"
#include "x86/cr.h"

static COLD enum access_result msr_locked_handler(struct vcpu *vcpu, const struct msr_entry *e,
						  struct bus_access *access)
{
	enum access_result result;

	spin_lock(&vcpu->guest->device_lock);
	result = e->handler(e->context, access);
	spin_unlock(&vcpu->guest->device_lock);
	return result;
}

/* A handler that has no such register: as if the MSR were not listed. */
static inline enum access_result msr_handler(struct vcpu *vcpu, const struct msr_entry *e,
					     struct bus_access *access)
{
	enum access_result result = unlikely(e->locked) ? msr_locked_handler(vcpu, e, access)
							: e->handler(e->context, access);

	return unlikely(result == ACCESS_NONE) ? ACCESS_FAULT : result;
}

static enum access_result msr_store(struct vcpu *vcpu, const struct msr_entry *e,
				    struct bus_access *access)
{
	uint64_t *slot =
		&vcpu->msr_slots[(e->slot + ((uint32_t)access->address - e->first)) % HV_MSR_SLOTS];

	if (!access->write)
		access->value = *slot;
	else if ((access->value ^ *slot) & ~e->write_mask)
		return ACCESS_FAULT;
	else
		*slot = access->value;
	return ACCESS_DONE;
}

static enum access_result msr_fixed(struct vcpu *vcpu, const struct msr_entry *e,
				    struct bus_access *access)
{
	(void)vcpu;
	if (!access->write)
		access->value = e->reset;
	return ACCESS_DONE;
}

static enum access_result msr_fault(struct vcpu *vcpu, const struct msr_entry *e,
				    struct bus_access *access)
{
	(void)vcpu, (void)e, (void)access;
	return ACCESS_FAULT;
}

/* Passed MSRs exit only where the permission map has no room for them; the CPU's own is as good as
 * any time. */
static enum access_result msr_pass(struct vcpu *vcpu, const struct msr_entry *e,
				   struct bus_access *access)
{
	enum status s =
		access->write
			? vcpu->backend->set_msr(vcpu, (uint32_t)access->address, access->value)
			: vcpu->backend->get_msr(vcpu, (uint32_t)access->address, &access->value);

	(void)e;
	return s == STATUS_OK ? ACCESS_DONE : ACCESS_FAULT;
}

typedef enum access_result msr_action(struct vcpu *vcpu, const struct msr_entry *e,
				      struct bus_access *access);

static msr_action *const actions[] = {
	[HV_MSR_GP] = msr_fault,    [HV_MSR_PASS] = msr_pass,       [HV_MSR_STORE] = msr_store,
	[HV_MSR_FIXED] = msr_fixed, [HV_MSR_HANDLER] = msr_handler,
};

static COLD enum access_result msr_unlisted(struct vcpu *vcpu, struct bus_access *access)
{
	struct guest *guest = vcpu->guest;
	char place[BLOB_PLACE_SIZE] = "";

	if (guest->msr.flags & HV_POLICY_MSR_LOG && guest->unlisted < GUEST_UNANSWERED_LOGGED) {
		guest->unlisted++;
		log_guest(LOG_INFO, guest->name, "%s MSR 0x%llx, which its policy does not list%s",
			  access->write ? "wrote" : "read", (unsigned long long)access->address,
			  machine_blob ? blob_place(machine_blob, guest->policy->position, place)
				       : "");
	}
	if (!(guest->msr.flags & HV_POLICY_MSR_IGNORE))
		return ACCESS_FAULT;
	access->value = 0;
	return ACCESS_DONE;
}

/* What is not a handler's, which are nearly all that exit. */
static COLD enum access_result msr_other(struct vcpu *vcpu, const struct msr_entry *e,
					 struct bus_access *access)
{
	if (!e)
		return msr_unlisted(vcpu, access);
	return actions[access->write ? e->write : e->read](vcpu, e, access);
}

static inline enum access_result msr_access(struct vcpu *vcpu, const struct msr_entry *e,
					    uint8_t action, struct bus_access *access)
{
	if (likely(action == HV_MSR_HANDLER))
		return msr_handler(vcpu, e, access);
	return msr_other(vcpu, e, access);
}

enum verdict exit_msr(struct vcpu *vcpu)
{
	const struct msr_entry *e =
		msr_find_near(&vcpu->guest->msr, (uint32_t)vcpu->gpr[RCX], &vcpu->msr_hint);
	struct bus_access access; /* field by field: this is one of the paths that count */
	enum access_result result;

	access.vcpu = vcpu;
	access.address = (uint32_t)vcpu->gpr[RCX];
	access.size = 8;
	access.write = vcpu->exit.write;
	if (access.write) {
		access.value = join32((uint32_t)vcpu->gpr[RAX], (uint32_t)vcpu->gpr[RDX]);
		return vcpu_finish(vcpu, msr_access(vcpu, e, e ? e->write : HV_MSR_GP, &access));
	}
	result = msr_access(vcpu, e, e ? e->read : HV_MSR_GP, &access);
	if (likely(result == ACCESS_DONE)) {
		vcpu->gpr[RAX] = (uint32_t)access.value;
		vcpu->gpr[RDX] = access.value >> 32;
	}
	return vcpu_finish(vcpu, result);
}
