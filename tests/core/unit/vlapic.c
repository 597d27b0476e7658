/* SPDX-License-Identifier: Apache-2.0 */
/* The local APIC: priorities, messages, modes, timer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "dev/dev.h"
#include "dev/registers.h"
#include "dev/vlapic.h"
#include "tests/core/unit/shim/machine.h"

#define PAGE 0xfee00000u
#define REG(offset) (PAGE + (offset))

enum { MSR_BASE = 0x1b, MSR_DEADLINE = 0x6e0 };
enum { /* x2APIC */
	X_ID = 0x802, X_VERSION = 0x803, X_TPR = 0x808, X_PPR = 0x80a, X_EOI = 0x80b, X_LDR = 0x80d, X_SVR = 0x80f,
	X_ISR = 0x810, X_IRR = 0x820, X_ESR = 0x828, X_ICR = 0x830, X_TIMER = 0x832, X_LINT0 = 0x835,
	X_ERROR = 0x837, X_INITIAL = 0x838, X_CURRENT = 0x839, X_DIVIDE = 0x83e, X_SELF = 0x83f,
};

#define TO(id) ((uint64_t)(id) << 32)

static void start(uint32_t vcpus, uint64_t khz, uint32_t flags)
{
	machine_new(vcpus, khz);
	machine.guest.flags = flags;
	machine_add(&vlapic_ops, (struct hv_device){ .kind = HV_DEVICE_LAPIC, .base = PAGE, .gsi = HV_NONE });
}

/* x2APIC mode, enabled by software. */
static int x2apic(void **state)
{
	(void)state;
	start(4, 1000000, HV_GUEST_X2APIC);
	for (uint32_t i = 0; i < 4; i++)
		play(((const struct step[]){ { CPU, i }, { WRMSR, X_SVR, 0x1ff } }));
	machine.cpu = 0;
	return 0;
}

static int xapic(void **state)
{
	(void)state;
	start(4, 1000000, 0);
	for (uint32_t i = 0; i < 4; i++)
		play(((const struct step[]){ { CPU, i }, { PUT32, REG(0xf0), 0x1ff } }));
	machine.cpu = 0;
	return 0;
}

static int end(void **state)
{
	(void)state;
	machine_free();
	return 0;
}

static void reset_state(void **state)
{
	static const struct step steps[] = {
		{ RDMSR, MSR_BASE, PAGE | 0x900 },
		{ GET32, REG(0x20), 0 },
		{ GET32, REG(0x30), 0x01050014 },
		{ GET32, REG(0x80), 0 },
		{ GET32, REG(0xe0), 0xffffffff },
		{ GET32, REG(0xf0), 0xff },
		{ GET32, REG(0x320), 0x10000 },
		{ GET32, REG(0x350), 0x700 }, /* virtual wire on the boot processor */
		{ GET32, REG(0x370), 0x10000 },
		{ CPU, 1 },
		{ RDMSR, MSR_BASE, PAGE | 0x800 },
		{ GET32, REG(0x20), 0x01000000 },
		{ GET32, REG(0x350), 0x10000 },
		{ GET8, REG(0x33), 1 }, /* bytes of a register can be read */
	};

	(void)state;
	start(2, 1000000, 0);
	play(steps);
}

static void priorities_nest(void **state)
{
	static const struct step steps[] = {
		{ PENDING, 0, 0 },
		{ WRMSR, X_SELF, 0x41 },
		{ WRMSR, X_SELF, 0x52 },
		{ WRMSR, X_SELF, 0x45 },
		{ NOTIFIED, 0, 1 },
		{ RDMSR, X_IRR + 2, 1 << 1 | 1 << 5 | 1 << 18 },
		{ PENDING, 0, 1 },
		{ ACCEPT, 0, 0x52 },
		{ RDMSR, X_PPR, 0x50 },
		{ PENDING, 0, 0 }, /* the others are below it */
		{ WRMSR, X_SELF, 0x5f },
		{ PENDING, 0, 0 }, /* of its class */
		{ WRMSR, X_SELF, 0x60 },
		{ ACCEPT, 0, 0x60 }, /* above it */
		{ RDMSR, X_ISR + 2, 1 << 18 },
		{ RDMSR, X_ISR + 3, 1 },
		{ WRMSR, X_EOI, 0 },
		{ PENDING, 0, 0 },
		{ WRMSR, X_EOI, 0 },
		{ NOTIFIED, 0, 1 },
		{ ACCEPT, 0, 0x5f },
		{ WRMSR, X_EOI, 0 },
		{ WRMSR, X_TPR, 0x4f }, /* holds class 4 back */
		{ RDMSR, X_PPR, 0x4f },
		{ PENDING, 0, 0 },
		{ CR8, 0, 4 },
		{ NOTIFIED, 0, 1 },
		{ WRMSR, X_TPR, 0x4e },
		{ NOTIFIED, 0, 0 },
		{ SET_CR8, 0, 3 },
		{ NOTIFIED, 0, 1 },
		{ RDMSR, X_TPR, 0x30 },
		{ ACCEPT, 0, 0x45 },
		{ WRMSR, X_EOI, 0 },
		{ ACCEPT, 0, 0x41 },
		{ WRMSR, X_EOI, 0 },
		{ ACCEPT, 0, -1ull },
		{ WRMSR, X_EOI, 0 }, /* one too many does nothing */
		{ RDMSR, X_PPR, 0x30 },
		{ EOIS, 0, 0 },
	};

	(void)state;
	play(steps);
}

/* Each row is one ICR write of CPU 0 and which CPUs get how many of what. */
static void icr_matrix(void **state)
{
	static const struct {
		uint64_t icr;
		unsigned int fixed, nmi, init, startup; /* bit n: CPU n */
	} rows[] = {
		{ TO(2) | 0x40, 1 << 2, 0, 0, 0 },
		{ TO(0) | 0x40, 1 << 0, 0, 0, 0 },
		{ TO(9) | 0x40, 0, 0, 0, 0 },
		{ TO(0xffffffff) | 0x40, 0xf, 0, 0, 0 },
		{ TO(0xff) | 0x40, 0, 0, 0, 0 },		      /* a number like any other */
		{ TO(0x0000000a) | 0x840, 1 << 1 | 1 << 3, 0, 0, 0 }, /* logical, cluster 0 */
		{ TO(0x0001000a) | 0x840, 0, 0, 0, 0 },		      /* cluster 1 */
		{ TO(3) | 0x140, 1 << 3, 0, 0, 0 },		      /* lowest priority */
		{ TO(2) | 0x400, 0, 1 << 2, 0, 0 },
		{ TO(1) | 0x4500, 0, 0, 1 << 1, 0 },
		{ TO(1) | 0xc500, 0, 0, 1 << 1, 0 },		      /* level assert */
		{ TO(1) | 0x8500, 0, 0, 0, 0 },			      /* level de-assert */
		{ TO(3) | 0x4612, 0, 0, 0, 1 << 3 },
		{ TO(1) | 0x200, 0, 0, 0, 0 },			      /* SMI */
		{ 0x40040, 1 << 0, 0, 0, 0 },			      /* self */
		{ 0x80040, 0xf, 0, 0, 0 },			      /* all */
		{ 0xc0040, 0xe, 0, 0, 0 },			      /* others */
		{ 0xc0400, 0, 0xe, 0, 0 },
		{ 0xc0500, 0, 0, 0xe, 0 },
		{ 0xc0609, 0, 0, 0, 0xe },
		{ 0x40400, 0, 0, 0, 0 },			      /* NMI to self is not valid */
		{ 0x80500, 0, 0, 0, 0 },			      /* nor INIT to all */
	};

	for (unsigned int r = 0; r < ARRAY_SIZE(rows); r++) {
		unsigned int fixed = 0, nmi = 0, init = 0, startup = 0;
		uint64_t icr = rows[r].icr;

		x2apic(state);
		assert_int_equal(machine_access(VM_MSR, X_ICR, 8, true, &icr), ACCESS_DONE);
		for (unsigned int i = 0; i < 4; i++) {
			const struct vcpu *v = &machine.vcpu[i];

			fixed |= (v->ops->accept(v->chip) == 0x40) << i;
			nmi |= v->nmis << i;
			init |= v->inits << i;
			startup |= v->startups << i;
			if (v->startups)
				assert_int_equal(v->startup_vector, rows[r].icr & 0xff);
		}
		if (fixed != rows[r].fixed || nmi != rows[r].nmi || init != rows[r].init ||
		    startup != rows[r].startup)
			fail_msg("ICR %#llx: fixed %x nmi %x init %x start-up %x",
				 (unsigned long long)rows[r].icr, fixed, nmi, init, startup);
	}
}

static void xapic_destinations(void **state)
{
	static const struct step steps[] = {
		/* flat: CPU n has bit n */
		{ CPU, 0 }, { PUT32, REG(0xd0), 0x01000000 },
		{ CPU, 1 }, { PUT32, REG(0xd0), 0x02000000 },
		{ CPU, 2 }, { PUT32, REG(0xd0), 0x04000000 },
		{ CPU, 0 },
		{ PUT32, REG(0x310), 0x06000000 }, { PUT32, REG(0x300), 0x840 },
		{ GET32, REG(0x300), 0x840 }, /* sent: delivery status reads 0 */
		{ PENDING, 0, 0 },
		{ CPU, 1 }, { ACCEPT, 0, 0x40 }, { PUT32, REG(0xb0), 0 },
		{ CPU, 2 }, { ACCEPT, 0, 0x40 }, { PUT32, REG(0xb0), 0 },
		/* clusters of four */
		{ PUT32, REG(0xe0), 0 }, { GET32, REG(0xe0), 0x0fffffff }, { PUT32, REG(0xd0), 0x12000000 },
		{ CPU, 1 }, { PUT32, REG(0xe0), 0 }, { PUT32, REG(0xd0), 0x22000000 },
		{ CPU, 0 },
		{ PUT32, REG(0x310), 0x12000000 }, { PUT32, REG(0x300), 0x841 },
		{ CPU, 1 }, { PENDING, 0, 0 },
		{ CPU, 2 }, { ACCEPT, 0, 0x41 }, { PUT32, REG(0xb0), 0 },
		{ CPU, 0 },
		{ PUT32, REG(0x310), 0xf2000000 }, { PUT32, REG(0x300), 0x842 }, /* bit 1 of every cluster */
		{ CPU, 1 }, { ACCEPT, 0, 0x42 }, { PUT32, REG(0xb0), 0 },
		{ CPU, 2 }, { ACCEPT, 0, 0x42 }, { PUT32, REG(0xb0), 0 },
		/* physical broadcast, and lowest priority by task priority */
		{ CPU, 0 },
		{ PUT32, REG(0x310), 0xff000000 }, { PUT32, REG(0x300), 0x400 },
		{ NMIS, 0, 1 }, { CPU, 3 }, { NMIS, 0, 1 },
		{ CPU, 0 }, { PUT32, REG(0x80), 0x80 }, { CPU, 1 }, { PUT32, REG(0x80), 0x30 },
		{ CPU, 2 }, { PUT32, REG(0x80), 0x20 }, { CPU, 3 }, { PUT32, REG(0x80), 0x40 },
		{ PUT32, REG(0x310), 0xff000000 }, { PUT32, REG(0x300), 0x177 },
		{ CPU, 2 }, { ACCEPT, 0, 0x77 },
	};

	(void)state;
	play(steps);
}

static void registers_fault_or_not(void **state)
{
	static const struct step x2[] = {
		{ RDMSR, X_ID, 0 }, { RDMSR, X_VERSION, 0x01050014 }, { RDMSR, X_LDR, 1 },
		{ WRMSR_GP, X_ID, 0 }, { WRMSR_GP, X_VERSION, 0 }, { WRMSR_GP, X_PPR, 0 }, { WRMSR_GP, X_LDR, 0 },
		{ WRMSR_GP, X_CURRENT, 0 }, { WRMSR_GP, X_ISR, 0 }, { RDMSR_GP, X_EOI }, { RDMSR_GP, X_SELF },
		{ WRMSR_GP, X_EOI, 1 }, { WRMSR_GP, X_ESR, 1 }, { WRMSR, X_ESR, 0 }, { WRMSR_GP, X_TPR, 0x100 },
		{ WRMSR_GP, X_SVR, 0x200 }, { WRMSR_GP, X_TIMER, 0x80000 }, { WRMSR_GP, X_LINT0, BIT(32) },
		{ WRMSR, X_TIMER, 0x11000 }, { RDMSR, X_TIMER, 0x10000 }, /* status is read-only, not reserved */
		{ WRMSR_GP, X_DIVIDE, 4 }, { WRMSR_GP, X_SELF, 0x100 }, { WRMSR_GP, X_ICR, 0x1000 },
		{ WRMSR_GP, X_ICR, 0x2000 }, { WRMSR_GP, X_ICR, 0x100000 }, { RDMSR_GP, 0x80e }, { RDMSR_GP, 0x831 },
		{ RDMSR_GP, 0x82f }, { RDMSR_GP, 0x800 }, { RDMSR_GP, 0x809 }, { WRMSR_GP, 0x83d, 0 },
		{ GET_NONE, REG(0x20) }, /* no page in this mode */
		{ CPU, 3 }, { RDMSR, X_ID, 3 }, { RDMSR, X_LDR, 8 },
	};
	static const struct step x1[] = {
		{ RDMSR_GP, X_ID }, { WRMSR_GP, X_EOI, 0 },
		{ PUT32, REG(0x20), 0x55000000 }, { GET32, REG(0x20), 0 },
		{ PUT32, REG(0x80), 0x1234 }, { GET32, REG(0x80), 0x34 },
		{ GET32, REG(0xb0), 0 },
		{ GET32, REG(0x40), 0 }, /* no such register */
		{ GET32, REG(0x280), 0 }, { PUT32, REG(0x280), 0 }, { GET32, REG(0x280), 0x80 },
		{ PUT32, REG(0x280), 0 }, { GET32, REG(0x280), 0 },
		{ PUT32, REG(0x370), 0x55 }, /* an error interrupt */
		{ PUT32, REG(0x300), 0x4000f }, /* with a vector below 16 */
		{ ACCEPT, 0, 0x55 },
		{ PUT32, REG(0x280), 0 }, { GET32, REG(0x280), 0x20 },
	};

	(void)state;
	play(x2);
	xapic(state);
	play(x1);
}

static void base_msr_modes(void **state)
{
	static const struct step steps[] = {
		{ WRMSR_GP, MSR_BASE, PAGE | 0x400 },		   /* x2APIC without enable */
		{ WRMSR_GP, MSR_BASE, PAGE | 0x901 },		   /* reserved */
		{ WRMSR_GP, MSR_BASE, 0xfed00900 },		   /* the page stays */
		{ WRMSR_GP, MSR_BASE, BIT(52) | PAGE | 0x900 },
		{ WRMSR, MSR_BASE, PAGE | 0xd00 }, { RDMSR, X_ID, 0 },
		{ WRMSR_GP, MSR_BASE, PAGE | 0x900 },		   /* not back to xAPIC */
		{ WRMSR, X_TPR, 0x20 },
		{ WRMSR, MSR_BASE, PAGE | 0x100 }, { RDMSR_GP, X_ID }, { GET_NONE, REG(0x20) },
		{ WRMSR_GP, MSR_BASE, PAGE | 0xd00 },		   /* not from disabled */
		{ WRMSR, MSR_BASE, PAGE | 0x900 }, { GET32, REG(0x80), 0 }, { GET32, REG(0xf0), 0xff },
	};

	(void)state;
	play(steps);
}

static void timer_counts(void **state)
{
	static const struct step steps[] = {
		{ WRMSR, X_DIVIDE, 0xb }, /* by 1 */
		{ WRMSR, X_TIMER, 0x31 },
		{ WRMSR, X_INITIAL, 1000 },
		{ WAIT, 400 }, { RDMSR, X_CURRENT, 600 }, { PENDING, 0, 0 },
		{ WRMSR, X_DIVIDE, 0 }, { RDMSR, X_CURRENT, 600 }, /* by 2 from here on */
		{ WAIT, 400 }, { RDMSR, X_CURRENT, 400 },
		{ WAIT, 799 }, { PENDING, 0, 0 },
		{ WAIT, 1 }, { ACCEPT, 0, 0x31 }, { WRMSR, X_EOI, 0 }, { RDMSR, X_CURRENT, 0 },
		{ WAIT, 100000 }, { PENDING, 0, 0 }, /* one shot */
		{ WRMSR, X_DIVIDE, 0xb }, { WRMSR, X_TIMER, 0x20031 }, { WRMSR, X_INITIAL, 50000 },
		{ WAIT, 50000 }, { ACCEPT, 0, 0x31 }, { WRMSR, X_EOI, 0 }, { RDMSR, X_CURRENT, 50000 },
		{ WAIT, 50000 }, { ACCEPT, 0, 0x31 }, { WRMSR, X_EOI, 0 },
		{ WAIT, 49999 }, { PENDING, 0, 0 }, { WAIT, 1 }, { ACCEPT, 0, 0x31 }, { WRMSR, X_EOI, 0 },
		{ WRMSR, X_TIMER, 0x30031 }, { WAIT, 100000 }, { PENDING, 0, 0 }, /* masked, but it counts */
		{ RDMSR, X_CURRENT, 50000 },
		{ WRMSR, X_INITIAL, 0 }, { WRMSR, X_TIMER, 0x20031 }, { WAIT, 100000 }, { PENDING, 0, 0 },
	};

	(void)state;
	play(steps);
}

/* A period of one tick fires no more often than every 20 us. */
static void timer_cannot_storm(void **state)
{
	unsigned int before;

	(void)state;
	play(((const struct step[]){ { WRMSR, X_DIVIDE, 0xb }, { WRMSR, X_TIMER, 0x20031 }, { WRMSR, X_INITIAL, 1 } }));
	before = machine.vcpu[0].notified;
	machine_wait(1000000);
	assert_int_equal(machine.vcpu[0].notified - before, 50);
}

static void tsc_deadline(void **state)
{
	static const struct step steps[] = {
		{ WRMSR, MSR_DEADLINE, 5000000 }, { RDMSR, MSR_DEADLINE, 0 }, /* not in this mode */
		{ WRMSR, X_TIMER, 0x40031 },
		{ WRMSR, X_INITIAL, 77 }, { RDMSR, X_INITIAL, 0 }, { RDMSR, X_CURRENT, 0 },
		/* The guest's TSC is 1000 ahead, the machine's starts at 1000000. */
		{ WRMSR, MSR_DEADLINE, 1501000 }, { RDMSR, MSR_DEADLINE, 1501000 },
		{ WAIT, 499999 }, { PENDING, 0, 0 },
		{ WAIT, 1 }, { ACCEPT, 0, 0x31 }, { WRMSR, X_EOI, 0 }, { RDMSR, MSR_DEADLINE, 0 },
		{ WRMSR, MSR_DEADLINE, 1 }, { RDMSR, MSR_DEADLINE, 0 }, { ACCEPT, 0, 0x31 }, { WRMSR, X_EOI, 0 },
		{ WRMSR, MSR_DEADLINE, -1ull }, { WAIT, 1000000000 }, { PENDING, 0, 0 }, /* a long way off */
		{ WRMSR, MSR_DEADLINE, 0 },
		{ WRMSR, MSR_DEADLINE, 2000000000 }, { WRMSR, X_TIMER, 0x31 }, /* leaving the mode disarms */
		{ RDMSR, MSR_DEADLINE, 0 }, { WAIT, 1000000000 }, { PENDING, 0, 0 },
	};

	(void)state;
	machine.vcpu[0].tsc_offset = 1000;
	play(steps);
}

/* A guest that sets its TSC moves the deadline with it, to both sides. */
static void tsc_deadline_follows_the_tsc(void **state)
{
	static const struct step armed[] = {
		{ WRMSR, X_TIMER, 0x40031 }, { WRMSR, MSR_DEADLINE, 1501000 }, { WAIT, 1000 }, { PENDING, 0, 0 },
	};
	static const struct step later[] = { { WAIT, 600000 }, { PENDING, 0, 0 }, { RDMSR, MSR_DEADLINE, 1501000 } };
	static const struct step due[] = { { ACCEPT, 0, 0x31 }, { WRMSR, X_EOI, 0 }, { RDMSR, MSR_DEADLINE, 0 } };

	(void)state;
	machine.vcpu[0].tsc_offset = 1000;
	play(armed);
	machine.vcpu[0].tsc_offset = -500000ull;
	machine.vcpu[0].ops->tsc_moved(machine.vcpu[0].chip);
	play(later);
	machine.vcpu[0].tsc_offset = 1000;
	machine.vcpu[0].ops->tsc_moved(machine.vcpu[0].chip);
	play(due);
	machine.vcpu[0].ops->tsc_moved(machine.vcpu[0].chip); /* not armed: nothing */
	assert_int_equal(machine.vcpu[0].ops->pending(machine.vcpu[0].chip), 0);
}

/* With a TSC that is no multiple of the APIC's clock, what is counted still ends when it should. */
static void timer_at_odd_frequency(void **state)
{
	static const struct step steps[] = {
		{ WRMSR, X_SVR, 0x1ff }, { WRMSR, X_DIVIDE, 0xb }, { WRMSR, X_TIMER, 0x31 }, { WRMSR, X_INITIAL, 4000000000 },
		{ WAIT, 3999999000 }, { PENDING, 0, 0 }, { WAIT, 1001 }, { ACCEPT, 0, 0x31 },
	};

	(void)state;
	start(1, 2893437, HV_GUEST_X2APIC);
	play(steps);
}

static void level_and_broadcast(void **state)
{
	const struct irq_request level = { .destination = 0, .vector = 0x70, .level = true, .wide = true };

	(void)state;
	irq_request(&machine, &level);
	play(((const struct step[]){
		{ RDMSR, 0x81b, 1 << 16 }, { ACCEPT, 0, 0x70 }, { EOIS, 0x70, 0 }, { WRMSR, X_EOI, 0 }, { EOIS, 0x70, 1 },
		{ WRMSR, X_SVR, 0x11ff }, /* no broadcast */
	}));
	irq_request(&machine, &level);
	play(((const struct step[]){ { ACCEPT, 0, 0x70 }, { WRMSR, X_EOI, 0 }, { EOIS, 0x70, 0 },
				     /* An edge of the same vector clears its trigger mode. */
				     { WRMSR, X_SVR, 0x1ff }, { WRMSR, X_SELF, 0x70 }, { RDMSR, 0x81b, 0 },
				     { ACCEPT, 0, 0x70 }, { WRMSR, X_EOI, 0 }, { EOIS, 0x70, 0 } }));
}

static int vector_of_pic(void *context)
{
	(void)context;
	irq_raise_extint(&machine, false);
	return 0x30;
}

static void extint_through_lint0(void **state)
{
	static const struct irq_extint pic = { .acknowledge = vector_of_pic };
	static const struct step steps[] = {
		{ PENDING, 0, 1 }, { ACCEPT, 0, 0x30 }, { RDMSR, X_PPR, 0 }, { PENDING, 0, 0 },
	};
	static const struct step masked[] = {
		{ WRMSR, X_LINT0, 0x10700 }, { PENDING, 0, 0 }, { WRMSR, X_LINT0, 0x700 }, { NOTIFIED, 0, 1 }, { PENDING, 0, 1 },
		{ WRMSR, X_LINT0, 0x30 }, { PENDING, 0, 0 }, /* not in ExtINT mode */
		{ WRMSR, MSR_BASE, PAGE | 0x100 }, { PENDING, 0, 1 }, /* a disabled APIC is a wire */
		{ CPU, 1 }, { PENDING, 0, 0 },
	};

	(void)state;
	irq_set_extint(&machine, &pic);
	irq_raise_extint(&machine, true);
	play(steps);
	irq_raise_extint(&machine, true);
	play(masked);
}

static void init_and_software_disable(void **state)
{
	static const struct step before[] = {
		{ WRMSR, X_SELF, 0x44 }, { WRMSR, X_TPR, 0x10 }, { WRMSR, X_TIMER, 0x31 }, { WRMSR, X_INITIAL, 100000 },
		{ WRMSR, X_SVR, 0xff }, /* masks the LVT, keeps what is pending */
		{ RDMSR, X_TIMER, 0x10031 }, { WRMSR, X_TIMER, 0x31 }, { RDMSR, X_TIMER, 0x10031 },
		{ WRMSR, X_SELF, 0x45 }, { ACCEPT, 0, 0x44 }, { PENDING, 0, 0 },
		{ CPU, 1 }, { WRMSR, X_ICR, TO(0) | 0x400 }, { CPU, 0 }, { NMIS, 0, 1 }, /* NMIs come still */
	};
	static const struct step after[] = {
		{ RDMSR, MSR_BASE, PAGE | 0xd00 }, { RDMSR, X_TPR, 0 }, { RDMSR, X_PPR, 0 }, { RDMSR, X_SVR, 0xff },
		{ RDMSR, X_LINT0, 0x10000 }, { WAIT, 200000 }, { PENDING, 0, 0 }, { RDMSR, X_LDR, 1 },
	};

	(void)state;
	play(before);
	machine.vcpu[0].ops->init(machine.vcpu[0].chip);
	play(after);
}

/* More than 255 processors: ids of 32 bits. */
static void wide_ids(void **state)
{
	struct irq_request request = { .destination = 0x12345, .vector = 0x50, .wide = true };

	(void)state;
	machine_new(2, 1000000);
	machine.guest.flags = HV_GUEST_X2APIC;
	machine.vcpu[1].apic_id = 0x12345;
	machine_add(&vlapic_ops, (struct hv_device){ .kind = HV_DEVICE_LAPIC, .base = PAGE });
	play(((const struct step[]){ { CPU, 1 }, { WRMSR, X_SVR, 0x1ff }, { RDMSR, X_ID, 0x12345 },
				     { RDMSR, X_LDR, 0x12340020 } }));
	irq_request(&machine, &request);
	play(((const struct step[]){ { ACCEPT, 0, 0x50 }, { WRMSR, X_EOI, 0 } }));
	request.destination = 0x12340020;
	request.logical = true;
	irq_request(&machine, &request);
	play(((const struct step[]){ { ACCEPT, 0, 0x50 }, { CPU, 0 }, { PENDING, 0, 0 } }));
}

/* ---- while the processor delivers */

static struct irq_page page;
static _Alignas(4096) uint8_t page_registers[4096];

static uint32_t *in_page(unsigned int n)
{
	return (uint32_t *)(page_registers + 16 * n);
}

static int lent(void **state)
{
	(void)state;
	memset(page_registers, 0xff, sizeof(page_registers));
	page = (struct irq_page){.registers = page_registers};
	lendable = &page;
	start(2, 1000000, HV_GUEST_X2APIC);
	/* The boot processor's 8259 passes through it: not yet. */
	play(((const struct step[]){ { WRMSR, X_SVR, 0x1ff } }));
	assert_ptr_equal(machine.vcpu[0].ops, &vlapic_chip);
	play(((const struct step[]){ { WRMSR, X_TPR, 0x20 }, { WRMSR, X_LINT0, 0x10700 } }));
	assert_ptr_equal(machine.vcpu[0].ops, &vlapic_lent_chip);
	return 0;
}

static int lent_end(void **state)
{
	lendable = NULL;
	return end(state);
}

/* What comes is moved to where the processor looks; what it is told of are level-triggered ones. */
static void lent_interrupts(void **state)
{
	const struct irq_message level = {.address = 0xfee00000, .data = 0x8052};
	const struct irq_chip *ops = machine.vcpu[0].ops;
	void *chip = machine.vcpu[0].chip;

	(void)state;
	assert_int_equal(*in_page(APIC_TPR), 0x20);
	assert_int_equal(*in_page(APIC_IRR + 2), 0);
	page.changed = 0;
	play(((const struct step[]){ { WRMSR, X_SELF, 0x41 }, { NOTIFIED, 0, 1 }, { RDMSR, X_IRR + 2, 2 } }));
	assert_int_equal(page.changed, 0);
	assert_int_equal(ops->accept(chip), -1);
	assert_int_equal(*in_page(APIC_IRR + 2), 2);
	assert_true(page.changed);
	assert_int_equal(page.level[1], 0);
	play(((const struct step[]){ { RDMSR, X_IRR + 2, 2 }, { PENDING, 0, 1 } }));
	irq_message(&machine, &level);
	assert_true(ops->pending(chip));
	assert_int_equal(*in_page(APIC_IRR + 2), 2 | 1 << 18);
	assert_int_equal(page.level[1], BIT(0x52 - 64));
	/* The processor delivers 0x52, and the guest raises its priority. */
	*in_page(APIC_IRR + 2) = 2;
	*in_page(APIC_ISR + 2) = 1 << 18;
	play(((const struct step[]){ { RDMSR, X_ISR + 2, 1 << 18 }, { RDMSR, X_PPR, 0x50 }, { PENDING, 0, 0 } }));
	*in_page(APIC_TPR) = 0x60;
	play(((const struct step[]){ { CR8, 0, 6 }, { RDMSR, X_PPR, 0x60 } }));
	ops->ended(chip, 0x52);
	assert_int_equal(machine.eois, 1);
	assert_int_equal(machine.eoi_vector, 0x52);
}

/* Edges from other CPUs go past the chip; levels, and what the chip has to say something about, do not. */
/* What the core asks of a chip without looking whether the processor has it. */
static void lent_like_any_other(void **state)
{
	const struct irq_chip *lent = &vlapic_lent_chip;

	(void)state;
	assert_true(lent->matches && lent->deliver && lent->priority && lent->pending && lent->accept && lent->get_cr8 &&
		    lent->set_cr8 && lent->base && lent->init && lent->tsc_moved && lent->set_eoi_assist);
	lent->tsc_moved(machine.vcpu[0].chip);
}

static void lent_posted(void **state)
{
	const struct irq_request edge = {.destination = 0, .vector = 0x91, .wide = true};
	const struct irq_request level = {.destination = 0, .vector = 0x92, .level = true, .wide = true};
	const struct irq_request edge_again = {.destination = 0, .vector = 0x92, .wide = true};
	static uint64_t posted[8];

	(void)state;
	memset(posted, 0, sizeof(posted));
	page.posted = posted;
	irq_request(&machine, &edge);
	assert_int_equal(posted[2], BIT(0x91 - 128));
	assert_int_equal(machine.vcpu[0].posts, 1);
	irq_request(&machine, &level);
	irq_request(&machine, &edge_again);
	assert_int_equal(posted[2], BIT(0x91 - 128));
	assert_int_equal(machine.vcpu[0].posts, 1);
	posted[4] = 1; /* the notification, as the backend would */
	play(((const struct step[]){ { PENDING, 0, 1 } }));
	assert_int_equal(posted[2] | posted[4], 0);
	assert_int_equal(*in_page(APIC_IRR + 4), 3 << 17);
	/* Nothing that was posted is lost when the chip is taken back. */
	*in_page(APIC_IRR + 4) = 0;
	irq_request(&machine, &edge);
	play(((const struct step[]){ { WRMSR, X_LINT0, 0x700 }, { ACCEPT, 0, 0x91 } }));
	irq_request(&machine, &edge);
	assert_int_equal(posted[2], 0);
}

/* Taken back, the chip is where the processor left it. */
static void lent_and_back(void **state)
{
	(void)state;
	play(((const struct step[]){ { WRMSR, X_SELF, 0x41 }, { WRMSR, X_SELF, 0xf3 }, { PENDING, 0, 1 } }));
	*in_page(APIC_IRR + 2) = 0;
	*in_page(APIC_ISR + 2) = 2;
	*in_page(APIC_TPR) = 0x30;
	play(((const struct step[]){ { WRMSR, X_LINT0, 0x700 } }));
	assert_ptr_equal(machine.vcpu[0].ops, &vlapic_chip);
	play(((const struct step[]){
		{ RDMSR, X_TPR, 0x30 }, { RDMSR, X_ISR + 2, 2 }, { ACCEPT, 0, 0xf3 }, { WRMSR, X_EOI, 0 },
		{ WRMSR, X_EOI, 0 }, { RDMSR, X_ISR + 2, 0 }, { PENDING, 0, 0 } }));
}

static void written(enum vlapic_register n, uint32_t value)
{
	*in_page(n) = value;
	machine.vcpu[0].ops->written(machine.vcpu[0].chip, n);
}

/* As an xAPIC: the guest reads the page, and the core hears of writes when they are done. */
static void lent_xapic(void **state)
{
	static const struct irq_message level = {.address = 0xfee00000, .data = 0x8052};

	memset(page_registers, 0xff, sizeof(page_registers));
	page = (struct irq_page){.registers = page_registers};
	xapic(state);
	lendable = &page; /* for one of them */
	play(((const struct step[]){ { PUT32, REG(0x310), 0x01000000 }, { PUT32, REG(0x80), 0x35 }, { PUT32, REG(0x350), 0x10700 } }));
	assert_int_equal(lent_as, IRQ_LENT_XAPIC);
	assert_ptr_equal(machine.vcpu[0].ops, &vlapic_lent_chip);
	/* All that the processor answers from the page. */
	assert_int_equal(*in_page(APIC_VERSION), APIC_VERSION_VALUE);
	assert_int_equal(*in_page(APIC_TPR), 0x35);
	assert_int_equal(*in_page(APIC_DFR), 0xffffffff);
	assert_int_equal(*in_page(APIC_SVR), 0x1ff);
	assert_int_equal(*in_page(APIC_ICR_HIGH), 0x01000000);
	assert_int_equal(*in_page(APIC_LVT_LINT0), 0x10700);
	assert_int_equal(*in_page(APIC_LVT_TIMER), 0x10000);
	/* What is read only stays; what is not there reads as it is; a write takes effect. */
	written(APIC_ID, 0x55000000);
	assert_int_equal(*in_page(APIC_ID), 0);
	written(APIC_LVT_TIMER, 0xfff20041);
	assert_int_equal(*in_page(APIC_LVT_TIMER), 0x20041 & 0x700ff);
	written(APIC_LVT_TIMER, 0x41);
	written(APIC_TIMER_INITIAL, 1000);
	play(((const struct step[]){ { WAIT, 2000 }, { PENDING, 0, 1 } }));
	assert_int_equal(*in_page(APIC_IRR + 2), 2);
	/* The upper half of ICR is written without an exit: the other one's is sent. */
	*in_page(APIC_ICR_HIGH) = 0x02000000;
	written(APIC_ICR, 0x1061);
	assert_int_equal(*in_page(APIC_ICR), 0x61);
	play(((const struct step[]){ { CPU, 2 }, { ACCEPT, 0, 0x61 }, { CPU, 1 }, { PENDING, 0, 0 }, { CPU, 0 } }));
	/* Level-triggered ones show in TMR. */
	irq_message(&machine, &level);
	play(((const struct step[]){ { PENDING, 0, 1 } }));
	assert_int_equal(*in_page(APIC_TMR + 2), 1 << 18);
	/* What the processor leaves to the emulator. */
	*in_page(APIC_TPR) = 0x47;
	play(((const struct step[]){ { GET32, REG(0xa0), 0x47 }, { GET8, REG(0x80), 0x47 }, { GET32, REG(0x310), 0x02000000 },
				     { PUT64, REG(0x80), 0x20 }, { GET32, REG(0x80), 0x20 } }));
	assert_int_equal(*in_page(APIC_TPR), 0x20);
	assert_int_equal(*in_page(APIC_ICR_HIGH), 0x02000000);
	/* To x2APIC mode: lent anew, as that. */
	play(((const struct step[]){ { WRMSR, MSR_BASE, PAGE | 0xd00 } }));
	assert_int_equal(lent_as, IRQ_LENT_X2APIC);
	play(((const struct step[]){ { RDMSR, X_IRR + 2, 2 | 1 << 18 }, { RDMSR, X_ICR, TO(0x02000000) | 0x61 } }));
	/* Disabled by software: taken back by its own write. */
	play(((const struct step[]){ { WRMSR, MSR_BASE, PAGE | 0x100 }, { WRMSR, MSR_BASE, PAGE | 0x900 }, { PUT32, REG(0xf0), 0x1ff } }));
	assert_int_equal(lent_as, IRQ_LENT_XAPIC);
	written(APIC_SVR, 0xff);
	assert_int_equal(lent_as, IRQ_KEPT);
	assert_ptr_equal(machine.vcpu[0].ops, &vlapic_chip);
	play(((const struct step[]){ { GET32, REG(0xf0), 0xff }, { GET32, REG(0x320), 0x10000 } }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(reset_state, end),
		cmocka_unit_test_setup_teardown(priorities_nest, x2apic, end),
		cmocka_unit_test_teardown(icr_matrix, end),
		cmocka_unit_test_setup_teardown(xapic_destinations, xapic, end),
		cmocka_unit_test_setup_teardown(registers_fault_or_not, x2apic, end),
		cmocka_unit_test_setup_teardown(base_msr_modes, xapic, end),
		cmocka_unit_test_setup_teardown(timer_counts, x2apic, end),
		cmocka_unit_test_setup_teardown(timer_cannot_storm, x2apic, end),
		cmocka_unit_test_setup_teardown(tsc_deadline, x2apic, end),
		cmocka_unit_test_setup_teardown(tsc_deadline_follows_the_tsc, x2apic, end),
		cmocka_unit_test_teardown(timer_at_odd_frequency, end),
		cmocka_unit_test_setup_teardown(level_and_broadcast, x2apic, end),
		cmocka_unit_test_setup_teardown(extint_through_lint0, x2apic, end),
		cmocka_unit_test_setup_teardown(init_and_software_disable, x2apic, end),
		cmocka_unit_test_teardown(wide_ids, end),
		cmocka_unit_test_setup_teardown(lent_interrupts, lent, lent_end),
		cmocka_unit_test_setup_teardown(lent_like_any_other, lent, lent_end),
		cmocka_unit_test_setup_teardown(lent_posted, lent, lent_end),
		cmocka_unit_test_setup_teardown(lent_and_back, lent, lent_end),
		cmocka_unit_test_teardown(lent_xapic, lent_end),
	};

	return cmocka_run_group_tests_name("vlapic", tests, NULL, NULL);
}
