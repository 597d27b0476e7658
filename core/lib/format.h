/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded text formatting. Conversions: %d %i %u %x %X %o %c %s %p %%, with flags `-`, `0`, `#`,
 * `+`, space, a width or `*`, a precision for %s and for integers, and the lengths hh h l ll z t j.
 * A NULL string prints as (null). There is no floating point and no %n; an unknown conversion is
 * copied as it stands.
 */
#ifndef CORE_LIB_FORMAT_H
#define CORE_LIB_FORMAT_H

#include "lib/types.h"

/* Writes at most `size` bytes with the final NUL (nothing if size is 0). Returns the length of
 * the whole text. */
size_t format(char *to, size_t size, const char *fmt, ...) PRINTF_LIKE(3, 4);
size_t format_va(char *to, size_t size, const char *fmt, va_list args) PRINTF_LIKE(3, 0);

#endif
