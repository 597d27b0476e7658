/* SPDX-License-Identifier: Apache-2.0 */
/* Scalars as the schema types them: the only place where text becomes a number. */
#ifndef HVCC_VALIDATE_FORMATS_H
#define HVCC_VALIDATE_FORMATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "validate/schema.h"

enum scalar_fault {
	SCALAR_GOOD,
	SCALAR_NO_NUMBER,    /* no digits where a number must be, or a sign, or a fraction */
	SCALAR_LEADING_ZERO, /* 010: eight or ten? */
	SCALAR_TOO_LARGE,    /* beyond 64 bits */
	SCALAR_NO_UNIT,
	SCALAR_UNKNOWN_UNIT,
	SCALAR_NO_BOOLEAN,
	SCALAR_NO_WORD,
};

/*
 * The value of text as schema says (INTEGER, SIZE in bytes, DURATION in milliseconds, BOOLEAN 0
 * or 1, WORD its index). On a fault value is left alone.
 */
enum scalar_fault scalar_value(const struct schema *schema, const char *text, uint64_t *value);

/* For SCALAR_UNKNOWN_UNIT and SCALAR_NO_UNIT: the units there are, "`KiB`, `MiB` ...". */
const char *scalar_units(const struct schema *schema);

/* The unit that was probably meant by a suffix such as "MB" or "G"; NULL: no idea. */
const char *scalar_unit_meant(const struct schema *schema, const char *text);

/* How many leading characters of text are the number, without its unit. */
size_t scalar_digits(const char *text);

#endif
