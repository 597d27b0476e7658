/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chips of a guest, with their addresses and their interrupts. Numbers are those of every PC
 * where there is one: ISA interrupt n is GSI n, but the 8254 is on pin 2; the SCI is 9.
 */
#include "lower/pass.h"
#include "model/model.h"

enum {
	SCI = 9,
	RTC_IRQ = 8,
	PIT_GSI = 2,
	PM_BASE = 0x600,
	PM_PORTS = 12,
	WATCHDOG_BASE = 0x620,
	WATCHDOG_PORTS = 12,
	SLP_TYP_S5 = 5,
	RESET_PORT = 0xcf9,
	RESET_VALUE = 0x06, /* a full reset, as chipsets have it */
	RTC_PORT = 0x70,
	CENTURY = 0x32,
	HPET_TIMERS = 3,
	CHIP_PAGE = 4096,
};

static struct lowered_device *add(struct lower_context *context, struct lowered *guest,
				  enum hv_device_kind kind, const char *name, struct position at)
{
	struct lowered_device *device = vector_add(context->arena, &guest->devices);

	device->name = name;
	device->position = at;
	device->record.kind = kind;
	device->record.gsi = HV_NONE;
	device->record.requester = HV_NONE;
	return device;
}

static void place(struct lowered_device *device, uint64_t base, uint64_t size, uint32_t gsi)
{
	device->record.base = base;
	device->record.size = size;
	device->record.gsi = gsi;
}

static void add_apics(struct lower_context *context, struct lowered *guest)
{
	struct position at = guest->model->vcpus.apic.where.at;
	struct lowered_device *device = add(context, guest, HV_DEVICE_LAPIC, "lapic", at);

	place(device, guest->map.lapic, CHIP_PAGE, HV_NONE);
	device = add(context, guest, HV_DEVICE_IOAPIC, "ioapic", at);
	place(device, guest->map.ioapic, CHIP_PAGE, 0);
	device->record.parameter[0] = 0;
	device->record.parameter[1] = guest->map.ioapic_pins;
}

static void add_timers(struct lower_context *context, struct lowered *guest)
{
	const struct timers *timers = &guest->model->timers;
	struct lowered_device *device;

	if (guest->chips.pic)
		add(context, guest, HV_DEVICE_PIC, "pic", timers->timer[TIMER_PIT].at);
	if (guest->chips.pit) {
		device = add(context, guest, HV_DEVICE_PIT, "pit", timers->timer[TIMER_PIT].at);
		place(device, 0x40, 4, PIT_GSI);
	}
	if (guest->chips.hpet) {
		device = add(context, guest, HV_DEVICE_HPET, "hpet", timers->timer[TIMER_HPET].at);
		place(device, guest->map.hpet, CHIP_PAGE, PIT_GSI);
		device->record.parameter[0] = HPET_TIMERS;
	}
	device = add(context, guest, HV_DEVICE_RTC, "rtc", timers->where.at);
	place(device, RTC_PORT, 2, RTC_IRQ);
	device->record.parameter[0] = CENTURY;
}

static uint32_t uart_backend(enum serial_backend backend)
{
	return backend == SERIAL_BACKEND_CONSOLE ? HV_UART_CONSOLE : HV_UART_NULL;
}

static void add_serials(struct lower_context *context, struct lowered *guest)
{
	const struct devices *devices = &guest->model->devices;

	for (size_t i = 0; i < devices->serial.count; i++) {
		const struct serial *serial = &devices->serial.items[i];
		const char *name = serial->id.value ? serial->id.value : "serial";
		struct lowered_device *device =
			add(context, guest, HV_DEVICE_UART, name, serial->where.at);

		place(device, serial->io.value, 8, serial->irq.value);
		device->record.parameter[0] = uart_backend(serial->backend.value);
	}
}

static void add_platform(struct lower_context *context, struct lowered *guest)
{
	const struct devices *devices = &guest->model->devices;
	struct lowered_device *device = add(context, guest, HV_DEVICE_ACPI_PM, "acpi-pm",
					    guest->model->acpi.where.at);

	place(device, PM_BASE, PM_PORTS, SCI);
	device->record.parameter[0] = SLP_TYP_S5;
	device->record.parameter[1] = RESET_PORT;
	device->record.parameter[2] = RESET_VALUE;
	device = add(context, guest, HV_DEVICE_PCI_HOST, "pci-host", devices->where.at);
	place(device, guest->map.ecam.base, guest->map.ecam.size, HV_NONE);
	device->record.parameter[1] = (uint32_t)guest->map.pci32[0].base;
	device->record.parameter[2] = (uint32_t)guest->map.pci32[0].size;
	if (was_set(devices->panic.where)) {
		device = add(context, guest, HV_DEVICE_PANIC, "panic", devices->panic.where.at);
		place(device, devices->panic.io.value, 1, HV_NONE);
	}
	if (was_set(devices->watchdog.where)) {
		device = add(context, guest, HV_DEVICE_WATCHDOG, "watchdog", devices->watchdog.where.at);
		place(device, WATCHDOG_BASE, WATCHDOG_PORTS, HV_NONE);
		device->record.parameter[0] = devices->watchdog.action.value;
		device->record.parameter[1] = (uint32_t)(devices->watchdog.timeout.value / HV_WATCHDOG_PERIOD_MS);
	}
	if (devices->debug_exit.where.origin != ORIGIN_ABSENT) {
		device = add(context, guest, HV_DEVICE_DEBUG_EXIT, "debug-exit",
			     devices->debug_exit.where.at);
		place(device, devices->debug_exit.io.value, 4, HV_NONE);
	}
}

/* The CPUID base and features are the same on both vendors: take them where there is a policy. */
static void add_kvm(struct lower_context *context, struct lowered *guest)
{
	const struct cpu_policy_records *records =
		&guest->cpu->policies[guest->cpu->runs_on[HV_VENDOR_AMD] ? HV_VENDOR_AMD :
									   HV_VENDOR_INTEL];
	struct lowered_device *device;

	if (!records->kvm_base)
		return;
	device = add(context, guest, HV_DEVICE_KVM, "kvm", guest->model->pv.where.at);
	device->record.parameter[0] = records->kvm_base;
	device->record.parameter[1] = records->kvm_features;
}

void pass_irq(struct lower_context *context, struct lowered *guest)
{
	const struct timers *timers = &guest->model->timers;

	guest->chips = (struct guest_chips){
		.pic = timers->present[TIMER_PIT],
		.pit = timers->present[TIMER_PIT],
		.hpet = timers->present[TIMER_HPET],
		.rtc = true,
	};
	add_apics(context, guest);
	add_timers(context, guest);
	add_serials(context, guest);
	add_platform(context, guest);
	add_kvm(context, guest);
	add_windows(context, guest);
}
