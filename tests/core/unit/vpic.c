/* SPDX-License-Identifier: Apache-2.0 */
/* The 8259 pair: initialization, cascade, priorities, the modes of EOI, polling, spurious interrupts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dev/dev.h"
#include "lib/bits.h"
#include "tests/core/unit/shim/machine.h"

enum { M = 0x20, MD = 0x21, S = 0xa0, SD = 0xa1, E1 = 0x4d0, E2 = 0x4d1 };

#define INIT_CHIPS(icw4)                                                                           \
	{ OUT8, M, 0x11 }, { OUT8, MD, 0x30 }, { OUT8, MD, 4 }, { OUT8, MD, (icw4) },              \
	{ OUT8, S, 0x11 }, { OUT8, SD, 0x38 }, { OUT8, SD, 2 }, { OUT8, SD, 1 }, { OUT8, MD, 0 },  \
	{ OUT8, SD, 0 }

static int start(void **state)
{
	(void)state;
	machine_new(1, 1000000);
	machine_add(&vpic_ops, (struct hv_device){ .kind = HV_DEVICE_PIC });
	return 0;
}

static int end(void **state)
{
	(void)state;
	machine_free();
	return 0;
}

static void initialization(void **state)
{
	static const struct step steps[] = {
		{ IN8, MD, 0xff }, { RAISE, 1 }, { EXTINT, 0, 0 }, { LOWER, 1 }, INIT_CHIPS(1), { IN8, MD, 0 },
		{ EXTINT, 0, 0 }, { OUT8, MD, 0xa5 }, { IN8, MD, 0xa5 }, { OUT8, MD, 0 },
		{ RAISE, 1 }, { EXTINT, 0, 1 }, { IN8, M, 0x02 }, { ACKNOWLEDGE, 0, 0x31 }, { EXTINT, 0, 0 },
		{ IN8, M, 0 }, { OUT8, M, 0x0b }, { IN8, M, 0x02 }, { OUT8, M, 0x0a }, /* in service */
		{ LOWER, 1 }, { RAISE, 1 }, { EXTINT, 0, 0 }, { OUT8, M, 0x20 }, { EXTINT, 0, 1 },
		{ ACKNOWLEDGE, 0, 0x31 }, { OUT8, M, 0x20 },
		/* ICW1 alone, single and without ICW4: one word and done. */
		{ OUT8, M, 0x12 }, { OUT8, MD, 0x50 }, { OUT8, MD, 0x80 }, { IN8, MD, 0x80 },
		{ RAISE, 3 }, { ACKNOWLEDGE, 0, 0x53 },
	};

	(void)state;
	play(steps);
}

static void cascade(void **state)
{
	static const struct step steps[] = {
		INIT_CHIPS(1),
		{ RAISE, 12 }, { EXTINT, 0, 1 }, { IN8, M, 0x04 }, { ACKNOWLEDGE, 0, 0x3c }, { EXTINT, 0, 0 },
		{ RAISE, 4 }, { EXTINT, 0, 0 },		       /* below the cascade */
		{ RAISE, 1 }, { ACKNOWLEDGE, 0, 0x31 }, { OUT8, M, 0x20 }, /* above it */
		{ RAISE, 9 }, { EXTINT, 0, 0 },		       /* the master serves its input 2 already */
		{ OUT8, S, 0x20 }, { EXTINT, 0, 0 }, { OUT8, M, 0x20 }, { EXTINT, 0, 1 },
		{ ACKNOWLEDGE, 0, 0x39 }, { OUT8, S, 0x61 }, { OUT8, M, 0x62 }, /* specific EOIs */
		{ ACKNOWLEDGE, 0, 0x34 }, { OUT8, M, 0x64 }, { EXTINT, 0, 0 },
		{ RAISE, 2 }, { ACKNOWLEDGE, 0, 0x30 }, /* GSI 2 is the timer, input 0 */
	};
	static const struct step nested[] = {
		INIT_CHIPS(0x11), /* special fully nested: the slave may interrupt itself */
		{ RAISE, 12 }, { ACKNOWLEDGE, 0, 0x3c }, { RAISE, 9 }, { EXTINT, 0, 1 }, { ACKNOWLEDGE, 0, 0x39 },
	};

	(void)state;
	play(steps);
	start(state);
	play(nested);
}

static void spurious(void **state)
{
	static const struct step steps[] = {
		INIT_CHIPS(1),
		{ OUT8, E1, 0x20 }, { OUT8, E2, 0x04 }, { IN8, E1, 0x20 }, { IN16, E1, 0x0420 },
		{ RAISE, 5 }, { LOWER, 5 }, { EXTINT, 0, 0 }, { ACKNOWLEDGE, 0, 0x37 }, /* a level that went away */
		{ OUT8, M, 0x0b }, { IN8, M, 0 }, { OUT8, M, 0x0a },
		{ OUT8, E1, 0xff }, { IN8, E1, 0xf8 }, { OUT8, E2, 0xff }, { IN8, E2, 0xde }, /* the others are edges */
		{ RAISE, 5 }, { ACKNOWLEDGE, 0, 0x35 }, { OUT8, M, 0x20 }, { EXTINT, 0, 1 }, /* the level is still there */
		{ LOWER, 5 }, { EXTINT, 0, 0 },
	};

	(void)state;
	play(steps);
}

static void rotation_and_masks(void **state)
{
	static const struct step rotation[] = {
		INIT_CHIPS(1),
		{ OUT8, M, 0xc3 }, /* input 3 lowest, 4 highest */
		{ RAISE, 1 }, { RAISE, 4 }, { ACKNOWLEDGE, 0, 0x34 }, { EXTINT, 0, 0 }, { OUT8, M, 0xa0 }, /* rotate: 4 lowest */
		{ RAISE, 5 }, { ACKNOWLEDGE, 0, 0x35 }, { OUT8, M, 0xe5 }, { ACKNOWLEDGE, 0, 0x31 },
		{ OUT8, M, 0x20 }, { OUT8, M, 0x20 }, /* an EOI with nothing in service */
	};
	static const struct step special[] = {
		INIT_CHIPS(1),
		{ RAISE, 1 }, { ACKNOWLEDGE, 0, 0x31 }, { RAISE, 6 }, { EXTINT, 0, 0 },
		{ OUT8, MD, 0x02 }, { EXTINT, 0, 0 }, { OUT8, M, 0x68 }, { EXTINT, 0, 1 }, /* special mask mode */
		{ ACKNOWLEDGE, 0, 0x36 }, { OUT8, M, 0x66 }, { OUT8, M, 0x48 }, { RAISE, 7 }, { EXTINT, 0, 0 },
	};
	static const struct step automatic[] = {
		INIT_CHIPS(3), { OUT8, M, 0x80 }, /* automatic EOI, rotating */
		{ RAISE, 3 }, { ACKNOWLEDGE, 0, 0x33 }, { LOWER, 3 }, { RAISE, 3 }, { RAISE, 4 },
		{ ACKNOWLEDGE, 0, 0x34 }, { OUT8, M, 0x00 }, { ACKNOWLEDGE, 0, 0x33 },
		{ OUT8, M, 0x0b }, { IN8, M, 0 },
	};
	static const struct step poll[] = {
		INIT_CHIPS(1), { OUT8, M, 0x0c }, { IN8, M, 0 }, { RAISE, 6 }, { OUT8, M, 0x0c }, { IN8, M, 0x86 },
		{ OUT8, M, 0x0b }, { IN8, M, 0x40 }, { EXTINT, 0, 0 },
	};

	play(rotation);
	start(state);
	play(special);
	start(state);
	play(automatic);
	start(state);
	play(poll);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(initialization, start, end),
		cmocka_unit_test_setup_teardown(cascade, start, end),
		cmocka_unit_test_setup_teardown(spurious, start, end),
		cmocka_unit_test_setup_teardown(rotation_and_masks, start, end),
	};

	return cmocka_run_group_tests_name("vpic", tests, NULL, NULL);
}
