/* SPDX-License-Identifier: Apache-2.0 */
/* The entropy device (virtio 1.2, 5.4): fills what the driver offers, a bounded part of each buffer. */
#include "cpu/entropy.h"
#include "lib/bits.h"
#include "virtio/devices.h"

#define BYTES_AT_A_TIME 64u

static uint32_t fill(struct virtio *virtio, uint32_t queue)
{
	uint8_t bytes[BYTES_AT_A_TIME];
	uint32_t size = (uint32_t)min_of(virtio->chain.write_bytes, (uint64_t)sizeof(bytes));

	entropy_read(bytes, size);
	return size && virtio_write(virtio, queue, 0, bytes, size) ? size : VIRTIO_BROKEN;
}

static bool notify(struct virtio *virtio, uint32_t queue)
{
	return virtio_each(virtio, queue, fill);
}

const struct virtio_ops virtio_rng = {
	.type = HV_VIRTIO_RNG,
	.queues = 1,
	.notify = notify,
};
