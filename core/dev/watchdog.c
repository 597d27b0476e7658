/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watchdog that the table WDAT describes: three registers of 32 bits, and a count in periods of HV_WATCHDOG_PERIOD_MS.
 *
 *	+0  bit 0: it runs; bit 1: this start of the guest is its doing (written with 1: forgotten)
 *	+4  the count it starts from, 1 to 0xffff
 *	+8  what is left of it; a write starts it anew
 *
 * When the count is over, it is taken up again, and the action of the record done: an NMI that does not help is followed
 * by another.
 */
#include "cpu/timer.h"
#include "dev/dev.h"
#include "lib/bits.h"

enum { CONTROL = 0, COUNT = 4, LEFT = 8, PORTS = 12 };

#define RUNNING BIT(0)
#define FIRED	BIT(1)

#define PERIOD_NS (HV_WATCHDOG_PERIOD_MS * 1000000ull)

struct watchdog {
	struct device device;
	uint32_t control;
	uint32_t count;
	bool fired; /* what the next start finds in `control` */
	uint64_t deadline;
	struct timer timer;
};

static void start(struct watchdog *w)
{
	w->deadline = time_now() + time_from_ns(max_of(w->count, 1u) * PERIOD_NS);
	if (w->control & RUNNING)
		timer_arm_on(&w->timer, device_timer_cpu(&w->device), w->deadline);
	else
		timer_cancel(&w->timer);
}

static void act(struct watchdog *w)
{
	static const uint8_t events[HV_WATCHDOG_ACTIONS] = {
		[HV_WATCHDOG_RESET] = VM_EVENT_RESET,
		[HV_WATCHDOG_POWEROFF] = VM_EVENT_POWEROFF,
		[HV_WATCHDOG_CRASH] = VM_EVENT_CRASH,
	};
	uint32_t action = w->device.record->parameter[0];

	device_say(w->device.vm, "its watchdog was not fed in time");
	w->fired = true;
	if (action == HV_WATCHDOG_NMI)
		irq_signal_nmi(device_vcpu(w->device.vm, 0));
	else if (action < HV_WATCHDOG_NMI)
		device_vm_event(w->device.vm, (enum vm_event)events[action]);
}

static void fire(struct timer *timer)
{
	struct watchdog *w = container_of(timer, struct watchdog, timer);

	device_lock(w->device.vm);
	/* It may have been fed while this CPU waited for the lock. */
	if (w->control & RUNNING && time_now() >= w->deadline) {
		act(w);
		start(w);
	}
	device_unlock(w->device.vm);
}

static uint32_t left(const struct watchdog *w)
{
	uint64_t now = time_now();

	if (!(w->control & RUNNING))
		return w->count;
	return now < w->deadline ? (uint32_t)((time_to_ns(w->deadline - now) + PERIOD_NS - 1) / PERIOD_NS) : 0;
}

static void write(struct watchdog *w, unsigned int offset, uint32_t value)
{
	bool ran = w->control & RUNNING;

	if (offset == COUNT)
		w->count = value & 0xffff;
	if (offset == CONTROL)
		w->control = (w->control & FIRED & ~value) | (value & RUNNING);
	if (offset == LEFT || ran != (w->control & RUNNING))
		start(w);
}

static enum access_result port(void *context, struct bus_access *access)
{
	struct watchdog *w = context;
	unsigned int offset = access->address - w->device.record->base;

	bool whole = access->size == 4 && !(offset & 3); /* the table says so */

	if (access->write && whole)
		write(w, offset, (uint32_t)access->value);
	else if (!access->write)
		access->value = !whole ? 0 : offset == CONTROL ? w->control : offset == COUNT ? w->count : left(w);
	return ACCESS_DONE;
}

static size_t state_size(uint32_t vcpus)
{
	(void)vcpus;
	return sizeof(struct watchdog);
}

static enum status create(struct device *device)
{
	uint64_t base = device->record->base;

	timer_init(&((struct watchdog *)device)->timer, fire);
	return device_add_range(device, VM_PORT, base, base + PORTS - 1, port, device, BUS_LOCKED);
}

static void reset(struct device *device)
{
	struct watchdog *w = (struct watchdog *)device;

	timer_cancel(&w->timer);
	w->control = w->fired ? FIRED : 0;
	w->fired = false;
	w->count = device->record->parameter[1] & 0xffff;
}

static void quiesce(struct device *device)
{
	timer_cancel(&((struct watchdog *)device)->timer);
}

const struct device_ops watchdog_ops = {
	.name = "watchdog",
	.kind = HV_DEVICE_WATCHDOG,
	.state_size = state_size,
	.create = create,
	.reset = reset,
	.quiesce = quiesce,
};
