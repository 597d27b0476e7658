/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deadlines in host TSC ticks: a queue on each CPU, driven by its LAPIC timer.
 *
 * `fire` runs on the CPU the timer was armed on, with interrupts off, after the timer has left the queue; it may
 * arm it again. Arming and cancelling are allowed from any CPU: the queue's lock is a leaf lock (nothing is locked
 * inside it, and `fire` is called without it).
 */
#ifndef CORE_CPU_TIMER_H
#define CORE_CPU_TIMER_H

#include "lib/list.h"
#include "lib/types.h"

struct percpu;

struct timer {
	struct list_node node; /* in the queue of `cpu`, by deadline */
	uint64_t deadline;     /* host TSC */
	struct percpu *cpu;    /* NULL: not armed */
	void (*fire)(struct timer *timer);
};

void timer_init(struct timer *timer, void (*fire)(struct timer *timer));

/* Arms (or arms anew) on `cpu`; a deadline in the past fires at once. timer_arm() uses this CPU. */
void timer_arm_on(struct timer *timer, struct percpu *cpu, uint64_t deadline);
void timer_arm(struct timer *timer, uint64_t deadline);

/* Afterwards the timer is not queued; a `fire` under way on another CPU may still be running. */
void timer_cancel(struct timer *timer);

#endif
