/* SPDX-License-Identifier: Apache-2.0 */
/* The only way to reach another CPU. */
#ifndef CORE_CPU_KICK_H
#define CORE_CPU_KICK_H

#include "cpu/percpu.h"

/*
 * Makes `cpu` leave its guest, or wake from cpu_idle(), and look at what others have left for it.
 * Any CPU may call it, also with locks held, also on itself; what was stored before is seen by the
 * target. Kicks may merge.
 */
void cpu_kick(struct percpu *cpu);

#endif
