/* SPDX-License-Identifier: Apache-2.0 */
/* The RTC: formats, update in progress, setting the clock, alarms, periodic interrupts, the calendar. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>

#include "dev/dev.h"
#include "lib/bits.h"
#include "tests/core/unit/shim/machine.h"

#define CENTURY 0x32
#define GET(reg, value) { OUT8, 0x70, (reg) }, { IN8, 0x71, (value) }
#define PUT(reg, value) { OUT8, 0x70, (reg) }, { OUT8, 0x71, (value) }
#define SECOND 1000000000ull

/* The machine starts 1 ms into 2023-11-14 22:13:20, a Tuesday. */
static int start(void **state)
{
	(void)state;
	machine_new(1, 1000000);
	machine_add(&vrtc_ops, (struct hv_device){ .kind = HV_DEVICE_RTC, .base = 0x70, .gsi = 8, .parameter = { CENTURY } });
	return 0;
}

static int end(void **state)
{
	(void)state;
	machine_free();
	return 0;
}

static void formats(void **state)
{
	static const struct step steps[] = {
		GET(10, 0x26), GET(11, 0x02), GET(12, 0), GET(13, 0x80),
		GET(0, 0x20), GET(2, 0x13), GET(4, 0x22), GET(6, 0x03), GET(7, 0x14), GET(8, 0x11), GET(9, 0x23), GET(CENTURY, 0x20),
		PUT(11, 0x06), /* binary */
		GET(0, 20), GET(2, 13), GET(4, 22), GET(7, 14), GET(8, 11), GET(9, 23), GET(CENTURY, 20),
		PUT(11, 0x04), GET(4, 0x8a), /* 12 hours: 10 pm */
		PUT(11, 0x00), GET(4, 0x90),
		PUT(4, 0x12), GET(4, 0x12), PUT(11, 0x02), GET(4, 0x00), /* 12 am is midnight */
		PUT(11, 0x00), PUT(4, 0x92), GET(4, 0x92), PUT(11, 0x02), GET(4, 0x12), /* 12 pm is noon */
		PUT(0x40, 0x5a), GET(0x40, 0x5a), GET(0xc0, 0x5a), /* CMOS; bit 7 of the index is the NMI's mask */
		PUT(12, 0xff), GET(12, 0), PUT(13, 0), GET(13, 0x80), { IN8, 0x70, 0xff },
	};

	(void)state;
	play(steps);
}

static void update_in_progress(void **state)
{
	static const struct step steps[] = {
		GET(10, 0x26), { WAIT, SECOND - 1000000 - 244001 }, GET(10, 0x26), { WAIT, 1 }, GET(10, 0xa6),
		{ WAIT, 243999 }, GET(10, 0xa6), GET(0, 0x20), { WAIT, 1 }, GET(10, 0x26), GET(0, 0x21),
		PUT(10, 0xff), GET(10, 0x7f), /* UIP cannot be written */
		PUT(11, 0x82), { WAIT, SECOND - 1000 }, GET(10, 0x7f), GET(0, 0x21), { WAIT, SECOND }, GET(0, 0x21), /* SET stops it */
	};

	(void)state;
	play(steps);
}

static void setting(void **state)
{
	static const struct step steps[] = {
		PUT(11, 0x82), PUT(0, 0x58), PUT(2, 0x59), PUT(4, 0x23), PUT(7, 0x28), PUT(8, 0x02), PUT(9, 0x24), PUT(CENTURY, 0x20),
		GET(0, 0x58), GET(8, 0x02), PUT(11, 0x02), GET(0, 0x58),
		{ WAIT, 2 * SECOND }, GET(0, 0x00), GET(2, 0), GET(4, 0), GET(7, 0x29), GET(8, 0x02), GET(6, 5), /* a leap year */
		{ WAIT, 86400 * SECOND }, GET(7, 0x01), GET(8, 0x03), GET(9, 0x24),
		PUT(9, 0x99), GET(9, 0x99), GET(CENTURY, 0x20), /* without SET too */
		/* What is no time becomes one. */
		PUT(8, 0xff), PUT(7, 0xff), PUT(4, 0xff), PUT(2, 0xff), PUT(0, 0xff), PUT(9, 0xff), PUT(CENTURY, 0xff), PUT(6, 0xff),
	};
	uint64_t value;

	(void)state;
	play(steps);
	for (unsigned int n = 0; n < 10; n++) {
		value = n;
		machine_access(VM_PORT, 0x70, 1, true, &value);
		assert_int_equal(machine_access(VM_PORT, 0x71, 1, false, &value), ACCESS_DONE);
		assert_true((value & 15) < 10 || n % 2);
	}
}

static void alarm_and_update(void **state)
{
	static const struct step steps[] = {
		PUT(10, 0x20), PUT(1, 0x23), PUT(3, 0x13), PUT(5, 0x22), PUT(11, 0x22), { WAIT, 2 * SECOND }, { LINE, 8, 0 },
		{ WAIT, SECOND }, { LINE, 8, 1 }, GET(12, 0xb0), { LINE, 8, 0 }, GET(12, 0), /* alarm, with the update */
		{ WAIT, 60 * SECOND }, { LINE, 8, 0 },
		PUT(5, 0xff), PUT(3, 0xc0), { WAIT, 60 * SECOND }, { RISES, 8, 2 }, GET(12, 0xb0), /* any hour, any minute */
		PUT(11, 0x12), { WAIT, SECOND }, { LINE, 8, 1 }, GET(12, 0x90), { WAIT, 3 * SECOND }, { RISES, 8, 2 }, GET(12, 0x90),
		PUT(11, 0x92), GET(11, 0x82), PUT(11, 0x02), /* SET clears the update's enable */
		{ WAIT, 2 * SECOND }, GET(12, 0x10), /* flags come without interrupts */
	};

	(void)state;
	play(steps);
}

static void periodic(void **state)
{
	uint64_t value = 12;
	unsigned int seen = 0;

	(void)state;
	play(((const struct step[]){ PUT(10, 0x26), PUT(11, 0x42), { OUT8, 0x70, 12 } }));
	for (unsigned int i = 0; i < 100000; i++) { /* a second in steps of 10 us: 1024 Hz */
		machine_wait(10000);
		if (!machine.line[8])
			continue;
		machine_access(VM_PORT, 0x71, 1, false, &value);
		assert_true(value & 0x40);
		seen++;
	}
	assert_in_range(seen, 1023, 1025);
	play(((const struct step[]){ { LINE, 8, 0 }, PUT(10, 0x20), { WAIT, SECOND }, { LINE, 8, 0 }, /* rate 0: none */
				     PUT(10, 0x2f), { WAIT, SECOND / 2 }, { LINE, 8, 1 } }));
}

/* The calendar against the C library's, over the years a guest may see. */
static void calendar(void **state)
{
	(void)state;
	play(((const struct step[]){ PUT(11, 0x06) }));
	for (unsigned int i = 0; i < 2000; i++) {
		time_t now;
		struct tm tm;

		machine_wait(5ull * 86400 * SECOND + i * 1001 * SECOND);
		now = time_wall_ns() / SECOND;
		gmtime_r(&now, &tm);
		play(((const struct step[]){
			GET(0, tm.tm_sec), GET(2, tm.tm_min), GET(4, tm.tm_hour), GET(6, tm.tm_wday + 1), GET(7, tm.tm_mday),
			GET(8, tm.tm_mon + 1), GET(9, tm.tm_year % 100), GET(CENTURY, 19 + tm.tm_year / 100),
			/* Setting the clock to what it shows changes nothing. */
			PUT(11, 0x86), PUT(8, tm.tm_mon + 1), PUT(11, 0x06), GET(7, tm.tm_mday), GET(8, tm.tm_mon + 1),
		}));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(formats, start, end),
		cmocka_unit_test_setup_teardown(update_in_progress, start, end),
		cmocka_unit_test_setup_teardown(setting, start, end),
		cmocka_unit_test_setup_teardown(alarm_and_update, start, end),
		cmocka_unit_test_setup_teardown(periodic, start, end),
		cmocka_unit_test_setup_teardown(calendar, start, end),
	};

	return cmocka_run_group_tests_name("vrtc", tests, NULL, NULL);
}
