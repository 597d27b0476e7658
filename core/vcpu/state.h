/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State of a guest that stays in the CPU between exits: the core uses none of it itself. Saved and
 * loaded only when another vCPU takes the CPU, reset when the guest starts; all three read the one
 * table of state.c.
 */
#ifndef CORE_VCPU_STATE_H
#define CORE_VCPU_STATE_H

#include "vcpu/vcpu.h"

/* Finds out which rows this machine has. Once, on the boot CPU. */
void live_state_probe(void);

/* Bytes of struct live_state on this machine. */
size_t live_state_size(void);

/* The values after RESET go into vcpu->live; they reach the CPU with live_state_load(). */
void live_state_reset(struct vcpu *vcpu);
void live_state_save(struct vcpu *vcpu);
void live_state_load(struct vcpu *vcpu);

/* DR0 to DR3 after INIT, the only rows that INIT touches; on the vCPU's own CPU. */
void live_state_init(struct vcpu *vcpu);

/* Whether the table carries this MSR, so that a guest may have it directly. */
bool live_state_has_msr(uint32_t msr);

#endif
