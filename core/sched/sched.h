/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched/ decides what runs on a CPU, and nothing else does. A CPU has a list of vCPUs; now each
 * list has one entry (exclusive CPUs: no tick, the CPU sleeps when its vCPU does), but nothing here
 * or elsewhere relies on that: vCPUs that share a CPU are run in turn until they halt, and their
 * live state is switched.
 */
#ifndef CORE_SCHED_SCHED_H
#define CORE_SCHED_SCHED_H

#include "lib/status.h"
#include "lib/types.h"

struct vcpu;

/* Gives a vCPU to a host CPU, by index in MADT order, before any CPU runs guests. STATUS_RANGE: no
 * such CPU. */
MUST_USE enum status sched_assign(struct vcpu *vcpu, uint32_t cpu);

/* Runs this CPU's vCPUs for ever; interrupts off on entry. All CPUs come here at the end of their
 * start. */
_Noreturn void sched_run(void);

#endif
