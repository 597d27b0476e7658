/* SPDX-License-Identifier: Apache-2.0 */
/* The physical local APIC, in x2APIC mode where the machine has it or firmware left it so, else
 * xAPIC. SDM v3 11. */
#ifndef CORE_CPU_LAPIC_H
#define CORE_CPU_LAPIC_H

#include "lib/status.h"
#include "lib/types.h"

/* Finds the mode and maps the registers; once, on the boot CPU. */
MUST_USE enum status lapic_find(void);

/* This CPU's APIC: on, all local interrupts masked but the timer's and error, nothing in
 * service. */
void lapic_init(void);

uint32_t lapic_id(void);
bool lapic_is_x2apic(void);
void lapic_eoi(void);

/* Sends to one CPU by its APIC id; returns when the APIC has taken the request. */
void lapic_send_fixed(uint32_t apic_id, uint8_t vector);
void lapic_send_nmi(uint32_t apic_id);
void lapic_send_init(uint32_t apic_id);
void lapic_send_startup(uint32_t apic_id, uint8_t page);

/* One-shot, in ticks of the timer at divide-by-1; 0 stops it. */
void lapic_timer_set(uint32_t ticks);
/* With TSC-deadline: the TSC value; 0 stops it. Only if lapic_has_deadline(). */
void lapic_timer_set_deadline(uint64_t tsc);
bool lapic_has_deadline(void);

/* The timer as a clock for calibration: counts down from all ones at divide-by-16, without
 * interrupts. */
void lapic_timer_measure_start(void);
uint32_t lapic_timer_measure_read(void);
void lapic_timer_measure_stop(void);

#endif
