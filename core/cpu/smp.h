/* SPDX-License-Identifier: Apache-2.0 */
/* Starting the other CPUs, and sending them to their work. SDM v3 9.4; APM v2 16.5. */
#ifndef CORE_CPU_SMP_H
#define CORE_CPU_SMP_H

#include "cpu/percpu.h"

/* Of the frame pool, a CPU: stacks and struct percpu. */
#define CPU_AREA_BYTES (8 * PAGE_SIZE)

/* Before anything else of cpu/: this CPU is the only one, on its boot stack. */
void smp_boot_cpu(void);

/* Gives each CPU of the MADT its structure, stacks and index. The final page tables are in use. */
MUST_USE enum status smp_prepare(void);

/*
 * Starts all others through `start_page` (below 1 MiB, 4 KiB, its contents are lost) and waits
 * until they idle. A CPU that does not answer is logged and stays CPU_ABSENT; that is no error.
 */
void smp_start(uint64_t start_page);

uint32_t smp_online(void);

/* The handler of HOST_VECTOR_KICK; who puts another one in its place calls it. */
void smp_take_kick(void);

/* All CPUs, this one last, call `work`, which does not return. */
void smp_run(void (*work)(void)) NORETURN;

#endif
