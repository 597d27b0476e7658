/* SPDX-License-Identifier: Apache-2.0 */
/* HPET: the counter, one-shot and periodic timers, routing and levels. One tick is 10 ns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dev/dev.h"
#include "lib/bits.h"
#include "tests/core/unit/shim/machine.h"

#define BASE	0xfed00000u
#define CAP	BASE
#define CONFIG	(BASE + 0x10)
#define STATUS	(BASE + 0x20)
#define COUNTER (BASE + 0xf0)
#define TCONF(n) (BASE + 0x100 + 0x20 * (n))
#define TCOMP(n) (BASE + 0x108 + 0x20 * (n))

#define ROUTE(gsi) ((gsi) << 9)
#define ROUTES	   0x00f0000000000000ull

static int start(void **state)
{
	(void)state;
	machine_new(1, 1000000);
	machine_add(&vhpet_ops, (struct hv_device){ .kind = HV_DEVICE_HPET, .base = BASE, .gsi = 2, .parameter = { 3 } });
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
		{ GET64, CAP, 0x009896808086a201 }, { GET32, CAP + 4, 10000000 }, { GET32, CAP, 0x8086a201 },
		{ PUT32, CAP, 0 }, { GET32, CAP, 0x8086a201 },
		{ GET64, TCONF(0), ROUTES | 0x30 }, { GET64, TCONF(1), ROUTES | 0x20 }, { GET64, TCONF(2), ROUTES | 0x20 },
		{ GET64, TCONF(3), 0 }, { GET64, TCOMP(0), -1ull }, { GET64, BASE + 0x3f8, 0 },
		{ PUT64, TCONF(1), -1ull }, { GET64, TCONF(1), ROUTES | 0x126 }, /* no route 31, no message, not periodic */
		{ PUT32, TCONF(2), ROUTE(21) }, { GET32, TCONF(2), ROUTE(21) | 0x20 },
		{ PUT64, CONFIG, -1ull }, { GET64, CONFIG, 3 },
	};

	(void)state;
	play(steps);
}

static void counter(void **state)
{
	static const struct step steps[] = {
		{ WAIT, 1000 }, { GET64, COUNTER, 0 }, /* stands until enabled */
		{ PUT32, CONFIG, 1 }, { WAIT, 1000 }, { GET64, COUNTER, 100 }, { PUT64, COUNTER, 7 }, { GET64, COUNTER, 100 },
		{ PUT32, CONFIG, 0 }, { WAIT, 1000 }, { GET64, COUNTER, 100 },
		{ PUT64, COUNTER, 0xfffffff0 }, { PUT32, CONFIG, 1 }, { WAIT, 320 }, { GET64, COUNTER, 0x100000010 },
		{ GET32, COUNTER, 0x10 }, { GET32, COUNTER + 4, 1 },
		{ PUT32, CONFIG, 0 }, { PUT32, COUNTER, 5 }, { PUT32, COUNTER + 4, 6 }, { GET64, COUNTER, 0x600000005 },
	};

	(void)state;
	play(steps);
}

static void one_shot(void **state)
{
	static const struct step steps[] = {
		{ PUT32, TCONF(1), ROUTE(20) | 4 }, { PUT64, TCOMP(1), 1000 }, { PUT32, CONFIG, 1 },
		{ WAIT, 9990 }, { RISES, 20, 0 }, { WAIT, 20 }, { RISES, 20, 1 }, { LINE, 20, 0 },
		{ WAIT, 1000000000 }, { RISES, 20, 0 },
		{ PUT64, TCOMP(1), 1000 }, { WAIT, 1000000000 }, { RISES, 20, 0 }, /* already past: in 5000 years */
		/* 32 bits: past is in 43 seconds at the most, and every 43 seconds. */
		{ PUT32, TCONF(1), ROUTE(20) | 0x104 }, { WAIT, 42949672970ull }, { RISES, 20, 1 },
		{ WAIT, 42949672970ull }, { RISES, 20, 1 },
		{ PUT32, TCONF(1), ROUTE(20) | 0x100 }, { WAIT, 42949672970ull }, { RISES, 20, 0 }, /* disabled */
	};

	(void)state;
	play(steps);
}

/* As Linux sets up its clock event: comparator, then period; by legacy replacement. */
static void periodic(void **state)
{
	static const struct step steps[] = {
		{ PUT32, CONFIG, 3 }, { PUT32, TCONF(0), 0x14c }, { PUT32, TCOMP(0), 100000 }, { GET32, TCONF(0), 0x13c },
		{ PUT32, TCOMP(0), 100000 }, { WAIT, 999990 }, { RISES, 2, 0 },
		{ WAIT, 20 }, { RISES, 2, 1 }, { GET32, TCOMP(0), 200000 }, { WAIT, 10000000 }, { RISES, 2, 10 },
		{ PUT32, TCONF(1), 4 }, { PUT64, TCOMP(1), 1500000 }, { WAIT, 5000000 }, { RISES, 8, 1 }, { RISES, 2, 5 },
		{ PUT32, TCOMP(0), 1 }, { WAIT, 1000000 }, /* what is under way ends first */
		{ RISES, 2, 1 }, { WAIT, 1000100 }, { RISES, 2, 50 }, /* a period of 10 ns: every 20 us */
		{ PUT32, CONFIG, 2 }, { WAIT, 1000000 }, { RISES, 2, 0 },
	};

	(void)state;
	play(steps);
}

/* Held up for longer than the period between its two writes, before and behind the comparator: the interrupts come. */
static void periodic_on_a_slow_machine(void **state)
{
	static const struct step before[] = {
		{ PUT32, CONFIG, 3 }, { WAIT, 3000000000 }, { PUT32, TCONF(0), 0x14c }, { PUT32, TCOMP(0), 300100000 },
		{ WAIT, 5000000 }, { RISES, 2, 1 }, { PUT32, TCOMP(0), 100000 }, { WAIT, 10000100 }, { RISES, 2, 11 },
	};
	static const struct step behind[] = {
		{ PUT32, CONFIG, 3 }, { WAIT, 3000000000 }, { PUT32, TCONF(0), 0x14c }, { PUT32, TCOMP(0), 299990000 },
		{ WAIT, 5000000 }, { RISES, 2, 0 }, { PUT32, TCOMP(0), 100000 }, { WAIT, 10000100 }, { RISES, 2, 11 },
		{ PUT32, TCONF(0), 0 }, { WAIT, 3000000000 }, { PUT32, TCONF(0), 0x10c }, { WAIT, 1000000 }, { RISES, 2, 2 },
	};

	play(before);
	start(state);
	play(behind);
}

static void level(void **state)
{
	static const struct step steps[] = {
		{ PUT32, TCONF(2), ROUTE(23) | 6 }, { PUT64, TCOMP(2), 100 }, { PUT32, CONFIG, 1 }, { WAIT, 2000 },
		{ LINE, 23, 1 }, { GET32, STATUS, 4 }, { PUT32, STATUS, 3 }, { LINE, 23, 1 }, { PUT32, STATUS, 4 }, { LINE, 23, 0 },
		{ GET32, STATUS, 0 },
		{ PUT64, TCOMP(2), 1000 }, { WAIT, 10000 }, { LINE, 23, 1 },
		{ PUT32, TCONF(2), ROUTE(22) | 6 }, { LINE, 23, 0 }, { LINE, 22, 0 }, /* a line does not stay behind */
	};

	(void)state;
	play(steps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(registers, start, end), cmocka_unit_test_setup_teardown(counter, start, end),
		cmocka_unit_test_setup_teardown(one_shot, start, end),	cmocka_unit_test_setup_teardown(periodic, start, end),
		cmocka_unit_test_setup_teardown(level, start, end),
		cmocka_unit_test_setup_teardown(periodic_on_a_slow_machine, start, end),
	};

	return cmocka_run_group_tests_name("vhpet", tests, NULL, NULL);
}
