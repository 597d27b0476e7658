/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPU graph: guests, NUMA nodes, sockets, dies, cores; a vCPU is the innermost box. Nodes that are
 * made of whole sockets hold them; others stand behind them, and each vCPU says where it is.
 */
#include <string.h>

#include "audit/numa.h"
#include "audit/shape.h"
#include "base/units.h"
#include "picture/scene.h"

struct drawing {
	struct scene *scene;
	const struct image *image;
	const struct hv_guest *guest;
	struct shape shape;
	struct recovered_numa numa;
	bool nodes_hold_sockets;
	uint32_t next; /* vCPU */
	uint32_t widest; /* characters of what stands in a vCPU's box */
};

static const char *ids_of(const struct drawing *d, uint32_t index)
{
	const struct hv_vcpu *vcpu = &d->image->vcpus[d->guest->vcpus.first + index];
	const char *text = arena_printf(d->scene->arena, "APIC %u", vcpu->apic_id);

	if (d->numa.nodes.count && !d->nodes_hold_sockets)
		text = arena_printf(d->scene->arena, "%s, node %u", text, vcpu->proximity);
	if (vcpu->host_cpu != HV_NONE)
		text = arena_printf(d->scene->arena, "%s \xe2\x86\x92 CPU %u", text, vcpu->host_cpu);
	return text;
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

static uint32_t socket_vcpus(const struct drawing *d)
{
	return d->shape.dies * d->shape.cores * d->shape.threads;
}

static void draw_socket(struct drawing *d, struct box *inside, uint32_t number)
{
	struct box *socket = scene_box(d->scene, inside, LOOK_SOCKET, "socket %u", number);

	d->next = number * socket_vcpus(d);
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

static uint32_t node_of(const struct drawing *d, uint32_t vcpu)
{
	return d->image->vcpus[d->guest->vcpus.first + vcpu].proximity;
}

static bool sockets_in_one_node(const struct drawing *d)
{
	uint32_t count = socket_vcpus(d);

	for (uint32_t i = 0; i < d->guest->vcpus.count; i++)
		if (node_of(d, i) != node_of(d, i - i % count))
			return false;
	return true;
}

static struct box *draw_node(struct drawing *d, struct box *guest, uint32_t number)
{
	const struct recovered_node *node = &d->numa.nodes.items[number];
	struct box *box = scene_box(d->scene, guest, LOOK_NODE, "NUMA node %u", number);
	char size[32];

	box->detail = arena_printf(d->scene->arena, "%s%s%s",
				   unit_text(size_units, node->size, size, sizeof(size)),
				   *node->cpus ? ", vCPUs " : ", no vCPU", node->cpus);
	if (node->host_node != HV_NONE)
		box->detail = arena_printf(d->scene->arena, "%s \xe2\x86\x92 host node %u", box->detail,
					   node->host_node);
	return box;
}

static void draw_nodes(struct drawing *d, struct box *guest)
{
	for (uint32_t node = 0; node < d->numa.nodes.count; node++) {
		struct box *box = draw_node(d, guest, node);

		for (uint32_t socket = 0; d->nodes_hold_sockets && socket < d->shape.sockets; socket++)
			if (node_of(d, socket * socket_vcpus(d)) == node)
				draw_socket(d, box, socket);
	}
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
	for (uint32_t socket = 0; !d->nodes_hold_sockets && socket < d->shape.sockets; socket++)
		draw_socket(d, box, socket);
	draw_nodes(d, box);
}

struct scene view_topology(const struct image *image, uint32_t guest)
{
	struct scene scene = scene_new(image->arena, "Virtual CPUs", NULL);

	scene.root->arrangement = IN_A_COLUMN;
	for (uint32_t i = 0; i < image->counts[HV_SECTION_GUESTS]; i++) {
		struct drawing drawing = { .scene = &scene, .image = image, .guest = &image->guests[i] };

		drawing.shape = shape_of(image, drawing.guest);
		drawing.numa = numa_of(image, drawing.guest);
		drawing.nodes_hold_sockets = drawing.numa.nodes.count && sockets_in_one_node(&drawing);
		measure(&drawing);
		if (guest == HV_NONE || guest == i)
			draw_guest(&drawing);
	}
	return scene;
}
