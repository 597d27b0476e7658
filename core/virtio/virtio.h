/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio/ is the devices of virtio 1.2: rings (queue.c), the PCI transport (transport_pci.c), and one file a device,
 * which meets the transport in struct virtio_ops alone. It knows no PCI beyond the transport, no vCPU and no other
 * guest: what leads to one is a bounded ring with a lock of its own (share/), and what comes from one is asked for by
 * virtio_ask() and done in this guest's time.
 *
 *     notify: exit ──► device lock ──► ops->notify(queue): VIRTIO_BUDGET chains at most
 *     rest of it, other guests, timers ──► virtio_ask(queue) ──► the same, before this guest goes on
 *
 * Everything here runs with the VM's device lock held, but virtio_ask().
 */
#ifndef CORE_VIRTIO_VIRTIO_H
#define CORE_VIRTIO_VIRTIO_H

#include "pci/msix.h"
#include "virtio/queue.h"
#include "vm/device.h"

#define VIRTIO_BUDGET 32u /* chains handled at a time */

/* Feature bits of the transport (virtio 1.2, 6). */
#define VIRTIO_INDIRECT	   (1ull << 28)
#define VIRTIO_EVENT_INDEX (1ull << 29)
#define VIRTIO_VERSION_1   (1ull << 32)

struct virtio;

struct virtio_ops {
	uint32_t type; /* enum hv_virtio_type */
	size_t state_size;
	size_t config_size; /* of what `config` points to, at most 4 KiB */
	uint32_t queues;    /* 0: create() sets virtio->queue_count */
	uint64_t features;  /* besides the transport's */
	/* Once: device->record says what it is; may add features, and sets `config`. */
	MUST_USE enum status (*create)(struct virtio *virtio);
	/* The guest is about to start. May be NULL. */
	void (*start)(struct virtio *virtio);
	/* The driver or the guest's start has reset it: no queue is ready. May be NULL. */
	void (*reset)(struct virtio *virtio);
	/* A queue may have chains: handles VIRTIO_BUDGET of them at most; whether there may be more. */
	bool (*notify)(struct virtio *virtio, uint32_t queue);
	/* The driver has written to `config`. NULL: it reads only. */
	void (*configured)(struct virtio *virtio);
};

struct virtio {
	struct device device;
	const struct virtio_ops *ops;
	void *state;  /* ops->state_size bytes, the device's own */
	void *config; /* ops->config_size bytes that the driver reads */
	uint64_t features; /* offered */
	uint64_t accepted; /* by the driver, while it writes them and after */
	uint32_t queue_count;
	struct virtqueue *queue;
	struct virtio_chain chain; /* for notify(): too large for the stack */

	/* transport_pci.c */
	struct config_space *space;
	struct msix msix;
	struct dma_space dma;
	struct device_work work;
	uint64_t asked;	   /* atomic: queues that virtio_ask() named */
	uint32_t device_select, driver_select; /* words of features */
	uint16_t config_vector;
	uint16_t queue_select;
	uint8_t status, isr, generation;
	uint32_t complaints; /* lines in the log, and what would have been one */
};

extern const struct device_ops virtio_pci_ops; /* HV_DEVICE_VIRTIO */

/* The driver has said that it is ready, and nothing broke since. */
bool virtio_running(const struct virtio *virtio);

/* notify(queue) is called soon. Any CPU, whatever locks it holds. */
void virtio_ask(struct virtio *virtio, uint32_t queue);

/* Chains were given back: interrupts the driver, if it wants that. */
void virtio_signal(struct virtio *virtio, uint32_t queue);

/* `config` was changed: tells the driver. */
void virtio_config_changed(struct virtio *virtio);

/* The driver broke a rule of the standard: the device stops until it is reset, and says so in its status. */
void virtio_break(struct virtio *virtio);

/* For queues of requests: each chain that has come is handed to handle(), which returns how many bytes it has written to
 * it, or VIRTIO_BROKEN. As ops->notify. */
#define VIRTIO_BROKEN 0xffffffffu
bool virtio_each(struct virtio *virtio, uint32_t queue, uint32_t (*handle)(struct virtio *virtio, uint32_t queue));

/* The next chain of a queue that the device fills, in virtio->chain; false: none (the driver notifies when there is). */
bool virtio_take(struct virtio *virtio, uint32_t queue);
void virtio_give(struct virtio *virtio, uint32_t queue, uint32_t written);

/* As chain_read() and chain_write() of virtio->chain; false: no memory there, or too short: the device is broken. */
MUST_USE bool virtio_read(struct virtio *virtio, uint32_t queue, uint64_t offset, void *buffer, size_t size);
MUST_USE bool virtio_write(struct virtio *virtio, uint32_t queue, uint64_t offset, const void *buffer, size_t size);

#endif
