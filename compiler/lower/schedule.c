/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs on which host CPU. Guests that share by weight or have a CPU for themselves are taken as they are; the system's tables
 * become frames; and for budgets (`scheduler: edf`) a table is made: the vCPU whose period ends first runs first, from the
 * beginning to the moment at which all periods of that CPU begin together again. That order meets every budget that any order
 * can meet (Liu and Layland, 1973), and each is seen to be met.
 *
 *     a: 4 ms in 10 ms, b: 6 ms in 20 ms    |aaaabbbbbb|aaaa......|
 */
#include "lower/pass.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/units.h"
#include "diag/diag.h"
#include "model/model.h"

enum {
	HOST_CPUS = 4096,      /* that can be named */
	MOST_WINDOWS = 1024,   /* as the schema has it for slots */
	LONGEST_FRAME = 60000000,
	SHORTEST_FRAME = 100,
	WEIGHT = 256,
	WHOLE = 1000000, /* of a CPU */
};

struct scheduling_cpu {
	uint64_t used; /* in millionths, by budgets */
	bool taken;    /* by others than budgets */
};

struct scheduling_pass {
	struct lower_context *context;
	struct scheduling_cpu *cpus;
};

/* A vCPU with a budget, and its state while the table is made. */
struct job {
	const struct guest *guest;
	uint32_t vcpu;	/* of its guest */
	uint32_t index; /* among all */
	uint64_t release, deadline;
	uint32_t left;
};

struct job_list {
	struct job *items;
	size_t count, capacity;
};

static const char *time_text(const struct scheduling_pass *p, uint64_t time)
{
	char buffer[32];

	return arena_strdup(p->context->arena, unit_text(time_units, time, buffer, sizeof(buffer)));
}

static uint64_t part(const struct scheduling *s)
{
	return s->budget.value * (uint64_t)WHOLE / s->period.value;
}

/* ---------------------------------------------------------------------------- each vCPU's place */

static void make_shares(struct scheduling_pass *p, struct lowered *guest)
{
	static const uint8_t schedulers[] = {
		[SCHEDULER_EXCLUSIVE] = HV_SCHEDULER_EXCLUSIVE,
		[SCHEDULER_TABLE] = HV_SCHEDULER_TABLE,
		[SCHEDULER_EDF] = HV_SCHEDULER_TABLE,
		[SCHEDULER_FAIR] = HV_SCHEDULER_FAIR,
	};
	const struct scheduling *s = &guest->model->scheduling;
	const struct vcpus *vcpus = &guest->model->vcpus;
	bool fair = s->scheduler.value == SCHEDULER_FAIR;

	guest->shares = arena_array(p->context->arena, vcpus->count.value, sizeof(*guest->shares));
	for (uint32_t i = 0; i < vcpus->count.value; i++)
		guest->shares[i] = (struct lowered_share){
			.host_cpu = HV_NONE,
			.scheduler = schedulers[s->scheduler.value],
			.weight = fair ? was_set(s->weight.where) ? (uint16_t)s->weight.value : WEIGHT : 0,
			.cap = fair ? (uint8_t)s->cap.value : 0,
		};
	for (size_t i = 0; i < vcpus->pins.count; i++) {
		const struct pin *pin = &vcpus->pins.items[i];

		guest->shares[pin->vcpu].host_cpu = pin->cpu;
		if (s->scheduler.value == SCHEDULER_EDF)
			p->cpus[pin->cpu].used += part(s);
		else
			p->cpus[pin->cpu].taken = true;
	}
}

static uint32_t cpus_to_choose(const struct scheduling_pass *p)
{
	const struct platform *platform = &p->context->model->platform;

	return was_set(platform->cpus.where) && platform->cpus.value < HV_HOST_CPUS ?
		       platform->cpus.value :
		       HV_HOST_CPUS;
}

/* Budgets without a pin: the first CPU with enough left. */
static void choose_cpu(struct scheduling_pass *p, const struct guest *guest, uint32_t vcpu,
		       struct lowered_share *share)
{
	const struct scheduling *s = &guest->scheduling;
	uint32_t count = cpus_to_choose(p), cpu = 0;
	unsigned promille = (unsigned)(part(s) / (WHOLE / 1000));

	while (cpu < count && (p->cpus[cpu].taken || p->cpus[cpu].used + part(s) > WHOLE))
		cpu++;
	if (cpu == count) {
		diag_report(p->context->diags, SCHED_NO_ROOM, s->budget.where.at, vcpu,
			    guest->name.value, promille / 10, promille % 10, count);
		return;
	}
	p->cpus[cpu].used += part(s);
	share->host_cpu = cpu;
}

static void choose_cpus(struct scheduling_pass *p)
{
	for (size_t i = 0; i < p->context->system->guests.count; i++) {
		struct lowered *guest = p->context->system->guests.items[i];
		size_t errors = diag_errors(p->context->diags);

		if (guest->model->scheduling.scheduler.value != SCHEDULER_EDF)
			continue;
		for (uint32_t v = 0; v < guest->model->vcpus.count.value; v++)
			if (guest->shares[v].host_cpu == HV_NONE &&
			    diag_errors(p->context->diags) == errors)
				choose_cpu(p, guest->model, v, &guest->shares[v]);
	}
}

/* ------------------------------------------------------------------------------------- frames */

static struct lowered_frame *add_frame(struct scheduling_pass *p, uint32_t cpu, uint32_t length,
				       struct position position)
{
	struct lowered_frame *frame = vector_add(p->context->arena, &p->context->system->frames);

	*frame = (struct lowered_frame){ .position = position,
					 .record = { .host_cpu = cpu, .length_us = length } };
	return frame;
}

static void add_window(const struct scheduling_pass *p, struct lowered_frame *frame, uint32_t vcpu,
		       uint32_t start, uint32_t length, struct position position)
{
	struct lowered_window *last = frame->windows.count ?
					      &frame->windows.items[frame->windows.count - 1] :
					      NULL;

	if (last && last->record.vcpu == vcpu &&
	    last->record.start_us + last->record.length_us == start)
		last->record.length_us += length;
	else
		vector_push(p->context->arena, &frame->windows,
			    ((struct lowered_window){ .position = position,
						      .record = { .start_us = start,
								  .length_us = length,
								  .vcpu = vcpu } }));
}

static int by_start(const void *left, const void *right)
{
	const struct slot *a = *(const struct slot *const *)left;
	const struct slot *b = *(const struct slot *const *)right;

	return a->start.value < b->start.value ? -1 : a->start.value > b->start.value;
}

/* The table of the file: its slots in order. */
static void take_table(struct scheduling_pass *p, const struct schedule_table *table,
		       const struct map *guests)
{
	size_t count = table->slots.count;
	const struct slot **sorted = arena_array(p->context->arena, count, sizeof(*sorted));
	struct lowered_frame *frame =
		add_frame(p, table->cpu.value, table->major_frame.value, table->where.at);

	for (size_t i = 0; i < count; i++)
		sorted[i] = &table->slots.items[i];
	qsort(sorted, count, sizeof(*sorted), by_start);
	for (size_t i = 0; i < count; i++) {
		const struct lowered *guest = map_get(guests, sorted[i]->guest.value);

		guest->shares[sorted[i]->vcpu.value].host_cpu = table->cpu.value;
		add_window(p, frame, guest->first_vcpu + sorted[i]->vcpu.value, sorted[i]->start.value,
			   sorted[i]->length.value, sorted[i]->where.at);
	}
}

/* ------------------------------------------------------------------------ a table from budgets */

static uint64_t gcd(uint64_t a, uint64_t b)
{
	return b ? gcd(b, a % b) : a;
}

/* The time after which all periods begin together again; 0: there is no such frame (reported). */
static uint32_t frame_of(const struct scheduling_pass *p, uint32_t cpu, const struct job_list *jobs)
{
	uint64_t frame = 1;

	for (size_t i = 0; i < jobs->count; i++) {
		const struct scheduling *s = &jobs->items[i].guest->scheduling;
		uint64_t longer = frame / gcd(frame, s->period.value) * s->period.value;
		struct diag *d;

		if (longer > LONGEST_FRAME) {
			d = diag_report(p->context->diags, FRAME_LONG, s->period.where.at, cpu,
					time_text(p, longer), time_text(p, LONGEST_FRAME));
			for (size_t j = 0; j < i && j < 4; j++)
				if (jobs->items[j].guest != jobs->items[j ? j - 1 : i].guest)
					diag_note(d, jobs->items[j].guest->scheduling.period.where.at,
						  "period of `%s`", jobs->items[j].guest->name.value);
			diag_help(d, "choose periods that are multiples of each other");
			return 0;
		}
		frame = longer;
	}
	return (uint32_t)(frame * ((SHORTEST_FRAME + frame - 1) / frame));
}

/* A period begins; what is left of the last one is a budget that was not met. */
static bool release(const struct scheduling_pass *p, uint32_t cpu, struct job *job, uint64_t now)
{
	const struct scheduling *s = &job->guest->scheduling;

	if (job->left) {
		diag_report(p->context->diags, SCHED_SHORT, s->budget.where.at, cpu, job->vcpu,
			    job->guest->name.value, time_text(p, job->left),
			    time_text(p, now - s->period.value));
		return false;
	}
	job->left = s->budget.value;
	job->release = job->deadline = now + s->period.value;
	return true;
}

static bool before(const struct job *a, const struct job *b)
{
	if (!b || a->deadline != b->deadline)
		return !b || a->deadline < b->deadline;
	return a->guest->scheduling.priority.value > b->guest->scheduling.priority.value;
}

/* What is to be done at this moment, and until when it can go on. */
static struct job *next_job(const struct job_list *jobs, uint64_t *until)
{
	struct job *best = NULL;

	for (size_t i = 0; i < jobs->count; i++) {
		struct job *job = &jobs->items[i];

		if (job->release < *until)
			*until = job->release;
		if (job->left && before(job, best))
			best = job;
	}
	return best;
}

static bool release_all(const struct scheduling_pass *p, uint32_t cpu, const struct job_list *jobs,
			uint64_t now)
{
	for (size_t i = 0; i < jobs->count; i++)
		if (jobs->items[i].release == now && !release(p, cpu, &jobs->items[i], now))
			return false;
	return true;
}

static void fill_frame(const struct scheduling_pass *p, struct lowered_frame *frame,
		       const struct job_list *jobs)
{
	uint64_t length = frame->record.length_us, now = 0;

	while (release_all(p, frame->record.host_cpu, jobs, now) && now < length) {
		uint64_t until = length;
		struct job *job = next_job(jobs, &until);

		if (!job) {
			now = until;
			continue;
		}
		if (job->left < until - now)
			until = now + job->left;
		job->left -= (uint32_t)(until - now);
		add_window(p, frame, job->index, (uint32_t)now, (uint32_t)(until - now),
			   job->guest->scheduling.budget.where.at);
		now = until;
		if (frame->windows.count > MOST_WINDOWS) {
			diag_report(p->context->diags, FRAME_WINDOWS, job->guest->scheduling.period.where.at,
				    frame->record.host_cpu, time_text(p, length), MOST_WINDOWS);
			return;
		}
	}
}

static void make_table(struct scheduling_pass *p, uint32_t cpu, const struct job_list *jobs)
{
	uint32_t length = frame_of(p, cpu, jobs);

	if (length)
		fill_frame(p, add_frame(p, cpu, length, jobs->items[0].guest->scheduling.where.at), jobs);
}

static void make_tables(struct scheduling_pass *p)
{
	struct job_list *jobs = arena_array(p->context->arena, HOST_CPUS, sizeof(*jobs));

	for (size_t i = 0; i < p->context->system->guests.count; i++) {
		const struct lowered *guest = p->context->system->guests.items[i];

		if (guest->model->scheduling.scheduler.value != SCHEDULER_EDF)
			continue;
		for (uint32_t v = 0; v < guest->model->vcpus.count.value; v++)
			if (guest->shares[v].host_cpu != HV_NONE)
				vector_push(p->context->arena, &jobs[guest->shares[v].host_cpu],
					    ((struct job){ .guest = guest->model,
							   .vcpu = v,
							   .index = guest->first_vcpu + v }));
	}
	for (uint32_t cpu = 0; cpu < HOST_CPUS; cpu++)
		if (jobs[cpu].count)
			make_table(p, cpu, &jobs[cpu]);
}

/* ------------------------------------------------------------------------------------ the pass */

void lower_schedule(struct lower_context *context)
{
	struct scheduling_pass p = {
		.context = context,
		.cpus = arena_array(context->arena, HOST_CPUS, sizeof(*p.cpus)),
	};
	struct lowered_system *system = context->system;
	struct map guests = { 0 };
	uint32_t vcpus = 0;

	for (size_t i = 0; i < system->guests.count; i++) {
		struct lowered *guest = system->guests.items[i];

		guest->first_vcpu = vcpus;
		vcpus += guest->model->vcpus.count.value;
		map_put(context->arena, &guests, guest->name, guest);
		make_shares(&p, guest);
	}
	for (size_t i = 0; i < context->model->scheduling.tables.count; i++) {
		p.cpus[context->model->scheduling.tables.items[i].cpu.value].taken = true;
		take_table(&p, &context->model->scheduling.tables.items[i], &guests);
	}
	choose_cpus(&p);
	make_tables(&p);
}

uint32_t lowered_host_cpus(const struct lowered_system *system)
{
	uint32_t highest = 0, named = 0, alone = 0;
	bool seen[HOST_CPUS] = { false }, fair = false, fair_named = false;

	for (size_t i = 0; i < system->guests.count; i++) {
		const struct lowered *guest = system->guests.items[i];

		for (uint32_t v = 0; v < guest->model->vcpus.count.value; v++) {
			const struct lowered_share *share = &guest->shares[v];
			bool shares = share->scheduler == HV_SCHEDULER_FAIR;

			if (share->host_cpu == HV_NONE) {
				alone += !shares;
				fair |= shares;
				continue;
			}
			fair_named |= shares;
			named += !seen[share->host_cpu % HOST_CPUS];
			seen[share->host_cpu % HOST_CPUS] = true;
			if (share->host_cpu >= highest)
				highest = share->host_cpu + 1;
		}
	}
	named += alone + (fair && !fair_named);
	return named > highest ? named : highest;
}
