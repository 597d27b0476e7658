/* SPDX-License-Identifier: Apache-2.0 */
/* SRAT and SLIT (ACPI 6.5, 5.2.16 and 5.2.17) read as an operating system does; vCPUs by their records. */
#include "audit/numa.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/bytes.h"

enum { HEADER = 36, SRAT_ENTRIES = 48, SRAT_MEMORY = 1, SLIT_COUNT = 36, SLIT_MATRIX = 44 };
enum { MOST_NODES = 256 };

struct bytes image_table(const struct image *image, const struct hv_guest *guest,
			 const char *signature)
{
	for (uint32_t i = 0; i < guest->loads.count; i++) {
		struct bytes table =
			image_load_bytes(image, &image->loads[guest->loads.first + i]);

		if (table.size >= HEADER && !memcmp(table.data, signature, 4))
			return table;
	}
	return (struct bytes){ 0 };
}

/* No more than any guest of hvcc's has: what is read may be made by anybody. */
enum { MOST_RAM = 1024 };

static void read_ram(const struct image *image, struct bytes srat, struct recovered_numa *numa)
{
	for (uint64_t at = SRAT_ENTRIES; bytes_hold(srat, at, 2);) {
		uint64_t length = bytes_u8(srat, at + 1);

		if (length < 2 || !bytes_hold(srat, at, length) || numa->ram.count == MOST_RAM)
			return;
		if (bytes_u8(srat, at) == SRAT_MEMORY && length >= 40 &&
		    bytes_u32(srat, at + 2) < MOST_NODES)
			*vector_add(image->arena, &numa->ram) = (struct recovered_ram){
				.base = bytes_u64(srat, at + 8),
				.size = bytes_u64(srat, at + 16),
				.node = bytes_u32(srat, at + 2),
			};
		at += length;
	}
}

uint32_t numa_node_at(const struct recovered_numa *numa, uint64_t gpa)
{
	for (size_t i = 0; i < numa->ram.count; i++)
		if (gpa >= numa->ram.items[i].base &&
		    gpa - numa->ram.items[i].base < numa->ram.items[i].size)
			return numa->ram.items[i].node;
	return HV_NONE;
}

uint32_t numa_distance(const struct recovered_numa *numa, uint32_t from, uint32_t to)
{
	uint64_t at = (uint64_t)from * numa->nodes.count + to;

	return bytes_hold(numa->distances, at, 1) ? bytes_u8(numa->distances, at) : 0;
}

static struct recovered_node *node_of(const struct image *image, struct recovered_numa *numa,
				      uint32_t node)
{
	while (numa->nodes.count <= node)
		*vector_add(image->arena, &numa->nodes) =
			(struct recovered_node){ .host_node = HV_NONE, .cpus = "" };
	return &numa->nodes.items[node];
}

/* The vCPUs of a node as a list. */
static const char *cpus_of(const struct image *image, const struct hv_guest *guest, uint32_t node)
{
	const struct hv_vcpu *vcpus = &image->vcpus[guest->vcpus.first];
	struct buffer text = { 0 };
	const char *list;

	for (uint32_t first = 0, end; first < guest->vcpus.count; first = end + 1) {
		char range[32];

		for (end = first; end < guest->vcpus.count && vcpus[end].proximity == node; end++)
			;
		if (end == first)
			continue;
		snprintf(range, sizeof(range), end - first > 1 ? "%s%u-%u" : "%s%u",
			 text.size ? "," : "", first, end - 1);
		buffer_bytes(&text, range, strlen(range));
	}
	list = arena_strndup(image->arena, text.size ? (const char *)text.data : "", text.size);
	buffer_free(&text);
	return list;
}

static void add_host_nodes(const struct image *image, const struct hv_guest *guest,
			   struct recovered_numa *numa)
{
	for (uint32_t i = 0; i < guest->regions.count; i++) {
		const struct hv_region *region = &image->regions[guest->regions.first + i];
		uint32_t node = numa_node_at(numa, region->gpa);

		if (region->kind == HV_REGION_RAM && node < numa->nodes.count)
			numa->nodes.items[node].host_node = region->host_node;
	}
}

struct recovered_numa numa_of(const struct image *image, const struct hv_guest *guest)
{
	struct bytes srat = image_table(image, guest, "SRAT");
	struct bytes slit = image_table(image, guest, "SLIT");
	struct recovered_numa numa = { 0 };
	uint64_t count = bytes_u64(slit, SLIT_COUNT);

	read_ram(image, srat, &numa);
	for (size_t i = 0; i < numa.ram.count; i++)
		node_of(image, &numa, numa.ram.items[i].node)->size += numa.ram.items[i].size;
	for (uint32_t i = 0; i < numa.nodes.count; i++)
		numa.nodes.items[i].cpus = cpus_of(image, guest, i);
	add_host_nodes(image, guest, &numa);
	if (count == numa.nodes.count)
		numa.distances = bytes_part(slit, SLIT_MATRIX, count * count);
	return numa;
}
