/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/: memory, bytes, files. Knows nothing of YAML, guests or diagnostics.
 *
 * An arena hands out memory that is freed all at once. A compilation owns one; trees, the model
 * and the lowered form live in it, so no pass frees anything. Running out of memory does not
 * return: pending output files are removed and the program ends with EXIT_ENVIRONMENT (3).
 */
#ifndef HVCC_BASE_ARENA_H
#define HVCC_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct arena_block;

/* Zero-initialized is empty and ready. */
struct arena {
	struct arena_block *blocks;
	uint8_t *next;
	size_t left;
};

/* Zeroed memory, aligned to 16 bytes; lives until arena_free(). Size 0 gives a valid pointer. */
void *arena_alloc(struct arena *arena, size_t size);

/* As arena_alloc() for count elements; a product that overflows counts as out of memory. */
void *arena_array(struct arena *arena, size_t count, size_t size);

/* Copies of text, always terminated. */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t length);
char *arena_printf(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list arguments)
	__attribute__((format(printf, 2, 0)));

/* Gives everything back; the arena is empty and usable again. */
void arena_free(struct arena *arena);

/* Removes pending outputs, says "out of memory" and exits with 3. For the few who use malloc(). */
_Noreturn void out_of_memory(void);

#define arena_new(arena, type) ((type *)arena_alloc((arena), sizeof(type)))

#endif
