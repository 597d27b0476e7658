/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loaded before hvcc (LD_PRELOAD), lets the first OOM_AT allocations succeed and all later ones
 * fail: tests/compiler/front.py asks for each point whether hvcc ends as it should.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

static bool refuse(void)
{
	static long left = -2;

	if (left == -2)
		left = getenv("OOM_AT") ? atol(getenv("OOM_AT")) : -1;
	if (left > 0)
		left--;
	else if (left == 0)
		errno = ENOMEM;
	return left == 0;
}

void *malloc(size_t size)
{
	return refuse() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return refuse() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
	return refuse() ? NULL : __libc_realloc(memory, size);
}
