/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mm/ is frames and page tables: who owns each 4 KiB of the machine, and every table format there
 * is. It knows no blob, no guest and no device.
 *
 * The core's address space, four levels, fixed:
 *
 *	0xffff800000000000  direct map: all memory of the machine, at this distance, no execution
 *	0xffffc00000000000  windows: device registers and firmware tables, made by map_window()
 *	0xffffd00000000000  CPU areas: stacks with unmapped guard pages below
 *	0xffffffff80000000  the image: text read-execute, rodata read, data read-write
 *
 * Assembly includes this too.
 */
#ifndef CORE_MM_LAYOUT_H
#define CORE_MM_LAYOUT_H

#define DIRECT_MAP_BASE 0xffff800000000000
#define DIRECT_MAP_SIZE 0x400000000000 /* 64 TiB */
#define WINDOW_BASE	0xffffc00000000000
#define WINDOW_SIZE	0x10000000000
#define CPU_AREA_BASE	0xffffd00000000000
#define IMAGE_BASE	0xffffffff80000000

#ifndef __ASSEMBLER__
#include "lib/types.h"

/* The direct map: valid for RAM of the machine and for what frames.c hands out. */
static inline void *phys_to_virt(uint64_t phys)
{
	return (void *)(uintptr_t)(DIRECT_MAP_BASE + phys);
}

/* Where the first byte of the image lies. */
extern uint64_t image_phys;

/* Of an address in the direct map or in the image; windows and CPU areas have no such inverse. */
static inline uint64_t virt_to_phys(const void *p)
{
	uint64_t v = (uint64_t)(uintptr_t)p;

	return v >= IMAGE_BASE ? v - IMAGE_BASE + image_phys : v - DIRECT_MAP_BASE;
}
#endif
#endif
