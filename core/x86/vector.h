/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vector registers live in this CPU, by number 0..15. Those of 32 bytes are AVX: XCR0 must have
 * it (#UD otherwise), and the load zeroes the rest of the register; that of 16 bytes keeps it.
 */
#ifndef CORE_X86_VECTOR_H
#define CORE_X86_VECTOR_H

#include "lib/types.h"

void vector_load_16(uint32_t number, const void *from);
void vector_load_32_clear(uint32_t number, const void *from);
void vector_store_16(uint32_t number, void *to);
void vector_store_32(uint32_t number, void *to);

#endif
