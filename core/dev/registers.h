/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chip's registers as a table: one row a register, indexed by its number. A register without hooks is a word in the
 * chip's `value` array, of which a guest's write changes the writable bits. A row without a name is no register.
 */
#ifndef CORE_DEV_REGISTERS_H
#define CORE_DEV_REGISTERS_H

#include "lib/bits.h"

struct chip_register {
	const char *name;
	uint32_t reset;
	uint32_t writable;
	uint32_t flags; /* the chip's own */
	uint32_t (*read)(void *chip, unsigned int n);
	void (*write)(void *chip, unsigned int n, uint32_t value);
};

static inline void registers_reset(const struct chip_register *table, unsigned int count, uint32_t *value)
{
	for (unsigned int n = 0; n < count; n++)
		value[n] = table[n].reset;
}

static inline uint32_t register_read(const struct chip_register *row, const uint32_t *value, void *chip,
				     unsigned int n)
{
	return row->read ? row->read(chip, n) : value[n];
}

static inline void register_write(const struct chip_register *row, uint32_t *value, void *chip,
				  unsigned int n, uint32_t v)
{
	if (row->write)
		row->write(chip, n, v);
	else
		value[n] = (value[n] & ~row->writable) | (v & row->writable);
}

/* What a read of `size` bytes at byte `shift` of a register of 32 bits gives. */
static inline uint64_t register_part(uint32_t value, unsigned int shift, unsigned int size)
{
	uint64_t part = (uint64_t)value >> 8 * (shift & 3);

	return size >= 8 ? part : part & (BIT(8 * (size & 7)) - 1);
}

#endif
