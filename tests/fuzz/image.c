/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a blob with a good hash: what opens must come through everything that looks into
 * images: inspect, audit, listing, facts, pictures, decompile. Whether it opens is not the question.
 */
#include <sodium/crypto_hash_sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit.h"
#include "audit/compare.h"
#include "audit/decompile.h"
#include "audit/listing.h"
#include "audit/same.h"
#include "picture/scene.h"

/* Eleven CPU models are tried for each guest that is recovered: one input in eight is enough. */
enum { MOST_INPUT = 64 << 10, MOST_GUESTS = 2, RECOVER_EACH = 8 };

/* The hash stands over what the header says is hashed. */
static void make_good(uint8_t *data, size_t size)
{
	struct hv_header header;

	memcpy(&header, data, sizeof(header));
	header.magic = HV_HEADER_MAGIC;
	header.abi = HV_ABI;
	header.section_count = HV_SECTION_USED;
	memset(header.sha256, 0, sizeof(header.sha256));
	memset(header.signature, 0, sizeof(header.signature));
	memcpy(data, &header, sizeof(header));
	if (header.total_size >= sizeof(header) && header.total_size <= size)
		crypto_hash_sha256(header.sha256, data, header.total_size);
	memcpy(data, &header, sizeof(header));
}

static void look(FILE *sink, struct image *image)
{
	static struct scene (*const views[])(const struct image *, uint32_t) = {
		view_topology, view_memory, view_devices, view_shares,
	};
	struct blob_view view = { .blob = image->blob, .header = image->header };
	struct audit audit = audit_image(image);
	struct changes changes = compare_images(image, image);
	json_t *root = view_json(&view, NULL);

	view_print(sink, root);
	json_decref(root);
	audit_print(sink, &audit);
	json_decref(audit_json(&audit));
	listing_print(sink, image);
	changes_print(sink, &changes);
	if (same_records(image, image).list.count)
		abort();
	for (size_t i = 0; i < sizeof(views) / sizeof(*views); i++) {
		struct scene scene = views[i](image, HV_NONE);

		write_svg(sink, &scene);
		write_dot(sink, &scene);
		write_outline(sink, &scene);
	}
}

static void recover(const struct image *image)
{
	struct decompiled d = decompile(image);

	for (size_t i = 0; i < d.guests.count; i++)
		decompile_guest(&d, &d.guests.items[i]);
	decompile_system(&d);
	decompile_refine(&d, image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = { 0 };
	struct image image;
	struct bytes file;
	uint8_t *copy;
	static FILE *sink;

	if (size < sizeof(struct hv_header) || size > MOST_INPUT)
		return 0;
	if (!sink)
		sink = fopen("/dev/null", "w");
	copy = arena_alloc(&arena, size);
	memcpy(copy, data, size);
	make_good(copy, size);
	file = (struct bytes){ copy, size };
	if (!image_open(&arena, file, &image)) {
		look(sink, &image);
		if (image.counts[HV_SECTION_GUESTS] <= MOST_GUESTS &&
		    data[offsetof(struct hv_header, sha256)] % RECOVER_EACH == 0)
			recover(&image);
	}
	arena_free(&arena);
	return 0;
}
