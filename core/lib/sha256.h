/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4, section 6.2) in integer registers: about 60 instructions a byte. */
#ifndef CORE_LIB_SHA256_H
#define CORE_LIB_SHA256_H

#include "lib/types.h"

#define SHA256_SIZE 32

struct sha256 {
	uint32_t state[8];
	uint64_t length;
	uint8_t block[64];
};

void sha256_start(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *p, size_t n);
/* Writes the digest; `s` must be started again before another use. */
void sha256_finish(struct sha256 *s, uint8_t digest[SHA256_SIZE]);

/* The digest of one buffer. */
void sha256(const void *p, size_t n, uint8_t digest[SHA256_SIZE]);

#endif
