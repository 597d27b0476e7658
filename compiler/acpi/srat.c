/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI 6.5, 5.2.16 "System Resource Affinity Table (SRAT)": the node of each processor and of all RAM. */
#include "acpi/table.h"

enum srat_entry { SRAT_LAPIC = 0, SRAT_MEMORY = 1, SRAT_X2APIC = 2 };
enum { ENABLED = 1, REVISION = 3, RESERVED_ONE = 1 };

/* 5.2.16.1 and 5.2.16.3: the form that the MADT has for the same processor. */
static void processor(struct buffer *table, const struct lowered *guest, uint32_t cpu)
{
	const struct cpu_place *place = &guest->cpu->topology.cpus[cpu];

	if (table_fits_xapic(guest, cpu)) {
		buffer_u8(table, SRAT_LAPIC);
		buffer_u8(table, 16);
		buffer_u8(table, (uint8_t)place->proximity);
		buffer_u8(table, (uint8_t)place->apic_id);
		buffer_u32(table, ENABLED);
		buffer_u8(table, 0); /* local SAPIC EID */
		buffer_u8(table, (uint8_t)(place->proximity >> 8));
		buffer_u16(table, (uint16_t)(place->proximity >> 16));
		buffer_u32(table, 0); /* clock domain */
		return;
	}
	buffer_u8(table, SRAT_X2APIC);
	buffer_u8(table, 24);
	buffer_u16(table, 0);
	buffer_u32(table, place->proximity);
	buffer_u32(table, place->apic_id);
	buffer_u32(table, ENABLED);
	buffer_u32(table, 0); /* clock domain */
	buffer_u32(table, 0);
}

/* 5.2.16.2 "Memory Affinity Structure". */
static void memory(struct buffer *table, const struct lowered_region *region)
{
	buffer_u8(table, SRAT_MEMORY);
	buffer_u8(table, 40);
	buffer_u32(table, region->node);
	buffer_u16(table, 0);
	buffer_u64(table, region->record.gpa);
	buffer_u64(table, region->record.size);
	buffer_u32(table, 0);
	buffer_u32(table, ENABLED);
	buffer_u64(table, 0);
}

void build_srat(const struct lowered *guest, const struct table_places *places, struct buffer *table)
{
	(void)places;
	table_begin(table, guest, "SRAT", REVISION);
	buffer_u32(table, RESERVED_ONE);
	buffer_u64(table, 0);
	for (uint32_t i = 0; i < guest->cpu->topology.count; i++)
		processor(table, guest, i);
	for (size_t i = 0; i < guest->regions.count; i++)
		if (guest->regions.items[i].record.kind == HV_REGION_RAM)
			memory(table, &guest->regions.items[i]);
	table_end(table);
}
