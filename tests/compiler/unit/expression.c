/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions: values, the three truths, what is blamed, and names that a world adds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "rule/rule.h"

static struct arena arena;
static struct sources sources;
static struct diags *diags;

static enum rule_truth has(void *context, const struct effective *cpu, const char *name,
			   const char *feature, const char **why)
{
	(void)context;
	(void)cpu;
	assert_string_equal(name, "host");
	*why = "the weather";
	return feature[0] == 'y' ? RULE_TRUE : feature[0] == 'n' ? RULE_FALSE : RULE_UNKNOWN;
}

static const char *const vendors[] = { "intel", "amd" };

static struct rule_variable variables[] = {
	{ .name = "vendor", .kind = RULE_STRING, .words = vendors, .word_count = 2,
	  .value = { .kind = RULE_STRING, .text = "amd" } },
	{ .name = "vcpu", .kind = RULE_NUMBER, .value = { .kind = RULE_NUMBER, .number = 3 } },
	{ .name = "host", .kind = RULE_FEATURES, .value = { .kind = RULE_FEATURES } },
	{ .name = "later", .kind = RULE_NUMBER,
	  .value = { .kind = RULE_BOOLEAN, .truth = RULE_UNKNOWN, .why = "it is decided at boot" } },
};

static const struct rule_world world = {
	.variables = variables, .variable_count = 4, .has = has,
};

static const struct located_text *text_of(const char *text)
{
	struct located_text *made = arena_new(&arena, struct located_text);

	made->text = text;
	made->size = strlen(text);
	made->sources = &sources;
	vector_push(&arena, &made->segments, ((struct text_segment){ 0, 0 }));
	made->where.at = source_position(&sources, source_add(&sources, "t", text, made->size), 0,
					 made->size);
	return made;
}

static struct rule *parse(const char *text, enum rule_kind wanted)
{
	diags = diags_new(&arena, &sources);
	return rule_parse(&arena, diags, text_of(text), 0, strlen(text), &world, wanted);
}

static int set_up(void **state)
{
	(void)state;
	sources.arena = &arena;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static void values_are_shown(void **state)
{
	static const struct {
		const char *text, *value;
	} rows[] = {
		{ "1 + 2 * 3", "7" }, { "7 - 2 - 1", "4" }, { "0x10 / 3", "5" }, { "7 % 4", "3" },
		{ "1MiB * 3", "3MiB" }, { "3MiB / 1MiB", "3" }, { "1GiB - 1MiB", "1023MiB" },
		{ "1h - 90min", "-1800000ms" }, { "90s", "90s" }, { "1_000", "1000" },
		{ "vendor", "'amd'" }, { "[1, 2, 3]", "[1, 2, 3]" }, { "words(' a  b ')", "['a', 'b']" },
		{ "null", "null" }, { "1 < 2", "true" }, { "size('four')", "4" },
		{ "sum(x in [1, 2, 3]: x * x)", "14" }, { "count(x in [1, 2, 3]: x > 1)", "2" },
		{ "count([])", "0" }, { "later + 1 > 2", "not known" }, { "[4, 5][1]", "5" },
		{ "[4][1] == null", "true" }, { "0 - 9223372036854775807 - 1", "-9223372036854775808" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct rule *rule = parse(rows[i].text, RULE_ANY);
		struct rule_value value;

		if (!rule || !rule_value(rule, &world, diags, &value) ||
		    strcmp(rule_show(&arena, &value), rows[i].value))
			fail_msg("`%s` is %s", rows[i].text,
				 rule ? rule_show(&arena, &value) : "not read");
	}
}

static void truths_follow_kleene(void **state)
{
	static const struct {
		const char *text;
		enum rule_truth truth;
	} rows[] = {
		{ "host.has('yes')", RULE_TRUE }, { "host.has('no')", RULE_FALSE },
		{ "host.has('maybe')", RULE_UNKNOWN }, { "not host.has('maybe')", RULE_UNKNOWN },
		{ "host.has('maybe') and false", RULE_FALSE }, { "false and host.has('maybe')", RULE_FALSE },
		{ "host.has('maybe') or true", RULE_TRUE }, { "host.has('maybe') or false", RULE_UNKNOWN },
		{ "host.may-have('maybe')", RULE_TRUE }, { "host.may-have('no')", RULE_FALSE },
		{ "any(x in ['no', 'maybe']: host.has(x))", RULE_UNKNOWN },
		{ "any(x in ['maybe', 'yes']: host.has(x))", RULE_TRUE },
		{ "all(x in ['maybe', 'no']: host.has(x))", RULE_FALSE },
		{ "all(x in ['maybe', 'yes']: host.has(x))", RULE_UNKNOWN },
		{ "later == 3", RULE_UNKNOWN }, { "1 / 0 == 1 and true", RULE_FAULTY },
		{ "false and 1 / 0 == 1", RULE_FALSE }, { "true or 1 / 0 == 1", RULE_TRUE },
		{ "not true or 'a' == \"a\"", RULE_TRUE },
		{ "matches('console=ttyS0', 'c*=tty?0*')", RULE_TRUE }, { "matches('ab', 'a')", RULE_FALSE },
		{ "matches('', '*')", RULE_TRUE }, { "vendor in ['intel']", RULE_FALSE },
		{ "vcpu not in [1, 2]", RULE_TRUE }, { "not (1 == 1 and 2 != 2)", RULE_TRUE },
		{ "(0 - 9223372036854775807 - 1) / (0 - 1) == 1", RULE_FAULTY },
		{ "(0 - 9223372036854775807 - 1) % (0 - 1) == 0", RULE_TRUE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct rule *rule;
		enum rule_truth truth;

		rule = parse(rows[i].text, RULE_BOOLEAN);
		truth = rule ? rule_test(rule, &world, diags, NULL) : RULE_FAULTY;
		if (!rule || truth != rows[i].truth || (truth == RULE_FAULTY) != (diags->errors == 1))
			fail_msg("`%s` is %d", rows[i].text, truth);
	}
}

static void the_failing_part_is_blamed(void **state)
{
	struct rule_failure failure;
	struct rule *rule = parse("vcpu > 1 and all(x in [1, 2, 9]: x < 3) and vendor == 'amd'",
				  RULE_BOOLEAN);
	struct diag *d;

	(void)state;
	assert_int_equal(rule_test(rule, &world, diags, &failure), RULE_FALSE);
	assert_int_equal(failure.at.offset, strlen("vcpu > 1 and all(x in [1, 2, 9]: "));
	assert_int_equal(failure.at.length, strlen("x < 3"));
	d = diag_report(diags, ASSERTION, failure.at, "no");
	rule_describe(d, &failure, &world);
	assert_int_equal(d->notes.count, 1);
	assert_string_equal(d->notes.items[0].text, "`x` is 9");
}

static void a_part_of_a_text_is_read(void **state)
{
	static const char text[] = "when vcpu == 4 { }";
	struct rule_failure failure;
	struct rule *rule;

	(void)state;
	diags = diags_new(&arena, &sources);
	rule = rule_parse(&arena, diags, text_of(text), 5, 9, &world, RULE_BOOLEAN);
	assert_non_null(rule);
	assert_string_equal(rule_text(rule), "vcpu == 4");
	assert_int_equal(rule_test(rule, &world, diags, &failure), RULE_FALSE);
	assert_int_equal(failure.at.offset, 5);
}

static void mistakes_are_found_before_values(void **state)
{
	static const struct {
		const char *text;
		enum diag_code code;
		unsigned column;
	} rows[] = {
		{ "vendro == 'amd'", DIAG_RULE_NAME, 1 }, { "vendor == 'adm'", DIAG_RULE_NO_WORD, 11 },
		{ "vcpu", DIAG_RULE_TYPE, 1 }, { "null > 1", DIAG_RULE_TYPE, 1 },
		{ "vcpu == 'a'", DIAG_RULE_COMPARE, 1 }, { "host == 1", DIAG_RULE_COMPARE, 1 },
		{ "1MiB * 2MiB == 0", DIAG_RULE_COMPARE, 1 }, { "1MiB + 1s == 0", DIAG_RULE_COMPARE, 1 },
		{ "1MiB + 1 == 0", DIAG_RULE_UNIT, 8 }, { "vcpu in [1, 'a']", DIAG_RULE_COMPARE, 13 },
		{ "vcpu.x == 1", DIAG_RULE_NO_KEYS, 6 }, { "vcpu[0] == 1", DIAG_RULE_TYPE, 1 },
		{ "all(vcpu in [1]: true)", DIAG_RULE_HIDES, 1 }, { "1 < 2 < 3", DIAG_RULE_SYNTAX, 7 },
		{ "", DIAG_RULE_SYNTAX, 1 }, { "1 == 1 1", DIAG_RULE_SYNTAX, 8 },
		{ "vcpu.has('x')", DIAG_RULE_TYPE, 1 }, { "host.have('x')", DIAG_RULE_FUNCTION, 6 },
		{ "18446744073709551616 > 1", DIAG_RULE_NUMBER, 1 }, { "9999999999TiB > 1B", DIAG_RULE_NUMBER, 1 },
		{ "0x > 1", DIAG_RULE_NUMBER, 1 }, { "any(x in vendor: true)", DIAG_RULE_TYPE, 10 },
		{ "not in == 1", DIAG_RULE_SYNTAX, 1 }, { "not including", DIAG_RULE_NAME, 5 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct rule *rule = parse(rows[i].text, RULE_BOOLEAN);
		const struct diag *d = diags->list.count ? diags->list.items[0] : NULL;

		if (rule || diags->list.count != 1 || d->code != rows[i].code ||
		    d->at.column != rows[i].column)
			fail_msg("`%s`: %s at %u, %zu in all", rows[i].text,
				 d ? diag_rows[d->code].id : "nothing", d ? d->at.column : 0,
				 diags->list.count);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_shown),
		cmocka_unit_test(truths_follow_kleene),
		cmocka_unit_test(the_failing_part_is_blamed),
		cmocka_unit_test(a_part_of_a_text_is_read),
		cmocka_unit_test(mistakes_are_found_before_values),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
