/* SPDX-License-Identifier: Apache-2.0 */
/* A map from text to pointer, in an arena. Keys are copied. Zero-initialized is empty. */
#ifndef HVCC_BASE_MAP_H
#define HVCC_BASE_MAP_H

#include <stddef.h>

#include "base/arena.h"

struct map_slot {
	const char *key;
	void *value;
};

struct map {
	struct map_slot *slots;
	size_t count, capacity;
};

/* The value of key, or NULL. */
void *map_get(const struct map *map, const char *key);

/* Sets key to value; returns the value it had before, or NULL. */
void *map_put(struct arena *arena, struct map *map, const char *key, void *value);

#endif
