/* SPDX-License-Identifier: Apache-2.0 */
/* Reaching another CPU: an interrupt, or an NMI where its interrupts belong to a guest. */
#include "cpu/kick.h"

#include "cpu/lapic.h"

void cpu_kick(struct percpu *cpu)
{
	if (cpu->kick_method == KICK_NMI) {
		/* Release: pairs with the exchange in nmi_handle(). */
		__atomic_store_n(&cpu->nmi_kicked, 1, __ATOMIC_RELEASE);
		lapic_send_nmi(cpu->apic_id);
		return;
	}
	/* The APIC write follows the stores before it: uncached, or fenced in lapic.c. */
	compiler_barrier();
	lapic_send_fixed(cpu->apic_id, cpu->kick_vector);
}
