/* SPDX-License-Identifier: Apache-2.0 */
/* The checksum of ACPI, SMBIOS and MP tables. */
#ifndef CORE_LIB_CHECKSUM_H
#define CORE_LIB_CHECKSUM_H

#include "lib/types.h"

/* The sum of `n` bytes modulo 256: 0 for an intact table. */
uint8_t checksum8(const void *p, size_t n);

#endif
