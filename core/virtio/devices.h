/* SPDX-License-Identifier: Apache-2.0 */
/* The devices, for the transport's table: one file each. */
#ifndef CORE_VIRTIO_DEVICES_H
#define CORE_VIRTIO_DEVICES_H

#include "virtio/virtio.h"

extern const struct virtio_ops virtio_rng;     /* rng.c */
extern const struct virtio_ops virtio_blk;     /* blk.c */
extern const struct virtio_ops virtio_console; /* console.c */

#endif
