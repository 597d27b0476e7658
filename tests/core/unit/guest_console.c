/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests on one line: what each mode shows of whom, whole lines where guests write at once, the history after it has
 * wrapped, and the escape key. The line itself is the test's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "console/guest_console.h"
#include "console/log.h"

#include <cmocka.h>

static char sent[65536];
static const char *input = "";
static bool receive_on;

void console_write(const char *bytes, size_t n)
{
	strncat(sent, bytes, n);
}

bool console_in_line(void)
{
	return *sent && sent[strlen(sent) - 1] != '\n';
}

int console_read(void)
{
	return *input ? (uint8_t)*input++ : -1;
}

void console_receive(bool on)
{
	receive_on = on;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char line[200];
	va_list args;

	(void)level;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (console_in_line())
		strcat(sent, "\r\n");
	strcat(strcat(strcat(sent, "hvcore: "), line), "\r\n");
}

#define ESCAPE 20

/* Consoles stay for ever, so all tests share these two. */
static struct guest_console a, b;
static char history_a[16], history_b[64];
static unsigned int told_a, told_b;

static void tell(void *context)
{
	++*(unsigned int *)context;
}

static int start(void **state)
{
	(void)state;
	a = (struct guest_console){.history = history_a, .history_size = sizeof(history_a)};
	b = (struct guest_console){.history = history_b, .history_size = sizeof(history_b)};
	guest_console_add(&a, "a");
	guest_console_add(&b, "bb");
	guest_console_listen(&b, tell, &told_b);
	assert_true(receive_on);
	guest_console_listen(&a, tell, &told_a);
	return 0;
}

static void begin(uint32_t mode)
{
	guest_console_use(mode, ESCAPE);
	a.written = b.written = a.left = b.left = 0;
	while (guest_console_read(&a) >= 0 || guest_console_read(&b) >= 0)
		;
	input = "\x14" "2";
	guest_console_use(HV_CONSOLE_SWITCH, ESCAPE);
	guest_console_interrupt();
	guest_console_use(mode, ESCAPE);
	told_a = told_b = 0;
	sent[0] = 0;
}

static void put(struct guest_console *c, const char *text)
{
	guest_console_write(c, text, strlen(text));
}

static const char *got(struct guest_console *c)
{
	static char text[2 * GUEST_CONSOLE_INPUT];
	size_t n = 0;
	int byte;

	while ((byte = guest_console_read(c)) >= 0)
		text[n++] = (char)byte;
	text[n] = 0;
	return text;
}

static void test_first_listener_has_the_input(void **state)
{
	(void)state;
	input = "x\x14y";
	guest_console_use(HV_CONSOLE_RAW, ESCAPE);
	guest_console_interrupt();
	assert_int_equal(told_b, 1);
	assert_int_equal(told_a, 0);
	assert_string_equal(got(&a), "");
	assert_string_equal(got(&b), "x\x14y"); /* raw: nothing is taken out */
}

static void test_raw(void **state)
{
	(void)state;
	begin(HV_CONSOLE_RAW);
	put(&a, "one ");
	put(&b, "two\n");
	assert_string_equal(sent, "one two\n");
}

static void test_prefix(void **state)
{
	(void)state;
	begin(HV_CONSOLE_PREFIX);
	put(&a, "one\r\ntwo ");
	put(&b, "other\n\r"); /* its line is whole: a's is broken off and goes on below */
	put(&a, "three\n");
	put(&a, "$ ");
	put(&b, "wai");
	put(&a, "ls\n"); /* a's line ends: what waits of b's comes in sight */
	put(&b, "ting\n");
	assert_string_equal(sent, "[a] one\r\n[a] two \r\n[bb] other\n[a] three\n[a] $ ls\n[bb] waiting\n");
}

static void test_prefix_beside_the_log(void **state)
{
	(void)state;
	begin(HV_CONSOLE_PREFIX);
	put(&a, "half");
	log_info("news");
	put(&a, "way\n");
	assert_string_equal(sent, "[a] half\r\nhvcore: news\r\n[a] way\n");
}

static void test_long_line_waits_in_pieces(void **state)
{
	(void)state;
	begin(HV_CONSOLE_PREFIX);
	put(&a, "$ ");
	for (unsigned int i = 0; i < GUEST_CONSOLE_LINE + 5; i++)
		put(&b, "z");
	put(&b, "\n");
	assert_true(strncmp(sent, "[a] $ \r\n[bb] zzz", 16) == 0);
	assert_int_equal(strlen(strrchr(sent, 'b')) - strlen("b] \n"), GUEST_CONSOLE_LINE + 5);
}

static void test_switch(void **state)
{
	(void)state;
	begin(HV_CONSOLE_SWITCH);
	put(&a, "unseen");
	put(&b, "seen");
	assert_string_equal(sent, "seen");
	input = "k\x14" "1l\x14\x14" "\x14n";
	guest_console_interrupt();
	assert_string_equal(got(&b), "k");
	assert_string_equal(got(&a), "l\x14");
	assert_string_equal(sent, "seen\r\nhvcore: console: guest a\r\nunseen\r\nhvcore: console: guest bb\r\n");
	put(&b, "!");
	sent[0] = 0;
	input = "\x14h\x14" "7\x14l\x14?";
	guest_console_interrupt();
	assert_string_equal(sent, "seen!\r\nhvcore: console: still guest bb\r\nhvcore: console: 1 a\r\n"
				  "hvcore: console: 2 bb, chosen\r\nhvcore: console: escape, then 1 to 9 or n: "
				  "another guest; l: list; h: history\r\n");
}

static void test_left_guest_shows_what_is_new(void **state)
{
	(void)state;
	begin(HV_CONSOLE_SWITCH);
	put(&b, "old ");
	input = "\x14" "1";
	guest_console_interrupt();
	put(&b, "new");
	sent[0] = 0;
	input = "\x14" "2";
	guest_console_interrupt();
	assert_string_equal(sent, "hvcore: console: guest bb\r\nnew");
}

/* A guest that does not read can be left; what it does not take is lost. */
static void test_deaf_guest_can_be_left(void **state)
{
	static char keys[GUEST_CONSOLE_INPUT + 100];

	(void)state;
	begin(HV_CONSOLE_SWITCH);
	memset(keys, 'x', sizeof(keys) - 3);
	memcpy(keys + sizeof(keys) - 3, "\x14" "1", 3);
	input = keys;
	guest_console_interrupt();
	guest_console_interrupt();
	assert_non_null(strstr(sent, "console: guest a"));
	assert_int_equal(strlen(got(&b)), GUEST_CONSOLE_INPUT);
}

static void test_without_escape_input_waits(void **state)
{
	static char keys[2 * GUEST_CONSOLE_INPUT];

	(void)state;
	begin(HV_CONSOLE_RAW);
	memset(keys, 'x', sizeof(keys) - 1);
	input = keys;
	guest_console_interrupt();
	guest_console_interrupt();
	assert_int_equal(strlen(got(&b)), sizeof(keys) - 1);
}

static void test_history(void **state)
{
	uint64_t from = 0;
	char bytes[8];

	(void)state;
	begin(HV_CONSOLE_SWITCH);
	put(&a, "0123456789abcdefghij"); /* four more than fit */
	assert_int_equal(guest_console_peek(&a, &from, bytes, sizeof(bytes)), 8);
	assert_memory_equal(bytes, "456789ab", 8);
	assert_int_equal(from, 12);
	guest_console_show(&a);
	assert_string_equal(sent, "hvcore: guest a: the last 16 bytes it wrote:\r\n456789abcdefghij\r\n"
				  "hvcore: guest a: that was all\r\n");
	from = 20;
	assert_int_equal(guest_console_peek(&a, &from, bytes, sizeof(bytes)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_listener_has_the_input),
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_prefix_beside_the_log),
		cmocka_unit_test(test_long_line_waits_in_pieces),
		cmocka_unit_test(test_switch),
		cmocka_unit_test(test_left_guest_shows_what_is_new),
		cmocka_unit_test(test_deaf_guest_can_be_left),
		cmocka_unit_test(test_without_escape_input_waits),
		cmocka_unit_test(test_history),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
