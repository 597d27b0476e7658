/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit/: from the bytes back. An image is opened once (image.c), every reference in it is tested,
 * and then who owns what (claim.c, audit.c), what it means (facts.c, compare.c), the YAML that
 * makes it (decompile.c and its kin) and a listing (listing.c) are read off the records. Nothing
 * here sees a source file or a model: what is said of an image is said by the image.
 * It may know the tables of names (policy/, lower/cpu.h), emit/'s tables of records and kernel/'s
 * file formats; no YAML, no diagnostics.
 */
#ifndef HVCC_AUDIT_IMAGE_H
#define HVCC_AUDIT_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/source.h"
#include "emit/view.h"

/* An opened image: arrays of records, copied out and aligned; all references are good. */
struct image {
	struct arena *arena;
	struct bytes blob;
	struct hv_header header;
	const char *path; /* for messages; whoever opens it sets it */
	uint32_t counts[HV_SECTION_USED];
	const char *strings;
	const struct hv_position *positions;
	const struct hv_system *system;
	const struct hv_guest *guests;
	const struct hv_vcpu *vcpus;
	const struct hv_start *starts;
	const struct hv_region *regions;
	const struct hv_load *loads;
	const struct hv_payload *payloads;
	const struct hv_device *devices;
	const struct hv_pci_function *pci;
	const struct hv_cpu_policy *policies;
	const struct hv_cpuid *cpuid;
	const struct hv_feature *features;
	const struct hv_msr *msrs;
	const uint8_t *bytes;
	const struct hv_policy_case *cases;
	const struct hv_host_test *tests;
	const struct hv_cpuid_patch *patches;
	const struct hv_guard *guards;
	const struct hv_frame *frames;
	const struct hv_window *windows;
	const struct hv_share *shares;
};

/*
 * Opens an image or a blob. Afterwards strings end, runs lie in their sections, loads in their
 * sources, payloads in the file. Returns NULL, or why it is refused ("is damaged: ...").
 */
const char *image_open(struct arena *arena, struct bytes file, struct image *image);

static inline const char *image_text(const struct image *image, uint32_t string)
{
	return image->strings + string;
}

/* What must be true where a case applies: "avx2 and no aes, vCPUs 1..2", or "every machine". */
const char *image_case_text(const struct image *image, const struct hv_cpu_policy *policy,
			    const struct hv_policy_case *c);

/* How a vCPU gets its host CPU: "by weight 256, at most 50 %"; "" where it has one for itself. */
const char *image_share_text(const struct image *image, const struct hv_vcpu *vcpu);

/* The guest of a vCPU of any guest, and its number there. */
const struct hv_guest *image_vcpu_guest(const struct image *image, uint32_t vcpu, uint32_t *number);

/* "guest.yaml:12:7", or "" when the record has no place. */
const char *image_place(const struct image *image, uint32_t position);

/* What a load copies; empty for zeros. */
struct bytes image_load_bytes(const struct image *image, const struct hv_load *load);

struct bytes image_payload(const struct image *image, uint32_t payload);

/* The guest's load that begins at an address, or NULL. */
const struct hv_load *image_load_at(const struct image *image, const struct hv_guest *guest,
				    uint64_t gpa);

/* The guest's first device of a kind, or NULL. */
const struct hv_device *image_device(const struct image *image, const struct hv_guest *guest,
				     enum hv_device_kind kind);

/* The CPUID record of a policy, or NULL. */
const struct hv_cpuid *image_cpuid(const struct image *image, const struct hv_cpu_policy *policy,
				   uint32_t leaf, uint32_t subleaf);

/* The policy for the first vendor that the guest runs on. NULL: it runs on none. */
const struct hv_cpu_policy *image_any_policy(const struct image *image,
					     const struct hv_guest *guest);

/* The word of enum hv_device_kind as listings have it. */
const char *image_device_word(uint32_t kind);

#endif
