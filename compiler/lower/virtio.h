/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HVCC_LOWER_VIRTIO_H
#define HVCC_LOWER_VIRTIO_H

#include "lower/pass.h"

/* A PCI function and a device for each entry of `devices.virtio`; part of pass_pci(). */
void lower_virtio(struct lower_context *context, struct lowered *guest);

#endif
