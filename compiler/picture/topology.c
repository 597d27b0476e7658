/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU graph: guests, sockets, dies, cores; a vCPU is the innermost box. */
#include "audit/shape.h"
#include "picture/scene.h"

struct drawing {
	struct scene *scene;
	const struct image *image;
	const struct hv_guest *guest;
	struct shape shape;
	uint32_t next; /* vCPU */
};

static void draw_thread(struct drawing *d, struct box *core)
{
	const struct hv_vcpu *vcpu = &d->image->vcpus[d->guest->vcpus.first + d->next];
	struct box *box = scene_box(d->scene, core, LOOK_THREAD, "vCPU %u", d->next++);

	box->detail = vcpu->host_cpu == HV_NONE ?
			      arena_printf(d->scene->arena, "APIC %u", vcpu->apic_id) :
			      arena_printf(d->scene->arena, "APIC %u \xe2\x86\x92 CPU %u",
					   vcpu->apic_id, vcpu->host_cpu);
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
		if (guest == HV_NONE || guest == i)
			draw_guest(&drawing);
	}
	return scene;
}
