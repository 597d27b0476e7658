/* SPDX-License-Identifier: Apache-2.0 */
/* A virtio function as hvcc lays it out, and a driver's steps, on the machine of the shim. */
#ifndef TESTS_SHIM_VIRTIO_DRIVER_H
#define TESTS_SHIM_VIRTIO_DRIVER_H

#include "pci/config_space.h"
#include "tests/core/unit/shim/machine.h"
#include "tests/core/unit/shim/ring.h"
#include "virtio/virtio.h"

enum {
	DRIVER_WINDOW = 0xc0000000,
	DRIVER_ECAM = 0xe0000000,
	DRIVER_BDF = 0x08,
	DRIVER_GSI = 17,
	DRIVER_VECTORS = 4,
	DRIVER_RINGS = 0x1000, /* queue n's at n KiB behind */
	DRIVER_RING_SIZE = 8,
	DRIVER_BUFFERS = 0x8000,
};

extern struct virtio *driver_device;
extern struct ring driver_ring[4];

/* An empty machine with a PCI host and this device behind 00:01.0; memory decoding and bus mastering on. */
void driver_new(struct hv_device record);
/* The same in two steps: the machine, then the device. */
void driver_prepare(void);
void driver_add(struct hv_device record);

uint64_t driver_get(uint32_t offset, unsigned int size); /* in the window */
void driver_put(uint32_t offset, unsigned int size, uint64_t value);
void driver_config(unsigned int offset, unsigned int size, uint64_t value); /* config space, written */

/* Up to DRIVER_OK with these features and this many queues, each with its MSI-X vector, all at address 0xfee00000 + n. */
void driver_start(uint64_t features, uint32_t queues);
void driver_notify(uint32_t queue);
uint8_t driver_status(void);

/* A chain of one segment that is read and one that is written (either may be empty), offered and notified. */
void driver_request(uint32_t queue, const void *bytes, uint32_t size, uint32_t room);
/* The bytes that the device wrote for the request, as many as it said; NULL: it is not done. */
const uint8_t *driver_answer(uint32_t queue, uint32_t *size);
/* Messages sent since this was last asked. */
unsigned int driver_interrupts(void);

#endif
