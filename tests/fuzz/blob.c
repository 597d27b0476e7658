/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blob's reader on arbitrary bytes. The digest is made right first where the sizes allow it,
 * since no fuzzer finds one; an accepted blob is then walked along every reference, as the core
 * would, under ASan.
 */
#include <stdlib.h>
#include <string.h>

#include "blob/blob.h"
#include "lib/sha256.h"

static volatile uint64_t sink; /* reads must happen */

static void read_bytes(const void *p, size_t n)
{
	const uint8_t *bytes = p;

	for (size_t i = 0; i < n; i++)
		sink += bytes[i];
}

static void read_text(const struct blob *b, uint32_t name, uint32_t position)
{
	char place[BLOB_PLACE_SIZE];

	sink += strlen(blob_string(b, name)) + strlen(blob_place(b, position, place));
}

static void walk_policy(const struct blob *b, const struct hv_cpu_policy *p)
{
	for (uint32_t r = 0; r < HV_CPUID_RANGES; r++) {
		for (uint32_t i = 0; i < p->index[r].count; i++) {
			uint32_t at = b->cpuid_index[p->index[r].first + i];
			const struct hv_cpuid *c = b->cpuid + p->cpuid.first + at;

			if (at != 0xffff)
				read_bytes(c, (c->subleaves ? c->subleaves : 1) * sizeof(*c));
		}
	}
	for (uint32_t i = 0; i < p->features.count; i++) {
		const struct hv_feature *f = &b->features[p->features.first + i];

		read_text(b, f->name, f->position);
		for (uint32_t k = 0; k < f->clears.count; k++)
			read_bytes(&b->cpuid[b->clears[f->clears.first + k].cpuid],
				   sizeof(*b->cpuid));
	}
	read_bytes(b->msrs + p->msrs.first, p->msrs.count * sizeof(*b->msrs));
}

static void walk_load(const struct blob *b, const struct hv_load *l)
{
	read_text(b, l->name, l->position);
	if (l->source == HV_LOAD_BYTES)
		read_bytes(b->bytes + l->source_offset, l->file_size);
	if (l->source == HV_LOAD_PAYLOAD)
		read_bytes((const uint8_t *)blob_payload(b, l->payload) + l->source_offset,
			   l->file_size);
}

static void walk_guest(const struct blob *b, const struct hv_guest *g)
{
	read_text(b, g->name, g->position);
	for (uint32_t i = 0; i < g->vcpus.count; i++) {
		const struct hv_vcpu *v = &b->vcpus[g->vcpus.first + i];

		if (v->start != HV_NONE)
			read_bytes(&b->starts[v->start], sizeof(*b->starts));
	}
	for (uint32_t i = 0; i < g->regions.count; i++)
		read_text(b, b->regions[g->regions.first + i].name,
			  b->regions[g->regions.first + i].position);
	for (uint32_t i = 0; i < g->loads.count; i++)
		walk_load(b, &b->loads[g->loads.first + i]);
	for (uint32_t i = 0; i < g->devices.count; i++)
		read_text(b, b->devices[g->devices.first + i].name,
			  b->devices[g->devices.first + i].position);
	for (uint32_t i = 0; i < g->pci.count; i++) {
		read_bytes(b->bytes + b->pci[g->pci.first + i].config, 256);
		read_bytes(b->bytes + b->pci[g->pci.first + i].mask, 256);
	}
	for (uint32_t v = 0; v < HV_VENDORS; v++)
		if (g->policy[v] != HV_NONE)
			walk_policy(b, &b->policies[g->policy[v]]);
}

static void seal(struct hv_header *h, size_t size)
{
	if (size < sizeof(*h) || h->total_size < sizeof(*h) || h->total_size > size)
		return;
	memset(h->sha256, 0, sizeof(h->sha256));
	memset(h->signature, 0, sizeof(h->signature));
	sha256(h, h->total_size, h->sha256);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	struct blob_fault fault;
	struct blob b;

	memcpy(copy, data, size);
	seal((struct hv_header *)copy, size);
	if (blob_verify(copy, size, &b, &fault) == STATUS_OK)
		for (uint32_t i = 0; i < b.count[HV_SECTION_GUESTS]; i++)
			walk_guest(&b, &b.guests[i]);
	free(copy);
	return 0;
}
