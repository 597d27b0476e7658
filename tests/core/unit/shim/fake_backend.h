/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backend without a processor: registers in a structure, injections and windows noted. One guest
 * with two vCPUs, whose local APIC is two words: what is pending and what was accepted.
 */
#ifndef TESTS_FAKE_BACKEND_H
#define TESTS_FAKE_BACKEND_H

#include "vcpu/backend.h"

struct fake_arch {
	uint64_t rip, rflags, shadow, entering;
	uint64_t cr[9];
	uint64_t efer;
	uint64_t dr[8];
	struct emul_segment segments[EMUL_SEGMENTS];
	struct vcpu_tables tables;
	struct vcpu_event injected[4];
	uint32_t injections;
	bool interrupt_window, nmi_window;
	bool nmi_blocked;
	uint32_t flushes;
	uint64_t tsc_offset;
	uint64_t star; /* the one MSR that it switches */
};

struct fake_chip {
	int pending; /* vector; -1: none */
	int accepted;
	uint8_t cr8;
	uint64_t base;
	uint32_t delivered;
	uint32_t inits;
	uint32_t tsc_moves;
	uint32_t id;
	uint8_t priority;
	struct irq_request last;
	uint32_t ended, written; /* vector, register */
};

extern const struct vcpu_backend fake_backend;
extern struct guest fake_guest;
extern struct hv_guest fake_record;
extern struct vcpu fake_vcpus[2];
extern struct fake_arch fake_arch[2];
extern struct fake_chip fake_chips[2];

/* What the rest of the core was asked for. */
extern uint32_t fake_kicks, fake_interrupts_taken;

/* 64-bit mode at CPL 0, interrupts on, nothing pending. */
void fake_reset(void);

#endif
