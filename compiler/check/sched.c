/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time on host CPUs: what one guest asks for, what the system's tables give, and whether the guests on one CPU
 * fit together. Times are in microseconds.
 */
#include "check/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/units.h"

enum { SHORT_PERIOD = 100 };

static const char *time_text(const struct check_context *c, uint64_t time)
{
	char buffer[32];

	return arena_strdup(c->system->arena, unit_text(time_units, time, buffer, sizeof(buffer)));
}

/* ---------------------------------------------------------------------------- a guest alone */

#define IN(scheduler) (1u << SCHEDULER_##scheduler)

/* The keys of a part of `scheduling`, and with which schedulers they go. */
struct sched_key {
	const char *name;
	struct where where;
	unsigned go_with, needed_by;
};

void check_sched_keys(const struct check_context *c)
{
	const struct scheduling *s = &c->guest->scheduling;
	const struct sched_key keys[] = {
		{ "period", s->period.where, IN(TABLE) | IN(EDF), IN(EDF) },
		{ "budget", s->budget.where, IN(TABLE) | IN(EDF), IN(EDF) },
		{ "priority", s->priority.where, IN(EDF), 0 },
		{ "weight", s->weight.where, IN(FAIR), 0 },
		{ "cap", s->cap.where, IN(FAIR), 0 },
	};
	const char *scheduler = scheduler_name(s->scheduler.value);
	unsigned bit = 1u << s->scheduler.value;
	struct diag *d;

	if (!was_set(s->where))
		return;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (was_set(keys[i].where) && !(keys[i].go_with & bit)) {
			d = diag_report(c->diags, SCHED_MISFIT, keys[i].where.at, keys[i].name,
					scheduler);
			if (was_set(s->scheduler.where))
				diag_note(d, s->scheduler.where.at, "scheduler set here");
		} else if (!was_set(keys[i].where) && keys[i].needed_by & bit) {
			diag_report(c->diags, SCHED_MISSING, s->scheduler.where.at, scheduler,
				    keys[i].name);
		}
	}
	if (was_set(s->period.where) != was_set(s->budget.where) && bit == IN(TABLE))
		diag_report(c->diags, SCHED_MISSING, s->scheduler.where.at, scheduler,
			    was_set(s->period.where) ? "budget" : "period");
}

void check_sched_budget(const struct check_context *c)
{
	const struct scheduling *s = &c->guest->scheduling;
	struct diag *d;

	if (was_set(s->weight.where) && !s->weight.value)
		diag_report(c->diags, WEIGHT_ZERO, s->weight.where.at);
	if (!was_set(s->period.where))
		return;
	if (s->budget.value > s->period.value) {
		d = diag_report(c->diags, BUDGET_PERIOD, s->budget.where.at,
				time_text(c, s->budget.value), time_text(c, s->period.value));
		diag_note(d, s->period.where.at, "period set here");
	} else if (s->period.value < SHORT_PERIOD) {
		diag_report(c->diags, PERIOD_SHORT, s->period.where.at,
			    time_text(c, s->period.value));
	}
}

/* -------------------------------------------------------------------------------- the tables */

void check_sched_slots(const struct check_context *c)
{
	for (size_t i = 0; i < c->system->scheduling.tables.count; i++) {
		const struct schedule_table *table = &c->system->scheduling.tables.items[i];

		for (size_t j = 0; j < table->slots.count; j++) {
			const struct slot *slot = &table->slots.items[j];
			const struct guest *guest = check_guest(c, slot->guest.value);
			struct diag *d;

			if (!guest) {
				d = diag_report(c->diags, SLOT_GUEST, slot->guest.where.at,
						slot->guest.value);
				check_suggest_guest(c, d, slot->guest.where.at, slot->guest.value);
			} else if (guest->scheduling.scheduler.value != SCHEDULER_TABLE) {
				d = diag_report(c->diags, SLOT_NOT_TABLE, slot->guest.where.at,
						slot->guest.value,
						scheduler_name(guest->scheduling.scheduler.value));
				diag_note(d, was_set(guest->scheduling.where)
						     ? guest->scheduling.where.at
						     : guest->name.where.at,
					  "the guest");
				diag_help(d, "give it `scheduling: { scheduler: table }`");
			} else if (slot->vcpu.value >= guest->vcpus.count.value) {
				d = diag_report(c->diags, SLOT_VCPU,
						was_set(slot->vcpu.where) ? slot->vcpu.where.at
									  : slot->where.at,
						slot->vcpu.value, slot->guest.value,
						guest->vcpus.count.value,
						guest->vcpus.count.value == 1 ? "" : "s");
				if (was_set(guest->vcpus.count.where))
					diag_note(d, guest->vcpus.count.where.at, "count set here");
			}
		}
	}
}

static int by_start(const void *left, const void *right)
{
	const struct slot *a = *(const struct slot *const *)left;
	const struct slot *b = *(const struct slot *const *)right;

	if (a->start.value != b->start.value)
		return a->start.value < b->start.value ? -1 : 1;
	return a->where.at.offset < b->where.at.offset ? -1 : 1;
}

static uint32_t slot_end(const struct slot *slot)
{
	return slot->start.value + slot->length.value;
}

static void report_slots(const struct check_context *c, const struct schedule_table *table,
			 const struct slot *first, const struct slot *second)
{
	uint32_t end = slot_end(first) < slot_end(second) ? slot_end(first) : slot_end(second);
	struct diag *d = diag_report(c->diags, SLOT_OVERLAP, second->where.at, table->cpu.value,
				     time_text(c, second->start.value), time_text(c, end));

	diag_note(d, first->where.at, "%s to %s", time_text(c, first->start.value),
		  time_text(c, slot_end(first)));
}

/* One table: slots inside the frame, one after the other. */
static void check_frame(const struct check_context *c, const struct schedule_table *table)
{
	size_t count = table->slots.count, errors = diag_errors(c->diags);
	const struct slot **sorted = arena_array(c->system->arena, count, sizeof(*sorted));
	uint64_t used = 0;
	struct diag *d;

	for (size_t i = 0; i < count; i++) {
		sorted[i] = &table->slots.items[i];
		used += sorted[i]->length.value;
		if (slot_end(sorted[i]) <= table->major_frame.value)
			continue;
		d = diag_report(c->diags, SLOT_FRAME, sorted[i]->where.at,
				time_text(c, slot_end(sorted[i])),
				time_text(c, table->major_frame.value));
		diag_note(d, table->major_frame.where.at, "major frame");
	}
	qsort(sorted, count, sizeof(*sorted), by_start);
	for (size_t i = 1; i < count; i++)
		if (slot_end(sorted[i - 1]) > sorted[i]->start.value)
			report_slots(c, table, sorted[i - 1], sorted[i]);
	if (used < table->major_frame.value && diag_errors(c->diags) == errors) {
		d = diag_report(c->diags, FRAME_IDLE, table->major_frame.where.at,
				time_text(c, used), time_text(c, table->major_frame.value));
		diag_help(d, "%s are idle; set `major-frame: %s` if that is not meant",
			  time_text(c, table->major_frame.value - used), time_text(c, used));
	}
}

void check_sched_frames(const struct check_context *c)
{
	const struct system_scheduling *s = &c->system->scheduling;
	const struct schedule_table **of = arena_array(c->system->arena, 4096, sizeof(*of));

	for (size_t i = 0; i < s->tables.count; i++) {
		const struct schedule_table *table = &s->tables.items[i];
		const struct schedule_table *first = of[table->cpu.value];
		struct diag *d;

		of[table->cpu.value] = table;
		check_frame(c, table);
		if (!first)
			continue;
		d = diag_report(c->diags, TABLE_TWICE, table->cpu.where.at, table->cpu.value);
		diag_note(d, first->cpu.where.at, "it has one already");
	}
}

/* --------------------------------------------------------------- what a vCPU gets of the tables */

struct share {
	const struct schedule_table *table;
	const struct slot *slot; /* the first one */
	uint64_t time;		 /* in a major frame */
};

static const struct pin *pin_of(const struct guest *guest, uint32_t vcpu)
{
	for (size_t i = 0; i < guest->vcpus.pins.count; i++)
		if (guest->vcpus.pins.items[i].vcpu == vcpu)
			return &guest->vcpus.pins.items[i];
	return NULL;
}

/* Each period of the frame by itself: the slots of this vCPU in it come to its budget. */
static void check_periods(const struct check_context *c, const struct guest *guest, uint32_t vcpu,
			  const struct share *share)
{
	const struct scheduling *s = &guest->scheduling;
	const struct schedule_table *table = share->table;
	const struct slot **slots = arena_array(c->system->arena, table->slots.count, sizeof(*slots));
	uint64_t period = s->period.value, frame = table->major_frame.value, got = s->budget.value;
	size_t count = 0, next = 0;
	struct diag *d;

	for (size_t i = 0; i < table->slots.count; i++)
		if (table->slots.items[i].vcpu.value == vcpu &&
		    !strcmp(table->slots.items[i].guest.value, guest->name.value))
			slots[count++] = &table->slots.items[i];
	qsort(slots, count, sizeof(*slots), by_start);
	for (uint64_t begin = 0; begin < frame && got >= s->budget.value; begin += period) {
		got = 0;
		while (next < count && slot_end(slots[next]) <= begin)
			next++;
		for (size_t i = next; i < count && slots[i]->start.value < begin + period; i++) {
			uint64_t from = slots[i]->start.value, to = slot_end(slots[i]);

			got += (to < begin + period ? to : begin + period) - (from > begin ? from : begin);
		}
		if (got >= s->budget.value)
			continue;
		d = diag_report(c->diags, SLOTS_PERIOD, share->slot->where.at, vcpu, guest->name.value,
				time_text(c, got), time_text(c, begin), time_text(c, s->budget.value));
		diag_note(d, s->budget.where.at, "budget");
	}
}

/* Budget and period against the time of the slots in a frame. */
static void check_share(const struct check_context *c, const struct guest *guest, uint32_t vcpu,
			const struct share *share)
{
	const struct scheduling *s = &guest->scheduling;
	uint64_t frame = share->table->major_frame.value;
	struct diag *d;

	if (!was_set(s->period.where))
		return;
	if (share->time * s->period.value < s->budget.value * frame) {
		d = diag_report(c->diags, SLOTS_SHORT, share->slot->where.at, vcpu,
				guest->name.value, time_text(c, share->time), time_text(c, frame),
				time_text(c, s->budget.value), time_text(c, s->period.value));
		diag_note(d, s->budget.where.at, "budget");
	} else if (frame % s->period.value && !vcpu) {
		d = diag_report(c->diags, FRAME_PERIOD, share->table->major_frame.where.at,
				time_text(c, frame), guest->name.value,
				time_text(c, s->period.value));
		diag_note(d, s->period.where.at, "period");
	} else if (frame % s->period.value == 0) {
		check_periods(c, guest, vcpu, share);
	}
}

static void check_vcpu(const struct check_context *c, const struct guest *guest, uint32_t vcpu,
		       const struct share *share)
{
	const struct pin *pin = pin_of(guest, vcpu);
	struct diag *d;

	if (!share->slot) {
		d = diag_report(c->diags, VCPU_NO_SLOT, guest->scheduling.scheduler.where.at, vcpu,
				guest->name.value);
		diag_help(d, "add a slot `{ start: ..., length: ..., guest: %s, vcpu: %u }` to "
			     "`scheduling.tables` of the system", guest->name.value, vcpu);
		return;
	}
	if (pin && pin->cpu != share->table->cpu.value) {
		d = diag_report(c->diags, SLOT_PIN, share->slot->where.at, vcpu, guest->name.value,
				pin->cpu, share->table->cpu.value);
		diag_note(d, pin->where.at, "pinned here");
	}
	check_share(c, guest, vcpu, share);
}

/* Adds up the slots of a guest's vCPUs. */
static void add_slot(const struct check_context *c, struct share *share, const struct guest *guest,
		     const struct schedule_table *table, const struct slot *slot)
{
	struct diag *d;

	if (share->slot && share->table != table) {
		d = diag_report(c->diags, VCPU_TWO_TABLES, slot->where.at, slot->vcpu.value,
				guest->name.value, share->table->cpu.value, table->cpu.value);
		diag_note(d, share->slot->where.at, "on host CPU %u", share->table->cpu.value);
		return;
	}
	if (!share->slot)
		*share = (struct share){ table, slot, 0 };
	share->time += slot->length.value;
}

void check_sched_vcpus(const struct check_context *c)
{
	const struct system *system = c->system;
	struct map shares = { 0 };

	for (size_t i = 0; i < system->guests.count; i++) {
		const struct guest *guest = system->guests.items[i];

		if (guest->scheduling.scheduler.value == SCHEDULER_TABLE)
			map_put(system->arena, &shares, guest->name.value,
				arena_array(system->arena, guest->vcpus.count.value,
					    sizeof(struct share)));
	}
	for (size_t i = 0; i < system->scheduling.tables.count; i++) {
		const struct schedule_table *table = &system->scheduling.tables.items[i];

		for (size_t j = 0; j < table->slots.count; j++) {
			const struct slot *slot = &table->slots.items[j];
			struct share *share = map_get(&shares, slot->guest.value);

			add_slot(c, &share[slot->vcpu.value], check_guest(c, slot->guest.value),
				 table, slot);
		}
	}
	for (size_t i = 0; i < system->guests.count; i++) {
		const struct guest *guest = system->guests.items[i];
		const struct share *share = map_get(&shares, guest->name.value);

		for (uint32_t vcpu = 0; share && vcpu < guest->vcpus.count.value; vcpu++)
			check_vcpu(c, guest, vcpu, &share[vcpu]);
	}
}

/* ---------------------------------------------------------------------- the guests on one CPU */

struct cpu_use {
	const struct guest *guest; /* the first one there */
	const struct pin *pin;
	uint64_t millionths; /* of the CPU, in budgets */
	bool mixed, full;    /* said already */
};

static void add_budget(const struct check_context *c, struct cpu_use *use, const struct guest *guest,
		       const struct pin *pin)
{
	const struct scheduling *s = &guest->scheduling;
	struct diag *d;

	if (s->scheduler.value != SCHEDULER_EDF)
		return;
	use->millionths += s->budget.value * 1000000ull / s->period.value;
	if (use->millionths <= 1000000 || use->full)
		return;
	use->full = true;
	d = diag_report(c->diags, CPU_OVERLOAD, pin->where.at, pin->cpu,
			(unsigned)(use->millionths / 10000), (unsigned)(use->millionths / 1000 % 10));
	diag_label(d, "vCPU %u of `%s`", pin->vcpu, guest->name.value);
	diag_note(d, s->budget.where.at, "%s in %s", time_text(c, s->budget.value),
		  time_text(c, s->period.value));
	if (use->guest != guest)
		diag_note(d, use->guest->scheduling.budget.where.at, "%s in %s",
			  time_text(c, use->guest->scheduling.budget.value),
			  time_text(c, use->guest->scheduling.period.value));
}

static void use_cpu(const struct check_context *c, struct cpu_use *use, const struct guest *guest,
		    const struct pin *pin)
{
	enum scheduler scheduler = guest->scheduling.scheduler.value, first;
	struct diag *d;

	if (!use->pin) {
		use->guest = guest;
		use->pin = pin;
	}
	first = use->guest->scheduling.scheduler.value;
	if (first == scheduler) {
		add_budget(c, use, guest, pin);
		return;
	}
	if (use->mixed)
		return;
	use->mixed = true;
	d = diag_report(c->diags, CPU_MIXED, pin->where.at, pin->cpu, scheduler_name(first),
			scheduler_name(scheduler));
	diag_label(d, "vCPU %u of `%s`", pin->vcpu, guest->name.value);
	diag_note(d, use->pin->where.at, "vCPU %u of `%s`", use->pin->vcpu, use->guest->name.value);
}

void check_sched_cpus(const struct check_context *c)
{
	struct cpu_use *uses = arena_array(c->system->arena, 4096, sizeof(*uses));

	for (size_t i = 0; i < c->system->guests.count; i++) {
		const struct guest *guest = c->system->guests.items[i];

		for (size_t j = 0; j < guest->vcpus.pins.count; j++) {
			const struct pin *pin = &guest->vcpus.pins.items[j];

			use_cpu(c, &uses[pin->cpu], guest, pin);
		}
	}
}
