/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's memory for host tests: RAM at 0, a second piece behind it, ROM, and a range with
 * nothing in it. */
#ifndef TESTS_GUEST_RAM_H
#define TESTS_GUEST_RAM_H

#include "space/memory.h"

#define RAM_SIZE  (64 * 4096ull) /* [0, RAM_SIZE) in two pieces of different host memory */
#define RAM_SPLIT (16 * 4096ull)
#define ROM_BASE  0x100000ull /* 4 KiB */
#define HOLE_BASE 0x200000ull /* 4 KiB, reserved */

extern struct memory guest_ram;
extern uint8_t guest_ram_low[RAM_SPLIT], guest_ram_high[RAM_SIZE - RAM_SPLIT], guest_rom[4096];

/* Everything zero, no write guard. */
void guest_ram_reset(void);

/* Bytes of RAM at a guest physical address, not across RAM_SPLIT. */
void *guest_ram_at(uint64_t gpa);

#endif
