/* SPDX-License-Identifier: Apache-2.0 */
/* Text to pointer: open addressing, FNV-1a, at most half full. Nothing is ever removed. */
#include "base/map.h"

#include <string.h>

static size_t hash(const char *key)
{
	uint64_t value = 0xcbf29ce484222325;

	while (*key)
		value = (value ^ (uint8_t)*key++) * 0x100000001b3;
	return value ^ value >> 32;
}

static struct map_slot *find(const struct map *map, const char *key)
{
	size_t i = hash(key) & (map->capacity - 1);

	while (map->slots[i].key && strcmp(map->slots[i].key, key))
		i = (i + 1) & (map->capacity - 1);
	return &map->slots[i];
}

static void grow(struct arena *arena, struct map *map)
{
	struct map old = *map;

	map->capacity = old.capacity ? old.capacity * 2 : 16;
	map->slots = arena_array(arena, map->capacity, sizeof(*map->slots));
	for (size_t i = 0; i < old.capacity; i++)
		if (old.slots[i].key)
			*find(map, old.slots[i].key) = old.slots[i];
}

void *map_get(const struct map *map, const char *key)
{
	return map->capacity ? find(map, key)->value : NULL;
}

void *map_put(struct arena *arena, struct map *map, const char *key, void *value)
{
	struct map_slot *slot;
	void *before;

	if (map->count * 2 >= map->capacity)
		grow(arena, map);
	slot = find(map, key);
	if (!slot->key) {
		slot->key = arena_strdup(arena, key);
		map->count++;
	}
	before = slot->value;
	slot->value = value;
	return before;
}
