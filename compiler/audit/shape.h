/* SPDX-License-Identifier: Apache-2.0 */
/* The arrangement of a guest's vCPUs, read off their ids and CPUID. */
#ifndef HVCC_AUDIT_SHAPE_H
#define HVCC_AUDIT_SHAPE_H

#include "audit/image.h"

struct shape { /* sockets * dies * cores * threads vCPUs */
	uint32_t sockets, dies, cores, threads;
};

/* One socket of cores without siblings when the ids do not tell. */
struct shape shape_of(const struct image *image, const struct hv_guest *guest);

#endif
