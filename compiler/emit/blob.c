/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sections, header, hash. The blob's structures are little-endian, as is every host that hvcc is
 * built on; the records are copied as they are.
 */
#include "emit/blob.h"

#include <sodium/crypto_hash_sha256.h>
#include <stdio.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "records are copied as they are");
_Static_assert(crypto_hash_sha256_BYTES == 32, "hv_header.sha256");

enum { BLOB_PAGE = 4096, RECORD_ALIGN = 8 };

static const uint32_t record_sizes[HV_SECTION_USED] = {
	[HV_SECTION_STRINGS] = 1,
	[HV_SECTION_POSITIONS] = sizeof(struct hv_position),
	[HV_SECTION_SYSTEM] = sizeof(struct hv_system),
	[HV_SECTION_GUESTS] = sizeof(struct hv_guest),
	[HV_SECTION_VCPUS] = sizeof(struct hv_vcpu),
	[HV_SECTION_STARTS] = sizeof(struct hv_start),
	[HV_SECTION_REGIONS] = sizeof(struct hv_region),
	[HV_SECTION_LOADS] = sizeof(struct hv_load),
	[HV_SECTION_PAYLOADS] = sizeof(struct hv_payload),
	[HV_SECTION_DEVICES] = sizeof(struct hv_device),
	[HV_SECTION_PCI] = sizeof(struct hv_pci_function),
	[HV_SECTION_POLICIES] = sizeof(struct hv_cpu_policy),
	[HV_SECTION_CPUID] = sizeof(struct hv_cpuid),
	[HV_SECTION_CPUID_INDEX] = sizeof(uint16_t),
	[HV_SECTION_FEATURES] = sizeof(struct hv_feature),
	[HV_SECTION_CLEARS] = sizeof(struct hv_cpuid_clear),
	[HV_SECTION_MSRS] = sizeof(struct hv_msr),
	[HV_SECTION_BYTES] = 1,
	[HV_SECTION_CASES] = sizeof(struct hv_policy_case),
	[HV_SECTION_TESTS] = sizeof(struct hv_host_test),
	[HV_SECTION_PATCHES] = sizeof(struct hv_cpuid_patch),
	[HV_SECTION_GUARDS] = sizeof(struct hv_guard),
	[HV_SECTION_FRAMES] = sizeof(struct hv_frame),
	[HV_SECTION_WINDOWS] = sizeof(struct hv_window),
	[HV_SECTION_SHARES] = sizeof(struct hv_share),
};

uint32_t blob_record_size(enum hv_section_id section)
{
	return record_sizes[section];
}

uint32_t blob_add(struct blob *blob, enum hv_section_id section, const void *record)
{
	buffer_bytes(&blob->sections[section], record, record_sizes[section]);
	return blob->counts[section]++;
}

uint32_t blob_next(const struct blob *blob, enum hv_section_id section)
{
	return blob->counts[section];
}

uint32_t blob_string(struct blob *blob, const char *text)
{
	struct buffer *strings = &blob->sections[HV_SECTION_STRINGS];
	uintptr_t offset;

	if (!text || !*text)
		return 0;
	offset = (uintptr_t)map_get(&blob->strings, text);
	if (!offset) {
		offset = buffer_text(strings, text);
		map_put(blob->arena, &blob->strings, text, (void *)offset);
		blob->counts[HV_SECTION_STRINGS] = (uint32_t)strings->size;
	}
	return (uint32_t)offset;
}

/* A path relative to the folder of the top file, which is the first that was read. */
static const char *relative_path(const struct blob *blob, const char *path)
{
	const char *top = blob->sources->files.count > 1 ? blob->sources->files.items[1].path : "";
	const char *slash = strrchr(top, '/');
	size_t folder = slash ? (size_t)(slash - top) + 1 : 0;

	return strncmp(path, top, folder) ? path : path + folder;
}

uint32_t blob_position(struct blob *blob, struct position position)
{
	struct hv_position record = { .line = position.line, .column = position.column };
	const struct source *source;
	uintptr_t index;
	char key[64];

	if (!position_known(position))
		return 0;
	snprintf(key, sizeof(key), "%u:%u:%u", position.file, position.line, position.column);
	index = (uintptr_t)map_get(&blob->positions, key);
	if (index)
		return (uint32_t)index;
	source = source_get(blob->sources, position.file);
	record.file = blob_string(blob, relative_path(blob, source->path));
	index = blob_add(blob, HV_SECTION_POSITIONS, &record);
	map_put(blob->arena, &blob->positions, key, (void *)index);
	return (uint32_t)index;
}

uint32_t blob_bytes(struct blob *blob, const void *bytes, uint64_t size)
{
	struct buffer *section = &blob->sections[HV_SECTION_BYTES];
	uint32_t offset = (uint32_t)buffer_align(section, RECORD_ALIGN);

	buffer_bytes(section, bytes, size);
	blob->counts[HV_SECTION_BYTES] = (uint32_t)section->size;
	return offset;
}

/* ------------------------------------------------------------------------------------ the whole */

/* Offset 0 is the empty string, position 0 is nowhere. */
static void begin(struct blob *blob)
{
	struct hv_position nowhere = { 0 };

	buffer_u8(&blob->sections[HV_SECTION_STRINGS], 0);
	blob->counts[HV_SECTION_STRINGS] = 1;
	blob_add(blob, HV_SECTION_POSITIONS, &nowhere);
}

static void add_system(struct blob *blob)
{
	struct hv_system record = blob->system->record;

	record.name = blob_string(blob, blob->system->name);
	record.position = blob_position(blob, blob->system->position);
	blob_add(blob, HV_SECTION_SYSTEM, &record);
}

static void add_guest(struct blob *blob, const struct lowered *guest, uint32_t index)
{
	struct hv_guest record = {
		.name = blob_string(blob, guest->name),
		.position = blob_position(blob, guest->position),
		.flags = guest->flags,
		.pv = guest->pv,
		.physical_bits = guest->map.physical_bits,
		.reserve_frames = guest->reserve_frames,
		.on_poweroff = guest->on_poweroff,
		.on_reboot = guest->on_reboot,
		.on_crash = guest->on_crash,
	};

	blob_add_vcpus(blob, guest, index, &record);
	blob_add_memory(blob, guest, &record);
	blob_add_devices(blob, guest, &record);
	for (enum hv_vendor vendor = 0; vendor < HV_VENDORS; vendor++)
		record.policy[vendor] =
			guest->cpu->runs_on[vendor] ?
				blob_add_policy(blob, &guest->cpu->policies[vendor]) :
				HV_NONE;
	blob_add(blob, HV_SECTION_GUESTS, &record);
}

static void add_shares(struct blob *blob)
{
	for (size_t i = 0; i < blob->system->shares.count; i++) {
		const struct lowered_shmem *share = &blob->system->shares.items[i];
		struct hv_share record = share->record;

		record.name = blob_string(blob, share->name);
		record.position = blob_position(blob, share->position);
		blob_add(blob, HV_SECTION_SHARES, &record);
	}
}

static void add_payloads(struct blob *blob)
{
	for (size_t i = 0; i < blob->system->payloads.count; i++) {
		const struct lowered_payload *payload = &blob->system->payloads.items[i];
		struct hv_payload record = {
			.size = payload->data.size,
			.name = blob_string(blob, payload->name),
			.position = blob_position(blob, payload->position),
		};

		crypto_hash_sha256(record.sha256, payload->data.data, payload->data.size);
		blob_add(blob, HV_SECTION_PAYLOADS, &record);
	}
}

static uint64_t page_up(uint64_t value)
{
	return (value + BLOB_PAGE - 1) & ~(uint64_t)(BLOB_PAGE - 1);
}

/* Payloads follow the records, each on a page of its own; patches their offsets in. */
static uint64_t place_payloads(struct blob *blob, uint64_t total_size, uint64_t *offsets)
{
	struct buffer *section = &blob->sections[HV_SECTION_PAYLOADS];
	uint64_t next = page_up(total_size);

	for (size_t i = 0; i < blob->system->payloads.count; i++) {
		offsets[i] = next;
		buffer_patch_u64(section,
				 i * sizeof(struct hv_payload) + offsetof(struct hv_payload, offset),
				 next);
		next = page_up(next + blob->system->payloads.items[i].data.size);
	}
	return next;
}

/* Lays the sections out behind the header; returns total_size. */
static uint64_t place_sections(const struct blob *blob, struct hv_header *header)
{
	uint64_t next = sizeof(*header);

	for (unsigned int i = 0; i < HV_SECTION_USED; i++) {
		header->sections[i].offset = next;
		header->sections[i].count = blob->counts[i];
		header->sections[i].record_size = record_sizes[i];
		next += (blob->sections[i].size + RECORD_ALIGN - 1) & ~(uint64_t)(RECORD_ALIGN - 1);
	}
	return next;
}

static void assemble(struct blob *blob, struct blob_image *image)
{
	struct hv_header header = { .magic = HV_HEADER_MAGIC,
				    .abi = HV_ABI,
				    .section_count = HV_SECTION_USED };

	header.total_size = place_sections(blob, &header);
	header.image_size = place_payloads(blob, header.total_size, image->payload_offsets);
	buffer_bytes(&image->records, &header, sizeof(header));
	for (unsigned int i = 0; i < HV_SECTION_USED; i++) {
		buffer_bytes(&image->records, blob->sections[i].data, blob->sections[i].size);
		buffer_align(&image->records, RECORD_ALIGN);
	}
	crypto_hash_sha256(header.sha256, image->records.data, image->records.size);
	buffer_patch(&image->records, offsetof(struct hv_header, sha256), header.sha256,
		     sizeof(header.sha256));
	image->image_size = header.image_size;
}

void blob_build(struct arena *arena, const struct sources *sources,
		const struct lowered_system *system, struct blob_image *image)
{
	struct blob blob = { .arena = arena, .sources = sources, .system = system };

	*image = (struct blob_image){ .system = system };
	image->payload_offsets =
		arena_array(arena, system->payloads.count, sizeof(*image->payload_offsets));
	begin(&blob);
	add_system(&blob);
	for (size_t i = 0; i < system->guests.count; i++)
		add_guest(&blob, system->guests.items[i], (uint32_t)i);
	blob_add_frames(&blob, system);
	add_payloads(&blob);
	add_shares(&blob);
	assemble(&blob, image);
	for (unsigned int i = 0; i < HV_SECTION_USED; i++)
		buffer_free(&blob.sections[i]);
}

static void write_zeros(struct output *output, uint64_t size)
{
	static const uint8_t zeros[BLOB_PAGE];

	for (; size > BLOB_PAGE; size -= BLOB_PAGE)
		output_write(output, zeros, BLOB_PAGE);
	output_write(output, zeros, size);
}

void blob_write(struct output *output, const struct blob_image *image)
{
	uint64_t at = image->records.size;

	output_write(output, image->records.data, image->records.size);
	for (size_t i = 0; i < image->system->payloads.count; i++) {
		const struct bytes *data = &image->system->payloads.items[i].data;

		write_zeros(output, image->payload_offsets[i] - at);
		output_write(output, data->data, data->size);
		at = image->payload_offsets[i] + data->size;
	}
	write_zeros(output, image->image_size - at);
}

void blob_image_free(struct blob_image *image)
{
	buffer_free(&image->records);
}
