/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU graph: guests, sockets, dies, cores; a vCPU is the innermost box. */
#include <string.h>

#include "audit/shape.h"
#include "picture/scene.h"

struct drawing {
	struct scene *scene;
	const struct image *image;
	const struct hv_guest *guest;
	struct shape shape;
	uint32_t next; /* vCPU */
	uint32_t widest; /* characters of what stands in a vCPU's box */
};

static const char *ids_of(const struct drawing *d, uint32_t index)
{
	const struct hv_vcpu *vcpu = &d->image->vcpus[d->guest->vcpus.first + index];

	if (vcpu->host_cpu == HV_NONE)
		return arena_printf(d->scene->arena, "APIC %u", vcpu->apic_id);
	return arena_printf(d->scene->arena, "APIC %u \xe2\x86\x92 CPU %u", vcpu->apic_id,
			    vcpu->host_cpu);
}

/* All boxes of a guest are of the width of the widest. The title's font is larger by a fifth. */
static void measure(struct drawing *d)
{
	const char *last = arena_printf(d->scene->arena, "vCPU %u", d->guest->vcpus.count - 1);

	d->widest = (uint32_t)strlen(last) * 6 / 5 + 1;
	for (uint32_t i = 0; i < d->guest->vcpus.count; i++) {
		uint32_t length = (uint32_t)strlen(ids_of(d, i));

		d->widest = length > d->widest ? length : d->widest;
	}
}

static void draw_thread(struct drawing *d, struct box *core)
{
	struct box *box = scene_box(d->scene, core, LOOK_THREAD, "vCPU %u", d->next);

	box->detail = ids_of(d, d->next++);
	box->least_width = d->widest;
}

static void draw_die(struct drawing *d, struct box *die)
{
	for (uint32_t core = 0; core < d->shape.cores; core++) {
		struct box *box = die;

		if (d->shape.threads > 1)
			box = scene_box(d->scene, die, LOOK_CORE, "core %u", core);
		for (uint32_t thread = 0; thread < d->shape.threads; thread++)
			draw_thread(d, box);
	}
}

static void draw_socket(struct drawing *d, struct box *socket)
{
	for (uint32_t die = 0; die < d->shape.dies; die++) {
		struct box *box = socket;

		if (d->shape.dies > 1)
			box = scene_box(d->scene, socket, LOOK_DIE, "die %u", die);
		draw_die(d, box);
	}
}

static const char *counted(struct arena *arena, uint32_t count, const char *word)
{
	return arena_printf(arena, "%u %s%s", count, word, count == 1 ? "" : "s");
}

static void draw_guest(struct drawing *d)
{
	struct arena *arena = d->scene->arena;
	struct box *box = scene_box(d->scene, d->scene->root, LOOK_GUEST, "guest %s: %s",
				    image_text(d->image, d->guest->name),
				    counted(arena, d->guest->vcpus.count, "vCPU"));

	box->detail = arena_printf(arena, "%s \xc3\x97 %s \xc3\x97 %s \xc3\x97 %s",
				   counted(arena, d->shape.sockets, "socket"),
				   counted(arena, d->shape.dies, "die"),
				   counted(arena, d->shape.cores, "core"),
				   counted(arena, d->shape.threads, "thread"));
	for (uint32_t socket = 0; socket < d->shape.sockets; socket++)
		draw_socket(d, scene_box(d->scene, box, LOOK_SOCKET, "socket %u", socket));
}

struct scene view_topology(const struct image *image, uint32_t guest)
{
	struct scene scene = scene_new(image->arena, "Virtual CPUs", NULL);

	scene.root->arrangement = IN_A_COLUMN;
	for (uint32_t i = 0; i < image->counts[HV_SECTION_GUESTS]; i++) {
		struct drawing drawing = { .scene = &scene, .image = image, .guest = &image->guests[i] };

		drawing.shape = shape_of(image, drawing.guest);
		measure(&drawing);
		if (guest == HV_NONE || guest == i)
			draw_guest(&drawing);
	}
	return scene;
}
