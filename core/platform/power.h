/* SPDX-License-Identifier: Apache-2.0 */
/* Power-off, reset, and the end after a failure, of the machine itself. ACPI 6.5, 4.8.3 and
 * 16.1. */
#ifndef CORE_PLATFORM_POWER_H
#define CORE_PLATFORM_POWER_H

#include "lib/types.h"
#include "platform/acpi_host.h"

#define POWER_TYPE_UNKNOWN 0xffffffffu

/* `slp_typ`: SLP_TYPa of S5, or POWER_TYPE_UNKNOWN to search the DSDT through `map`. */
void power_find(const struct acpi_host *a, uint32_t slp_typ, acpi_map *map);

/* The port of QEMU's isa-debug-exit, that power_stop_failed() may use; 0: none. */
void power_set_debug_exit(uint16_t port);

/* Halts with a message if the machine does not obey. */
void power_off(void) NORETURN;

/* FADT's reset register, port 0xcf9, triple fault: the first that works. */
void power_reset(void) NORETURN;

/* QEMU ends with status (value << 1) | 1; falls through to power_off() where that device is not
 * allowed. */
void power_debug_exit(uint32_t value) NORETURN;

/* After a failure of the core itself: the machine stays as it is, for whoever looks; under test
 * QEMU ends. */
void power_stop_failed(void) NORETURN;

#endif
