/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a system's documents say that guests have in common: memory, networks, disks of one for another, the one that
 * controls others; and whose turn it is on each CPU. Drawn from the model, since an image has numbers in its place.
 */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/units.h"
#include "picture/scene.h"

struct drawing {
	struct scene *scene;
	const struct system *system;
	struct box *guests, *things;
	struct map by_name; /* guests' boxes */
};

static const char *size_text(const struct drawing *d, uint64_t size)
{
	char text[32];

	return arena_strdup(d->scene->arena, unit_text(size_units, size, text, sizeof(text)));
}

static void draw_guests(struct drawing *d)
{
	for (size_t i = 0; i < d->system->guests.count; i++) {
		const struct guest *guest = d->system->guests.items[i];
		struct box *box = scene_box(d->scene, d->guests, LOOK_GUEST, "%s", guest->name.value);

		box->detail = arena_printf(d->scene->arena, "%u vCPU%s, %s", guest->vcpus.count.value,
					   guest->vcpus.count.value == 1 ? "" : "s",
					   size_text(d, guest->memory.size.value));
		map_put(d->scene->arena, &d->by_name, guest->name.value, box);
	}
}

/* A guest that a name means may be missing: that is for check/ to say. */
static void tie(struct drawing *d, const char *guest, const struct box *thing)
{
	const struct box *from = guest ? map_get(&d->by_name, guest) : NULL;

	if (from)
		scene_link(d->scene, from, thing);
}

static void draw_regions(struct drawing *d)
{
	static const char *const words[] = { "reads", "reads and writes" };

	for (size_t i = 0; i < d->system->shmem_regions.count; i++) {
		const struct shmem_region *region = &d->system->shmem_regions.items[i];
		struct box *box = scene_box(d->scene, d->things, LOOK_SHARED, "memory %s · %s", region->name.value,
					    size_text(d, region->size.value));

		for (size_t j = 0; j < region->members.count; j++) {
			const struct member *member = &region->members.items[j];

			box->detail = arena_printf(d->scene->arena, "%s%s%s %s", box->detail ? box->detail : "",
						   box->detail ? ", " : "", member->guest.value,
						   words[member->access.value == ACCESS_READ_WRITE]);
			tie(d, member->guest.value, box);
		}
	}
}

/* The guests whose cards are on a network; a guest with two has two lines. */
static void draw_cards(struct drawing *d, const struct box *network, const char *name, size_t *cards)
{
	for (size_t i = 0; i < d->system->guests.count; i++) {
		const struct guest *guest = d->system->guests.items[i];

		for (size_t j = 0; j < guest->devices.virtio.count; j++) {
			const struct virtio *card = &guest->devices.virtio.items[j];

			if (!card->backend.network.value || strcmp(card->backend.network.value, name))
				continue;
			tie(d, guest->name.value, network);
			++*cards;
		}
	}
}

static void draw_networks(struct drawing *d)
{
	for (size_t i = 0; i < d->system->networks.count; i++) {
		const struct network *network = &d->system->networks.items[i];
		struct box *box = scene_box(d->scene, d->things, LOOK_INTERRUPT, "network %s", network->name.value);
		size_t cards = 0;

		draw_cards(d, box, network->name.value, &cards);
		box->detail = arena_printf(d->scene->arena, "%zu card%s, packets of %u bytes", cards, cards == 1 ? "" : "s",
					   network->mtu.value);
	}
}

static void draw_exports(struct drawing *d, const struct guest *guest)
{
	for (size_t i = 0; i < guest->devices.exports.count; i++) {
		const struct export *export = &guest->devices.exports.items[i];
		struct box *box = scene_box(d->scene, d->things, LOOK_DEVICE, "%s %s", virtio_type_name(export->type.value),
					    export->name.value);

		box->detail = arena_printf(d->scene->arena, "of %s for %s%s", guest->name.value, export->to.value,
					   export->readonly.value ? ", to read" : "");
		tie(d, guest->name.value, box);
		tie(d, export->to.value, box);
	}
}

static void draw_control(struct drawing *d)
{
	const struct control *control = &d->system->control;
	struct box *box;

	if (!was_set(control->where))
		return;
	box = scene_box(d->scene, d->things, LOOK_FIRMWARE, "control");
	box->detail = arena_printf(d->scene->arena, "by %s, over %s", control->guest.value,
				   control->over.count ? "those tied here" : "all others");
	for (size_t i = 0; i < control->over.count; i++)
		tie(d, control->over.items[i].guest.value, box);
	tie(d, control->guest.value, box);
}

struct scene view_common(struct arena *arena, const struct system *system)
{
	struct scene scene = scene_new(arena, "In common", "what guests share with each other");
	struct drawing d = { .scene = &scene, .system = system };

	scene.root->arrangement = IN_ONE_ROW;
	scene.root->gap = 140;
	d.guests = scene_box(&scene, scene.root, LOOK_PLAIN, "guests");
	d.things = scene_box(&scene, scene.root, LOOK_PLAIN, "between them");
	d.guests->arrangement = d.things->arrangement = IN_A_COLUMN;
	draw_guests(&d);
	draw_regions(&d);
	draw_networks(&d);
	for (size_t i = 0; i < system->guests.count; i++)
		draw_exports(&d, system->guests.items[i]);
	draw_control(&d);
	if (!d.things->inside.count)
		d.things->detail = "nothing";
	return scene;
}

/* ----------------------------------------------------------------------------------------- schedules */

enum { FRAME_WIDTH = 120 }; /* characters that a whole frame is wide */

/* A guest has one colour in all rows. */
static enum look look_of(const struct drawing *d, const char *guest)
{
	static const enum look colours[] = { LOOK_RAM, LOOK_FIRMWARE, LOOK_INTERRUPT, LOOK_SHARED, LOOK_DEVICE };
	size_t index = 0;

	while (index < d->system->guests.count && strcmp(d->system->guests.items[index]->name.value, guest))
		index++;
	return colours[index % (sizeof(colours) / sizeof(*colours))];
}

static const char *time_text(const struct drawing *d, uint32_t microseconds)
{
	if (microseconds % 1000)
		return arena_printf(d->scene->arena, "%u µs", microseconds);
	return arena_printf(d->scene->arena, "%u ms", microseconds / 1000);
}

/* A stretch of the frame, as wide as it is long. */
static void draw_stretch(struct drawing *d, struct box *row, enum look look, const char *title, uint32_t start,
			 uint32_t length, uint32_t frame)
{
	struct box *box = scene_box(d->scene, row, look, "%s", title);

	box->detail = arena_printf(d->scene->arena, "%s from %s", time_text(d, length), time_text(d, start));
	box->least_width = (uint32_t)((uint64_t)FRAME_WIDTH * length / (frame ? frame : 1));
}

static int by_start(const void *a, const void *b)
{
	const struct slot *left = *(const struct slot *const *)a, *right = *(const struct slot *const *)b;

	return left->start.value < right->start.value ? -1 : left->start.value > right->start.value;
}

static void draw_table(struct drawing *d, const struct schedule_table *table)
{
	struct box *row = scene_box(d->scene, d->things, LOOK_PLAIN, "host CPU %u · a table, again each %s", table->cpu.value,
				    time_text(d, table->major_frame.value));
	const struct slot **slots = arena_array(d->scene->arena, table->slots.count + 1, sizeof(*slots));
	uint32_t frame = table->major_frame.value, at = 0;

	row->arrangement = IN_ONE_ROW;
	row->gap = 2;
	for (size_t i = 0; i < table->slots.count; i++)
		slots[i] = &table->slots.items[i];
	qsort(slots, table->slots.count, sizeof(*slots), by_start);
	for (size_t i = 0; i < table->slots.count; i++) {
		if (slots[i]->start.value > at)
			draw_stretch(d, row, LOOK_HOLE, "idle", at, slots[i]->start.value - at, frame);
		draw_stretch(d, row, look_of(d, slots[i]->guest.value),
			     arena_printf(d->scene->arena, "%s vCPU %u", slots[i]->guest.value, slots[i]->vcpu.value),
			     slots[i]->start.value, slots[i]->length.value, frame);
		at = slots[i]->start.value + slots[i]->length.value;
	}
	if (at < frame)
		draw_stretch(d, row, LOOK_HOLE, "idle", at, frame - at, frame);
}

static bool has_table(const struct system *system, uint32_t cpu)
{
	for (size_t i = 0; i < system->scheduling.tables.count; i++)
		if (system->scheduling.tables.items[i].cpu.value == cpu)
			return true;
	return false;
}

static struct box *row_of_cpu(struct drawing *d, const char *title)
{
	struct box *row = map_get(&d->by_name, title);

	if (row)
		return row;
	row = scene_box(d->scene, d->things, LOOK_PLAIN, "%s", title);
	row->arrangement = IN_ONE_ROW;
	map_put(d->scene->arena, &d->by_name, title, row);
	return row;
}

/* Those of no table: alone on the CPU that they are pinned to, or in turn with others there. */
static void draw_pins(struct drawing *d, const struct guest *guest)
{
	const struct scheduling *scheduling = &guest->scheduling;
	bool alone = scheduling->scheduler.value == SCHEDULER_EXCLUSIVE;
	uint32_t pinned = 0;

	for (size_t i = 0; i < guest->vcpus.pins.count; i++) {
		const struct pin *pin = &guest->vcpus.pins.items[i];
		struct box *row, *box;

		pinned++;
		if (has_table(d->system, pin->cpu))
			continue;
		row = row_of_cpu(d, arena_printf(d->scene->arena, "host CPU %u", pin->cpu));
		box = scene_box(d->scene, row, look_of(d, guest->name.value), "%s vCPU %u", guest->name.value, pin->vcpu);
		box->least_width = alone ? FRAME_WIDTH : 0;
		box->detail = alone ? "alone, all the time" :
				      arena_printf(d->scene->arena, "in turn, weight %u", scheduling->weight.value);
	}
	if (pinned < guest->vcpus.count.value && scheduling->scheduler.value != SCHEDULER_TABLE)
		scene_box(d->scene, row_of_cpu(d, "host CPUs that the core chooses"), look_of(d, guest->name.value),
			  "%u vCPU%s of %s", guest->vcpus.count.value - pinned, guest->vcpus.count.value - pinned == 1 ? "" : "s",
			  guest->name.value)
			->detail = alone ? "one CPU each, alone" : "in turn with others";
}

struct scene view_schedule(struct arena *arena, const struct system *system)
{
	struct scene scene = scene_new(arena, "Schedule", "who runs on which CPU; slots of a table are as wide as they are long, where their names leave room");
	struct drawing d = { .scene = &scene, .system = system, .things = scene.root };

	scene.root->arrangement = IN_A_COLUMN;
	for (size_t i = 0; i < system->scheduling.tables.count; i++)
		draw_table(&d, &system->scheduling.tables.items[i]);
	for (size_t i = 0; i < system->guests.count; i++)
		draw_pins(&d, system->guests.items[i]);
	return scene;
}
