/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges, loads and payloads. */
#include "lower/place.h"

#include "diag/diag.h"

enum { LOWEST = 0x1000 }; /* the page at 0 holds the real-mode vectors */
#define LOW_END	   0x9f000u
#define HIGH_START 0x100000u

static bool overlap(const struct window *window, uint64_t base, uint64_t size)
{
	return base < window->base + window->size && window->base < base + size;
}

static bool in_ram(const struct lowered *guest, uint64_t base, uint64_t size)
{
	for (size_t i = 0; i < guest->ram.count; i++) {
		const struct window *ram = &guest->ram.items[i];

		if (base >= ram->base && base - ram->base <= ram->size &&
		    size <= ram->size - (base - ram->base))
			return true;
	}
	return false;
}

static const struct window *conflict(const struct lowered *guest, uint64_t base, uint64_t size)
{
	for (size_t i = 0; i < guest->taken.count; i++)
		if (overlap(&guest->taken.items[i], base, size))
			return &guest->taken.items[i];
	return NULL;
}

bool place_free(const struct lowered *guest, uint64_t base, uint64_t size)
{
	return size && base + size > base && in_ram(guest, base, size) &&
	       !conflict(guest, base, size);
}

static uint64_t align_up(uint64_t value, uint64_t align)
{
	return (value + align - 1) & ~(align - 1);
}

/* Each step moves past one taken range, so the walk ends. */
static uint64_t lowest_in(const struct lowered *guest, uint64_t from, uint64_t to, uint64_t size,
			  uint64_t align)
{
	uint64_t base = align_up(from, align);
	const struct window *taken;

	while (base >= from && base <= to && size <= to - base) {
		taken = conflict(guest, base, size);
		if (!taken)
			return base;
		base = align_up(taken->base + taken->size, align);
	}
	return NO_PLACE;
}

static uint64_t highest_in(const struct lowered *guest, uint64_t from, uint64_t to, uint64_t size,
			   uint64_t align)
{
	const struct window *taken;

	while (to > from && size <= to - from) {
		uint64_t base = (to - size) & ~(align - 1);

		if (base < from)
			break;
		taken = conflict(guest, base, size);
		if (!taken)
			return base;
		to = taken->base;
	}
	return NO_PLACE;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t place_low(const struct lowered *guest, uint64_t from, uint64_t to, uint64_t size,
		   uint64_t align)
{
	for (size_t i = 0; i < guest->ram.count; i++) {
		const struct window *ram = &guest->ram.items[i];
		uint64_t base = lowest_in(guest, later(from, ram->base),
					  earlier(to, ram->base + ram->size), size, align);

		if (base != NO_PLACE)
			return base;
	}
	return NO_PLACE;
}

uint64_t place_high(const struct lowered *guest, uint64_t from, uint64_t to, uint64_t size,
		    uint64_t align)
{
	for (size_t i = guest->ram.count; i-- > 0;) {
		const struct window *ram = &guest->ram.items[i];
		uint64_t base = highest_in(guest, later(from, ram->base),
					   earlier(to, ram->base + ram->size), size, align);

		if (base != NO_PLACE)
			return base;
	}
	return NO_PLACE;
}

void place_take(struct lower_context *context, struct lowered *guest, uint64_t base, uint64_t size)
{
	if (size)
		vector_push(context->arena, &guest->taken, ((struct window){ base, size }));
}

/* Takes the range of a load, or says why it cannot be there. */
static bool claim(struct lower_context *context, struct lowered *guest, struct item item,
		  uint64_t gpa, uint64_t size)
{
	struct diag *diag;

	if (place_free(guest, gpa, size)) {
		place_take(context, guest, gpa, size);
		return true;
	}
	diag = diag_report(context->diags, NO_ROOM, item.position, item.name,
			   (unsigned long long)gpa, (unsigned long long)(gpa + size));
	if (in_ram(guest, gpa, size))
		diag_help(diag, "another part of start-up, or the ACPI tables, are there");
	else
		diag_help(diag, "give the guest more memory: there is no RAM at all of it");
	return false;
}

static struct lowered_load *add_load(struct lower_context *context, struct lowered *guest,
				     struct item item, uint64_t gpa, uint64_t file_size,
				     uint64_t memory_size)
{
	struct lowered_load *load = vector_add(context->arena, &guest->loads);

	load->name = item.name;
	load->position = item.position;
	load->record.gpa = gpa;
	load->record.file_size = file_size;
	load->record.memory_size = memory_size;
	load->record.payload = HV_NONE;
	load->record.source = HV_LOAD_ZERO;
	return load;
}

bool load_bytes(struct lower_context *context, struct lowered *guest, struct item item, uint64_t gpa,
		const void *bytes, uint64_t size)
{
	struct lowered_load *load;

	if (!claim(context, guest, item, gpa, size))
		return false;
	load = add_load(context, guest, item, gpa, size, size);
	load->record.source = HV_LOAD_BYTES;
	load->bytes = bytes;
	return true;
}

bool load_payload(struct lower_context *context, struct lowered *guest, struct item item,
		  uint64_t gpa, uint32_t payload, uint64_t offset, uint64_t file_size,
		  uint64_t memory_size)
{
	struct lowered_load *load;

	if (!claim(context, guest, item, gpa, memory_size))
		return false;
	load = add_load(context, guest, item, gpa, file_size, memory_size);
	if (!file_size)
		return true;
	load->record.source = HV_LOAD_PAYLOAD;
	load->record.source_offset = offset;
	load->record.payload = payload;
	return true;
}

uint64_t load_low(struct lower_context *context, struct lowered *guest, struct item item,
		  const void *bytes, uint64_t size, uint64_t align)
{
	uint64_t gpa = place_low(guest, LOWEST, LOW_END, size, align);

	if (gpa == NO_PLACE)
		gpa = place_low(guest, HIGH_START, UINT32_MAX, size, align);
	if (gpa == NO_PLACE) {
		diag_report(context->diags, NO_LOW_MEMORY, item.position, item.name,
			    (unsigned long long)size);
		return NO_PLACE;
	}
	return load_bytes(context, guest, item, gpa, bytes, size) ? gpa : NO_PLACE;
}

uint32_t payload_of(struct lower_context *context, struct item item, struct bytes data)
{
	struct lowered_system *system = context->system;

	for (size_t i = 0; i < system->payloads.count; i++)
		if (system->payloads.items[i].data.data == data.data &&
		    system->payloads.items[i].data.size == data.size)
			return (uint32_t)i;
	vector_push(context->arena, &system->payloads,
		    ((struct lowered_payload){ item.name, item.position, data }));
	return (uint32_t)system->payloads.count - 1;
}
