/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers, sizes, durations, booleans and words from text, and back. Nothing is guessed: a leading
 * zero, a size without a unit, `yes` and `1e3` are faults with a name.
 */
#include "validate/formats.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/units.h"

static const struct unit *units_of(const struct schema *schema)
{
	if (schema->kind == SCHEMA_TIME)
		return time_units;
	return schema->kind == SCHEMA_DURATION ? duration_units : size_units;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

/* Digits from *text on; *text moves behind them. */
static enum scalar_fault parse_number(const char **text, uint64_t *value)
{
	bool hexadecimal = !strncmp(*text, "0x", 2) || !strncmp(*text, "0X", 2);
	const char *first = *text + (hexadecimal ? 2 : 0), *c;
	unsigned base = hexadecimal ? 16 : 10;
	bool overflow = false;
	uint64_t sum = 0;

	for (c = first; digit_value(*c) < (int)base; c++)
		overflow |= __builtin_mul_overflow(sum, base, &sum) ||
			    __builtin_add_overflow(sum, (uint64_t)digit_value(*c), &sum);
	if (c == first)
		return SCALAR_NO_NUMBER;
	*text = c;
	if (!hexadecimal && *first == '0' && c > first + 1)
		return SCALAR_LEADING_ZERO;
	if (overflow)
		return SCALAR_TOO_LARGE;
	*value = sum;
	return SCALAR_GOOD;
}

static enum scalar_fault parse_integer(const char *text, uint64_t *value)
{
	uint64_t number = 0;
	enum scalar_fault fault = parse_number(&text, &number);

	if (*text)
		return SCALAR_NO_NUMBER;
	if (fault == SCALAR_GOOD)
		*value = number;
	return fault;
}

static enum scalar_fault parse_with_unit(const struct unit *units, const char *text,
					 uint64_t *value)
{
	uint64_t number = 0;
	enum scalar_fault fault = parse_number(&text, &number);

	if (fault != SCALAR_GOOD)
		return fault;
	if (!*text)
		return SCALAR_NO_UNIT;
	text += *text == ' ';
	for (; units->name; units++) {
		if (strcmp(units->name, text))
			continue;
		if (__builtin_mul_overflow(number, units->factor, &number))
			return SCALAR_TOO_LARGE;
		*value = number;
		return SCALAR_GOOD;
	}
	return *text == '.' || *text == '_' ? SCALAR_NO_NUMBER : SCALAR_UNKNOWN_UNIT;
}

static enum scalar_fault parse_word(const struct schema *schema, const char *text, uint64_t *value)
{
	for (size_t i = 0; i < schema->word_count; i++) {
		if (strcmp(schema->words[i], text))
			continue;
		*value = i;
		return SCALAR_GOOD;
	}
	return SCALAR_NO_WORD;
}

static enum scalar_fault parse_boolean(const char *text, uint64_t *value)
{
	if (strcmp(text, "true") && strcmp(text, "false"))
		return SCALAR_NO_BOOLEAN;
	*value = text[0] == 't';
	return SCALAR_GOOD;
}

enum scalar_fault scalar_value(const struct schema *schema, const char *text, uint64_t *value)
{
	switch (schema->kind) {
	case SCHEMA_INTEGER:
		return parse_integer(text, value);
	case SCHEMA_SIZE:
	case SCHEMA_DURATION:
	case SCHEMA_TIME:
		return parse_with_unit(units_of(schema), text, value);
	case SCHEMA_BOOLEAN:
		return parse_boolean(text, value);
	case SCHEMA_WORD:
		return parse_word(schema, text, value);
	default:
		return SCALAR_GOOD;
	}
}

const char *scalar_units(const struct schema *schema)
{
	if (schema->kind == SCHEMA_TIME)
		return "`us`, `ms`, `s`";
	return schema->kind == SCHEMA_DURATION ? "`ms`, `s`, `min`, `h`"
					       : "`B`, `KiB`, `MiB`, `GiB`, `TiB`";
}

size_t scalar_digits(const char *text)
{
	const char *end = text;
	uint64_t value;

	parse_number(&end, &value);
	return (size_t)(end - text);
}

/* Whether word is one of a list of words separated by spaces. */
static bool listed(const char *list, const char *word)
{
	size_t length = strlen(word);

	while (*list) {
		size_t item = strcspn(list, " ");

		if (item == length && !memcmp(list, word, length))
			return true;
		list += item + (list[item] == ' ');
	}
	return false;
}

const char *scalar_unit_meant(const struct schema *schema, const char *text)
{
	const char *suffix = text + scalar_digits(text);

	suffix += *suffix == ' ';
	for (const struct unit *unit = units_of(schema); unit->name; unit++)
		if (!strcasecmp(unit->name, suffix) || listed(unit->also, suffix))
			return unit->name;
	return NULL;
}

const char *schema_number(const struct schema *schema, uint64_t value, char *buffer, size_t size)
{
	if (schema->kind == SCHEMA_SIZE || schema->kind == SCHEMA_DURATION ||
	    schema->kind == SCHEMA_TIME)
		return unit_text(units_of(schema), value, buffer, size);
	snprintf(buffer, size, schema->hexadecimal ? "0x%llx" : "%llu", (unsigned long long)value);
	return buffer;
}
