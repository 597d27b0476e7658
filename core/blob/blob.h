/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blob/ reads the boot blob: everything is verified once, bounds first, and then only const views
 * are handed out. It knows no machine; it is host-tested and fuzzed.
 */
#ifndef CORE_BLOB_BLOB_H
#define CORE_BLOB_BLOB_H

#include "lib/status.h"
#include "lib/types.h"
#include "schema/hvblob.h"

/* A verified blob: every reference in every record is good. Arrays and their lengths by section. */
struct blob {
	const struct hv_header *header;
	uint32_t count[HV_SECTION_USED];
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
	const uint16_t *cpuid_index;
	const struct hv_feature *features;
	const struct hv_cpuid_clear *clears;
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

/* What is wrong with a blob: one sentence, and the section and record where (HV_NONE: none). */
struct blob_fault {
	const char *what;
	uint32_t section;
	uint32_t record;
};

/*
 * Verifies `size` bytes (8-byte aligned) and fills in *blob, whose views live as long as the bytes.
 * STATUS_CORRUPT with *fault filled in; STATUS_UNSUPPORTED for a blob of another ABI.
 */
MUST_USE enum status blob_verify(const void *bytes, uint64_t size, struct blob *blob,
				 struct blob_fault *fault);

/* The machine's blob; NULL until boot has verified it. */
extern const struct blob *machine_blob;

/* A string of a verified blob. */
static inline const char *blob_string(const struct blob *b, uint32_t offset)
{
	return b->strings + offset;
}

/* The bytes of a payload. */
static inline const void *blob_payload(const struct blob *b, uint32_t index)
{
	return (const uint8_t *)b->header + b->payloads[index].offset;
}

/* Writes ` (file:line)` into `to`, or nothing for position 0, for the end of a message. Returns
 * `to`. */
#define BLOB_PLACE_SIZE 96
const char *blob_place(const struct blob *b, uint32_t position, char to[BLOB_PLACE_SIZE]);

#endif
