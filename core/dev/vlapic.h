/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local APIC of one vCPU, shared by vlapic.c (registers, messages, priorities), vlapic_timer.c, vlapic_lent.c (while the
 * processor delivers) and vlapic_device.c (modes, power-up).
 *
 * Its own CPU alone touches a chip, but for what other CPUs do by deliver(): they set bits of `irr` and `tmr`
 * and of `errors`, all atomically, and then call irq_notify().
 */
#ifndef CORE_DEV_VLAPIC_H
#define CORE_DEV_VLAPIC_H

#include "cpu/timer.h"
#include "dev/dev.h"
#include "lib/bits.h"
#include "vm/irq.h"

enum vlapic_register { /* offset in the xAPIC page / 16; MSR - 0x800. SDM v3 table 11-1, 11-6 */
	APIC_ID = 0x02,
	APIC_VERSION = 0x03,
	APIC_TPR = 0x08,
	APIC_APR = 0x09,
	APIC_PPR = 0x0a,
	APIC_EOI = 0x0b,
	APIC_RRD = 0x0c,
	APIC_LDR = 0x0d,
	APIC_DFR = 0x0e,
	APIC_SVR = 0x0f,
	APIC_ISR = 0x10,
	APIC_TMR = 0x18,
	APIC_IRR = 0x20,
	APIC_ESR = 0x28,
	APIC_ICR = 0x30,
	APIC_ICR_HIGH = 0x31,
	APIC_LVT_TIMER = 0x32,
	APIC_LVT_THERMAL = 0x33,
	APIC_LVT_PERF = 0x34,
	APIC_LVT_LINT0 = 0x35,
	APIC_LVT_LINT1 = 0x36,
	APIC_LVT_ERROR = 0x37,
	APIC_TIMER_INITIAL = 0x38,
	APIC_TIMER_CURRENT = 0x39,
	APIC_TIMER_DIVIDE = 0x3e,
	APIC_SELF_IPI = 0x3f,
	APIC_REGISTERS = 0x40,
};

#define APIC_SVR_ENABLE	      BIT(8)
#define APIC_SVR_NO_BROADCAST BIT(12)
#define APIC_VERSION_VALUE    (0x14 | 5 << 16 | 1 << 24) /* six LVT entries; EOI broadcast can be suppressed */

#define APIC_LVT_VECTOR	  BITS(7, 0)
#define APIC_LVT_DELIVERY BITS(10, 8)
#define APIC_LVT_MASKED	  BIT(16)
#define APIC_LVT_MODE	  BITS(18, 17)

enum apic_timer_mode { APIC_ONE_SHOT, APIC_PERIODIC, APIC_TSC_DEADLINE };

/* SDM v3 11.5.3 */
#define APIC_ERROR_SEND_VECTOR	  BIT(5)
#define APIC_ERROR_RECEIVE_VECTOR BIT(6)
#define APIC_ERROR_REGISTER	  BIT(7)

#define APIC_WORDS 4 /* of 64 vectors */

struct vlapic {
	uint64_t base; /* IA32_APIC_BASE */
	uint64_t irr[APIC_WORDS];
	uint64_t isr[APIC_WORDS];
	uint64_t tmr[APIC_WORDS];
	uint32_t value[APIC_REGISTERS];
	uint32_t errors; /* seen since the guest last wrote ESR */
	uint32_t id;	 /* 32 bits; what the 8-bit forms show of it is its low byte */
	uint32_t index;	 /* of the vCPU */
	struct vlapic_device *device;
	struct vcpu *vcpu;
	struct vm *vm;
	const struct irq_eoi_assist *assist; /* NULL: none */
	bool eoi_offered;		     /* the guest may end its interrupt by the assist */
	bool timer_running;
	struct irq_page *lent; /* ISR, TPR, in xAPIC mode ICR_HIGH, and what has left `irr` are there; NULL: here */
	struct timer timer;
	uint64_t timer_deadline; /* host TSC */
	uint64_t timer_period;	 /* host TSC ticks; 0: one-shot */
	uint64_t tsc_deadline;	 /* IA32_TSC_DEADLINE; 0: not armed */
} ALIGNED(64);

struct vlapic_device {
	struct device device;
	uint64_t page; /* guest physical address of the xAPIC page */
	struct vlapic apic[];
};

static inline bool vlapic_x2(const struct vlapic *apic)
{
	return apic->base & BIT(10);
}

/* vlapic.c: the state after INIT; the page and the MSRs; what the core sees of a chip. */
void vlapic_init(void *chip);
bus_handler vlapic_mmio, vlapic_x2apic_msr;
extern const struct irq_chip vlapic_chip, vlapic_lent_chip;

/* The operations that both have. */
bool vlapic_matches(const void *chip, const struct irq_request *request);
void vlapic_deliver(void *chip, const struct irq_request *request);
uint8_t vlapic_priority(const void *chip);
uint64_t vlapic_base(const void *chip);
/* A register of the page as the guest reads it; a guest's write to it. */
uint32_t vlapic_read(struct vlapic *apic, unsigned int n);
void vlapic_write(struct vlapic *apic, unsigned int n, uint32_t value);
void vlapic_collect_eoi(struct vlapic *apic); /* an offer that stands is withdrawn */
bool vlapic_extint_accepted(const struct vlapic *apic);

/* vlapic_lent.c: after a change of what decides it, lends the registers to the processor, or takes them back. A register of the
 * page by its number. */
void vlapic_lend(struct vlapic *apic);
void vlapic_take_back(struct vlapic *apic);
void vlapic_lent_deliver(void *chip, const struct irq_request *request); /* any CPU */
uint32_t vlapic_lent_register(const struct vlapic *apic, unsigned int n);

/* A local interrupt: an LVT entry is delivered as it says, or not if masked. */
void vlapic_local(struct vlapic *apic, enum vlapic_register lvt);

/* SDM v3 11.5.4. The hooks of the timer's registers and its MSR. */
void vlapic_timer_create(struct vlapic *apic);
void vlapic_timer_stop(struct vlapic *apic);
uint32_t vlapic_timer_current(void *chip, unsigned int n);
void vlapic_timer_set_initial(void *chip, unsigned int n, uint32_t value);
void vlapic_timer_set_divide(void *chip, unsigned int n, uint32_t value);
void vlapic_timer_set_lvt(void *chip, unsigned int n, uint32_t value);
bus_handler vlapic_tsc_deadline_msr;
void vlapic_tsc_moved(void *chip);

#endif
