/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes and durations as documents write them: a number and its unit, `512MiB`, `10min`. */
#ifndef HVCC_BASE_UNITS_H
#define HVCC_BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>

struct unit {
	const char *name;
	uint64_t factor;
	const char *also; /* how people write it elsewhere; not accepted, only recognized */
};

/* Smallest first; a row without a name ends them. Bytes, milliseconds, microseconds. */
extern const struct unit size_units[], duration_units[], time_units[];

/* The value in the largest unit that divides it. In buffer; 32 bytes are enough. */
const char *unit_text(const struct unit *units, uint64_t value, char *buffer, size_t size);

#endif
