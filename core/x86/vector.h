/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vector registers live in this CPU, by number 0..15. Those of 32 bytes are AVX: XCR0 must have
 * it (#UD otherwise), and the load zeroes the rest of the register; that of 16 bytes keeps it. Those
 * of 64 bytes, by number 0..31, and the opmasks, 0..7, are AVX-512 (opmasks of 64 bits: AVX512BW).
 */
#ifndef CORE_X86_VECTOR_H
#define CORE_X86_VECTOR_H

#include "lib/types.h"

void vector_load_16(uint32_t number, const void *from);
void vector_load_32_clear(uint32_t number, const void *from);
void vector_store_16(uint32_t number, void *to);
void vector_store_32(uint32_t number, void *to);
void vector_load_64(uint32_t number, const void *from);
void vector_store_64(uint32_t number, void *to);
void opmask_store_16(uint32_t number, uint16_t *to);
void opmask_store_64(uint32_t number, uint64_t *to);

#endif
