/* SPDX-License-Identifier: Apache-2.0 */
/* What only cpu/ and boot/ need of timer.c: the hardware's side of the queues. */
#ifndef CORE_CPU_TIMER_HOST_H
#define CORE_CPU_TIMER_HOST_H

#include "lib/types.h"

struct percpu;

/* The effects, so that the queue itself runs on the host in tests. */
struct timer_effects {
	uint64_t (*now)(void);
	struct percpu *(*here)(void);
	/* Interrupts this CPU at `deadline` (~0: not at all). */
	void (*program)(uint64_t deadline);
	/* Makes another CPU call timer_check(). */
	void (*kick)(struct percpu *cpu);
};

void timer_queue_init(struct percpu *cpu);
void timer_set_effects(const struct timer_effects *effects);

/* The hardware's, in timer_lapic.c. */
extern const struct timer_effects timer_lapic_effects;

/* On the CPU whose timer interrupt came: fires what is due, sets the hardware to what is next. */
void timer_interrupt(void);

/* On the CPU that was kicked: sets the hardware if the earliest deadline has changed. */
void timer_check(void);

#endif
