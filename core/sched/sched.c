/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exclusive CPUs: each CPU runs the vCPUs of its list in turn until they sleep, and lists have one
 * entry. Live state is switched only when another vCPU takes the CPU.
 */
#include "sched/sched.h"

#include "cpu/mitigations.h"
#include "cpu/percpu.h"
#include "vcpu/backend.h"
#include "vcpu/state.h"

static struct sched_cpu {
	struct vcpu *first;
	uint32_t load;
} cpus[MAX_CPUS];

MUST_USE enum status sched_assign(struct vcpu *vcpu, uint32_t cpu)
{
	if (cpu >= cpu_count || percpu_table[cpu]->state != CPU_ONLINE)
		return STATUS_RANGE;
	if (cpus[cpu].load)
		return STATUS_BUSY;
	vcpu->cpu = percpu_table[cpu];
	vcpu->next = cpus[cpu].first;
	cpus[cpu].first = vcpu;
	cpus[cpu].load++;
	return STATUS_OK;
}

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

	return activity != VCPU_PARKED && (activity == VCPU_ACTIVE || READ_ONCE(vcpu->request));
}

static void run_one(struct percpu *cpu, struct vcpu *vcpu)
{
	enum verdict verdict;

	switch_to(cpu, vcpu);
	verdict = vcpu->backend->run(vcpu);
	if (unlikely(verdict == VERDICT_CRASH))
		vcpu->guest->crashed(vcpu);
	if (unlikely(READ_ONCE(vcpu->request) & VCPU_REQUEST_PARK))
		vcpu->guest->parked(vcpu);
}

/* Sleeps unless somebody asked for something meanwhile; the order is that of vcpu/request.c. */
static void sleep(struct vcpu *first)
{
	bool wanted = false;

	for (struct vcpu *v = first; v; v = v->next)
		__atomic_store_n(&v->inside, 1, __ATOMIC_SEQ_CST);
	for (struct vcpu *v = first; v; v = v->next)
		wanted |= wants_to_run(v);
	if (!wanted)
		cpu_idle();
	for (struct vcpu *v = first; v; v = v->next)
		WRITE_ONCE(v->inside, 0);
}

_Noreturn void sched_run(void)
{
	struct percpu *cpu = this_cpu();
	struct vcpu *first = cpus[cpu->index].first;

	for (;;) {
		bool ran = false;

		for (struct vcpu *v = first; v; v = v->next) {
			if (!wants_to_run(v))
				continue;
			run_one(cpu, v);
			ran = true;
		}
		if (!ran)
			sleep(first);
	}
}
