/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and their units, and what people write who come from other languages. */
#include "rule/scan.h"

#include <ctype.h>
#include <string.h>

#include "base/units.h"
#include "rule_parser.h"

static int report(struct rule_scan *scan)
{
	scan->rule->errors++;
	return RULE_RULE_YYerror;
}

static void bad_number(struct rule_scan *scan, const char *text, struct text_span at,
		       const char *help)
{
	struct diag *d = diag_report(scan->rule->diags, RULE_NUMBER, rule_place(scan->rule, at),
				     text);

	if (help)
		diag_help(d, "%s", help);
	report(scan);
}

/* Digits with `_` between them; *end is behind them. False: they do not fit. */
static bool digits(const char *text, const char **end, uint64_t *value)
{
	unsigned base = text[0] == '0' && (text[1] | 32) == 'x' ? 16 : 10;

	*value = 0;
	for (text += base == 16 ? 2 : 0; isxdigit((uint8_t)*text) || *text == '_'; text++) {
		unsigned digit = *text <= '9' ? (unsigned)(*text - '0')
					      : (unsigned)((*text | 32) - 'a' + 10);

		if (*text == '_')
			continue;
		if (digit >= base)
			break;
		if (__builtin_mul_overflow(*value, base, value) ||
		    __builtin_add_overflow(*value, digit, value))
			return false;
	}
	*end = text;
	return true;
}

static bool apply_unit(const struct unit *units, const char *name, uint64_t *value, bool *fits)
{
	for (; units->name; units++) {
		if (strcmp(units->name, name))
			continue;
		*fits = !__builtin_mul_overflow(*value, units->factor, value);
		return true;
	}
	return false;
}

/* Whether a word is in a list of words. */
static bool is_also(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = list; length && (at = strstr(at, word)); at += length)
		if ((at == list || at[-1] == ' ') && (!at[length] || at[length] == ' '))
			return true;
	return false;
}

static const char *unit_help(struct arena *arena, const char *name)
{
	const struct unit *tables[] = { size_units, duration_units };
	const char *names[16];
	size_t count = 0;
	const char *meant;

	for (size_t i = 0; i < 2; i++)
		for (const struct unit *unit = tables[i]; unit->name; unit++)
			if (is_also(unit->also, name))
				return arena_printf(arena, "did you mean `%s`?", unit->name);
			else
				names[count++] = unit->name;
	meant = diag_closest(name, names, count);
	if (meant)
		return arena_printf(arena, "did you mean `%s`?", meant);
	return "units are B, KiB, MiB, GiB, TiB, and ms, s, min, h";
}

bool rule_scan_number(struct rule_scan *scan, const char *text, struct text_span at,
		      struct rule_value *value)
{
	const char *unit;
	uint64_t number;
	bool fits = true;

	if (text[0] == '0' && isdigit((uint8_t)text[1])) {
		bad_number(scan, text, at, "write decimal numbers without leading zeros");
		return false;
	}
	if (!digits(text, &unit, &number) || number > INT64_MAX) {
		bad_number(scan, text, at, "numbers end at 9223372036854775807");
		return false;
	}
	*value = (struct rule_value){ .kind = RULE_NUMBER };
	if (*unit && apply_unit(size_units, unit, &number, &fits))
		value->kind = RULE_SIZE;
	else if (*unit && apply_unit(duration_units, unit, &number, &fits))
		value->kind = RULE_DURATION;
	else if (*unit || unit[-1] == 'x' || unit[-1] == 'X') {
		bad_number(scan, text, at, unit_help(scan->rule->arena, unit));
		return false;
	}
	if (!fits || number > INT64_MAX) {
		bad_number(scan, text, at, "numbers end at 9223372036854775807");
		return false;
	}
	value->number = (int64_t)number;
	return true;
}

bool rule_scan_feature(const struct rule_scan *scan, const char *text)
{
	const struct rule_world *world = scan->rule->world;

	return world->self && !world->unknown_feature(world->context, text);
}

int rule_scan_stray(struct rule_scan *scan, const char *text, struct text_span at)
{
	struct diag *d = diag_report(scan->rule->diags, RULE_CHARACTER, rule_place(scan->rule, at),
				     text);

	if (*text == '\'' || *text == '"')
		diag_help(d, "text ends with the quote that it began with, on the same line");
	return report(scan);
}

int rule_scan_meant(struct rule_scan *scan, const char *text, struct text_span at)
{
	const char *meant = !strcmp(text, "&&") ? "and" : !strcmp(text, "||") ? "or" : "not";
	struct diag *d = diag_report(scan->rule->diags, RULE_CHARACTER, rule_place(scan->rule, at),
				     text);

	diag_help(d, "did you mean `%s`?", meant);
	return report(scan);
}
