/* SPDX-License-Identifier: Apache-2.0 */
/* Growth of typed arrays: doubling, in the arena. */
#include "base/vector.h"

#include <string.h>

void *vector_grow(struct arena *arena, void *items, size_t count, size_t *capacity, size_t size)
{
	void *grown;

	if (count < *capacity)
		return items;
	*capacity = *capacity ? *capacity * 2 : 4;
	grown = arena_array(arena, *capacity, size);
	if (count)
		memcpy(grown, items, count * size);
	return grown;
}
