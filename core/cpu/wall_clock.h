/* SPDX-License-Identifier: Apache-2.0 */
/* The time of day: the machine's real-time clock read once at boot, and the TSC from there on. vm/device.h shows time_wall_ns(). */
#ifndef CORE_CPU_WALL_CLOCK_H
#define CORE_CPU_WALL_CLOCK_H

#include "lib/types.h"

/* Reads the clock; a clock that does not answer gives 1970. */
void wall_clock_read(void);

/* Nanoseconds since 1970-01-01, UTC, if the machine's clock is. */
uint64_t time_wall_ns(void);

#endif
