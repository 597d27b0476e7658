/* SPDX-License-Identifier: Apache-2.0 */
/* The 8254: its modes, latches and read-back, the gate of channel 2, channel 0's interrupt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dev/dev.h"
#include "lib/bits.h"
#include "tests/core/unit/shim/machine.h"

enum { C0 = 0x40, C1, C2, COMMAND, CONTROL = 0x61, GSI = 2 };

/* Nanoseconds in which n ticks of 1.193182 MHz have just passed. */
#define TICKS(n) ((n) * 1000000000ull / 1193182 + 1)

static int start(void **state)
{
	(void)state;
	machine_new(1, 1000000);
	machine_add(&vpit_ops, (struct hv_device){ .kind = HV_DEVICE_PIT, .gsi = GSI });
	return 0;
}

static int end(void **state)
{
	(void)state;
	machine_free();
	return 0;
}

static void counts(void **state)
{
	static const struct step steps[] = {
		{ OUT8, COMMAND, 0x74 }, { OUT8, C1, 0xe8 }, { OUT8, C1, 0x03 }, /* channel 1, mode 2, 1000 */
		{ IN8, C1, 0xe8 }, { IN8, C1, 0x03 },
		{ WAIT, TICKS(300) }, { OUT8, COMMAND, 0x40 }, /* latch */
		{ WAIT, TICKS(100) }, { OUT8, COMMAND, 0x40 }, /* a second latch does nothing */
		{ IN8, C1, 0xbc }, { IN8, C1, 0x02 },	       /* 700 */
		{ IN8, C1, 0x58 }, { IN8, C1, 0x02 },	       /* 600 */
		{ OUT8, COMMAND, 0x76 }, { OUT8, C1, 0xe8 }, { OUT8, C1, 0x03 }, { WAIT, TICKS(100) }, /* mode 3: by two */
		{ IN8, C1, 0x20 }, { IN8, C1, 0x03 },
		{ OUT8, COMMAND, 0x54 }, { OUT8, C1, 50 }, { WAIT, TICKS(20) }, { IN8, C1, 30 }, { IN8, C1, 30 }, /* low byte */
		{ OUT8, COMMAND, 0x64 }, { OUT8, C1, 2 }, { WAIT, TICKS(256) }, { IN8, C1, 1 },	       /* high byte */
		{ OUT8, COMMAND, 0x71 }, { OUT8, C1, 0x00 }, { OUT8, C1, 0x10 }, { WAIT, TICKS(1) },   /* BCD, mode 0 */
		{ IN8, C1, 0x99 }, { IN8, C1, 0x09 },
		{ OUT8, COMMAND, 0x70 }, { OUT8, C1, 0 }, { OUT8, C1, 0 }, { WAIT, TICKS(1) }, /* 0 is 65536 */
		{ IN8, C1, 0xff }, { IN8, C1, 0xff },
		{ IN_NONE, COMMAND },
	};

	(void)state;
	play(steps);
}

static void read_back(void **state)
{
	static const struct step steps[] = {
		{ OUT8, COMMAND, 0x74 }, { OUT8, C1, 100 }, { OUT8, C1, 0 },
		{ OUT8, COMMAND, 0xb4 },			 /* channel 2 programmed, not loaded */
		{ OUT8, COMMAND, 0xcc },			 /* count and status of 1 and 2 */
		{ IN8, C1, 0x80 | 0x30 | 2 << 1 }, { IN8, C1, 100 }, { IN8, C1, 0 },
		{ IN8, C2, 0x80 | 0x40 | 0x30 | 2 << 1 },
		{ OUT8, COMMAND, 0xe4 }, { WAIT, TICKS(99) }, { OUT8, COMMAND, 0xe4 }, /* status again: the first stays */
		{ IN8, C1, 0x80 | 0x34 }, { OUT8, COMMAND, 0xe4 }, { IN8, C1, 0x34 },	 /* low in the last tick */
	};

	(void)state;
	play(steps);
}

/* As Linux calibrates its TSC: channel 2, mode 0, gate and output in port 0x61. */
static void gate_and_output(void **state)
{
	static const struct step steps[] = {
		{ OUT8, CONTROL, 1 }, { OUT8, COMMAND, 0xb0 }, { OUT8, C2, 0x64 }, { OUT8, C2, 0 },
		{ WAIT, TICKS(40) },
		{ OUT8, CONTROL, 0 }, { WAIT, TICKS(1000) }, { OUT8, COMMAND, 0x80 }, { IN8, C2, 60 }, { IN8, C2, 0 }, /* stands */
		{ OUT8, CONTROL, 1 }, { WAIT, TICKS(58) }, { OUT8, COMMAND, 0xe8 }, { IN8, C2, 0x30 }, /* low */
		{ WAIT, TICKS(2) }, { OUT8, COMMAND, 0xe8 }, { IN8, C2, 0xb0 },		       /* high: it ended */
		/* Mode 1: the rising gate starts it, again and again. */
		{ OUT8, CONTROL, 0 }, { OUT8, COMMAND, 0xb2 }, { OUT8, C2, 10 }, { OUT8, C2, 0 }, { WAIT, TICKS(50) },
		{ OUT8, COMMAND, 0xe8 }, { IN8, C2, 0xf2 }, { OUT8, CONTROL, 1 }, { OUT8, COMMAND, 0xe8 }, { IN8, C2, 0x32 },
		{ WAIT, TICKS(10) }, { OUT8, COMMAND, 0xe8 }, { IN8, C2, 0xb2 },
	};
	uint64_t value = 0;

	(void)state;
	play(steps);
	machine_access(VM_PORT, CONTROL, 1, false, &value);
	assert_int_equal(value & 0x2f, 0x21);
}

static void interrupts(void **state)
{
	static const struct step steps[] = {
		{ OUT8, COMMAND, 0x34 }, { OUT8, C0, 0xa9 }, { OUT8, C0, 4 }, { RISES, GSI, 1 }, /* mode 2: output high */
		{ WAIT, TICKS(1193) - 2 }, { RISES, GSI, 0 }, { WAIT, 3 }, { RISES, GSI, 1 },	 /* about 1 ms */
		{ WAIT, TICKS(119300) }, { RISES, GSI, 100 },
		{ OUT8, COMMAND, 0x36 }, { OUT8, C0, 0xa9 }, { OUT8, C0, 4 }, { RISES, GSI, 0 },
		{ WAIT, TICKS(11930) + 2 }, { RISES, GSI, 10 },
		{ OUT8, COMMAND, 0x30 }, { LINE, GSI, 0 }, { WAIT, TICKS(10000) }, { RISES, GSI, 0 }, /* mode 0 waits for a count */
		{ OUT8, C0, 0xa9 }, { OUT8, C0, 4 }, { WAIT, TICKS(1193) + 1 }, { RISES, GSI, 1 },
		{ WAIT, TICKS(100000) }, { RISES, GSI, 0 }, { LINE, GSI, 1 },
		{ OUT8, COMMAND, 0x38 }, { OUT8, C0, 100 }, { OUT8, C0, 0 }, { RISES, GSI, 0 }, /* mode 4: a strobe */
		{ WAIT, TICKS(200) }, { RISES, GSI, 1 },
		{ OUT8, COMMAND, 0x34 }, { OUT8, C0, 2 }, { OUT8, C0, 0 }, { WAIT, 1000000 }, { RISES, GSI, 50 }, /* bounded */
	};

	(void)state;
	play(steps);
}

/* A CPU that is held up at each step, for longer than the count, loses no interrupt and gets none twice. */
static void interrupts_of_a_slow_machine(void **state)
{
	static const struct step steps[] = {
		{ OUT8, COMMAND, 0x38 }, { OUT8, C0, 12 }, { OUT8, C0, 0 }, { WAIT, 1000000 }, { RISES, GSI, 2 }, /* high, strobe */
		{ OUT8, COMMAND, 0x30 }, { OUT8, C0, 12 }, { OUT8, C0, 0 }, { WAIT, 1000000 }, { RISES, GSI, 1 },
		{ OUT8, COMMAND, 0x38 }, { RISES, GSI, 0 }, { OUT8, C0, 12 }, { OUT8, C0, 0 }, { WAIT, 1000000 }, { RISES, GSI, 1 },
	};

	(void)state;
	machine.drift = 100000;
	play(steps);
	machine.drift = 0;
}

/* No interrupt is doubled or lost at a TSC rate that is no multiple of anything. */
static void interrupts_at_odd_frequency(void **state)
{
	(void)state;
	machine_new(1, 2893437);
	machine_add(&vpit_ops, (struct hv_device){ .kind = HV_DEVICE_PIT, .gsi = GSI });
	play(((const struct step[]){ { OUT8, COMMAND, 0x34 }, { OUT8, C0, 0xa9 }, { OUT8, C0, 4 }, { RISES, GSI, 1 },
				     { WAIT, 10000000000ull }, { RISES, GSI, 10001 } }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(counts, start, end),
		cmocka_unit_test_setup_teardown(read_back, start, end),
		cmocka_unit_test_setup_teardown(gate_and_output, start, end),
		cmocka_unit_test_setup_teardown(interrupts, start, end),
		cmocka_unit_test_setup_teardown(interrupts_of_a_slow_machine, start, end),
		cmocka_unit_test_teardown(interrupts_at_odd_frequency, end),
	};

	return cmocka_run_group_tests_name("vpit", tests, NULL, NULL);
}
