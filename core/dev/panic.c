/* SPDX-License-Identifier: Apache-2.0 */
/* The panic port, QEMU's pvpanic (docs/specs/pvpanic): a read says which events there are, a write says which has come. */
#include "dev/dev.h"
#include "lib/bits.h"

#define PANICKED     BIT(0)
#define CRASH_LOADED BIT(1) /* it panicked, and goes on in a kernel that it keeps for that */

static enum access_result port(void *context, struct bus_access *access)
{
	struct device *device = context;

	if (!access->write) {
		access->value = PANICKED | CRASH_LOADED;
		return ACCESS_DONE;
	}
	if (access->value & PANICKED) {
		device_say(device->vm, "its kernel has panicked");
		device_vm_event(device->vm, VM_EVENT_CRASH);
	} else if (access->value & CRASH_LOADED) {
		device_say(device->vm, "its kernel has panicked, and hands over to its crash kernel");
	}
	return ACCESS_DONE;
}

static size_t state_size(uint32_t vcpus)
{
	(void)vcpus;
	return sizeof(struct device);
}

static enum status create(struct device *device)
{
	uint64_t base = device->record->base;

	return device_add_range(device, VM_PORT, base, base, port, device, BUS_LOCKED);
}

static void reset(struct device *device)
{
	(void)device;
}

const struct device_ops panic_ops = {
	.name = "panic",
	.kind = HV_DEVICE_PANIC,
	.state_size = state_size,
	.create = create,
	.reset = reset,
};
