/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extended state: which values XCR0 takes, what faults without it, and vector registers that come through exits unharmed,
 * on two processors at once. (APM v2 11.5; SDM v1 13.3.)
 */
#include "guest.h"

#define LENIENT "QEMU accepts it"

static uint64_t set_xcr0(uint64_t value)
{
	xsetbv(0, value);
	return xgetbv(0);
}
static uint64_t none(void)
{
	return set_xcr0(0);
}
static uint64_t without_x87(void)
{
	return set_xcr0(2);
}
static uint64_t avx_without_sse(void)
{
	return set_xcr0(5);
}
static uint64_t one_mpx_bit(void)
{
	return set_xcr0(0xb);
}
static uint64_t half_avx512(void)
{
	return set_xcr0(0x27);
}
static uint64_t unknown_bit(void)
{
	return set_xcr0(1ull << 62 | 3);
}
static uint64_t other_register(void)
{
	xsetbv(1, 1);
	return 0;
}
static uint64_t x87(void)
{
	return set_xcr0(1);
}
static uint64_t sse(void)
{
	return set_xcr0(3);
}
static uint64_t avx(void)
{
	return set_xcr0(7);
}
static uint64_t use_avx(void)
{
	__asm__ volatile("vpxor %ymm0, %ymm0, %ymm0");
	return 0;
}

static const struct row always[] = {
	{ "XCR0 = 0", none, 13, 0, NULL },
	{ "XCR0 without x87", without_x87, 13, 0, NULL },
	{ "AVX without SSE", avx_without_sse, 13, 0, NULL },
	{ "half of MPX", one_mpx_bit, 13, 0, LENIENT },
	{ "a part of AVX-512 alone", half_avx512, 13, 0, LENIENT },
	{ "a bit that means nothing", unknown_bit, 13, 0, NULL },
	{ "XCR1", other_register, 13, 0, NULL },
	{ "XCR0 = x87", x87, NO_TRAP, 1, NULL },
	{ "XCR0 = x87, SSE", sse, NO_TRAP, 3, NULL },
};
static const struct row with_avx[] = {
	{ "an AVX instruction while XCR0 has no AVX", use_avx, 6, 0, NULL },
	{ "XCR0 = x87, SSE, AVX", avx, NO_TRAP, 7, NULL },
	{ "an AVX instruction now", use_avx, NO_TRAP, 0, NULL },
};
static const struct row without_avx[] = {
	{ "XCR0 with AVX where CPUID has none", avx, 13, 0, NULL },
};
static const struct row without_osxsave[] = {
	{ "XSETBV without CR4.OSXSAVE", sse, 6, 0, NULL },
	{ "an AVX instruction without CR4.OSXSAVE", use_avx, 6, 0, NULL },
};

/* ------------------------------------------------------------------------ state across exits */
struct state {
	uint8_t before[1024] __attribute__((aligned(64)));
	uint8_t after[1024] __attribute__((aligned(64)));
	uint8_t pattern[16 * 32] __attribute__((aligned(32)));
	uint32_t bad, rounds;
	bool avx;
};

static void load_vectors(const uint8_t *pattern, bool wide)
{
#define LOAD_128(n) __asm__ volatile("movdqu %0, %%xmm" #n : : "m"(*(const uint8_t (*)[16])(pattern + n * 32)))
#define LOAD_256(n) __asm__ volatile("vmovdqu %0, %%ymm" #n : : "m"(*(const uint8_t (*)[32])(pattern + n * 32)))
	if (wide) {
		LOAD_256(0); LOAD_256(1); LOAD_256(2); LOAD_256(3); LOAD_256(7); LOAD_256(8); LOAD_256(14); LOAD_256(15);
	} else {
		LOAD_128(0); LOAD_128(1); LOAD_128(2); LOAD_128(3); LOAD_128(7); LOAD_128(8); LOAD_128(14); LOAD_128(15);
	}
}

static void save(uint8_t *area, uint64_t xcr0)
{
	memory_set(area + 512, 0, 64);
	__asm__ volatile("xsave64 %0" : "+m"(*(uint8_t (*)[1024])area) : "a"((uint32_t)xcr0), "d"((uint32_t)(xcr0 >> 32)));
}

static void keep_state(void *argument)
{
	struct state *state = argument;
	uint64_t xcr0 = state->avx ? 7 : 3;
	uint32_t id = apic_id();

	write_cr4(read_cr4() | CR4_OSXSAVE);
	xsetbv(0, xcr0);
	for (uint32_t round = 0; round < state->rounds; round++) {
		for (unsigned i = 0; i < sizeof(state->pattern); i++)
			state->pattern[i] = (uint8_t)(i * 7 + round * 13 + id * 101);
		load_vectors(state->pattern, state->avx);
		__asm__ volatile("fninit; fld1; fldpi");
		save(state->before, xcr0);
		(void)cpuid(1, 0);
		(void)inb(0x3fd);
		(void)rdmsr(MSR_APIC_BASE);
		(void)apic_read(APIC_VERSION);
		save(state->after, xcr0);
		state->bad += memory_compare(state->before, state->after, 832) != 0;
		state->bad += xgetbv(0) != xcr0;
	}
}

static struct state states[2];

static void check_state(bool has_avx)
{
	uint32_t running = start_processors();
	uint32_t other = processor_apic_id(0) == apic_id() ? 1 : 0;

	for (unsigned i = 0; i < 2; i++) {
		states[i].avx = has_avx;
		states[i].rounds = 200;
	}
	if (running > 1)
		start_on(other, keep_state, &states[1]);
	keep_state(&states[0]);
	check_value("vector and x87 registers come through exits", states[0].bad, 0);
	if (running < 2) {
		skip("on a second processor at the same time", "there is one");
		return;
	}
	while (!is_done(other))
		pause();
	check_value("on a second processor at the same time", states[1].bad, 0);
}

int main(void)
{
	bool has_avx = (cpuid(1, 0).ecx & (1u << 28)) != 0;

	apic_enable();
	if (!(cpuid(1, 0).ecx & (1u << 26))) {
		skip("XSAVE", "CPUID says there is none");
		return 0;
	}
	write_cr4(read_cr4() & ~(uint64_t)CR4_OSXSAVE);
	CHECK_ROWS(without_osxsave);
	write_cr4(read_cr4() | CR4_OSXSAVE);
	check_value("XCR0 after reset", xgetbv(0), 1);
	CHECK_ROWS(always);
	if (has_avx)
		CHECK_ROWS(with_avx);
	else
		CHECK_ROWS(without_avx);
	check_value("an illegal XCR0 changed nothing", xgetbv(0), has_avx ? 7 : 3);
	check_state(has_avx);
	return 0;
}
