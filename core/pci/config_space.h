/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration space of one function: registers at reset and which bits may be written, both from the blob
 * (PCI 3.0 chapter 6). A base address register is sized by its mask alone.
 *
 * `hooks` is for what lives behind the header: a virtio transport or an assigned function sees each write after it has
 * been stored, and may answer a read in place of the stored bytes.
 */
#ifndef CORE_PCI_CONFIG_SPACE_H
#define CORE_PCI_CONFIG_SPACE_H

#include "lib/bits.h"

#define PCI_CONFIG_BYTES   256u	 /* what a table describes */
#define PCI_EXTENDED_BYTES 4096u /* what ECAM can address; the rest reads zero */

enum pci_register { /* byte offsets of the header, type 0 */
	PCI_VENDOR = 0x00,
	PCI_COMMAND = 0x04,
	PCI_STATUS = 0x06,
	PCI_HEADER_TYPE = 0x0e,
	PCI_BAR0 = 0x10,
	PCI_CAPABILITIES = 0x34,
};

#define PCI_COMMAND_IO	   BIT(0)
#define PCI_COMMAND_MEMORY BIT(1)
#define PCI_COMMAND_MASTER BIT(2)
#define PCI_STATUS_CAPS	   BIT(4)

struct config_space;
struct bus_access;
struct pci_host;

struct config_hooks {
	/* Whether *value, of `size` bytes at `offset`, was filled in. */
	bool (*read)(struct config_space *space, unsigned int offset, unsigned int size, uint32_t *value);
	void (*written)(struct config_space *space, unsigned int offset, unsigned int size);
	/* An access to the memory window of register `bar`, at `offset` in it; it lies inside. NULL: there is none. */
	void (*memory)(struct config_space *space, unsigned int bar, uint64_t offset, struct bus_access *access);
};

struct config_space {
	const uint8_t *reset; /* PCI_CONFIG_BYTES in the blob */
	const uint8_t *mask;  /* 1: writable */
	const struct config_hooks *hooks; /* NULL: the table is all of it */
	void *owner;			  /* of the hooks */
	struct pci_host *host;		  /* set by pci_attach() */
	uint16_t bdf;
	uint8_t value[PCI_CONFIG_BYTES];
};

void config_reset(struct config_space *space);

/* `size` bytes (1, 2, 4) at `offset`, which may be unaligned and past the end; what is not there reads zero. */
uint32_t config_read(struct config_space *space, unsigned int offset, unsigned int size);
void config_write(struct config_space *space, unsigned int offset, unsigned int size, uint32_t value);

/* Offset of the first capability with this id, 0: none. Bounded, whatever the list says. PCI 3.0, 6.7. */
unsigned int config_capability(const struct config_space *space, uint8_t id);

/* The stored bytes, without hooks: 16 and 32 bits at an offset in the header or a capability. */
static inline uint32_t config_value(const struct config_space *space, unsigned int offset, unsigned int size)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < size && offset + i < PCI_CONFIG_BYTES; i++)
		value |= (uint32_t)space->value[offset + i] << 8 * i;
	return value;
}

#endif
