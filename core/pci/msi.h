/* SPDX-License-Identifier: Apache-2.0 */
/* Message-signalled interrupts by the MSI capability of a function's config space (PCI 3.0, 6.8.1). */
#ifndef CORE_PCI_MSI_H
#define CORE_PCI_MSI_H

#include "pci/config_space.h"

struct vm;

/* The function's interrupt `number` has come: its message is sent; or, if masked, made pending. Returns whether the
 * capability is enabled: if not, the function is to use its pin. */
bool msi_raise(struct vm *vm, struct config_space *space, unsigned int number);

/* The guest has written config space: what was pending and is no longer masked is sent. */
void msi_written(struct vm *vm, struct config_space *space);

#endif
