/* SPDX-License-Identifier: Apache-2.0 */
/* DMA of the machine's devices where nothing translates it: off. */
#ifndef CORE_PLATFORM_PCI_QUIET_H
#define CORE_PLATFORM_PCI_QUIET_H

#include "lib/status.h"
#include "lib/types.h"

/*
 * Clears Bus Master Enable in every PCI function that MCFG's windows show, or ports 0xcf8/0xcfc
 * where there is no MCFG. Returns the number of functions that had it set in *cleared and of those
 * found in *found.
 */
MUST_USE enum status pci_quiet(uint32_t *found, uint32_t *cleared);

#endif
