/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 8254 interval timer and port 0x61 (8254 datasheet; ICH9 datasheet 13.3, 13.7.1). A counter is not counted: it is
 * the reload value and the time it was loaded, from which value and output follow. Channel 0's output is an interrupt,
 * channel 2 has its gate and output in port 0x61.
 */
#include "cpu/timer.h"
#include "dev/clock.h"
#include "dev/dev.h"
#include "lib/bits.h"

#define PIT_HZ	 1193182u
#define CHANNELS 3

enum { PORT_COUNTER = 0x40, PORT_COMMAND = 0x43, PORT_CONTROL = 0x61 };

#define COMMAND_CHANNEL BITS(7, 6) /* 3: read back */
#define COMMAND_ACCESS	BITS(5, 4) /* 0: latch the count */
#define COMMAND_MODE	BITS(3, 1)
#define COMMAND_BCD	BIT(0)

#define READ_BACK_NO_COUNT  BIT(5)
#define READ_BACK_NO_STATUS BIT(4)

#define CONTROL_GATE2	BIT(0)
#define CONTROL_SPEAKER BIT(1)
#define CONTROL_STORED	0x0fu
#define CONTROL_REFRESH BIT(4) /* toggles with the refresh clock */
#define CONTROL_OUT2	BIT(5)

#define REFRESH_NS 15085u

enum access_mode { ACCESS_LOW = 1, ACCESS_HIGH, ACCESS_BOTH };

struct channel {
	uint32_t reload;   /* 1..65536 ticks */
	uint64_t started;  /* host TSC of tick 0 */
	uint64_t held;	   /* ticks counted when the gate stopped it */
	uint16_t latch;	   /* latched count */
	uint8_t latched;   /* bytes of it left to read */
	uint8_t status;	   /* latched status */
	uint8_t mode;	   /* 0..5 */
	uint8_t access;	   /* enum access_mode */
	uint8_t low;	   /* low byte of a count being written */
	bool bcd;
	bool gate;
	bool counting;	   /* loaded and, in modes 1 and 5, triggered */
	bool status_latched;
	bool write_high, read_high; /* the next byte is the high one */
};

struct vpit {
	struct device device;
	struct channel channel[CHANNELS];
	struct timer timer;
	uint64_t deadline; /* host TSC of channel 0's next interrupt, 0: none */
	uint8_t control;
};

/* ------------------------------------------------------------------- what a channel shows */

/* Modes 1 and 5 start with the gate's rising edge and then ignore it; the others count while it is high. */
static bool gate_triggers(const struct channel *c)
{
	return c->mode == 1 || c->mode == 5;
}

static uint64_t ticks(const struct channel *c)
{
	if (!c->counting)
		return 0;
	if (!c->gate && !gate_triggers(c))
		return c->held;
	return clock_from_ns(time_to_ns(time_now() - c->started), PIT_HZ);
}

static uint64_t start_of(uint64_t passed)
{
	return time_now() - time_from_ns(clock_to_ns(passed, PIT_HZ));
}

static bool output(const struct channel *c)
{
	uint64_t t = ticks(c);

	switch (c->mode) {
	case 0:
		return c->counting && t >= c->reload;
	case 1:
		return !c->counting || t >= c->reload;
	case 2: /* low for the last tick of each period */
		return !c->gate || t % c->reload != c->reload - 1;
	case 3: /* a square wave */
		return !c->gate || t % c->reload < (c->reload + 1) / 2;
	}
	return t != c->reload; /* 4 and 5: low for one tick */
}

static uint16_t count(const struct channel *c)
{
	uint64_t t = ticks(c);
	uint32_t left;

	if (c->mode == 2)
		left = c->reload - t % c->reload;
	else if (c->mode == 3)
		left = c->reload - 2 * t % c->reload;
	else
		left = c->reload - t; /* goes on below zero */
	if (!c->bcd)
		return left;
	left %= 10000;
	return left / 1000 << 12 | left / 100 % 10 << 8 | left / 10 % 10 << 4 | left % 10;
}

static uint32_t decode(const struct channel *c, uint16_t v)
{
	uint32_t n = v;

	if (c->bcd)
		n = (v >> 12) * 1000u + (v >> 8 & 15) * 100u + (v >> 4 & 15) * 10u + (v & 15);
	return n ? n : c->bcd ? 10000 : 65536;
}

/* ------------------------------------------------------------------- channel 0's interrupt */

/* Host TSC at which the output next rises after tick `t`; 0: it does not. */
static uint64_t next_rise(const struct channel *c, uint64_t t)
{
	uint64_t at;

	if (!c->counting || (!c->gate && !gate_triggers(c)))
		return 0;
	if (c->mode == 2 || c->mode == 3)
		at = t - t % c->reload + c->reload;
	else if (c->mode < 2 && t < c->reload)
		at = c->reload;
	else if (c->mode > 3 && t <= c->reload)
		at = c->reload + 1;
	else
		return 0;
	return c->started + time_from_ns(clock_to_ns(at, PIT_HZ));
}

static void schedule(struct vpit *pit, uint64_t t)
{
	uint64_t at = next_rise(&pit->channel[0], t);
	uint64_t soonest = time_now() + time_from_ns(DEV_MIN_PERIOD_NS);
	bool repeats = pit->channel[0].mode == 2 || pit->channel[0].mode == 3;

	timer_cancel(&pit->timer);
	pit->deadline = at && repeats ? max_of(at, soonest) : at;
	if (pit->deadline)
		timer_arm_on(&pit->timer, device_timer_cpu(&pit->device), pit->deadline);
}

static void fire(struct timer *timer)
{
	struct vpit *pit = container_of(timer, struct vpit, timer);

	device_lock(pit->device.vm);
	if (pit->deadline && time_now() >= pit->deadline) {
		/* An edge; between interrupts the line of the repeating modes stays high, as theirs mostly is. */
		device_set_line(&pit->device, false);
		device_set_line(&pit->device, true);
		/* Rounding may show the tick before the one that has just come: it is not to come again. */
		schedule(pit, ticks(&pit->channel[0]) + 1);
	}
	device_unlock(pit->device.vm);
}

/* Channel 0 was programmed. It is taken as at tick 0, though this CPU may have been held up since: what has come to pass
 * meanwhile fires at once, and is not lost. */
static void restart(struct vpit *pit)
{
	device_set_line(&pit->device, pit->channel[0].mode != 0);
	schedule(pit, 0);
}

/* ------------------------------------------------------------------- programming */

static void load(struct channel *c, uint16_t value)
{
	c->reload = decode(c, value);
	c->held = 0;
	if (gate_triggers(c))
		return;
	c->started = time_now();
	c->counting = true;
}

static void write_counter(struct channel *c, uint8_t value)
{
	switch (c->access) {
	case ACCESS_LOW:
		load(c, value);
		return;
	case ACCESS_HIGH:
		load(c, value << 8);
		return;
	}
	if (c->write_high)
		load(c, value << 8 | c->low);
	c->low = value;
	c->write_high = !c->write_high;
}

static uint8_t read_counter(struct channel *c)
{
	uint16_t value;

	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	value = c->latched ? c->latch : count(c);
	if (c->latched)
		c->latched--;
	if (c->access == ACCESS_LOW)
		return value;
	if (c->access == ACCESS_HIGH)
		return value >> 8;
	c->read_high = !c->read_high;
	return c->read_high ? value : value >> 8;
}

static void latch_count(struct channel *c)
{
	if (c->latched)
		return; /* until it has been read */
	c->latch = count(c);
	c->latched = c->access == ACCESS_BOTH ? 2 : 1;
}

static void latch_status(struct channel *c)
{
	if (c->status_latched)
		return;
	c->status = field_make(BIT(7), output(c)) | field_make(BIT(6), !c->counting) |
		    field_make(COMMAND_ACCESS, c->access) | field_make(COMMAND_MODE, c->mode) | c->bcd;
	c->status_latched = true;
}

static void read_back(struct vpit *pit, uint8_t command)
{
	for (unsigned int n = 0; n < CHANNELS; n++) {
		if (!(command & BIT(n + 1)))
			continue;
		if (!(command & READ_BACK_NO_COUNT))
			latch_count(&pit->channel[n]);
		if (!(command & READ_BACK_NO_STATUS))
			latch_status(&pit->channel[n]);
	}
}

static void set_mode(struct channel *c, uint8_t command)
{
	uint8_t mode = field_get(command, COMMAND_MODE);

	c->access = field_get(command, COMMAND_ACCESS);
	c->mode = mode > 5 ? mode & 3 : mode; /* 6 and 7 are 2 and 3 */
	c->bcd = command & COMMAND_BCD;
	c->counting = false;
	c->write_high = c->read_high = false;
	c->latched = 0;
	c->status_latched = false;
}

static void write_command(struct vpit *pit, uint8_t command)
{
	unsigned int n = field_get(command, COMMAND_CHANNEL);

	if (n >= CHANNELS) {
		read_back(pit, command);
		return;
	}
	if (!field_get(command, COMMAND_ACCESS)) {
		latch_count(&pit->channel[n]);
		return;
	}
	set_mode(&pit->channel[n], command);
	if (n == 0)
		restart(pit);
}

static void set_gate(struct channel *c, bool gate)
{
	if (gate == c->gate)
		return;
	if (!gate) {
		c->held = ticks(c);
	} else if (gate_triggers(c)) {
		c->started = time_now();
		c->counting = true;
	} else {
		/* Modes 0 and 4 go on, 2 and 3 start again. */
		c->started = start_of(c->mode == 0 || c->mode == 4 ? c->held : 0);
	}
	c->gate = gate;
}

static enum access_result counter_port(void *context, struct bus_access *access)
{
	struct vpit *pit = context;
	unsigned int n = access->address - PORT_COUNTER;

	if (n >= CHANNELS) {
		if (!access->write)
			return ACCESS_NONE;
		write_command(pit, access->value);
		return ACCESS_DONE;
	}
	if (!access->write) {
		access->value = read_counter(&pit->channel[n]);
		return ACCESS_DONE;
	}
	write_counter(&pit->channel[n], access->value);
	if (n == 0 && !pit->channel[n].write_high)
		restart(pit);
	return ACCESS_DONE;
}

static enum access_result control_port(void *context, struct bus_access *access)
{
	struct vpit *pit = context;

	if (access->write) {
		pit->control = access->value & CONTROL_STORED;
		set_gate(&pit->channel[2], pit->control & CONTROL_GATE2);
		return ACCESS_DONE;
	}
	access->value = pit->control | field_make(CONTROL_OUT2, output(&pit->channel[2])) |
			field_make(CONTROL_REFRESH, time_to_ns(time_now()) / REFRESH_NS);
	return ACCESS_DONE;
}

static size_t state_size(uint32_t vcpus)
{
	(void)vcpus;
	return sizeof(struct vpit);
}

static enum status create(struct device *device)
{
	enum status s;

	timer_init(&((struct vpit *)device)->timer, fire);
	s = device_add_range(device, VM_PORT, PORT_COUNTER, PORT_COMMAND, counter_port, device, BUS_LOCKED);
	if (!s)
		s = device_add_range(device, VM_PORT, PORT_CONTROL, PORT_CONTROL, control_port, device,
				     BUS_LOCKED);
	return s;
}

static void quiesce(struct device *device)
{
	struct vpit *pit = (struct vpit *)device;

	timer_cancel(&pit->timer);
	pit->deadline = 0;
}

static void reset(struct device *device)
{
	struct vpit *pit = (struct vpit *)device;

	quiesce(device);
	pit->control = 0;
	for (unsigned int n = 0; n < CHANNELS; n++)
		pit->channel[n] = (struct channel){
			.mode = 3, .access = ACCESS_BOTH, .reload = 65536, .gate = n != 2
		};
}

const struct device_ops vpit_ops = {
	.name = "pit-8254",
	.kind = HV_DEVICE_PIT,
	.state_size = state_size,
	.create = create,
	.reset = reset,
	.quiesce = quiesce,
};
