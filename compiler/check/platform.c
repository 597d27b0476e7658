/* SPDX-License-Identifier: Apache-2.0 */
/* What the guests need against what is known of the machine. */
#include "check/check.h"

#include "base/units.h"

static void check_pin(const struct check_context *c, const struct pin *pin)
{
	const struct platform *platform = &c->system->platform;
	struct diag *d;

	if (pin->cpu < platform->cpus.value)
		return;
	d = diag_report(c->diags, PLATFORM_PIN, pin->where.at, platform->name.value, pin->cpu,
			platform->cpus.value);
	diag_note(d, platform->cpus.where.at, "CPUs of the machine");
}

void check_platform_pins(const struct check_context *c)
{
	if (!was_set(c->system->platform.cpus.where))
		return;
	for (size_t i = 0; i < c->system->guests.count; i++) {
		const struct guest *guest = c->system->guests.items[i];

		for (size_t j = 0; j < guest->vcpus.pins.count; j++)
			check_pin(c, &guest->vcpus.pins.items[j]);
	}
}

void check_platform_cpus(const struct check_context *c)
{
	const struct platform *platform = &c->system->platform;
	unsigned long long total = 0;
	struct diag *d;

	for (size_t i = 0; i < c->system->guests.count; i++)
		if (c->system->guests.items[i]->scheduling.scheduler.value == SCHEDULER_EXCLUSIVE)
			total += c->system->guests.items[i]->vcpus.count.value;
	if (!was_set(platform->cpus.where) || total <= platform->cpus.value)
		return;
	d = diag_report(c->diags, PLATFORM_CPUS, platform->cpus.where.at, total,
			platform->name.value, platform->cpus.value);
	for (size_t i = 0; i < c->system->guests.count && i < 4; i++)
		if (was_set(c->system->guests.items[i]->vcpus.where))
			diag_note(d, c->system->guests.items[i]->vcpus.where.at, "%u of `%s`",
				  c->system->guests.items[i]->vcpus.count.value,
				  c->system->guests.items[i]->name.value);
}

void check_platform_memory(const struct check_context *c)
{
	const struct platform *platform = &c->system->platform;
	char needed[32], there[32];
	uint64_t total = 0;
	struct diag *d;

	for (size_t i = 0; i < c->system->guests.count; i++)
		total += c->system->guests.items[i]->memory.size.value;
	if (!was_set(platform->memory.where) || !c->system->guests.count || total < platform->memory.value)
		return;
	d = diag_report(c->diags, PLATFORM_MEMORY, platform->memory.where.at,
			unit_text(size_units, total, needed, sizeof(needed)), platform->name.value,
			unit_text(size_units, platform->memory.value, there, sizeof(there)));
	for (size_t i = 0; i < c->system->guests.count && i < 4; i++)
		diag_note(d, c->system->guests.items[i]->memory.where.at, "of `%s`",
			  c->system->guests.items[i]->name.value);
}
