/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched/ decides what runs on a CPU, and nothing else does. A CPU has a list of vCPUs, which never change their CPU, and one
 * of three rules:
 *
 *	exclusive   one vCPU; it runs until it sleeps, and then the CPU does. No tick.
 *	fair.c      several by weight, in turn; a tick only while more than one of them could run.
 *	table.c     the windows of a major frame, again and again.
 *
 * What asks for another choice comes as VCPU_REQUEST_YIELD to the vCPU that runs: the tick, a kick of a shared CPU, and a request
 * to another vCPU of the same CPU. It leaves its guest, and the loop of sched.c asks the rule again.
 */
#ifndef CORE_SCHED_SCHED_H
#define CORE_SCHED_SCHED_H

#include "cpu/timer.h"
#include "lib/status.h"
#include "lib/types.h"

struct blob;
struct vcpu;
struct hv_frame;

#define SCHED_NEVER (~0ull)

struct sched_window {
	uint64_t start, end; /* host ticks from the beginning of the frame */
	struct vcpu *vcpu;
};

struct sched_cpu {
	struct vcpu *first; /* of its vCPUs, by vcpu->next */
	uint32_t load;	    /* how many */
	struct vcpu *running; /* the one that has the CPU; NULL: none, it sleeps */
	uint64_t since;	      /* which has been charged up to then */
	uint64_t until;	      /* SCHED_NEVER, or when the rule wants to be asked again: its tick */
	struct timer tick;

	/* fair.c */
	uint64_t virtual_time; /* of the one that was chosen last: who wakes does not come before it */
	uint64_t slice_end;

	/* table.c */
	const struct sched_window *windows;
	uint32_t window_count;
	uint64_t frame; /* length, host ticks; 0: no table */
};

/* The one to run now, NULL: none; *until is when to ask again. On the CPU itself. */
struct vcpu *fair_pick(struct sched_cpu *s, uint64_t now, uint64_t *until);
struct vcpu *table_pick(struct sched_cpu *s, uint64_t now, uint64_t *until);

/* fair.c: `vcpu` ran for so many ticks. */
void fair_charge(struct vcpu *vcpu, uint64_t now, uint64_t ran);

/* Makes a frame's table from its records, and the moment of the call the one at which all frames begin. */
MUST_USE enum status table_build(struct sched_cpu *s, const struct blob *blob,
				 const struct hv_frame *frame);

/* Whether the vCPU could run. If not, it is marked as one whose requests are followed by a kick; *woke is set when it was one
 * until now. */
bool sched_ready(struct vcpu *vcpu, uint64_t now, bool *woke);

/* Gives a vCPU to a host CPU, by index in MADT order, before any CPU runs guests; HV_NONE: to the CPU with the fewest that
 * may have it. STATUS_RANGE: no such CPU; STATUS_BUSY: it is another's. */
MUST_USE enum status sched_assign(struct vcpu *vcpu, uint32_t cpu);

/* Once all are assigned: tables and ticks. */
MUST_USE enum status sched_prepare(const struct blob *blob);

/* Runs this CPU's vCPUs for ever; interrupts off on entry. All CPUs come here at the end of their
 * start. */
_Noreturn void sched_run(void);

#endif
