/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image back to YAML and the files it names. Everything is recovered from the records; the CPU
 * policy comes back as the base that fits best and statements for the rest. What statements cannot
 * be known before it has been built (`leaf` assignments) is found by building and comparing:
 *
 *	d = decompile(image);
 *	do { write d's files; build them; } while (decompile_refine(d, built));
 */
#ifndef HVCC_AUDIT_DECOMPILE_H
#define HVCC_AUDIT_DECOMPILE_H

#include <stdio.h>

#include "audit/boot.h"
#include "base/buffer.h"

struct recovered_file {
	const char *path; /* relative */
	struct bytes bytes;
};

/* `leaf N.S { ... }` of one vendor: bits by register that are one, the host's, or to be named at all. */
struct leaf_text {
	uint32_t leaf, subleaf;
	uint32_t vendor; /* enum hv_vendor */
	uint32_t touched[4], value[4], host[4];
};

struct recovered_guest {
	const struct hv_guest *record;
	struct booted booted;
	const char *base;	/* of the CPU policy; NULL: one for each vendor, in statements */
	const char *statements; /* verbs, one a line; "" when the base says it all */
	VECTOR(struct leaf_text) leaves;
	const char *path; /* of its YAML file */
	const char *kernel; /* path of the kernel file, or NULL */
	bool unpacked;
	VECTOR(const char *) modules; /* paths, in order */
	VECTOR(const char *) disks;   /* of virtio devices, likewise */
};

struct decompiled {
	const struct image *image;
	VECTOR(struct recovered_file) payloads;
	VECTOR(struct recovered_guest) guests;
	VECTOR(const char *) notes; /* what the image does not hold */
};

struct decompiled decompile(const struct image *image);

/* The YAML of the system, and of a guest. In the image's arena. */
struct bytes decompile_system(const struct decompiled *d);
struct bytes decompile_guest(const struct decompiled *d, const struct recovered_guest *guest);

/*
 * Adds `leaf` statements for the CPUID bits that differ in an image built of what was written.
 * Returns whether there are any: then it must be written and built again.
 */
bool decompile_refine(struct decompiled *d, const struct image *built);

/* policy_text.c: finds base and statements for the policies of a guest. */
void policy_recover(const struct image *image, struct recovered_guest *guest);

/* policy_cases.c: what depends on the machine and on the vCPU, as `when` and `assert`. */
void policy_recover_cases(const struct image *image, const struct hv_cpu_policy *policy,
			  struct buffer *text);

#endif
