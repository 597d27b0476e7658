/* SPDX-License-Identifier: Apache-2.0 */
/* Buses: an insertion into an array at build time, a binary search at run time. */
#include "space/bus.h"

#include "lib/bits.h"

MUST_USE enum status bus_add(struct bus *bus, const struct bus_range *range)
{
	if (bus->sealed)
		return trace_error(STATUS_DENIED);
	if (bus->count == BUS_RANGES)
		return trace_error(STATUS_NO_MEMORY);
	if (range->last < range->first)
		return trace_error(STATUS_INVALID);
	for (uint32_t i = 0; i < bus->count; i++)
		if (range->first <= bus->ranges[i].last && bus->ranges[i].first <= range->last)
			return trace_error(STATUS_EXISTS);
	bus->ranges[bus->count++] = *range;
	return STATUS_OK;
}

void bus_seal(struct bus *bus)
{
	for (uint32_t i = 1; i < bus->count; i++) {
		struct bus_range moved = bus->ranges[i];
		uint32_t j = i;

		for (; j && bus->ranges[j - 1].first > moved.first; j--)
			bus->ranges[j] = bus->ranges[j - 1];
		bus->ranges[j] = moved;
	}
	bus->sealed = true;
}

static bool range_holds(const struct bus_range *range, uint64_t address, uint32_t size)
{
	return address >= range->first && address <= range->last &&
	       size - 1 <= range->last - address;
}

/* The index of the last range that starts at or below the address; count when there is none. */
static uint32_t bus_search(const struct bus *bus, uint64_t address)
{
	uint32_t low = 0, high = bus->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (bus->ranges[middle].first <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? low - 1 : bus->count;
}

const struct bus_range *bus_find(const struct bus *bus, uint64_t address, uint32_t size)
{
	uint32_t i = bus_search(bus, address);

	return i < bus->count && range_holds(&bus->ranges[i], address, size) ? &bus->ranges[i]
									     : NULL;
}

const struct bus_range *bus_find_near(const struct bus *bus, uint64_t address, uint32_t size,
				      uint32_t *hint)
{
	uint32_t i = *hint;

	if (likely(i < bus->count && range_holds(&bus->ranges[i], address, size)))
		return &bus->ranges[i];
	i = bus_search(bus, address);
	if (i == bus->count || !range_holds(&bus->ranges[i], address, size))
		return NULL;
	*hint = i;
	return &bus->ranges[i];
}
