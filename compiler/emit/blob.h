/* SPDX-License-Identifier: Apache-2.0 */
/*
 * emit/: from the lowered form to bytes: records into sections (blob*.c), sections and payloads
 * into a blob, core and blob into an image (elf.c); and back again for people (view.c). It decides
 * nothing. Output depends on the lowered form alone: no time, no folder, no hash order.
 */
#ifndef HVCC_EMIT_BLOB_H
#define HVCC_EMIT_BLOB_H

#include "base/buffer.h"
#include "base/map.h"
#include "base/output.h"
#include "lower/lowered.h"

/* A blob while it grows: one buffer a section. */
struct blob {
	struct arena *arena;
	const struct sources *sources;
	const struct lowered_system *system;
	struct buffer sections[HV_SECTION_USED];
	uint32_t counts[HV_SECTION_USED];
	struct map strings;
	struct map positions;
	const uint64_t *payload_offsets;
};

/* Size of one record of a section. */
uint32_t blob_record_size(enum hv_section_id section);

/* Appends a record; returns its index. */
uint32_t blob_add(struct blob *blob, enum hv_section_id section, const void *record);

/* The number of records so far: the first index of a run that starts now. */
uint32_t blob_next(const struct blob *blob, enum hv_section_id section);

/* Each text and each place once. NULL and nowhere are 0. */
uint32_t blob_string(struct blob *blob, const char *text);
uint32_t blob_position(struct blob *blob, struct position position);

/* Puts bytes into HV_SECTION_BYTES, 8-byte aligned; returns their offset there. */
uint32_t blob_bytes(struct blob *blob, const void *bytes, uint64_t size);

/* The families. Each appends what belongs to one guest and fills its part of the record. */
void blob_add_frames(struct blob *blob, const struct lowered_system *system);
void blob_add_vcpus(struct blob *blob, const struct lowered *guest, uint32_t index,
		    struct hv_guest *record);
void blob_add_memory(struct blob *blob, const struct lowered *guest, struct hv_guest *record);
void blob_add_devices(struct blob *blob, const struct lowered *guest, struct hv_guest *record);
uint32_t blob_add_policy(struct blob *blob, const struct cpu_policy_records *records);

/* A finished blob. */
struct blob_image {
	struct buffer records; /* header and sections: [0, total_size) */
	uint64_t image_size;   /* with payloads */
	const struct lowered_system *system;
	uint64_t *payload_offsets;
};

/*
 * Makes the blob of a system: records, then places for the payloads, then the hash. The payloads
 * themselves stay where they are until blob_write(). blob_image_free() afterwards.
 */
void blob_build(struct arena *arena, const struct sources *sources,
		const struct lowered_system *system, struct blob_image *image);
void blob_write(struct output *output, const struct blob_image *image);
void blob_image_free(struct blob_image *image);

#endif
