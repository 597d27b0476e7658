/* SPDX-License-Identifier: Apache-2.0 */
/* Look-ups in a guest's CPUID and MSR tables, and the sizes of XSAVE areas. Pure. */
#include "vcpu/cpuid.h"

#include "lib/bits.h"
#include "x86/cr.h"

struct xsave_layout xsave_layout;

#define CPUID_NO_LEAF 0xffff

/* The leaf that Intel machines show instead of one past the basic range; NULL: zero. */
static const struct cpuid_entry *past_limit(const struct cpuid_table *t)
{
	uint16_t first;

	if (!(t->flags & HV_POLICY_INTEL_LIMIT) || !t->limit[HV_CPUID_BASIC])
		return NULL;
	first = t->index[HV_CPUID_BASIC][t->limit[HV_CPUID_BASIC] - 1];
	return first == CPUID_NO_LEAF ? NULL : &t->entries[first];
}

static const struct cpuid_entry *find_subleaf(const struct cpuid_entry *e, uint32_t subleaf)
{
	/* Past the last sub-leaf there is nothing, but for topology leaves, which always name the
	 * id: their last record ends the list and is that answer. */
	if (subleaf < e->subleaves)
		return &e[subleaf];
	return e->dynamic & HV_DYNAMIC_APIC_ID32 ? &e[e->subleaves - 1] : NULL;
}

const struct cpuid_entry *cpuid_find(const struct cpuid_table *table, uint32_t leaf,
				     uint32_t subleaf)
{
	uint32_t range = leaf >> 30, offset = leaf & (uint32_t)BITS(29, 0);
	const struct cpuid_entry *e;
	uint16_t first;

	if (unlikely(range >= HV_CPUID_RANGES || offset >= table->limit[range]))
		return past_limit(table);
	first = table->index[range][offset];
	if (unlikely(first == CPUID_NO_LEAF))
		return NULL;
	e = &table->entries[first];
	return e->flags & HV_CPUID_SUBLEAF ? find_subleaf(e, subleaf) : e;
}

bool cpuid_has(const struct cpuid_table *table, uint32_t leaf, uint32_t subleaf, uint32_t reg, uint32_t mask)
{
	const struct cpuid_entry *e = cpuid_find(table, leaf, subleaf);

	return (leaf & (uint32_t)BITS(29, 0)) < table->limit[leaf >> 30] && e && e->value[reg] & mask;
}

const struct msr_entry *msr_find(const struct msr_table *table, uint32_t msr, uint32_t *hint)
{
	uint32_t low = 0, high = table->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct msr_entry *e = &table->entries[middle];

		if (msr < e->first) {
			high = middle;
		} else if (msr > e->last) {
			low = middle + 1;
		} else {
			*hint = middle;
			return e;
		}
	}
	return NULL;
}

void xsave_layout_read(struct xsave_layout *layout, cpuid_source *host)
{
	struct cpuid_regs main = host(CPUID_XSAVE, 0), ext = host(CPUID_XSAVE, 1);

	*layout = (struct xsave_layout){.supported = join32(main.eax, main.edx),
					.supervisor = join32(ext.ecx, ext.edx)};
	for (uint32_t i = 2; i < XSAVE_COMPONENTS; i++) {
		struct cpuid_regs r;

		if (!((layout->supported | layout->supervisor) & BIT(i)))
			continue;
		r = host(CPUID_XSAVE, i);
		layout->size[i] = r.eax;
		layout->offset[i] = r.ebx;
		if (r.ecx & BIT(1))
			layout->aligned |= BIT(i);
	}
}

#define XSAVE_LEGACY_AND_HEADER 576

uint32_t xsave_size(const struct xsave_layout *layout, uint64_t components, bool compacted)
{
	uint32_t size = XSAVE_LEGACY_AND_HEADER;

	for (uint64_t rest = components & ~(XCR0_X87 | XCR0_SSE) & ~BIT(63); rest;
	     rest &= rest - 1) {
		unsigned int i = (unsigned int)lowest_bit(rest);

		if (!compacted) {
			size = max_of(size, layout->offset[i] + layout->size[i]);
			continue;
		}
		if (layout->aligned & BIT(i))
			size = (uint32_t)align_up(size, 64);
		size += layout->size[i];
	}
	return size;
}
