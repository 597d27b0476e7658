/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the core takes from the machine's static ACPI tables (ACPI 6.5, 5.2): MADT, MCFG, FADT,
 * SRAT, HPET, and the place of the DSDT. No AML is executed. Tables are reached through a mapping
 * function, so the parsers run on bytes in tests.
 */
#ifndef CORE_PLATFORM_ACPI_HOST_H
#define CORE_PLATFORM_ACPI_HOST_H

#include "schema/hvblob.h"
#include "lib/status.h"
#include "lib/types.h"

#define ACPI_CPUS      HV_HOST_CPUS
#define ACPI_IOAPICS   16
#define ACPI_OVERRIDES 16
#define ACPI_SEGMENTS  8
#define ACPI_AFFINITIES 64

struct acpi_cpu {
	uint32_t apic_id;
	uint32_t uid;
	uint32_t node; /* 0 without SRAT */
};

struct acpi_ioapic {
	uint64_t base;
	uint32_t gsi; /* of pin 0 */
	uint8_t id;
};

struct acpi_override { /* ISA interrupt -> global system interrupt */
	uint32_t gsi;
	uint8_t isa;
	bool level;
	bool active_low;
};

struct acpi_segment { /* MCFG: ECAM of one PCI segment */
	uint64_t base; /* of bus 0, also if `first_bus` is another */
	uint16_t segment;
	uint8_t first_bus, last_bus;
};

struct acpi_affinity { /* SRAT: memory of a node */
	uint64_t base, size;
	uint32_t node;
};

/* Generic address structure, ACPI 6.5 5.2.3.2. */
enum acpi_space { ACPI_SPACE_MEMORY = 0, ACPI_SPACE_IO = 1, ACPI_SPACE_PCI = 2 };
struct acpi_address {
	uint64_t address; /* 0: none */
	uint8_t space;	  /* enum acpi_space */
	uint8_t bits;
};

struct acpi_host {
	uint64_t lapic_base; /* MADT; 0xfee00000 unless overridden */
	bool has_8259;
	bool found_madt, found_fadt;

	struct acpi_cpu cpus[ACPI_CPUS]; /* enabled ones, MADT order */
	uint32_t cpu_count, cpus_lost;
	struct acpi_ioapic ioapics[ACPI_IOAPICS];
	uint32_t ioapic_count;
	struct acpi_override overrides[ACPI_OVERRIDES];
	uint32_t override_count;
	struct acpi_segment segments[ACPI_SEGMENTS];
	uint32_t segment_count;
	struct acpi_affinity affinities[ACPI_AFFINITIES];
	uint32_t affinity_count;

	uint64_t hpet_base; /* 0: no HPET */

	/* FADT */
	struct acpi_address pm1a_control, pm1b_control, pm_timer, reset;
	uint8_t reset_value;
	bool reset_supported;
	bool pm_timer_32bit;
	bool hardware_reduced;
	uint16_t sci;
	uint32_t smi_command;
	uint8_t acpi_enable;
	uint64_t dsdt; /* physical address; 0: none */
};

/* The machine's. */
extern struct acpi_host machine_acpi;

/*
 * Makes [phys, phys + size) readable for good. NULL when it cannot: that table is then left out.
 */
typedef const void *acpi_map(uint64_t phys, uint64_t size);

/*
 * Reads all tables that the RSDP leads to. STATUS_CORRUPT: the RSDP, or the root table, or MADT, is
 * missing or damaged; other damaged tables are reported to the log and left out.
 */
MUST_USE enum status acpi_read(const uint8_t *rsdp, uint32_t rsdp_size, acpi_map *map,
			       struct acpi_host *a);

/* One table whose `size` bytes are at `p` (header included, checksum verified before). Unknown
 * ones are ignored. */
void acpi_read_table(const uint8_t *p, uint32_t size, struct acpi_host *a);

/* SLP_TYPa of _S5_ by a bounded search of a DSDT's bytes for `_S5_` and its package. */
MUST_USE enum status acpi_find_s5(const uint8_t *dsdt, uint32_t size, uint8_t *slp_typ);

/* The global interrupt of an ISA one: its override, or itself, edge, active high. */
struct acpi_override acpi_isa_interrupt(const struct acpi_host *a, uint8_t isa);

#endif
