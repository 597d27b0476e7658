/* SPDX-License-Identifier: Apache-2.0 */
/* Scalars, did-you-mean, places in long texts, and the order of the checks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "check/check.h"
#include "validate/formats.h"
#include "validate/pattern.h"
#include "yaml/node.h"

static const struct schema integer = { .kind = SCHEMA_INTEGER };
static const struct schema size = { .kind = SCHEMA_SIZE };
static const struct schema duration = { .kind = SCHEMA_DURATION };
static const struct schema boolean = { .kind = SCHEMA_BOOLEAN };

static void scalars_have_one_reading(void **state)
{
	static const struct {
		const struct schema *schema;
		const char *text;
		enum scalar_fault fault;
		uint64_t value;
	} rows[] = {
		{ &integer, "0", SCALAR_GOOD, 0 },
		{ &integer, "1024", SCALAR_GOOD, 1024 },
		{ &integer, "0x3f8", SCALAR_GOOD, 0x3f8 },
		{ &integer, "0XFF", SCALAR_GOOD, 0xff },
		{ &integer, "18446744073709551615", SCALAR_GOOD, UINT64_MAX },
		{ &integer, "18446744073709551616", SCALAR_TOO_LARGE, 0 },
		{ &integer, "0x10000000000000000", SCALAR_TOO_LARGE, 0 },
		{ &integer, "010", SCALAR_LEADING_ZERO, 0 },
		{ &integer, "00", SCALAR_LEADING_ZERO, 0 },
		{ &integer, "0x", SCALAR_NO_NUMBER, 0 },
		{ &integer, "", SCALAR_NO_NUMBER, 0 },
		{ &integer, "+1", SCALAR_NO_NUMBER, 0 },
		{ &integer, "-1", SCALAR_NO_NUMBER, 0 },
		{ &integer, "1e3", SCALAR_NO_NUMBER, 0 },
		{ &integer, "1_000", SCALAR_NO_NUMBER, 0 },
		{ &integer, "4 ", SCALAR_NO_NUMBER, 0 },
		{ &size, "512MiB", SCALAR_GOOD, 512ull << 20 },
		{ &size, "1 GiB", SCALAR_GOOD, 1ull << 30 },
		{ &size, "0x10KiB", SCALAR_GOOD, 16384 },
		{ &size, "16777216TiB", SCALAR_TOO_LARGE, 0 },
		{ &size, "512", SCALAR_NO_UNIT, 0 },
		{ &size, "512M", SCALAR_UNKNOWN_UNIT, 0 },
		{ &size, "512mib", SCALAR_UNKNOWN_UNIT, 0 },
		{ &size, "1.5GiB", SCALAR_NO_NUMBER, 0 },
		{ &size, "MiB", SCALAR_NO_NUMBER, 0 },
		{ &duration, "10min", SCALAR_GOOD, 600000 },
		{ &duration, "1h", SCALAR_GOOD, 3600000 },
		{ &duration, "250ms", SCALAR_GOOD, 250 },
		{ &duration, "10m", SCALAR_UNKNOWN_UNIT, 0 },
		{ &boolean, "true", SCALAR_GOOD, 1 },
		{ &boolean, "false", SCALAR_GOOD, 0 },
		{ &boolean, "no", SCALAR_NO_BOOLEAN, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint64_t value = 0;

		if (scalar_value(rows[i].schema, rows[i].text, &value) != rows[i].fault ||
		    value != rows[i].value)
			fail_msg("`%s` is read as %llu", rows[i].text, (unsigned long long)value);
	}
}

static void numbers_are_written_as_they_are_read(void **state)
{
	static const uint64_t values[] = { 0, 1, 4095, 4096, 1 << 20, 3ull << 30, 1ull << 40, 1000,
					   60000, UINT64_MAX };
	const struct schema *schemas[] = { &integer, &size, &duration };
	char text[32];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (size_t j = 0; j < sizeof(values) / sizeof(*values); j++) {
			uint64_t value = 0;

			schema_number(schemas[i], values[j], text, sizeof(text));
			assert_int_equal(scalar_value(schemas[i], text, &value), SCALAR_GOOD);
			assert_true(value == values[j]);
		}
	}
	assert_string_equal(schema_number(&size, 512ull << 20, text, sizeof(text)), "512MiB");
	assert_string_equal(schema_number(&duration, 600000, text, sizeof(text)), "10min");
}

static void patterns_take_the_whole_text(void **state)
{
	static const char name[] = "^[A-Za-z][A-Za-z0-9_.-]{0,5}$";
	static const char number[] = "^0$|^[1-9][0-9]{0,3}$";

	(void)state;
	assert_true(pattern_matches(name, "a"));
	assert_true(pattern_matches(name, "Zz0_.-"));
	assert_false(pattern_matches(name, ""));
	assert_false(pattern_matches(name, "0a"));
	assert_false(pattern_matches(name, "abcdefg"));
	assert_false(pattern_matches(name, "a b"));
	assert_true(pattern_matches(number, "0"));
	assert_true(pattern_matches(number, "1024"));
	assert_false(pattern_matches(number, "00"));
	assert_false(pattern_matches(number, "10240"));
	assert_true(pattern_matches("^a*ab+c?$", "aaab"));
	assert_true(pattern_matches("^a*ab+c?$", "abbc"));
	assert_false(pattern_matches("^a*ab+c?$", "aac"));
	assert_true(pattern_matches("^x{2}$", "xx"));
	assert_false(pattern_matches("^x{2}$", "xxx"));
}

static void meant_is_close(void **state)
{
	static const char *const words[] = { "count", "topology", "on-reboot", "io", "irq" };

	(void)state;
	assert_string_equal(diag_closest("cuont", words, 5), "count");
	assert_string_equal(diag_closest("Count", words, 5), "count");
	assert_string_equal(diag_closest("on_reboot", words, 5), "on-reboot");
	assert_string_equal(diag_closest("onReboot", words, 5), "on-reboot");
	assert_string_equal(diag_closest("topolgy", words, 5), "topology");
	assert_string_equal(diag_closest("ioo", words, 5), "io");
	assert_null(diag_closest("memory", words, 5));
	assert_null(diag_closest("", words, 5));
	assert_null(diag_closest("x", words, 5));
	assert_null(diag_closest("a-word-that-is-much-longer-than-any-key-of-any-document-can-ever-be",
				 words, 5));
}

/* Each character of the value of `k` must be found in the file where it stands. */
static void follow(const char *document, const char *value)
{
	struct arena arena = { 0 };
	struct sources sources = { .arena = &arena };
	struct diags *diags = diags_new(&arena, &sources);
	uint32_t file = source_add(&sources, "t", document, strlen(document));
	struct located_text text = { 0 };

	node_locate_text(&arena, &sources, node_get(yaml_read(&arena, diags, file), "k"), &text);
	assert_int_equal(diag_errors(diags), 0);
	assert_string_equal(text.text, value);
	for (size_t i = 0; i < text.size; i++) {
		struct position at = located_text_position(&text, i, 1);
		char c = document[at.offset];

		if ((text.text[i] & 0xc0) == 0x80 || strchr(" \n", text.text[i]) || c == '\\')
			continue;
		if (c != text.text[i])
			fail_msg("`%s`: character %zu is `%c`, the file has `%c`", document, i,
				 text.text[i], c);
	}
	arena_free(&arena);
}

static void texts_lead_back_to_the_file(void **state)
{
	(void)state;
	follow("k: one two", "one two");
	follow("k: one\n   two\n\n   three\n", "one two\nthree");
	follow("a: 1\nk: !policy |\n  one;\n    two;\n\n  three;\nb: 2\n", "one;\n  two;\n\nthree;\n");
	follow("k: |\r\n  one\r\n  two\r\n", "one\ntwo\n");
	follow("k: |2\n    one\n  two\n", "  one\ntwo\n");
	follow("k: |-\n  one\n", "one");
	follow("k: >\n  one\n  two\n\n  three\n", "one two\nthree\n");
	follow("k: 'it''s one\n   two'", "it's one two");
	follow("k: \"a\\tb\\u00e9c \\\n   d\"", "a\tb\xc3\xa9" "c d");
	follow("k: &anchor !policy \"x y\"", "x y");
	follow("\xef\xbb\xbfk: \xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9");
}

/* Depth-first: a prerequisite that leads back would never end. */
static bool leads_back(enum check_id id, uint8_t *states)
{
	if (states[id])
		return states[id] == 1;
	states[id] = 1;
	for (size_t i = 0; i < MOST_PREREQUISITES && checks[id].prerequisites[i]; i++)
		if (leads_back((enum check_id)(checks[id].prerequisites[i] - 1), states))
			return true;
	states[id] = 2;
	return false;
}

static void checks_have_an_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < CHECK_COUNT; i++) {
		uint8_t states[CHECK_COUNT] = { 0 };

		if (leads_back((enum check_id)i, states))
			fail_msg("%s is its own prerequisite", checks[i].name);
		for (size_t j = 0; j < MOST_PREREQUISITES && checks[i].prerequisites[j]; j++)
			if (checks[i].scope == CHECK_GUEST &&
			    checks[checks[i].prerequisites[j] - 1].scope == CHECK_SYSTEM)
				fail_msg("%s waits for the whole system", checks[i].name);
	}
}

static void codes_are_unique(void **state)
{
	(void)state;
	for (size_t i = 0; i < DIAG_COUNT; i++) {
		assert_int_equal(strlen(diag_rows[i].id), 6);
		assert_ptr_equal(diag_find(diag_rows[i].id), &diag_rows[i]);
		assert_ptr_equal(diag_find(diag_rows[i].name), &diag_rows[i]);
		assert_true(strlen(diag_rows[i].explain) > 20);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalars_have_one_reading),
		cmocka_unit_test(numbers_are_written_as_they_are_read),
		cmocka_unit_test(patterns_take_the_whole_text),
		cmocka_unit_test(meant_is_close),
		cmocka_unit_test(texts_lead_back_to_the_file),
		cmocka_unit_test(checks_have_an_order),
		cmocka_unit_test(codes_are_unique),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
