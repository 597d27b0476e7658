/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platform/ is the machine as its firmware describes it: memory map, static ACPI tables, PCI
 * functions, power. It knows no guest, and of the blob only what it compares the machine with.
 *
 * memory_map.h: the map as it was handed off, and what of it is free.
 */
#ifndef CORE_PLATFORM_MEMORY_MAP_H
#define CORE_PLATFORM_MEMORY_MAP_H

#include "lib/status.h"
#include "mm/frames.h"

/* Types as in E820 (ACPI 6.5, table 15.4); multiboot2 and PVH use the same numbers. */
enum memory_map_type {
	MAP_RAM = 1,
	MAP_RESERVED = 2,
	MAP_ACPI = 3, /* reclaimable: tables */
	MAP_NVS = 4,
	MAP_UNUSABLE = 5,
	MAP_PMEM = 7,
};

struct memory_map_entry {
	uint64_t base;
	uint64_t size;
	uint32_t type;
};

#define MEMORY_MAP_ENTRIES 256

struct memory_map {
	struct memory_map_entry entries[MEMORY_MAP_ENTRIES];
	uint32_t count;
	uint32_t lost; /* entries for which there was no room */
};

/* Appends what firmware reported; empty and wrapping entries are dropped. */
void memory_map_add(struct memory_map *m, uint64_t base, uint64_t size, uint32_t type);

/* Sorts by address. */
void memory_map_sort(struct memory_map *m);

/* Whether [base, base + size) is RAM by this map and touches no entry of another type. */
bool memory_map_is_ram(const struct memory_map *m, uint64_t base, uint64_t size);

/*
 * Gives to `f` all RAM, whole 4 KiB pages, without what other entries claim (firmware maps overlap;
 * RAM loses). Pieces that find no room in `f` stay unused.
 */
MUST_USE enum status memory_map_give(const struct memory_map *m, struct frames *f);

/* A 4 KiB page below 1 MiB (and above 4 KiB) for the start of other CPUs, that holds nothing of
 * firmware. */
MUST_USE enum status memory_map_start_page(const struct memory_map *m, uint64_t *phys);

/* RAM of the whole map, bytes. */
uint64_t memory_map_ram(const struct memory_map *m);

/* One line each to the log. */
void memory_map_log(const struct memory_map *m);

#endif
