/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nanoseconds and the ticks of a chip's clock. `hz` is a constant of at most 1 GHz, so that the factors are computed by
 * the compiler and what is left is a multiplication and a shift. A result of 2^64 and more wraps.
 */
#ifndef CORE_DEV_CLOCK_H
#define CORE_DEV_CLOCK_H

#include "lib/types.h"

#define NS_PER_SECOND 1000000000ull

/* Ticks of an `hz` clock in `ns` nanoseconds, rounded down (the factor is rounded up, by less than 2^-58). */
#define clock_from_ns(ns, hz)                                                                      \
	((uint64_t)(((unsigned __int128)(ns) *                                                     \
		     (uint64_t)((((unsigned __int128)(hz) << 58) + NS_PER_SECOND - 1) / NS_PER_SECOND)) >> 58))

/* Nanoseconds until `ticks` ticks have passed, rounded up: by then clock_from_ns() has counted them. */
#define clock_to_ns(ticks, hz)                                                                     \
	((uint64_t)((((unsigned __int128)(ticks) *                                                 \
		      (uint64_t)(((unsigned __int128)NS_PER_SECOND << 32) / (hz))) >> 32) + 1))

#endif
