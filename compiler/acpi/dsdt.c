/* SPDX-License-Identifier: Apache-2.0 */
/* The DSDT: every device of the guest that no register of its own announces. */
#include <stdio.h>

#include "acpi/aml.h"
#include "acpi/table.h"
#include "model/model.h"

/* One device with what nearly all have: a name, a PNP id, a number. Its resources follow. */
static size_t begin_device(struct buffer *b, const char *name, const char *id, uint32_t uid)
{
	size_t mark = aml_device(b, name);

	aml_name(b, "_HID");
	aml_eisaid(b, id);
	aml_name(b, "_UID");
	aml_integer(b, uid);
	return mark;
}

/* \_S5: the SLP_TYP that PM1 control understands (7.4.2.6 "_S5 (S5 System State)"). */
static void sleep_states(struct buffer *b, const struct lowered *guest)
{
	const struct lowered_device *pm = table_device(guest, HV_DEVICE_ACPI_PM);
	size_t package;

	aml_name(b, "\\_S5");
	package = aml_package(b, 4);
	aml_integer(b, pm->record.parameter[0]);
	aml_integer(b, pm->record.parameter[0]);
	aml_integer(b, 0);
	aml_integer(b, 0);
	aml_end(b, package);
}

/* C000 to CFFF, then D000 and on. */
static void processor_name(char name[5], uint32_t cpu)
{
	snprintf(name, 5, "%c%03X", 'C' + cpu / 0x1000, cpu % 0x1000);
}

/* 6.2.15 "_PXM (Proximity)": where there are nodes, as in SRAT. */
static void proximity(struct buffer *b, const struct lowered *guest, uint32_t node)
{
	if (!guest->model->memory.numa.count)
		return;
	aml_name(b, "_PXM");
	aml_integer(b, node);
}

/* 8.4 "Declaring Processors": devices whose _UID is the one in the MADT. */
static void processors(struct buffer *b, const struct lowered *guest)
{
	for (uint32_t i = 0; i < guest->cpu->topology.count; i++) {
		char name[5];
		size_t device;

		processor_name(name, i);
		device = aml_device(b, name);
		aml_name(b, "_HID");
		aml_string(b, "ACPI0007");
		aml_name(b, "_UID");
		aml_integer(b, i);
		proximity(b, guest, guest->cpu->topology.cpus[i].proximity);
		aml_end(b, device);
	}
}

/*
 * 6.2.11 "_OSC (Operating System Capabilities)": there is nothing that firmware would keep for
 * itself, so everything asked for is granted; an unknown UUID sets bit 2 of the first DWORD.
 */
static void osc(struct buffer *b)
{
	size_t method = aml_method(b, "_OSC", 4, true), body;

	body = aml_if(b);
	aml_equal(b);
	aml_argument(b, 0);
	aml_uuid(b, "33db4d5b-1ff7-401c-9657-7441c03dd766");
	aml_return(b);
	aml_argument(b, 3);
	aml_end(b, body);
	aml_create_dword(b);
	aml_argument(b, 3);
	aml_integer(b, 0);
	aml_path(b, "CDW1");
	aml_or(b);
	aml_path(b, "CDW1");
	aml_integer(b, 4);
	aml_path(b, "CDW1");
	aml_return(b);
	aml_argument(b, 3);
	aml_end(b, method);
}

static void bridge_windows(struct buffer *b, const struct guest_map *map)
{
	struct buffer r = { 0 };

	resource_word(&r, RESOURCE_BUS, 0, map->ecam_buses);
	resource_io(&r, 0xcf8, 8);
	resource_word(&r, RESOURCE_IO, 0, 0xcf8);
	resource_word(&r, RESOURCE_IO, 0xd00, 0x10000 - 0xd00);
	for (size_t i = 0; i < 2; i++)
		if (map->pci32[i].size)
			resource_dword_memory(&r, (uint32_t)map->pci32[i].base,
					      (uint32_t)map->pci32[i].size);
	if (map->pci64.size)
		resource_qword_memory(&r, map->pci64.base, map->pci64.size);
	aml_crs(b, &r);
}

static bool has_pin(const struct lowered_pci_function *function)
{
	return function->config[0x3d];
}

/* 6.2.13 "_PRT (PCI Routing Table)": pin A of each device number to its GSI. */
static void routing(struct buffer *b, const struct lowered *guest)
{
	size_t package, entry, pins = 0;

	for (size_t i = 0; i < guest->pci.count; i++)
		pins += has_pin(&guest->pci.items[i]);
	if (!pins)
		return;
	aml_name(b, "_PRT");
	package = aml_package(b, (uint8_t)pins);
	for (size_t i = 0; i < guest->pci.count; i++) {
		const struct lowered_pci_function *function = &guest->pci.items[i];

		if (!has_pin(function))
			continue;
		entry = aml_package(b, 4);
		aml_integer(b, (uint64_t)(function->bdf >> 3) << 16 | 0xffff);
		aml_integer(b, 0);
		aml_integer(b, 0);
		aml_integer(b, function->config[0x3c]);
		aml_end(b, entry);
	}
	aml_end(b, package);
}

static void pci_host(struct buffer *b, const struct lowered *guest)
{
	size_t device;

	if (!guest->map.ecam.size)
		return;
	device = begin_device(b, "PCI0", "PNP0A08", 0);
	aml_name(b, "_CID");
	aml_eisaid(b, "PNP0A03");
	aml_name(b, "_SEG");
	aml_integer(b, 0);
	aml_name(b, "_BBN");
	aml_integer(b, 0);
	proximity(b, guest, 0); /* Linux complains about a bus without a node */
	bridge_windows(b, &guest->map);
	routing(b, guest);
	osc(b);
	aml_end(b, device);
}

/* Ranges of no other device: an OS must put nothing there. The reset port is among those of PCI0. */
static void motherboard(struct buffer *b, const struct lowered *guest)
{
	const struct lowered_device *pm = table_device(guest, HV_DEVICE_ACPI_PM);
	size_t device = begin_device(b, "MRES", "PNP0C02", 0);
	struct buffer r = { 0 };

	if (guest->map.ecam.size)
		resource_memory32(&r, (uint32_t)guest->map.ecam.base,
				  (uint32_t)guest->map.ecam.size, true);
	resource_io(&r, (uint16_t)pm->record.base, 12);
	aml_crs(b, &r);
	aml_end(b, device);
}

static void serial(struct buffer *b, const struct lowered_device *device, uint32_t number)
{
	struct buffer r = { 0 };
	char name[8];
	size_t mark;

	snprintf(name, sizeof(name), "COM%u", number % 10);
	mark = begin_device(b, name, "PNP0501", number);
	resource_io(&r, (uint16_t)device->record.base, 8);
	if (device->record.gsi < 16)
		resource_irq(&r, device->record.gsi);
	aml_crs(b, &r);
	aml_end(b, mark);
}

static void rtc(struct buffer *b, const struct lowered_device *device, uint32_t number)
{
	size_t mark = begin_device(b, "RTC0", "PNP0B00", number);
	struct buffer r = { 0 };

	resource_io(&r, (uint16_t)device->record.base, 2);
	if (device->record.gsi < 16)
		resource_irq(&r, device->record.gsi);
	aml_crs(b, &r);
	aml_end(b, mark);
}

static void pic(struct buffer *b, const struct lowered_device *device, uint32_t number)
{
	size_t mark = begin_device(b, "PIC0", "PNP0000", number);
	struct buffer r = { 0 };

	(void)device;
	resource_io(&r, 0x20, 2);
	resource_io(&r, 0xa0, 2);
	resource_io(&r, 0x4d0, 2);
	resource_irq(&r, 2);
	aml_crs(b, &r);
	aml_end(b, mark);
}

static void pit(struct buffer *b, const struct lowered_device *device, uint32_t number)
{
	size_t mark = begin_device(b, "PIT0", "PNP0100", number);
	struct buffer r = { 0 };

	(void)device;
	resource_io(&r, 0x40, 4);
	resource_irq(&r, 0);
	aml_crs(b, &r);
	aml_end(b, mark);
	mark = begin_device(b, "SPKR", "PNP0800", number);
	r = (struct buffer){ 0 };
	resource_io(&r, 0x61, 1);
	aml_crs(b, &r);
	aml_end(b, mark);
}

static void hpet(struct buffer *b, const struct lowered_device *device, uint32_t number)
{
	size_t mark = begin_device(b, "HPET", "PNP0103", number);
	struct buffer r = { 0 };

	resource_memory32(&r, (uint32_t)device->record.base, (uint32_t)device->record.size, false);
	aml_crs(b, &r);
	aml_end(b, mark);
}

/* QEMU's docs/specs/pvpanic: known by a name of its own. */
static void panic(struct buffer *b, const struct lowered_device *device, uint32_t number)
{
	size_t mark = aml_device(b, "PEVT");
	struct buffer r = { 0 };

	(void)number;
	aml_name(b, "_HID");
	aml_string(b, "QEMU0001");
	resource_io(&r, (uint16_t)device->record.base, 1);
	aml_crs(b, &r);
	aml_end(b, mark);
}

/* A window of shared memory: nobody's id but ours, the region's address, and as _DDN the name of the device. */
static void window(struct buffer *b, const struct lowered_device *device, uint32_t number)
{
	struct buffer r = { 0 };
	char name[8];
	size_t mark;

	snprintf(name, sizeof(name), "SHM%c", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[number % 36]);
	mark = aml_device(b, name);
	aml_name(b, "_HID");
	aml_string(b, "HVCC0001");
	aml_name(b, "_UID");
	aml_integer(b, number);
	aml_name(b, "_DDN");
	aml_string(b, device->name);
	resource_memory64(&r, device->record.base, device->record.size, device->record.parameter[1]);
	aml_crs(b, &r);
	aml_end(b, mark);
}

/* By kind: how a device is declared. Kinds without a row announce themselves otherwise. */
static void (*const declare[HV_DEVICE_KINDS])(struct buffer *, const struct lowered_device *,
					      uint32_t number) = {
	[HV_DEVICE_PIC] = pic,	  [HV_DEVICE_PIT] = pit,     [HV_DEVICE_HPET] = hpet,
	[HV_DEVICE_RTC] = rtc,	  [HV_DEVICE_UART] = serial, [HV_DEVICE_PANIC] = panic,
	[HV_DEVICE_WINDOW] = window,
};

static void devices(struct buffer *b, const struct lowered *guest)
{
	uint32_t serials = 0, windows = 0;

	for (size_t i = 0; i < guest->devices.count; i++) {
		const struct lowered_device *device = &guest->devices.items[i];
		uint32_t kind = device->record.kind;

		if (declare[kind])
			declare[kind](b, device,
				      kind == HV_DEVICE_UART   ? ++serials :
				      kind == HV_DEVICE_WINDOW ? windows++ : 0);
	}
}

void build_dsdt(const struct lowered *guest, const struct table_places *places, struct buffer *table)
{
	size_t scope;

	(void)places;
	table_begin(table, guest, "DSDT", 2); /* 2: integers have 64 bits */
	sleep_states(table, guest);
	scope = aml_scope(table, "\\_SB");
	processors(table, guest);
	pci_host(table, guest);
	motherboard(table, guest);
	devices(table, guest);
	aml_end(table, scope);
	table_end(table);
}
