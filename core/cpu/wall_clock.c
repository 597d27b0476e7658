/* SPDX-License-Identifier: Apache-2.0 */
/* The MC146818 of a PC, as far as telling the time goes (its data sheet; Intel ICH, "RTC registers"). */
#include "cpu/wall_clock.h"

#include "cpu/tsc.h"
#include "lib/bits.h"
#include "x86/insn.h"

#define RTC_INDEX 0x70
#define RTC_DATA  0x71

enum { SECONDS = 0, MINUTES = 2, HOURS = 4, DAY = 7, MONTH = 8, YEAR = 9, STATUS_A = 0x0a, STATUS_B = 0x0b };

#define A_UPDATING BIT(7)
#define B_24_HOURS BIT(1)
#define B_BINARY   BIT(2)
#define HOUR_PM	   BIT(7)

static uint64_t boot_wall_ns; /* time of day when the TSC was 0 */

static uint8_t rtc(uint8_t index)
{
	out8(RTC_INDEX, index);
	return in8(RTC_DATA);
}

static uint32_t binary(uint8_t value, uint8_t status_b)
{
	return status_b & B_BINARY ? value : (value >> 4) * 10u + (value & 15u);
}

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar; years start in March. */
static uint64_t days(uint32_t year, uint32_t month, uint32_t day)
{
	uint32_t y = month <= 2 ? year - 1 : year, m = (month + 9) % 12;

	return 365ULL * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static uint64_t read_seconds(void)
{
	uint8_t b = rtc(STATUS_B), hour = rtc(HOURS);
	uint32_t h = binary(hour & (uint8_t)~HOUR_PM, b);

	if (!(b & B_24_HOURS))
		h = h % 12 + (hour & HOUR_PM ? 12 : 0);
	return days(2000 + binary(rtc(YEAR), b), binary(rtc(MONTH), b), binary(rtc(DAY), b)) * 86400 + h * 3600 +
	       binary(rtc(MINUTES), b) * 60 + binary(rtc(SECONDS), b);
}

/* Two equal readings outside of updates are one that was not cut by a carry. */
void wall_clock_read(void)
{
	uint64_t before = 0, now = 1;

	for (int i = 0; i < 1000 && now != before; i++) {
		before = now;
		if (!(rtc(STATUS_A) & A_UPDATING))
			now = read_seconds();
		else
			before = ~now;
	}
	boot_wall_ns = now * 1000000000 - time_to_ns(time_now());
}

uint64_t time_wall_ns(void)
{
	return boot_wall_ns + time_to_ns(time_now());
}
