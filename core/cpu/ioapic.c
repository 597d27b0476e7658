/* SPDX-License-Identifier: Apache-2.0 */
/* The physical IOAPICs. */
#include "cpu/ioapic.h"

#include "lib/bits.h"
#include "mm/host_map.h"
#include "platform/acpi_host.h"
#include "x86/insn.h"

#define IOREGSEL 0x00
#define IOWIN	 0x10

enum ioapic_register { IOAPIC_VERSION = 1, IOAPIC_REDIRECTION = 16 };

#define VERSION_MAX_PIN	     BITS(23, 16)
#define ENTRY_ACTIVE_LOW     BIT(13)
#define ENTRY_LEVEL	     BIT(15)
#define ENTRY_MASKED	     BIT(16)
#define ENTRY_DESTINATION_SHIFT 24 /* in the high word */

static struct {
	uint8_t *registers;
	uint32_t gsi, pins;
} chips[ACPI_IOAPICS];
static uint32_t chip_count;

static uint32_t get(const uint8_t *registers, uint32_t index)
{
	mmio_write32((void *)(uintptr_t)(registers + IOREGSEL), index);
	return mmio_read32(registers + IOWIN);
}

static void put(uint8_t *registers, uint32_t index, uint32_t v)
{
	mmio_write32(registers + IOREGSEL, index);
	mmio_write32(registers + IOWIN, v);
}

static enum status mask_chip(const struct acpi_ioapic *a)
{
	void *registers;
	enum status s = map_registers(a->base, 0x20, &registers);

	if (s)
		return s;
	chips[chip_count].registers = registers;
	chips[chip_count].gsi = a->gsi;
	chips[chip_count].pins =
		(uint32_t)field_get(get(registers, IOAPIC_VERSION), VERSION_MAX_PIN) + 1;
	for (uint32_t pin = 0; pin < chips[chip_count].pins; pin++)
		put(registers, IOAPIC_REDIRECTION + 2 * pin, ENTRY_MASKED);
	chip_count++;
	return STATUS_OK;
}

enum status ioapic_mask_all(void)
{
	enum status s = STATUS_OK;

	for (uint32_t i = 0; !s && i < machine_acpi.ioapic_count; i++)
		s = mask_chip(&machine_acpi.ioapics[i]);
	return s;
}

enum status ioapic_route(uint32_t gsi, uint8_t vector, uint32_t apic_id, bool level,
			 bool active_low)
{
	uint32_t low = vector | (level ? (uint32_t)ENTRY_LEVEL : 0) |
		       (active_low ? (uint32_t)ENTRY_ACTIVE_LOW : 0);

	if (apic_id > 0xfe)
		return trace_error(STATUS_RANGE);
	for (uint32_t i = 0; i < chip_count; i++) {
		uint32_t index = IOAPIC_REDIRECTION + 2 * (gsi - chips[i].gsi);

		if (gsi < chips[i].gsi || gsi - chips[i].gsi >= chips[i].pins)
			continue;
		put(chips[i].registers, index + 1, apic_id << ENTRY_DESTINATION_SHIFT);
		put(chips[i].registers, index, low);
		return STATUS_OK;
	}
	return trace_error(STATUS_NOT_FOUND);
}
