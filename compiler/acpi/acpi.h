/* SPDX-License-Identifier: Apache-2.0 */
/* The whole set of a guest's ACPI tables. */
#ifndef HVCC_ACPI_ACPI_H
#define HVCC_ACPI_ACPI_H

#include "lower/lowered.h"

/* Bytes that the tables of this guest need in its E820_ACPI area (the RSDP and the FACS aside). */
uint64_t acpi_size(struct lowered *guest);

/*
 * Makes guest->tables: RSDP (at map.rsdp), FACS (at map.nvs), the others in map.acpi, which
 * must have acpi_size() bytes.
 */
void acpi_build(struct arena *arena, struct lowered *guest);

/* Re-derives every checksum and pointer of finished tables. False: hvcc itself is wrong. */
bool acpi_verify(const struct lowered *guest);

#endif
