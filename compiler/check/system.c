/* SPDX-License-Identifier: Apache-2.0 */
/* What a system says besides its guests and shares: names, the console, the control guest, `bind`, identities. */
#include "check/check.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"

static void take_name(const struct check_context *c, struct map *seen, const char *list,
		      const char *name, struct where where)
{
	struct where *copy = arena_new(c->system->arena, struct where), *first;
	struct diag *d;

	*copy = where;
	first = map_put(c->system->arena, seen, name, copy);
	if (!first)
		return;
	d = diag_report(c->diags, SYSTEM_NAME_TWICE, where.at, list, name);
	diag_note(d, first->at, "first used here");
}

void check_system_names(const struct check_context *c)
{
	const struct system *system = c->system;
	struct map networks = { 0 }, regions = { 0 };

	for (size_t i = 0; i < system->networks.count; i++)
		take_name(c, &networks, "networks", system->networks.items[i].name.value,
			  system->networks.items[i].name.where);
	for (size_t i = 0; i < system->shmem_regions.count; i++)
		take_name(c, &regions, "shmem-regions", system->shmem_regions.items[i].name.value,
			  system->shmem_regions.items[i].name.where);
}

void check_console_keys(const struct check_context *c)
{
	const struct console *console = &c->system->console;

	if (was_set(console->escape.where) && console->guests.value == CONSOLE_GUESTS_RAW)
		diag_report(c->diags, CONSOLE_ESCAPE, console->escape.where.at,
			    console_guests_name(console->guests.value));
}

/* ------------------------------------------------------------------------------ control guest */

static bool report_stranger(const struct check_context *c, const char *name, struct where where)
{
	struct diag *d;

	if (check_guest(c, name))
		return false;
	d = diag_report(c->diags, CONTROL_GUEST, where.at, name);
	check_suggest_guest(c, d, where.at, name);
	return true;
}

static bool has_console(const struct guest *guest)
{
	for (size_t i = 0; i < guest->devices.virtio.count; i++)
		if (guest->devices.virtio.items[i].type.value == VIRTIO_TYPE_CONSOLE)
			return true;
	return false;
}

void check_control(const struct check_context *c)
{
	const struct control *control = &c->system->control;
	const unsigned stopping = 1u << CONTROL_RIGHT_STOP | 1u << CONTROL_RIGHT_RESTART;
	struct diag *d;

	if (!was_set(control->where))
		return;
	for (size_t i = 0; i < control->over.count; i++) {
		const struct managed *managed = &control->over.items[i];

		if (!report_stranger(c, managed->guest.value, managed->guest.where) &&
		    !strcmp(managed->guest.value, control->guest.value) &&
		    control->rights.value & stopping)
			diag_report(c->diags, CONTROL_SELF, managed->guest.where.at,
				    managed->guest.value);
	}
	if (report_stranger(c, control->guest.value, control->guest.where) ||
	    has_console(check_guest(c, control->guest.value)))
		return;
	d = diag_report(c->diags, CONTROL_PORT, control->guest.where.at, control->guest.value);
	diag_note(d, check_guest(c, control->guest.value)->name.where.at, "the guest");
	diag_help(d, "add `virtio: [ { id: control, type: console } ]` to its `devices`");
}

/* --------------------------------------------------------------------------------------- bind */

static bool has_device(const struct guest *guest, const char *id)
{
	for (size_t i = 0; i < guest->devices.pci.count; i++)
		if (!strcmp(guest->devices.pci.items[i].id.value, id))
			return true;
	return false;
}

static void check_devices(const struct check_context *c, const struct bind *bind,
			  const struct guest *guest)
{
	size_t count = guest->devices.pci.count;
	const char **names = arena_array(c->system->arena, count, sizeof(*names));

	for (size_t i = 0; i < count; i++)
		names[i] = guest->devices.pci.items[i].id.value;
	for (size_t i = 0; i < bind->devices.count; i++) {
		const struct bound_device *bound = &bind->devices.items[i];
		struct diag *d;

		if (has_device(guest, bound->id.value))
			continue;
		d = diag_report(c->diags, BIND_DEVICE, bound->id.where.at, guest->name.value,
				bound->id.value);
		check_suggest(c, d, bound->id.where.at, bound->id.value, names, count);
	}
}

static void check_memory(const struct check_context *c, const struct bind *bind,
			 const struct guest *guest)
{
	uint64_t sum = 0;
	char given[32], needed[32];
	struct diag *d;

	for (size_t i = 0; i < bind->memory.count; i++)
		sum += bind->memory.items[i].size.value;
	if (!bind->memory.count || sum == guest->memory.size.value)
		return;
	unit_text(size_units, sum, given, sizeof(given));
	unit_text(size_units, guest->memory.size.value, needed, sizeof(needed));
	if (sum < guest->memory.size.value)
		d = diag_report(c->diags, BIND_MEMORY_SHORT, bind->memory.items[0].where.at, guest->name.value,
				given, needed);
	else
		d = diag_report(c->diags, BIND_MEMORY_LONG, bind->memory.items[0].where.at, guest->name.value,
				given, needed);
	diag_note(d, was_set(guest->memory.size.where) ? guest->memory.size.where.at
						       : guest->memory.where.at,
		  "the guest's memory");
}

static void check_node(const struct check_context *c, const struct bind *bind, const struct guest *guest)
{
	struct diag *d;

	if (!was_set(bind->node.where) || guest->memory.numa.count < 2)
		return;
	d = diag_report(c->diags, BIND_NODES, bind->node.where.at, guest->memory.numa.count, guest->name.value,
			bind->node.value);
	diag_note(d, guest->memory.numa.items[0].where.at, "the first of its nodes");
}

void check_bind_parts(const struct check_context *c)
{
	for (size_t i = 0; i < c->system->binds.count; i++) {
		const struct bind *bind = &c->system->binds.items[i];
		const struct guest *guest = check_guest(c, bind->guest.value);

		if (!bind->pins.count && !bind->devices.count && !bind->memory.count &&
		    !was_set(bind->node.where))
			diag_report(c->diags, BIND_EMPTY, bind->guest.where.at, bind->guest.value);
		check_devices(c, bind, guest);
		check_memory(c, bind, guest);
		check_node(c, bind, guest);
	}
}

static int by_host(const void *left, const void *right)
{
	const struct bound_range *a = *(const struct bound_range *const *)left;
	const struct bound_range *b = *(const struct bound_range *const *)right;

	if (a->host.value != b->host.value)
		return a->host.value < b->host.value ? -1 : 1;
	return a->where.at.offset < b->where.at.offset ? -1 : 1;
}

void check_bind_memory(const struct check_context *c)
{
	VECTOR(const struct bound_range *) all = { 0 };

	for (size_t i = 0; i < c->system->binds.count; i++)
		for (size_t j = 0; j < c->system->binds.items[i].memory.count; j++)
			vector_push(c->system->arena, &all, &c->system->binds.items[i].memory.items[j]);
	if (all.count)
		qsort(all.items, all.count, sizeof(*all.items), by_host);
	for (size_t i = 1; i < all.count; i++) {
		const struct bound_range *low = all.items[i - 1], *high = all.items[i];
		uint64_t low_end = low->host.value + low->size.value;
		uint64_t high_end = high->host.value + high->size.value;
		struct diag *d;

		if (low_end <= high->host.value)
			continue;
		d = diag_report(c->diags, BIND_MEMORY_TWICE, high->where.at,
				(unsigned long long)high->host.value,
				(unsigned long long)(low_end < high_end ? low_end : high_end) - 1);
		diag_note(d, low->where.at, "first given here");
	}
}

/* --------------------------------------------------------------------------------- identities */

static const char *lower_case(struct arena *arena, const char *text)
{
	char *copy = arena_strdup(arena, text);

	for (char *p = copy; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return copy;
}

void check_uuids(const struct check_context *c)
{
	struct map seen = { 0 };

	for (size_t i = 0; i < c->system->guests.count; i++) {
		struct guest *guest = c->system->guests.items[i], *first;
		struct diag *d;

		if (!guest->uuid.value)
			continue;
		first = map_put(c->system->arena, &seen,
				lower_case(c->system->arena, guest->uuid.value), guest);
		if (!first)
			continue;
		d = diag_report(c->diags, UUID_TWICE, guest->uuid.where.at, first->name.value,
				guest->name.value);
		diag_note(d, first->uuid.where.at, "first used here");
	}
}
