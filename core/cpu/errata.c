/* SPDX-License-Identifier: Apache-2.0 */
/* The errata: a feature bit, and the test that says whether it does what the manual says. */
#include "cpu/errata.h"

#include "console/log.h"
#include "lib/bits.h"
#include "x86/cpuid.h"

/* QEMU 7.2 leaves an operand of the instruction before in RFLAGS, the trap flag included: Linux dies of it now and then. */
static bool cx16_spoils_flags(void)
{
	const uint64_t operand = 0x0534900a, arithmetic = 0x8d5; /* OF SF ZF AF PF CF, APM v3 CMPXCHG16B */

	return cmpxchg16b_flags(operand) & ~(arithmetic | 2);
}

static const struct erratum {
	uint32_t leaf;
	size_t reg; /* offset in struct cpuid_regs */
	uint32_t mask;
	bool (*broken)(void);
	const char *text;
} errata[] = {
	{CPUID_FEATURES, offsetof(struct cpuid_regs, ecx), CPUID_1_ECX_CX16, cx16_spoils_flags,
	 "CMPXCHG16B spoils RFLAGS here: guests do without (cx16)"},
};

static bool found[ARRAY_SIZE(errata)];

static uint32_t *register_of(struct cpuid_regs *regs, const struct erratum *e)
{
	return (uint32_t *)((char *)regs + e->reg);
}

void errata_find(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(errata); i++) {
		struct cpuid_regs r = cpuid(errata[i].leaf, 0);

		found[i] = *register_of(&r, &errata[i]) & errata[i].mask && errata[i].broken();
		if (found[i])
			log_warning("%s", errata[i].text);
	}
}

struct cpuid_regs errata_cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid_regs r = cpuid(leaf, subleaf);

	for (unsigned int i = 0; i < ARRAY_SIZE(errata); i++)
		if (found[i] && leaf == errata[i].leaf)
			*register_of(&r, &errata[i]) &= ~errata[i].mask;
	return r;
}
