/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading untrusted bytes: reads beyond the end give zero, and every range is tested with
 * bytes_hold() before it is used.
 */
#ifndef HVCC_BASE_BYTES_H
#define HVCC_BASE_BYTES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/source.h"

/* Does [offset, offset + size) lie inside? */
static inline bool bytes_hold(struct bytes bytes, uint64_t offset, uint64_t size)
{
	return offset <= bytes.size && size <= bytes.size - offset;
}

/* Little-endian; zero when any part lies outside. */
static inline uint64_t bytes_little(struct bytes bytes, uint64_t offset, unsigned int width)
{
	uint64_t value = 0;

	if (!bytes_hold(bytes, offset, width))
		return 0;
	for (unsigned int i = 0; i < width; i++)
		value |= (uint64_t)bytes.data[offset + i] << 8 * i;
	return value;
}

static inline uint8_t bytes_u8(struct bytes bytes, uint64_t offset)
{
	return (uint8_t)bytes_little(bytes, offset, 1);
}

static inline uint16_t bytes_u16(struct bytes bytes, uint64_t offset)
{
	return (uint16_t)bytes_little(bytes, offset, 2);
}

static inline uint32_t bytes_u32(struct bytes bytes, uint64_t offset)
{
	return (uint32_t)bytes_little(bytes, offset, 4);
}

static inline uint64_t bytes_u64(struct bytes bytes, uint64_t offset)
{
	return bytes_little(bytes, offset, 8);
}

/* The part [offset, offset + size), cut to what is there. */
static inline struct bytes bytes_part(struct bytes bytes, uint64_t offset, uint64_t size)
{
	if (offset > bytes.size)
		offset = bytes.size;
	if (size > bytes.size - offset)
		size = bytes.size - offset;
	return (struct bytes){ .data = bytes.data ? bytes.data + offset : NULL, .size = size };
}

#endif
