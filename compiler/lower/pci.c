/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's PCI bus. Device numbers are those of the file, else the lowest that it leaves free, in the order of the
 * file; windows lie one behind the other in the 32-bit window of the bridge, so that an OS finds all of it assigned.
 */
#include "lower/pci.h"

#include <stdlib.h>
#include <string.h>

#include "lower/virtio.h"
#include "model/model.h"

/* Registers of a type 0 header (PCI 3.0, 6.1). */
enum {
	VENDOR = 0x00,
	DEVICE = 0x02,
	COMMAND = 0x04,
	STATUS = 0x06,
	REVISION = 0x08,
	CLASS_CODE = 0x09,
	BAR = 0x10,
	SUBSYSTEM_VENDOR = 0x2c,
	SUBSYSTEM = 0x2e,
	CAPABILITIES = 0x34,
	LINE = 0x3c,
	PIN = 0x3d,
};

enum { COMMAND_WRITABLE = 0x0406, STATUS_CAPABILITIES = 0x0010, DEVICES = 32 };

/* Little-endian fields. */
static void put16(uint8_t *config, unsigned int offset, uint32_t value)
{
	config[offset] = (uint8_t)value;
	config[offset + 1] = (uint8_t)(value >> 8);
}

static void put32(uint8_t *config, unsigned int offset, uint32_t value)
{
	put16(config, offset, value);
	put16(config, offset + 2, value >> 16);
}

/* `bus:device.function`, or with `domain:` before it, in digits that check/ has looked at. */
static uint32_t address_of(const char *text)
{
	const char *device = strrchr(text, ':') + 1;
	char *end;
	uint32_t number = (uint32_t)strtoul(device, &end, 16);

	return number << 3 | (uint32_t)strtoul(end + 1, NULL, 16);
}

static void note_slot(uint32_t *taken, const char *address)
{
	if (address)
		*taken |= 1u << (address_of(address) >> 3);
}

/* Device numbers that the file names, or that have been given. */
static uint32_t taken_slots(const struct lowered *guest)
{
	const struct devices *devices = &guest->model->devices;
	uint32_t taken = 1;

	for (size_t i = 0; i < devices->pci.count; i++)
		note_slot(&taken, devices->pci.items[i].guest.value);
	for (size_t i = 0; i < devices->virtio.count; i++)
		note_slot(&taken, devices->virtio.items[i].guest.value);
	for (size_t i = 0; i < devices->shmem.count; i++)
		note_slot(&taken, devices->shmem.items[i].guest.value);
	for (size_t i = 0; i < guest->pci.count; i++)
		taken |= 1u << (guest->pci.items[i].bdf >> 3);
	return taken;
}

static uint32_t free_slot(const struct lowered *guest)
{
	uint32_t taken = taken_slots(guest), slot = 0;

	while (slot < DEVICES - 1 && taken >> slot & 1)
		slot++;
	return slot << 3;
}

struct lowered_pci_function *pci_add(struct lower_context *context, struct lowered *guest, const char *name,
				     struct position at, const char *address, const struct pci_identity *identity)
{
	uint32_t bdf = address ? address_of(address) : free_slot(guest);
	struct lowered_pci_function *function = vector_add(context->arena, &guest->pci);

	function->name = name;
	function->position = at;
	function->bdf = bdf;
	function->device = HV_NONE;
	put16(function->config, VENDOR, identity->vendor);
	put16(function->config, DEVICE, identity->device);
	put32(function->config, REVISION, identity->class_code << 8 | identity->revision);
	put16(function->config, SUBSYSTEM_VENDOR, identity->subsystem_vendor);
	put16(function->config, SUBSYSTEM, identity->subsystem);
	put16(function->mask, COMMAND, COMMAND_WRITABLE);
	return function;
}

uint32_t pci_pin(struct lowered_pci_function *function)
{
	uint32_t gsi = PCI_FIRST_GSI + (function->bdf >> 3) % PCI_GSIS;

	function->config[PIN] = 1;
	function->config[LINE] = (uint8_t)gsi;
	function->mask[LINE] = 0xff;
	return gsi;
}

void pci_window(struct lowered *guest, struct lowered_pci_function *function, unsigned int bar, uint32_t size)
{
	struct guest_map *map = &guest->map;
	uint64_t base = (map->pci32[0].base + map->pci32_used + size - 1) & ~((uint64_t)size - 1);

	put32(function->config, BAR + 4 * bar, (uint32_t)base);
	put32(function->mask, BAR + 4 * bar, ~(size - 1));
	map->pci32_used = base + size - map->pci32[0].base;
}

void pci_window_64(struct lowered_pci_function *function, unsigned int bar, uint64_t base, uint64_t size)
{
	enum { WIDE_PREFETCHABLE = 0xc };

	put32(function->config, BAR + 4 * bar, (uint32_t)base | WIDE_PREFETCHABLE);
	put32(function->config, BAR + 4 * bar + 4, (uint32_t)(base >> 32));
	put32(function->mask, BAR + 4 * bar, (uint32_t)~(size - 1));
	put32(function->mask, BAR + 4 * bar + 4, (uint32_t)(~(size - 1) >> 32));
}

uint8_t *pci_capability(struct lowered_pci_function *function, uint8_t offset, uint8_t id)
{
	uint8_t *config = function->config, *link = &config[CAPABILITIES];

	while (*link)
		link = &config[*link + 1];
	*link = offset;
	config[STATUS] |= STATUS_CAPABILITIES;
	config[offset] = id;
	return &config[offset];
}

void pci_msix(struct lowered_pci_function *function, uint8_t offset, unsigned int bar, uint32_t table, uint32_t pending,
	      uint32_t vectors)
{
	uint8_t *capability = pci_capability(function, offset, PCI_CAPABILITY_MSIX);

	put16(capability, 2, vectors - 1);
	put32(capability, 4, table | bar);
	put32(capability, 8, pending | bar);
	function->mask[offset + 3] = 0xc0; /* enable, mask of the function */
}

/* 00:00.0: a host bridge without registers of its own; nothing of it is writable. */
static void add_host_bridge(struct lower_context *context, struct lowered *guest)
{
	static const struct pci_identity generic = { /* Red Hat: generic PCIe host bridge */
		.vendor = 0x1b36, .device = 0x0008, .class_code = 0x060000
	};
	struct lowered_pci_function *bridge =
		pci_add(context, guest, "host-bridge", guest->model->devices.where.at, "00:00.0", &generic);

	put16(bridge->mask, COMMAND, 0);
}

void pass_pci(struct lower_context *context, struct lowered *guest)
{
	add_host_bridge(context, guest);
	lower_virtio(context, guest);
	lower_ivshmem(context, guest);
}
