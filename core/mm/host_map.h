/* SPDX-License-Identifier: Apache-2.0 */
/* The core's own address space (see mm/layout.h): made once at boot, the same on all CPUs. */
#ifndef CORE_MM_HOST_MAP_H
#define CORE_MM_HOST_MAP_H

#include "lib/status.h"
#include "mm/frames.h"
#include "mm/layout.h"
#include "mm/ptab.h"

/*
 * Builds the final tables from the pool of machine_frames: the image by sections (W^X), and
 * `ranges` of memory in the direct map, read-write. `blob` (may be empty) becomes read-only. Does
 * not load them: see host_map_load().
 */
MUST_USE enum status host_map_build(const struct memory_range *ranges, uint32_t count,
				    const struct memory_range *blob, bool has_1g);

/* This CPU uses the tables from now on. */
void host_map_load(void);
uint64_t host_map_root(void);

/* A window on device registers (type UC) or tables of firmware (type WB, read-only rights), for
 * as long as the core runs; `phys` and `size` need no alignment. At boot only: takes frames of
 * the pool for tables. */
MUST_USE enum status map_window(uint64_t phys, uint64_t size, struct ptab_attributes a, void **p);
/* Registers: uncached, read and write. */
MUST_USE enum status map_registers(uint64_t phys, uint64_t size, void **p);

/* Maps frames at a chosen place of the CPU areas. */
MUST_USE enum status host_map_area(uint64_t virt, uint64_t phys, uint64_t size);

#endif
