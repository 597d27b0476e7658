/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes and strings, as in ISO C 7.24. memcpy, memmove and memset are core/x86/memory.S (rep movsq,
 * rep stosq) in the core; host tests take all of these from the C library.
 */
#ifndef CORE_LIB_STRING_H
#define CORE_LIB_STRING_H

#include "lib/types.h"

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);

int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *p, int byte, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);

#endif
