/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of numbers as Linux, QEMU and libvirt write sets of CPUs: `0-3,8`. */
#ifndef HVCC_BASE_NUMBER_LIST_H
#define HVCC_BASE_NUMBER_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vector.h"

struct number_range { /* first <= last */
	uint32_t first, last;
};

struct number_list {
	VECTOR(struct number_range) ranges; /* in the order of the text */
};

/*
 * Appends the ranges of text. Returns NULL, or the item at which reading ended: no number, a number
 * of more than nine digits, a range that ends before it starts.
 */
const char *number_list_read(struct arena *arena, const char *text, struct number_list *list);

bool number_list_has(const struct number_list *list, uint32_t number);

#endif
