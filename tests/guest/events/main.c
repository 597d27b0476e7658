/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Refused writes of one guest as events for another (schema/hypercalls.md, `action: notify`). Two guests run this:
 *
 *     watched   writes once to each eight bytes of a closed page, then to its last byte, on and on
 *     observer  is interrupted, takes the events one by one, and ends both when the last byte has come
 *
 * How far the observer is behind is chance; that each write has come or was counted as lost, in order, is not.
 */
#include "guest.h"

#define WATCH  0x48560002ull
#define EVENT  0x48560003ull
#define CLOSED 0x2000000ul
#define WRITES 128ul
#define VECTOR 0x55u
#define EAGAIN_ 11ull
#define EINVAL_ 22ull

static bool intel;

struct answer {
	uint64_t result, rbx, rcx, rdx, rsi;
};

static struct answer call(uint64_t number, uint64_t rbx, uint64_t rcx)
{
	struct answer a = { number, rbx, rcx, 0, 0 };

	if (intel)
		__asm__ volatile("vmcall" : "+a"(a.result), "+b"(a.rbx), "+c"(a.rcx), "+d"(a.rdx), "+S"(a.rsi) : : "memory");
	else
		__asm__ volatile("vmmcall" : "+a"(a.result), "+b"(a.rbx), "+c"(a.rcx), "+d"(a.rdx), "+S"(a.rsi) : : "memory");
	return a;
}

__attribute__((noreturn)) static void be_watched(void)
{
	for (;;) {
		for (uint64_t i = 0; i < WRITES; i++)
			*(volatile uint64_t *)(CLOSED + 8 * i) = i;
		for (;;) {
			*(volatile uint8_t *)(CLOSED + 4095) = 1;
			for (uint32_t i = 0; i < 100000; i++)
				pause();
		}
	}
}

static const struct {
	const char *name;
	uint64_t number, address, error;
} hostile[] = {
	{ "a message to RAM", WATCH, 0x1000, EINVAL_ },
	{ "a message behind the local APICs", WATCH, 0xfef00000, EINVAL_ },
	{ "a message to 64 bits", WATCH, 0x1fee00000, EINVAL_ },
	{ "a lock, which this guest has not", 0x48560001, 0x1000, 1000 },
	{ "a number of nobody", 0x48560004, 0, 1000 },
};

/* The events in order until the last byte; how many came and how many were lost. */
static void take_all(uint64_t *came, uint64_t *lost, uint64_t *wrong)
{
	for (;;) {
		struct answer a = call(EVENT, 0, 0);

		if (a.result) {
			*wrong += a.result != 0 - EAGAIN_;
			wait_hits(VECTOR, hits[VECTOR] + 1, 100);
			continue;
		}
		*lost += a.rsi;
		if ((uint32_t)a.rcx == 1)
			return;
		*wrong += a.rbx != CLOSED + 8 * (*came + *lost) || a.rcx != (1ull << 32 | 8) || a.rdx < 0x100000;
		++*came;
	}
}

int main(void)
{
	uint64_t came = 0, lost = 0, wrong = 0;

	intel = cpuid(0, 0).ecx == 0x6c65746e; /* "ntel" */
	if (has_argument("watched"))
		be_watched();
	if (on_bare()) {
		skip("events", "there is nobody to watch");
		return 0;
	}
	check_value("CPUID has the calls", cpuid(0x40000101, 0).eax, 2);
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++)
		check_value(hostile[i].name, call(hostile[i].number, hostile[i].address, 0).result, 0 - hostile[i].error);
	apic_enable();
	count_vector(VECTOR);
	check_value("interrupts by a message", call(WATCH, 0xfee00000 | apic_id() << 12, VECTOR).result, 0);
	take_all(&came, &lost, &wrong);
	check_range("events have come", came, 32, WRITES);
	check_true("each write has come, or was counted", came + lost >= WRITES);
	check_value("in order, with place, size, guest and RIP", wrong, 0);
	check_true("interrupts have come, unless all were there before", hits[VECTOR] || came == 32);
	check_value("no more interrupts", call(WATCH, 0, 0).result, 0);
	return 0;
}
