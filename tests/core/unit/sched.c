/* SPDX-License-Identifier: Apache-2.0 */
/* Who runs when: shares by weight, caps, who wakes, and the windows of a table. A tick is a nanosecond. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "blob/blob.h"
#include "cpu/tsc.h"
#include "mm/frames.h"
#include "sched/sched.h"
#include "vcpu/vcpu.h"

#define MS 1000000ull

static struct hv_vcpu records[4];
static struct vcpu vcpus[4];
static bool awake[4];
static struct sched_cpu cpu;
static uint64_t now;

uint64_t time_now(void)
{
	return now;
}

uint64_t time_from_ns(uint64_t nanoseconds)
{
	return nanoseconds;
}

enum status pool_alloc(uint64_t size, void **to)
{
	*to = calloc(1, size);
	return STATUS_OK;
}

/* As in sched.c: one that was asleep has `inside` set. */
bool sched_ready(struct vcpu *vcpu, uint64_t at, bool *woke)
{
	(void)at;
	*woke = awake[vcpu->index] && vcpu->inside;
	vcpu->inside = !awake[vcpu->index];
	return awake[vcpu->index];
}

static void start(uint32_t count, uint8_t scheduler)
{
	cpu = (struct sched_cpu){ 0 };
	now = 7 * MS;
	for (uint32_t i = 0; i < count; i++) {
		records[i] = (struct hv_vcpu){ .scheduler = scheduler, .weight = 256 };
		vcpus[i] = (struct vcpu){ .index = i, .record = &records[i], .next = i ? &vcpus[i - 1] : NULL };
		awake[i] = true;
		cpu.first = &vcpus[i];
	}
}

/* The CPU for a time, as sched.c goes on; what each vCPU got of it. */
static void run(uint64_t time, uint64_t got[4])
{
	uint64_t end = now + time;

	memset(got, 0, 4 * sizeof(*got));
	while (now < end) {
		uint64_t until, began = now;
		struct vcpu *next = cpu.frame ? table_pick(&cpu, now, &until) : fair_pick(&cpu, now, &until);

		assert_true(until > now);
		cpu.running = next;
		now = until < end ? until : end;
		if (!next)
			continue;
		got[next->index] += now - began;
		if (!cpu.frame)
			fair_charge(next, now, now - began);
	}
}

static void near(uint64_t value, uint64_t wanted)
{
	assert_in_range(value, wanted - 6 * MS, wanted + 6 * MS);
}

static void alone_without_a_tick(void **state)
{
	uint64_t until;

	(void)state;
	start(3, HV_SCHEDULER_FAIR);
	awake[0] = awake[2] = false;
	assert_ptr_equal(fair_pick(&cpu, now, &until), &vcpus[1]);
	assert_int_equal(until, SCHED_NEVER);
	awake[1] = false;
	assert_null(fair_pick(&cpu, now, &until));
	assert_int_equal(until, SCHED_NEVER);
}

static void shares_follow_weights(void **state)
{
	uint64_t got[4];

	(void)state;
	start(3, HV_SCHEDULER_FAIR);
	records[1].weight = 512;
	run(4000 * MS, got);
	near(got[0], 1000 * MS);
	near(got[1], 2000 * MS);
	near(got[2], 1000 * MS);
}

static void sleepers_save_nothing_and_come_at_once(void **state)
{
	uint64_t got[4], until;

	(void)state;
	start(2, HV_SCHEDULER_FAIR);
	awake[0] = false;
	run(1000 * MS, got);
	assert_int_equal(got[1], 1000 * MS);
	run(MS, got); /* in the midst of a slice */
	awake[0] = true;
	assert_ptr_equal(fair_pick(&cpu, now, &until), &vcpus[0]);
	assert_int_equal(until, now + 5 * MS);
	run(1000 * MS, got);
	near(got[0], 500 * MS);
	near(got[1], 500 * MS);
}

static void a_slice_is_not_cut_short(void **state)
{
	uint64_t until, again;
	struct vcpu *first;

	(void)state;
	start(2, HV_SCHEDULER_FAIR);
	first = fair_pick(&cpu, now, &until);
	cpu.running = first;
	fair_charge(first, now + MS, MS); /* now it is behind */
	now += MS;
	assert_ptr_equal(fair_pick(&cpu, now, &again), first);
	assert_int_equal(again, until);
	now = until;
	assert_ptr_not_equal(fair_pick(&cpu, now, &again), first);
}

static void who_spins_lets_others_go_first(void **state)
{
	uint64_t got[4], until;

	(void)state;
	start(2, HV_SCHEDULER_FAIR);
	run(MS, got);
	cpu.running->spins = true;
	assert_ptr_not_equal(fair_pick(&cpu, now, &until), cpu.running);
	assert_int_equal(cpu.running->spins, false);
	/* Alone it goes on; and it has saved nothing for later. */
	start(2, HV_SCHEDULER_FAIR);
	for (uint32_t i = 0; i < 100; i++) {
		fair_pick(&cpu, now, &until);
		cpu.running = &vcpus[0];
		vcpus[0].spins = true;
		run(10 * MS, got);
	}
	run(1000 * MS, got);
	near(got[0], 500 * MS);
	awake[1] = false;
	cpu.running = &vcpus[0];
	vcpus[0].spins = true;
	assert_ptr_equal(fair_pick(&cpu, now, &until), &vcpus[0]);
}

static void caps_hold(void **state)
{
	uint64_t got[4];

	(void)state;
	start(2, HV_SCHEDULER_FAIR);
	records[0].cap = 25;
	run(93 * MS, got); /* to the beginning of a window */
	awake[1] = false;
	run(1000 * MS, got);
	assert_int_equal(got[0], 250 * MS);
	awake[1] = true;
	run(1000 * MS, got);
	assert_in_range(got[0], 240 * MS, 250 * MS);
	assert_int_equal(got[0] + got[1], 1000 * MS);
}

static void windows_are_kept(void **state)
{
	static const struct hv_window windows[] = { { 1000, 2000, 0, 0 }, { 3000, 1000, 1, 0 }, { 6000, 3000, 0, 0 } };
	const struct hv_frame frame = { .length_us = 10000, .windows = { 0, 3 } };
	struct blob blob = { .vcpus = records, .windows = windows };
	uint64_t got[4], until;

	(void)state;
	start(2, HV_SCHEDULER_TABLE);
	assert_int_equal(table_build(&cpu, &blob, &frame), STATUS_OK);
	run(MS, got);
	assert_int_equal(got[0] + got[1], 0);
	assert_ptr_equal(table_pick(&cpu, now, &until), &vcpus[0]);
	assert_int_equal(until, now + 2 * MS);
	run(1000 * MS, got);
	assert_int_equal(got[0], 500 * MS);
	assert_int_equal(got[1], 100 * MS);
	/* Time of a window in which its vCPU sleeps is nobody's; outside it nobody is kicked for it. */
	awake[0] = false;
	run(10 * MS, got);
	assert_int_equal(got[0], 0);
	assert_int_equal(got[1], MS);
	assert_null(table_pick(&cpu, now, &until));
	assert_int_equal(vcpus[0].inside, 1);
	now += 2 * MS;
	assert_ptr_equal(table_pick(&cpu, now, &until), &vcpus[1]);
	assert_int_equal(vcpus[0].inside, 0);
	free((void *)cpu.windows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alone_without_a_tick),
		cmocka_unit_test(shares_follow_weights),
		cmocka_unit_test(sleepers_save_nothing_and_come_at_once),
		cmocka_unit_test(a_slice_is_not_cut_short),
		cmocka_unit_test(who_spins_lets_others_go_first),
		cmocka_unit_test(caps_hold),
		cmocka_unit_test(windows_are_kept),
	};

	return cmocka_run_group_tests_name("sched", tests, NULL, NULL);
}
