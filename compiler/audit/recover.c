/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a decompiled image: their names, and what `leaf` statements are missing. */
#include "audit/decompile.h"

#include <string.h>

#include "audit/kernel_file.h"
#include "policy/feature.h"

/* Inside the folder that is written, and as it was where it can be. */
static const char *safe_name(const struct image *image, const char *name)
{
	const char *slash = strrchr(name, '/');
	bool outside = name[0] == '/' || !strncmp(name, "../", 3) || strstr(name, "/../");

	if (outside && slash)
		name = slash + 1;
	if (!*name || name[strlen(name) - 1] == '/' || !strcmp(name, ".") || !strcmp(name, ".."))
		return "payload";
	return arena_strdup(image->arena, name);
}

/* The path under which these bytes go: of the same name, each content has a folder of its own. */
static const char *add_file(struct decompiled *d, const char *name, struct bytes bytes)
{
	const char *first = safe_name(d->image, name), *path = first;
	unsigned int number = 1;

	for (size_t i = 0; i < d->payloads.count; i++) {
		const struct recovered_file *file = &d->payloads.items[i];

		if (strcmp(file->path, path))
			continue;
		if (file->bytes.size == bytes.size &&
		    !memcmp(file->bytes.data, bytes.data, bytes.size))
			return path;
		path = arena_printf(d->image->arena, "%u/%s", ++number, first);
		i = (size_t)-1;
	}
	vector_push(d->image->arena, &d->payloads, ((struct recovered_file){ path, bytes }));
	return path;
}

static void note(struct decompiled *d, const struct recovered_guest *guest, const char *text)
{
	vector_push(d->image->arena, &d->notes,
		    arena_printf(d->image->arena, "guest %s: %s",
				 image_text(d->image, guest->record->name), text));
}

static void add_disks(struct decompiled *d, struct recovered_guest *guest)
{
	const struct image *image = d->image;

	for (uint32_t i = 0; i < guest->record->devices.count; i++) {
		const struct hv_device *device = &image->devices[guest->record->devices.first + i];
		uint32_t payload = device->parameter[1];

		if (device->kind != HV_DEVICE_VIRTIO || device->parameter[0] != HV_VIRTIO_BLK ||
		    payload >= image->counts[HV_SECTION_PAYLOADS])
			continue;
		vector_push(image->arena, &guest->disks,
			    add_file(d, image_text(image, image->payloads[payload].name),
				     image_payload(image, payload)));
	}
}

static void add_files(struct decompiled *d, struct recovered_guest *guest)
{
	const struct booted *booted = &guest->booted;
	struct bytes kernel = kernel_file(d->image, booted, &guest->unpacked);

	if (kernel.size)
		guest->kernel = add_file(d, booted->kernel_name, kernel);
	else
		note(d, guest, "no kernel is loaded");
	if (!strcmp(booted->protocol, "linux") && booted->segments.count > 1 && !guest->unpacked &&
	    booted->zero_page.data[0x201] >= 0x60)
		note(d, guest, "its unpacked kernel does not fit into a bzImage again: boot_params "
			       "come back with a header of hvcc's own");
	add_disks(d, guest);
	for (size_t i = 0; i < booted->modules.count; i++) {
		const struct hv_load *load = booted->modules.items[i].load;

		vector_push(d->image->arena, &guest->modules,
			    add_file(d, image_text(d->image, load->name),
				     image_load_bytes(d->image, load)));
	}
}

struct decompiled decompile(const struct image *image)
{
	struct decompiled d = { .image = image };

	for (uint32_t i = 0; i < image->counts[HV_SECTION_GUESTS]; i++) {
		const struct hv_guest *record = &image->guests[i];
		struct recovered_guest *guest = vector_add(image->arena, &d.guests);

		guest->record = record;
		guest->booted = boot_of(image, record);
		guest->path = arena_printf(image->arena, "%s.guest.yaml",
					   safe_name(image, image_text(image, record->name)));
		policy_recover(image, guest);
		add_files(&d, guest);
	}
	return d;
}

/* ------------------------------------------------------------------------------------- `leaf` statements */

/* Bits that are features go the way of the verbs. */
static uint32_t feature_bits(uint32_t leaf, uint32_t subleaf, uint32_t reg)
{
	uint32_t bits = 0;

	for (enum feature_id id = 1; id < FEATURE_COUNT; id++)
		if (features[id].leaf == leaf && features[id].subleaf == subleaf &&
		    features[id].reg == reg)
			bits |= 1u << features[id].bit;
	return bits;
}

static struct leaf_text *leaf_of(const struct decompiled *d, struct recovered_guest *guest,
				 uint32_t vendor, const struct hv_cpuid *row)
{
	struct leaf_text *leaf;

	for (size_t i = 0; i < guest->leaves.count; i++)
		if (guest->leaves.items[i].leaf == row->leaf &&
		    guest->leaves.items[i].subleaf == row->subleaf &&
		    guest->leaves.items[i].vendor == vendor)
			return &guest->leaves.items[i];
	leaf = vector_add(d->image->arena, &guest->leaves);
	leaf->leaf = row->leaf;
	leaf->subleaf = row->subleaf;
	leaf->vendor = vendor;
	return leaf;
}

/* Says of some bits of a register what they are in the image; true if that was not said before. */
static bool name_bits(const struct decompiled *d, struct recovered_guest *guest, uint32_t vendor,
		      const struct hv_cpuid *row, uint32_t reg, uint32_t bits)
{
	struct leaf_text *leaf = leaf_of(d, guest, vendor, row);
	bool news = bits & ~leaf->touched[reg];

	leaf->touched[reg] |= bits;
	leaf->value[reg] = (leaf->value[reg] & ~bits) | (row->value[reg] & bits);
	leaf->host[reg] = (leaf->host[reg] & ~bits) | (row->host_mask[reg] & bits);
	return news;
}

/* A bit of EAX that reads zero: naming it changes nothing. */
static uint32_t zero_bit(const struct hv_cpuid *row)
{
	uint32_t bits = row->value[0] | row->host_mask[0];

	return ~bits & -~bits;
}

/*
 * A row that is missing is made by naming what is not zero in it. Sub-leaves bring along those
 * below them, so that rows of zeros matter only at the end of their leaf.
 */
static bool name_row(const struct decompiled *d, struct recovered_guest *guest,
		     const struct hv_cpu_policy *policy, uint32_t vendor, const struct hv_cpuid *row)
{
	bool news = false;

	for (uint32_t reg = 0; reg < 4; reg++)
		if (row->value[reg])
			news |= name_bits(d, guest, vendor, row, reg, row->value[reg]);
	if (!news && !image_cpuid(d->image, policy, row->leaf, row->subleaf + 1))
		news = name_bits(d, guest, vendor, row, 0, zero_bit(row));
	return news;
}

static bool compare_row(const struct decompiled *d, struct recovered_guest *guest, uint32_t vendor,
			const struct hv_cpuid *row, const struct hv_cpuid *other)
{
	bool news = false;

	for (uint32_t reg = 0; reg < 4; reg++) {
		uint32_t bits = (row->value[reg] ^ other->value[reg]) |
				(row->host_mask[reg] ^ other->host_mask[reg]);

		bits &= ~feature_bits(row->leaf, row->subleaf, reg);
		if (bits)
			news |= name_bits(d, guest, vendor, row, reg, bits);
	}
	return news;
}

/* The limits in leaves 0 and 0x80000000 follow when the leaves are there. */
static bool is_limit(const struct hv_cpuid *row)
{
	return row->leaf == 0 || row->leaf == 0x80000000;
}

static bool refine_policy(struct decompiled *d, struct recovered_guest *guest, uint32_t vendor,
			  const struct image *built, const struct hv_guest *other, bool limits)
{
	const struct hv_cpu_policy *policy, *made;
	bool news = false;

	if (guest->record->policy[vendor] == HV_NONE || other->policy[vendor] == HV_NONE)
		return false;
	policy = &d->image->policies[guest->record->policy[vendor]];
	made = &built->policies[other->policy[vendor]];
	for (uint32_t i = 0; i < policy->cpuid.count; i++) {
		const struct hv_cpuid *row = &d->image->cpuid[policy->cpuid.first + i];
		const struct hv_cpuid *there = image_cpuid(built, made, row->leaf, row->subleaf);

		if (row->subleaf > 31 || is_limit(row) != limits)
			continue;
		news |= there ? compare_row(d, guest, vendor, row, there)
			      : name_row(d, guest, policy, vendor, row);
	}
	return news;
}

bool decompile_refine(struct decompiled *d, const struct image *built)
{
	bool news = false;

	for (int limits = 0; limits < 2 && !news; limits++)
		for (size_t i = 0; i < d->guests.count && i < built->counts[HV_SECTION_GUESTS]; i++)
			for (uint32_t v = 0; v < HV_VENDORS; v++)
				news |= refine_policy(d, &d->guests.items[i], v, built,
						      &built->guests[i], limits);
	return news;
}
