/* SPDX-License-Identifier: Apache-2.0 */
/* The MSRs that the core itself answers: EFER, and the TSC as a register (ranges of the MSR bus like the devices' own); and
 * which the guest has directly. */
#include "blob/blob.h"
#include "console/log.h"
#include "cpu/tsc.h"
#include "vcpu/backend.h"
#include "vcpu/cpuid.h"
#include "vcpu/state.h"
#include "x86/cr.h"
#include "x86/msr.h"

/* What a change of EFER makes stale in the TLB. */
#define EFER_FLUSHES (EFER_LME | EFER_NXE)

/* APM v2 3.1.7: LMA is read-only and ignored; LME may not change while paging is on. */
static enum access_result write_efer(struct vcpu *vcpu, uint64_t value)
{
	uint64_t old = vcpu->backend->get_efer(vcpu);

	value = (value & ~EFER_LMA) | (old & EFER_LMA);
	if ((value & ~EFER_LMA) & ~vcpu->guest->efer)
		return ACCESS_FAULT;
	if ((value ^ old) & EFER_LME && vcpu->backend->get_cr(vcpu, 0) & CR0_PG)
		return ACCESS_FAULT;
	if ((value ^ old) & EFER_FLUSHES)
		vcpu->backend->flush(vcpu);
	vcpu->backend->set_efer(vcpu, value);
	return ACCESS_DONE;
}

static enum access_result efer_msr(void *context, struct bus_access *access)
{
	(void)context;
	if (access->write)
		return write_efer(access->vcpu, access->value);
	access->value = access->vcpu->backend->get_efer(access->vcpu);
	return ACCESS_DONE;
}

/* Moves this vCPU's offset so that the guest's TSC becomes what it wrote. */
static void shift_tsc(struct vcpu *vcpu, uint64_t offset)
{
	vcpu->tsc_offset = offset;
	vcpu->backend->set_tsc_offset(vcpu, offset);
	if (vcpu->chip)
		vcpu->chip->tsc_moved(vcpu->chip_state);
}

static enum access_result tsc_msr(void *context, struct bus_access *access)
{
	struct vcpu *vcpu = access->vcpu;
	uint64_t now = time_now() + vcpu->tsc_offset;

	(void)context;
	if (access->write) {
		vcpu->tsc_adjust += access->value - now;
		shift_tsc(vcpu, vcpu->tsc_offset + (access->value - now));
	} else {
		access->value = now;
	}
	return ACCESS_DONE;
}

/* SDM v3 18.17.3: the two move together. */
static enum access_result tsc_adjust_msr(void *context, struct bus_access *access)
{
	struct vcpu *vcpu = access->vcpu;

	(void)context;
	if (access->write) {
		shift_tsc(vcpu, vcpu->tsc_offset + (access->value - vcpu->tsc_adjust));
		vcpu->tsc_adjust = access->value;
	} else {
		access->value = vcpu->tsc_adjust;
	}
	return ACCESS_DONE;
}

MUST_USE enum status msr_add_own(struct guest *guest)
{
	static const struct {
		uint32_t msr;
		bus_handler *handler;
		const char *name;
	} rows[] = {
		{MSR_EFER, efer_msr, "EFER"},
		{MSR_TSC, tsc_msr, "TSC"},
		{MSR_TSC_ADJUST, tsc_adjust_msr, "TSC_ADJUST"},
	};

	for (uint32_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct bus_range range = {
			.first = rows[i].msr,
			.last = rows[i].msr,
			.handler = rows[i].handler,
			.name = rows[i].name,
		};
		enum status s = bus_add(&guest->bus[GUEST_MSR], &range);

		if (s != STATUS_OK)
			return s;
	}
	return STATUS_OK;
}

/* One row of the guest's table. An MSR that nothing keeps apart must not be written directly: it would not be the guest's. */
static enum status allow_entry(struct guest *guest, const struct msr_entry *e,
			       bool (*switched)(uint32_t msr), msr_allow *allow)
{
	bool read = e->read == HV_MSR_PASS, write = e->write == HV_MSR_PASS;
	char place[BLOB_PLACE_SIZE];

	if (!read && !write)
		return STATUS_OK;
	for (uint32_t msr = e->first; msr - e->first <= e->last - e->first; msr++) {
		if (write && !switched(msr) && !live_state_has_msr(msr)) {
			log_guest(LOG_ERROR, guest->name,
				  "MSR 0x%x cannot be passed: nothing keeps its value apart%s", msr,
				  blob_place(machine_blob, e->record->position, place));
			return STATUS_UNSUPPORTED;
		}
		allow(guest->arch, msr, read, write);
	}
	return STATUS_OK;
}

MUST_USE enum status msr_allow_passed(struct guest *guest, bool (*switched)(uint32_t msr), msr_allow *allow)
{
	enum status s = STATUS_OK;

	for (uint32_t i = 0; i < guest->msr.count && s == STATUS_OK; i++)
		s = allow_entry(guest, &guest->msr.entries[i], switched, allow);
	return s;
}
