/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NMI handling. The handler may interrupt anything, itself included (an exception's IRET ends the
 * blocking), so it only exchanges words and never waits.
 */
#include "cpu/nmi.h"

#include "console/log.h"
#include "cpu/lapic.h"
#include "cpu/percpu.h"

static uint32_t stopping; /* 1: some CPU has panicked */

static void stop_here(struct percpu *cpu)
{
	WRITE_ONCE(cpu->state, CPU_STOPPED);
	for (;;) {
		cli();
		hlt();
	}
}

void nmi_handle(void)
{
	struct percpu *cpu = this_cpu();

	if (READ_ONCE(stopping))
		stop_here(cpu);
	/* Pairs with cpu_kick(): the flag was set before the NMI was sent. */
	if (__atomic_exchange_n(&cpu->nmi_kicked, 0, __ATOMIC_ACQUIRE)) {
		cpu->kicks++;
		return;
	}
	/* The hardware's, or a kick that an earlier NMI has answered already. */
	if (!cpu->nmis++)
		log_warning("CPU %u: NMI that nobody claims", cpu->index);
}

void nmi_stop_others(void)
{
	/* A second CPU that panics meanwhile stops here when the first one's NMI arrives. */
	if (__atomic_exchange_n(&stopping, 1, __ATOMIC_SEQ_CST))
		return;
	for (uint32_t i = 0; i < cpu_count; i++)
		if (percpu_table[i] != this_cpu() &&
		    READ_ONCE(percpu_table[i]->state) == CPU_ONLINE)
			lapic_send_nmi(percpu_table[i]->apic_id);
}
