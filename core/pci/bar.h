/* SPDX-License-Identifier: Apache-2.0 */
/* Windows of a function, as its base address registers say (PCI 3.0, 6.2.5.1). */
#ifndef CORE_PCI_BAR_H
#define CORE_PCI_BAR_H

#include "pci/config_space.h"

#define PCI_BARS 6u

struct bar_window {
	uint64_t base; /* where the guest has put it */
	uint64_t size; /* bytes, a power of two; 0: there is no such window */
	bool port;     /* ports, not memory */
	bool wide;     /* 64 bits: the next register is its upper half */
	bool decoded;  /* the command register lets the function answer there */
};

/* The window of register `index` (0..5; an upper half has none). */
struct bar_window bar_window(const struct config_space *space, unsigned int index);

#endif
