/* SPDX-License-Identifier: Apache-2.0 */
/* The I/O APIC: registers, edge and level cycles with a local APIC behind, messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dev/dev.h"
#include "lib/bits.h"
#include "tests/core/unit/shim/machine.h"

#define BASE   0xfec00000u
#define SELECT BASE
#define WINDOW (BASE + 0x10)
#define EOI    (BASE + 0x40)
#define APIC   0xfee00000u

#define SET(index, value) { PUT32, SELECT, (index) }, { PUT32, WINDOW, (value) }
#define SEE(index, value) { PUT32, SELECT, (index) }, { GET32, WINDOW, (value) }
#define LOW(pin)	  (0x10 + 2 * (pin))
#define HIGH(pin)	  (0x11 + 2 * (pin))

static int start(void **state)
{
	(void)state;
	machine_new(2, 1000000);
	machine_add(&vlapic_ops, (struct hv_device){ .kind = HV_DEVICE_LAPIC, .base = APIC });
	machine_add(&vioapic_ops,
		    (struct hv_device){ .kind = HV_DEVICE_IOAPIC, .base = BASE, .parameter = { 3, 24 }, .requester = 0x1234 });
	play(((const struct step[]){ { CPU, 1 }, { PUT32, APIC + 0xf0, 0x1ff }, { CPU, 0 }, { PUT32, APIC + 0xf0, 0x1ff } }));
	return 0;
}

static int end(void **state)
{
	(void)state;
	machine_free();
	return 0;
}

static void registers(void **state)
{
	static const struct step steps[] = {
		SEE(0, 0x03000000), SEE(1, 0x00170020), SEE(2, 0x03000000),
		SET(0, 0xff0000ff), SEE(0, 0x0f000000),
		SET(1, 0), SEE(1, 0x00170020),
		SEE(LOW(0), 0x10000), SEE(LOW(23), 0x10000), SEE(HIGH(23), 0),
		SEE(LOW(24), 0), SET(LOW(24), 0x1234), SEE(0xff, 0), SEE(3, 0), /* no such registers */
		SET(LOW(5), 0xffffffff), SEE(LOW(5), 0x1afff), /* status and Remote IRR are read-only */
		SET(HIGH(5), 0xffffffff), SEE(HIGH(5), 0xfffe0000),
		{ GET8, SELECT, HIGH(5) }, { GET8, WINDOW + 3, 0xff }, { GET32, BASE + 0x20, 0 },
	};

	(void)state;
	play(steps);
}

static void edge(void **state)
{
	static const struct step steps[] = {
		{ RAISE, 4 }, { NO_MESSAGE }, /* masked: the edge is lost */
		SET(HIGH(4), 0x01000000), SET(LOW(4), 0x34), { NO_MESSAGE },
		{ LOWER, 4 }, { NO_MESSAGE },
		{ RAISE, 4 }, { MESSAGE, 0xfee01000, 0x34 },
		{ RAISE, 4 }, { NO_MESSAGE }, /* no new edge */
		{ LOWER, 4 }, { RAISE, 4 }, { MESSAGE, 0xfee01000, 0x34 },
		{ PENDING, 0, 0 }, { CPU, 1 }, { ACCEPT, 0, 0x34 }, { PUT32, APIC + 0xb0, 0 }, { EOIS, 0, 0 },
	};

	(void)state;
	play(steps);
}

static void level(void **state)
{
	static const struct step steps[] = {
		SET(LOW(9), 0x8061), /* level, CPU 0 */
		{ RAISE, 9 }, { MESSAGE, 0xfee00000, 0xc061 }, SEE(LOW(9), 0xc061),
		{ LOWER, 9 }, { RAISE, 9 }, { NO_MESSAGE }, /* in service */
		{ ACCEPT, 0, 0x61 },
		{ PUT32, APIC + 0xb0, 0 }, { EOIS, 0x61, 1 }, /* still high: again */
		{ MESSAGE, 0xfee00000, 0xc061 }, { ACCEPT, 0, 0x61 },
		{ LOWER, 9 }, { PUT32, APIC + 0xb0, 0 }, { EOIS, 0x61, 1 }, { NO_MESSAGE }, SEE(LOW(9), 0x8061),
		SET(LOW(9), 0x18061), { RAISE, 9 }, { NO_MESSAGE }, /* masked: waits */
		SET(LOW(9), 0x8061), { MESSAGE, 0xfee00000, 0xc061 },
		/* Its EOI register does as a broadcast does; another vector's does nothing. */
		{ PUT32, EOI, 0x60 }, { NO_MESSAGE }, { LOWER, 9 }, { PUT32, EOI, 0x61 }, SEE(LOW(9), 0x8061),
		/* To edge and back clears Remote IRR. */
		{ RAISE, 9 }, { MESSAGE, 0xfee00000, 0xc061 }, SET(LOW(9), 0x10061), SEE(LOW(9), 0x10061),
	};

	(void)state;
	play(steps);
}

static void message_fields(void **state)
{
	static const struct step steps[] = {
		SET(HIGH(1), 0x03000000), SET(LOW(1), 0x0800 | 0x100 | 0x77), /* logical, lowest priority */
		{ RAISE, 1 }, { MESSAGE, 0xfee0300c, 0x177 },
		SET(HIGH(2), 0x01020000), SET(LOW(2), 0x78), /* bits 55:49 extend the destination */
		{ RAISE, 2 }, { MESSAGE, 0xfee01020, 0x78 },
		SET(LOW(3), 0x400), { RAISE, 3 }, { MESSAGE, 0xfee00000, 0x400 }, { NMIS, 0, 1 },
		SET(LOW(23), 0x79), { RAISE, 23 }, { MESSAGE, 0xfee00000, 0x79 },
	};

	(void)state;
	play(steps);
	assert_int_equal(machine.message[0].requester, 0x1234);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(registers, start, end),
		cmocka_unit_test_setup_teardown(edge, start, end),
		cmocka_unit_test_setup_teardown(level, start, end),
		cmocka_unit_test_setup_teardown(message_fields, start, end),
	};

	return cmocka_run_group_tests_name("vioapic", tests, NULL, NULL);
}
