/* SPDX-License-Identifier: Apache-2.0 */
/* The units of sizes and durations. */
#include "base/units.h"

#include <stdio.h>

const struct unit size_units[] = {
	{ "B", 1, "b" },
	{ "KiB", 1ull << 10, "K KB k kB" },
	{ "MiB", 1ull << 20, "M MB m mB" },
	{ "GiB", 1ull << 30, "G GB g gB" },
	{ "TiB", 1ull << 40, "T TB t tB" },
	{ NULL, 0, NULL },
};

const struct unit duration_units[] = {
	{ "ms", 1, "msec millisecond milliseconds" },
	{ "s", 1000, "sec second seconds" },
	{ "min", 60000, "m minute minutes" },
	{ "h", 3600000, "hour hours" },
	{ NULL, 0, NULL },
};

const struct unit time_units[] = {
	{ "us", 1, "usec microsecond microseconds" },
	{ "ms", 1000, "msec millisecond milliseconds" },
	{ "s", 1000000, "sec second seconds" },
	{ NULL, 0, NULL },
};

const char *unit_text(const struct unit *units, uint64_t value, char *buffer, size_t size)
{
	const struct unit *best = units;

	for (; units->name; units++)
		if (value && value % units->factor == 0)
			best = units;
	snprintf(buffer, size, "%llu%s", (unsigned long long)(value / best->factor), best->name);
	return buffer;
}
