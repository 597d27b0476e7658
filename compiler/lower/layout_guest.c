/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's RAM: `memory.size` from 0 up to the PCI hole and on from 4 GiB, or the regions of
 * the file as they stand. One region of RAM holds everything below the hole, so that it gets large
 * pages: what a PC has between 640 KiB and 1 MiB is RAM here that the memory map does not offer.
 *
 *	0x00000	   real-mode vectors, BIOS data area (bios.c)
 *	0x01000	   boot structures (place.c)
 *	0x9fc00	   end of usable low memory, extended BIOS data area
 *	0xf0000	   RSDP, where those search who were not told
 *	1 MiB	   kernels and initrds
 *	low_top    minus FACS (E820_NVS), minus ACPI tables (E820_ACPI)
 */
#include <stdlib.h>
#include <string.h>

#include "acpi/acpi.h"
#include "diag/diag.h"
#include "lower/pass.h"
#include "lower/place.h"
#include "model/model.h"

#define GIB	   (1ull << 30)
#define HOLE_BASE  0xc0000000ull
#define BIOS_AREA  0xf0000ull
#define ONE_MIB	   0x100000ull

static void add_region(struct lower_context *context, struct lowered *guest, struct lowered_region r)
{
	vector_push(context->arena, &guest->regions, r);
}

static struct lowered_region region(const char *name, struct position position, uint64_t gpa,
				    uint64_t size, enum hv_region_kind kind)
{
	bool ram = kind == HV_REGION_RAM;

	return (struct lowered_region){
		.name = name,
		.position = position,
		.record = {
			.gpa = gpa,
			.size = size,
			.kind = (uint8_t)kind,
			.backing = ram ? HV_BACKING_ANY : HV_BACKING_NONE,
			.rights = ram ? HV_READ | HV_WRITE | HV_EXECUTE : 0,
			.cache = ram ? HV_CACHE_WB : HV_CACHE_UC,
			.host_node = HV_NONE,
			.payload = HV_NONE,
		},
	};
}

static void split_size(struct lower_context *context, struct lowered *guest)
{
	const struct memory *memory = &guest->model->memory;
	uint64_t size = memory->size.value, low = size < HOLE_BASE ? size : HOLE_BASE;
	struct position at = memory->size.where.at;

	add_region(context, guest, region("ram", at, 0, low, HV_REGION_RAM));
	if (size > low)
		add_region(context, guest,
			   region("ram above 4 GiB", at, 4 * GIB, size - low, HV_REGION_RAM));
}

static void take_regions(struct lower_context *context, struct lowered *guest)
{
	const struct memory *memory = &guest->model->memory;

	for (size_t i = 0; i < memory->regions.count; i++) {
		const struct region *from = &memory->regions.items[i];
		bool ram = from->kind.value == REGION_KIND_RAM;

		add_region(context, guest,
			   region(from->name.value ? from->name.value : "region", from->where.at,
				  from->gpa.value, from->size.value,
				  ram ? HV_REGION_RAM : HV_REGION_RESERVED));
	}
}

/* ----------------------------------------------------------------------------------- NUMA nodes */

/* Where the nodes have got to: they take RAM in the order of their numbers. */
struct dealer {
	const struct memory *memory;
	uint32_t node;
	uint64_t left; /* of that node, bytes */
};

static void next_node(struct dealer *dealer, uint32_t node)
{
	const struct numa_node *entry = memory_node(dealer->memory, node);

	dealer->node = node;
	dealer->left = entry ? entry->size.value : UINT64_MAX;
}

/* The part of a region, from its start on, that lies in one node. */
static struct lowered_region deal(struct dealer *dealer, struct lowered_region *rest)
{
	struct lowered_region part = *rest;
	const struct numa_node *node;

	if (!dealer->left)
		next_node(dealer, dealer->node + 1);
	if (part.record.size > dealer->left)
		part.record.size = dealer->left;
	dealer->left -= part.record.size;
	rest->record.gpa += part.record.size;
	rest->record.size -= part.record.size;
	part.node = dealer->node;
	node = memory_node(dealer->memory, part.node);
	if (node && node->host_node.where.origin != ORIGIN_ABSENT)
		part.record.host_node = node->host_node.value;
	return part;
}

/* Cuts the sorted regions where one node ends and the next begins. */
static void cut_at_nodes(struct lower_context *context, struct lowered *guest)
{
	const __typeof__(guest->regions) whole = guest->regions;
	struct dealer dealer = { .memory = &guest->model->memory };

	if (!dealer.memory->numa.count)
		return;
	memset(&guest->regions, 0, sizeof(guest->regions));
	next_node(&dealer, 0);
	for (size_t i = 0; i < whole.count; i++) {
		struct lowered_region rest = whole.items[i];

		while (rest.record.kind == HV_REGION_RAM && rest.record.size)
			add_region(context, guest, deal(&dealer, &rest));
		if (rest.record.size)
			add_region(context, guest, rest);
	}
}

static int by_address(const void *a, const void *b)
{
	const struct lowered_region *left = a, *right = b;

	return left->record.gpa < right->record.gpa ? -1 : left->record.gpa > right->record.gpa;
}

void sort_regions(struct lowered *guest)
{
	qsort(guest->regions.items, guest->regions.count, sizeof(*guest->regions.items), by_address);
}

static uint64_t end_of(const struct lowered_region *r)
{
	return r->record.gpa + r->record.size;
}

/* What check/ leaves: it knows the chips, but not the PCI hole. */
static bool regions_fit(struct lower_context *context, const struct lowered *guest)
{
	bool fit = true;

	for (size_t i = 0; i < guest->regions.count; i++) {
		const struct lowered_region *r = &guest->regions.items[i];

		if (r->record.kind != HV_REGION_RAM || r->record.gpa >= 4 * GIB ||
		    end_of(r) <= HOLE_BASE)
			continue;
		diag_report(context->diags, RAM_IN_HOLE, r->position, r->name, HOLE_BASE);
		fit = false;
	}
	return fit;
}

/* What follows directly is more of the same: nodes and names matter to nobody who puts things there. */
static void add_ram(struct lower_context *context, struct lowered *guest, struct window ram)
{
	struct window *last = guest->ram.count ? &guest->ram.items[guest->ram.count - 1] : NULL;

	if (last && last->base + last->size == ram.base)
		last->size += ram.size;
	else
		vector_push(context->arena, &guest->ram, ram);
}

static void note_ram(struct lower_context *context, struct lowered *guest)
{
	struct guest_map *map = &guest->map;

	map->high_top = 4 * GIB;
	for (size_t i = 0; i < guest->regions.count; i++) {
		const struct lowered_region *r = &guest->regions.items[i];

		if (r->record.kind != HV_REGION_RAM)
			continue;
		add_ram(context, guest, (struct window){ r->record.gpa, r->record.size });
		if (r->record.gpa < 4 * GIB)
			map->low_top = end_of(r);
		else
			map->high_top = end_of(r);
	}
}

void pass_layout_guest(struct lower_context *context, struct lowered *guest)
{
	const struct memory *memory = &guest->model->memory;

	guest->map.physical_bits = 39;
	if (memory->regions.count)
		take_regions(context, guest);
	else
		split_size(context, guest);
	add_window_regions(context, guest);
	sort_regions(guest);
	if (!regions_fit(context, guest))
		return;
	cut_at_nodes(context, guest);
	note_ram(context, guest);
}

bool check_layout_guest(const struct lowered *guest)
{
	for (size_t i = 0; i < guest->regions.count; i++) {
		const struct lowered_region *r = &guest->regions.items[i];

		if (!r->record.size || (r->record.gpa | r->record.size) % PAGE)
			return false;
		if (i && end_of(r - 1) > r->record.gpa)
			return false;
		if (end_of(r) > 1ull << guest->map.physical_bits)
			return false;
	}
	return guest->ram.count;
}

/* ------------------------------------------------------------ ACPI area and the map for the OS */

static void add_e820(struct lower_context *context, struct lowered *guest, uint64_t base,
		     uint64_t size, enum e820_type type)
{
	if (size)
		vector_push(context->arena, &guest->e820,
			    ((struct lowered_e820){ base, size, type }));
}

/* RAM below the hole without what is reserved at its two ends. */
static void low_e820(struct lower_context *context, struct lowered *guest, struct window ram)
{
	const struct guest_map *map = &guest->map;
	uint64_t end = ram.base + ram.size, base = ram.base;

	if (!base) {
		add_e820(context, guest, 0, LOW_USABLE, E820_RAM);
		add_e820(context, guest, LOW_USABLE, 0xa0000 - LOW_USABLE, E820_RESERVED);
		add_e820(context, guest, BIOS_AREA, ONE_MIB - BIOS_AREA, E820_RESERVED);
		base = ONE_MIB;
	}
	if (end != map->low_top) {
		add_e820(context, guest, base, end - base, E820_RAM);
		return;
	}
	add_e820(context, guest, base, map->acpi.base - base, E820_RAM);
	add_e820(context, guest, map->acpi.base, map->acpi.size, E820_ACPI);
	add_e820(context, guest, map->nvs.base, map->nvs.size, E820_NVS);
}

static void ram_e820(struct lower_context *context, struct lowered *guest, struct window ram)
{
	if (ram.base < 4 * GIB)
		low_e820(context, guest, ram);
	else
		add_e820(context, guest, ram.base, ram.size, E820_RAM);
}

/* What a BAR places belongs to the bridge, and is no reserved memory. */
static bool in_pci_window(const struct guest_map *map, uint64_t gpa)
{
	return gpa - map->pci32[0].base < map->pci32[0].size || gpa - map->pci64.base < map->pci64.size;
}

static void make_e820(struct lower_context *context, struct lowered *guest)
{
	const struct guest_map *map = &guest->map;
	bool ecam_said = !map->ecam.size;
	size_t ram = 0;

	for (size_t i = 0; i < guest->regions.count; i++) {
		const struct hv_region *r = &guest->regions.items[i].record;
		bool is_ram = r->kind == HV_REGION_RAM;

		/* One entry for all that follows directly. */
		if (is_ram && (ram == guest->ram.count || guest->ram.items[ram].base != r->gpa))
			continue;
		if (!is_ram && in_pci_window(map, r->gpa))
			continue;

		if (!ecam_said && r->gpa > map->ecam.base) {
			add_e820(context, guest, map->ecam.base, map->ecam.size, E820_RESERVED);
			ecam_said = true;
		}
		if (!is_ram)
			add_e820(context, guest, r->gpa, r->size, E820_RESERVED);
		else
			ram_e820(context, guest, guest->ram.items[ram++]);
	}
	if (!ecam_said)
		add_e820(context, guest, map->ecam.base, map->ecam.size, E820_RESERVED);
}

/*
 * Everything that is RAM but not for the taking. Between 640 KiB and 1 MiB that is the RSDP alone:
 * nothing is placed there by choice, but a kernel whose first segment begins below 1 MiB (with its
 * ELF headers, say) may have it.
 */
static void take_reserved(struct lower_context *context, struct lowered *guest)
{
	place_take(context, guest, 0, PAGE);
	place_take(context, guest, guest->map.rsdp, PAGE);
	place_take(context, guest, guest->map.acpi.base, guest->map.acpi.size + guest->map.nvs.size);
}

static void load_tables(struct lower_context *context, struct lowered *guest)
{
	size_t count = guest->tables.count;

	for (size_t i = 0; i < count; i++) {
		const struct lowered_table *table = &guest->tables.items[i];
		struct item item = { table->name, guest->model->acpi.where.at };
		struct lowered_load *load = vector_add(context->arena, &guest->loads);

		load->name = item.name;
		load->position = item.position;
		load->bytes = table->data;
		load->record = (struct hv_load){ .gpa = table->gpa,
						 .memory_size = table->size,
						 .file_size = table->size,
						 .source = HV_LOAD_BYTES,
						 .payload = HV_NONE };
	}
}

void pass_acpi(struct lower_context *context, struct lowered *guest)
{
	struct guest_map *map = &guest->map;
	uint64_t size = (acpi_size(guest) + PAGE - 1) & ~(uint64_t)(PAGE - 1);

	map->rsdp = BIOS_AREA;
	map->nvs = (struct window){ map->low_top - PAGE, PAGE };
	map->acpi = (struct window){ map->nvs.base - size, size };
	if (map->low_top < size + PAGE + ONE_MIB || !place_free(guest, map->acpi.base, size + PAGE) ||
	    !place_free(guest, map->rsdp, PAGE)) {
		diag_help(diag_report(context->diags, NO_LOW_MEMORY, guest->model->memory.where.at,
				      "ACPI tables", (unsigned long long)size),
			  "the first region of RAM needs 1 MiB, the last one below 4 GiB %llu KiB "
			  "that boot does not use", (unsigned long long)(size + PAGE) >> 10);
		return;
	}
	acpi_build(context->arena, guest);
	load_tables(context, guest);
	make_e820(context, guest);
	take_reserved(context, guest);
}
