/* SPDX-License-Identifier: Apache-2.0 */
/* Names: unique where they must be, known where they refer. */
#include "check/check.h"

#include <string.h>

#include "base/map.h"

const struct guest *check_guest(const struct check_context *c, const char *name)
{
	return map_get(c->guests, name);
}

void check_suggest(const struct check_context *c, struct diag *d, struct position at,
		   const char *wrong, const char *const *names, size_t count)
{
	const char *meant = diag_closest(wrong, names, count);

	if (!meant && c->system->alone)
		diag_help(d, "this file alone makes a system of one guest: check the system's file, "
			     "which lists it");
	if (!meant)
		return;
	diag_help(d, "did you mean `%s`?", meant);
	diag_fix_name(c->diags, d, at, wrong, meant);
}

void check_suggest_guest(const struct check_context *c, struct diag *d, struct position at,
			 const char *wrong)
{
	size_t count = c->system->guests.count;
	const char **names = arena_array(c->system->arena, count, sizeof(*names));

	for (size_t i = 0; i < count; i++)
		names[i] = c->system->guests.items[i]->name.value;
	check_suggest(c, d, at, wrong, names, count);
}

static void take_id(const struct check_context *c, struct map *seen, const char *id,
		    const struct where *where)
{
	const struct where *first;

	/* A module of a memory that is wrong may have none, and the devices are looked at all the same. */
	if (!id)
		return;
	first = map_put(c->system->arena, seen, id, (void *)where);
	if (!first)
		return;
	diag_note(diag_report(c->diags, DEVICE_NAME_TWICE, where->at, id), first->at,
		  "first used here");
}

void check_device_names(const struct check_context *c)
{
	const struct devices *devices = &c->guest->devices;
	const struct memory *memory = &c->guest->memory;
	struct map seen = { 0 };

	for (size_t i = 0; i < devices->serial.count; i++)
		take_id(c, &seen, devices->serial.items[i].id.value,
			&devices->serial.items[i].id.where);
	for (size_t i = 0; i < devices->pci.count; i++)
		take_id(c, &seen, devices->pci.items[i].id.value, &devices->pci.items[i].id.where);
	for (size_t i = 0; i < devices->virtio.count; i++)
		take_id(c, &seen, devices->virtio.items[i].id.value,
			&devices->virtio.items[i].id.where);
	for (size_t i = 0; i < devices->shmem.count; i++)
		take_id(c, &seen, devices->shmem.items[i].id.value, &devices->shmem.items[i].id.where);
	for (size_t i = 0; i < memory->nvdimm.count; i++)
		take_id(c, &seen, memory->nvdimm.items[i].id.value, &memory->nvdimm.items[i].id.where);
}

void check_guest_names(const struct check_context *c)
{
	struct map seen = { 0 };

	for (size_t i = 0; i < c->system->guests.count; i++) {
		struct guest *guest = c->system->guests.items[i];
		const struct guest *first = map_get(&seen, guest->name.value);
		struct diag *d;

		if (!first) {
			map_put(c->system->arena, &seen, guest->name.value, guest);
			continue;
		}
		d = diag_report(c->diags, GUEST_NAME_TWICE, guest->name.where.at,
				guest->name.value);
		diag_note(d, first->name.where.at, "first used here");
		diag_help(d, "a file listed twice makes two guests of one name: copy it, or leave "
			     "one out");
	}
}

void check_bind_names(const struct check_context *c)
{
	for (size_t i = 0; i < c->system->binds.count; i++) {
		const struct bind *bind = &c->system->binds.items[i];
		struct diag *d;

		if (check_guest(c, bind->guest.value))
			continue;
		d = diag_report(c->diags, BIND_UNKNOWN, bind->guest.where.at, bind->guest.value);
		check_suggest_guest(c, d, bind->guest.where.at, bind->guest.value);
	}
}
