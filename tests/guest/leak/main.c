/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a start of a guest leaves to the next, or one guest to another: nothing (SDM v3 table 10-1, APM v2 14.1.3). The guest
 * looks at each register that stays in a processor between exits, row by row, and at all of its memory; then it plants a
 * pattern in every one of them and ends: `end=reset` by the reset port, `end=triple` by a triple fault. The next start must
 * find the same rows good, and the memory as before: `guest: memory` has its checksum.
 *
 * With `watch=N` it plants a pattern of its own in the registers N times, gives its processor away, and finds its own again.
 * `seed=D`, a digit, tells guests apart; `one-pat` says that the processor has one PAT for guests and host (QEMU, where it has no
 * effect).
 */
#include "guest.h"

extern uint8_t data_start[], image_end[]; /* what changes while it runs */

static uint64_t seed;
static bool has_avx;

/* ---- MSRs */

static uint32_t msr;
static uint64_t msr_value;

static uint64_t read_current(void)
{
	return rdmsr(msr);
}

static uint64_t write_current(void)
{
	wrmsr(msr, msr_value);
	return 0;
}

static const struct {
	const char *name;
	uint32_t number;
	uint64_t start; /* what it must be at first */
	uint64_t plant;
	uint64_t vary; /* the bits that the seed may change */
} msrs[] = {
	{ "STAR", 0xc0000081, 0, 0x0023001000000000, 0x0018000000000000 },
	{ "LSTAR", 0xc0000082, 0, 0x00007eadbeef0000, 0xffff },
	{ "CSTAR", 0xc0000083, 0, 0x00007eadbeef1000, 0xffff },
	{ "SFMASK", 0xc0000084, 0, 0x47700, 0xff },
	{ "KERNEL_GS_BASE", 0xc0000102, 0, 0x00005ecbe7000000, 0xffff },
	{ "TSC_AUX", 0xc0000103, 0, 0x5ecbe700, 0xff },
	{ "SYSENTER_CS", 0x174, 0, 0x5e00, 0xff },
	{ "SYSENTER_ESP", 0x175, 0, 0x00005ecbe7100000, 0xffff },
	{ "SYSENTER_EIP", 0x176, 0, 0x00005ecbe7200000, 0xffff },
	{ "PAT", 0x277, 0x0007040600070406, 0x0006040600070406, 0 },
	{ "SPEC_CTRL", 0x48, 0, 1, 0 },
	{ "XSS", 0xda0, 0, 0x1800, 0 },
	{ "TSC_ADJUST", 0x3b, 0, 0x1000, 0 },
	{ "TSC_DEADLINE", 0x6e0, 0, 0x7000000000000000, 0 },
	{ "KVM's system time", 0x4b564d01, 0, 0x800001, 0 },
	{ "KVM's EOI word", 0x4b564d04, 0, 0x801001, 0 },
	{ "KVM's steal time", 0x4b564d03, 0, 0x802001, 0 },
};
enum { MSRS = sizeof(msrs) / sizeof(*msrs) };
static bool present[MSRS], planted[MSRS];

static void look_at_msrs(void)
{
	for (uint32_t i = 0; i < MSRS; i++) {
		struct trap trap;
		uint64_t value;

		msr = msrs[i].number;
		value = try(read_current, &trap);
		present[i] = trap.vector == NO_TRAP && (msr != 0x277 || !has_argument("one-pat"));
		if (present[i])
			check_value(msrs[i].name, value, msrs[i].start);
		else
			skip(msrs[i].name, "not there");
	}
}

static uint64_t pattern_of_msr(uint32_t i)
{
	return msrs[i].plant ^ (seed & msrs[i].vary);
}

static void plant_msrs(void)
{
	for (uint32_t i = 0; i < MSRS; i++) {
		struct trap trap;

		msr = msrs[i].number;
		msr_value = pattern_of_msr(i);
		if (present[i]) {
			try(write_current, &trap);
			planted[i] = trap.vector == NO_TRAP;
		}
	}
}

/* ---- debug registers, CR2, CR8 */

#define DEBUG_REGISTER(n)                                                            \
	static uint64_t get_dr##n(void)                                              \
	{                                                                            \
		uint64_t value;                                                      \
                                                                                     \
		__asm__ volatile("mov %%dr" #n ", %0" : "=r"(value));                \
		return value;                                                        \
	}                                                                            \
	static void set_dr##n(uint64_t value)                                        \
	{                                                                            \
		__asm__ volatile("mov %0, %%dr" #n : : "r"(value));                  \
	}
DEBUG_REGISTER(0)
DEBUG_REGISTER(1)
DEBUG_REGISTER(2)
DEBUG_REGISTER(3)
DEBUG_REGISTER(6)
DEBUG_REGISTER(7)

static const struct {
	const char *name;
	uint64_t (*get)(void);
	void (*set)(uint64_t value);
	uint64_t start, plant, vary;
} registers[] = {
	{ "DR0", get_dr0, set_dr0, 0, 0x5ecbe7000000, 0xffff },
	{ "DR1", get_dr1, set_dr1, 0, 0x5ecbe7010000, 0xffff },
	{ "DR2", get_dr2, set_dr2, 0, 0x5ecbe7020000, 0xffff },
	{ "DR3", get_dr3, set_dr3, 0, 0x5ecbe7030000, 0xffff },
	{ "DR6", get_dr6, set_dr6, 0xffff0ff0, 0xffff0ff1, 0 },
	{ "DR7", get_dr7, set_dr7, 0x400, 0x55, 0 }, /* breakpoints that nothing meets */
	{ "CR2", read_cr2, write_cr2, 0, 0x5ecbe7040000, 0xffff },
	{ "CR8", read_cr8, write_cr8, 0, 1, 2 },
};
enum { REGISTERS = sizeof(registers) / sizeof(*registers) };

/* ---- vector state */

struct vectors {
	uint8_t lane[16][32]; /* XMM, or YMM */
	uint32_t mxcsr;
	uint16_t fcw;
};

#define EACH(do) do(0) do(1) do(2) do(3) do(4) do(5) do(6) do(7) do(8) do(9) do(10) do(11) do(12) do(13) do(14) do(15)
#define GET_X(n) __asm__ volatile("movups %%xmm" #n ", %0" : "=m"(v->lane[n]));
#define GET_Y(n) __asm__ volatile("vmovups %%ymm" #n ", %0" : "=m"(v->lane[n]));
#define SET_X(n) __asm__ volatile("movups %0, %%xmm" #n : : "m"(v->lane[n]));
#define SET_Y(n) __asm__ volatile("vmovups %0, %%ymm" #n : : "m"(v->lane[n]));

static void get_vectors(struct vectors *v)
{
	memory_set(v, 0, sizeof(*v));
	if (has_avx) {
		EACH(GET_Y)
	} else {
		EACH(GET_X)
	}
	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(v->mxcsr), "=m"(v->fcw));
}

static void set_vectors(const struct vectors *v)
{
	if (has_avx) {
		EACH(SET_Y)
	} else {
		EACH(SET_X)
	}
	__asm__ volatile("ldmxcsr %0; fldcw %1" : : "m"(v->mxcsr), "m"(v->fcw));
}

static void pattern_of_vectors(struct vectors *v)
{
	memory_set(v, 0, sizeof(*v));
	for (int i = 0; i < 16; i++)
		memory_set(v->lane[i], (int)(0x50 + i + seed * 16), has_avx ? 32 : 16);
	v->mxcsr = seed & 1 ? 0x3f80 : 0x5f80;
	v->fcw = seed & 1 ? 0x77f : 0xb7f;
}

static void look_at_vectors(void)
{
	struct vectors want = { .mxcsr = 0x1f80, .fcw = 0x40 }, got;

	write_cr4(read_cr4() | CR4_OSXSAVE * !!(cpuid(1, 0).ecx & (1u << 26)));
	if (read_cr4() & CR4_OSXSAVE) {
		check_value("XCR0", xgetbv(0), 1);
		has_avx = cpuid(1, 0).ecx & (1u << 28);
		xsetbv(0, has_avx ? 7 : 3);
	}
	get_vectors(&got);
	check_true("XMM or YMM registers", !memory_compare(want.lane, got.lane, sizeof(got.lane)));
	check_value("MXCSR", got.mxcsr, want.mxcsr);
	/* The core's own start, or what FNINIT leaves. */
	check_true("the x87 control word", got.fcw == want.fcw || got.fcw == 0x37f);
}

static void plant(void)
{
	struct vectors v;

	plant_msrs();
	for (uint32_t i = 0; i < REGISTERS; i++)
		registers[i].set(registers[i].plant ^ (seed & registers[i].vary));
	pattern_of_vectors(&v);
	set_vectors(&v);
}

/* ---- memory */

static void (*on_memory)(uint64_t *word, uint64_t *sum);
static uint64_t words;

static void add_word(uint64_t *word, uint64_t *sum)
{
	*sum = (*sum ^ *word) * 0x100000001b3ull + 1;
	words++;
}

static void plant_word(uint64_t *word, uint64_t *sum)
{
	*word = 0x5ecbe7005ecbe700ull + seed + *sum;
}

static void go_through(uint64_t base, uint64_t size, uint64_t *sum)
{
	uint64_t end = base + size;

	for (uint64_t at = base ? base : 8; at + 8 <= end && at < 1ull << 32; at += 8) {
		if (at == (uintptr_t)data_start)
			at = ((uintptr_t)image_end + 4095) & ~4095ull;
		on_memory((uint64_t *)at, sum);
	}
}

/* Multiboot 0.6.96, 3.3: length and address of the memory map; each entry's size stands before it. The list is copied, as the
 * memory it lies in is about to change. */
struct entry {
	uint64_t base, size;
	uint32_t type;
};
static struct entry map[32];
static uint32_t entries;

static void read_map(void)
{
	const uint8_t *info = multiboot_information();
	uint32_t length, address;

	memory_copy(&length, info + 44, 4);
	memory_copy(&address, info + 48, 4);
	for (uint32_t at = 0; at < length && entries < 32; entries++) {
		const uint8_t *entry = (const uint8_t *)(uintptr_t)(address + at);
		uint32_t size;

		memory_copy(&size, entry, 4);
		memory_copy(&map[entries], entry + 4, 20);
		at += size + 4;
	}
}

static uint64_t all_memory(void (*what)(uint64_t *word, uint64_t *sum))
{
	uint64_t sum = 0xcbf29ce484222325ull;

	on_memory = what;
	for (uint32_t i = 0; i < entries; i++)
		if (map[i].type == 1 || (what == add_word && (map[i].type == 3 || map[i].type == 4)))
			go_through(map[i].base, map[i].size, &sum);
	return sum;
}

/* All but its own code, which it needs to the end. */
static void plant_memory(void)
{
	uint64_t code = 0x100000;

	for (uint32_t i = 0; i < entries; i++) {
		struct entry *e = &map[i];

		if (e->base <= code && code < e->base + e->size) {
			e->size -= (uintptr_t)data_start - e->base;
			e->base = (uintptr_t)data_start;
		}
	}
	all_memory(plant_word);
}

/* ---- */

extern uint64_t entry_registers[11]; /* start.S: ESI, EDI, EBP, R8 to R15 as they came */
static volatile uint64_t in_data = 0x1122334455667788, in_bss;

static void look(void)
{
	for (int i = 0; i < 11; i++)
		check_value("a general register", entry_registers[i], 0);
	for (uint32_t i = 0; i < REGISTERS; i++)
		check_value(registers[i].name, registers[i].get(), registers[i].start);
	look_at_msrs();
	look_at_vectors();
	check_value("initialized data", in_data, 0x1122334455667788);
	check_value("zeroed data", in_bss, 0);
}

static bool still_there(void)
{
	struct vectors want, got;

	for (uint32_t i = 0; i < REGISTERS; i++)
		if (registers[i].get() != ((registers[i].plant ^ (seed & registers[i].vary)) | (registers[i].set == set_dr7) * 0x400))
			return false;
	for (uint32_t i = 0; i < MSRS; i++)
		if (planted[i] && msrs[i].number != 0x6e0 && msrs[i].number != 0x3b && rdmsr(msrs[i].number) != pattern_of_msr(i))
			return false;
	pattern_of_vectors(&want);
	get_vectors(&got);
	return !memory_compare(&want, &got, sizeof(got));
}

/* Others run while this one halts, and whenever its time is over. */
static void watch(uint32_t rounds)
{
	uint32_t lost = 0;

	for (uint32_t i = 0; i < rounds; i++) {
		uint64_t until = rdtsc() + 3000000;

		seed += 16;
		plant();
		while (rdtsc() < until)
			pause();
		lost += !still_there();
	}
	check_value("rounds after which a register was another's", lost, 0);
}

static uint32_t number_of(const char *word)
{
	uint32_t value = 0;

	for (const char *at = command_line(); *at; at++) {
		size_t length = 0;

		while (word[length] && at[length] == word[length])
			length++;
		if (word[length])
			continue;
		for (at += length; *at >= '0' && *at <= '9'; at++)
			value = value * 10 + (uint32_t)(*at - '0');
		break;
	}
	return value;
}

int main(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) none = { 0, 0 };
	bool triple = has_argument("end=triple");
	uint32_t rounds = number_of("watch=");
	uint64_t sum;

	seed = number_of("seed=");
	look();
	if (rounds) {
		watch(rounds);
		return 0;
	}
	read_map();
	sum = all_memory(add_word);
	print("guest: memory %lx of %lu words\n", sum, words);
	in_data = in_bss = ~0ull;
	plant();
	plant_memory();
	print("guest: has planted\n");
	if (triple)
		__asm__ volatile("lidt %0; ud2" : : "m"(none));
	outb(0xcf9, 6);
	for (;;)
		pause();
}
