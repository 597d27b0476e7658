/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The high precision event timer: a 64-bit counter of 100 MHz and up to three timers (IA-PC HPET specification 1.0a,
 * 2.3). The first can be periodic; interrupts go to the pins 20 to 23, or by legacy replacement to those of the 8254
 * and the RTC. There is no message-signalled delivery.
 */
#include "cpu/timer.h"
#include "dev/clock.h"
#include "dev/dev.h"
#include "dev/registers.h"

#define HPET_HZ	   100000000u
#define PERIOD_FS  10000000ull
#define TIMERS_MAX 3u
#define HPET_BYTES 0x400u
#define ROUTES	   0x00f00000u /* pins a timer may be sent to */

enum { REG_CAPABILITIES = 0x00, REG_CONFIG = 0x10, REG_STATUS = 0x20, REG_COUNTER = 0xf0, REG_TIMERS = 0x100 };
enum { TIMER_CONFIG = 0x00, TIMER_COMPARATOR = 0x08, TIMER_BYTES = 0x20 };

#define CAP_REVISION 0x01u
#define CAP_64_BIT   BIT(13)
#define CAP_LEGACY   BIT(15)
#define CAP_VENDOR   (0x8086ull << 16)

#define CONFIG_ENABLE BIT(0)
#define CONFIG_LEGACY BIT(1)

#define TIMER_LEVEL	   BIT(1)
#define TIMER_ENABLE	   BIT(2)
#define TIMER_PERIODIC	   BIT(3)
#define TIMER_CAP_PERIODIC BIT(4)
#define TIMER_CAP_64_BIT   BIT(5)
#define TIMER_SET_VALUE	   BIT(6)
#define TIMER_32_BIT	   BIT(8)
#define TIMER_ROUTE	   BITS(13, 9)
#define TIMER_WRITABLE	   (TIMER_LEVEL | TIMER_ENABLE | TIMER_32_BIT | TIMER_ROUTE)

/* Ticks beyond which a timer is not armed at all: more than a year. */
#define FAR BIT(52)

static const uint8_t legacy_gsi[TIMERS_MAX] = { 2, 8, 0xff };

struct vhpet;

struct hpet_timer {
	struct vhpet *hpet;
	uint64_t config;
	uint64_t comparator;
	uint64_t period;   /* ticks, as written */
	uint64_t deadline; /* host TSC, 0: not armed */
	uint64_t anchor;   /* the comparator as the guest has set it, until it sets the period */
	bool anchored;
	struct timer timer;
};

struct vhpet {
	struct device device;
	uint64_t config;
	uint64_t status;
	uint64_t held;	  /* the counter while it stands */
	uint64_t started; /* host TSC at which it was `held` */
	struct hpet_timer timer[TIMERS_MAX];
};

static unsigned int timers(const struct vhpet *hpet)
{
	uint32_t wanted = hpet->device.record->parameter[0];

	return wanted - 1 < TIMERS_MAX ? wanted : TIMERS_MAX;
}

static uint64_t counter(const struct vhpet *hpet)
{
	if (!(hpet->config & CONFIG_ENABLE))
		return hpet->held;
	return hpet->held + clock_from_ns(time_to_ns(time_now() - hpet->started), HPET_HZ);
}

static bool periodic(const struct hpet_timer *t)
{
	return t->config & TIMER_PERIODIC && t->period;
}

/* Ticks until the comparator is met. In 32-bit mode only the low words are compared. */
static uint64_t distance(const struct hpet_timer *t)
{
	uint64_t left = t->comparator - counter(t->hpet);

	return t->config & TIMER_32_BIT ? (uint32_t)left : left;
}

/* A periodic timer whose comparator went by unseen is due: it must not wait until the counter has gone round. */
static uint64_t wait_of(const struct hpet_timer *t)
{
	uint64_t left = distance(t);
	bool behind = left >> (t->config & TIMER_32_BIT ? 31 : 63);

	return periodic(t) && behind ? 0 : left;
}

/* Comes to rest, or waits `left` ticks. */
static void arm(struct hpet_timer *t, uint64_t left)
{
	timer_cancel(&t->timer);
	t->deadline = 0;
	if (!(t->hpet->config & CONFIG_ENABLE) || left > FAR)
		return;
	t->deadline = time_now() + time_from_ns(clock_to_ns(left, HPET_HZ));
	timer_arm_on(&t->timer, device_timer_cpu(&t->hpet->device), t->deadline);
}

static uint32_t gsi_of(const struct hpet_timer *t)
{
	unsigned int n = t - t->hpet->timer;

	if (t->hpet->config & CONFIG_LEGACY && n < 2)
		return legacy_gsi[n];
	return field_get(t->config, TIMER_ROUTE);
}

static void interrupt(struct hpet_timer *t)
{
	struct vhpet *hpet = t->hpet;
	unsigned int n = t - hpet->timer;
	uint32_t gsi = gsi_of(t);

	if (!(t->config & TIMER_ENABLE) || gsi >= IRQ_LINES)
		return;
	if (t->config & TIMER_LEVEL) {
		hpet->status |= BIT(n);
		irq_set_line(hpet->device.vm, gsi, true);
		return;
	}
	irq_set_line(hpet->device.vm, gsi, true);
	irq_set_line(hpet->device.vm, gsi, false);
}

/* After a periodic timer has met its comparator this moves on by whole periods; those missed are lost. */
static uint64_t next_period(struct hpet_timer *t)
{
	uint64_t shortest = clock_from_ns(DEV_MIN_PERIOD_NS, HPET_HZ);
	uint64_t behind = counter(t->hpet) - t->comparator;

	if (t->config & TIMER_32_BIT)
		behind = (uint32_t)behind;
	if (behind >> 31) /* rounding: not quite there */
		behind = 0;
	t->comparator += t->period * (behind / t->period + 1);
	if (t->config & TIMER_32_BIT)
		t->comparator = (uint32_t)t->comparator;
	return max_of(distance(t), shortest);
}

static void fire(struct timer *timer)
{
	struct hpet_timer *t = container_of(timer, struct hpet_timer, timer);
	struct vm *vm = t->hpet->device.vm;

	device_lock(vm);
	if (t->deadline && time_now() >= t->deadline) {
		interrupt(t);
		if (periodic(t))
			arm(t, next_period(t));
		else /* met again when the counter has gone round */
			arm(t, t->config & TIMER_32_BIT ? BIT(32) : ~0ull);
	}
	device_unlock(vm);
}

static void restart(struct vhpet *hpet)
{
	for (unsigned int n = 0; n < timers(hpet); n++)
		arm(&hpet->timer[n], wait_of(&hpet->timer[n]));
}

static void write_config(struct vhpet *hpet, uint64_t value)
{
	uint64_t now = counter(hpet);

	hpet->config = value & (CONFIG_ENABLE | CONFIG_LEGACY);
	hpet->held = now;
	hpet->started = time_now();
	restart(hpet);
}

static void write_counter(struct vhpet *hpet, uint64_t value)
{
	hpet->held = value;
	hpet->started = time_now();
	restart(hpet);
}

/* Writing ones ends level interrupts. */
static void write_status(struct vhpet *hpet, uint64_t value)
{
	for (unsigned int n = 0; n < timers(hpet); n++) {
		if (!(hpet->status & value & BIT(n)))
			continue;
		hpet->status &= ~BIT(n);
		if (gsi_of(&hpet->timer[n]) < IRQ_LINES)
			irq_set_line(hpet->device.vm, gsi_of(&hpet->timer[n]), false);
	}
}

static void write_timer_config(struct hpet_timer *t, uint64_t value)
{
	uint64_t writable = TIMER_WRITABLE;

	if (t->config & TIMER_CAP_PERIODIC)
		writable |= TIMER_PERIODIC | TIMER_SET_VALUE;
	if (t->hpet->status & BIT(t - t->hpet->timer)) /* its line may be about to change */
		write_status(t->hpet, BIT(t - t->hpet->timer));
	t->config = (t->config & ~writable) | (value & writable);
	if (!(ROUTES >> field_get(t->config, TIMER_ROUTE) & 1)) /* no such route: reads back as what it was not */
		t->config &= ~TIMER_ROUTE;
	if (t->config & TIMER_32_BIT) {
		t->comparator = (uint32_t)t->comparator;
		t->period = (uint32_t)t->period;
	}
	arm(t, wait_of(t));
}

/*
 * In periodic mode a write sets the period, and the comparator only if it was announced. Guests write twice, the comparator and
 * then the period; if the CPU is held up between the two and the comparator met, the period counts from there all the same.
 */
static void write_comparator(struct hpet_timer *t, uint64_t value)
{
	bool repeats = t->config & TIMER_PERIODIC, sets = !repeats || t->config & TIMER_SET_VALUE;

	if (t->config & TIMER_32_BIT)
		value = (uint32_t)value;
	if (sets)
		t->comparator = t->anchor = value;
	else if (t->anchored)
		t->comparator = t->anchor;
	if (repeats)
		t->period = value;
	t->anchored = repeats && sets;
	t->config &= ~TIMER_SET_VALUE;
	arm(t, sets ? distance(t) : wait_of(t));
}

static struct hpet_timer *timer_at(struct vhpet *hpet, unsigned int offset)
{
	unsigned int n = (offset - REG_TIMERS) / TIMER_BYTES;

	return offset >= REG_TIMERS && n < timers(hpet) ? &hpet->timer[n] : NULL;
}

static uint64_t read_register(struct vhpet *hpet, unsigned int offset)
{
	struct hpet_timer *t = timer_at(hpet, offset);

	switch (offset) {
	case REG_CAPABILITIES:
		return PERIOD_FS << 32 | CAP_VENDOR | CAP_LEGACY | CAP_64_BIT | (timers(hpet) - 1) << 8 |
		       CAP_REVISION;
	case REG_CONFIG:
		return hpet->config;
	case REG_STATUS:
		return hpet->status;
	case REG_COUNTER:
		return counter(hpet);
	}
	if (t && offset % TIMER_BYTES == TIMER_CONFIG)
		return t->config | (uint64_t)ROUTES << 32;
	return t && offset % TIMER_BYTES == TIMER_COMPARATOR ? t->comparator : 0;
}

static void write_register(struct vhpet *hpet, unsigned int offset, uint64_t value)
{
	struct hpet_timer *t = timer_at(hpet, offset);

	if (offset == REG_CONFIG)
		write_config(hpet, value);
	else if (offset == REG_STATUS)
		write_status(hpet, value);
	else if (offset == REG_COUNTER && !(hpet->config & CONFIG_ENABLE))
		write_counter(hpet, value);
	else if (t && offset % TIMER_BYTES == TIMER_CONFIG)
		write_timer_config(t, value);
	else if (t && offset % TIMER_BYTES == TIMER_COMPARATOR)
		write_comparator(t, value);
}

/* Words of 4 and 8 bytes at their own alignment; others read part of one and write nothing. */
static enum access_result mmio(void *context, struct bus_access *access)
{
	struct vhpet *hpet = context;
	unsigned int offset = access->address - hpet->device.record->base;
	unsigned int shift = 8 * (offset & 7), base = offset & ~7u;
	uint64_t mask = access->size >= 8 ? ~0ull : (BIT(8 * access->size) - 1) << shift;
	uint64_t value = access->write && base == REG_STATUS ? 0 : read_register(hpet, base);

	if (!access->write)
		access->value = (value & mask) >> shift;
	else if (access->size >= 4 && offset % access->size == 0)
		write_register(hpet, base, (value & ~mask) | (access->value << shift & mask));
	return ACCESS_DONE;
}

static size_t state_size(uint32_t vcpus)
{
	(void)vcpus;
	return sizeof(struct vhpet);
}

static enum status create(struct device *device)
{
	struct vhpet *hpet = (struct vhpet *)device;
	uint64_t base = device->record->base;

	for (unsigned int n = 0; n < TIMERS_MAX; n++) {
		hpet->timer[n].hpet = hpet;
		timer_init(&hpet->timer[n].timer, fire);
	}
	return device_add_range(device, VM_MMIO, base, base + HPET_BYTES - 1, mmio, device, BUS_LOCKED);
}

static void quiesce(struct device *device)
{
	struct vhpet *hpet = (struct vhpet *)device;

	for (unsigned int n = 0; n < TIMERS_MAX; n++) {
		timer_cancel(&hpet->timer[n].timer);
		hpet->timer[n].deadline = 0;
	}
}

static void reset(struct device *device)
{
	struct vhpet *hpet = (struct vhpet *)device;

	quiesce(device);
	hpet->config = hpet->status = hpet->held = 0;
	for (unsigned int n = 0; n < TIMERS_MAX; n++) {
		hpet->timer[n].config = TIMER_CAP_64_BIT | (n == 0 ? TIMER_CAP_PERIODIC : 0);
		hpet->timer[n].comparator = ~0ull;
		hpet->timer[n].period = 0;
		hpet->timer[n].anchored = false;
	}
}

const struct device_ops vhpet_ops = {
	.name = "hpet",
	.kind = HV_DEVICE_HPET,
	.state_size = state_size,
	.create = create,
	.reset = reset,
	.quiesce = quiesce,
};
