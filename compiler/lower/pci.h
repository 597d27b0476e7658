/* SPDX-License-Identifier: Apache-2.0 */
/* Functions on the guest's PCI bus: their addresses, headers, capabilities and windows, for whoever lowers a device. */
#ifndef HVCC_LOWER_PCI_H
#define HVCC_LOWER_PCI_H

#include "lower/pass.h"

enum pci_capability { PCI_CAPABILITY_VENDOR = 0x09, PCI_CAPABILITY_MSIX = 0x11 };

/* What identifies a function: registers 0x00 to 0x2e. */
struct pci_identity {
	uint16_t vendor, device, subsystem_vendor, subsystem;
	uint32_t class_code; /* 23:16 base, 15:8 sub-class, 7:0 interface */
	uint8_t revision;
};

/*
 * A function of bus 0 at `address`, text that check/ has accepted, or at the lowest free device number where that is
 * NULL. It may master the bus and answer in memory, as the guest says.
 */
struct lowered_pci_function *pci_add(struct lower_context *context, struct lowered *guest, const char *name,
				     struct position at, const char *address, const struct pci_identity *identity);

/* Interrupt pin A, level-triggered and active low at the IOAPIC: the GSI, which neighbours may share. */
uint32_t pci_pin(struct lowered_pci_function *function);

/* Register `bar` is a 32-bit memory window of `size` bytes (a power of two, at least 16), placed where nothing else is. */
void pci_window(struct lowered *guest, struct lowered_pci_function *function, unsigned int bar, uint32_t size);

/* Register `bar` and the one behind it are a prefetchable 64-bit window at `base`, a multiple of its size. */
void pci_window_64(struct lowered_pci_function *function, unsigned int bar, uint64_t base, uint64_t size);

/* A capability at `offset` (a multiple of 4); it is the last of the list. Returns its bytes. */
uint8_t *pci_capability(struct lowered_pci_function *function, uint8_t offset, uint8_t id);

/* The MSI-X capability: table and pending bits at these offsets of that window. */
void pci_msix(struct lowered_pci_function *function, uint8_t offset, unsigned int bar, uint32_t table, uint32_t pending,
	      uint32_t vectors);

/* The GSI of pin A of a device number: as the ACPI namespace routes it. */
enum { PCI_FIRST_GSI = 16, PCI_GSIS = 8 };

#endif
