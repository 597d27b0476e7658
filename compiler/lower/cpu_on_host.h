/* SPDX-License-Identifier: Apache-2.0 */
/* The CPUID leaves a guest reads on a machine whose own are known. */
#ifndef HVCC_LOWER_CPU_ON_HOST_H
#define HVCC_LOWER_CPU_ON_HOST_H

#include "lower/cpu.h"
#include "model/model.h"
#include "policy/feature.h"

struct cpu_on_host {
	const struct cpu_policy_records *records;
	uint32_t (*values)[CPU_REGISTERS]; /* by record; what is filled in at each CPUID is not in it */
	uint64_t xcr0;
	const char *refused; /* what the machine does not fulfil; NULL: it may run there */
};

/*
 * What a vCPU reads on that machine. Without one (NULL) the values as recorded, in which host_mask says what
 * is the machine's. All memory is the arena's.
 */
struct cpu_on_host cpu_on_host(struct arena *arena, const struct cpu_policy_records *records,
			       const struct host_processor *host, uint32_t vcpu);

#endif
