/* SPDX-License-Identifier: Apache-2.0 */
/* The NUMA nodes of a guest, recovered from its SRAT and SLIT. */
#ifndef HVCC_AUDIT_NUMA_H
#define HVCC_AUDIT_NUMA_H

#include "audit/image.h"
#include "base/vector.h"

struct recovered_node {
	uint64_t size;	    /* bytes of RAM */
	uint32_t host_node; /* HV_NONE: any */
	const char *cpus;   /* "0-3,8"; "" when it has none */
};

struct recovered_ram { /* of one node, as SRAT has it */
	uint64_t base, size;
	uint32_t node;
};

struct recovered_numa {
	VECTOR(struct recovered_ram) ram;
	VECTOR(struct recovered_node) nodes; /* by number; none: there is no SRAT */
	struct bytes distances; /* count * count, or empty */
};

struct recovered_numa numa_of(const struct image *image, const struct hv_guest *guest);

/* The node of the RAM at an address; HV_NONE: no SRAT, or it does not say. */
uint32_t numa_node_at(const struct recovered_numa *numa, uint64_t gpa);

/* The distance as the SLIT has it; 0: it does not say. */
uint32_t numa_distance(const struct recovered_numa *numa, uint32_t from, uint32_t to);

/* The first ACPI table of a signature among what is loaded; empty when there is none. */
struct bytes image_table(const struct image *image, const struct hv_guest *guest,
			 const char *signature);

#endif
