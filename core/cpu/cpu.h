/* SPDX-License-Identifier: Apache-2.0 */
/* Setting up a CPU for the core, and what it can do. */
#ifndef CORE_CPU_CPU_H
#define CORE_CPU_CPU_H

#include "cpu/percpu.h"

/* Facts about the boot CPU; all others are expected to be the same. */
struct cpu_features {
	bool amd, intel; /* by vendor string */
	bool page_1g, xsave, x2apic, svm, vmx, mce;
	uint8_t physical_bits;
	uint32_t last_basic, last_extended; /* CPUID leaves */
};
extern struct cpu_features cpu_features;
void cpu_find_features(void);

/*
 * This CPU becomes `cpu`: GDT, TSS, IDT, GS, and the control registers the core lives with.
 * `stacks` are the tops of the interrupt stacks, by slot of x86/segment.h less one.
 */
void cpu_setup(struct percpu *cpu, const uint64_t stacks[IST_COUNT]);

/* Before the core's last words: GS may be a guest's when a backend has failed, and all that
 * follows needs this_cpu(). */
void cpu_repair(void);

#endif
