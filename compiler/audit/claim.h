/* SPDX-License-Identifier: Apache-2.0 */
/* Who claims what: every resource of an image as ranges of one space each. */
#ifndef HVCC_AUDIT_CLAIM_H
#define HVCC_AUDIT_CLAIM_H

#include "audit/image.h"
#include "base/vector.h"

enum claim_space {
	CLAIM_CPU,	  /* host CPUs, in MADT order */
	CLAIM_FRAMES,	  /* host physical memory at fixed addresses */
	CLAIM_POOL,	  /* memory that the core places: offsets in the order of the regions */
	CLAIM_HOST_PORTS, /* I/O ports of the machine */
	CLAIM_IMAGE,	  /* bytes of the image behind the records */
	CLAIM_RECORDS,	  /* records that a guest owns; the domain is the section */
	CLAIM_MEMORY,	  /* guest-physical addresses: regions and registers; the domain is the guest */
	CLAIM_LOADED,	  /* guest-physical addresses that start-up writes */
	CLAIM_PORTS,	  /* I/O ports of a guest */
	CLAIM_GSI,	  /* interrupts of a guest */
	CLAIM_APIC_ID,
	CLAIM_PCI,	  /* requester ids */
	CLAIM_MSRS,	  /* MSR numbers; the domain is the policy */
	CLAIM_SLOTS,	  /* where a vCPU keeps MSRs */
	CLAIM_SPACES,
};

extern const char *const claim_words[CLAIM_SPACES];

struct claim {
	uint8_t space;	 /* enum claim_space */
	bool shared;	 /* declared: may overlap with others that are */
	uint32_t domain; /* overlap counts only inside one */
	uint32_t guest;	 /* whose; HV_NONE: the core's */
	uint64_t first, last;
	const char *what; /* "uart com1", "region ram" */
	uint32_t position;
};

struct claims {
	VECTOR(struct claim) list; /* sorted by space, domain, first */
};

/* All claims of an image. */
struct claims claims_of(const struct image *image);

/* "linux" or "the core". */
const char *claim_owner(const struct image *image, const struct claim *claim);

/* "0x3f8-0x3ff", "pool+0x0-0xfffffff", "vector 4". In the image's arena. */
const char *claim_range(const struct image *image, const struct claim *claim);

#endif
