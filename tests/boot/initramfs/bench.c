/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest that has its CPU for itself suffers (make bench): it sleeps for a while, then works for a while, and then wakes a
 * thousand times, as cyclictest does, a millisecond apart, and prints how late it was: `latency MIN AVERAGE MAX` in nanoseconds.
 * A hypercall before and after each span marks them for whoever counts exits outside.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { IDLE_SECONDS = 60, BUSY_SECONDS = 1, WAKE_UPS = 1000, INTERVAL_NS = 1000000 };

static int under_kvm; /* or what looks like it: a bare machine has no VMMCALL */

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void sleep_until(int64_t when)
{
	struct timespec t = { when / 1000000000, when % 1000000000 };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static void mark(void)
{
	uint64_t number = 0x4242; /* nobody's */

	if (under_kvm)
		__asm__ volatile("vmmcall" : "+a"(number) : "b"(0), "c"(0), "d"(0), "S"(0) : "memory");
}

static void find_kvm(void)
{
	unsigned int a, b, c, d;

	__cpuid(0x40000000, a, b, c, d);
	under_kvm = !memcmp(&b, "KVMK", 4);
}

static void wake_up(void)
{
	int64_t least = INT64_MAX, most = 0, sum = 0, next = now();

	for (int i = 0; i < WAKE_UPS; i++) {
		int64_t late;

		next += INTERVAL_NS;
		sleep_until(next);
		late = now() - next;
		least = late < least ? late : least;
		most = late > most ? late : most;
		sum += late;
	}
	printf("latency %lld %lld %lld\n", (long long)least, (long long)(sum / WAKE_UPS), (long long)most);
}

int main(void)
{
	const struct sched_param first = { .sched_priority = 80 };
	int64_t end;

	find_kvm();
	mlockall(MCL_CURRENT | MCL_FUTURE);
	sleep_until(now() + 2000000000); /* the kernel has settled */
	end = now() + IDLE_SECONDS * 1000000000ll;
	mark();
	sleep_until(end);
	mark();
	end = now() + BUSY_SECONDS * 1000000000ll;
	mark();
	while (now() < end)
		;
	mark();
	sched_setscheduler(0, SCHED_FIFO, &first); /* not before: its work would be throttled */
	wake_up();
	return 0;
}
