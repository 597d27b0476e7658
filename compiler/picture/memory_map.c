/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest-physical memory as a column, high addresses on top: regions with what start-up puts into
 * them, registers of devices, what is free, what is nothing. Heights follow the logarithm of sizes:
 * a page and a gigabyte must both be seen.
 */
#include <stdlib.h>
#include <string.h>

#include "audit/claim.h"
#include "audit/numa.h"
#include "picture/scene.h"

enum { NEAR = 64 << 10, DEEPEST = 8 };

/* A part of the column. Parts lie in each other or apart. */
struct part {
	uint64_t first, last;
	const char *title;
	uint8_t look; /* enum look */
};

struct column {
	struct scene *scene;
	const struct image *image;
	const struct claims *claims;
	VECTOR(struct part) parts; /* ascending */
	uint32_t depth; /* of what is being drawn */
};

static const char *size_of(struct scene *scene, uint64_t size)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t unit = 0;
	uint64_t rest = 0;

	while (size >= 1024 && unit < 4) {
		rest = size % 1024;
		size /= 1024;
		unit++;
	}
	if (rest && size < 100)
		return arena_printf(scene->arena, "%llu.%llu %s", (unsigned long long)size,
				    (unsigned long long)(rest * 10 / 1024), units[unit]);
	return arena_printf(scene->arena, "%llu %s", (unsigned long long)size, units[unit]);
}

static const char *address(struct scene *scene, uint64_t value)
{
	if (value >> 32)
		return arena_printf(scene->arena, "0x%llx_%08llx", (unsigned long long)value >> 32,
				    (unsigned long long)value & 0xffffffff);
	return arena_printf(scene->arena, "0x%08llx", (unsigned long long)value);
}

static uint32_t height_of(uint64_t size)
{
	uint32_t doublings = size > 4096 ? 63 - (uint32_t)__builtin_clzll(size) - 12 : 0;

	return 24 + 2 * doublings;
}

static struct box *draw_part(struct column *c, struct box *inside, const struct part *part)
{
	uint64_t size = part->last - part->first + 1;
	struct box *box = scene_box(c->scene, inside, (enum look)part->look, "%s  \xc2\xb7  %s",
				    part->title, size_of(c->scene, size));

	box->arrangement = IN_A_COLUMN;
	box->gap = 2;
	box->margin = address(c->scene, part->first);
	box->least_height = height_of(size);
	return box;
}

static void draw_free(struct column *c, struct box *inside, uint64_t first, uint64_t last,
		      enum look look, const char *title)
{
	struct part part = { first, last, title, (uint8_t)look };

	if (first <= last)
		draw_part(c, inside, &part);
}

/* Parts [from, to) of the column between two addresses, from the top down. */
static void draw_range(struct column *c, struct box *inside, size_t from, size_t to, uint64_t first,
		       uint64_t last, bool ram)
{
	enum look look = ram ? LOOK_RAM : LOOK_HOLE;
	const char *title = ram ? "free" : "nothing";
	uint64_t top = last;

	while (to > from) {
		const struct part *part;
		size_t begin = to - 1;
		struct box *box;

		/* Back to the part that holds those behind it. */
		for (size_t i = to - 1; i-- > from;)
			if (c->parts.items[i].last >= c->parts.items[begin].first)
				begin = i;
		part = &c->parts.items[begin];
		if (part->last < top)
			draw_free(c, inside, part->last + 1, top, look, title);
		box = draw_part(c, inside, part);
		if (to - begin > 1 && c->depth < DEEPEST) {
			c->depth++;
			draw_range(c, box, begin + 1, to, part->first, part->last, true);
			c->depth--;
		}
		if (!part->first)
			return;
		top = part->first - 1;
		to = begin;
	}
	if (top >= first && top <= last)
		draw_free(c, inside, first, top, look, title);
}

/* -------------------------------------------------------------------------------------- the parts */

static bool is_table(const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < length; i++)
		if (!((name[i] >= 'A' && name[i] <= 'Z') || (name[i] >= '0' && name[i] <= '9')))
			return false;
	return length >= 4 && length <= 5;
}

static const char *last_part(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash ? slash + 1 : name;
}

static struct part part_of_load(const struct image *image, const struct hv_load *load)
{
	const char *name = image_text(image, load->name);
	struct part part = { load->gpa, load->gpa + load->memory_size - 1, last_part(name), LOOK_LOADED };

	if (load->source != HV_LOAD_BYTES)
		return part;
	part.look = LOOK_FIRMWARE;
	part.title = is_table(name) ? "ACPI tables" : "start-up data";
	return part;
}

static void add(struct column *c, struct part part)
{
	vector_push(c->scene->arena, &c->parts, part);
}

/* A load may go on in the next region: each holds its own piece. */
static void add_pieces(struct column *c, const struct hv_guest *guest, struct part part)
{
	for (uint32_t i = 0; i < guest->regions.count; i++) {
		const struct hv_region *region = &c->image->regions[guest->regions.first + i];
		uint64_t last = region->gpa + region->size - 1;
		struct part piece = part;

		if (part.first < region->gpa || part.first > last || part.last <= last)
			continue;
		piece.last = last;
		add(c, piece);
		part.first = last + 1;
	}
	add(c, part);
}

/* Lower first; of two that begin together, the one that holds the other. */
static int by_address(const void *a, const void *b)
{
	const struct part *left = a, *right = b;

	if (left->first != right->first)
		return left->first < right->first ? -1 : 1;
	return left->last > right->last ? -1 : left->last < right->last;
}

/* Small things of one kind, close together, are one part. */
static void join_parts(struct column *c)
{
	size_t kept = 0;

	for (size_t i = 1; i < c->parts.count; i++) {
		struct part *last = &c->parts.items[kept], *part = &c->parts.items[i];

		if ((last->look == LOOK_FIRMWARE || last->look == LOOK_LOADED) &&
		    last->look == part->look && !strcmp(last->title, part->title) &&
		    part->first - last->last < NEAR && part->first > last->last)
			last->last = part->last;
		else
			c->parts.items[++kept] = *part;
	}
	if (c->parts.count)
		c->parts.count = kept + 1;
}

static void add_regions(struct column *c, const struct hv_guest *guest)
{
	static const char *const kinds[] = { "RAM", "persistent memory", "ROM", "shared", "device",
					     "EPC", "reserved" };
	struct recovered_numa numa = numa_of(c->image, guest);

	for (uint32_t i = 0; i < guest->regions.count; i++) {
		const struct hv_region *region = &c->image->regions[guest->regions.first + i];
		const char *name = image_text(c->image, region->name);
		const char *kind = region->kind < 7 ? kinds[region->kind] : "unknown";
		uint32_t node = numa_node_at(&numa, region->gpa);

		if (*name && strncmp(name, "ram", 3) && strcmp(name, "region"))
			kind = arena_printf(c->scene->arena, "%s: %s", kind, name);
		if (node != HV_NONE)
			kind = arena_printf(c->scene->arena, "%s of node %u", kind, node);
		add(c, (struct part){ region->gpa, region->gpa + region->size - 1, kind,
				      region->kind == HV_REGION_RESERVED ? LOOK_HOLE :
				      region->kind == HV_REGION_SHARED	 ? LOOK_SHARED :
									   LOOK_RAM });
	}
}

static const char *registers_of(const struct column *c, const struct claim *claim)
{
	if (!strcmp(claim->what, "pci-host"))
		return "PCI configuration (ECAM)";
	return arena_printf(c->scene->arena, "%s registers", claim->what);
}

static void add_rest(struct column *c, const struct hv_guest *guest, uint32_t index)
{
	for (uint32_t i = 0; i < guest->loads.count; i++) {
		const struct hv_load *load = &c->image->loads[guest->loads.first + i];

		if (load->memory_size)
			add_pieces(c, guest, part_of_load(c->image, load));
	}
	for (size_t i = 0; i < c->claims->list.count; i++) {
		const struct claim *claim = &c->claims->list.items[i];

		if (claim->space == CLAIM_MEMORY && claim->guest == index &&
		    strncmp(claim->what, "region", 6))
			add(c, (struct part){ claim->first, claim->last, registers_of(c, claim),
					      LOOK_DEVICE });
	}
}

/* Up to 4 GiB, or the end of what there is. */
static uint64_t top_of(const struct column *c)
{
	uint64_t top = 0xffffffff;

	for (size_t i = 0; i < c->parts.count; i++)
		if (c->parts.items[i].last > top)
			top = c->parts.items[i].last;
	return top;
}

static void draw_guest(struct scene *scene, const struct image *image, const struct claims *claims,
		       uint32_t index)
{
	const struct hv_guest *guest = &image->guests[index];
	struct column column = { .scene = scene, .image = image, .claims = claims };
	struct box *box = scene_box(scene, scene->root, LOOK_GUEST, "guest %s",
				    image_text(image, guest->name));

	box->detail = arena_printf(scene->arena, "guest-physical, %u address bits", guest->physical_bits);
	box->arrangement = IN_A_COLUMN;
	box->gap = 2;
	add_regions(&column, guest);
	add_rest(&column, guest, index);
	if (column.parts.count)
		qsort(column.parts.items, column.parts.count, sizeof(struct part), by_address);
	join_parts(&column);
	draw_range(&column, box, 0, column.parts.count, 0, top_of(&column), false);
}

struct scene view_memory(const struct image *image, uint32_t guest)
{
	struct scene scene = scene_new(image->arena, "Memory map", "high addresses on top, heights are logarithmic");
	struct claims claims = claims_of(image);

	scene.root->gap = 24;
	for (uint32_t i = 0; i < image->counts[HV_SECTION_GUESTS]; i++)
		if (guest == HV_NONE || guest == i)
			draw_guest(&scene, image, &claims, i);
	return scene;
}
