/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where things lie that are no RAM: the same for every guest below 4 GiB.
 *
 *	0xc0000000 +----------------------+  PCI hole: RAM ends here at the latest
 *		   | 32-bit PCI window    |
 *	0xe0000000 +----------------------+
 *		   | ECAM, 1 MiB a bus    |
 *	0xf0000000 +----------------------+
 *		   | 32-bit PCI window    |
 *	0xfec00000 +----------------------+  IOAPIC
 *	0xfed00000 |                      |  HPET
 *	0xfee00000 |                      |  LAPIC, and MSI addresses
 *	4 GiB	   +----------------------+
 *		   | RAM, shared memory   |
 *		   +----------------------+
 *		   | 64-bit PCI window    |
 *	2^39	   +----------------------+  physical_bits
 */
#include "diag/diag.h"
#include "lower/pass.h"
#include "model/model.h"

#define GIB	   (1ull << 30)
#define HOLE_BASE  0xc0000000ull
#define ECAM_BASE  0xe0000000ull
#define UPPER_BASE 0xf0000000ull
#define IOAPIC	   0xfec00000ull
#define HPET	   0xfed00000ull
#define LAPIC	   0xfee00000ull

enum { BUS_BYTES = 1 << 20, BUSES = 1, PINS = 24, PHYSICAL_BITS = 39 };

/* The end of what has a place above 4 GiB: RAM, and memory that is shared. */
static uint64_t memory_end(const struct lowered *guest)
{
	const struct hv_region *last = &guest->regions.items[guest->regions.count - 1].record;
	uint64_t end = last->gpa + last->size;

	return end > guest->map.high_top ? end : guest->map.high_top;
}

/* The upper half of the address space where RAM leaves it free, else what is left of it. */
static struct window window_64(uint64_t ram_end, uint32_t bits)
{
	uint64_t end = 1ull << bits, base = end / 2;

	if (ram_end > base)
		base = (ram_end + GIB - 1) & ~(GIB - 1);
	return (struct window){ .base = base, .size = base < end ? end - base : 0 };
}

void pass_layout_mmio(struct lower_context *context, struct lowered *guest)
{
	struct guest_map *map = &guest->map;

	map->physical_bits = PHYSICAL_BITS;
	map->hole = (struct window){ HOLE_BASE, 4 * GIB - HOLE_BASE };
	/* A power of two at a multiple of it: one variable MTRR says it. */
	vector_push(context->arena, &guest->mtrrs,
		    ((struct lowered_mtrr){ map->hole.base, map->hole.size, HV_CACHE_UC }));
	map->ecam_buses = BUSES;
	map->ecam = (struct window){ ECAM_BASE, (uint64_t)BUSES * BUS_BYTES };
	map->pci32[0] = (struct window){ HOLE_BASE, ECAM_BASE - HOLE_BASE };
	map->pci32[1] = (struct window){ UPPER_BASE, IOAPIC - UPPER_BASE };
	map->ioapic = IOAPIC;
	map->ioapic_pins = PINS;
	map->hpet = HPET;
	map->lapic = LAPIC;
	map->pci64 = window_64(memory_end(guest), map->physical_bits);
}
