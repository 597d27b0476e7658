/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deadline queues: a sorted list a CPU. The hardware is always set to the head of its CPU's list or
 * earlier; a CPU programs only its own, so arming on another one kicks that.
 */
#include "cpu/timer.h"

#include "cpu/percpu.h"
#include "cpu/timer_host.h"

#define NEVER (~0ULL)
#define FIRE_LIMIT                                                                                 \
	64 /* an interrupt: timers armed anew in the past must not hold the CPU forever */

static const struct timer_effects *effects;

void timer_set_effects(const struct timer_effects *e)
{
	effects = e;
}

void timer_queue_init(struct percpu *cpu)
{
	list_init(&cpu->timers);
	cpu->timer_programmed = NEVER;
}

void timer_init(struct timer *timer, void (*fire)(struct timer *timer))
{
	*timer = (struct timer){.fire = fire};
	list_init(&timer->node);
}

static struct timer *head_of(struct percpu *cpu)
{
	return list_empty(&cpu->timers) ? NULL :
					  list_entry(cpu->timers.next, struct timer, node);
}

static void insert(struct percpu *cpu, struct timer *timer)
{
	struct list_node *at = cpu->timers.prev;

	/* From the end: most deadlines are later than those that wait. */
	while (at != &cpu->timers && list_entry(at, struct timer, node)->deadline > timer->deadline)
		at = at->prev;
	list_insert_before(at->next, &timer->node);
	timer->cpu = cpu;
}

/* Sets this CPU's hardware to the head of its queue. Lock held. */
static void program(struct percpu *cpu)
{
	struct timer *head = head_of(cpu);
	uint64_t deadline = head ? head->deadline : NEVER;

	if (deadline == cpu->timer_programmed)
		return;
	cpu->timer_programmed = deadline;
	effects->program(deadline);
}

/* Takes the timer out of whatever queue it is in. */
static void dequeue(struct timer *timer)
{
	struct percpu *cpu;

	while ((cpu = READ_ONCE(timer->cpu))) {
		spin_lock(&cpu->timer_lock);
		if (timer->cpu == cpu) {
			list_remove(&timer->node);
			timer->cpu = NULL;
			if (cpu == effects->here())
				program(cpu);
			spin_unlock(&cpu->timer_lock);
			return;
		}
		spin_unlock(&cpu->timer_lock);
	}
}

void timer_arm_on(struct timer *timer, struct percpu *cpu, uint64_t deadline)
{
	bool local = cpu == effects->here(), kick;

	/* The common case, moving one's own timer, takes the lock once. */
	if (timer->cpu && !(local && timer->cpu == cpu))
		dequeue(timer);
	spin_lock(&cpu->timer_lock);
	if (timer->cpu == cpu)
		list_remove(&timer->node);
	timer->deadline = deadline;
	insert(cpu, timer);
	kick = !local && head_of(cpu) == timer;
	if (local)
		program(cpu);
	spin_unlock(&cpu->timer_lock);
	if (kick)
		effects->kick(cpu);
}

void timer_arm(struct timer *timer, uint64_t deadline)
{
	timer_arm_on(timer, effects->here(), deadline);
}

void timer_cancel(struct timer *timer)
{
	dequeue(timer);
}

/* The first timer that is due, out of the queue; NULL when there is none. */
static struct timer *take_due(struct percpu *cpu, uint64_t now)
{
	struct timer *timer;

	spin_lock(&cpu->timer_lock);
	timer = head_of(cpu);
	if (timer && timer->deadline <= now) {
		list_remove(&timer->node);
		timer->cpu = NULL;
	} else {
		timer = NULL;
	}
	spin_unlock(&cpu->timer_lock);
	return timer;
}

void timer_interrupt(void)
{
	struct percpu *cpu = effects->here();
	struct timer *timer;

	for (unsigned int n = 0; n < FIRE_LIMIT && (timer = take_due(cpu, effects->now())); n++)
		timer->fire(timer);
	spin_lock(&cpu->timer_lock);
	cpu->timer_programmed = NEVER; /* it has fired */
	program(cpu);
	spin_unlock(&cpu->timer_lock);
}

void timer_check(void)
{
	struct percpu *cpu = effects->here();

	spin_lock(&cpu->timer_lock);
	program(cpu);
	spin_unlock(&cpu->timer_lock);
}
