/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of tables, and their places. Tables are made twice: once for their sizes, then, when it
 * is known where each lies, for their bytes.
 *
 *     map.rsdp      RSDP -> XSDT              (BIOS area: what multiboot kernels search)
 *     map.acpi      XSDT -> FADT, MADT, ...   (E820_ACPI)
 *                   FADT -> DSDT, FACS
 *     map.nvs       FACS                      (E820_NVS)
 */
#include "acpi/acpi.h"

#include <string.h>

#include "acpi/table.h"
#include "model/model.h"

static bool has_pci(const struct lowered *guest)
{
	return guest->map.ecam.size;
}

static bool has_hpet(const struct lowered *guest)
{
	return guest->chips.hpet;
}

static bool has_nodes(const struct lowered *guest)
{
	return guest->model->memory.numa.count;
}

static bool has_serial(const struct lowered *guest)
{
	return table_device(guest, HV_DEVICE_UART);
}

static bool has_watchdog(const struct lowered *guest)
{
	return table_device(guest, HV_DEVICE_WATCHDOG);
}

enum { ROW_RSDP, ROW_XSDT, ROW_FACS, ROW_DSDT, ROWS_LISTED };

/* In the order of their addresses; FADT first among the listed, as every firmware does. */
static const struct table_row rows[] = {
	[ROW_RSDP] = { "RSDP", false, NULL, build_rsdp },
	[ROW_XSDT] = { "XSDT", false, NULL, build_xsdt },
	[ROW_FACS] = { "FACS", false, NULL, build_facs },
	[ROW_DSDT] = { "DSDT", false, NULL, build_dsdt },
	[ROWS_LISTED] = { "FACP", true, NULL, build_fadt },
	{ "APIC", true, NULL, build_madt },
	{ "MCFG", true, has_pci, build_mcfg },
	{ "HPET", true, has_hpet, build_hpet },
	{ "SRAT", true, has_nodes, build_srat },
	{ "SLIT", true, has_nodes, build_slit },
	{ "PPTT", true, NULL, build_pptt },
	{ "SPCR", true, has_serial, build_spcr },
	{ "WAET", true, NULL, build_waet },
	{ "WDAT", true, has_watchdog, build_wdat },
};

enum { ROWS = sizeof(rows) / sizeof(*rows), ALIGNMENT = 64 };

static bool wanted(const struct lowered *guest, size_t row)
{
	return !rows[row].wanted || rows[row].wanted(guest);
}

/* The places of a first round: nothing is known, but how many the XSDT lists. */
static struct table_places no_places(const struct lowered *guest, uint64_t *listed)
{
	struct table_places places = { .listed = listed };

	for (size_t i = ROWS_LISTED; i < ROWS; i++)
		if (wanted(guest, i))
			listed[places.listed_count++] = 0;
	return places;
}

/* Goes to the area of the ACPI tables, one behind the other? */
static bool in_area(size_t row)
{
	return row != ROW_RSDP && row != ROW_FACS;
}

/* How large the tables are depends on no address. */
static uint64_t measure(const struct lowered *guest, size_t row)
{
	uint64_t listed[ROWS], size;
	struct table_places places = no_places(guest, listed);
	struct buffer table = { 0 };

	rows[row].build(guest, &places, &table);
	size = (table.size + ALIGNMENT - 1) & ~(uint64_t)(ALIGNMENT - 1);
	buffer_free(&table);
	return size;
}

/* Fills in where each table lies, if the area begins at base. */
static void place(const struct lowered *guest, uint64_t base, uint64_t *gpas, struct table_places *places,
		  uint64_t *listed)
{
	uint64_t next = base;

	*places = no_places(guest, listed);
	gpas[ROW_RSDP] = guest->map.rsdp;
	gpas[ROW_FACS] = guest->map.nvs.base;
	for (size_t i = 0, count = 0; i < ROWS; i++) {
		if (!in_area(i) || !wanted(guest, i))
			continue;
		gpas[i] = next;
		if (rows[i].listed)
			listed[count++] = next;
		next += guest->table_sizes[i];
	}
	places->xsdt = gpas[ROW_XSDT];
	places->dsdt = gpas[ROW_DSDT];
	places->facs = gpas[ROW_FACS];
}

uint64_t acpi_size(struct lowered *guest)
{
	uint64_t sum = 0;

	_Static_assert(ROWS <= sizeof(guest->table_sizes) / sizeof(*guest->table_sizes), "more kinds of tables");
	for (size_t i = 0; i < ROWS; i++) {
		guest->table_sizes[i] = in_area(i) && wanted(guest, i) ? measure(guest, i) : 0;
		sum += guest->table_sizes[i];
	}
	return sum;
}

void acpi_build(struct arena *arena, struct lowered *guest)
{
	uint64_t gpas[ROWS], listed[ROWS];
	struct table_places places;

	place(guest, guest->map.acpi.base, gpas, &places, listed);
	for (size_t i = 0; i < ROWS; i++) {
		struct buffer bytes = { 0 };
		struct lowered_table *table;

		if (!wanted(guest, i))
			continue;
		rows[i].build(guest, &places, &bytes);
		table = vector_add(arena, &guest->tables);
		memcpy(table->name, rows[i].signature, 4);
		table->gpa = gpas[i];
		table->size = bytes.size;
		table->data = arena_alloc(arena, bytes.size);
		memcpy(table->data, bytes.data, bytes.size);
		buffer_free(&bytes);
	}
}

bool acpi_verify(const struct lowered *guest)
{
	const struct window *area = &guest->map.acpi;

	for (size_t i = 0; i < guest->tables.count; i++) {
		const struct lowered_table *table = &guest->tables.items[i];
		bool facs = !strcmp(table->name, "FACS"), rsdp = !strcmp(table->name, "RSDP");

		if (!facs && table_sum(table->data, table->size))
			return false;
		if (rsdp && table_sum(table->data, 20))
			return false;
		if (!facs && !rsdp &&
		    (table->gpa < area->base || table->gpa + table->size > area->base + area->size))
			return false;
	}
	return guest->tables.count >= ROWS_LISTED;
}
