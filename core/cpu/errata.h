/* SPDX-License-Identifier: Apache-2.0 */
/* What a machine claims to have and does wrong: guests are not shown it. */
#ifndef CORE_CPU_ERRATA_H
#define CORE_CPU_ERRATA_H

#include "x86/insn.h"

/* Tries what is known to be wrong somewhere, once, on the boot CPU with interrupts off; logs what it finds. */
void errata_find(void);

/* CPUID of this machine without what errata_find() found wrong. */
struct cpuid_regs errata_cpuid(uint32_t leaf, uint32_t subleaf);

#endif
