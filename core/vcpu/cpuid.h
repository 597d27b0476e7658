/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest finds in CPUID and MSRs: built once from its policy, the host and the closure of
 * features that the host lacks; read-only afterwards.
 */
#ifndef CORE_VCPU_CPUID_H
#define CORE_VCPU_CPUID_H

#include "blob/blob.h"
#include "vcpu/vcpu.h"
#include "x86/cpuid.h"

/* The machine's answers; a parameter, so that tests have machines of their own. */
typedef struct cpuid_regs cpuid_source(uint32_t leaf, uint32_t subleaf);

/* Memory for the tables. STATUS_NO_MEMORY as pool_alloc(). */
typedef enum status cpuid_alloc(size_t size, void **p);

/*
 * Fills in guest->cpuid, guest->msr (without ranges), xcr0, xss, cr4 and efer. STATUS_MISMATCH,
 * logged with its YAML position, when the host lacks what the policy requires.
 */
MUST_USE enum status policy_resolve(struct guest *guest, const struct blob *blob,
				    cpuid_source *host, cpuid_alloc *alloc);

/*
 * The CPUID table of one vCPU, after policy_resolve(): the guest's, or a copy of it with the cases that
 * are for this vCPU.
 */
MUST_USE enum status policy_resolve_vcpu(const struct guest *guest, uint32_t vcpu,
					 const struct blob *blob, cpuid_source *host,
					 cpuid_alloc *alloc, const struct cpuid_table **table);

/* Connects HV_MSR_HANDLER entries with the ranges of the sealed MSR bus. An entry that no device of
 * this guest answers becomes #GP. */
void policy_connect_msrs(struct guest *guest);

/* Adds the MSRs that the core itself answers to the guest's MSR bus: EFER, TSC. Before bus_seal().
 */
MUST_USE enum status msr_add_own(struct guest *guest);

/*
 * Calls `allow` for each MSR that the guest's policy passes, with the backend's memory for the guest. STATUS_UNSUPPORTED, logged:
 * the guest may write one whose value is neither `switched` by the backend with the guest nor part of the live state.
 */
typedef void msr_allow(void *arch, uint32_t msr, bool read, bool write);
MUST_USE enum status msr_allow_passed(struct guest *guest, bool (*switched)(uint32_t msr), msr_allow *allow);

/* What the machine's XSAVE looks like. */
extern struct xsave_layout xsave_layout;
void xsave_layout_read(struct xsave_layout *layout, cpuid_source *host);
/* Bytes of an XSAVE area for these components, standard or compacted format (SDM v1 13.4). */
uint32_t xsave_size(const struct xsave_layout *layout, uint64_t components, bool compacted);

/* The entry of a leaf; NULL: reads zero. */
const struct cpuid_entry *cpuid_find(const struct cpuid_table *table, uint32_t leaf,
				     uint32_t subleaf);

/* Whether these bits of a register (0..3: EAX..EDX) are set. Past the last leaf Intel's CPUID shows another one: that says nothing. */
bool cpuid_has(const struct cpuid_table *table, uint32_t leaf, uint32_t subleaf, uint32_t reg, uint32_t mask);

/* The entry of an MSR; NULL: unlisted. *hint becomes its index. */
const struct msr_entry *msr_find(const struct msr_table *table, uint32_t msr, uint32_t *hint);

/* The same, looking first at entries[*hint]. */
static inline const struct msr_entry *msr_find_near(const struct msr_table *table, uint32_t msr,
						    uint32_t *hint)
{
	const struct msr_entry *e = &table->entries[*hint];

	/* A hint is 0 or was found: it is an entry wherever there are any; the table ends in an
	 * empty row. */
	return likely(msr >= e->first && msr <= e->last) ? e : msr_find(table, msr, hint);
}

#endif
