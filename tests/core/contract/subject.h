/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backend under the suite of backend.c, with the processor that it drives played by the test: what the processor would find at
 * an entry, and what it leaves at an exit, in the terms of the contract.
 */
#ifndef TESTS_SUBJECT_H
#define TESTS_SUBJECT_H

#include "vcpu/backend.h"

/* What the guest did: the processor's side of struct vcpu_exit, and what it changed meanwhile. */
struct occasion {
	struct vcpu_exit exit;
	struct vcpu_event vectoring; /* was being delivered */
	uint64_t rip, rflags, cr3;
	uint8_t cr8;
	bool shadow;
	/* With a lent local APIC, instead of `exit`: the guest has reached its page, written there, ended an interrupt. */
	enum { APIC_NOTHING, APIC_REACHED, APIC_WRITTEN, APIC_ENDED } apic;
	uint32_t apic_value; /* offset, and the kind of access in bits 15:12; vector */
};

/* What the processor finds at an entry. */
struct entry {
	struct vcpu_event event;
	bool interrupt_window, nmi_window;
	bool shadow;
	uint64_t rip, rflags, cr0, cr3, cr4, efer, tsc_offset;
	uint8_t cr8;
	bool cr8_watched; /* lowering it exits */
	bool flushed;
	bool apic_page; /* the local APIC's page is the processor's */
};

struct subject {
	const struct vcpu_backend *backend;
	uint32_t own_msr; /* one that it switches */
	void (*prepare)(struct vcpu *vcpu); /* memory and pointers */
	void (*enter)(struct vcpu *vcpu, struct entry *found);
	enum verdict (*leave)(struct vcpu *vcpu, const struct occasion *occasion);
};

extern const struct subject subject_fake, subject_svm, subject_vmx;

#endif
