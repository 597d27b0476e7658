/* SPDX-License-Identifier: Apache-2.0 */
/* The speculation table: which buffers are emptied when, chosen once from CPUID and MSRs. */
#ifndef CORE_CPU_MITIGATIONS_H
#define CORE_CPU_MITIGATIONS_H

#include "lib/types.h"

enum mitigation_point {
	MITIGATE_ENTRY,	 /* before each entry of a guest: VERW, L1D flush */
	MITIGATE_EXIT,	 /* after each exit: RSB fill, SPEC_CTRL of the host */
	MITIGATE_SWITCH, /* before a guest runs on a CPU where another ran: IBPB */
	MITIGATE_POINTS
};

/* Rows in force at each point, one bit each; 0 is the common test in the run loop. */
extern uint32_t mitigations_active[MITIGATE_POINTS];

/* Chooses the rows from this machine; `off` leaves the table empty. Logs what was chosen. */
void mitigations_choose(bool off);

/* Does the rows of one point. */
void mitigations_run(enum mitigation_point point);

/* SPEC_CTRL of the guest whose state is live in this CPU; outside the guest the core may have a value of its own there. */
uint64_t mitigations_guest_spec_ctrl(void);
void mitigations_set_guest_spec_ctrl(uint64_t value);

static inline void mitigate(enum mitigation_point point)
{
	if (unlikely(mitigations_active[point]))
		mitigations_run(point);
}

#endif
