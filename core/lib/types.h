/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lib/ is what every other folder of the core stands on: integer types, bits, the error idiom,
 * lists, locks, bytes and text, checksums. It is freestanding and pure: it knows no processor, no
 * device and no guest, takes every effect as a parameter, and compiles on the host unchanged, where
 * it is tested.
 *
 * types.h: the integer types and the few attributes used everywhere.
 */
#ifndef CORE_LIB_TYPES_H
#define CORE_LIB_TYPES_H

#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The result of such a function must be looked at. */
#define MUST_USE __attribute__((warn_unused_result))
#define NORETURN __attribute__((noreturn))
/* Off the common path: kept out of its callers, so that these need no registers saved for it. */
#define COLD __attribute__((cold, noinline))
#define PACKED __attribute__((packed))
#define ALIGNED(n) __attribute__((aligned(n)))
/* The compiler checks the arguments against the format string, argument `f` counted from 1. */
#define PRINTF_LIKE(f, first) __attribute__((format(printf, f, first)))

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#ifndef static_assert
#define static_assert _Static_assert
#endif

#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)

#define PAGE_SHIFT 12
#define PAGE_SIZE 4096ULL
#define PAGE_SIZE_2M 0x200000ULL
#define PAGE_SIZE_1G 0x40000000ULL

/* One access of the machine, not zero and not two: for words that another CPU, a device or a
 * guest changes. */
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

#endif
