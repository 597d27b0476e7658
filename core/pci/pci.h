/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pci/ is the guest's PCI: the host bridge's two ways into config space (ecam.c), the virtual headers (config_space.c),
 * windows (bar.c) and message-signalled interrupts (msi.c). What is on the buses, each function's header at reset and
 * what of it may be written, are tables of the blob. It knows no function's purpose: what stands behind one comes
 * through the hooks of struct config_space.
 */
#ifndef CORE_PCI_PCI_H
#define CORE_PCI_PCI_H

#include "vm/device.h"

extern const struct device_ops pci_host_ops; /* HV_DEVICE_PCI_HOST */

#endif
