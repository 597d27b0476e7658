/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Static ACPI tables of the machine. Firmware is trusted not to be malicious but not to be correct:
 * each field is read only after its bounds are known, each list is bounded by its table's length,
 * each table has its checksum.
 */
#include "platform/acpi_host.h"

#include "console/log.h"
#include "lib/bits.h"
#include "lib/checksum.h"
#include "lib/string.h"

struct acpi_host machine_acpi;

#define HEADER_SIZE 36
#define TABLE_LIMIT MIB(16)

/* ---- bounded little-endian reads: zero beyond the end, as for older and shorter revisions of a
 * table */

static uint64_t get(const uint8_t *p, uint32_t size, uint32_t at, uint32_t bytes)
{
	uint64_t v = 0;

	if (range_fits(at, bytes, size))
		memcpy(&v, p + at, bytes);
	return v;
}

static struct acpi_address get_address(const uint8_t *p, uint32_t size, uint32_t at)
{
	return (struct acpi_address){
		.space = (uint8_t)get(p, size, at, 1),
		.bits = (uint8_t)get(p, size, at + 1, 1),
		.address = get(p, size, at + 4, 8),
	};
}

/* ---- MADT, 5.2.12 */

enum madt_type {
	MADT_LAPIC = 0,
	MADT_IOAPIC = 1,
	MADT_OVERRIDE = 2,
	MADT_LAPIC_ADDRESS = 5,
	MADT_X2APIC = 9,
};

#define MADT_PCAT_COMPAT BIT(0)
#define MADT_CPU_ENABLED BIT(0)

static void add_cpu(struct acpi_host *a, uint32_t apic_id, uint32_t uid, uint64_t flags)
{
	if (!(flags & MADT_CPU_ENABLED))
		return;
	for (uint32_t i = 0; i < a->cpu_count; i++)
		if (a->cpus[i].apic_id == apic_id)
			return; /* listed as LAPIC and as x2APIC */
	if (a->cpu_count == ACPI_CPUS)
		a->cpus_lost++;
	else
		a->cpus[a->cpu_count++] = (struct acpi_cpu){apic_id, uid, 0};
}

static void add_override(struct acpi_host *a, const uint8_t *p, uint32_t n)
{
	uint64_t flags = get(p, n, 8, 2); /* MPS INTI flags: polarity 1:0, trigger 3:2 */

	if (a->override_count == ACPI_OVERRIDES)
		return;
	a->overrides[a->override_count++] = (struct acpi_override){
		.isa = (uint8_t)get(p, n, 3, 1),
		.gsi = (uint32_t)get(p, n, 4, 4),
		.active_low = field_get(flags, BITS(1, 0)) == 3,
		.level = field_get(flags, BITS(3, 2)) == 3,
	};
}

static void read_madt_entry(const uint8_t *p, uint32_t n, struct acpi_host *a)
{
	switch (p[0]) {
	case MADT_LAPIC:
		if (get(p, n, 3, 1) != 0xff)
			add_cpu(a, (uint32_t)get(p, n, 3, 1), (uint32_t)get(p, n, 2, 1),
				get(p, n, 4, 4));
		break;
	case MADT_X2APIC:
		add_cpu(a, (uint32_t)get(p, n, 4, 4), (uint32_t)get(p, n, 12, 4), get(p, n, 8, 4));
		break;
	case MADT_IOAPIC:
		if (a->ioapic_count < ACPI_IOAPICS)
			a->ioapics[a->ioapic_count++] = (struct acpi_ioapic){
				.id = (uint8_t)get(p, n, 2, 1),
				.base = get(p, n, 4, 4),
				.gsi = (uint32_t)get(p, n, 8, 4),
			};
		break;
	case MADT_OVERRIDE:
		add_override(a, p, n);
		break;
	case MADT_LAPIC_ADDRESS:
		a->lapic_base = get(p, n, 4, 8);
		break;
	}
}

static void read_madt(const uint8_t *p, uint32_t size, struct acpi_host *a)
{
	a->found_madt = true;
	a->lapic_base = get(p, size, 36, 4);
	a->has_8259 = get(p, size, 40, 4) & MADT_PCAT_COMPAT;
	for (uint32_t at = 44; range_fits(at, 2, size);) {
		uint32_t n = p[at + 1];

		if (n < 2 || !range_fits(at, n, size))
			break;
		read_madt_entry(p + at, n, a);
		at += n;
	}
}

/* ---- FADT, 5.2.9: the extended (64-bit) field wins where it is not zero */

#define FADT_RESET_SUPPORTED  BIT(10)
#define FADT_TIMER_32BIT      BIT(8)
#define FADT_HARDWARE_REDUCED BIT(20)

static struct acpi_address fadt_block(const uint8_t *p, uint32_t size, uint32_t old,
				      uint32_t extended, uint8_t bits)
{
	struct acpi_address x = get_address(p, size, extended);

	if (x.address)
		return x;
	return (struct acpi_address){get(p, size, old, 4), ACPI_SPACE_IO, bits};
}

static void read_fadt(const uint8_t *p, uint32_t size, struct acpi_host *a)
{
	uint64_t flags = get(p, size, 112, 4);

	a->found_fadt = true;
	a->sci = (uint16_t)get(p, size, 46, 2);
	a->smi_command = (uint32_t)get(p, size, 48, 4);
	a->acpi_enable = (uint8_t)get(p, size, 52, 1);
	a->pm1a_control = fadt_block(p, size, 64, 172, 16);
	a->pm1b_control = fadt_block(p, size, 68, 184, 16);
	a->pm_timer = fadt_block(p, size, 76, 208, 32);
	a->reset = get_address(p, size, 116);
	a->reset_value = (uint8_t)get(p, size, 128, 1);
	a->reset_supported = flags & FADT_RESET_SUPPORTED;
	a->pm_timer_32bit = flags & FADT_TIMER_32BIT;
	a->hardware_reduced = flags & FADT_HARDWARE_REDUCED;
	a->dsdt = get(p, size, 140, 8);
	if (!a->dsdt)
		a->dsdt = get(p, size, 40, 4);
}

/* ---- MCFG (PCI Firmware Specification 3.3, 4.1.2), SRAT 5.2.16, HPET (IA-PC HPET 1.0a, 3.2.4) */

static void read_mcfg(const uint8_t *p, uint32_t size, struct acpi_host *a)
{
	for (uint32_t at = 44; range_fits(at, 16, size) && a->segment_count < ACPI_SEGMENTS;
	     at += 16)
		a->segments[a->segment_count++] = (struct acpi_segment){
			.base = get(p, size, at, 8),
			.segment = (uint16_t)get(p, size, at + 8, 2),
			.first_bus = (uint8_t)get(p, size, at + 10, 1),
			.last_bus = (uint8_t)get(p, size, at + 11, 1),
		};
}

enum srat_type { SRAT_LAPIC = 0, SRAT_MEMORY = 1, SRAT_X2APIC = 2 };
#define SRAT_ENABLED BIT(0)

/* SRAT may precede MADT: affinities of CPUs are kept in a table of their own until both are
 * read. */
static struct {
	struct {
		uint32_t apic_id, node;
	} entries[ACPI_CPUS];
	uint32_t count;
} cpu_nodes;

static void add_cpu_node(uint32_t apic_id, uint32_t node, uint64_t flags)
{
	if (!(flags & SRAT_ENABLED) || cpu_nodes.count == ACPI_CPUS)
		return;
	cpu_nodes.entries[cpu_nodes.count].apic_id = apic_id;
	cpu_nodes.entries[cpu_nodes.count++].node = node;
}

static void read_srat_entry(const uint8_t *p, uint32_t n, struct acpi_host *a)
{
	switch (p[0]) {
	case SRAT_LAPIC:
		add_cpu_node((uint32_t)get(p, n, 3, 1),
			     (uint32_t)(get(p, n, 2, 1) | get(p, n, 9, 3) << 8), get(p, n, 4, 4));
		break;
	case SRAT_X2APIC:
		add_cpu_node((uint32_t)get(p, n, 8, 4), (uint32_t)get(p, n, 4, 4),
			     get(p, n, 12, 4));
		break;
	case SRAT_MEMORY:
		if ((get(p, n, 28, 4) & SRAT_ENABLED) && a->affinity_count < ACPI_AFFINITIES)
			a->affinities[a->affinity_count++] = (struct acpi_affinity){
				.node = (uint32_t)get(p, n, 2, 4),
				.base = get(p, n, 8, 8),
				.size = get(p, n, 16, 8),
			};
		break;
	}
}

static void read_srat(const uint8_t *p, uint32_t size, struct acpi_host *a)
{
	for (uint32_t at = 48; range_fits(at, 2, size);) {
		uint32_t n = p[at + 1];

		if (n < 2 || !range_fits(at, n, size))
			break;
		read_srat_entry(p + at, n, a);
		at += n;
	}
}

static void read_hpet(const uint8_t *p, uint32_t size, struct acpi_host *a)
{
	struct acpi_address base = get_address(p, size, 40);

	if (base.space == ACPI_SPACE_MEMORY && !a->hpet_base)
		a->hpet_base = base.address;
}

static void assign_nodes(struct acpi_host *a)
{
	for (uint32_t i = 0; i < a->cpu_count; i++)
		for (uint32_t k = 0; k < cpu_nodes.count; k++)
			if (cpu_nodes.entries[k].apic_id == a->cpus[i].apic_id)
				a->cpus[i].node = cpu_nodes.entries[k].node;
}

/* ---- the way to the tables, 5.2.5 to 5.2.8 */

void acpi_read_table(const uint8_t *p, uint32_t size, struct acpi_host *a)
{
	static const struct {
		char signature[5];
		void (*read)(const uint8_t *p, uint32_t size, struct acpi_host *a);
	} readers[] = {
		{"APIC", read_madt}, {"FACP", read_fadt}, {"MCFG", read_mcfg},
		{"SRAT", read_srat}, {"HPET", read_hpet},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(readers); i++)
		if (!memcmp(p, readers[i].signature, 4))
			readers[i].read(p, size, a);
}

/* A whole table at `phys`, its checksum verified; NULL if it is none. */
static const uint8_t *map_table(uint64_t phys, acpi_map *map, uint32_t *size)
{
	const uint8_t *p = phys ? map(phys, HEADER_SIZE) : NULL;

	if (!p)
		return NULL;
	memcpy(size, p + 4, sizeof(*size));
	if (*size < HEADER_SIZE || *size > TABLE_LIMIT)
		return NULL;
	p = map(phys, *size);
	if (p && checksum8(p, *size)) {
		log_warning("ACPI table %.4s at %#llx has a bad checksum and is ignored",
			    (const char *)p, (unsigned long long)phys);
		return NULL;
	}
	return p;
}

/* Whether the core reads this table: others are not worth their checksum. */
static bool wanted(uint64_t phys, acpi_map *map)
{
	static const char signatures[] = "APICFACPMCFGSRATHPET";
	const void *p = phys ? map(phys, HEADER_SIZE) : NULL;

	for (unsigned int i = 0; p && i < sizeof(signatures) - 1; i += 4)
		if (!memcmp(p, signatures + i, 4))
			return true;
	return false;
}

static enum status read_root(uint64_t phys, const char *signature, uint32_t entry_size,
			     acpi_map *map, struct acpi_host *a)
{
	uint32_t size, table_size;
	const uint8_t *root = map_table(phys, map, &size);

	if (!root || memcmp(root, signature, 4))
		return trace_error(STATUS_CORRUPT);
	for (uint32_t at = HEADER_SIZE; range_fits(at, entry_size, size); at += entry_size) {
		uint64_t where = get(root, size, at, entry_size);
		const uint8_t *table =
			wanted(where, map) ? map_table(where, map, &table_size) : NULL;

		if (table)
			acpi_read_table(table, table_size, a);
	}
	return STATUS_OK;
}

enum status acpi_read(const uint8_t *rsdp, uint32_t rsdp_size, acpi_map *map, struct acpi_host *a)
{
	uint64_t xsdt = 0;
	enum status s = STATUS_CORRUPT;

	memset(a, 0, sizeof(*a));
	cpu_nodes.count = 0;
	if (rsdp_size < 20 || memcmp(rsdp, "RSD PTR ", 8) || checksum8(rsdp, 20))
		return trace_error(STATUS_CORRUPT);
	/* 5.2.5.3: revision 2 and later have the XSDT, and a second checksum. */
	if (rsdp[15] >= 2 && rsdp_size >= 36 && !checksum8(rsdp, 36))
		xsdt = get(rsdp, rsdp_size, 24, 8);
	if (xsdt)
		s = read_root(xsdt, "XSDT", 8, map, a);
	if (s)
		s = read_root(get(rsdp, rsdp_size, 16, 4), "RSDT", 4, map, a);
	if (s)
		return s;
	assign_nodes(a);
	return a->found_madt && a->cpu_count ? STATUS_OK : trace_error(STATUS_CORRUPT);
}

/*
 * Name (_S5_, Package (n) { SLP_TYPa, SLP_TYPb, ... }): the four letters, PackageOp 0x12, PkgLength
 * (ACPI 6.5 20.2.4: bits 7:6 of its first byte count the bytes that follow), number of elements,
 * and the first element as an integer constant.
 */
enum status acpi_find_s5(const uint8_t *dsdt, uint32_t size, uint8_t *slp_typ)
{
	for (uint32_t at = HEADER_SIZE; range_fits(at, 5, size); at++) {
		uint64_t element;
		uint32_t next;

		if (memcmp(dsdt + at, "_S5_", 4) || dsdt[at + 4] != 0x12)
			continue;
		next = at + 6 + (uint32_t)field_get(get(dsdt, size, at + 5, 1), BITS(7, 6)) + 1;
		element = get(dsdt, size, next, 2);
		if ((element & 0xff) == 0x0a) /* BytePrefix */
			element >>= 8;
		else if ((element & 0xff) > 1) /* ZeroOp and OneOp are their own value */
			continue;
		*slp_typ = (uint8_t)element & 7;
		return STATUS_OK;
	}
	return STATUS_NOT_FOUND;
}

struct acpi_override acpi_isa_interrupt(const struct acpi_host *a, uint8_t isa)
{
	for (uint32_t i = 0; i < a->override_count; i++)
		if (a->overrides[i].isa == isa)
			return a->overrides[i];
	return (struct acpi_override){.gsi = isa, .isa = isa};
}
