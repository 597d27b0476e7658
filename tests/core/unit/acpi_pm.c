/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI's fixed hardware: the PM timer and its wrap, the SCI, S5, the reset port; and the debug-exit port. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dev/dev.h"
#include "lib/bits.h"
#include "tests/core/unit/shim/machine.h"

enum { STS = 0x600, EN = 0x602, CNT = 0x604, TMR = 0x608, RESET = 0x64, SCI = 9 };

#define TICKS(n) ((n) * 1000000000ull / 3579545 + 1)

static int start(void **state)
{
	(void)state;
	machine_new(1, 1000000);
	machine_add(&acpi_pm_ops,
		    (struct hv_device){ .kind = HV_DEVICE_ACPI_PM, .base = STS, .gsi = SCI, .parameter = { 5, RESET, 6 } });
	machine_add(&debug_exit_ops, (struct hv_device){ .kind = HV_DEVICE_DEBUG_EXIT, .base = 0xf4 });
	return 0;
}

static int end(void **state)
{
	(void)state;
	machine_free();
	return 0;
}

static void timer(void **state)
{
	static const struct step steps[] = {
		{ IN32, TMR, 0 }, { WAIT, TICKS(1000) }, { IN32, TMR, 1000 }, { OUT32, TMR, 5 }, { IN32, TMR, 1000 },
		{ IN16, TMR, 1000 }, { IN8, TMR + 1, 3 },
		{ WAIT, TICKS(0x7fffffffull - 1000) - 1 }, { IN32, TMR, 0x7fffffff }, { IN16, STS, 0 },
		{ WAIT, TICKS(1) }, { IN32, TMR, 0x80000000 }, { IN16, STS, 1 }, { LINE, SCI, 0 },
		{ OUT16, STS, 1 }, { IN16, STS, 0 },
		{ OUT16, EN, 1 }, { LINE, SCI, 0 }, { WAIT, TICKS(0x80000000ull) - 10 }, { LINE, SCI, 0 },
		{ WAIT, 30 }, { LINE, SCI, 1 }, { IN16, STS, 1 }, { IN32, TMR, 0 }, /* it has gone round */
		{ OUT16, STS, 0xfffe }, { LINE, SCI, 1 }, { OUT16, STS, 1 }, { LINE, SCI, 0 },
		{ WAIT, TICKS(0x80000000ull) }, { LINE, SCI, 1 }, { OUT16, EN, 0 }, { LINE, SCI, 0 },
	};

	(void)state;
	play(steps);
}

/* At a TSC that is no multiple of the timer's rate, an hour is an hour. */
static void timer_rate(void **state)
{
	uint64_t value;

	(void)state;
	machine_new(1, 2893437);
	machine_add(&acpi_pm_ops, (struct hv_device){ .kind = HV_DEVICE_ACPI_PM, .base = STS, .gsi = SCI });
	machine_wait(3600ull * 1000000000);
	machine_access(VM_PORT, TMR, 4, false, &value);
	assert_in_range(value, (3579545ull * 3600 - 1) & 0xffffffff, (3579545ull * 3600 + 1) & 0xffffffff);
}

static void control(void **state)
{
	static const struct step steps[] = {
		{ IN16, CNT, 1 }, { OUT16, CNT, 0 }, { IN16, CNT, 1 }, /* SCI_EN stays */
		{ OUT16, EN, 0xffff }, { IN16, EN, 0x721 }, { OUT16, EN, 0 }, { OUT8, EN + 1, 1 }, { IN16, EN, 0x100 },
		{ OUT16, CNT, 5 << 10 }, { EVENTS, VM_EVENT_POWEROFF, 0 }, { IN16, CNT, 5 << 10 | 1 },
		{ OUT16, CNT, 3 << 10 | 1 << 13 }, { EVENTS, VM_EVENT_POWEROFF, 0 }, /* not S5's type */
		{ OUT16, CNT, 5 << 10 | 1 << 13 }, { EVENTS, VM_EVENT_POWEROFF, 1 }, { IN16, CNT, 5 << 10 | 1 },
		{ OUT8, CNT + 1, 5 << 2 | 1 << 5 }, { EVENTS, VM_EVENT_POWEROFF, 1 }, /* a byte will do */
		{ OUT8, RESET, 5 }, { EVENTS, VM_EVENT_RESET, 0 }, { OUT8, RESET, 6 }, { EVENTS, VM_EVENT_RESET, 1 },
		{ IN8, 0xf4, 0 }, { OUT32, 0xf4, 0x1234 },
	};

	(void)state;
	play(steps);
	assert_int_equal(machine.exits, 1);
	assert_int_equal(machine.exit_value, 0x1234);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(timer, start, end),
		cmocka_unit_test_teardown(timer_rate, end),
		cmocka_unit_test_setup_teardown(control, start, end),
	};

	return cmocka_run_group_tests_name("acpi_pm", tests, NULL, NULL);
}
