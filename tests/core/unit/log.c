/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log over a serial port that the test owns: whole lines, levels, cut lines, guests' bytes in
 * between, and calls from where the lock is held already: an NMI in the middle of a line, another
 * CPU's last words.
 */
#include <setjmp.h>
#include <string.h>

#include "console/log.h"
#include "console/uart_16550.h"

#include <cmocka.h>

static char sent[4096];
static size_t sent_size;
static unsigned int input; /* bytes that wait */
static bool receive_on;
static void (*in_the_middle)(void); /* called once, from inside a write */
static uintptr_t cpu = 1;

bool uart_init(uint16_t port, uint32_t baud)
{
	(void)baud;
	return port != 0x9999;
}

void uart_write(uint16_t port, const char *bytes, size_t n)
{
	void (*interrupt)(void) = in_the_middle;

	assert_int_equal(port, 0x3f8);
	assert_true(sent_size + n < sizeof(sent));
	memcpy(sent + sent_size, bytes, n);
	sent_size += n;
	in_the_middle = NULL;
	if (interrupt)
		interrupt();
}

void uart_drain(uint16_t port)
{
	(void)port;
}

int uart_read(uint16_t port)
{
	(void)port;
	return input ? (int)(input--, 'k') : -1;
}

void uart_enable_receive(uint16_t port, bool on)
{
	(void)port;
	receive_on = on;
}

static uintptr_t identity(void)
{
	return cpu;
}

static int setup(void **state)
{
	(void)state;
	memset(sent, 0, sizeof(sent));
	sent_size = 0;
	input = 0;
	console_use_port(0x3f8, 0);
	log_set_cpu_identity(identity);
	log_set_level(LOG_INFO);
	return 0;
}

static void test_lines(void **state)
{
	(void)state;
	log_info("%u of %s", 3, "four");
	log_debug("not this");
	log_set_level(LOG_DEBUG);
	log_debug("this");
	log_set_level(LOG_ERROR);
	log_warning("nor this");
	log_error("bad");
	log_guest(LOG_ERROR, "rt0", "stopped at %#x", 0x10);
	assert_string_equal(sent, "hvcore: 3 of four\r\nhvcore: this\r\nhvcore: bad\r\n"
				  "hvcore: guest rt0: stopped at 0x10\r\n");
}

static void test_long_lines_are_cut(void **state)
{
	char text[2 * LOG_LINE_SIZE];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	log_info("%s", text);
	assert_true(sent_size <= LOG_LINE_SIZE);
	assert_string_equal(sent + sent_size - 3, "x\r\n");
	sent_size = 0;
	log_guest(LOG_INFO, text, "%s", "never seen");
	assert_true(sent_size <= LOG_LINE_SIZE);
	assert_string_equal(sent + sent_size - 3, "x\r\n");
}

static void test_guest_bytes(void **state)
{
	(void)state;
	console_write("login: ", 7);
	log_info("news");
	console_write("a\n", 2);
	log_info("more");
	assert_string_equal(sent, "login: \r\nhvcore: news\r\na\nhvcore: more\r\n");
}

static void from_nmi(void)
{
	log_error("from an NMI");
}

static void test_nested(void **state)
{
	(void)state;
	in_the_middle = from_nmi;
	log_info("first");
	log_info("after"); /* the lock is free again */
	assert_non_null(strstr(sent, "hvcore: first\r\n"));
	assert_non_null(strstr(sent, "hvcore: from an NMI\r\n"));
	assert_non_null(strstr(sent, "hvcore: after\r\n"));
}

static void test_no_port(void **state)
{
	(void)state;
	console_use_port(0, 0);
	log_info("nobody hears");
	assert_int_equal(sent_size, 0);
	assert_int_equal(console_read(), -1);
	console_use_port(0x9999, 0); /* nothing answers there */
	assert_int_equal(console_port(), 0);
}

static void test_input(void **state)
{
	(void)state;
	input = 2;
	console_receive(true);
	assert_true(receive_on);
	assert_int_equal(console_read(), 'k');
	assert_int_equal(console_read(), 'k');
	assert_int_equal(console_read(), -1);
	console_receive(false);
	assert_false(receive_on);
}

static void test_in_line(void **state)
{
	(void)state;
	console_write("half", 4);
	assert_true(console_in_line());
	log_info("whole");
	assert_false(console_in_line());
}

static void test_status_trace(void **state)
{
	(void)state;
	log_set_level(LOG_DEBUG);
	assert_int_equal(trace_error(STATUS_RANGE), STATUS_RANGE);
	assert_non_null(strstr(sent, ": out of range\r\n"));
}

/* The last: nothing resets it. Another CPU that holds the lock may have stopped for good. */
static void from_other_cpu(void)
{
	cpu = 2;
	log_last_words();
	log_error("last words");
	cpu = 1;
}

static void test_last_words(void **state)
{
	(void)state;
	in_the_middle = from_other_cpu;
	log_info("held by CPU 1");
	assert_non_null(strstr(sent, "hvcore: last words\r\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_lines, setup),
		cmocka_unit_test_setup(test_long_lines_are_cut, setup),
		cmocka_unit_test_setup(test_guest_bytes, setup),
		cmocka_unit_test_setup(test_nested, setup),
		cmocka_unit_test_setup(test_no_port, setup),
		cmocka_unit_test_setup(test_input, setup),
		cmocka_unit_test_setup(test_in_line, setup),
		cmocka_unit_test_setup(test_status_trace, setup),
		cmocka_unit_test_setup(test_last_words, setup),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
