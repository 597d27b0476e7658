/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From policy records to a guest's tables, once at boot. The records say everything; here the
 * machine only takes away:
 *
 *	for each feature, in order of dependency, that the host lacks:
 *	    CPUID values &= its clears; its bits leave XCR0, CR4, EFER; its MSRs become unlisted
 *	then, for each CPUID register:
 *	    value &= host | ~host_mask
 *	then, for each case that holds on this machine (and, in a table of its own, for this vCPU):
 *	    value = value & keep | set
 */
#include "console/log.h"
#include "lib/bits.h"
#include "vcpu/cpuid.h"
#include "vcpu/state.h"
#include "x86/cr.h"

static uint32_t *cpuid_register(struct cpuid_regs *r, uint32_t reg)
{
	return reg == 0 ? &r->eax : reg == 1 ? &r->ebx : reg == 2 ? &r->ecx : &r->edx;
}

/* A leaf of the host; past its range it has none (Intel would repeat another leaf). */
static struct cpuid_regs host_leaf(cpuid_source *host, uint32_t leaf, uint32_t subleaf)
{
	if (leaf >> 30 != HV_CPUID_HYPERVISOR && leaf > host(leaf & BIT(31), 0).eax)
		return (struct cpuid_regs){0};
	return host(leaf, subleaf);
}

static bool host_has(cpuid_source *host, const struct hv_feature *f)
{
	struct cpuid_regs r = host_leaf(host, f->leaf, f->subleaf);

	return *cpuid_register(&r, f->reg & 3) & f->mask;
}

static void copy_cpuid(struct guest *guest, const struct blob *blob)
{
	const struct hv_cpuid *records = &blob->cpuid[guest->policy->cpuid.first];

	for (uint32_t i = 0; i < guest->cpuid.count; i++) {
		struct cpuid_entry *e = &guest->cpuid.entries[i];

		for (int r = 0; r < 4; r++)
			e->value[r] = records[i].value[r];
		e->dynamic = records[i].dynamic;
		e->flags = (uint16_t)records[i].flags;
		e->subleaves = (uint16_t)records[i].subleaves;
	}
}

/* What hangs on a feature that the host lacks. */
static void clear_feature(struct guest *guest, const struct blob *blob, const struct hv_feature *f,
			  uint64_t *msr_groups)
{
	uint32_t base = guest->policy->cpuid.first;

	for (uint32_t i = 0; i < f->clears.count; i++) {
		const struct hv_cpuid_clear *c = &blob->clears[f->clears.first + i];

		if (c->cpuid - base >= guest->cpuid.count)
			continue;
		for (int r = 0; r < 4; r++)
			guest->cpuid.entries[c->cpuid - base].value[r] &= c->keep[r];
	}
	guest->xcr0 &= ~f->xcr0_clear;
	guest->cr4 &= ~f->cr4_clear;
	guest->efer &= ~f->efer_clear;
	*msr_groups |= f->msr_groups_clear;
}

static enum status apply_features(struct guest *guest, const struct blob *blob, cpuid_source *host,
				  uint64_t *msr_groups)
{
	enum status result = STATUS_OK;
	char place[BLOB_PLACE_SIZE];

	for (uint32_t i = 0; i < guest->policy->features.count; i++) {
		const struct hv_feature *f = &blob->features[guest->policy->features.first + i];
		bool present = host_has(host, f);

		if (present && !(f->flags & HV_FEATURE_FORBIDDEN))
			continue;
		if (!present && f->flags & HV_FEATURE_FORBIDDEN)
			continue;
		if (f->flags & (HV_FEATURE_REQUIRED | HV_FEATURE_FORBIDDEN)) {
			log_guest(LOG_ERROR, guest->name, "%s CPU feature %s%s",
				  present ? "must not run with" : "needs",
				  blob_string(blob, f->name), blob_place(blob, f->position, place));
			result = STATUS_MISMATCH;
		}
		clear_feature(guest, blob, f, msr_groups);
	}
	return result;
}

/* ---- cases */

static bool case_holds(const struct blob *blob, const struct hv_policy_case *c, cpuid_source *host)
{
	for (uint32_t i = 0; i < c->tests.count; i++) {
		const struct hv_host_test *t = &blob->tests[c->tests.first + i];
		struct cpuid_regs r = host_leaf(host, t->leaf, t->subleaf);

		if (!(*cpuid_register(&r, t->reg & 3) & t->mask) == !!t->present)
			return false;
	}
	return true;
}

static bool for_every_vcpu(const struct hv_policy_case *c)
{
	return c->first_vcpu == 0 && c->last_vcpu == HV_NONE;
}

static const struct hv_policy_case *policy_case(const struct guest *guest, const struct blob *blob,
						uint32_t i)
{
	return &blob->cases[guest->policy->cases.first + i];
}

/* What cases take from XCR0, CR4, EFER and the MSRs; and whether one of them refuses this machine. */
static enum status apply_case_state(struct guest *guest, const struct blob *blob, cpuid_source *host,
				    uint64_t *msr_groups)
{
	enum status result = STATUS_OK;
	char place[BLOB_PLACE_SIZE];

	for (uint32_t i = 0; i < guest->policy->cases.count; i++) {
		const struct hv_policy_case *c = policy_case(guest, blob, i);

		if (!for_every_vcpu(c) || !case_holds(blob, c, host))
			continue;
		if (c->flags & HV_CASE_REFUSE) {
			log_guest(LOG_ERROR, guest->name, "this machine does not fulfil: %s%s",
				  blob_string(blob, c->name), blob_place(blob, c->position, place));
			result = STATUS_MISMATCH;
		}
		guest->xcr0 &= ~c->xcr0_clear;
		guest->cr4 &= ~c->cr4_clear;
		guest->efer &= ~c->efer_clear;
		*msr_groups |= c->msr_groups_clear;
	}
	return result;
}

static void patch_entries(const struct guest *guest, const struct blob *blob,
			  const struct hv_policy_case *c, struct cpuid_entry *entries)
{
	for (uint32_t i = 0; i < c->patches.count; i++) {
		const struct hv_cpuid_patch *p = &blob->patches[c->patches.first + i];
		uint32_t at = p->cpuid - guest->policy->cpuid.first;

		for (int r = 0; r < 4 && at < guest->cpuid.count; r++)
			entries[at].value[r] = (entries[at].value[r] & p->keep[r]) | p->set[r];
	}
}

static void patch_guest(const struct guest *guest, const struct blob *blob, cpuid_source *host)
{
	for (uint32_t i = 0; i < guest->policy->cases.count; i++) {
		const struct hv_policy_case *c = policy_case(guest, blob, i);

		if (for_every_vcpu(c) && case_holds(blob, c, host))
			patch_entries(guest, blob, c, guest->cpuid.entries);
	}
}

static bool case_of_vcpu(const struct blob *blob, const struct hv_policy_case *c, uint32_t vcpu,
			 cpuid_source *host)
{
	return !for_every_vcpu(c) && vcpu >= c->first_vcpu && vcpu <= c->last_vcpu &&
	       c->patches.count && case_holds(blob, c, host);
}

static enum status copy_table(const struct cpuid_table *from, cpuid_alloc *alloc,
			      struct cpuid_table **copy)
{
	enum status s;
	void *memory;

	s = alloc(sizeof(**copy) + from->count * sizeof(*from->entries), &memory);
	if (s != STATUS_OK)
		return s;
	*copy = memory;
	**copy = *from;
	(*copy)->entries = (struct cpuid_entry *)(*copy + 1);
	for (uint32_t i = 0; i < from->count; i++)
		(*copy)->entries[i] = from->entries[i];
	return STATUS_OK;
}

MUST_USE enum status policy_resolve_vcpu(const struct guest *guest, uint32_t vcpu,
					 const struct blob *blob, cpuid_source *host,
					 cpuid_alloc *alloc, const struct cpuid_table **table)
{
	struct cpuid_table *own = NULL;

	*table = &guest->cpuid;
	for (uint32_t i = 0; i < guest->policy->cases.count; i++) {
		const struct hv_policy_case *c = policy_case(guest, blob, i);
		enum status s = STATUS_OK;

		if (!case_of_vcpu(blob, c, vcpu, host))
			continue;
		if (!own)
			s = copy_table(&guest->cpuid, alloc, &own);
		if (s != STATUS_OK)
			return s;
		patch_entries(guest, blob, c, own->entries);
		*table = own;
	}
	return STATUS_OK;
}

/* XCR0 bits that stand or fall together (SDM v1 13.3): what is left must be settable. */
static uint64_t settable_xcr0(uint64_t xcr0)
{
	if (!(xcr0 & XCR0_SSE))
		xcr0 &= ~(XCR0_AVX | XCR0_AVX512);
	if (!(xcr0 & XCR0_AVX) || (xcr0 & XCR0_AVX512) != XCR0_AVX512)
		xcr0 &= ~XCR0_AVX512;
	return xcr0;
}

static bool component_missing(const struct guest *guest, const struct hv_cpuid *record)
{
	if (!(record->dynamic & HV_DYNAMIC_XSAVE_COMPONENT))
		return false;
	return record->subleaf > 63 || !((guest->xcr0 | guest->xss) & BIT(record->subleaf));
}

static void apply_host(struct guest *guest, const struct blob *blob, cpuid_source *host)
{
	const struct hv_cpuid *records = &blob->cpuid[guest->policy->cpuid.first];

	for (uint32_t i = 0; i < guest->cpuid.count; i++) {
		struct cpuid_regs h = host_leaf(host, records[i].leaf, records[i].subleaf);
		struct cpuid_entry *e = &guest->cpuid.entries[i];

		for (uint32_t r = 0; r < 4; r++) {
			e->value[r] &= *cpuid_register(&h, r) | ~records[i].host_mask[r];
			if (component_missing(guest, &records[i]))
				e->value[r] = 0;
		}
		/* Done with: nothing is left to do at exits. */
		e->dynamic &= ~(uint32_t)HV_DYNAMIC_XSAVE_COMPONENT;
	}
}

static void index_cpuid(struct guest *guest, const struct blob *blob)
{
	for (int r = 0; r < HV_CPUID_RANGES; r++) {
		const struct hv_run *run = &guest->policy->index[r];

		guest->cpuid.limit[r] = run->count;
		guest->cpuid.index[r] = &blob->cpuid_index[run->first];
	}
	guest->cpuid.flags = guest->policy->flags;
}

static enum status copy_msrs(struct guest *guest, const struct blob *blob, uint64_t groups_cleared)
{
	const struct hv_msr *records = &blob->msrs[guest->policy->msrs.first];
	char place[BLOB_PLACE_SIZE];

	for (uint32_t i = 0; i < guest->policy->msrs.count; i++) {
		const struct hv_msr *r = &records[i];

		if (r->group < 64 && groups_cleared & BIT(r->group))
			continue;
		if ((r->read == HV_MSR_STORE || r->write == HV_MSR_STORE) &&
		    !range_fits(r->slot, (uint64_t)r->last - r->first + 1, HV_MSR_SLOTS)) {
			log_guest(LOG_ERROR, guest->name, "MSR 0x%x has no slot%s", r->first,
				  blob_place(blob, r->position, place));
			return STATUS_CORRUPT;
		}
		guest->msr.entries[guest->msr.count++] = (struct msr_entry){
			.first = r->first,
			.last = r->last,
			.read = r->read > HV_MSR_HANDLER ? HV_MSR_GP : r->read,
			.write = r->write > HV_MSR_HANDLER ? HV_MSR_GP : r->write,
			.slot = r->slot,
			.reset = r->reset,
			.write_mask = r->write_mask,
			.record = r,
		};
	}
	guest->msr.flags = guest->policy->flags;
	return STATUS_OK;
}

/* CR4 bits that this machine's features make possible; those without a row exist wherever long mode
 * does. */
static uint64_t host_cr4(cpuid_source *host)
{
	static const struct {
		uint32_t leaf, reg;
		uint64_t feature, cr4;
	} rows[] = {
		{7, 2, CPUID_7_ECX_UMIP, CR4_UMIP},
		{7, 2, CPUID_7_ECX_LA57, CR4_LA57},
		{7, 1, BIT(0), CR4_FSGSBASE},
		{1, 2, CPUID_1_ECX_PCID, CR4_PCIDE},
		{1, 2, CPUID_1_ECX_XSAVE, CR4_OSXSAVE},
		{7, 1, CPUID_7_EBX_SMEP, CR4_SMEP},
		{7, 1, CPUID_7_EBX_SMAP, CR4_SMAP},
		{7, 2, CPUID_7_ECX_PKU, CR4_PKE},
		{7, 2, BIT(7), CR4_CET},
		{7, 2, BIT(31), CR4_PKS},
	};
	uint64_t cr4 = BITS(10, 0);

	for (uint32_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct cpuid_regs r = host_leaf(host, rows[i].leaf, 0);

		if (*cpuid_register(&r, rows[i].reg) & rows[i].feature)
			cr4 |= rows[i].cr4;
	}
	return cr4;
}

MUST_USE enum status policy_resolve(struct guest *guest, const struct blob *blob,
				    cpuid_source *host, cpuid_alloc *alloc)
{
	const struct hv_cpu_policy *p = guest->policy;
	uint64_t msr_groups = 0;
	enum status s;
	void *memory;

	guest->cpuid.count = p->cpuid.count;
	guest->xcr0 = p->xcr0 & xsave_layout.supported;
	guest->xss = p->xss & xsave_layout.supervisor;
	guest->host_cr4 = host_cr4(host);
	guest->cr4 = p->cr4 & guest->host_cr4;
	guest->efer = p->efer;
	s = alloc(p->cpuid.count * sizeof(struct cpuid_entry) + 1, &memory);
	if (s != STATUS_OK)
		return s;
	guest->cpuid.entries = memory;
	s = alloc((p->msrs.count + 1) * sizeof(struct msr_entry), &memory);
	if (s != STATUS_OK)
		return s;
	guest->msr.entries = memory;
	/* Matches nothing: what a hint finds in an empty table. */
	guest->msr.entries[0] = (struct msr_entry){.first = 1, .last = 0};
	copy_cpuid(guest, blob);
	s = apply_features(guest, blob, host, &msr_groups);
	if (s == STATUS_OK)
		s = apply_case_state(guest, blob, host, &msr_groups);
	if (s != STATUS_OK)
		return s;
	guest->xcr0 = settable_xcr0(guest->xcr0);
	apply_host(guest, blob, host);
	patch_guest(guest, blob, host);
	index_cpuid(guest, blob);
	return copy_msrs(guest, blob, msr_groups);
}

void policy_connect_msrs(struct guest *guest)
{
	for (uint32_t i = 0; i < guest->msr.count; i++) {
		struct msr_entry *e = &guest->msr.entries[i];
		const struct bus_range *range;

		if (e->read != HV_MSR_HANDLER && e->write != HV_MSR_HANDLER)
			continue;
		range = bus_find(&guest->bus[GUEST_MSR], e->first, e->last - e->first + 1);
		if (!range) {
			e->read = e->write = HV_MSR_GP;
			continue;
		}
		e->handler = range->handler;
		e->context = range->context;
		e->locked = range->flags & BUS_LOCKED;
	}
}
