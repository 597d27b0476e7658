/* SPDX-License-Identifier: Apache-2.0 */
/* Each protocol leaves its mark: a magic number in a register, or a structure at one. */
#include "audit/boot.h"

#include <string.h>

#include "base/bytes.h"
#include "kernel/bzimage.h"

enum { GPR_RAX = 0, GPR_RBX = 3, GPR_RSI = 6 };
enum { EFER_LMA = 1 << 10, CR0_PE = 1 << 0, ZERO_PAGE = 4096, MOST_MODULES = 128 };
#define MULTIBOOT1_MAGIC 0x2badb002u
#define MULTIBOOT2_MAGIC 0x36d76289u
#define START_INFO_MAGIC 0x336ec578u

struct reading {
	const struct image *image;
	const struct hv_guest *guest;
	const struct hv_start *start;
	struct booted *booted;
};

static struct bytes at(const struct reading *r, uint64_t gpa)
{
	const struct hv_load *load = gpa ? image_load_at(r->image, r->guest, gpa) : NULL;

	return load ? image_load_bytes(r->image, load) : (struct bytes){ 0 };
}

/* Text in guest memory, at the start of a load. "" when there is none. */
static const char *text_at(const struct reading *r, uint64_t gpa)
{
	struct bytes bytes = at(r, gpa);

	if (!bytes.size)
		return "";
	return arena_strndup(r->image->arena, (const char *)bytes.data,
			     strnlen((const char *)bytes.data, bytes.size));
}

static const char *text_in(const struct reading *r, struct bytes bytes)
{
	if (!bytes.size)
		return "";
	return arena_strndup(r->image->arena, (const char *)bytes.data,
			     strnlen((const char *)bytes.data, bytes.size));
}

static void add_module(const struct reading *r, uint64_t gpa, const char *args)
{
	const struct hv_load *load = image_load_at(r->image, r->guest, gpa);

	if (load && load->source == HV_LOAD_PAYLOAD && r->booted->modules.count < MOST_MODULES)
		vector_push(r->image->arena, &r->booted->modules,
			    ((struct booted_module){ load, args }));
}

/* ------------------------------------------------------------------------------------ the protocols */

static bool read_linux(const struct reading *r)
{
	struct bytes page = at(r, r->start->gpr[GPR_RSI]);

	if (page.size != ZERO_PAGE || bytes_u32(page, SETUP_MAGIC) != SETUP_MAGIC_VALUE)
		return false;
	r->booted->protocol = "linux";
	r->booted->zero_page = page;
	r->booted->cmdline = text_at(r, bytes_u32(page, SETUP_CMD_LINE_PTR));
	if (bytes_u32(page, SETUP_RAMDISK_IMAGE))
		add_module(r, bytes_u32(page, SETUP_RAMDISK_IMAGE), "");
	return true;
}

static bool read_pvh(const struct reading *r)
{
	struct bytes info = at(r, r->start->gpr[GPR_RBX]);
	struct bytes list = at(r, bytes_u64(info, 16));

	if (bytes_u32(info, 0) != START_INFO_MAGIC)
		return false;
	r->booted->protocol = "pvh";
	r->booted->cmdline = text_at(r, bytes_u64(info, 24));
	for (uint32_t i = 0; i < bytes_u32(info, 12) && i < MOST_MODULES; i++)
		add_module(r, bytes_u64(list, 32ull * i), text_at(r, bytes_u64(list, 32ull * i + 16)));
	return true;
}

static bool read_multiboot1(const struct reading *r)
{
	struct bytes info = at(r, r->start->gpr[GPR_RBX]), list = at(r, bytes_u32(info, 24));

	if (r->start->gpr[GPR_RAX] != MULTIBOOT1_MAGIC)
		return false;
	r->booted->protocol = "multiboot1";
	r->booted->cmdline = text_at(r, bytes_u32(info, 16));
	for (uint32_t i = 0; i < bytes_u32(info, 20) && i < MOST_MODULES; i++)
		add_module(r, bytes_u32(list, 16ull * i), text_at(r, bytes_u32(list, 16ull * i + 8)));
	return true;
}

static bool read_multiboot2(const struct reading *r)
{
	struct bytes info = at(r, r->start->gpr[GPR_RBX]);

	if (r->start->gpr[GPR_RAX] != MULTIBOOT2_MAGIC)
		return false;
	r->booted->protocol = "multiboot2";
	for (uint64_t tag = 8; bytes_hold(info, tag, 8) && bytes_u32(info, tag + 4) >= 8;
	     tag += ((uint64_t)bytes_u32(info, tag + 4) + 7) & ~7ull) {
		struct bytes body = bytes_part(info, tag + 8, bytes_u32(info, tag + 4) - 8);

		if (bytes_u32(info, tag) == 1)
			r->booted->cmdline = text_in(r, body);
		else if (bytes_u32(info, tag) == 3)
			add_module(r, bytes_u32(body, 0), text_in(r, bytes_part(body, 8, body.size)));
	}
	return true;
}

static bool read_raw(const struct reading *r)
{
	r->booted->protocol = "raw";
	r->booted->mode = r->start->efer & EFER_LMA ? "long" :
			  r->start->cr0 & CR0_PE    ? "protected" :
						      "real";
	return true;
}

/* ------------------------------------------------------------------------------------------ the kernel */

static bool is_module(const struct booted *booted, const struct hv_load *load)
{
	for (size_t i = 0; i < booted->modules.count; i++)
		if (booted->modules.items[i].load == load)
			return true;
	return false;
}

/* The first payload that is no module names the kernel; what has that name is a part of it. */
static void read_segments(const struct reading *r)
{
	struct booted *booted = r->booted;
	bool named = false;

	for (uint32_t i = 0; i < r->guest->loads.count; i++) {
		const struct hv_load *load = &r->image->loads[r->guest->loads.first + i];
		const char *name = image_text(r->image, load->name);

		if (load->source == HV_LOAD_BYTES || is_module(booted, load))
			continue;
		if (named && strcmp(name, booted->kernel_name))
			continue;
		booted->kernel_name = name;
		named = true;
		if (load->source == HV_LOAD_PAYLOAD && booted->kernel == HV_NONE)
			booted->kernel = load->payload;
		vector_push(r->image->arena, &booted->segments, load);
	}
}

struct booted boot_of(const struct image *image, const struct hv_guest *guest)
{
	static bool (*const readers[])(const struct reading *) = {
		read_linux, read_pvh, read_multiboot1, read_multiboot2, read_raw,
	};
	struct booted booted = { .protocol = "", .mode = "", .cmdline = "", .kernel_name = "",
				 .kernel = HV_NONE };
	uint32_t start = image->vcpus[guest->vcpus.first].start;
	struct reading reading = { image, guest, NULL, &booted };

	if (start == HV_NONE)
		return booted;
	reading.start = &image->starts[start];
	for (size_t i = 0; i < sizeof(readers) / sizeof(*readers); i++)
		if (readers[i](&reading))
			break;
	booted.entry = reading.start->rip;
	if (!(reading.start->cr0 & CR0_PE))
		booted.entry += reading.start->segments[HV_CS].base;
	read_segments(&reading);
	return booted;
}
