/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Without an IOMMU a device that masters the bus can write to any memory, the core's too: whatever
 * firmware left running is stopped. PCI Local Bus 3.0, 6.2.2; PCI Express Base 7.2.2 (ECAM).
 */
#include "platform/pci_quiet.h"

#include "lib/bits.h"
#include "mm/host_map.h"
#include "platform/acpi_host.h"
#include "x86/insn.h"

#define PCI_VENDOR	 0x00
#define PCI_COMMAND	 0x04
#define PCI_HEADER_TYPE	 0x0c /* in bits 23:16 of this word */
#define COMMAND_MASTER	 BIT(2)
#define MULTI_FUNCTION	 BIT(23)
#define NO_VENDOR	 0xffff

/* One way to configuration space: by bus, device and function 15:0 and the offset of a 32-bit
 * word. */
struct config {
	uint8_t *window; /* of the first bus; NULL: ports */
	uint32_t first_bus;
};

static uint32_t port_address(uint32_t bdf, uint32_t offset)
{
	return (uint32_t)BIT(31) | bdf << 8 | offset;
}

static uint8_t *window_at(const struct config *c, uint32_t bdf, uint32_t offset)
{
	return c->window + ((uint64_t)(bdf - (c->first_bus << 8)) << 12) + offset;
}

static uint32_t config_read(const struct config *c, uint32_t bdf, uint32_t offset)
{
	if (c->window)
		return mmio_read32(window_at(c, bdf, offset));
	out32(0xcf8, port_address(bdf, offset));
	return in32(0xcfc);
}

/* Only the command register: a 32-bit write would clear bits of the status register beside it. */
static void write_command(const struct config *c, uint32_t bdf, uint16_t v)
{
	if (c->window) {
		mmio_write16(window_at(c, bdf, PCI_COMMAND), v);
		return;
	}
	out32(0xcf8, port_address(bdf, PCI_COMMAND));
	out16(0xcfc, v);
}

/* Returns how many functions of this device follow: 1 or 8; 0 when there is none. */
static uint32_t functions_of(const struct config *c, uint32_t bdf)
{
	if ((config_read(c, bdf, PCI_VENDOR) & NO_VENDOR) == NO_VENDOR)
		return 0;
	return config_read(c, bdf, PCI_HEADER_TYPE) & MULTI_FUNCTION ? 8 : 1;
}

static void quiet_function(const struct config *c, uint32_t bdf, uint32_t *found, uint32_t *cleared)
{
	uint32_t command;

	if ((config_read(c, bdf, PCI_VENDOR) & NO_VENDOR) == NO_VENDOR)
		return;
	++*found;
	command = config_read(c, bdf, PCI_COMMAND);
	if (!(command & COMMAND_MASTER))
		return;
	write_command(c, bdf, (uint16_t)(command & ~COMMAND_MASTER));
	++*cleared;
}

static void quiet_buses(const struct config *c, uint32_t last_bus, uint32_t *found,
			uint32_t *cleared)
{
	for (uint32_t bdf = c->first_bus << 8; bdf < (last_bus + 1) << 8; bdf += 8) {
		uint32_t n = functions_of(c, bdf);

		for (uint32_t function = 0; function < n; function++)
			quiet_function(c, bdf + function, found, cleared);
	}
}

enum status pci_quiet(uint32_t *found, uint32_t *cleared)
{
	enum status s = STATUS_OK;

	*found = *cleared = 0;
	if (!machine_acpi.segment_count)
		quiet_buses(&(struct config){0}, 255, found, cleared);
	for (uint32_t i = 0; i < machine_acpi.segment_count; i++) {
		const struct acpi_segment *g = &machine_acpi.segments[i];
		struct config c = {.first_bus = g->first_bus};
		uint64_t buses = (uint64_t)g->last_bus - g->first_bus + 1;

		if (g->last_bus < g->first_bus)
			continue;
		s = map_registers(g->base + ((uint64_t)g->first_bus << 20), buses << 20,
				  (void **)&c.window);
		if (s)
			return s;
		quiet_buses(&c, g->last_bus, found, cleared);
	}
	return s;
}
