/* SPDX-License-Identifier: Apache-2.0 */
/* What guests have of the machine and in common: guests on the left, the things on the right. */
#include <string.h>

#include "base/map.h"
#include "picture/scene.h"

struct drawing {
	struct scene *scene;
	const struct image *image;
	struct box *guests, *things;
	struct map by_title;
};

/* One box a thing, whoever has it. */
static void have(struct drawing *d, const struct box *guest, enum look look, const char *title,
		 const char *detail)
{
	struct box *box = map_get(&d->by_title, title);

	if (!box) {
		box = scene_box(d->scene, d->things, look, "%s", title);
		box->detail = detail;
		map_put(d->scene->arena, &d->by_title, title, box);
	}
	for (size_t i = 0; i < d->scene->links.count; i++)
		if (d->scene->links.items[i].from == guest && d->scene->links.items[i].to == box)
			return;
	scene_link(d->scene, guest, box);
}

static const char *last_part(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash ? slash + 1 : name;
}

static void draw_cpus(struct drawing *d, const struct hv_guest *guest, const struct box *box)
{
	uint32_t free = 0;

	for (uint32_t i = 0; i < guest->vcpus.count; i++) {
		uint32_t cpu = d->image->vcpus[guest->vcpus.first + i].host_cpu;

		if (cpu == HV_NONE)
			free++;
		else
			have(d, box, LOOK_THREAD,
			     arena_printf(d->scene->arena, "host CPU %u", cpu), NULL);
	}
	if (free)
		have(d, box, LOOK_THREAD, "host CPUs that are free", "the core picks one for each vCPU");
}

static void draw_memory(struct drawing *d, const struct hv_guest *guest, const struct box *box)
{
	for (uint32_t i = 0; i < guest->regions.count; i++) {
		const struct hv_region *region = &d->image->regions[guest->regions.first + i];

		if (region->backing == HV_BACKING_ANY)
			have(d, box, LOOK_RAM, "memory of the machine", "frames of its own for each guest");
		else if (region->backing == HV_BACKING_FIXED)
			have(d, box, region->kind == HV_REGION_SHARED ? LOOK_SHARED : LOOK_RAM,
			     arena_printf(d->scene->arena, "frames at 0x%llx",
					  (unsigned long long)region->host), NULL);
	}
}

static void draw_files(struct drawing *d, const struct hv_guest *guest, const struct box *box)
{
	for (uint32_t i = 0; i < guest->loads.count; i++) {
		const struct hv_load *load = &d->image->loads[guest->loads.first + i];

		if (load->source == HV_LOAD_PAYLOAD && load->payload != HV_NONE)
			have(d, box, LOOK_FIRMWARE,
			     arena_printf(d->scene->arena, "file %s",
					  last_part(image_text(d->image,
							       d->image->payloads[load->payload].name))),
			     "copied at each start");
	}
}

static void draw_ports(struct drawing *d, const struct hv_guest *guest, const struct box *box)
{
	const struct hv_system *system = d->image->system;

	for (uint32_t i = 0; i < guest->devices.count; i++) {
		const struct hv_device *device = &d->image->devices[guest->devices.first + i];

		if (device->kind == HV_DEVICE_UART && device->parameter[0] == HV_UART_CONSOLE)
			have(d, box, LOOK_SHARED, "console of the core",
			     arena_printf(d->scene->arena, "host ports 0x%x", system->console_port));
		if (device->kind == HV_DEVICE_DEBUG_EXIT && (system->flags & HV_SYSTEM_DEBUG_EXIT))
			have(d, box, LOOK_SHARED, "debug-exit of the machine",
			     arena_printf(d->scene->arena, "host port 0x%x", system->debug_exit_port));
	}
}

/* Kind by kind, so that like things stand together. */
static void (*const kinds[])(struct drawing *, const struct hv_guest *, const struct box *) = {
	draw_cpus, draw_memory, draw_ports, draw_files,
};

struct scene view_shares(const struct image *image, uint32_t guest)
{
	struct scene scene = scene_new(image->arena, "Shares", "what each guest has of the machine");
	struct drawing d = { .scene = &scene, .image = image };
	uint32_t count = image->counts[HV_SECTION_GUESTS];
	struct box **boxes = arena_array(image->arena, count, sizeof(struct box *));

	scene.root->arrangement = IN_ONE_ROW;
	scene.root->gap = 140;
	d.guests = scene_box(&scene, scene.root, LOOK_PLAIN, "guests");
	d.things = scene_box(&scene, scene.root, LOOK_PLAIN, "machine and image");
	d.guests->arrangement = d.things->arrangement = IN_A_COLUMN;
	for (uint32_t i = 0; i < count; i++) {
		const struct hv_guest *record = &image->guests[i];

		if (guest != HV_NONE && guest != i)
			continue;
		boxes[i] = scene_box(&scene, d.guests, LOOK_GUEST, "%s", image_text(image, record->name));
		boxes[i]->detail = arena_printf(image->arena, "%u vCPU%s", record->vcpus.count,
						record->vcpus.count == 1 ? "" : "s");
	}
	for (size_t kind = 0; kind < sizeof(kinds) / sizeof(*kinds); kind++)
		for (uint32_t i = 0; i < count; i++)
			if (boxes[i])
				kinds[kind](&d, &image->guests[i], boxes[i]);
	return scene;
}
