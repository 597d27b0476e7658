/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest that must not be disturbed. Its timer comes each 10 ms, by the TSC; at each beat it compares the time with the time
 * at which it was due, and checks a part of its memory against what was written there at the start. A line each 100 beats:
 * `heartbeat: beats N late L us memory ok`; late is the worst since the start. What it finds wrong is a line `not ok`. With `ends` on the command line it ends the machine
 * after the first such line.
 */
#include "guest.h"

#define PERIOD_MS 10u
#define REPORT 100u
#define VECTOR 0x40u
#define MEMORY ((uint64_t *)0x1000000)
#define WORDS (24u << 17) /* 24 MiB */
#define PART 4096u	  /* words a beat */

static uint64_t pattern(uint64_t index)
{
	return (index * 0x9e3779b97f4a7c15ull) ^ index >> 7;
}

static bool check(uint64_t beat)
{
	for (uint64_t i = beat * PART; i < (beat + 1) * PART; i++)
		if (MEMORY[i % WORDS] != pattern(i % WORDS))
			return false;
	return true;
}

int main(void)
{
	uint64_t period = tsc_per_ms() * PERIOD_MS, due, worst = 0, now;
	bool good = true;

	apic_enable();
	count_vector(VECTOR);
	apic_write(APIC_LVT_TIMER, 2u << 17 | VECTOR);
	for (uint64_t i = 0; i < WORDS; i++)
		MEMORY[i] = pattern(i);
	print("heartbeat: starts\n");
	due = rdtsc() + period;
	for (uint64_t beat = 1;; beat++, due += period) {
		wrmsr(MSR_TSC_DEADLINE, due);
		while (hits[VECTOR] < beat)
			halt_once();
		now = rdtsc();
		if (now > due && now - due > worst)
			worst = now - due;
		if (!check(beat) && good) {
			good = false;
			print("not ok: memory at beat %lu\n", beat);
		}
		if (beat % REPORT)
			continue;
		print("heartbeat: beats %lu late %lu us memory %s\n", beat, worst * 1000 / tsc_per_ms(), good ? "ok" : "bad");
		if (has_argument("ends"))
			guest_exit(good ? 0x10 : 0x11);
	}
}
