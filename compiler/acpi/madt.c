/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI 6.5, 5.2.12 "Multiple APIC Description Table (MADT)". */
#include "acpi/table.h"

enum madt_entry { /* 5.2.12, table 5.21 */
	MADT_LAPIC = 0,
	MADT_IOAPIC = 1,
	MADT_OVERRIDE = 2,
	MADT_LAPIC_NMI = 4,
	MADT_X2APIC = 9,
	MADT_X2APIC_NMI = 10,
};

enum { ENABLED = 1, PCAT_COMPAT = 1, LINT1 = 1 };
enum { CONFORMS = 0, ACTIVE_HIGH_LEVEL = 0x0d }; /* MPS INTI flags, table 5.26 */

static void processor(struct buffer *table, const struct lowered *guest, uint32_t cpu)
{
	uint32_t id = guest->cpu->topology.cpus[cpu].apic_id;

	if (table_fits_xapic(guest, cpu)) {
		buffer_u8(table, MADT_LAPIC);
		buffer_u8(table, 8);
		buffer_u8(table, (uint8_t)cpu);
		buffer_u8(table, (uint8_t)id);
		buffer_u32(table, ENABLED);
		return;
	}
	buffer_u8(table, MADT_X2APIC);
	buffer_u8(table, 16);
	buffer_u16(table, 0);
	buffer_u32(table, id);
	buffer_u32(table, ENABLED);
	buffer_u32(table, cpu);
}

static void ioapic(struct buffer *table, const struct lowered_device *device)
{
	buffer_u8(table, MADT_IOAPIC);
	buffer_u8(table, 12);
	buffer_u8(table, (uint8_t)device->record.parameter[0]);
	buffer_u8(table, 0);
	buffer_u32(table, (uint32_t)device->record.base);
	buffer_u32(table, device->record.gsi);
}

static void override(struct buffer *table, uint8_t irq, uint32_t gsi, uint16_t flags)
{
	buffer_u8(table, MADT_OVERRIDE);
	buffer_u8(table, 10);
	buffer_u8(table, 0); /* ISA */
	buffer_u8(table, irq);
	buffer_u32(table, gsi);
	buffer_u16(table, flags);
}

/* NMI is LINT1 of every processor. */
static void nmi(struct buffer *table, bool xapic, bool x2apic)
{
	if (xapic) {
		buffer_u8(table, MADT_LAPIC_NMI);
		buffer_u8(table, 6);
		buffer_u8(table, 0xff);
		buffer_u16(table, CONFORMS);
		buffer_u8(table, LINT1);
	}
	if (x2apic) {
		buffer_u8(table, MADT_X2APIC_NMI);
		buffer_u8(table, 12);
		buffer_u16(table, CONFORMS);
		buffer_u32(table, 0xffffffff);
		buffer_u8(table, LINT1);
		buffer_zeros(table, 3);
	}
}

void build_madt(const struct lowered *guest, const struct table_places *places, struct buffer *table)
{
	const struct lowered_device *pm = table_device(guest, HV_DEVICE_ACPI_PM);
	const struct lowered_device *pit = table_device(guest, HV_DEVICE_PIT);
	bool xapic = false, x2apic = false;

	(void)places;
	table_begin(table, guest, "APIC", 5);
	buffer_u32(table, (uint32_t)guest->map.lapic);
	buffer_u32(table, guest->chips.pic ? PCAT_COMPAT : 0);
	for (uint32_t i = 0; i < guest->cpu->topology.count; i++) {
		processor(table, guest, i);
		xapic |= table_fits_xapic(guest, i);
		x2apic |= !table_fits_xapic(guest, i);
	}
	for (size_t i = 0; i < guest->devices.count; i++)
		if (guest->devices.items[i].record.kind == HV_DEVICE_IOAPIC)
			ioapic(table, &guest->devices.items[i]);
	/* IRQ 0 is the 8254's, or the HPET's in legacy mode: pin 2 by tradition. */
	if (pit || guest->chips.hpet)
		override(table, 0, pit ? pit->record.gsi : 2, CONFORMS);
	override(table, (uint8_t)pm->record.gsi, pm->record.gsi, ACTIVE_HIGH_LEVEL);
	nmi(table, xapic, x2apic);
	table_end(table);
}
