/* SPDX-License-Identifier: Apache-2.0 */
/* MSI-X: see msix.h. Accesses are whole words of 4 or 8 bytes, as the standard asks of drivers; others do nothing. */
#include "pci/msix.h"
#include "lib/string.h"
#include "vm/device.h"
#include "vm/irq.h"

#define CONTROL_SIZE   BITS(10, 0) /* vectors less one */
#define CONTROL_MASK   BIT(14)	   /* all of them */
#define CONTROL_ENABLE BIT(15)

enum { CONTROL = 2, TABLE = 4, PENDING = 8 }; /* offsets in the capability */
enum { ENTRY_ADDRESS, ENTRY_UPPER, ENTRY_DATA, ENTRY_CONTROL };

#define PLACE_BAR    BITS(2, 0)
#define PLACE_OFFSET BITS(31, 3)
#define VECTOR_MASK  BIT(0)

static uint16_t control(const struct msix *msix)
{
	return (uint16_t)config_value(msix->space, msix->at + CONTROL, 2);
}

MUST_USE enum status msix_create(struct msix *msix, struct device *device, struct config_space *space)
{
	enum status s;
	void *p;

	config_reset(space);
	*msix = (struct msix){ .device = device, .space = space, .at = config_capability(space, CAPABILITY_MSIX) };
	if (!msix->at)
		return trace_error(STATUS_INVALID);
	msix->count = (uint32_t)field_get(control(msix), CONTROL_SIZE) + 1;
	s = device_alloc(msix->count * sizeof(*msix->table) + BITMAP_WORDS(msix->count) * sizeof(uint64_t), &p);
	if (s != STATUS_OK)
		return s;
	msix->table = p;
	msix->pending = (uint64_t *)(msix->table + msix->count);
	return STATUS_OK;
}

void msix_reset(struct msix *msix)
{
	memset(msix->table, 0, msix->count * sizeof(*msix->table));
	memset(msix->pending, 0, BITMAP_WORDS(msix->count) * sizeof(uint64_t));
	for (uint32_t i = 0; i < msix->count; i++)
		msix->table[i][ENTRY_CONTROL] = VECTOR_MASK;
}

bool msix_enabled(const struct msix *msix)
{
	return control(msix) & CONTROL_ENABLE;
}

static bool open(const struct msix *msix, uint32_t number)
{
	return (control(msix) & (CONTROL_ENABLE | CONTROL_MASK)) == CONTROL_ENABLE &&
	       !(msix->table[number][ENTRY_CONTROL] & VECTOR_MASK);
}

static void send(struct msix *msix, uint32_t number)
{
	const uint32_t *entry = msix->table[number];
	const struct irq_message message = {
		.requester = msix->space->bdf,
		.address = join32(entry[ENTRY_ADDRESS], entry[ENTRY_UPPER]),
		.data = entry[ENTRY_DATA],
	};

	irq_message(msix->device->vm, &message);
}

void msix_raise(struct msix *msix, uint32_t number)
{
	if (number >= msix->count || !msix_enabled(msix))
		return;
	if (open(msix, number))
		send(msix, number);
	else
		bitmap_set(msix->pending, number);
}

static void release(struct msix *msix, uint32_t number)
{
	if (!bitmap_test(msix->pending, number) || !open(msix, number))
		return;
	msix->pending[number / 64] &= ~BIT(number % 64);
	send(msix, number);
}

void msix_written(struct msix *msix)
{
	for (uint32_t i = 0; i < msix->count; i++)
		release(msix, i);
}

/* Whether [offset, offset + size) lies in what the word of the capability places; *at is where. */
static bool inside(const struct msix *msix, unsigned int word, unsigned int bar, uint64_t offset, uint64_t bytes,
		   uint64_t *at)
{
	uint32_t place = config_value(msix->space, msix->at + word, 4);

	*at = offset - (place & PLACE_OFFSET);
	return field_get(place, PLACE_BAR) == bar && *at < bytes;
}

static void access_table(struct msix *msix, uint64_t at, struct bus_access *access)
{
	uint32_t *words = (uint32_t *)msix->table + at / 4;
	uint32_t number = (uint32_t)(at / MSIX_ENTRY_BYTES);

	if (!access->write) {
		access->value = access->size == 8 ? join32(words[0], words[1]) : words[0];
		return;
	}
	words[0] = (uint32_t)access->value;
	if (access->size == 8)
		words[1] = access->value >> 32;
	msix->table[number][ENTRY_CONTROL] &= VECTOR_MASK;
	release(msix, number);
}

bool msix_access(struct msix *msix, unsigned int bar, uint64_t offset, struct bus_access *access)
{
	bool whole = access->size >= 4 && is_aligned(offset, access->size);
	uint64_t at;

	if (inside(msix, TABLE, bar, offset, msix->count * MSIX_ENTRY_BYTES, &at)) {
		if (whole)
			access_table(msix, at, access);
	} else if (inside(msix, PENDING, bar, offset, BITMAP_WORDS(msix->count) * MSIX_PENDING_BYTES, &at)) {
		if (whole && !access->write)
			access->value = msix->pending[at / 8] >> (at % 8 * 8) & (access->size == 8 ? ~0ull : ~0u);
	} else {
		return false;
	}
	return true;
}
