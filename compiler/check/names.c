/* SPDX-License-Identifier: Apache-2.0 */
/* Names: unique where they must be, known where they refer. */
#include "check/check.h"

#include <string.h>

#include "base/map.h"

void check_device_names(const struct check_context *c)
{
	const struct devices *devices = &c->guest->devices;

	for (size_t i = 1; i < devices->serial.count; i++) {
		const struct serial *serial = &devices->serial.items[i];

		for (size_t j = 0; j < i; j++) {
			const struct serial *first = &devices->serial.items[j];
			struct diag *d;

			if (strcmp(serial->id.value, first->id.value))
				continue;
			d = diag_report(c->diags, DEVICE_NAME_TWICE, serial->id.where.at,
					serial->id.value);
			diag_note(d, first->id.where.at, "first used here");
			break;
		}
	}
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
	const struct system *system = c->system;
	size_t count = system->guests.count;
	const char **names = arena_array(system->arena, count, sizeof(*names));
	struct map known = { 0 };

	for (size_t i = 0; i < count; i++) {
		names[i] = system->guests.items[i]->name.value;
		map_put(system->arena, &known, names[i], system->guests.items[i]);
	}
	for (size_t i = 0; i < system->binds.count; i++) {
		const struct bind *bind = &system->binds.items[i];
		const char *meant;
		struct diag *d;

		if (map_get(&known, bind->guest.value))
			continue;
		d = diag_report(c->diags, BIND_UNKNOWN, bind->guest.where.at, bind->guest.value);
		meant = diag_closest(bind->guest.value, names, count);
		if (!meant)
			continue;
		diag_help(d, "did you mean `%s`?", meant);
		diag_fix_name(c->diags, d, bind->guest.where.at, bind->guest.value, meant);
	}
}
