/* SPDX-License-Identifier: Apache-2.0 */
/*
 * share/ is what guests have in common by declaration: memory (shmem.c) and doorbells (ivshmem.c). It reaches a guest's memory through space/ and its
 * CPUs through vm/, and knows no device but pci/.
 *
 * A share is one range of the machine's memory. It is zeroed at boot, before any guest has it, and again when the last
 * of the guests that had it is gone; a guest that starts again finds what was there.
 */
#ifndef CORE_SHARE_SHARE_H
#define CORE_SHARE_SHARE_H

#include "vm/device.h"

struct blob;

struct ivshmem;

struct share {
	uint64_t phys, size;
	uint8_t *host;
	uint32_t users; /* devices that have it, of guests that are not gone; under the lock of shmem.c */
	uint32_t peer_count;
	struct ivshmem **peers; /* by id; NULL: none has it. Fixed once the guests are built */
};

/* A guest's hold on a share; the state of its device begins with it. parameter[0] of the record is the share. */
struct window {
	struct device device;
	bool joined, hidden;
};

/* For the device's own reset and gone: has the share from the first start on, until it is gone. */
void window_reset(struct device *device);
void window_gone(struct device *device);

/* Takes and zeroes the memory of each share of the blob. STATUS_NO_MEMORY, logged: not in one piece. */
MUST_USE enum status shares_build(const struct blob *blob);

struct share *share_at(uint32_t index); /* a record of the blob: below its count */

/* One more, or one less, has it. */
void share_join(struct share *share);
void share_leave(struct share *share);

extern const struct device_ops window_ops;  /* HV_DEVICE_WINDOW */
extern const struct device_ops ivshmem_ops; /* HV_DEVICE_IVSHMEM */

#endif
