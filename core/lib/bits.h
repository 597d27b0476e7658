/* SPDX-License-Identifier: Apache-2.0 */
/* Bits and fields, written as the manuals write them. All values are 64 bits wide. */
#ifndef CORE_LIB_BITS_H
#define CORE_LIB_BITS_H

#include "lib/types.h"

/* One bit; bits hi..lo, both included: BITS(51, 12) is the frame address of a page-table entry. */
#define BIT(n) (1ULL << (n))
#define BITS(hi, lo) ((~0ULL >> (63 - (hi))) & (~0ULL << (lo)))

/* The field of `value` that `mask` (contiguous, not zero) selects, shifted down. */
static inline uint64_t field_get(uint64_t value, uint64_t mask)
{
	return (value & mask) >> __builtin_ctzll(mask);
}

/* `field` shifted up to where `mask` is; bits that do not fit are dropped. */
static inline uint64_t field_make(uint64_t mask, uint64_t field)
{
	return (field << __builtin_ctzll(mask)) & mask;
}

/* `value` with the field that `mask` selects replaced by `field`. */
static inline uint64_t field_set(uint64_t value, uint64_t mask, uint64_t field)
{
	return (value & ~mask) | field_make(mask, field);
}

/* The low 32 bits of `low` under those of `high`: the EDX:EAX pairs of the machine. */
static inline uint64_t join32(uint32_t low, uint32_t high)
{
	return (uint64_t)high << 32 | low;
}

static inline bool is_power_of_two(uint64_t v)
{
	return v && !(v & (v - 1));
}

/* `a` is a power of two. align_up() wraps to 0 past the top. */
static inline uint64_t align_down(uint64_t v, uint64_t a)
{
	return v & ~(a - 1);
}

static inline uint64_t align_up(uint64_t v, uint64_t a)
{
	return (v + a - 1) & ~(a - 1);
}

static inline bool is_aligned(uint64_t v, uint64_t a)
{
	return !(v & (a - 1));
}

static inline uint64_t div_round_up(uint64_t v, uint64_t d)
{
	return v / d + (v % d != 0);
}

/* Whether [base, base + size) lies within [0, limit), without overflow. */
static inline bool range_fits(uint64_t base, uint64_t size, uint64_t limit)
{
	return size <= limit && base <= limit - size;
}

/* Whether two ranges share a byte; neither wraps. An empty range shares nothing. */
static inline bool ranges_overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a_size && b_size && a < b + b_size && b < a + a_size;
}

/* Position of the highest or lowest set bit; -1 if there is none. */
static inline int highest_bit(uint64_t v)
{
	return v ? 63 - __builtin_clzll(v) : -1;
}

static inline int lowest_bit(uint64_t v)
{
	return v ? __builtin_ctzll(v) : -1;
}

/* Sign-extends the low `bits` bits (1..64) of `v`. */
static inline int64_t sign_extend(uint64_t v, unsigned int bits)
{
	return (int64_t)(v << (64 - bits)) >> (64 - bits);
}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))

#define min_of(a, b)                                                                               \
	({                                                                                         \
		__typeof__(a) min_a_ = (a);                                                        \
		__typeof__(b) min_b_ = (b);                                                        \
		min_a_ < min_b_ ? min_a_ : min_b_;                                                 \
	})
#define max_of(a, b)                                                                               \
	({                                                                                         \
		__typeof__(a) max_a_ = (a);                                                        \
		__typeof__(b) max_b_ = (b);                                                        \
		max_a_ > max_b_ ? max_a_ : max_b_;                                                 \
	})

/* Bitmaps in arrays of 64-bit words. */
#define BITMAP_WORDS(bits) (((bits) + 63) / 64)

static inline bool bitmap_test(const uint64_t *map, unsigned int n)
{
	return map[n / 64] & BIT(n % 64);
}

static inline void bitmap_set(uint64_t *map, unsigned int n)
{
	map[n / 64] |= BIT(n % 64);
}

#endif
