/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message-signalled interrupts by the MSI-X capability (PCI 3.0, 6.8.2): a table of messages and an array of pending
 * bits in the function's memory, where the capability says.
 */
#ifndef CORE_PCI_MSIX_H
#define CORE_PCI_MSIX_H

#include "lib/status.h"
#include "pci/config_space.h"

#define CAPABILITY_MSIX	   0x11
#define MSIX_ENTRY_BYTES   16u
#define MSIX_PENDING_BYTES 8u /* for 64 vectors */

struct device;

struct msix {
	struct device *device;
	struct config_space *space;
	unsigned int at;    /* the capability in config space */
	uint32_t count;	    /* vectors */
	uint32_t (*table)[4]; /* address, upper address, data, control: the entry's layout */
	uint64_t *pending;
};

/* At create, for a function with the capability. STATUS_INVALID: it has none. */
MUST_USE enum status msix_create(struct msix *msix, struct device *device, struct config_space *space);

/* All vectors masked, nothing pending. */
void msix_reset(struct msix *msix);

bool msix_enabled(const struct msix *msix);

/* Vector `number` has come: its message is sent, or made pending while masked. A number that there is not, or a
 * capability that is not enabled: nothing. */
void msix_raise(struct msix *msix, uint32_t number);

/* The guest has written config space, and may have taken the mask of the function away. */
void msix_written(struct msix *msix);

/* An access to the function's memory. False: it is neither to the table nor to the pending bits. */
bool msix_access(struct msix *msix, unsigned int bar, uint64_t offset, struct bus_access *access);

#endif
