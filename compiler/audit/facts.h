/* SPDX-License-Identifier: Apache-2.0 */
/* What an image means, as single facts that can be compared: rights first. */
#ifndef HVCC_AUDIT_FACTS_H
#define HVCC_AUDIT_FACTS_H

#include "audit/image.h"
#include "base/vector.h"

enum fact_kind {
	FACT_GUEST, /* that it is there */
	FACT_CPUID, /* a feature */
	FACT_MSR,
	FACT_PORTS,
	FACT_MEMORY,
	FACT_CPU, /* how many, and which of the host's */
	FACT_LAST_RIGHT = FACT_CPU,
	FACT_IDENTITY, /* CPUID bits that are no feature */
	FACT_DEVICE,
	FACT_BOOT,
	FACT_EVENT,
	FACT_SYSTEM,
};

extern const char *const fact_words[];

struct fact {
	uint8_t kind;	/* enum fact_kind */
	uint8_t vendors; /* bit n: enum hv_vendor n; 0: of neither */
	const char *guest; /* "" for the system */
	const char *key;   /* "avx2", "0x48 IA32_SPEC_CTRL" */
	const char *value;
	uint64_t amount; /* more is more right; 0: cannot be ordered */
	uint32_t position;
};

struct facts {
	VECTOR(struct fact) list; /* sorted by kind, guest, key, vendors */
};

struct facts facts_of(const struct image *image);

/* Order of the list; the value does not count. */
int fact_compare(const struct fact *a, const struct fact *b);

#endif
