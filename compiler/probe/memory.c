/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware's memory map: /sys/firmware/memmap as it was handed over, else what /proc/iomem made of it. */
#include "probe/probe.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_RANGES 1024
#define ADDRESS_END (1ull << 52)

/* Linux's names of E820 types (arch/x86/kernel/e820.c), the longer ones of equal beginning first. */
static const struct {
	const char *name;
	enum range_kind kind;
} kinds[] = {
	{ "System RAM", RANGE_KIND_RAM },
	{ "ACPI Tables", RANGE_KIND_ACPI },
	{ "ACPI Non-volatile Storage", RANGE_KIND_NVS },
	{ "Unusable memory", RANGE_KIND_UNUSABLE },
	{ "Persistent Memory", RANGE_KIND_PMEM },
	{ "Reserved", RANGE_KIND_RESERVED },
	{ "Soft Reserved", RANGE_KIND_RESERVED },
};

bool probe_fits(uint64_t base, uint64_t size)
{
	return size && base < ADDRESS_END && size <= ADDRESS_END - base;
}

static enum range_kind kind_of(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strncasecmp(name, kinds[i].name, strlen(kinds[i].name)))
			return kinds[i].kind;
	return RANGE_KIND_OTHER;
}

static void add(struct probe *p, uint64_t first, uint64_t last, enum range_kind kind)
{
	struct host_memory *memory;

	if (last < first || !probe_fits(first, last - first + 1)) {
		probe_note(p, "memory", "0x%" PRIx64 " to 0x%" PRIx64 " is no range", first, last);
		return;
	}
	if (p->platform->memory_map.count == MOST_RANGES)
		return;
	memory = vector_add(p->arena, &p->platform->memory_map);
	FOUND(memory->range.base, first);
	FOUND(memory->range.size, last - first + 1);
	FOUND(memory->kind, kind);
}

static void read_memmap(struct probe *p)
{
	static const char folder[] = "sys/firmware/memmap";
	const char **names;
	size_t count = tree_list(p->tree, folder, &names);

	for (size_t i = 0; i < count; i++) {
		const char *entry = arena_printf(p->arena, "%s/%s", folder, names[i]);
		const char *type = tree_line(p->tree, arena_printf(p->arena, "%s/type", entry));
		uint64_t first, last;

		if (type && tree_number(p->tree, arena_printf(p->arena, "%s/start", entry), &first) &&
		    tree_number(p->tree, arena_printf(p->arena, "%s/end", entry), &last))
			add(p, first, last, kind_of(type));
	}
}

/* Lines such as "00100000-bfffffff : System RAM"; what is indented lies within another range. */
static void read_iomem(struct probe *p)
{
	struct bytes bytes;
	const char *line;
	char name[40];

	if (!tree_read(p->tree, "proc/iomem", TREE_FILE, &bytes))
		return;
	for (line = (const char *)bytes.data; *line; line += *line != 0) {
		uint64_t first, last;

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " : %39[^\n]", &first, &last, name) == 3 &&
		    *line != ' ' && last && kind_of(name) != RANGE_KIND_OTHER)
			add(p, first, last, kind_of(name));
		line += strcspn(line, "\n");
	}
	if (p->platform->memory_map.count)
		probe_note(p, "memory", "from /proc/iomem: the kernel was built without "
					"/sys/firmware/memmap, and may have changed the map");
}

/* ------------------------------------------------------------------------------- in order */

static int by_base(const void *left, const void *right)
{
	const struct host_memory *a = left, *b = right;

	if (a->range.base.value != b->range.base.value)
		return a->range.base.value < b->range.base.value ? -1 : 1;
	return (int)a->kind.value - (int)b->kind.value;
}

static uint64_t end_of(const struct host_memory *memory)
{
	return memory->range.base.value + memory->range.size.value;
}

/* Firmware may list a range twice. What overlaps is cut off the later one; where one is no RAM, off the RAM. */
static void cut(struct probe *p, struct host_memory *low, struct host_memory *high)
{
	uint64_t end = end_of(high);

	probe_note(p, "memory", "ranges at 0x%" PRIx64 " and 0x%" PRIx64 " overlap in the firmware's map",
		   low->range.base.value, high->range.base.value);
	if (low->kind.value == RANGE_KIND_RAM && high->kind.value != RANGE_KIND_RAM) {
		low->range.size.value = high->range.base.value > low->range.base.value
						? high->range.base.value - low->range.base.value
						: 0;
		return;
	}
	high->range.base.value = end_of(low) < end ? end_of(low) : end;
	high->range.size.value = end - high->range.base.value;
}

static void put_in_order(struct probe *p)
{
	struct platform *platform = p->platform;
	size_t count = platform->memory_map.count, kept = 0;
	struct host_memory *list = platform->memory_map.items;

	if (count)
		qsort(list, count, sizeof(*list), by_base);
	for (size_t i = 0; i < count; i++) {
		while (kept && list[i].range.size.value && end_of(&list[kept - 1]) > list[i].range.base.value) {
			cut(p, &list[kept - 1], &list[i]);
			kept -= !list[kept - 1].range.size.value;
		}
		if (list[i].range.size.value)
			list[kept++] = list[i];
	}
	platform->memory_map.count = kept;
	for (size_t i = 0; i < kept; i++)
		if (list[i].kind.value == RANGE_KIND_RAM)
			platform->memory.value += list[i].range.size.value;
}

void probe_memory(struct probe *p)
{
	read_memmap(p);
	if (!p->platform->memory_map.count)
		read_iomem(p);
	put_in_order(p);
	if (!p->platform->memory_map.count)
		probe_note(p, "memory", "neither /sys/firmware/memmap nor /proc/iomem shows it (only "
					"root sees addresses in the latter)");
}
