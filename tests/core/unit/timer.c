/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deadline queues against time that the test owns: order, re-arming, cancelling, other CPUs; then
 * random operations, in which each timer must fire once, not before its deadline, and the hardware
 * must never be set later than the earliest.
 */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/percpu.h"
#include "cpu/timer.h"
#include "cpu/timer_host.h"

#include <cmocka.h>

#define CPUS   3
#define TIMERS 16
#define NEVER  (~0ull)

static struct percpu cpus[CPUS];
static uint64_t programmed[CPUS]; /* what each CPU's hardware is set to */
static bool kicked[CPUS];
static uint32_t here;
static uint64_t now;

static struct test_timer {
	struct timer timer;
	unsigned int fired;
	uint64_t fired_at;
	uint32_t fired_on;
	uint64_t rearm; /* 0: does not */
} timers[TIMERS];

static uint64_t fake_now(void)
{
	return now;
}

static struct percpu *fake_here(void)
{
	return &cpus[here];
}

static void fake_program(uint64_t deadline)
{
	programmed[here] = deadline;
}

static void fake_kick(struct percpu *cpu)
{
	kicked[cpu - cpus] = true;
}

static const struct timer_effects effects = {fake_now, fake_here, fake_program, fake_kick};

static void fire(struct timer *timer)
{
	struct test_timer *t = container_of(timer, struct test_timer, timer);

	assert_null(timer->cpu);
	assert_false(spin_is_locked(&cpus[here].timer_lock));
	t->fired++;
	t->fired_at = now;
	t->fired_on = here;
	if (t->rearm)
		timer_arm(timer, t->rearm);
}

static int setup(void **state)
{
	(void)state;
	timer_set_effects(&effects);
	memset(cpus, 0, sizeof(cpus));
	memset(timers, 0, sizeof(timers));
	memset(kicked, 0, sizeof(kicked));
	for (unsigned int i = 0; i < CPUS; i++) {
		timer_queue_init(&cpus[i]);
		programmed[i] = NEVER;
	}
	for (unsigned int i = 0; i < TIMERS; i++)
		timer_init(&timers[i].timer, fire);
	here = 0;
	now = 1000;
	return 0;
}

/* The machine: kicks arrive, and CPUs whose hardware is due take their interrupt. */
static void let_time_pass(uint64_t until)
{
	uint32_t was = here;

	now = until;
	for (here = 0; here < CPUS; here++) {
		if (kicked[here])
			timer_check();
		kicked[here] = false;
		if (programmed[here] > now)
			continue;
		programmed[here] = NEVER; /* one-shot */
		timer_interrupt();
	}
	here = was;
}

static void test_order(void **state)
{
	(void)state;
	timer_arm(&timers[0].timer, 3000);
	assert_int_equal(programmed[0], 3000);
	timer_arm(&timers[1].timer, 2000);
	assert_int_equal(programmed[0], 2000);
	timer_arm(&timers[2].timer, 4000);
	assert_int_equal(programmed[0], 2000);
	let_time_pass(1999);
	assert_int_equal(timers[1].fired, 0);
	let_time_pass(3500);
	assert_int_equal(timers[1].fired, 1);
	assert_int_equal(timers[0].fired, 1);
	assert_int_equal(timers[2].fired, 0);
	assert_int_equal(programmed[0], 4000);
	let_time_pass(4000);
	assert_int_equal(timers[2].fired, 1);
	assert_int_equal(programmed[0], NEVER);
}

static void test_rearm_and_cancel(void **state)
{
	(void)state;
	timer_arm(&timers[0].timer, 2000);
	timer_arm(&timers[0].timer, 5000); /* moved, not doubled */
	assert_int_equal(programmed[0], 5000);
	let_time_pass(3000);
	assert_int_equal(timers[0].fired, 0);
	timer_cancel(&timers[0].timer);
	timer_cancel(&timers[0].timer);
	assert_int_equal(programmed[0], NEVER);
	let_time_pass(9000);
	assert_int_equal(timers[0].fired, 0);
	timers[0].rearm = 20000;
	timer_arm(&timers[0].timer, 0); /* the past: at once */
	let_time_pass(9001);
	assert_int_equal(timers[0].fired, 1);
	assert_int_equal(programmed[0], 20000);
}

/* A timer that always arms itself in the past must not hold the CPU. */
static void test_bounded(void **state)
{
	(void)state;
	timers[0].rearm = 1;
	timer_arm(&timers[0].timer, 1);
	let_time_pass(1001);
	assert_true(timers[0].fired > 1 && timers[0].fired < 1000);
	assert_int_equal(programmed[0], 1);
}

static void test_other_cpu(void **state)
{
	(void)state;
	timer_arm_on(&timers[0].timer, &cpus[1], 2000);
	assert_true(kicked[1]);
	assert_int_equal(programmed[1], NEVER); /* only the CPU itself touches its hardware */
	let_time_pass(1500);
	assert_int_equal(programmed[1], 2000);
	timer_arm_on(&timers[1].timer, &cpus[1], 3000);
	assert_false(kicked[1]); /* not the earliest */
	timer_arm(&timers[0].timer, 2500); /* moves here */
	assert_ptr_equal(timers[0].timer.cpu, &cpus[0]);
	let_time_pass(4000);
	assert_int_equal(timers[0].fired_on, 0);
	assert_int_equal(timers[1].fired_on, 1);
}

static void test_random(void **state)
{
	uint64_t deadline[TIMERS] = {0}; /* 0: not armed */
	uint32_t on[TIMERS] = {0};

	(void)state;
	srand(11);
	for (unsigned int n = 0; n < 20000; n++) {
		unsigned int i = (unsigned int)rand() % TIMERS;

		here = (uint32_t)rand() % CPUS;
		if (rand() % 3) {
			on[i] = (uint32_t)rand() % CPUS;
			deadline[i] = now + 1 + (uint64_t)rand() % 500;
			timer_arm_on(&timers[i].timer, &cpus[on[i]], deadline[i]);
		} else {
			deadline[i] = 0;
			timer_cancel(&timers[i].timer);
		}
		for (i = 0; i < TIMERS; i++)
			timers[i].fired = 0;
		let_time_pass(now + (uint64_t)rand() % 40);
		for (i = 0; i < TIMERS; i++) {
			bool due = deadline[i] && deadline[i] <= now;

			assert_int_equal(timers[i].fired, due);
			if (!due)
				continue;
			assert_int_equal(timers[i].fired_on, on[i]);
			deadline[i] = 0;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_order, setup),
		cmocka_unit_test_setup(test_rearm_and_cancel, setup),
		cmocka_unit_test_setup(test_bounded, setup),
		cmocka_unit_test_setup(test_other_cpu, setup),
		cmocka_unit_test_setup(test_random, setup),
	};

	return cmocka_run_group_tests_name("timer", tests, NULL, NULL);
}
