/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pci/ is the guest's PCI: the host bridge's two ways into config space (ecam.c), the virtual headers (config_space.c),
 * windows (bar.c) and message-signalled interrupts (msi.c, msix.c). What is on the buses, each function's header at reset and
 * what of it may be written, are tables of the blob. It knows no function's purpose: what stands behind one comes
 * through the hooks of struct config_space.
 */
#ifndef CORE_PCI_PCI_H
#define CORE_PCI_PCI_H

#include "vm/device.h"

struct config_space;
struct config_hooks;

extern const struct device_ops pci_host_ops; /* HV_DEVICE_PCI_HOST */

/* At create: puts the device behind the function at its record's requester id; *space is that function's, with the
 * hooks and the device as their owner. STATUS_NOT_FOUND: there is no such function, or no host before it. */
MUST_USE enum status pci_attach(struct device *device, const struct config_hooks *hooks, struct config_space **space);

/* The function's interrupt pin; several may share a line (gsi of the device's record). With the device lock held. */
void pci_set_pin(struct device *device, struct config_space *space, bool level);

#endif
