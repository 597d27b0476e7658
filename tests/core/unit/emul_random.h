/* SPDX-License-Identifier: Apache-2.0 */
/* Deterministic random instructions for the emulator's tests: the same seed gives the same sequence. */
#ifndef TESTS_EMUL_RANDOM_H
#define TESTS_EMUL_RANDOM_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct emul_random {
	uint64_t state;
};

/* splitmix64 */
static inline uint64_t emul_random_next(struct emul_random *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static inline uint32_t emul_random_below(struct emul_random *r, uint32_t n)
{
	return emul_random_next(r) % n;
}

static inline void emul_random_bytes(struct emul_random *r, uint8_t *bytes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		bytes[i] = emul_random_next(r) >> 32;
}

/* A setting from the environment. */
static inline uint64_t emul_random_setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

/* The opcodes of opcodes.def: map 1, 2 or 3 and the byte. */
static const struct {
	uint8_t map, opcode;
} emul_random_opcodes[] = {
#define EMUL_ONE(opcode, ...) { 1, opcode },
#define EMUL_ONE_KIND(opcode, ...) { 1, opcode },
#include "emul/opcodes.def"
#define EMUL_TWO(opcode, ...) { 2, opcode },
#define EMUL_TWO_KIND(opcode, ...) { 2, opcode },
#include "emul/opcodes.def"
#define EMUL_PREFIXED(map, opcode, ...) { map, opcode },
#include "emul/opcodes.def"
/* Groups stand for eight instructions each. */
#define EMUL_GROUP_OPCODES                                                                         \
	{ 1, 0x80 }, { 1, 0x81 }, { 1, 0x83 }, { 1, 0xc0 }, { 1, 0xc1 }, { 1, 0xd0 }, { 1, 0xd1 }, \
		{ 1, 0xd2 }, { 1, 0xd3 }, { 1, 0xf6 }, { 1, 0xf7 }, { 1, 0xfe }, { 1, 0xff },      \
		{ 2, 0xba }, { 2, 0xc7 }
	EMUL_GROUP_OPCODES, EMUL_GROUP_OPCODES, EMUL_GROUP_OPCODES, EMUL_GROUP_OPCODES,
};

/* [prefixes] [REX] opcode and random bytes after it: 16 in all, of which the first 15 count. */
static inline uint32_t emul_random_instruction(struct emul_random *r, uint32_t mode, uint8_t bytes[16])
{
	static const uint8_t prefixes[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x66,
					    0x66, 0x67, 0x67, 0xf0, 0xf2, 0xf3, 0xf3, 0xf3 };
	uint32_t choice = emul_random_below(
		r, sizeof(emul_random_opcodes) / sizeof(emul_random_opcodes[0]));
	uint32_t n = 0;

	emul_random_bytes(r, bytes, 16);
	while (n < 12 && emul_random_below(r, 3) == 0)
		bytes[n++] = prefixes[emul_random_below(r, sizeof(prefixes))];
	if (mode == 8 && emul_random_below(r, 2))
		bytes[n++] = 0x40 | emul_random_below(r, 16);
	if (emul_random_opcodes[choice].map > 1)
		bytes[n++] = 0x0f;
	if (emul_random_opcodes[choice].map > 2)
		bytes[n++] = 0x38;
	bytes[n] = emul_random_opcodes[choice].opcode;
	return n;
}

/* A VEX-encoded move: mostly without a second source, as these have none. */
static inline void emul_random_vex(struct emul_random *r, uint8_t bytes[16])
{
	static const uint8_t opcodes[] = { 0x10, 0x11, 0x13, 0x17, 0x28, 0x29, 0x2b,
					   0x6e, 0x6f, 0x7e, 0x7f, 0xd6, 0xe7, 0xf0 };
	uint32_t n = 0;

	emul_random_bytes(r, bytes, 16);
	bytes[n++] = emul_random_below(r, 2) ? 0xc4 : 0xc5;
	if (bytes[0] == 0xc4) {
		bytes[1] = (bytes[1] & 0xe0) | (1 + (emul_random_below(r, 8) == 0));
		n++;
	}
	bytes[n++] |= emul_random_below(r, 16) ? 0x78 : 0;
	bytes[n] = bytes[1] == 2 ? 0x2a : opcodes[emul_random_below(r, sizeof(opcodes))];
	if (emul_random_below(r, 8))
		bytes[n + 1] &= 0x7f;
}

/* An EVEX-encoded move: mostly with the fields as these want them. */
static inline void emul_random_evex(struct emul_random *r, uint8_t bytes[16])
{
	static const uint8_t opcodes[] = { 0x10, 0x11, 0x28, 0x29, 0x2b, 0x6f, 0x7f, 0x6f, 0x7f, 0xe7 };
	uint8_t map = 1 + (emul_random_below(r, 8) == 0);

	emul_random_bytes(r, bytes, 16);
	bytes[0] = 0x62;
	bytes[1] = (bytes[1] & 0xf0) | map;
	if (emul_random_below(r, 16))
		bytes[2] |= 0x7c;
	if (emul_random_below(r, 16))
		bytes[3] = (bytes[3] & 0x6f) | 0x08; /* no zeroing, no broadcast */
	if (emul_random_below(r, 4) == 0)
		bytes[3] |= 0x80;
	bytes[4] = map == 2 ? 0x2a : opcodes[emul_random_below(r, sizeof(opcodes))];
	if (emul_random_below(r, 8))
		bytes[5] &= 0x7f;
}

#endif
