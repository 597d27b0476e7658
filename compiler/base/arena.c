/* SPDX-License-Identifier: Apache-2.0 */
/* Memory by arena: bump allocation in blocks, large requests in blocks of their own. */
#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/output.h"

#define BLOCK_SIZE ((size_t)64 << 10)
#define ALIGNMENT  ((size_t)16)

struct arena_block {
	struct arena_block *next;
	_Alignas(16) uint8_t bytes[];
};

void out_of_memory(void)
{
	output_discard_all();
	fputs("hvcc: out of memory\n", stderr);
	exit(3);
}

static uint8_t *add_block(struct arena *arena, size_t size)
{
	struct arena_block *block;

	if (size > SIZE_MAX - sizeof(*block))
		out_of_memory();
	block = calloc(1, sizeof(*block) + size);
	if (!block)
		out_of_memory();
	block->next = arena->blocks;
	arena->blocks = block;
	return block->bytes;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	uint8_t *memory;

	if (size > SIZE_MAX - ALIGNMENT)
		out_of_memory();
	size = (size + ALIGNMENT) & ~(ALIGNMENT - 1);
	if (size > BLOCK_SIZE / 4)
		return add_block(arena, size);
	if (size > arena->left) {
		arena->next = add_block(arena, BLOCK_SIZE);
		arena->left = BLOCK_SIZE;
	}
	memory = arena->next;
	arena->next += size;
	arena->left -= size;
	return memory;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(count, size, &total))
		out_of_memory();
	return arena_alloc(arena, total);
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
	char *copy = arena_alloc(arena, length + 1);

	memcpy(copy, text, length);
	return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return arena_strndup(arena, text, strlen(text));
}

char *arena_vprintf(struct arena *arena, const char *format, va_list arguments)
{
	va_list again;
	char *text;
	int length;

	va_copy(again, arguments);
	length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (length < 0)
		out_of_memory();
	text = arena_alloc(arena, (size_t)length + 1);
	vsnprintf(text, (size_t)length + 1, format, arguments);
	return text;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	text = arena_vprintf(arena, format, arguments);
	va_end(arguments);
	return text;
}

void arena_free(struct arena *arena)
{
	while (arena->blocks) {
		struct arena_block *block = arena->blocks;

		arena->blocks = block->next;
		free(block);
	}
	arena->next = NULL;
	arena->left = 0;
}
