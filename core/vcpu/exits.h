/* SPDX-License-Identifier: Apache-2.0 */
/* The exit handlers, one class of exit a file, as exit.c's table names them. */
#ifndef CORE_VCPU_EXITS_H
#define CORE_VCPU_EXITS_H

#include "vcpu/backend.h"

exit_handler exit_cpuid, exit_msr, exit_port, exit_memory, exit_hlt, exit_hypercall, exit_cr,
	exit_xsetbv;

/* INS, OUTS, LMSW and memory-mapped I/O by the emulator. */
enum verdict exit_emulate(struct vcpu *vcpu);

/* LMSW, which may have its operand in memory and so comes by the emulator: CR0 3:0, of which PE cannot
 * be cleared. False: #GP(0). */
bool exit_lmsw(struct vcpu *vcpu, uint16_t value);

/* What becomes of a write that a guard refuses: EMUL_DONE without effect, EMUL_FAULT with *fault
 * filled in, or EMUL_UNHANDLED: the guest is to be stopped. */
enum emul_outcome refused_write(struct vcpu *vcpu, const struct hv_guard *guard, uint64_t gpa,
				uint32_t size, uint64_t linear, struct emul_fault *fault);

/* An access to a port outside string instructions; also the emulator's way to ports. */
enum access_result port_access(struct vcpu *vcpu, uint16_t port, uint32_t size, bool write,
			       uint64_t *value);

#endif
