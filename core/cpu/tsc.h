/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time is the TSC. Its frequency comes from CPUID 0x15, from the platform file, or is measured
 * against HPET, PM timer or 8254, in that order; the measurement starts early in boot and ends
 * late, so that boot's own work passes meanwhile.
 */
#ifndef CORE_CPU_TSC_H
#define CORE_CPU_TSC_H

#include "lib/status.h"
#include "lib/types.h"

/* Picks the source, and notes where it and the TSC stand. `khz` is the platform file's, or 0. */
MUST_USE enum status tsc_start(uint32_t khz);
/* Waits until enough time has passed, and sets the frequency. The LAPIC timer's is measured in
 * the same window. */
MUST_USE enum status tsc_finish(void);
/* Short waits at boot, before the frequency is known, by the measuring source. */
void tsc_early_delay_us(uint32_t us);

/* vm/device.h shows the same four to devices. Conversions multiply and shift; they do not
 * overflow for 64-bit input below 2^63 ticks or nanoseconds, and saturate above. Before
 * tsc_finish() 1 GHz is assumed. */
uint64_t time_now(void); /* TSC of this CPU */
uint64_t time_khz(void);
uint64_t time_to_ns(uint64_t ticks);
uint64_t time_from_ns(uint64_t nanoseconds);

/* Ticks of the LAPIC timer at divide-by-1 that pass in so many of the TSC. */
uint64_t lapic_ticks_from_tsc(uint64_t ticks);

#endif
