/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RDMSR and WRMSR: the row of the guest's table says what happens; handlers are ranges of the MSR bus, the devices' and
 * the vCPU's own (msr.c).
 */
#include "blob/blob.h"
#include "console/log.h"
#include "vcpu/cpuid.h"
#include "vcpu/exits.h"
#include "x86/cr.h"

static enum access_result msr_handler(struct vcpu *vcpu, const struct msr_entry *e, struct bus_access *access)
{
	enum access_result result;

	if (unlikely(!e->range))
		return ACCESS_FAULT;
	result = vcpu_bus_access(vcpu, e->range, access);
	return result == ACCESS_NONE ? ACCESS_FAULT : result;
}

static enum access_result msr_store(struct vcpu *vcpu, const struct msr_entry *e, struct bus_access *access)
{
	uint64_t *slot = &vcpu->msr_slots[(e->slot + ((uint32_t)access->address - e->first)) % HV_MSR_SLOTS];

	if (!access->write)
		access->value = *slot;
	else if ((access->value ^ *slot) & ~e->write_mask)
		return ACCESS_FAULT;
	else
		*slot = access->value;
	return ACCESS_DONE;
}

static enum access_result msr_fixed(struct vcpu *vcpu, const struct msr_entry *e, struct bus_access *access)
{
	(void)vcpu;
	if (!access->write)
		access->value = e->reset;
	return ACCESS_DONE;
}

static enum access_result msr_fault(struct vcpu *vcpu, const struct msr_entry *e, struct bus_access *access)
{
	(void)vcpu, (void)e, (void)access;
	return ACCESS_FAULT;
}

/* Passed MSRs exit only where the permission map has no room for them; the CPU's own is as good as any time. */
static enum access_result msr_pass(struct vcpu *vcpu, const struct msr_entry *e, struct bus_access *access)
{
	enum status s = access->write ?
				vcpu->backend->set_msr(vcpu, (uint32_t)access->address, access->value) :
				vcpu->backend->get_msr(vcpu, (uint32_t)access->address, &access->value);

	(void)e;
	return s == STATUS_OK ? ACCESS_DONE : ACCESS_FAULT;
}

typedef enum access_result msr_action(struct vcpu *vcpu, const struct msr_entry *e, struct bus_access *access);

static msr_action *const actions[] = {
	[HV_MSR_GP] = msr_fault,   [HV_MSR_PASS] = msr_pass,	   [HV_MSR_STORE] = msr_store,
	[HV_MSR_FIXED] = msr_fixed, [HV_MSR_HANDLER] = msr_handler,
};

static enum access_result msr_unlisted(struct vcpu *vcpu, struct bus_access *access)
{
	struct guest *guest = vcpu->guest;
	char place[BLOB_PLACE_SIZE] = "";

	if (guest->msr.flags & HV_POLICY_MSR_LOG && guest->unlisted < GUEST_UNANSWERED_LOGGED) {
		guest->unlisted++;
		log_guest(LOG_INFO, guest->name, "%s MSR 0x%llx, which its policy does not list%s",
			  access->write ? "wrote" : "read", (unsigned long long)access->address,
			  machine_blob ? blob_place(machine_blob, guest->policy->position, place) : "");
	}
	if (!(guest->msr.flags & HV_POLICY_MSR_IGNORE))
		return ACCESS_FAULT;
	access->value = 0;
	return ACCESS_DONE;
}

enum verdict exit_msr(struct vcpu *vcpu)
{
	uint32_t msr = (uint32_t)vcpu->gpr[RCX];
	const struct msr_entry *e = msr_find(&vcpu->guest->msr, msr, &vcpu->msr_hint);
	struct bus_access access = {.vcpu = vcpu, .address = msr, .size = 8, .write = vcpu->exit.write};
	enum access_result result;

	if (access.write)
		access.value = join32((uint32_t)vcpu->gpr[RAX], (uint32_t)vcpu->gpr[RDX]);
	if (likely(e))
		result = actions[access.write ? e->write : e->read](vcpu, e, &access);
	else
		result = msr_unlisted(vcpu, &access);
	if (!access.write && result == ACCESS_DONE) {
		vcpu->gpr[RAX] = (uint32_t)access.value;
		vcpu->gpr[RDX] = access.value >> 32;
	}
	return vcpu_finish(vcpu, result, vcpu->exit.length);
}
