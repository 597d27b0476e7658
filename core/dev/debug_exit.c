/* SPDX-License-Identifier: Apache-2.0 */
/* The debug-exit port: what is written there ends the run with that value. It reads as QEMU's isa-debug-exit: zero. */
#include "dev/dev.h"

static enum access_result port(void *context, struct bus_access *access)
{
	struct device *device = context;

	if (access->write)
		device_debug_exit(device->vm, access->value);
	else
		access->value = 0;
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

	return device_add_range(device, VM_PORT, base, base + 3, port, device, BUS_LOCKED);
}

static void reset(struct device *device)
{
	(void)device;
}

const struct device_ops debug_exit_ops = {
	.name = "debug-exit",
	.kind = HV_DEVICE_DEBUG_EXIT,
	.state_size = state_size,
	.create = create,
	.reset = reset,
};
