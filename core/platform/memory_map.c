/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's memory map: kept as firmware gave it, sorted; overlaps are settled when memory
 * is given away. */
#include "platform/memory_map.h"

#include "console/log.h"
#include "lib/bits.h"

void memory_map_add(struct memory_map *m, uint64_t base, uint64_t size, uint32_t type)
{
	if (!size || base + size < base)
		return;
	if (m->count == MEMORY_MAP_ENTRIES) {
		m->lost++;
		return;
	}
	m->entries[m->count++] = (struct memory_map_entry){base, size, type};
}

void memory_map_sort(struct memory_map *m)
{
	for (uint32_t i = 1; i < m->count; i++) {
		struct memory_map_entry e = m->entries[i];
		uint32_t at = i;

		for (; at && m->entries[at - 1].base > e.base; at--)
			m->entries[at] = m->entries[at - 1];
		m->entries[at] = e;
	}
}

bool memory_map_is_ram(const struct memory_map *m, uint64_t base, uint64_t size)
{
	uint64_t covered = 0;

	for (uint32_t i = 0; i < m->count; i++) {
		const struct memory_map_entry *e = &m->entries[i];
		uint64_t low = max_of(e->base, base), high = min_of(e->base + e->size, base + size);

		if (high <= low)
			continue;
		if (e->type != MAP_RAM)
			return false;
		covered += high - low;
	}
	return covered >= size;
}

enum status memory_map_give(const struct memory_map *m, struct frames *f)
{
	enum status s = STATUS_OK;

	for (uint32_t i = 0; !s && i < m->count; i++)
		if (m->entries[i].type == MAP_RAM)
			s = frames_add(f, m->entries[i].base, m->entries[i].size);
	for (uint32_t i = 0; !s && i < m->count; i++)
		if (m->entries[i].type != MAP_RAM)
			s = frames_exclude(f, m->entries[i].base, m->entries[i].size);
	return s;
}

enum status memory_map_start_page(const struct memory_map *m, uint64_t *phys)
{
	/* Not the first page (real-mode vectors, BIOS data) and nothing from 0xa0000 up (SDM v3
	 * 9.4.4: a page below 1 MiB that the vector of SIPI can name). */
	for (uint64_t page = 0x9f000; page >= 0x1000; page -= PAGE_SIZE) {
		if (memory_map_is_ram(m, page, PAGE_SIZE)) {
			*phys = page;
			return STATUS_OK;
		}
	}
	return trace_error(STATUS_NOT_FOUND);
}

uint64_t memory_map_ram(const struct memory_map *m)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < m->count; i++)
		if (m->entries[i].type == MAP_RAM)
			sum += m->entries[i].size;
	return sum;
}

void memory_map_log(const struct memory_map *m)
{
	static const char *const names[] = {
		[MAP_RAM] = "RAM",	 [MAP_RESERVED] = "reserved", [MAP_ACPI] = "ACPI tables",
		[MAP_NVS] = "ACPI NVS",	 [MAP_UNUSABLE] = "unusable", [MAP_PMEM] = "persistent",
	};

	for (uint32_t i = 0; i < m->count; i++) {
		const struct memory_map_entry *e = &m->entries[i];
		const char *name = e->type < ARRAY_SIZE(names) ? names[e->type] : NULL;

		log_debug("memory %#014llx-%#014llx %s", (unsigned long long)e->base,
			  (unsigned long long)(e->base + e->size - 1), name ? name : "other");
	}
	if (m->lost)
		log_warning("%u entries of the memory map had no room and are ignored", m->lost);
}
