/* SPDX-License-Identifier: Apache-2.0 */
/* Whether this machine is one that the blob can run on. */
#ifndef CORE_PLATFORM_PLATFORM_CHECK_H
#define CORE_PLATFORM_PLATFORM_CHECK_H

#include "blob/blob.h"

struct platform_facts {
	enum hv_vendor vendor;
	uint32_t cpus; /* that answer */
	uint32_t physical_bits;
	uint64_t free_memory; /* what the pool has left */
	/* CPUID of the machine. */
	void (*cpuid)(uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
};

/*
 * Compares all guests with the machine. Each misfit is one line through `report` (which guest, what
 * is asked, what is there); STATUS_MISMATCH if there was one.
 */
MUST_USE enum status platform_check(const struct blob *b, const struct platform_facts *f,
				    void (*report)(const char *line));

#endif
