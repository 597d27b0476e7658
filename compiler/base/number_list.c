/* SPDX-License-Identifier: Apache-2.0 */
/* Items between commas, each a number or two with a `-`. */
#include "base/number_list.h"

#include <ctype.h>
#include <stdlib.h>

enum { MOST_DIGITS = 9 };

/* *text moves behind the digits; false when there are none, or too many. */
static bool read_number(const char **text, uint32_t *number)
{
	const char *start = *text;

	while (isdigit((unsigned char)**text))
		++*text;
	*number = (uint32_t)strtoul(start, NULL, 10);
	return *text > start && *text - start <= MOST_DIGITS;
}

static bool read_range(const char **text, struct number_range *range)
{
	if (!read_number(text, &range->first))
		return false;
	range->last = range->first;
	if (**text != '-')
		return true;
	++*text;
	return read_number(text, &range->last) && range->last >= range->first;
}

const char *number_list_read(struct arena *arena, const char *text, struct number_list *list)
{
	for (;;) {
		const char *item = text;
		struct number_range range;

		if (!read_range(&text, &range) || (*text && *text != ','))
			return item;
		vector_push(arena, &list->ranges, range);
		if (!*text)
			return NULL;
		text++;
	}
}

bool number_list_has(const struct number_list *list, uint32_t number)
{
	for (size_t i = 0; i < list->ranges.count; i++)
		if (number >= list->ranges.items[i].first && number <= list->ranges.items[i].last)
			return true;
	return false;
}
