/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The firmware's static tables, as /sys/firmware/acpi/tables has them: a table is a header of 36
 * bytes (signature, length, revision, sum ...), its own fields, and mostly a list of structures that
 * begin with type and length. ACPI 6.5, chapter 5.2.
 */
#include "probe/probe.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

enum { HEADER = 36, MOST_CPUS = 4096, MOST_NODES = 1024, MOST_LIST = 256 };

bool probe_table(struct probe *p, const char *signature, struct bytes *table)
{
	const char *path = arena_printf(p->arena, "sys/firmware/acpi/tables/%s", signature);
	uint32_t length;
	uint8_t sum = 0;

	if (!tree_read(p->tree, path, TREE_FILE, table))
		return false;
	length = bytes_u32(*table, 4);
	if (table->size < HEADER || memcmp(table->data, signature, 4) || length < HEADER || length > table->size) {
		probe_note(p, signature, "the ACPI table is damaged and was not read");
		return false;
	}
	table->size = length;
	for (size_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + table->data[i]);
	if (sum)
		probe_note(p, signature, "the sum of the ACPI table is wrong; it was read nevertheless");
	return true;
}

/* The next structure of a list; false at its end. Length is the second byte, or two from the third. */
static bool next(struct bytes table, size_t *at, unsigned int width, struct bytes *item)
{
	uint64_t length = width == 1 ? bytes_u8(table, *at + 1) : bytes_u16(table, *at + 2);

	if (length < 4u || !bytes_hold(table, *at, length))
		return false;
	*item = bytes_part(table, *at, length);
	*at += length;
	return true;
}

/* ------------------------------------------------------------------------------------- MADT */

static void add_cpu(struct probe *p, uint32_t apic_id, uint32_t flags)
{
	struct platform *platform = p->platform;
	struct host_cpu *cpu;

	if (!(flags & 1) || apic_id == UINT32_MAX || platform->cpu_list.count == MOST_CPUS)
		return;
	for (size_t i = 0; i < platform->cpu_list.count; i++) {
		if (platform->cpu_list.items[i].apic_id.value != apic_id)
			continue;
		probe_note(p, "cpus", "the MADT lists APIC id %u twice", apic_id);
		return;
	}
	cpu = vector_add(p->arena, &platform->cpu_list);
	FOUND(cpu->apic_id, apic_id);
}

static void add_ioapic(struct probe *p, struct bytes item)
{
	struct host_ioapic *ioapic;

	if (p->platform->ioapics.count == MOST_LIST || bytes_u32(item, 8) > 65535)
		return;
	ioapic = vector_add(p->arena, &p->platform->ioapics);
	FOUND(ioapic->id, bytes_u8(item, 2));
	FOUND(ioapic->base, bytes_u32(item, 4));
	FOUND(ioapic->first_interrupt, bytes_u32(item, 8));
}

static void set_local_apic(struct probe *p, uint64_t base)
{
	if (base && base % 4096 == 0 && probe_fits(base, 4096))
		FOUND(p->platform->local_apic, base);
}

static void read_madt(struct probe *p, struct bytes table)
{
	enum { LOCAL_APIC, IO_APIC, LOCAL_APIC_ADDRESS = 5, LOCAL_X2APIC = 9 };
	size_t at = HEADER + 8;
	struct bytes item;

	set_local_apic(p, bytes_u32(table, HEADER));
	while (next(table, &at, 1, &item)) {
		switch (bytes_u8(item, 0)) {
		case LOCAL_APIC:
			/* 255 fills the slots of CPUs that are not there. */
			if (bytes_u8(item, 3) != 255)
				add_cpu(p, bytes_u8(item, 3), bytes_u32(item, 4));
			break;
		case LOCAL_X2APIC:
			add_cpu(p, bytes_u32(item, 4), bytes_u32(item, 8));
			break;
		case IO_APIC:
			add_ioapic(p, item);
			break;
		case LOCAL_APIC_ADDRESS:
			set_local_apic(p, bytes_u64(item, 4));
			break;
		}
	}
}

/* ------------------------------------------------------------------------------ SRAT, SLIT */

/* The node of a proximity domain, which need not be numbered from 0; -1: too many. */
static int node_of(struct probe *p, uint32_t domain)
{
	for (size_t i = 0; i < p->domains.count; i++)
		if (p->domains.items[i] == domain)
			return (int)i;
	return -1;
}

static void add_domain(struct probe *p, uint32_t domain)
{
	size_t at = p->domains.count;

	if (at == MOST_NODES || node_of(p, domain) >= 0)
		return;
	vector_push(p->arena, &p->domains, domain);
	for (; at && p->domains.items[at - 1] > domain; at--)
		p->domains.items[at] = p->domains.items[at - 1];
	p->domains.items[at] = domain;
}

struct affinity {
	enum { AFFINITY_OTHER, AFFINITY_CPU, AFFINITY_MEMORY } kind;
	uint32_t domain, apic_id, flags;
	uint64_t base, size;
};

static struct affinity read_affinity(struct bytes item)
{
	uint32_t long_domain = bytes_u8(item, 2) | bytes_u16(item, 9) << 8 | (uint32_t)bytes_u8(item, 11) << 24;

	switch (bytes_u8(item, 0)) {
	case 0: /* local APIC */
		return (struct affinity){ .kind = AFFINITY_CPU, .domain = long_domain,
					  .apic_id = bytes_u8(item, 3), .flags = bytes_u32(item, 4) };
	case 1: /* memory */
		return (struct affinity){ .kind = AFFINITY_MEMORY, .domain = bytes_u32(item, 2),
					  .base = bytes_u64(item, 8), .size = bytes_u64(item, 16),
					  .flags = bytes_u32(item, 28) };
	case 2: /* local x2APIC */
		return (struct affinity){ .kind = AFFINITY_CPU, .domain = bytes_u32(item, 4),
					  .apic_id = bytes_u32(item, 8), .flags = bytes_u32(item, 12) };
	default:
		return (struct affinity){ .kind = AFFINITY_OTHER };
	}
}

/* Room for memory that may be plugged in later is no memory. */
static bool has_ram(const struct platform *platform, uint64_t base, uint64_t size)
{
	for (size_t i = 0; i < platform->memory_map.count; i++) {
		const struct host_memory *m = &platform->memory_map.items[i];

		if (m->kind.value == RANGE_KIND_RAM && m->range.base.value < base + size &&
		    base < m->range.base.value + m->range.size.value)
			return true;
	}
	return !platform->memory_map.count;
}

static bool overlaps_node(const struct platform *platform, uint64_t base, uint64_t size)
{
	for (size_t i = 0; i < platform->nodes.count; i++)
		for (size_t j = 0; j < platform->nodes.items[i].memory.count; j++) {
			const struct host_range *r = &platform->nodes.items[i].memory.items[j];

			if (r->base.value < base + size && base < r->base.value + r->size.value)
				return true;
		}
	return false;
}

static void place_memory(struct probe *p, struct host_node *node, const struct affinity *a)
{
	enum { NON_VOLATILE = 4, MOST = 256 };
	struct host_range *range;

	if (a->flags & NON_VOLATILE || !probe_fits(a->base, a->size) || node->memory.count == MOST ||
	    !has_ram(p->platform, a->base, a->size))
		return;
	if (overlaps_node(p->platform, a->base, a->size)) {
		probe_note(p, "nodes", "the SRAT gives 0x%" PRIx64 " to two nodes", a->base);
		return;
	}
	range = vector_add(p->arena, &node->memory);
	FOUND(range->base, a->base);
	FOUND(range->size, a->size);
}

static void place_cpu(struct platform *platform, uint32_t node, const struct affinity *a)
{
	for (size_t i = 0; i < platform->cpu_list.count; i++)
		if (platform->cpu_list.items[i].apic_id.value == a->apic_id)
			FOUND(platform->cpu_list.items[i].node, node);
}

/* Twice over the table: nodes first, so that they are in the order of their domains. */
static void read_srat(struct probe *p, struct bytes table)
{
	size_t at;
	struct bytes item;

	for (at = HEADER + 12; next(table, &at, 1, &item);) {
		struct affinity a = read_affinity(item);

		if (a.kind != AFFINITY_OTHER && a.flags & 1)
			add_domain(p, a.domain);
	}
	for (size_t i = 0; i < p->domains.count; i++)
		vector_add(p->arena, &p->platform->nodes)->where.origin = ORIGIN_SET;
	for (at = HEADER + 12; next(table, &at, 1, &item);) {
		struct affinity a = read_affinity(item);
		int node = a.flags & 1 ? node_of(p, a.domain) : -1;

		if (node >= 0 && a.kind == AFFINITY_MEMORY)
			place_memory(p, &p->platform->nodes.items[node], &a);
		if (node >= 0 && a.kind == AFFINITY_CPU)
			place_cpu(p->platform, (uint32_t)node, &a);
	}
}

static void read_slit(struct probe *p, struct bytes table)
{
	uint64_t count = bytes_u64(table, HEADER);
	struct platform *platform = p->platform;

	for (size_t i = 0; i < p->domains.count; i++)
		if (p->domains.items[i] >= count || count > MOST_NODES || !bytes_hold(table, HEADER + 8, count * count)) {
			probe_note(p, "nodes", "the SLIT does not fit the SRAT: no distances");
			return;
		}
	for (size_t i = 0; i < platform->nodes.count; i++)
		for (size_t j = 0; j < platform->nodes.count; j++) {
			__typeof__(platform->nodes.items[i].distances.items) distance =
				vector_add(p->arena, &platform->nodes.items[i].distances);

			FOUND(*distance, bytes_u8(table, HEADER + 8 + count * p->domains.items[i] + p->domains.items[j]));
		}
}

/* ------------------------------------------------------------------- MCFG, HPET, NFIT, _S5_ */

static void read_mcfg(struct probe *p, struct bytes table)
{
	for (size_t at = HEADER + 8; bytes_hold(table, at, 16) && p->platform->ecam.count < MOST_LIST; at += 16) {
		struct host_ecam *ecam;

		if (!probe_fits(bytes_u64(table, at), 1) || bytes_u8(table, at + 10) > bytes_u8(table, at + 11)) {
			probe_note(p, "ecam", "an entry of the MCFG makes no sense and was left out");
			continue;
		}
		ecam = vector_add(p->arena, &p->platform->ecam);
		FOUND(ecam->base, bytes_u64(table, at));
		FOUND(ecam->segment, bytes_u16(table, at + 8));
		FOUND(ecam->first_bus, bytes_u8(table, at + 10));
		FOUND(ecam->last_bus, bytes_u8(table, at + 11));
	}
}

static void read_hpet(struct probe *p, struct bytes table)
{
	uint64_t base = bytes_u64(table, HEADER + 8);

	if (base && probe_fits(base, 1))
		FOUND(p->platform->hpet, base);
}

/* System physical address ranges of persistent memory: the GUID of ACPI 6.5, table 5.136. */
static void read_nfit(struct probe *p, struct bytes table)
{
	static const uint8_t persistent[16] = { 0x79, 0xd3, 0xf0, 0x66, 0xf3, 0xb4, 0x74, 0x40,
						0xac, 0x43, 0x0d, 0x33, 0x18, 0xb7, 0x8c, 0xdb };
	enum { SPA = 0, DOMAIN_VALID = 2 };
	size_t at = HEADER + 4;
	struct bytes item;

	while (next(table, &at, 2, &item) && p->platform->pmem.count < MOST_LIST) {
		struct host_pmem *pmem;
		int node = node_of(p, bytes_u32(item, 12));

		if (bytes_u16(item, 0) != SPA || item.size < 56 || memcmp(item.data + 16, persistent, 16))
			continue;
		if (!probe_fits(bytes_u64(item, 32), bytes_u64(item, 40))) {
			probe_note(p, "pmem", "a range of the NFIT makes no sense and was left out");
			continue;
		}
		pmem = vector_add(p->arena, &p->platform->pmem);
		FOUND(pmem->range.base, bytes_u64(item, 32));
		FOUND(pmem->range.size, bytes_u64(item, 40));
		if (bytes_u16(item, 6) & DOMAIN_VALID && node >= 0)
			FOUND(pmem->node, node);
	}
}

/* AML of `Name (_S5_, Package () { SLP_TYPa ...`: the first element is a byte, or the constant 0 or 1. */
static bool find_s5(struct probe *p, struct bytes aml)
{
	enum { NAME_OP = 0x08, PACKAGE_OP = 0x12, BYTE_PREFIX = 0x0a };

	for (size_t at = HEADER + 2; bytes_hold(aml, at, 16); at++) {
		size_t value = at + 5, type;

		if (memcmp(aml.data + at, "_S5_", 4) || aml.data[at + 4] != PACKAGE_OP ||
		    (aml.data[at - 1] != NAME_OP && (aml.data[at - 1] != '\\' || aml.data[at - 2] != NAME_OP)))
			continue;
		value += (size_t)(aml.data[value] >> 6) + 2; /* length of the package, its count */
		type = aml.data[value] == BYTE_PREFIX ? bytes_u8(aml, value + 1) : aml.data[value];
		if (type > 7)
			continue;
		FOUND(p->platform->s5_type, type);
		return true;
	}
	return false;
}

static void read_s5(struct probe *p)
{
	static const char folder[] = "sys/firmware/acpi/tables";
	const char **names;
	struct bytes aml;
	size_t count;

	if (probe_table(p, "DSDT", &aml) && find_s5(p, aml))
		return;
	count = tree_list(p->tree, folder, &names);
	for (size_t i = 0; i < count; i++)
		if (!strncmp(names[i], "SSDT", 4) &&
		    tree_read(p->tree, arena_printf(p->arena, "%s/%s", folder, names[i]), TREE_FILE, &aml) &&
		    find_s5(p, aml))
			return;
	probe_note(p, "s5-type", "no `_S5_` was found in DSDT and SSDTs; without it the core cannot power off");
}

void probe_acpi(struct probe *p)
{
	static const struct {
		const char *signature;
		void (*read)(struct probe *p, struct bytes table);
	} tables[] = {
		{ "APIC", read_madt }, { "SRAT", read_srat }, { "SLIT", read_slit },
		{ "MCFG", read_mcfg }, { "HPET", read_hpet }, { "NFIT", read_nfit },
	};
	struct bytes table;

	p->tables = probe_table(p, "FACP", &table);
	if (!p->tables) {
		probe_note(p, "sys/firmware/acpi/tables", "ACPI tables cannot be read (only root can, and only "
			   "where there are some): no nodes, IOMMUs, persistent memory and S5 type");
		return;
	}
	p->platform->pmem_known.origin = ORIGIN_SET;
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		if (probe_table(p, tables[i].signature, &table))
			tables[i].read(p, table);
	read_s5(p);
}
