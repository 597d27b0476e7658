/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing byte buffer with little-endian writers and patching: ACPI tables, AML, blob sections
 * and images are built in it. It uses the heap, not an arena, because payloads are large;
 * whoever fills it calls buffer_free(). Zero-initialized is empty.
 */
#ifndef HVCC_BASE_BUFFER_H
#define HVCC_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct buffer {
	uint8_t *data;
	size_t size, capacity;
};

/* Appends; each returns the offset at which the first byte was put. */
size_t buffer_bytes(struct buffer *buffer, const void *bytes, size_t size);
size_t buffer_zeros(struct buffer *buffer, size_t size);
size_t buffer_text(struct buffer *buffer, const char *text); /* with its terminator */
size_t buffer_u8(struct buffer *buffer, uint8_t value);
size_t buffer_u16(struct buffer *buffer, uint16_t value);
size_t buffer_u32(struct buffer *buffer, uint32_t value);
size_t buffer_u64(struct buffer *buffer, uint64_t value);

/* Exactly width bytes: text, cut or padded. ACPI identifiers are padded with spaces. */
size_t buffer_padded(struct buffer *buffer, const char *text, size_t width, char pad);

/* Zeros until size is a multiple of alignment (any number > 0); returns the new size. */
size_t buffer_align(struct buffer *buffer, size_t alignment);

/* Overwrite what is there already; an offset beyond the end is an internal error (abort). */
void buffer_patch(struct buffer *buffer, size_t offset, const void *bytes, size_t size);
void buffer_patch_u8(struct buffer *buffer, size_t offset, uint8_t value);
void buffer_patch_u16(struct buffer *buffer, size_t offset, uint16_t value);
void buffer_patch_u32(struct buffer *buffer, size_t offset, uint32_t value);
void buffer_patch_u64(struct buffer *buffer, size_t offset, uint64_t value);

/* Insert size bytes at offset and move the rest up (AML package lengths). */
void buffer_insert(struct buffer *buffer, size_t offset, const void *bytes, size_t size);

void buffer_free(struct buffer *buffer);

#endif
