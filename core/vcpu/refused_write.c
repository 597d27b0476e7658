/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A write to sub-pages that a guard closes (space/write_guard.h), found by the emulator as it
 * carries out an instruction on a page that is mapped read-only. What becomes of it is the guard's
 * action.
 */
#include "blob/blob.h"
#include "console/log.h"
#include "vcpu/exits.h"
#include "x86/cr.h"

/* The first ones are told one by one, then each power of two: a guest cannot fill the log. */
#define REFUSED_TOLD 16

static void tell(struct vcpu *vcpu, const struct hv_guard *guard, uint64_t gpa, uint32_t size)
{
	uint32_t count = __atomic_add_fetch(&vcpu->guest->refused_writes, 1, __ATOMIC_RELAXED);
	char place[BLOB_PLACE_SIZE] = "";

	if (count > REFUSED_TOLD && !is_power_of_two(count))
		return;
	log_guest(LOG_WARNING, vcpu->guest->name,
	          "write of %u bytes to 0x%llx refused, vCPU %u at rip 0x%llx: %s%s; %u so far",
	          size, (unsigned long long)gpa, vcpu->index, (unsigned long long)*vcpu->rip,
	          blob_string(machine_blob, guard->name),
	          blob_place(machine_blob, guard->position, place), count);
}

enum emul_outcome refused_write(struct vcpu *vcpu, const struct hv_guard *guard, uint64_t gpa,
                                uint32_t size, uint64_t linear, struct emul_fault *fault)
{
	struct vcpu_paging paging;

	tell(vcpu, guard, gpa, size);
	switch (guard->action) {
	case HV_GUARD_INJECT_PF:
		vcpu->backend->get_paging(vcpu, &paging);
		*fault = (struct emul_fault){.vector = VECTOR_PF,
		                             .has_error = true,
		                             .error = PF_PRESENT | PF_WRITE |
		                                      (paging.cpl == 3 ? PF_USER : 0),
		                             .cr2 = linear};
		return EMUL_FAULT;
	case HV_GUARD_INJECT_GP:
		*fault = (struct emul_fault){.vector = VECTOR_GP, .has_error = true};
		return EMUL_FAULT;
	case HV_GUARD_NOTIFY:
		vcpu->guest->refused(vcpu, guard, gpa, size);
		return EMUL_DONE;
	case HV_GUARD_STOP:
		return EMUL_UNHANDLED;
	default:
		return EMUL_DONE;
	}
}
