/* SPDX-License-Identifier: Apache-2.0 */
/* The 16550: FIFO, order of interrupts, loop-back, line status, the console behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dev/dev.h"
#include "lib/bits.h"
#include "tests/core/unit/shim/machine.h"

enum { DATA = 0x3f8, IER, IIR, LCR, MCR, LSR, MSR, SCR, GSI = 4 };

static int start(void **state)
{
	(void)state;
	machine_new(1, 1000000);
	machine_add(&vuart_ops,
		    (struct hv_device){ .kind = HV_DEVICE_UART, .base = DATA, .gsi = GSI, .parameter = { HV_UART_CONSOLE } });
	return 0;
}

static int end(void **state)
{
	(void)state;
	machine_free();
	return 0;
}

static void type(const char *text)
{
	machine.input = text;
	machine.ready(machine.ready_context);
}

static void registers(void **state)
{
	static const struct step steps[] = {
		{ IN8, LSR, 0x60 }, { IN8, IIR, 1 }, { IN8, MSR, 0xb0 }, { IN8, IER, 0 }, { IN8, DATA, 0 },
		{ OUT8, SCR, 0xa5 }, { IN8, SCR, 0xa5 }, { OUT8, IER, 0xff }, { IN8, IER, 0x0f }, { OUT8, IER, 0 },
		{ OUT8, MCR, 0xef }, { IN8, MCR, 0x0f }, { OUT8, MCR, 0 },
		{ OUT8, LCR, 0x80 }, { IN8, DATA, 12 }, { IN8, IER, 0 }, { OUT8, DATA, 1 }, { OUT8, IER, 2 }, { IN8, DATA, 1 },
		{ IN8, IER, 2 }, { OUT8, LCR, 3 }, { IN8, IER, 0 }, { IN8, LCR, 3 },
		{ OUT8, IIR, 0x01 }, { IN8, IIR, 0xc1 }, { OUT8, IIR, 0 }, { IN8, IIR, 1 },
		{ IN16, SCR - 1, 0xffb0 }, { OUT8, LSR, 0xff }, { IN8, LSR, 0x60 },
	};

	(void)state;
	play(steps);
}

static void transmits(void **state)
{
	static const struct step steps[] = {
		{ OUT8, MCR, 8 }, { OUT8, DATA, 'h' }, { LINE, GSI, 0 }, { OUT8, IER, 2 }, { LINE, GSI, 1 }, /* empty already */
		{ IN8, IIR, 2 }, { LINE, GSI, 0 }, { IN8, IIR, 1 },
		{ OUT8, DATA, 'i' }, { LINE, GSI, 1 }, { OUT8, IER, 0 }, { LINE, GSI, 0 }, { OUT8, IER, 2 }, { LINE, GSI, 1 },
		{ OUT8, MCR, 0 }, { LINE, GSI, 0 }, { IN8, IIR, 2 }, /* OUT2 gates the line alone */
	};

	(void)state;
	play(steps);
	assert_string_equal(machine.output, "hi");
}

static void receives(void **state)
{
	static const struct step first[] = {
		{ IN8, LSR, 0x61 }, { IN8, DATA, 'a' }, { IN8, LSR, 0x61 }, { IN8, DATA, 'b' }, { IN8, LSR, 0x60 },
		{ OUT8, MCR, 8 }, { OUT8, IER, 1 }, { OUT8, IIR, 0x41 }, /* FIFO, trigger 4 */
	};
	static const struct step few[] = {
		{ LINE, GSI, 1 }, { IN8, IIR, 0xcc }, { IN8, DATA, 'x' }, { LINE, GSI, 0 }, { IN8, IIR, 0xc1 },
	};
	static const struct step many[] = {
		{ IN8, IIR, 0xc4 }, { IN8, DATA, '0' }, { IN8, IIR, 0xc4 }, { IN8, DATA, '1' }, { IN8, IIR, 0xcc },
		{ IN8, DATA, '2' }, { IN8, DATA, '3' }, { IN8, DATA, '4' }, { IN8, IIR, 0xc1 },
	};

	(void)state;
	type("ab"); /* no FIFO: one at a time, the other waits in the console */
	play(first);
	type("x");
	play(few);
	type("01234");
	play(many);
	type("a text that is longer than the FIFO");
	assert_string_equal(machine.input, "onger than the FIFO");
	play(((const struct step[]){ { OUT8, IIR, 0x43 }, { IN8, DATA, 'o' } })); /* cleared, and filled again */
}

static void order_of_interrupts(void **state)
{
	static const struct step steps[] = {
		{ OUT8, MCR, 0x18 }, { OUT8, IER, 0x0f }, /* loop-back: what is sent is received */
		{ IN8, IIR, 2 }, { IN8, MSR, 0x82 | 0x01 | 0x00 },
		{ OUT8, DATA, 'a' }, { OUT8, DATA, 'b' }, /* no FIFO: overrun */
		{ OUT8, MCR, 0x1a },
		{ IN8, IIR, 6 }, { IN8, LSR, 0x63 }, { IN8, LSR, 0x61 }, { IN8, IIR, 4 }, { IN8, DATA, 'a' }, { IN8, IIR, 2 },
		{ IN8, IIR, 0 }, { IN8, MSR, 0x91 }, { IN8, IIR, 1 }, { LINE, GSI, 0 },
	};

	(void)state;
	play(steps);
	assert_int_equal(machine.output_length, 0);
}

/* Linux tells a 16550A by this: RTS and OUT2 come back as CTS and DCD. */
static void loop_back(void **state)
{
	static const struct step steps[] = {
		{ OUT8, MCR, 0x1a }, { IN8, MSR, 0x90 | 0x02 }, { OUT8, MCR, 0x1f }, { IN8, MSR, 0xf0 | 0x02 },
		{ OUT8, MCR, 0x1b }, { IN8, MSR, 0xb4 }, /* the ring's end */
		{ OUT8, MCR, 0 }, { IN8, MSR, 0xb0 },
	};

	(void)state;
	play(steps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(registers, start, end),
		cmocka_unit_test_setup_teardown(transmits, start, end),
		cmocka_unit_test_setup_teardown(receives, start, end),
		cmocka_unit_test_setup_teardown(order_of_interrupts, start, end),
		cmocka_unit_test_setup_teardown(loop_back, start, end),
	};

	return cmocka_run_group_tests_name("vuart", tests, NULL, NULL);
}
