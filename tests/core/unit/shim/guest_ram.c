/* SPDX-License-Identifier: Apache-2.0 */
/* See guest_ram.h. */
#include "guest_ram.h"

#include <string.h>

struct memory guest_ram;
_Alignas(4096) uint8_t guest_ram_low[RAM_SPLIT];
_Alignas(4096) uint8_t guest_ram_high[RAM_SIZE - RAM_SPLIT];
_Alignas(4096) uint8_t guest_rom[4096];

static const struct hv_region regions[] = {
	{.gpa = 0,
	 .size = RAM_SIZE,
	 .kind = HV_REGION_RAM,
	 .backing = HV_BACKING_ANY,
	 .rights = HV_READ | HV_WRITE | HV_EXECUTE},
	{.gpa = ROM_BASE,
	 .size = 4096,
	 .kind = HV_REGION_ROM,
	 .backing = HV_BACKING_ANY,
	 .rights = HV_READ | HV_WRITE},
	{.gpa = HOLE_BASE, .size = 4096, .kind = HV_REGION_RESERVED, .backing = HV_BACKING_NONE},
};

static struct memory_extent extents[] = {
	{.gpa = 0, .size = RAM_SPLIT, .host = guest_ram_low, .region = &regions[0]},
	{.gpa = RAM_SPLIT,
	 .size = RAM_SIZE - RAM_SPLIT,
	 .host = guest_ram_high,
	 .region = &regions[0]},
	{.gpa = ROM_BASE, .size = 4096, .host = guest_rom, .region = &regions[1]},
	{.gpa = HOLE_BASE, .size = 4096, .region = &regions[2]},
};

void guest_ram_reset(void)
{
	memset(guest_ram_low, 0, sizeof(guest_ram_low));
	memset(guest_ram_high, 0, sizeof(guest_ram_high));
	memset(guest_rom, 0, sizeof(guest_rom));
	guest_ram = (struct memory){.name = "test", .extents = extents, .count = 4, .capacity = 4};
}

void *guest_ram_at(uint64_t gpa)
{
	return gpa < RAM_SPLIT ? guest_ram_low + gpa : guest_ram_high + (gpa - RAM_SPLIT);
}
