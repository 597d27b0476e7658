/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256: FIPS 180-4 section 6.2, with the message schedule kept as a ring of 16 words. */
#include "lib/sha256.h"

#include "lib/string.h"

/* FIPS 180-4 4.2.2: the first 32 bits of the fractions of the cube roots of the first 64 primes. */
static const uint32_t round_constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
	0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
	0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
	0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
	0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t rotr(uint32_t v, unsigned int n)
{
	return v >> n | v << (32 - n);
}

static inline uint32_t load_be32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap32(v);
}

static inline uint32_t schedule(uint32_t w[16], unsigned int i)
{
	uint32_t a = w[(i + 1) & 15], b = w[(i + 14) & 15];
	uint32_t s0 = rotr(a, 7) ^ rotr(a, 18) ^ a >> 3;
	uint32_t s1 = rotr(b, 17) ^ rotr(b, 19) ^ b >> 10;

	return w[i & 15] += s0 + w[(i + 9) & 15] + s1;
}

static void add_block(uint32_t state[8], const uint8_t *p)
{
	uint32_t w[16], v[8];

	for (unsigned int i = 0; i < 16; i++)
		w[i] = load_be32(p + 4 * i);
	memcpy(v, state, sizeof(v));
	for (unsigned int i = 0; i < 64; i++) {
		uint32_t x = i < 16 ? w[i] : schedule(w, i);
		uint32_t s1 = rotr(v[4], 6) ^ rotr(v[4], 11) ^ rotr(v[4], 25);
		uint32_t choose = (v[4] & v[5]) ^ (~v[4] & v[6]);
		uint32_t t1 = v[7] + s1 + choose + round_constants[i] + x;
		uint32_t s0 = rotr(v[0], 2) ^ rotr(v[0], 13) ^ rotr(v[0], 22);
		uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);

		v[7] = v[6];
		v[6] = v[5];
		v[5] = v[4];
		v[4] = v[3] + t1;
		v[3] = v[2];
		v[2] = v[1];
		v[1] = v[0];
		v[0] = t1 + s0 + majority;
	}
	for (unsigned int i = 0; i < 8; i++)
		state[i] += v[i];
}

void sha256_start(struct sha256 *s)
{
	static const uint32_t initial[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	};

	memcpy(s->state, initial, sizeof(initial));
	s->length = 0;
}

void sha256_add(struct sha256 *s, const void *p, size_t n)
{
	const uint8_t *bytes = p;
	size_t held = s->length % 64;

	s->length += n;
	if (held && held + n >= 64) {
		memcpy(s->block + held, bytes, 64 - held);
		add_block(s->state, s->block);
		bytes += 64 - held;
		n -= 64 - held;
		held = 0;
	}
	for (; !held && n >= 64; bytes += 64, n -= 64)
		add_block(s->state, bytes);
	memcpy(s->block + held, bytes, n);
}

void sha256_finish(struct sha256 *s, uint8_t digest[SHA256_SIZE])
{
	static const uint8_t padding[64] = {0x80};
	uint64_t bits = __builtin_bswap64(s->length * 8);
	size_t held = s->length % 64;

	sha256_add(s, padding, held < 56 ? 56 - held : 120 - held);
	sha256_add(s, &bits, sizeof(bits));
	for (unsigned int i = 0; i < 8; i++) {
		uint32_t v = __builtin_bswap32(s->state[i]);

		memcpy(digest + 4 * i, &v, sizeof(v));
	}
}

void sha256(const void *p, size_t n, uint8_t digest[SHA256_SIZE])
{
	struct sha256 s;

	sha256_start(&s);
	sha256_add(&s, p, n);
	sha256_finish(&s, digest);
}
