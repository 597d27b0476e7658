/* SPDX-License-Identifier: Apache-2.0 */
/* The live vector registers of a vCPU, for the emulator. */
#ifndef CORE_VCPU_VECTOR_H
#define CORE_VCPU_VECTOR_H

#include "lib/types.h"

struct vcpu;

/* The low `size` bytes of register `number`. False: this guest does not have that now. */
bool vcpu_vector_read(const struct vcpu *vcpu, uint32_t number, void *data, uint32_t size);

/* The same, written; the bytes from `size` up to `clear_to` become zero, those behind 16 are kept
 * when clear_to is 16. */
bool vcpu_vector_write(const struct vcpu *vcpu, uint32_t number, const void *data, uint32_t size,
		       uint32_t clear_to);

/* Opmask register `number`, of which at least the low `bits` are true. False as above. */
bool vcpu_opmask_read(const struct vcpu *vcpu, uint32_t number, uint32_t bits, uint64_t *mask);

#endif
