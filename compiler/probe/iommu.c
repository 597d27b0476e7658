/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IOMMUs and the memory that devices keep using: DMAR (VT-d 4.1, chapter 8) and IVRS (AMD I/O
 * Virtualization specification 3.09, chapter 5.2). Both name functions by where they are, VT-d by the
 * bridges on the way there; what is named and not there is left out.
 */
#include "probe/probe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

enum { HEADER = 36, MOST_UNITS = 256, MOST_RESERVED = 1024, MOST_DEVICES = 4096, SECONDARY_BUS = 0x19 };

static const char *address_text(struct arena *arena, uint32_t segment, uint32_t bus, uint32_t function)
{
	return arena_printf(arena, "%04x:%02x:%02x.%x", segment & 0xffff, bus & 0xff, function >> 3 & 31, function & 7);
}

static const struct host_pci *function_at(const struct probe *p, const char *address)
{
	size_t low = 0, high = p->platform->pci.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(p->platform->pci.items[middle].address.value, address);

		if (!order)
			return &p->platform->pci.items[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* ------------------------------------------------------------------------------------- VT-d */

/* Where a device scope leads: over the secondary bus of each bridge on its path. */
static const char *scope_address(struct probe *p, struct bytes scope, uint32_t segment)
{
	uint32_t bus = bytes_u8(scope, 5);
	const char *address = NULL;

	for (size_t at = 6; at + 2 <= scope.size; at += 2) {
		struct bytes config = { 0 };

		if (address) {
			tree_read(p->tree, arena_printf(p->arena, "sys/bus/pci/devices/%s/config", address), 64, &config);
			bus = bytes_u8(config, SECONDARY_BUS);
			if (!bus)
				return NULL;
		}
		address = address_text(p->arena, segment, bus,
				       (uint32_t)bytes_u8(scope, at) << 3 | (bytes_u8(scope, at + 1) & 7));
	}
	return address && function_at(p, address) ? address : NULL;
}

#define ADD_ADDRESS(p, list, address_)                                                             \
	do {                                                                                       \
		if ((list)->count < MOST_DEVICES) {                                                \
			__typeof__((list)->items) new_ = vector_add((p)->arena, (list));           \
			FOUND(*new_, (address_));                                                  \
		}                                                                                  \
	} while (0)

/* Scopes from `at` to the end; a macro because the two lists have types of their own. */
#define READ_SCOPES(p, item, at_, segment, list)                                                   \
	do {                                                                                       \
		for (size_t i_ = (at_); bytes_hold((item), i_, 6) && bytes_u8((item), i_ + 1) >= 6; \
		     i_ += bytes_u8((item), i_ + 1)) {                                             \
			struct bytes scope_ = bytes_part((item), i_, bytes_u8((item), i_ + 1));    \
			const char *address_ = bytes_u8(scope_, 0) <= 2                            \
						       ? scope_address((p), scope_, (segment))     \
						       : NULL;                                     \
			if (address_)                                                              \
				ADD_ADDRESS((p), (list), address_);                                \
		}                                                                                  \
	} while (0)

static struct host_iommu *add_unit(struct probe *p, enum iommu_unit kind, uint64_t base, uint32_t segment)
{
	struct host_iommu *unit;

	if (!base || !probe_fits(base, 1) || p->platform->iommus.count == MOST_UNITS) {
		probe_note(p, "iommus", "a unit at 0x%" PRIx64 " makes no sense and was left out", base);
		return NULL;
	}
	unit = vector_add(p->arena, &p->platform->iommus);
	FOUND(unit->kind, kind);
	FOUND(unit->base, base);
	FOUND(unit->segment, segment);
	return unit;
}

static struct host_reserved *add_reserved(struct probe *p, enum reserved_by by, uint64_t base, uint64_t size)
{
	struct host_reserved *reserved;

	if (!probe_fits(base, size) || p->platform->reserved.count == MOST_RESERVED) {
		probe_note(p, "reserved", "a range at 0x%" PRIx64 " makes no sense and was left out", base);
		return NULL;
	}
	reserved = vector_add(p->arena, &p->platform->reserved);
	FOUND(reserved->range.base, base);
	FOUND(reserved->range.size, size);
	FOUND(reserved->by, by);
	return reserved;
}

static void read_dmar_item(struct probe *p, struct bytes item, bool remaps)
{
	enum { DRHD, RMRR };
	uint32_t segment = bytes_u16(item, 6);
	struct host_reserved *reserved;
	struct host_iommu *unit;

	if (bytes_u16(item, 0) == DRHD) {
		unit = add_unit(p, IOMMU_UNIT_VT_D, bytes_u64(item, 8), segment);
		if (!unit)
			return;
		FOUND(unit->all, bytes_u8(item, 4) & 1);
		FOUND(unit->interrupt_remapping, remaps);
		READ_SCOPES(p, item, 16, segment, &unit->devices);
	} else if (bytes_u16(item, 0) == RMRR) {
		reserved = add_reserved(p, RESERVED_BY_RMRR, bytes_u64(item, 8),
					bytes_u64(item, 16) - bytes_u64(item, 8) + 1);
		if (reserved)
			READ_SCOPES(p, item, 24, segment, &reserved->devices);
	}
}

static void read_dmar(struct probe *p, struct bytes table)
{
	enum { INTERRUPT_REMAPPING = 1 };
	bool remaps = bytes_u8(table, HEADER + 1) & INTERRUPT_REMAPPING;

	for (size_t at = HEADER + 12; bytes_hold(table, at, 4);) {
		uint32_t length = bytes_u16(table, at + 2);

		if (length < 16 || !bytes_hold(table, at, length)) {
			probe_note(p, "iommus", "the DMAR table ends in the middle of a structure");
			return;
		}
		read_dmar_item(p, bytes_part(table, at, length), remaps);
		at += length;
	}
}

/* ----------------------------------------------------------------------------------- AMD-Vi */

/* All functions from one requester id to another that are there. */
static void add_functions(struct probe *p, struct host_iommu *unit, uint32_t segment, uint32_t first, uint32_t last)
{
	const char *from = address_text(p->arena, segment, first >> 8, first & 0xff);
	const char *to = address_text(p->arena, segment, last >> 8, last & 0xff);

	for (size_t i = 0; i < p->platform->pci.count; i++) {
		const char *address = p->platform->pci.items[i].address.value;

		if (strcmp(address, from) >= 0 && strcmp(address, to) <= 0)
			ADD_ADDRESS(p, &unit->devices, address);
	}
}

/* Entries of 4, 8 or more bytes: type, requester id, settings. The last two bits of 0..63 say the size. */
static void read_ivhd_devices(struct probe *p, struct host_iommu *unit, struct bytes item, size_t at)
{
	enum { ALL = 1, SELECT = 2, RANGE_START = 3, RANGE_END = 4 };
	uint32_t start = 0, segment = unit->segment.value;

	while (bytes_hold(item, at, 4)) {
		uint8_t type = bytes_u8(item, at);
		uint32_t id = bytes_u16(item, at + 1);

		if (type == ALL)
			FOUND(unit->all, true);
		else if (type == SELECT)
			add_functions(p, unit, segment, id, id);
		else if (type == RANGE_START)
			start = id;
		else if (type == RANGE_END && !start && id >= 0xff00)
			FOUND(unit->all, true);
		else if (type == RANGE_END)
			add_functions(p, unit, segment, start, id);
		if (type >= 0xf0) /* named by ACPI: 22 bytes and the name */
			at += 22u + bytes_u8(item, at + 21);
		else
			at += type < 64 ? 4 : 8;
	}
}

/* One unit has up to three blocks, for older and newer systems, of which the first is read. */
static void read_ivhd(struct probe *p, struct bytes item)
{
	enum { IVHD_BASIC = 0x10 };
	uint64_t base = bytes_u64(item, 8);
	uint32_t segment = bytes_u16(item, 16);
	struct host_iommu *unit;
	const char *address;

	for (size_t i = 0; i < p->platform->iommus.count; i++)
		if (p->platform->iommus.items[i].base.value == base)
			return;
	unit = add_unit(p, IOMMU_UNIT_AMD_VI, base, segment);
	if (!unit)
		return;
	FOUND(unit->interrupt_remapping, true);
	address = address_text(p->arena, segment, bytes_u16(item, 4) >> 8, bytes_u16(item, 4) & 0xff);
	if (function_at(p, address))
		FOUND(unit->address, address);
	read_ivhd_devices(p, unit, item, bytes_u8(item, 0) == IVHD_BASIC ? 24 : 40);
}

static void read_ivmd(struct probe *p, struct bytes item)
{
	enum { ALL = 0x20, SELECT = 0x21, RANGE = 0x22 };
	uint32_t first = bytes_u16(item, 4), last = first;
	struct host_reserved *reserved = add_reserved(p, RESERVED_BY_IVMD, bytes_u64(item, 16), bytes_u64(item, 24));

	if (!reserved || bytes_u8(item, 0) == ALL)
		return;
	if (bytes_u8(item, 0) == RANGE)
		last = bytes_u16(item, 6);
	for (size_t i = 0; i < p->platform->pci.count; i++) {
		const char *address = p->platform->pci.items[i].address.value;

		if (strcmp(address, address_text(p->arena, 0, first >> 8, first & 0xff)) >= 0 &&
		    strcmp(address, address_text(p->arena, 0, last >> 8, last & 0xff)) <= 0)
			ADD_ADDRESS(p, &reserved->devices, address);
	}
}

static void read_ivrs(struct probe *p, struct bytes table)
{
	for (size_t at = HEADER + 12; bytes_hold(table, at, 4);) {
		uint32_t length = bytes_u16(table, at + 2);
		uint8_t type = bytes_u8(table, at);
		struct bytes item = bytes_part(table, at, length);

		if (length < 24 || !bytes_hold(table, at, length)) {
			probe_note(p, "iommus", "the IVRS table ends in the middle of a structure");
			return;
		}
		if (type == 0x10 || type == 0x11 || type == 0x40)
			read_ivhd(p, item);
		else if (type >= 0x20 && type <= 0x22 && length >= 32)
			read_ivmd(p, item);
		at += length;
	}
}

void probe_iommu(struct probe *p)
{
	struct bytes table;

	if (!p->tables)
		return;
	p->platform->iommus_known.origin = ORIGIN_SET;
	if (probe_table(p, "DMAR", &table))
		read_dmar(p, table);
	if (probe_table(p, "IVRS", &table))
		read_ivrs(p, table);
	if (!p->platform->iommus.count)
		probe_note(p, "iommus", "the firmware describes none, or it is turned off in its setup");
}
