/* SPDX-License-Identifier: Apache-2.0 */
/* Non-maskable interrupts of the host: kicks, the stop of a machine that has panicked, and those
 * of the hardware. */
#ifndef CORE_CPU_NMI_H
#define CORE_CPU_NMI_H

/* One NMI on this CPU, however it came in (entry.S says how the stack is kept safe). Takes no
 * lock but the log's. */
void nmi_handle(void);

/* All other CPUs halt where they are, for good; this CPU goes on. */
void nmi_stop_others(void);

#endif
