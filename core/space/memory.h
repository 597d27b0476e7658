/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest physical memory: what lies at each address, and bounded copies in and out. No host pointer into
 * guest memory outlives a call; every write of the core into a guest goes through memory_write() and so
 * past the write guard.
 */
#ifndef CORE_SPACE_MEMORY_H
#define CORE_SPACE_MEMORY_H

#include "lib/status.h"
#include "lib/types.h"

struct memory; /* one guest's, see space/memory.c */

/* Copies between [gpa, gpa + size) and a buffer of the core. STATUS_FAULT when any byte is not RAM of this guest
 * (memory_write: or not writable), with nothing copied. May cross pages and regions. */
MUST_USE enum status memory_read(struct memory *memory, uint64_t gpa, void *buffer, size_t size);
MUST_USE enum status memory_write(struct memory *memory, uint64_t gpa, const void *buffer, size_t size);

/* Atomically replaces the naturally aligned 32 bits at gpa if they are `expected`; *found is what was there.
 * STATUS_FAULT as above. */
MUST_USE enum status memory_compare_exchange32(struct memory *memory, uint64_t gpa, uint32_t expected,
					       uint32_t desired, uint32_t *found);

#endif
