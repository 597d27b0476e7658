/* SPDX-License-Identifier: Apache-2.0 */
/* A small good blob for tests of its reader, laid out by hand: one guest, two vCPUs, one of each other record. */
#ifndef TESTS_SAMPLE_BLOB_H
#define TESTS_SAMPLE_BLOB_H

#include "schema/hvblob.h"

#define SAMPLE_COUNT 2

struct sample_blob {
	struct hv_header header;
	char strings[32];
	struct hv_position positions[SAMPLE_COUNT];
	struct hv_system system[1];
	struct hv_guest guests[1];
	struct hv_vcpu vcpus[SAMPLE_COUNT + 1]; /* the last one, of no guest, runs by a table */
	struct hv_start starts[1];
	struct hv_region regions[SAMPLE_COUNT + 1];
	struct hv_load loads[SAMPLE_COUNT];
	struct hv_payload payloads[1];
	struct hv_device devices[SAMPLE_COUNT + 1];
	struct hv_pci_function pci[1];
	struct hv_cpu_policy policies[1];
	struct hv_cpuid cpuid[SAMPLE_COUNT];
	uint16_t index[4];
	struct hv_feature features[1];
	struct hv_cpuid_clear clears[1];
	struct hv_msr msrs[SAMPLE_COUNT];
	uint8_t bytes[512];
	struct hv_policy_case cases[1];
	struct hv_host_test tests[1];
	struct hv_cpuid_patch patches[1];
	struct hv_guard guards[SAMPLE_COUNT];
	struct hv_frame frames[1];
	struct hv_window windows[SAMPLE_COUNT];
	struct hv_share shares[SAMPLE_COUNT];
	/* The payload begins here, on the next page. */
	uint8_t payload[4096 * 2] __attribute__((aligned(4096)));
};

/* Fills in the sample and seals it. */
void sample_blob_make(struct sample_blob *s);

/* Writes the digest, after a change. */
void sample_blob_seal(struct hv_header *h);

#endif
