/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that does anything to any chip: accesses to their ranges, to addresses around them, time, lines, interrupts
 * taken and ended, INIT, reset. Besides what the sanitizers see, two things must hold: no lock is taken twice (the
 * machine aborts), and timers do not fire more often than the shortest period allows, whatever they were told.
 *
 * The input is records of eight bytes: what, where (2), size and direction, value (4).
 */
#include <stdlib.h>
#include <string.h>

#include "dev/dev.h"
#include "lib/bits.h"
#include "pci/pci.h"
#include "pv/pv.h"
#include "tests/core/unit/shim/machine.h"

#define VCPUS	2u
#define RECORDS 512u /* an input's; more says nothing new */

struct record {
	uint8_t what;
	uint8_t range; /* number of the range */
	uint8_t offset; /* within it, in eights of its size or bytes */
	uint8_t how;
	uint32_t value;
};

static const struct {
	const struct device_ops *ops;
	struct hv_device record;
} devices[] = {
	{ &vlapic_ops, { .base = 0xfee00000, .gsi = HV_NONE } },
	{ &vioapic_ops, { .base = 0xfec00000 } },
	{ &vpic_ops, { .gsi = HV_NONE } },
	{ &vpit_ops, { .gsi = 2 } },
	{ &vhpet_ops, { .base = 0xfed00000, .gsi = 2, .parameter = { 3 } } },
	{ &vrtc_ops, { .base = 0x70, .gsi = 8, .parameter = { 0x32 } } },
	{ &vuart_ops, { .base = 0x3f8, .gsi = 4, .parameter = { HV_UART_CONSOLE } } },
	{ &acpi_pm_ops, { .base = 0x600, .gsi = 9, .parameter = { 5, 0x64, 6 } } },
	{ &debug_exit_ops, { .base = 0xf4 } },
	{ &panic_ops, { .base = 0x505 } },
	{ &watchdog_ops, { .base = 0x620, .parameter = { HV_WATCHDOG_NMI, 10 } } },
	{ &pci_host_ops, { .base = 0xe0000000, .size = 0x100000 } },
	{ &kvm_ops, { .parameter = { 0x40000000, 0x01000049 } } },
};

static void build(uint8_t choice)
{
	static const uint64_t rates[] = { 1000000, 2893437, 24000, 9999999 };

	machine_new(VCPUS, rates[choice & 3]);
	machine.guest.flags = choice & 4 ? HV_GUEST_X2APIC : 0;
	machine.guest.pci.count = 2;
	machine.pci[1].bdf = 0x18;
	memset(machine.mask[1], 0xff, sizeof(machine.mask[1]));
	machine.input = "input of the console, longer than the FIFO of the serial port";
	for (unsigned int i = 0; i < ARRAY_SIZE(devices); i++)
		machine_add(devices[i].ops, devices[i].record);
}

/* An access to some range, or just over its ends, of any width. */
static void access_chip(const struct record *r)
{
	const struct machine_range *range = &machine.range[r->range % machine.range_count];
	uint64_t span = range->range.last - range->range.first + 1, address;
	uint64_t value = r->how & 0x40 ? ~(uint64_t)r->value << (r->how & 0x20) : r->value;

	address = range->range.first + (r->how & 0x80 ? r->offset * span / 256 : r->offset % (span + 1));
	machine_access(range->bus, address, range->bus == VM_MSR ? 8 : 1u << (r->how & 3), r->how & 4, &value);
}

static void pass_time(uint64_t ns)
{
	unsigned int before = machine.fired;
	const unsigned int timers = VCPUS + 3 + 4; /* LAPICs; HPET; PIT, RTC, PM, watchdog */

	machine_wait(ns);
	if (machine.fired - before > (ns / 19000 + 3) * timers)
		abort();
}

static void take_interrupts(struct vcpu *vcpu)
{
	for (unsigned int i = 0; i < 8 && vcpu->ops->pending(vcpu->chip); i++)
		vcpu->ops->accept(vcpu->chip);
}

static void other(const struct record *r)
{
	struct vcpu *vcpu = &machine.vcpu[machine.cpu];

	switch (r->what % 8) {
	case 0:
		pass_time(r->value % 3000000);
		return;
	case 1:
		pass_time((uint64_t)(r->value % 64) * 1000000);
		return;
	case 2:
		machine.cpu = r->value % VCPUS;
		return;
	case 3:
		device_lock(&machine);
		irq_set_line(&machine, r->range % IRQ_LINES, r->value & 1);
		device_unlock(&machine);
		return;
	case 4:
		take_interrupts(vcpu);
		return;
	case 5:
		vcpu->ops->set_cr8(vcpu->chip, r->value & 15);
		return;
	case 6:
		vcpu->ops->init(vcpu->chip);
		return;
	}
	if (r->how == 0) /* seldom */
		machine.device[r->range % machine.device_count]->ops->reset(
			machine.device[r->range % machine.device_count]);
	else
		machine.ready(machine.ready_context);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record r;

	if (!size)
		return 0;
	build(data[0]);
	size--;
	data++;
	for (unsigned int i = 0; i < RECORDS && size >= sizeof(r); i++) {
		memcpy(&r, data, sizeof(r));
		if (r.what & 0x80)
			other(&r);
		else
			access_chip(&r);
		data += sizeof(r);
		size -= sizeof(r);
	}
	machine_free();
	return 0;
}
