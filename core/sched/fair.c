/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fair sharing: each vCPU has a virtual time that passes while it runs, the slower the greater its weight, and the one that is
 * furthest behind goes next, for a slice. Who wakes comes at once if it is behind the one that runs, but has saved up
 * nothing while it slept. Who spins lets others go first. A vCPU with a cap waits for the next window when it has used up its part of this one.
 */
#include "cpu/tsc.h"
#include "sched/sched.h"
#include "vcpu/vcpu.h"

#define SLICE_NS      5000000u
#define CAP_WINDOW_NS 100000000u
#define WEIGHT_ONE    256u /* virtual time is real time */

void fair_charge(struct vcpu *vcpu, uint64_t now, uint64_t ran)
{
	uint64_t window = now / time_from_ns(CAP_WINDOW_NS);

	if (vcpu->record->scheduler != HV_SCHEDULER_FAIR)
		return;
	vcpu->virtual_time += ran * WEIGHT_ONE / vcpu->record->weight;
	if (vcpu->cap_window != window)
		vcpu->cap_used = 0;
	vcpu->cap_window = window;
	vcpu->cap_used += ran;
}

/* How long it may run yet in this window. */
static uint64_t left(const struct vcpu *vcpu, uint64_t now)
{
	uint64_t window = time_from_ns(CAP_WINDOW_NS), most = window / 100 * vcpu->record->cap;

	if (!vcpu->record->cap)
		return SCHED_NEVER;
	if (vcpu->cap_window != now / window)
		return most;
	return most > vcpu->cap_used ? most - vcpu->cap_used : 0;
}

static bool behind(const struct vcpu *a, const struct vcpu *b)
{
	return (int64_t)(a->virtual_time - b->virtual_time) < 0;
}

/* Who let another go first has not saved the time for later. */
static void yielded(struct vcpu *vcpu, const struct vcpu *to)
{
	if (vcpu->spins && to && behind(vcpu, to))
		vcpu->virtual_time = to->virtual_time;
	vcpu->spins = false;
}

/* Whether it could run and may. */
static bool eligible(struct sched_cpu *s, struct vcpu *vcpu, uint64_t now, uint64_t *until)
{
	uint64_t window = time_from_ns(CAP_WINDOW_NS);
	bool woke;

	if (!sched_ready(vcpu, now, &woke))
		return false;
	if (woke && (int64_t)(vcpu->virtual_time - s->virtual_time) < 0)
		vcpu->virtual_time = s->virtual_time;
	if (woke)
		s->slice_end = now;
	if (left(vcpu, now))
		return true;
	*until = (now / window + 1) * window;
	return false;
}

struct vcpu *fair_pick(struct sched_cpu *s, uint64_t now, uint64_t *until)
{
	struct vcpu *best = NULL;
	uint32_t ready = 0;
	bool same = false;

	*until = SCHED_NEVER;
	for (struct vcpu *v = s->first; v; v = v->next) {
		if (!eligible(s, v, now, until))
			continue;
		ready++;
		same |= v == s->running && !v->spins;
		if (!best || best->spins > v->spins || (best->spins == v->spins && behind(v, best)))
			best = v;
	}
	if (s->running)
		yielded(s->running, best);
	if (!best)
		return NULL;
	if (same && now < s->slice_end)
		best = s->running; /* its slice is not over, and nobody has woken */
	else
		s->slice_end = now + time_from_ns(SLICE_NS);
	s->virtual_time = best->virtual_time;
	if (ready > 1)
		*until = min_of(*until, s->slice_end);
	if (best->record->cap)
		*until = min_of(*until, now + left(best, now));
	return best;
}
