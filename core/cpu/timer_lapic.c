/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines on the hardware: TSC-deadline where there is one, else the LAPIC's one-shot counter. */
#include "cpu/timer_host.h"

#include "cpu/kick.h"
#include "cpu/lapic.h"
#include "cpu/tsc.h"
#include "lib/bits.h"

/* The counter has 32 bits: a later deadline takes several interrupts. */
static uint32_t ticks_until(uint64_t deadline)
{
	uint64_t now = time_now(), ticks;

	if (deadline <= now)
		return 1;
	ticks = lapic_ticks_from_tsc(deadline - now);
	return (uint32_t)max_of(min_of(ticks, 0xffffffffull), 1ull);
}

static void program(uint64_t deadline)
{
	bool off = deadline == ~0ULL;

	if (lapic_has_deadline())
		/* 0 would switch it off: the past is 1. */
		lapic_timer_set_deadline(off ? 0 : max_of(deadline, 1ull));
	else
		lapic_timer_set(off ? 0 : ticks_until(deadline));
}

const struct timer_effects timer_lapic_effects = {
	.now = time_now,
	.here = this_cpu,
	.program = program,
	.kick = cpu_kick,
};
