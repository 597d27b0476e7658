/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed growing arrays in an arena:
 *
 *	VECTOR(struct pin) pins = {0};
 *	vector_push(arena, &pins, ((struct pin){ .vcpu = 1 }));
 *	for (size_t i = 0; i < pins.count; i++)
 *		use(&pins.items[i]);
 *
 * Growing moves the items: keep indices, not pointers, while a vector still grows.
 */
#ifndef HVCC_BASE_VECTOR_H
#define HVCC_BASE_VECTOR_H

#include <stddef.h>

#include "base/arena.h"

#define VECTOR(type)                                                                               \
	struct {                                                                                   \
		type *items;                                                                       \
		size_t count, capacity;                                                            \
	}

/* Appends one zeroed item and returns its address. */
#define vector_add(arena, vector)                                                                  \
	((vector)->items = vector_grow((arena), (vector)->items, (vector)->count,                  \
				       &(vector)->capacity, sizeof(*(vector)->items)),             \
	 &(vector)->items[(vector)->count++])

#define vector_push(arena, vector, item) ((void)(*vector_add((arena), (vector)) = (item)))

/* Room for one more item: returns items, moved if it had to grow. */
void *vector_grow(struct arena *arena, void *items, size_t count, size_t *capacity, size_t size);

#endif
