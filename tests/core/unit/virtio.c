/* SPDX-License-Identifier: Apache-2.0 */
/* The PCI transport of virtio with its simplest device: negotiation, queues, interrupts both ways, hostile registers. */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "lib/bits.h"
#include "tests/core/unit/shim/quiet_log.h"
#include "tests/core/unit/shim/virtio_driver.h"

#include <cmocka.h>

static int rng(void **state)
{
	(void)state;
	driver_new((struct hv_device){ .parameter = { HV_VIRTIO_RNG } });
	return 0;
}

static int console(void **state)
{
	(void)state;
	driver_new((struct hv_device){ .parameter = { HV_VIRTIO_CONSOLE } });
	return 0;
}

static uint8_t disk_image[64 * 512];

static int blk(void **state)
{
	(void)state;
	driver_new((struct hv_device){ .parameter = { HV_VIRTIO_RNG } }); /* empties the machine */
	for (size_t i = 0; i < sizeof(disk_image); i++)
		disk_image[i] = (uint8_t)(i / 512);
	return 0;
}

static int end(void **state)
{
	(void)state;
	machine_free();
	return 0;
}

static void test_request(void **state)
{
	const uint8_t *answer;
	uint32_t size;

	(void)state;
	driver_start(0, 1);
	driver_request(0, "", 0, 16);
	answer = driver_answer(0, &size);
	assert_non_null(answer);
	assert_int_equal(size, 16);
	for (int i = 0; i < 16; i++)
		assert_int_not_equal(answer[i], 0xee);
	assert_int_equal(answer[16], 0);
	assert_int_equal(driver_interrupts(), 1);
	assert_int_equal(machine.message[0].address, 0xfee00001);
	assert_int_equal(machine.message[0].data, 1);
	assert_int_equal(machine.message[0].requester, DRIVER_BDF);
}

/* What the driver may not accept is not accepted (3.1.1), and nothing runs before DRIVER_OK. */
static void test_negotiation(void **state)
{
	(void)state;
	driver_put(0x00, 4, 1);
	assert_int_equal(driver_get(0x04, 4), 1); /* VERSION_1 */
	driver_put(0x00, 4, 2);
	assert_int_equal(driver_get(0x04, 4), 0);
	driver_put(0x14, 1, 1);
	driver_put(0x14, 1, 11);
	assert_int_equal(driver_status(), 3); /* without VERSION_1 */
	driver_put(0x08, 4, 1);
	driver_put(0x0c, 4, 3);
	driver_put(0x14, 1, 15);
	assert_int_equal(driver_status(), 3); /* bit 33 was not offered */
	driver_put(0x1c, 2, 1);
	assert_int_equal(driver_get(0x1c, 2), 0); /* too early for queues */
	driver_start(0, 1);
	driver_put(0x0c, 4, 0);
	driver_put(0x08, 4, 0);
	assert_int_equal(driver_get(0x0c, 4), 0);
	driver_put(0x08, 4, 1);
	assert_int_equal(driver_get(0x0c, 4), 1); /* too late to change */
	driver_put(0x14, 1, 0);
	assert_int_equal(driver_status(), 0);
	assert_int_equal(driver_get(0x1c, 2), 0);
	assert_int_equal(driver_get(0x18, 2), QUEUE_SIZE_MAX);
}

static void test_no_bus_master(void **state)
{
	uint32_t size;

	(void)state;
	driver_start(0, 1);
	driver_config(PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	driver_request(0, "", 0, 16);
	assert_null(driver_answer(0, &size));
}

/* Without MSI-X: the pin, level-triggered, until the ISR has been read; and config space may keep it low. */
static void test_pin(void **state)
{
	(void)state;
	driver_start(0, 1);
	driver_config(0x42, 2, 0);
	driver_request(0, "", 0, 16);
	assert_true(machine.line[DRIVER_GSI]);
	assert_int_equal(driver_interrupts(), 0);
	assert_int_equal(driver_get(HV_VIRTIO_ISR, 1), 1);
	assert_false(machine.line[DRIVER_GSI]);
	driver_request(0, "", 0, 16);
	driver_config(PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | 0x400);
	assert_false(machine.line[DRIVER_GSI]);
	driver_config(PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	assert_true(machine.line[DRIVER_GSI]);
	driver_put(0x14, 1, 0);
	assert_false(machine.line[DRIVER_GSI]);
}

/* A masked vector pends, and comes when the mask goes: the vector's own, or the function's. */
static void test_masks(void **state)
{
	(void)state;
	driver_start(0, 1);
	driver_put(HV_VIRTIO_MSIX + 16 + 12, 4, 1);
	driver_request(0, "", 0, 16);
	assert_int_equal(driver_interrupts(), 0);
	assert_int_equal(driver_get(HV_VIRTIO_PENDING, 4), 2);
	driver_put(HV_VIRTIO_MSIX + 16 + 12, 4, 0);
	assert_int_equal(driver_interrupts(), 1);
	assert_int_equal(driver_get(HV_VIRTIO_PENDING, 8), 0);
	driver_config(0x42, 2, 0xc000);
	driver_request(0, "", 0, 16);
	assert_int_equal(driver_interrupts(), 0);
	driver_config(0x42, 2, 0x8000);
	assert_int_equal(driver_interrupts(), 1);
	driver_put(HV_VIRTIO_PENDING, 4, ~0u);
	assert_int_equal(driver_get(HV_VIRTIO_PENDING, 4), 0);
	driver_put(0x16, 2, 0);
	driver_put(0x1a, 2, DRIVER_VECTORS); /* there is none */
	assert_int_equal(driver_get(0x1a, 2), 0xffff);
	driver_request(0, "", 0, 16);
	assert_int_equal(driver_interrupts(), 0);
}

/* More chains than are handled at a time: the rest comes later, without another notification. */
static void test_budget(void **state)
{
	(void)state;
	driver_start(0, 1);
	driver_put(0x14, 1, 0);
	driver_put(0x14, 1, 3);
	driver_put(0x08, 4, 1);
	driver_put(0x0c, 4, 1);
	driver_put(0x14, 1, 11);
	driver_ring[0].base = 0x4000;
	driver_ring[0].size = 64;
	driver_ring[0].offered = driver_ring[0].seen = 0;
	driver_put(0x18, 2, 64);
	driver_put(0x20, 8, 0x4000);
	driver_put(0x28, 8, ring_driver(&driver_ring[0]));
	driver_put(0x30, 8, ring_device(&driver_ring[0]));
	driver_put(0x1c, 2, 1);
	driver_put(0x14, 1, 15);
	for (int i = 0; i < 64; i++) {
		ring_describe(&driver_ring[0], (uint16_t)i, DRIVER_BUFFERS, 8, RING_WRITE, 0);
		ring_offer(&driver_ring[0], (uint16_t)i);
	}
	driver_notify(0);
	assert_int_equal(ring_used(&driver_ring[0]), VIRTIO_BUDGET);
	assert_true(machine_work());
	assert_int_equal(ring_used(&driver_ring[0]), 64);
	assert_false(machine_work());
}

/* A broken rule stops the device, not the core; a reset makes it good again. */
static void test_broken(void **state)
{
	uint32_t size;

	(void)state;
	driver_start(0, 1);
	ring_describe(&driver_ring[0], 0, 0, 1, RING_NEXT, 0);
	ring_offer(&driver_ring[0], 0);
	driver_notify(0);
	assert_int_equal(driver_status(), 15 | 64);
	assert_int_equal(driver_interrupts(), 1); /* a change of configuration */
	assert_int_equal(machine.message[0].data, 0);
	driver_put(0x14, 1, 15);
	assert_int_equal(driver_status(), 15 | 64);
	quiet_log_lines = 0;
	for (int i = 0; i < 100; i++) { /* it is not for the log to suffer */
		driver_start(0, 1);
		ring_describe(&driver_ring[0], 0, 0, 1, RING_NEXT, 0);
		ring_offer(&driver_ring[0], 0);
		driver_notify(0);
		assert_int_equal(driver_status(), 15 | 64);
	}
	assert_true(quiet_log_lines < 10);
	driver_start(0, 1);
	driver_request(0, "", 0, 16);
	assert_non_null(driver_answer(0, &size));
	driver_request(0, "", 0, 0); /* nothing new */
	assert_int_equal(driver_status(), 15);
}

/* Values that mean nothing, everywhere, and then a device that still works. */
static void test_registers(void **state)
{
	static const uint64_t values[] = { 0, 1, 0xffff, 0xffffffff, ~0ull, 0x8000000000000001 };
	const uint8_t *answer;
	uint32_t size;

	(void)state;
	for (uint32_t at = 0; at < HV_VIRTIO_WINDOW; at = at < 0x60 ? at + 1 : at + 0x7ff) {
		for (size_t i = 0; i < 4 * sizeof(values) / sizeof(*values); i++) {
			unsigned int width = 1u << i % 4;

			if (at + width > HV_VIRTIO_WINDOW)
				continue;
			driver_put(at, width, values[i / 4]);
			driver_get(at, width);
		}
	}
	driver_put(0x16, 2, 0xffff);
	assert_int_equal(driver_get(0x18, 2), 0); /* no such queue */
	driver_start(0, 1);
	driver_request(0, "", 0, 4);
	answer = driver_answer(0, &size);
	assert_non_null(answer);
}

/* The window by config space (4.1.4.9), and what lies outside of it. */
static void test_pci_cfg(void **state)
{
	uint64_t value = 0;

	(void)state;
	driver_config(HV_VIRTIO_PCI_CFG + 8, 4, 0x18);
	driver_config(HV_VIRTIO_PCI_CFG + 12, 4, 2);
	machine_access(VM_MMIO, DRIVER_ECAM + (DRIVER_BDF << 12) + HV_VIRTIO_PCI_CFG + 16, 4, false, &value);
	assert_int_equal(value, QUEUE_SIZE_MAX);
	driver_config(HV_VIRTIO_PCI_CFG + 16, 4, 64);
	assert_int_equal(driver_get(0x18, 2), 64);
	for (uint32_t length = 0; length < 16; length++) {
		driver_config(HV_VIRTIO_PCI_CFG + 12, 4, length);
		driver_config(HV_VIRTIO_PCI_CFG + 8, 4, HV_VIRTIO_WINDOW - 1);
		driver_config(HV_VIRTIO_PCI_CFG + 16, 4, ~0u);
		driver_config(HV_VIRTIO_PCI_CFG + 8, 4, 0xffffffff);
		driver_config(HV_VIRTIO_PCI_CFG + 16, 4, ~0u);
	}
}

/* The guest moves the window, and takes it away. */
static void test_moved(void **state)
{
	uint64_t value = 0;

	(void)state;
	driver_config(PCI_BAR0, 4, DRIVER_WINDOW + 0x10000);
	assert_int_equal(machine_access(VM_MMIO, DRIVER_WINDOW + 0x10018, 2, false, &value), ACCESS_DONE);
	assert_int_equal(value, QUEUE_SIZE_MAX);
	assert_int_equal(machine_access(VM_MMIO, DRIVER_WINDOW + 0x18, 2, false, &value), ACCESS_NONE);
	driver_config(PCI_COMMAND, 2, 0);
	assert_int_equal(machine_access(VM_MMIO, DRIVER_WINDOW + 0x10018, 2, false, &value), ACCESS_NONE);
}

/* Output as it comes; input when there is a buffer, without losing a byte; chains that no driver sends. */
static void test_console(void **state)
{
	const uint8_t *answer;
	uint32_t size;

	(void)state;
	driver_start(0, 2);
	driver_request(1, "hello", 5, 0);
	assert_string_equal(machine.output, "hello");
	assert_int_equal(driver_interrupts(), 1);
	driver_request(0, "", 0, 3);
	assert_null(driver_answer(0, &size));
	machine.input = "abcdef";
	machine.ready(machine.ready_context);
	machine_work();
	answer = driver_answer(0, &size);
	assert_non_null(answer);
	assert_int_equal(size, 3);
	assert_memory_equal(answer, "abc", 3);
	driver_request(0, "", 0, 16);
	answer = driver_answer(0, &size);
	assert_non_null(answer);
	assert_int_equal(size, 3);
	assert_memory_equal(answer, "def", 3);
	ring_describe(&driver_ring[1], 0, DRIVER_BUFFERS, 4097, 0, 0);
	ring_offer(&driver_ring[1], 0);
	driver_notify(1);
	assert_int_equal(driver_status(), 15 | 64);
	driver_start(0, 2);
	machine.input = "x";
	ring_describe(&driver_ring[0], 0, DRIVER_BUFFERS, 1, 0, 0); /* nothing to write to */
	ring_offer(&driver_ring[0], 0);
	driver_notify(0);
	assert_int_equal(driver_status(), 15 | 64);
}

/* A request of the block device: its status, and the data before it in *data. */
static uint8_t ask_disk(uint32_t type, uint64_t sector, const void *bytes, uint32_t size, uint32_t room, const uint8_t **data)
{
	uint8_t out[16 + 1024];
	const uint8_t *answer;
	uint32_t written;

	memcpy(out, &(uint64_t){ type }, 8);
	memcpy(out + 8, &sector, 8);
	memcpy(out + 16, bytes, size);
	driver_request(0, out, 16 + size, room + 1);
	answer = driver_answer(0, &written);
	assert_non_null(answer);
	*data = answer;
	return answer[room];
}

static void test_disk(void **state)
{
	enum { READ = 0, WRITE = 1, FLUSH = 4, GET_ID = 8 };
	const uint8_t *data;
	uint8_t sector[1024];

	(void)state;
	for (uint32_t readonly = 0; readonly < 2; readonly++) {
		driver_prepare();
		machine.payload = disk_image;
		machine.payload_size = sizeof(disk_image);
		driver_add((struct hv_device){ .parameter = { HV_VIRTIO_BLK, 0, readonly } });
		assert_int_equal(driver_get(HV_VIRTIO_DEVICE, 8), 64);
		driver_start(readonly ? BIT(5) : 0, 1);
		assert_int_equal(ask_disk(READ, 7, "", 0, 1024, &data), 0);
		assert_int_equal(data[0], 7);
		assert_int_equal(data[512], 8);
		memset(sector, 0x5a, sizeof(sector));
		assert_int_equal(ask_disk(WRITE, 62, sector, 1024, 0, &data), readonly);
		assert_int_equal(ask_disk(FLUSH, 0, "", 0, 0, &data), 0);
		assert_int_equal(ask_disk(READ, 63, "", 0, 512, &data), 0);
		assert_int_equal(data[511], readonly ? 63 : 0x5a);
		assert_int_equal(disk_image[62 * 512], 62); /* the file's stays */
		assert_int_equal(ask_disk(GET_ID, 0, "", 0, 20, &data), 0);
		assert_string_equal((const char *)data, "hvcore");
		assert_int_equal(ask_disk(READ, 64, "", 0, 512, &data), 1);
		assert_int_equal(ask_disk(READ, 63, "", 0, 1024, &data), 1);
		assert_int_equal(ask_disk(READ, ~0ull, "", 0, 512, &data), 1);
		assert_int_equal(ask_disk(READ, 0, "", 0, 511, &data), 1);
		assert_int_equal(ask_disk(WRITE, 64, sector, 512, 0, &data), 1);
		assert_int_equal(ask_disk(77, 0, "", 0, 0, &data), 2);
		driver_device->device.ops->reset(&driver_device->device); /* the guest starts again */
		driver_start(readonly ? BIT(5) : 0, 1);
		assert_int_equal(ask_disk(READ, 62, "", 0, 512, &data), 0);
		assert_int_equal(data[0], 62);
		driver_request(0, "short", 5, 1);
		assert_int_equal(driver_status(), 15 | 64);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_request, rng, end),   cmocka_unit_test_setup_teardown(test_negotiation, rng, end),
		cmocka_unit_test_setup_teardown(test_no_bus_master, rng, end), cmocka_unit_test_setup_teardown(test_pin, rng, end),
		cmocka_unit_test_setup_teardown(test_masks, rng, end),	   cmocka_unit_test_setup_teardown(test_budget, rng, end),
		cmocka_unit_test_setup_teardown(test_broken, rng, end),	   cmocka_unit_test_setup_teardown(test_registers, rng, end),
		cmocka_unit_test_setup_teardown(test_console, console, end), cmocka_unit_test_setup_teardown(test_disk, blk, end),
		cmocka_unit_test_setup_teardown(test_pci_cfg, rng, end),   cmocka_unit_test_setup_teardown(test_moved, rng, end),
	};

	return cmocka_run_group_tests_name("virtio", tests, NULL, NULL);
}
