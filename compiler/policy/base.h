/* SPDX-License-Identifier: Apache-2.0 */
/* The bases: sets of features that have a name. */
#ifndef HVCC_POLICY_BASE_H
#define HVCC_POLICY_BASE_H

#include <stddef.h>
#include <stdint.h>

#include "diag/diag.h"
#include "policy/feature.h"

/* A named set. Features of the core are in every base but `none`, without being listed. */
struct cpu_base {
	const char *name;
	const struct cpu_base *parent; /* it has all of these, too */
	const uint16_t *features;      /* enum feature_id, ends with FEATURE_NONE */
	uint8_t vendor;		       /* whose family and model it has; 0: the host's are shown */
	uint8_t since;
	uint32_t family, model, stepping;
	const char *brand;
};

/* The base of that name, spelled as libvirt and QEMU do (case counts, as there); NULL: unknown. */
const struct cpu_base *base_find(const char *name);

/* Each base once, without other names; NULL behind the last. A parent stands before its children. */
const struct cpu_base *base_row(size_t i);

/* All names: candidates for did-you-mean. Returns their number. */
size_t base_names(const char *const **names);

/* Reports a base that does not exist, with the one that resembles it. */
void base_unknown(struct diags *diags, struct position at, const char *name);

/* All features of a base that the core can offer, on any vendor. */
struct feature_set base_features(const struct cpu_base *base);

/* CPUID 1 EAX (SDM v2 "CPUID" figure 3-6); 0: the host's. */
uint32_t base_signature(const struct cpu_base *base);

#endif
