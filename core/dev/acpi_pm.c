/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI's fixed hardware: PM1a event and control blocks, the PM timer, and the reset register (ACPI 6.5, 4.8.3 and
 * 4.8.3.6). There is no legacy mode: SCI_EN always reads 1. The only sleeping state is S5.
 */
#include "cpu/timer.h"
#include "dev/clock.h"
#include "dev/dev.h"
#include "dev/registers.h"

#define PM_TIMER_HZ 3579545u

enum { PORT_STATUS = 0, PORT_ENABLE = 2, PORT_CONTROL = 4, PORT_TIMER = 8, PORTS = 12 };

#define STATUS_TIMER BIT(0) /* bit 31 of the timer has changed */

#define ENABLE_WRITABLE 0x0721u /* timer, global lock, power and sleep button, RTC */

#define CONTROL_SCI_ENABLE BIT(0)
#define CONTROL_SLP_TYP	   BITS(12, 10)
#define CONTROL_SLP_EN	   BIT(13)
#define CONTROL_WRITABLE   (CONTROL_SLP_TYP | BIT(1))

struct acpi_pm {
	struct device device;
	uint16_t enable;
	uint16_t control;
	uint64_t started; /* time_now() when the timer was zero */
	uint64_t half;	  /* halves of the timer's range that had passed when the status was last cleared */
	struct timer timer;
};

/* Ticks since the start; the register is the low 32 bits (or 24: the FADT says which). */
static uint64_t pm_ticks(const struct acpi_pm *pm)
{
	return clock_from_ns(time_to_ns(time_now() - pm->started), PM_TIMER_HZ);
}

static uint16_t pm_status(const struct acpi_pm *pm)
{
	return pm_ticks(pm) >> 31 != pm->half ? STATUS_TIMER : 0;
}

/* The SCI is high while an enabled event is there; else, if the timer's is enabled, wait for it. */
static void update(struct acpi_pm *pm)
{
	bool level = pm_status(pm) & pm->enable;

	device_set_line(&pm->device, level);
	if (!level && pm->enable & STATUS_TIMER)
		timer_arm_on(&pm->timer, device_timer_cpu(&pm->device),
			     pm->started + time_from_ns(clock_to_ns((pm->half + 1) << 31, PM_TIMER_HZ)));
	else
		timer_cancel(&pm->timer);
}

static void fire(struct timer *timer)
{
	struct acpi_pm *pm = container_of(timer, struct acpi_pm, timer);

	device_lock(pm->device.vm);
	if (pm->enable & STATUS_TIMER)
		update(pm);
	device_unlock(pm->device.vm);
}

static void write_control(struct acpi_pm *pm, uint32_t value)
{
	pm->control = value & CONTROL_WRITABLE;
	if (value & CONTROL_SLP_EN &&
	    field_get(value, CONTROL_SLP_TYP) == (pm->device.record->parameter[0] & 7))
		device_vm_event(pm->device.vm, VM_EVENT_POWEROFF);
}

/* The 32 bits at a multiple of 4. */
static uint32_t read_word(const struct acpi_pm *pm, unsigned int offset)
{
	switch (offset) {
	case PORT_STATUS:
		return pm_status(pm) | (uint32_t)pm->enable << 16;
	case PORT_CONTROL:
		return pm->control | CONTROL_SCI_ENABLE;
	case PORT_TIMER:
		return pm_ticks(pm);
	}
	return 0;
}

/* `mask` is which of the 32 bits at a multiple of 4 the write reaches. */
static void write_word(struct acpi_pm *pm, unsigned int offset, uint32_t value, uint32_t mask)
{
	if (offset == PORT_CONTROL && mask & 0xffff)
		write_control(pm, (pm->control & ~mask) | (value & mask));
	if (offset != PORT_STATUS)
		return;
	if (value & mask & STATUS_TIMER)
		pm->half = pm_ticks(pm) >> 31;
	pm->enable = ((pm->enable & ~(mask >> 16)) | (value & mask) >> 16) & ENABLE_WRITABLE;
	update(pm);
}

static enum access_result port(void *context, struct bus_access *access)
{
	struct acpi_pm *pm = context;
	unsigned int offset = access->address - pm->device.record->base, shift = offset & 3;
	uint32_t mask;

	if (!access->write) {
		access->value = register_part(read_word(pm, offset & ~3u), shift, access->size);
		return ACCESS_DONE;
	}
	mask = (uint32_t)((BIT(8 * (access->size & 7)) - 1) << 8 * shift);
	write_word(pm, offset & ~3u, (uint32_t)(access->value << 8 * shift), mask);
	return ACCESS_DONE;
}

static enum access_result reset_port(void *context, struct bus_access *access)
{
	struct acpi_pm *pm = context;

	if (!access->write)
		access->value = 0;
	else if ((access->value & 0xff) == (pm->device.record->parameter[2] & 0xff))
		device_vm_event(pm->device.vm, VM_EVENT_RESET);
	return ACCESS_DONE;
}

static size_t state_size(uint32_t vcpus)
{
	(void)vcpus;
	return sizeof(struct acpi_pm);
}

static enum status create(struct device *device)
{
	struct acpi_pm *pm = (struct acpi_pm *)device;
	uint64_t base = device->record->base, reset_at = device->record->parameter[1];
	enum status s;

	timer_init(&pm->timer, fire);
	s = device_add_range(device, VM_PORT, base, base + PORTS - 1, port, device, BUS_LOCKED);
	/* A reset port inside PCI's address port, 0xcf9, is the PCI host's. */
	if (s || !reset_at || (reset_at >= 0xcf8 && reset_at < 0xcfc))
		return s;
	return device_add_range(device, VM_PORT, reset_at, reset_at, reset_port, device, BUS_LOCKED);
}

static void reset(struct device *device)
{
	struct acpi_pm *pm = (struct acpi_pm *)device;

	timer_cancel(&pm->timer);
	pm->enable = 0;
	pm->control = 0;
	pm->started = time_now();
	pm->half = 0;
}

static void quiesce(struct device *device)
{
	timer_cancel(&((struct acpi_pm *)device)->timer);
}

const struct device_ops acpi_pm_ops = {
	.name = "acpi-pm",
	.kind = HV_DEVICE_ACPI_PM,
	.state_size = state_size,
	.create = create,
	.reset = reset,
	.quiesce = quiesce,
};
