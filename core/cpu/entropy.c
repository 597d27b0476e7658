/* SPDX-License-Identifier: Apache-2.0 */
/* Random bytes: see entropy.h. */
#include "cpu/entropy.h"
#include "lib/bits.h"
#include "lib/sha256.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "x86/cpuid.h"
#include "x86/insn.h"

enum { READINGS = 512, WORDS = 4, TRIES = 10 };

#define FEATURE_RDRAND BIT(30) /* CPUID 1 ECX */

static struct {
	struct spinlock lock;
	bool seeded;
	uint8_t pool[SHA256_SIZE];
	uint64_t uses;
} entropy;

bool entropy_strong(void)
{
	return cpuid(1, 0).ecx & FEATURE_RDRAND;
}

static void add_readings(struct sha256 *s, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint64_t now = rdtsc_ordered();

		sha256_add(s, &now, sizeof(now));
	}
}

/* A generator that does not answer within the tries that the manual names (SDM v1 7.3.17) adds nothing. */
static void add_rdrand(struct sha256 *s)
{
	uint64_t words[WORDS] = { 0 };

	for (uint32_t i = 0, tries = 0; i < WORDS && tries < WORDS * TRIES; tries++)
		i += rdrand(&words[i]);
	sha256_add(s, words, sizeof(words));
}

static void stir(uint8_t out[SHA256_SIZE], uint8_t purpose)
{
	struct sha256 s;

	sha256_start(&s);
	sha256_add(&s, &purpose, 1);
	sha256_add(&s, entropy.pool, sizeof(entropy.pool));
	sha256_add(&s, &entropy.uses, sizeof(entropy.uses));
	if (purpose) {
		if (entropy_strong())
			add_rdrand(&s);
		add_readings(&s, entropy.seeded ? 1 : READINGS);
		entropy.seeded = true;
	}
	sha256_finish(&s, out);
}

void entropy_read(void *buffer, size_t size)
{
	uint8_t block[SHA256_SIZE], *to = buffer;

	spin_lock(&entropy.lock);
	while (size) {
		size_t piece = min_of(size, sizeof(block));

		entropy.uses++;
		stir(entropy.pool, 1);
		stir(block, 0);
		memcpy(to, block, piece);
		to += piece;
		size -= piece;
	}
	spin_unlock(&entropy.lock);
	memset(block, 0, sizeof(block));
}
