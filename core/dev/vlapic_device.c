/* SPDX-License-Identifier: Apache-2.0 */
/* The local APICs of a VM as a device: power-up, and the modes of IA32_APIC_BASE. */
#include "dev/vlapic.h"
#include "x86/msr.h"

static void power_up(struct vlapic *apic)
{
	bool wide = device_guest(apic->vm)->flags & HV_GUEST_X2APIC;

	apic->eoi_offered = false;
	apic->assist = NULL;
	vlapic_init(apic);
	apic->base = apic->device->page | APIC_BASE_ENABLE | (wide ? APIC_BASE_EXTD : 0) |
		     (apic->index == 0 ? APIC_BASE_BSP : 0);
	/* As firmware leaves it (virtual wire mode), so that a guest which knows the PIC alone gets its interrupts. */
	if (apic->index == 0)
		apic->value[APIC_LVT_LINT0] = IRQ_EXTINT << 8;
}

/* SDM v3 11.12.5, figure 11-27: enable, then x2APIC; back only through disabled. */
static bool mode_change_allowed(uint64_t from, uint64_t to)
{
	bool from_on = from & APIC_BASE_ENABLE, from_x2 = from & APIC_BASE_EXTD;
	bool to_on = to & APIC_BASE_ENABLE, to_x2 = to & APIC_BASE_EXTD;

	if (!to_on)
		return !to_x2;
	return to_x2 ? from_on : !from_x2;
}

static COLD enum access_result write_base(struct vlapic *apic, uint64_t value)
{
	const uint64_t changeable = APIC_BASE_ENABLE | APIC_BASE_EXTD | APIC_BASE_BSP;

	/* The page stays where it is: the bus is fixed while a guest runs. */
	if ((value ^ apic->base) & ~changeable || !mode_change_allowed(apic->base, value))
		return ACCESS_FAULT;
	vlapic_take_back(apic); /* as what it was lent */
	if (apic->base & APIC_BASE_ENABLE && !(value & APIC_BASE_ENABLE))
		vlapic_init(apic);
	WRITE_ONCE(apic->base, value);
	vlapic_lend(apic);
	return ACCESS_DONE;
}

static enum access_result base_msr(void *context, struct bus_access *access)
{
	struct vlapic_device *device = context;
	struct vlapic *apic = &device->apic[device_vcpu_index(access->vcpu)];

	if (unlikely(access->write))
		return write_base(apic, access->value);
	access->value = apic->base;
	return ACCESS_DONE;
}

/* ------------------------------------------------------------------- the device */

static size_t state_size(uint32_t vcpus)
{
	return sizeof(struct vlapic_device) + vcpus * sizeof(struct vlapic);
}

static enum status create(struct device *base)
{
	struct vlapic_device *device = (struct vlapic_device *)base;
	const struct {
		enum vm_bus bus;
		uint64_t first, last;
		bus_handler *handler;
	} ranges[] = {
		{ VM_MMIO, base->record->base, base->record->base + PAGE_SIZE - 1, vlapic_mmio },
		{ VM_MSR, MSR_X2APIC_FIRST, MSR_X2APIC_FIRST + APIC_REGISTERS - 1, vlapic_x2apic_msr },
		{ VM_MSR, MSR_APIC_BASE, MSR_APIC_BASE, base_msr },
		{ VM_MSR, MSR_TSC_DEADLINE, MSR_TSC_DEADLINE, vlapic_tsc_deadline_msr },
	};

	device->page = base->record->base;
	for (uint32_t i = 0; i < device_vcpu_count(base->vm); i++) {
		struct vlapic *apic = &device->apic[i];

		apic->device = device;
		apic->vm = base->vm;
		apic->vcpu = device_vcpu(base->vm, i);
		apic->index = i;
		apic->id = device_vcpu_apic_id(apic->vcpu);
		vlapic_timer_create(apic);
		irq_attach_chip(apic->vcpu, &vlapic_chip, apic);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(ranges); i++) {
		enum status s = device_add_range(base, ranges[i].bus, ranges[i].first, ranges[i].last,
						 ranges[i].handler, device, 0);

		if (s)
			return s;
	}
	return STATUS_OK;
}

static void reset(struct device *base)
{
	struct vlapic_device *device = (struct vlapic_device *)base;

	for (uint32_t i = 0; i < device_vcpu_count(base->vm); i++)
		power_up(&device->apic[i]);
}

static void quiesce(struct device *base)
{
	struct vlapic_device *device = (struct vlapic_device *)base;

	for (uint32_t i = 0; i < device_vcpu_count(base->vm); i++)
		vlapic_timer_stop(&device->apic[i]);
}

const struct device_ops vlapic_ops = {
	.name = "local-apic",
	.kind = HV_DEVICE_LAPIC,
	.state_size = state_size,
	.create = create,
	.reset = reset,
	.quiesce = quiesce,
};
