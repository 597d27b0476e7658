/* SPDX-License-Identifier: Apache-2.0 */
/* Matching by backtracking; recursion is as deep as a pattern has atoms. */
#include "validate/pattern.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct atom {
	const char *text; /* a class with its brackets, or one character */
	int least, most;
};

static int read_number(const char **pattern)
{
	char *end;
	long value = strtol(*pattern, &end, 10);

	if (end == *pattern || value < 0 || value > INT_MAX)
		abort();
	*pattern = end;
	return (int)value;
}

static void read_braces(const char **pattern, struct atom *atom)
{
	++*pattern;
	atom->least = atom->most = read_number(pattern);
	if (**pattern == ',') {
		++*pattern;
		atom->most = read_number(pattern);
	}
	if (*(*pattern)++ != '}')
		abort();
}

/* One atom with its quantifier; pattern moves on. */
static struct atom read_atom(const char **pattern)
{
	struct atom atom = { .text = *pattern, .least = 1, .most = 1 };

	if (strchr("(){}*+?.\\", **pattern))
		abort();
	if (**pattern == '[' && !(*pattern = strchr(*pattern, ']')))
		abort();
	++*pattern;
	if (**pattern == '{') {
		read_braces(pattern, &atom);
	} else if (**pattern && strchr("*+?", **pattern)) {
		atom.least = **pattern == '+';
		atom.most = **pattern == '?' ? 1 : INT_MAX;
		++*pattern;
	}
	return atom;
}

static bool atom_takes(const struct atom *atom, char c)
{
	const char *class = atom->text;

	if (!c)
		return false;
	if (*class != '[')
		return *class == c;
	for (class++; *class != ']'; class++) {
		if (class[1] == '-' && class[2] != ']') {
			if (c >= class[0] && c <= class[2])
				return true;
			class += 2;
		} else if (*class == c) {
			return true;
		}
	}
	return false;
}

/* From behind `^` to `$`. */
static bool matches_here(const char *pattern, const char *text)
{
	struct atom atom;
	int taken = 0;

	if (*pattern == '$')
		return !*text;
	if (!*pattern)
		abort();
	atom = read_atom(&pattern);
	while (taken < atom.most && atom_takes(&atom, text[taken]))
		taken++;
	for (; taken >= atom.least; taken--)
		if (matches_here(pattern, text + taken))
			return true;
	return false;
}

bool pattern_matches(const char *pattern, const char *text)
{
	for (; pattern; pattern = strchr(pattern, '|')) {
		pattern += *pattern == '|';
		if (*pattern != '^')
			abort();
		if (matches_here(pattern + 1, text))
			return true;
	}
	return false;
}
