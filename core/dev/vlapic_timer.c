/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local APIC's timer: one-shot, periodic, and against the TSC (SDM v3 11.5.4). Its clock is 1 GHz, so a count is
 * nanoseconds times the divisor, and the longest is 2^32 * 128 ns.
 */
#include "dev/vlapic.h"
#include "x86/msr.h"

/* No timer waits longer than this at once (host ticks): sums with the TSC stay far from wrapping. */
#define LONGEST_WAIT BIT(62)

static enum apic_timer_mode mode_of(uint32_t lvt)
{
	return field_get(lvt, APIC_LVT_MODE);
}

static enum apic_timer_mode mode(const struct vlapic *apic)
{
	return mode_of(apic->value[APIC_LVT_TIMER]);
}

/* Divide configuration, bits 3, 1, 0: 000 is by 2, 110 by 128, 111 by 1. */
static unsigned int divide_shift(const struct vlapic *apic)
{
	uint32_t v = apic->value[APIC_TIMER_DIVIDE];

	return (((v & 3) | (v >> 1 & 4)) + 1) & 7;
}

static uint64_t ticks(const struct vlapic *apic, uint32_t count)
{
	return time_from_ns((uint64_t)count << divide_shift(apic));
}

static void arm(struct vlapic *apic, uint64_t deadline)
{
	apic->timer_running = true;
	apic->timer_deadline = deadline;
	timer_arm_on(&apic->timer, device_vcpu_cpu(apic->vcpu), deadline);
}

void vlapic_timer_stop(struct vlapic *apic)
{
	timer_cancel(&apic->timer);
	apic->timer_running = false;
	apic->tsc_deadline = 0;
}

/* Counts down from `count`, and then, if periodic, from the initial count again and again. */
static void start(struct vlapic *apic, uint32_t count)
{
	uint64_t shortest = time_from_ns(DEV_MIN_PERIOD_NS);
	uint64_t wait = ticks(apic, count);

	apic->timer_period = 0;
	if (mode(apic) == APIC_PERIODIC) {
		apic->timer_period = max_of(ticks(apic, apic->value[APIC_TIMER_INITIAL]), shortest);
		wait = max_of(wait, shortest);
	}
	arm(apic, time_now() + wait);
}

/* The TSC deadline, in host ticks; a deadline of the guest that is past fires now. */
static void start_deadline(struct vlapic *apic)
{
	uint64_t now = time_now();
	uint64_t guest_now = now + device_vcpu_tsc_offset(apic->vcpu);
	uint64_t wait = apic->tsc_deadline > guest_now ? apic->tsc_deadline - guest_now : 0;

	if (wait) {
		arm(apic, now + min_of(wait, LONGEST_WAIT));
		return;
	}
	vlapic_timer_stop(apic);
	vlapic_local(apic, APIC_LVT_TIMER);
}

static void fire(struct timer *timer)
{
	struct vlapic *apic = container_of(timer, struct vlapic, timer);
	uint64_t now = time_now();

	if (!apic->timer_running || now < apic->timer_deadline)
		return; /* stopped or set anew while this was on its way */
	if (apic->tsc_deadline) {
		start_deadline(apic);
		return;
	}
	if (apic->timer_period) {
		/* Periods that went by unseen are lost: IRR holds one at most. */
		uint64_t next = apic->timer_deadline + apic->timer_period;

		arm(apic, next > now ? next : now + apic->timer_period);
	} else {
		apic->timer_running = false;
	}
	vlapic_local(apic, APIC_LVT_TIMER);
}

void vlapic_timer_create(struct vlapic *apic)
{
	timer_init(&apic->timer, fire);
}

uint32_t vlapic_timer_current(void *chip, unsigned int n)
{
	struct vlapic *apic = chip;
	uint64_t now = time_now(), left;

	(void)n;
	if (!apic->timer_running || mode(apic) == APIC_TSC_DEADLINE || now >= apic->timer_deadline)
		return 0;
	left = time_to_ns(apic->timer_deadline - now) >> divide_shift(apic);
	return min_of(left, (uint64_t)apic->value[APIC_TIMER_INITIAL]);
}

void vlapic_timer_set_initial(void *chip, unsigned int n, uint32_t value)
{
	struct vlapic *apic = chip;

	if (mode(apic) == APIC_TSC_DEADLINE)
		return; /* SDM v3 11.5.4.1 */
	apic->value[n] = value;
	vlapic_timer_stop(apic);
	if (value)
		start(apic, value);
}

/* A timer that runs goes on from its current count. */
static void resume(struct vlapic *apic, uint32_t count)
{
	if (apic->timer_running)
		start(apic, count);
}

void vlapic_timer_set_divide(void *chip, unsigned int n, uint32_t value)
{
	struct vlapic *apic = chip;
	uint32_t count = vlapic_timer_current(apic, APIC_TIMER_CURRENT);

	apic->value[n] = value & 0xb;
	if (mode(apic) != APIC_TSC_DEADLINE)
		resume(apic, count);
}

void vlapic_timer_set_lvt(void *chip, unsigned int n, uint32_t value)
{
	struct vlapic *apic = chip;
	uint32_t count = vlapic_timer_current(apic, APIC_TIMER_CURRENT);
	enum apic_timer_mode before = mode(apic), after = mode_of(value);

	apic->value[n] = value;
	if (before == after)
		return;
	/* SDM v3 11.5.4.1: a change to or from TSC-deadline mode disarms. */
	if (before == APIC_TSC_DEADLINE || after == APIC_TSC_DEADLINE)
		vlapic_timer_stop(apic);
	else
		resume(apic, count);
}

enum access_result vlapic_tsc_deadline_msr(void *context, struct bus_access *access)
{
	struct vlapic_device *device = context;
	struct vlapic *apic = &device->apic[device_vcpu_index(access->vcpu)];

	if (!access->write) {
		access->value = apic->tsc_deadline;
		return ACCESS_DONE;
	}
	if (mode(apic) != APIC_TSC_DEADLINE)
		return ACCESS_DONE; /* ignored */
	apic->tsc_deadline = access->value;
	if (access->value)
		start_deadline(apic);
	else
		vlapic_timer_stop(apic);
	return ACCESS_DONE;
}

void vlapic_tsc_moved(void *chip)
{
	struct vlapic *apic = chip;

	if (apic->tsc_deadline)
		start_deadline(apic);
}
