/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions that may fault: #GP or #UD in them is an answer and not the end. */
#ifndef CORE_CPU_EXTABLE_H
#define CORE_CPU_EXTABLE_H

#include "lib/types.h"

/* Return false when the machine answered with a fault; *value is then 0. */
MUST_USE bool rdmsr_safe(uint32_t msr, uint64_t *value);
MUST_USE bool xsetbv_safe(uint32_t index, uint64_t value);

/* Where execution goes on after a fault at `rip`; 0: nowhere. */
uint64_t extable_fixup(uint64_t rip);

#endif
