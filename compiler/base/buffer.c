/* SPDX-License-Identifier: Apache-2.0 */
/* A growing byte buffer: little-endian writers, alignment, patching, insertion. */
#include "base/buffer.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

static __attribute__((noinline)) void grow(struct buffer *buffer, size_t size)
{
	size_t needed, capacity;
	uint8_t *data;

	if (__builtin_add_overflow(buffer->size, size, &needed))
		out_of_memory();
	capacity = buffer->capacity < SIZE_MAX / 2 ? buffer->capacity * 2 : needed;
	if (capacity < needed)
		capacity = needed;
	if (capacity < 256)
		capacity = 256;
	data = realloc(buffer->data, capacity);
	if (!data)
		out_of_memory();
	buffer->data = data;
	buffer->capacity = capacity;
}

/* Makes room for size more bytes and returns where they go. Most calls are for one number. */
static inline uint8_t *extend(struct buffer *buffer, size_t size)
{
	uint8_t *data;

	if (size > buffer->capacity - buffer->size)
		grow(buffer, size);
	data = buffer->data + buffer->size;
	buffer->size += size;
	return data;
}

size_t buffer_bytes(struct buffer *buffer, const void *bytes, size_t size)
{
	size_t offset = buffer->size;

	if (size)
		memcpy(extend(buffer, size), bytes, size);
	return offset;
}

size_t buffer_zeros(struct buffer *buffer, size_t size)
{
	size_t offset = buffer->size;

	if (size)
		memset(extend(buffer, size), 0, size);
	return offset;
}

size_t buffer_text(struct buffer *buffer, const char *text)
{
	return buffer_bytes(buffer, text, strlen(text) + 1);
}

static void store(uint8_t *bytes, uint64_t value, size_t width)
{
	for (size_t i = 0; i < width; i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
}

static size_t append(struct buffer *buffer, uint64_t value, size_t width)
{
	size_t offset = buffer->size;

	store(extend(buffer, width), value, width);
	return offset;
}

size_t buffer_u8(struct buffer *buffer, uint8_t value)
{
	return append(buffer, value, 1);
}

size_t buffer_u16(struct buffer *buffer, uint16_t value)
{
	return append(buffer, value, 2);
}

size_t buffer_u32(struct buffer *buffer, uint32_t value)
{
	return append(buffer, value, 4);
}

size_t buffer_u64(struct buffer *buffer, uint64_t value)
{
	return append(buffer, value, 8);
}

size_t buffer_padded(struct buffer *buffer, const char *text, size_t width, char pad)
{
	size_t offset = buffer->size, length = strnlen(text, width);
	uint8_t *bytes = extend(buffer, width);

	memcpy(bytes, text, length);
	memset(bytes + length, pad, width - length);
	return offset;
}

size_t buffer_align(struct buffer *buffer, size_t alignment)
{
	size_t rest = buffer->size % alignment;

	if (rest)
		buffer_zeros(buffer, alignment - rest);
	return buffer->size;
}

static uint8_t *inside(struct buffer *buffer, size_t offset, size_t size)
{
	if (offset > buffer->size || size > buffer->size - offset)
		abort();
	return buffer->data + offset;
}

void buffer_patch(struct buffer *buffer, size_t offset, const void *bytes, size_t size)
{
	uint8_t *place = inside(buffer, offset, size);

	if (size)
		memcpy(place, bytes, size);
}

void buffer_patch_u8(struct buffer *buffer, size_t offset, uint8_t value)
{
	store(inside(buffer, offset, 1), value, 1);
}

void buffer_patch_u16(struct buffer *buffer, size_t offset, uint16_t value)
{
	store(inside(buffer, offset, 2), value, 2);
}

void buffer_patch_u32(struct buffer *buffer, size_t offset, uint32_t value)
{
	store(inside(buffer, offset, 4), value, 4);
}

void buffer_patch_u64(struct buffer *buffer, size_t offset, uint64_t value)
{
	store(inside(buffer, offset, 8), value, 8);
}

void buffer_insert(struct buffer *buffer, size_t offset, const void *bytes, size_t size)
{
	size_t tail;

	inside(buffer, offset, 0);
	if (!size)
		return;
	tail = buffer->size - offset;
	extend(buffer, size);
	memmove(buffer->data + offset + size, buffer->data + offset, tail);
	memcpy(buffer->data + offset, bytes, size);
}

void buffer_free(struct buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct buffer){0};
}
