/* SPDX-License-Identifier: Apache-2.0 */
/* A driver for virtio devices in host tests: see virtio_driver.h. */
#include "tests/core/unit/shim/virtio_driver.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "pci/pci.h"

#include <cmocka.h>

struct virtio *driver_device;
struct ring driver_ring[4];

static struct dma_space space;

static void put(unsigned int offset, uint64_t value, unsigned int size, uint64_t mask)
{
	memcpy(machine.config[0] + offset, &value, size);
	memcpy(machine.mask[0] + offset, &mask, size);
}

static void make_function(void)
{
	put(0x00, 0x1af4, 2, 0);
	put(PCI_COMMAND, 0, 2, 0x406);
	put(PCI_STATUS, PCI_STATUS_CAPS, 2, 0);
	put(PCI_BAR0, DRIVER_WINDOW, 4, ~(uint32_t)(HV_VIRTIO_WINDOW - 1));
	put(PCI_CAPABILITIES, 0x40, 1, 0);
	put(0x40, 0x11 | (DRIVER_VECTORS - 1) << 16, 4, 0xc0000000);
	put(0x44, HV_VIRTIO_MSIX, 4, 0);
	put(0x48, HV_VIRTIO_PENDING, 4, 0);
	put(HV_VIRTIO_PCI_CFG + 4, 0, 1, 0xff);
	put(HV_VIRTIO_PCI_CFG + 8, 0, 8, ~0ull);
	put(HV_VIRTIO_PCI_CFG + 16, 0, 4, ~0u);
	machine.pci[0].bdf = DRIVER_BDF;
	machine.guest.pci.count = 1;
}

void driver_prepare(void)
{
	machine_new(1, 1000000);
	machine.swallow_messages = true;
	make_function();
	machine_add(&pci_host_ops, (struct hv_device){ .kind = HV_DEVICE_PCI_HOST, .base = DRIVER_ECAM, .size = 1 << 20,
						       .parameter = { 0, DRIVER_WINDOW, 0x100000 } });
}

void driver_add(struct hv_device record)
{
	record.kind = HV_DEVICE_VIRTIO;
	record.requester = DRIVER_BDF;
	record.gsi = DRIVER_GSI;
	driver_device = (struct virtio *)machine_add(&virtio_pci_ops, record);
	driver_config(PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	space.memory = (struct memory *)&machine;
}

void driver_new(struct hv_device record)
{
	driver_prepare();
	driver_add(record);
}

uint64_t driver_get(uint32_t offset, unsigned int size)
{
	uint64_t value = 0;

	assert_int_equal(machine_access(VM_MMIO, DRIVER_WINDOW + offset, size, false, &value), ACCESS_DONE);
	return value;
}

void driver_put(uint32_t offset, unsigned int size, uint64_t value)
{
	assert_int_equal(machine_access(VM_MMIO, DRIVER_WINDOW + offset, size, true, &value), ACCESS_DONE);
}

void driver_config(unsigned int offset, unsigned int size, uint64_t value)
{
	machine_access(VM_MMIO, DRIVER_ECAM + (DRIVER_BDF << 12) + offset, size, true, &value);
}

static void start_queue(uint32_t n)
{
	struct ring *r = &driver_ring[n];

	*r = (struct ring){ .space = &space, .base = DRIVER_RINGS + 0x400 * n, .size = DRIVER_RING_SIZE };
	memset(machine.ram + r->base, 0, 0x400);
	driver_put(0x16, 2, n);
	driver_put(0x18, 2, r->size);
	driver_put(0x1a, 2, n + 1);
	driver_put(0x20, 4, r->base);
	driver_put(0x24, 4, 0);
	driver_put(0x28, 8, ring_driver(r));
	driver_put(0x30, 8, ring_device(r));
	driver_put(0x1c, 2, 1);
	assert_int_equal(driver_get(0x1c, 2), 1);
}

void driver_start(uint64_t features, uint32_t queues)
{
	driver_put(0x14, 1, 0);
	driver_config(0x42, 2, 0x8000);
	for (uint32_t i = 0; i < DRIVER_VECTORS; i++) {
		driver_put(HV_VIRTIO_MSIX + 16 * i, 8, 0xfee00000 + i);
		driver_put(HV_VIRTIO_MSIX + 16 * i + 8, 8, i);
	}
	driver_put(0x14, 1, 3);
	for (uint32_t word = 0; word < 2; word++) {
		driver_put(0x08, 4, word);
		driver_put(0x0c, 4, (features | VIRTIO_VERSION_1) >> 32 * word & 0xffffffff);
	}
	driver_put(0x14, 1, 11);
	assert_int_equal(driver_status(), 11);
	driver_put(0x10, 2, 0);
	for (uint32_t i = 0; i < queues; i++)
		start_queue(i);
	driver_put(0x14, 1, 15);
	machine.messages_read = machine.messages;
}

void driver_notify(uint32_t queue)
{
	driver_put(HV_VIRTIO_NOTIFY + HV_VIRTIO_NOTIFY_STEP * queue, 2, queue);
}

uint8_t driver_status(void)
{
	return (uint8_t)driver_get(0x14, 1);
}

void driver_request(uint32_t queue, const void *bytes, uint32_t size, uint32_t room)
{
	struct ring *r = &driver_ring[queue];
	uint32_t out = DRIVER_BUFFERS + 0x2000 * queue, in = out + 0x1000;

	memcpy(machine.ram + out, bytes, size);
	memset(machine.ram + in, 0xee, room);
	if (size)
		ring_describe(r, 0, out, size, room ? RING_NEXT : 0, 1);
	ring_describe(r, size != 0, in, room, RING_WRITE, 0);
	if (size || room)
		ring_offer(r, 0);
	driver_notify(queue);
}

const uint8_t *driver_answer(uint32_t queue, uint32_t *size)
{
	struct ring *r = &driver_ring[queue];
	uint32_t head;

	if (ring_used(r) == r->seen)
		return NULL;
	*size = ring_collect(r, &head);
	return machine.ram + DRIVER_BUFFERS + 0x2000 * queue + 0x1000;
}

unsigned int driver_interrupts(void)
{
	unsigned int count = machine.messages - machine.messages_read;

	machine.messages_read = machine.messages;
	return count;
}
