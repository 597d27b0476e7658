/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dev/ is the chips of a PC, one a file: what a guest finds behind ports, MMIO and MSRs. A chip keeps its registers in
 * a table (registers.h), is reached only through bus ranges, and has its effects only through vm/device.h, vm/irq.h,
 * space/memory.h and cpu/timer.h, which host tests replace. It knows no vCPU's insides, no backend and no other chip.
 *
 * What a guest writes is masked when it is stored: no stored value shifts out of range, divides, or indexes. A timer
 * that repeats by itself has a period of at least DEV_MIN_PERIOD_NS.
 */
#ifndef CORE_DEV_DEV_H
#define CORE_DEV_DEV_H

#include "vm/device.h"
#include "vm/irq.h"

extern const struct device_ops vlapic_ops;     /* HV_DEVICE_LAPIC: one for the VM, a chip a vCPU inside */
extern const struct device_ops vioapic_ops;    /* HV_DEVICE_IOAPIC */
extern const struct device_ops vpic_ops;       /* HV_DEVICE_PIC */
extern const struct device_ops vpit_ops;       /* HV_DEVICE_PIT */
extern const struct device_ops vhpet_ops;      /* HV_DEVICE_HPET */
extern const struct device_ops vrtc_ops;       /* HV_DEVICE_RTC */
extern const struct device_ops vuart_ops;      /* HV_DEVICE_UART */
extern const struct device_ops acpi_pm_ops;    /* HV_DEVICE_ACPI_PM */
extern const struct device_ops debug_exit_ops; /* HV_DEVICE_DEBUG_EXIT */
extern const struct device_ops panic_ops;      /* HV_DEVICE_PANIC */
extern const struct device_ops watchdog_ops;   /* HV_DEVICE_WATCHDOG */

/*
 * Shortest period of a timer that goes on without the guest's doing. One firing costs the core about a thousand
 * instructions; at 20 us that stays below a twentieth of the CPU it shares. A one-shot timer needs no bound: each
 * firing costs the guest an exit of its own time first.
 */
#define DEV_MIN_PERIOD_NS 20000u

/* The line of the device's record, if it has one. With the device lock held. */
static inline void device_set_line(struct device *device, bool level)
{
	if (device->record->gsi < IRQ_LINES)
		irq_set_line(device->vm, device->record->gsi, level);
}

/* Where timers of devices that belong to no vCPU run: with the boot processor. */
static inline struct percpu *device_timer_cpu(struct device *device)
{
	return device_vcpu_cpu(device_vcpu(device->vm, 0));
}

#endif
