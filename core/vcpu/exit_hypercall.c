/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMMCALL and VMCALL. The KVM interface answers unknown numbers with -KVM_ENOSYS (Linux,
 * include/uapi/linux/kvm_para.h); a guest without a paravirtual interface gets #UD, as on a bare
 * machine. Our own calls (schema/hypercalls.md) have its form and its errors.
 */
#include "vcpu/backend.h"
#include "vcpu/exits.h"
#include "x86/cr.h"

enum { KVM_EPERM = 1, KVM_E2BIG = 7, KVM_EFAULT = 14, KVM_EINVAL = 22, KVM_ENOSYS = 1000 };

/* Outside 64-bit mode registers are 32 bits wide. */
static COLD uint64_t call(struct vcpu *vcpu)
{
	const struct guest *guest = vcpu->guest;
	bool wide = vcpu_mode_bytes(vcpu) == 8;
	uint64_t mask = wide ? ~0ull : ~0u, *r = vcpu->gpr;
	const uint64_t argument[] = {r[RBX] & mask, r[RCX] & mask, r[RDX] & mask, r[RSI] & mask};

	if (vcpu->backend->fetch_context(vcpu) & CONTEXT_CPL)
		return (uint64_t)-KVM_EPERM;
	return guest->hypercall(guest->hypercall_context, r[RAX] & mask, argument, wide);
}

static enum verdict answer(struct vcpu *vcpu, uint64_t value)
{
	vcpu->gpr[RAX] = value;
	vcpu_advance(vcpu, vcpu->exit.length);
	return VERDICT_RESUME;
}

/* Whether another vCPU may still write by what it remembers of the tables: one that is not active drops it before it runs. */
static bool others_remember(const struct vcpu *vcpu)
{
	const struct guest *guest = vcpu->guest;
	bool any = false;

	for (uint32_t i = 0; i < guest->vcpu_count; i++)
		any |= guest->vcpus[i] != vcpu && guest->vcpus[i]->activity == VCPU_ACTIVE &&
		       __atomic_load_n(&guest->vcpus[i]->request, __ATOMIC_SEQ_CST) & VCPU_REQUEST_FLUSH;
	return any;
}

static void drop_translations(struct vcpu *vcpu)
{
	const struct guest *guest = vcpu->guest;

	vcpu->backend->flush(vcpu);
	for (uint32_t i = 0; i < guest->vcpu_count; i++)
		if (guest->vcpus[i] != vcpu)
			vcpu_request(guest->vcpus[i], VCPU_REQUEST_FLUSH);
}

static const uint64_t errors[STATUS_COUNT] = {
	[STATUS_INVALID] = (uint64_t)-KVM_EINVAL,
	[STATUS_FAULT] = (uint64_t)-KVM_EFAULT,
	[STATUS_NO_MEMORY] = (uint64_t)-KVM_E2BIG,
};

/* The call ends when nobody can write any more: until then the guest finds itself before the instruction again, where interrupts
 * come in, and the range is locked already. */
static enum verdict lock(struct vcpu *vcpu, uint64_t gpa, uint64_t size)
{
	struct memory *memory = vcpu->guest->memory;
	enum status s;
	bool changed;

	spin_lock(&memory->guard.lock);
	s = memory_lock(memory, gpa, size, &changed);
	if (changed)
		drop_translations(vcpu);
	spin_unlock(&memory->guard.lock);
	if (s != STATUS_OK && !errors[s])
		return vcpu_crash(vcpu, "no frames to lock 0x%llx", (unsigned long long)gpa);
	if (s == STATUS_OK && others_remember(vcpu))
		return VERDICT_RESUME;
	return answer(vcpu, errors[s]);
}

/* Outside 64-bit mode registers are 32 bits wide. */
static uint64_t argument_of(const struct vcpu *vcpu, uint32_t reg)
{
	return vcpu_mode_bytes(vcpu) == 8 ? vcpu->gpr[reg] : (uint32_t)vcpu->gpr[reg];
}

static COLD enum verdict own_call(struct vcpu *vcpu, uint64_t number)
{
	const uint64_t argument[2] = {argument_of(vcpu, RBX), argument_of(vcpu, RCX)};

	if (vcpu->backend->fetch_context(vcpu) & CONTEXT_CPL)
		return answer(vcpu, (uint64_t)-KVM_EPERM);
	if (number == HV_CALL_LOCK && vcpu->guest->memory->guard.lockable)
		return lock(vcpu, argument[0], argument[1]);
	if (number != HV_CALL_LOCK && vcpu->guest->events_call)
		return answer(vcpu, vcpu->guest->events_call(vcpu, number, argument));
	return answer(vcpu, (uint64_t)-KVM_ENOSYS);
}

static bool has_own_calls(const struct vcpu *vcpu)
{
	return vcpu->guest->memory->guard.lockable || vcpu->guest->events_call;
}

enum verdict exit_hypercall(struct vcpu *vcpu)
{
	if (unlikely(has_own_calls(vcpu))) {
		uint64_t number = argument_of(vcpu, RAX);

		if (number - HV_CALL_LOCK <= HV_CALL_EVENT - HV_CALL_LOCK)
			return own_call(vcpu, number);
	}
	if (!(vcpu->guest->record->pv & HV_PV_KVM)) {
		vcpu_raise(vcpu, VECTOR_UD);
		return VERDICT_RESUME;
	}
	return answer(vcpu, vcpu->guest->hypercall ? call(vcpu) : (uint64_t)-KVM_ENOSYS);
}
