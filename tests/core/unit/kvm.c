/* SPDX-License-Identifier: Apache-2.0 */
/* KVM's clock as a guest computes it, its version protocol, and EOI by a word in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "dev/dev.h"
#include "lib/bits.h"
#include "pv/pv.h"
#include "tests/core/unit/shim/machine.h"

#define PAGE 0xfee00000u
enum { WALL_OLD = 0x11, TIME_OLD = 0x12, WALL = 0x4b564d00, TIME = 0x4b564d01, STEAL = 0x4b564d03, EOI_WORD = 0x4b564d04 };
enum { X_EOI = 0x80b, X_SVR = 0x80f, X_PPR = 0x80a, X_SELF = 0x83f };
#define FEATURES (BIT(0) | BIT(3) | BIT(6) | BIT(24))

static struct device *kvm;

static void start_with(uint32_t features, uint64_t khz)
{
	machine_new(2, khz);
	machine.guest.flags = HV_GUEST_X2APIC;
	machine_add(&vlapic_ops, (struct hv_device){ .kind = HV_DEVICE_LAPIC, .base = PAGE });
	kvm = machine_add(&kvm_ops,
			  (struct hv_device){ .kind = HV_DEVICE_KVM, .parameter = { 0x40000000, features } });
	play(((const struct step[]){ { WRMSR, X_SVR, 0x1ff } }));
}

static int start(void **state)
{
	(void)state;
	start_with(FEATURES, 1000000);
	return 0;
}

static int end(void **state)
{
	(void)state;
	machine_free();
	return 0;
}

/* What a guest makes of the page at 0x1000 for the TSC it reads now. */
static uint64_t guest_time(void)
{
	uint64_t stamp, base, delta;
	uint32_t multiplier;
	int8_t shift;

	memcpy(&stamp, machine.ram + 0x1008, 8);
	memcpy(&base, machine.ram + 0x1010, 8);
	memcpy(&multiplier, machine.ram + 0x1018, 4);
	memcpy(&shift, machine.ram + 0x101c, 1);
	delta = time_now() + machine.vcpu[0].tsc_offset - stamp;
	delta = shift < 0 ? delta >> -shift : delta << shift;
	return base + (uint64_t)((unsigned __int128)delta * multiplier >> 32);
}

static void system_time_runs_right(void **state)
{
	static const uint64_t rates[] = { 1000000, 500000, 800000, 1999999, 2000000, 2893437, 4000001, 9999999, 24000 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rates); i++) {
		uint64_t began, off;

		start_with(FEATURES, rates[i]);
		machine.vcpu[0].tsc_offset = 123456789;
		machine_wait(5000000);
		play(((const struct step[]){ { WRMSR, TIME, 0x1001 }, { RDMSR, TIME, 0x1001 }, { RAM32, 0x1000, 2 } }));
		assert_int_equal(machine.ram[0x101d], 1); /* stable */
		assert_in_range(guest_time(), 4999900, 5000100);
		began = guest_time();
		machine_wait(100000000000ull);
		off = guest_time() - began - 100000000000ull;
		assert_true((int64_t)off > -200 && (int64_t)off < 200); /* 2 in 10^9 */
	}
}

static void pages(void **state)
{
	static const struct step steps[] = {
		{ WRMSR_GP, TIME, 0x1003 }, { WRMSR_GP, WALL, 0x2001 }, { WRMSR_GP, WALL, 0x2002 }, /* not aligned */
		{ WRMSR, TIME, 0x1000 }, { RAM32, 0x1000, 0 }, /* not enabled: nothing is written */
		{ WRMSR, TIME, 0x1001 }, { RAM32, 0x1000, 2 }, { WRMSR, TIME, 0x1001 }, { RAM32, 0x1000, 4 },
		{ WAIT, 5000000000ull },
		{ WRMSR, WALL, 0x2000 }, { RDMSR, WALL, 0x2000 }, { RAM32, 0x2000, 2 }, { RAM32, 0x2004, 1700000000 },
		{ RAM32, 0x2008, 1000000 }, { WRMSR, WALL, 0x2000 }, { RAM32, 0x2000, 4 },
		{ WRMSR, WALL_OLD, 0x2010 }, { RAM32, 0x2014, 1700000000 }, { RDMSR, WALL, 0x2010 },
		{ WRMSR, TIME_OLD, 0x3001 }, { RAM32, 0x3000, 6 }, { RDMSR, TIME, 0x3001 },
		{ CPU, 1 }, { RDMSR, TIME, 0 }, { WRMSR, TIME, 0x3041 }, { RAM32, 0x3040, 2 },
		/* Addresses that are no RAM, or end beyond it. */
		{ WRMSR, TIME, 0xfffffffffffff001 }, { WRMSR, TIME, MACHINE_RAM - 16 + 1 }, { WRMSR, WALL, MACHINE_RAM - 4 },
		{ RAM32, MACHINE_RAM - 16, 0 },
	};
	uint64_t value = 0;

	(void)state;
	play(steps);
	assert_int_equal(machine_access(VM_MSR, STEAL, 8, false, &value), ACCESS_NONE);
	kvm->ops->reset(kvm);
	play(((const struct step[]){ { RDMSR, TIME, 0 }, { CPU, 0 }, { RDMSR, TIME, 0 }, { RDMSR, WALL, 0 }, { RDMSR, EOI_WORD, 0 } }));
}

static void only_what_is_offered(void **state)
{
	uint64_t value = 0;

	(void)state;
	start_with(BIT(3), 1000000);
	assert_int_equal(machine_access(VM_MSR, EOI_WORD, 8, true, &value), ACCESS_NONE);
	assert_int_equal(machine_access(VM_MSR, TIME_OLD, 8, true, &value), ACCESS_NONE);
	play(((const struct step[]){ { WRMSR, TIME, 0x1001 } }));
	assert_int_equal(machine.ram[0x101d], 0); /* no stable bit either */
}

static void eoi_by_word(void **state)
{
	static const struct step steps[] = {
		{ WRMSR_GP, EOI_WORD, 0x4003 }, { WRMSR, EOI_WORD, 0x4001 }, { RDMSR, EOI_WORD, 0x4001 },
		{ WRMSR, X_SELF, 0x50 }, { ACCEPT, 0, 0x50 }, { PENDING, 0, 0 }, { RAM32, 0x4000, 1 },
		{ RAM_PUT32, 0x4000, 0 }, /* the guest's EOI */
		{ RDMSR, X_PPR, 0 }, { PENDING, 0, 0 },
		/* One that comes meanwhile takes the offer back: the guest's EOI has to be seen. */
		{ WRMSR, X_SELF, 0x50 }, { ACCEPT, 0, 0x50 }, { RAM32, 0x4000, 1 }, { WRMSR, X_SELF, 0x51 },
		{ PENDING, 0, 0 }, { RAM32, 0x4000, 0 }, { WRMSR, X_EOI, 0 }, { ACCEPT, 0, 0x51 }, { RAM32, 0x4000, 1 },
		/* It came, the guest ended the first without our seeing, and then it is looked at. */
		{ RAM_PUT32, 0x4000, 0 }, { WRMSR, X_SELF, 0x40 }, { ACCEPT, 0, 0x40 }, { RDMSR, X_PPR, 0x40 },
		/* Nested: the upper one's end by the word, the lower one's by the register. */
		{ WRMSR, X_SELF, 0x60 }, { ACCEPT, 0, 0x60 }, { RAM32, 0x4000, 1 }, { RAM_PUT32, 0x4000, 0 },
		{ RDMSR, X_PPR, 0x40 }, { WRMSR, X_EOI, 0 }, { RDMSR, X_PPR, 0 },
		/* None while something waits behind it. */
		{ WRMSR, X_SELF, 0x40 }, { WRMSR, X_SELF, 0x50 }, { ACCEPT, 0, 0x50 }, { RAM32, 0x4000, 0 },
		{ WRMSR, X_EOI, 0 }, { ACCEPT, 0, 0x40 }, { RAM32, 0x4000, 1 },
		{ WRMSR, EOI_WORD, 0 }, { RAM32, 0x4000, 0 }, { RDMSR, X_PPR, 0x40 }, { WRMSR, X_EOI, 0 },
		{ WRMSR, X_SELF, 0x41 }, { ACCEPT, 0, 0x41 }, { RAM32, 0x4000, 0 },
	};

	(void)state;
	play(steps);
}

static void eoi_word_never_for_levels_or_bad_memory(void **state)
{
	const struct irq_request level = { .destination = 0, .vector = 0x70, .level = true, .wide = true };

	(void)state;
	play(((const struct step[]){ { WRMSR, EOI_WORD, 0x4001 } }));
	irq_request(&machine, &level);
	play(((const struct step[]){ { ACCEPT, 0, 0x70 }, { RAM32, 0x4000, 0 }, { WRMSR, X_EOI, 0 }, { EOIS, 0x70, 1 },
				     { WRMSR, X_SELF, 0x50 }, { ACCEPT, 0, 0x50 }, { RAM32, 0x4000, 1 } }));
	machine.ram_gone = true;
	play(((const struct step[]){ { RDMSR, X_PPR, 0x50 }, { WRMSR, X_EOI, 0 }, { RDMSR, X_PPR, 0 },
				     { WRMSR, X_SELF, 0x50 }, { ACCEPT, 0, 0x50 }, { WRMSR, X_EOI, 0 }, { RDMSR, X_PPR, 0 } }));
}

static void steal_time_is_told(void **state)
{
	uint64_t value;
	uint64_t steal;

	(void)state;
	start_with(FEATURES | BIT(5), 1000000); /* a tick a nanosecond */
	value = 0x2003;
	assert_int_equal(machine_access(VM_MSR, STEAL, 8, true, &value), ACCESS_FAULT);
	machine.vcpu[0].stolen = 5000; /* before the guest asked */
	play(((const struct step[]){ { WRMSR, STEAL, 0x2001 }, { RDMSR, STEAL, 0x2001 }, { RAM32, 0x2000, 0 },
				     { RAM32, 0x2008, 2 } }));
	machine.scheduled(machine.scheduled_context, 0, false);
	assert_int_equal(machine.ram[0x2010], 1);
	machine.vcpu[0].stolen += 0x123456789;
	machine.scheduled(machine.scheduled_context, 0, true);
	assert_int_equal(machine.ram[0x2010], 0);
	assert_int_equal(machine.vcpu[0].flushes, 0);
	memcpy(&steal, machine.ram + 0x2000, 8);
	assert_int_equal(steal, 0x123456789);
	play(((const struct step[]){ { RAM32, 0x2008, 4 } }));
	/* Another vCPU asked for a flush meanwhile. */
	machine.scheduled(machine.scheduled_context, 0, false);
	machine.ram[0x2010] |= 2;
	machine.scheduled(machine.scheduled_context, 0, true);
	assert_int_equal(machine.ram[0x2010], 0);
	assert_int_equal(machine.vcpu[0].flushes, 1);
	/* Memory that is gone, and a vCPU that never asked. */
	machine.ram_gone = true;
	machine.scheduled(machine.scheduled_context, 0, false);
	machine.scheduled(machine.scheduled_context, 0, true);
	machine.ram_gone = false;
	play(((const struct step[]){ { RDMSR, STEAL, 0 } }));
	machine.scheduled(machine.scheduled_context, 1, false);
}

static uint64_t hypercall(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, bool wide)
{
	return machine.hypercall(machine.hypercall_context, number, (const uint64_t[]){ a, b, c, d }, wide);
}

static void hypercalls_wake_and_interrupt(void **state)
{
	(void)state;
	start_with(FEATURES | BIT(7) | BIT(11), 1000000);
	assert_int_equal(hypercall(5, 0, 1, 0, 0, true), 0);
	assert_int_equal(machine.vcpu[0].unhalts, 0);
	assert_int_equal(machine.vcpu[1].unhalts, 1);
	assert_int_equal(hypercall(10, 3, 0, 0, 0x51, true), 2);
	play(((const struct step[]){ { ACCEPT, 0, 0x51 } }));
	assert_int_equal(hypercall(10, 0, 1ull << 32, 0, 0x52, false), (uint64_t)0);
	assert_int_equal(hypercall(10, ~0ull, ~0ull, 0xffffffc0, 0x53, true), 63); /* not the id of all */
	assert_int_equal(hypercall(10, 1, 0, 0, 0x400, true), 1);
	assert_int_equal(machine.vcpu[0].nmis, 1);
	assert_int_equal(hypercall(10, 1, 0, 0, 0x8051, true), (uint64_t)-22);  /* level */
	assert_int_equal(hypercall(10, 1, 0, 0, 0x40051, true), (uint64_t)-22); /* to itself */
	assert_int_equal(hypercall(10, 1, 0, 0, 0x500, true), (uint64_t)-22);   /* INIT */
	assert_int_equal(hypercall(1, 0, 0, 0, 0, true), (uint64_t)-1000);
	start_with(FEATURES | BIT(7), 1000000);
	assert_int_equal(hypercall(10, 1, 0, 0, 0x51, true), (uint64_t)-1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(system_time_runs_right, end),
		cmocka_unit_test_setup_teardown(pages, start, end),
		cmocka_unit_test_teardown(only_what_is_offered, end),
		cmocka_unit_test_teardown(steal_time_is_told, end),
		cmocka_unit_test_teardown(hypercalls_wake_and_interrupt, end),
		cmocka_unit_test_setup_teardown(eoi_by_word, start, end),
		cmocka_unit_test_setup_teardown(eoi_word_never_for_levels_or_bad_memory, start, end),
	};

	return cmocka_run_group_tests_name("kvm", tests, NULL, NULL);
}
