/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of each CPU: ask the rule, switch, run until the vCPU leaves its guest. Live state is switched only when another vCPU
 * takes the CPU.
 */
#include "sched/sched.h"

#include "blob/blob.h"
#include "cpu/idt.h"
#include "cpu/mitigations.h"
#include "cpu/percpu.h"
#include "cpu/smp.h"
#include "cpu/tsc.h"
#include "vcpu/backend.h"
#include "vcpu/state.h"

static struct sched_cpu cpus[MAX_CPUS];

static uint8_t scheduler_of(const struct vcpu *vcpu)
{
	return vcpu->record->scheduler;
}

/* ---- which CPU */

static bool may_have(uint32_t cpu, const struct vcpu *vcpu)
{
	const struct vcpu *first = cpus[cpu].first;

	return !first || (scheduler_of(vcpu) != HV_SCHEDULER_EXCLUSIVE &&
			  scheduler_of(vcpu) == scheduler_of(first));
}

static bool online(uint32_t cpu)
{
	return cpu < cpu_count && percpu_table[cpu]->state == CPU_ONLINE;
}

static uint32_t least_loaded(const struct vcpu *vcpu)
{
	uint32_t best = HV_NONE;

	for (uint32_t i = 0; i < cpu_count; i++)
		if (online(i) && may_have(i, vcpu) &&
		    (best == HV_NONE || cpus[i].load < cpus[best].load))
			best = i;
	return best;
}

MUST_USE enum status sched_assign(struct vcpu *vcpu, uint32_t cpu)
{
	if (cpu == HV_NONE)
		cpu = least_loaded(vcpu);
	if (!online(cpu))
		return STATUS_RANGE;
	if (!may_have(cpu, vcpu))
		return STATUS_BUSY;
	vcpu->cpu = percpu_table[cpu];
	vcpu->ready_since = SCHED_NEVER;
	vcpu->next = cpus[cpu].first;
	cpus[cpu].first = vcpu;
	cpus[cpu].load++;
	return STATUS_OK;
}

/* ---- asking the rule again */

static void ask_again(void)
{
	struct percpu *cpu = this_cpu();

	if (cpu->sched && cpu->vcpu)
		vcpu_mark(cpu->vcpu, VCPU_REQUEST_YIELD);
}

static void tick(struct timer *timer)
{
	container_of(timer, struct sched_cpu, tick)->until = SCHED_NEVER;
	ask_again();
}

static void kicked(void)
{
	smp_take_kick();
	ask_again();
}

MUST_USE enum status sched_prepare(const struct blob *blob)
{
	for (uint32_t i = 0; i < blob->count[HV_SECTION_FRAMES]; i++) {
		const struct hv_frame *frame = &blob->frames[i];
		enum status s = online(frame->host_cpu)
					? table_build(&cpus[frame->host_cpu], blob, frame)
					: STATUS_RANGE;

		if (s != STATUS_OK)
			return s;
	}
	for (uint32_t i = 0; i < cpu_count; i++) {
		struct sched_cpu *s = &cpus[i];

		if (!s->first || scheduler_of(s->first) == HV_SCHEDULER_EXCLUSIVE)
			continue;
		percpu_table[i]->sched = s;
		s->until = SCHED_NEVER;
		timer_init(&s->tick, tick);
		interrupt_set_handler(HOST_VECTOR_KICK, kicked);
	}
	return STATUS_OK;
}

/* ---- running */

/* Makes the vCPU's live state that of this CPU. */
static void switch_to(struct percpu *cpu, struct vcpu *vcpu)
{
	if (likely(cpu->vcpu == vcpu && !vcpu->fresh))
		return;
	if (cpu->vcpu && !cpu->vcpu->fresh)
		live_state_save(cpu->vcpu);
	if (cpu->vcpu != vcpu)
		mitigate(MITIGATE_SWITCH);
	live_state_load(vcpu);
	vcpu->fresh = false;
	cpu->vcpu = vcpu;
}

static bool wants_to_run(const struct vcpu *vcpu)
{
	/* Acquire: who made it so has written all of its state before. */
	uint8_t activity = __atomic_load_n(&vcpu->activity, __ATOMIC_ACQUIRE);

	return activity != VCPU_PARKED &&
	       (activity == VCPU_ACTIVE || READ_ONCE(vcpu->request) & ~VCPU_REQUEST_YIELD);
}

/* The order is that of vcpu/request.c. */
bool sched_ready(struct vcpu *vcpu, uint64_t now, bool *woke)
{
	if (!wants_to_run(vcpu)) {
		if (vcpu->inside)
			return false;
		__atomic_store_n(&vcpu->inside, 1, __ATOMIC_SEQ_CST);
		if (!wants_to_run(vcpu))
			return false;
	}
	*woke = vcpu->inside;
	if (*woke) {
		vcpu->ready_since = now;
		WRITE_ONCE(vcpu->inside, 0);
	}
	return true;
}

static void run_one(struct percpu *cpu, struct vcpu *vcpu)
{
	enum verdict verdict;

	switch_to(cpu, vcpu);
	verdict = vcpu->backend->run(vcpu);
	if (unlikely(verdict == VERDICT_CRASH))
		vcpu->guest->crashed(vcpu);
	if (unlikely(READ_ONCE(vcpu->request) & VCPU_REQUEST_PARK)) {
		/* What this CPU still has of it is nobody's: it may be reset at any time now. */
		vcpu->fresh = true;
		vcpu->guest->parked(vcpu);
	}
}

static _Noreturn void run_exclusive(struct percpu *cpu, struct vcpu *vcpu)
{
	for (;;) {
		bool woke;

		if (!vcpu || !sched_ready(vcpu, 0, &woke))
			cpu_idle();
		else
			run_one(cpu, vcpu);
	}
}

static void tell(struct vcpu *vcpu, bool running)
{
	if (vcpu && vcpu->guest->scheduled)
		vcpu->guest->scheduled(vcpu->guest->scheduled_context, vcpu->index, running);
}

/* The CPU goes from one vCPU to another, or to none. */
static void hand_over(struct sched_cpu *s, struct vcpu *next, uint64_t now)
{
	if (s->running == next)
		return;
	if (s->running)
		s->running->ready_since = wants_to_run(s->running) ? now : SCHED_NEVER;
	tell(s->running, false);
	s->running = next;
	if (next && next->ready_since < now)
		next->stolen += now - next->ready_since;
	tell(next, true);
}

static void set_tick(struct sched_cpu *s, uint64_t until)
{
	if (s->until == until)
		return;
	s->until = until;
	if (until == SCHED_NEVER)
		timer_cancel(&s->tick);
	else
		timer_arm(&s->tick, until);
}

static _Noreturn void run_shared(struct percpu *cpu, struct sched_cpu *s)
{
	for (;;) {
		uint64_t now = time_now(), until;
		struct vcpu *next;

		if (s->running)
			fair_charge(s->running, now, now - s->since);
		s->since = now;
		next = s->frame ? table_pick(s, now, &until) : fair_pick(s, now, &until);
		hand_over(s, next, now);
		set_tick(s, until);
		if (!next) {
			cpu_idle();
			continue;
		}
		__atomic_fetch_and(&next->request, ~(uint32_t)VCPU_REQUEST_YIELD, __ATOMIC_RELAXED);
		run_one(cpu, next);
	}
}

_Noreturn void sched_run(void)
{
	struct percpu *cpu = this_cpu();

	if (cpu->sched)
		run_shared(cpu, cpu->sched);
	run_exclusive(cpu, cpus[cpu->index].first);
}
