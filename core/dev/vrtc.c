/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MC146818 real-time clock with its CMOS bytes (datasheet; ICH9 datasheet 13.6). It is not ticked: the guest's time
 * of day is the machine's plus an offset, and the guest's setting the clock changes the offset.
 *
 *     one second   |-- time registers valid ---------------------------| 244 us UIP |  update: UF, maybe AF
 *
 * While register B's SET bit stops the clock, the guest sees and writes a copy of the time.
 */
#include "cpu/timer.h"
#include "dev/clock.h"
#include "dev/dev.h"
#include "lib/bits.h"

enum rtc_register {
	SECONDS, SECONDS_ALARM, MINUTES, MINUTES_ALARM, HOURS, HOURS_ALARM, WEEKDAY, DAY, MONTH, YEAR,
	REG_A, REG_B, REG_C, REG_D, CMOS_BYTES = 128,
};

#define A_RATE	BITS(3, 0)
#define A_RESET 0x26u /* 32.768 kHz, 1024 Hz */
#define A_UIP	BIT(7)

#define B_24_HOUR BIT(1)
#define B_BINARY  BIT(2)
#define B_UIE	  BIT(4)
#define B_AIE	  BIT(5)
#define B_PIE	  BIT(6)
#define B_SET	  BIT(7)
#define EVENTS	  (BIT(4) | BIT(5) | BIT(6)) /* in B enabled, in C come to pass */

#define C_UF   BIT(4)
#define C_AF   BIT(5)
#define C_PF   BIT(6)
#define C_IRQF BIT(7)

#define D_VALID BIT(7) /* the battery is good */

#define ALARM_ANY     0xc0u /* such an alarm byte matches everything */
#define UIP_NS	      244000u
#define BASE_HZ	      32768u
#define SECONDS_A_DAY 86400
#define HOUR_PM	      BIT(7)

struct rtc_time {
	int32_t year; /* with its century */
	uint32_t month, day, weekday, hour, minute, second; /* month, day, weekday from 1; Sunday is 1 */
};

struct vrtc {
	struct device device;
	uint8_t index;
	uint8_t cmos[CMOS_BYTES];  /* registers without a meaning of their own */
	struct rtc_time stopped;   /* the time while B_SET */
	int64_t offset_ns;	   /* guest's time - machine's */
	uint64_t seen_second;	   /* up to where update and alarm events have been looked for */
	uint64_t seen_tick;	   /* up to where periodic events have */
	uint64_t deadline;	   /* host TSC, 0: not armed */
	struct timer timer;
};

/* ------------------------------------------------------------------- calendar */

/* Days since 1970-01-01 of a day in the Gregorian calendar; years begin in March, so that February's end is theirs. */
static int64_t days_from_date(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month > 2 ? year : year - 1;
	int64_t m = month > 2 ? month - 3 : month + 9;

	return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static void date_from_days(int64_t days, struct rtc_time *time)
{
	int64_t n = days + 719468, era = n / 146097, d = n % 146097;
	int64_t y = (d - d / 1460 + d / 36524 - d / 146096) / 365, m;

	d -= 365 * y + y / 4 - y / 100;
	m = (5 * d + 2) / 153;
	time->day = d - (153 * m + 2) / 5 + 1;
	time->month = m < 10 ? m + 3 : m - 9;
	time->year = y + era * 400 + (m >= 10);
	time->weekday = (days + 4) % 7 + 1; /* 1970 began on a Thursday */
}

static struct rtc_time time_from_seconds(uint64_t seconds)
{
	struct rtc_time time;
	uint32_t s = seconds % SECONDS_A_DAY;

	date_from_days(seconds / SECONDS_A_DAY, &time);
	time.hour = s / 3600;
	time.minute = s / 60 % 60;
	time.second = s % 60;
	return time;
}

/* Times before 1970 are taken as 1970. */
static uint64_t seconds_from_time(const struct rtc_time *time)
{
	int64_t s = days_from_date(time->year, time->month, time->day) * SECONDS_A_DAY +
		    time->hour * 3600 + time->minute * 60 + time->second;

	return s < 0 ? 0 : s;
}

static uint64_t guest_ns(const struct vrtc *rtc)
{
	return time_wall_ns() + rtc->offset_ns;
}

static unsigned int rate(const struct vrtc *rtc)
{
	unsigned int r = field_get(rtc->cmos[REG_A], A_RATE);

	return r == 1 || r == 2 ? r + 7 : r; /* the two that repeat slower ones */
}

/* Periods of BASE_HZ / 2^(rate - 1), counted from 1970; a second holds a whole number of them. */
static uint64_t periodic_tick(const struct vrtc *rtc)
{
	uint64_t now = guest_ns(rtc);
	uint64_t base = now / NS_PER_SECOND * BASE_HZ + clock_from_ns(now % NS_PER_SECOND, BASE_HZ);

	return rate(rtc) ? base >> (rate(rtc) - 1) : 0;
}

/* Nanoseconds to the next of them. */
static uint64_t periodic_wait(const struct vrtc *rtc)
{
	uint64_t base = (periodic_tick(rtc) + 1) << (rate(rtc) - 1), now = guest_ns(rtc);

	return base / BASE_HZ * NS_PER_SECOND + clock_to_ns(base % BASE_HZ, BASE_HZ) - now;
}

/* ------------------------------------------------------------------- time registers */

static uint8_t encode(const struct vrtc *rtc, uint32_t n)
{
	return rtc->cmos[REG_B] & B_BINARY ? n : n / 10 % 10 << 4 | n % 10;
}

static uint32_t decode(const struct vrtc *rtc, uint8_t v)
{
	return rtc->cmos[REG_B] & B_BINARY ? v : (v >> 4) * 10u + (v & 15);
}

static uint8_t encode_hour(const struct vrtc *rtc, uint32_t hour)
{
	if (rtc->cmos[REG_B] & B_24_HOUR)
		return encode(rtc, hour);
	return encode(rtc, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? HOUR_PM : 0);
}

static uint32_t decode_hour(const struct vrtc *rtc, uint8_t v)
{
	if (rtc->cmos[REG_B] & B_24_HOUR)
		return decode(rtc, v);
	return decode(rtc, v & ~HOUR_PM) % 12 + (v & HOUR_PM ? 12 : 0);
}

static unsigned int century(const struct vrtc *rtc)
{
	return rtc->device.record->parameter[0];
}

static bool is_time(const struct vrtc *rtc, unsigned int n)
{
	return n == SECONDS || n == MINUTES || n == HOURS || (n >= WEEKDAY && n <= YEAR) ||
	       (n > REG_D && n == century(rtc));
}

static struct rtc_time current(const struct vrtc *rtc)
{
	return rtc->cmos[REG_B] & B_SET ? rtc->stopped : time_from_seconds(guest_ns(rtc) / NS_PER_SECOND);
}

static uint8_t read_time(const struct vrtc *rtc, unsigned int n)
{
	struct rtc_time time = current(rtc);

	switch (n) {
	case SECONDS:
		return encode(rtc, time.second);
	case MINUTES:
		return encode(rtc, time.minute);
	case HOURS:
		return encode_hour(rtc, time.hour);
	case WEEKDAY:
		return encode(rtc, time.weekday);
	case DAY:
		return encode(rtc, time.day);
	case MONTH:
		return encode(rtc, time.month);
	case YEAR:
		return encode(rtc, time.year % 100);
	}
	return encode(rtc, time.year / 100);
}

/* Starts the clock from `time`. */
static void set_clock(struct vrtc *rtc, const struct rtc_time *time)
{
	rtc->offset_ns = seconds_from_time(time) * NS_PER_SECOND - time_wall_ns();
	rtc->seen_second = guest_ns(rtc) / NS_PER_SECOND;
	rtc->seen_tick = periodic_tick(rtc);
}

/* Bytes that mean no time are reduced to some: nothing here may leave the calendar. */
static void write_time(struct vrtc *rtc, unsigned int n, uint8_t v)
{
	struct rtc_time time = current(rtc);
	uint32_t value = decode(rtc, v);

	switch (n) {
	case SECONDS:
		time.second = value % 60;
		break;
	case MINUTES:
		time.minute = value % 60;
		break;
	case HOURS:
		time.hour = decode_hour(rtc, v) % 24;
		break;
	case WEEKDAY:
		time.weekday = value % 8;
		break;
	case DAY:
		time.day = value % 32;
		break;
	case MONTH:
		time.month = value % 13;
		break;
	case YEAR:
		time.year = time.year / 100 * 100 + value % 100;
		break;
	default:
		time.year = value % 100 * 100 + time.year % 100;
	}
	if (rtc->cmos[REG_B] & B_SET)
		rtc->stopped = time;
	else
		set_clock(rtc, &time);
}

/* ------------------------------------------------------------------- events */

static bool alarm_matches(uint8_t alarm, uint8_t now)
{
	return alarm >= ALARM_ANY || alarm == now;
}

static bool alarm_now(const struct vrtc *rtc, uint64_t second)
{
	struct rtc_time time = time_from_seconds(second);

	return alarm_matches(rtc->cmos[SECONDS_ALARM], encode(rtc, time.second)) &&
	       alarm_matches(rtc->cmos[MINUTES_ALARM], encode(rtc, time.minute)) &&
	       alarm_matches(rtc->cmos[HOURS_ALARM], encode_hour(rtc, time.hour));
}

/* Brings register C up to now. Of seconds that went by unwatched only the last is looked at for the alarm: with the
 * alarm's interrupt enabled the timer sees each. */
static void look(struct vrtc *rtc)
{
	uint64_t second = guest_ns(rtc) / NS_PER_SECOND, tick = periodic_tick(rtc);
	uint8_t come = 0;

	if (tick != rtc->seen_tick)
		come |= C_PF;
	rtc->seen_tick = tick;
	if (second != rtc->seen_second && !(rtc->cmos[REG_B] & B_SET)) {
		come |= C_UF | (alarm_now(rtc, second) ? C_AF : 0);
		rtc->seen_second = second;
	}
	rtc->cmos[REG_C] |= come;
}

static void update_line(struct vrtc *rtc)
{
	bool level = rtc->cmos[REG_C] & rtc->cmos[REG_B] & EVENTS;

	if (level == !!(rtc->cmos[REG_C] & C_IRQF))
		return;
	rtc->cmos[REG_C] = field_set(rtc->cmos[REG_C], C_IRQF, level);
	device_set_line(&rtc->device, level);
}

/* Waits for the next event whose interrupt is enabled and not already pending. */
static void schedule(struct vrtc *rtc)
{
	uint8_t wanted = rtc->cmos[REG_B] & ~rtc->cmos[REG_C] & EVENTS;
	uint64_t now = guest_ns(rtc), wait = ~0ull;

	timer_cancel(&rtc->timer);
	rtc->deadline = 0;
	if (wanted & (B_UIE | B_AIE) && !(rtc->cmos[REG_B] & B_SET))
		wait = NS_PER_SECOND - now % NS_PER_SECOND;
	if (wanted & B_PIE && rate(rtc))
		wait = min_of(wait, periodic_wait(rtc));
	if (wait == ~0ull)
		return;
	rtc->deadline = time_now() + time_from_ns(max_of(wait, (uint64_t)DEV_MIN_PERIOD_NS));
	timer_arm_on(&rtc->timer, device_timer_cpu(&rtc->device), rtc->deadline);
}

static void refresh(struct vrtc *rtc)
{
	look(rtc);
	update_line(rtc);
	schedule(rtc);
}

static void fire(struct timer *timer)
{
	struct vrtc *rtc = container_of(timer, struct vrtc, timer);

	device_lock(rtc->device.vm);
	if (rtc->deadline && time_now() >= rtc->deadline)
		refresh(rtc);
	device_unlock(rtc->device.vm);
}

/* ------------------------------------------------------------------- ports */

static uint8_t read_a(const struct vrtc *rtc)
{
	bool soon = guest_ns(rtc) % NS_PER_SECOND >= NS_PER_SECOND - UIP_NS;

	return rtc->cmos[REG_A] | (soon && !(rtc->cmos[REG_B] & B_SET) ? A_UIP : 0);
}

/* Reading clears, and so ends the interrupt. */
static uint8_t read_c(struct vrtc *rtc)
{
	uint8_t value;

	look(rtc);
	update_line(rtc);
	value = rtc->cmos[REG_C];
	rtc->cmos[REG_C] &= C_IRQF;
	update_line(rtc);
	schedule(rtc);
	return value;
}

static void write_b(struct vrtc *rtc, uint8_t value)
{
	uint8_t before = rtc->cmos[REG_B];

	if (value & B_SET) {
		value &= ~B_UIE; /* as the chip does */
		if (!(before & B_SET))
			rtc->stopped = current(rtc);
	}
	look(rtc);
	rtc->cmos[REG_B] = value;
	if (before & B_SET && !(value & B_SET))
		set_clock(rtc, &rtc->stopped);
	refresh(rtc);
}

static uint8_t read_register(struct vrtc *rtc, unsigned int n)
{
	if (is_time(rtc, n))
		return read_time(rtc, n);
	if (n == REG_A)
		return read_a(rtc);
	return n == REG_C ? read_c(rtc) : rtc->cmos[n];
}

static void write_register(struct vrtc *rtc, unsigned int n, uint8_t value)
{
	if (is_time(rtc, n)) {
		write_time(rtc, n, value);
		schedule(rtc);
	} else if (n == REG_A) {
		rtc->cmos[REG_A] = value & ~A_UIP;
		rtc->seen_tick = periodic_tick(rtc);
		schedule(rtc);
	} else if (n == REG_B) {
		write_b(rtc, value);
	} else if (n != REG_C && n != REG_D) {
		rtc->cmos[n] = value;
	}
}

static enum access_result port(void *context, struct bus_access *access)
{
	struct vrtc *rtc = context;
	bool data = access->address & 1;

	if (access->write && data)
		write_register(rtc, rtc->index, access->value);
	else if (access->write)
		rtc->index = access->value % CMOS_BYTES; /* bit 7 masks NMIs, of which there are none */
	else if (data)
		access->value = read_register(rtc, rtc->index);
	else
		access->value = 0xff; /* the index cannot be read */
	return ACCESS_DONE;
}

static size_t state_size(uint32_t vcpus)
{
	(void)vcpus;
	return sizeof(struct vrtc);
}

static enum status create(struct device *device)
{
	uint64_t base = device->record->base;

	timer_init(&((struct vrtc *)device)->timer, fire);
	return device_add_range(device, VM_PORT, base, base + 1, port, device, BUS_LOCKED);
}

static void quiesce(struct device *device)
{
	struct vrtc *rtc = (struct vrtc *)device;

	timer_cancel(&rtc->timer);
	rtc->deadline = 0;
}

/* The battery keeps the time that the guest has set and its CMOS bytes; a reset ends interrupts. */
static void reset(struct device *device)
{
	struct vrtc *rtc = (struct vrtc *)device;

	quiesce(device);
	rtc->index = 0;
	rtc->cmos[REG_A] = A_RESET;
	rtc->cmos[REG_B] = B_24_HOUR;
	rtc->cmos[REG_C] = 0;
	rtc->cmos[REG_D] = D_VALID;
	rtc->seen_second = guest_ns(rtc) / NS_PER_SECOND;
	rtc->seen_tick = periodic_tick(rtc);
}

const struct device_ops vrtc_ops = {
	.name = "rtc",
	.kind = HV_DEVICE_RTC,
	.state_size = state_size,
	.create = create,
	.reset = reset,
	.quiesce = quiesce,
};
