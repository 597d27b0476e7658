/* SPDX-License-Identifier: Apache-2.0 */
/* The physical IOAPICs: all pins masked but those the core itself uses. Intel 82093AA data
 * sheet. */
#ifndef CORE_CPU_IOAPIC_H
#define CORE_CPU_IOAPIC_H

#include "lib/status.h"
#include "lib/types.h"

/* Maps the IOAPICs of MADT and masks every pin. */
MUST_USE enum status ioapic_mask_all(void);

/* Sends one global system interrupt to a CPU (its APIC id, below 255). STATUS_NOT_FOUND: no
 * IOAPIC has it; STATUS_RANGE: the id does not fit. */
MUST_USE enum status ioapic_route(uint32_t gsi, uint8_t vector, uint32_t apic_id, bool level,
				  bool active_low);

#endif
