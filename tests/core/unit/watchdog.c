/* SPDX-License-Identifier: Apache-2.0 */
/* The watchdog of the WDAT, and the panic port. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dev/dev.h"
#include "lib/bits.h"
#include "tests/core/unit/shim/machine.h"

enum { CONTROL = 0x620, COUNT = 0x624, LEFT = 0x628, PANIC = 0x505 };
#define PERIODS(n) ((n) * (uint64_t)HV_WATCHDOG_PERIOD_MS * 1000000)

static struct device *watchdog;

static void start(uint32_t action)
{
	machine_new(1, 2893437);
	watchdog = machine_add(&watchdog_ops, (struct hv_device){ .kind = HV_DEVICE_WATCHDOG, .base = CONTROL, .gsi = HV_NONE,
								  .parameter = { action, 20 } });
	machine_add(&panic_ops, (struct hv_device){ .kind = HV_DEVICE_PANIC, .base = PANIC, .gsi = HV_NONE });
}

static int end(void **state)
{
	(void)state;
	machine_free();
	return 0;
}

static void counts_and_is_fed(void **state)
{
	static const struct step steps[] = {
		{ IN32, CONTROL, 0 }, { IN32, COUNT, 20 }, { IN32, LEFT, 20 },
		{ WAIT, PERIODS(100) }, { IN32, LEFT, 20 }, { EVENTS, VM_EVENT_RESET, 0 }, /* not started */
		{ OUT32, CONTROL, 1 }, { IN32, CONTROL, 1 }, { WAIT, PERIODS(15) }, { IN32, LEFT, 5 },
		{ OUT32, CONTROL, 1 }, { IN32, LEFT, 5 }, /* it runs already */
		{ OUT32, LEFT, 1 }, { IN32, LEFT, 20 }, { WAIT, PERIODS(19) }, { IN32, LEFT, 1 },
		{ OUT32, COUNT, 0x10003 }, { IN32, COUNT, 3 }, { IN32, LEFT, 1 }, { OUT32, LEFT, 1 }, { IN32, LEFT, 3 },
		{ WAIT, PERIODS(2) }, { OUT32, CONTROL, 0 }, { WAIT, PERIODS(100) }, { EVENTS, VM_EVENT_RESET, 0 },
		{ OUT32, CONTROL, 1 }, { WAIT, PERIODS(3) - 1000 }, { EVENTS, VM_EVENT_RESET, 0 },
		{ WAIT, 2000 }, { EVENTS, VM_EVENT_RESET, 1 },
	};

	(void)state;
	start(HV_WATCHDOG_RESET);
	play(steps);
	assert_int_equal(machine.said, 1);
}

/* Only the start that it caused knows of it, until told to forget. */
static void says_that_it_was_it(void **state)
{
	static const struct step fires[] = { { OUT32, CONTROL, 1 }, { WAIT, PERIODS(21) }, { EVENTS, VM_EVENT_CRASH, 1 } };
	static const struct step after[] = {
		{ IN32, CONTROL, 2 }, { OUT32, CONTROL, 1 }, { IN32, CONTROL, 3 }, { OUT32, CONTROL, 3 }, { IN32, CONTROL, 1 },
		{ OUT32, CONTROL, 0 }, { IN32, CONTROL, 0 },
	};
	static const struct step later[] = { { IN32, CONTROL, 0 }, { WAIT, PERIODS(100) }, { EVENTS, VM_EVENT_CRASH, 0 } };

	(void)state;
	start(HV_WATCHDOG_CRASH);
	play(fires);
	watchdog_ops.quiesce(watchdog);
	watchdog_ops.reset(watchdog);
	play(after);
	watchdog_ops.reset(watchdog);
	play(later);
}

static void goes_on_with_nmis(void **state)
{
	static const struct step steps[] = {
		{ OUT32, COUNT, 0 }, /* taken for 1 */
		{ OUT32, CONTROL, 1 }, { WAIT, PERIODS(3) + 1000 }, { NMIS, 0, 3 }, { OUT32, CONTROL, 0 },
		{ WAIT, PERIODS(100) }, { NMIS, 0, 0 }, { EVENTS, VM_EVENT_RESET, 0 }, { EVENTS, VM_EVENT_CRASH, 0 },
	};

	(void)state;
	start(HV_WATCHDOG_NMI);
	play(steps);
}

static void wants_whole_registers(void **state)
{
	static const struct step steps[] = {
		{ OUT8, CONTROL, 1 }, { OUT16, CONTROL, 1 }, { OUT32, CONTROL + 2, 1 }, { IN32, CONTROL, 0 }, { IN8, COUNT, 0 },
		{ IN16, COUNT, 0 }, { IN32, COUNT + 1, 0 }, { IN32, COUNT, 20 },
	};

	(void)state;
	start(HV_WATCHDOG_POWEROFF);
	play(steps);
}

static void panics(void **state)
{
	static const struct step steps[] = {
		{ IN8, PANIC, 3 }, { OUT8, PANIC, 0 }, { OUT8, PANIC, 2 }, { OUT8, PANIC, 0xfc }, { EVENTS, VM_EVENT_CRASH, 0 },
		{ OUT8, PANIC, 1 }, { EVENTS, VM_EVENT_CRASH, 1 }, { OUT8, PANIC, 3 }, { EVENTS, VM_EVENT_CRASH, 1 },
	};

	(void)state;
	start(HV_WATCHDOG_NONE);
	play(steps);
	assert_int_equal(machine.said, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(counts_and_is_fed, end),
		cmocka_unit_test_teardown(says_that_it_was_it, end),
		cmocka_unit_test_teardown(goes_on_with_nmis, end),
		cmocka_unit_test_teardown(wants_whole_registers, end),
		cmocka_unit_test_teardown(panics, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
