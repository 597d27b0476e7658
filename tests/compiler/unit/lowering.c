/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests laid out and their kernels placed, then emitted and read back: YAML of a few lines with
 * kernels made here, through the passes as hvcc runs them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "acpi/acpi.h"
#include "acpi/table.h"
#include "base/buffer.h"
#include "check/check.h"
#include "emit/image.h"
#include "emit/view.h"
#include "kernel/bzimage.h"
#include "lower/place.h"
#include "model/from_tree.h"
#include "validate/validate.h"

#define GIB (1ull << 30)

/* One compilation from text; the kernel's bytes are put where hvcc would have read them. */
struct job {
	struct arena arena;
	struct sources sources;
	struct diags *diags;
	struct system *model;
	struct lower_context context;
	bool good;
};

static struct job *start(const char *yaml)
{
	struct job *job = calloc(1, sizeof(*job));
	const struct schema_document *form;
	struct node *root;
	uint32_t file;

	job->sources.arena = &job->arena;
	job->diags = diags_new(&job->arena, &job->sources);
	file = source_add(&job->sources, "dir/guest.yaml", yaml, strlen(yaml));
	root = yaml_read(&job->arena, job->diags, file);
	assert_non_null(root);
	form = validate_form(job->diags, root);
	assert_true(validate(&job->arena, job->diags, form->schema, root));
	job->model = system_from_tree((struct cursor){ .arena = &job->arena,
						       .sources = &job->sources,
						       .file = "dir/guest.yaml",
						       .schema = form->schema,
						       .node = root }, NULL, NULL);
	assert_non_null(job->model);
	check_system(job->diags, job->model);
	assert_int_equal(diag_errors(job->diags), 0);
	job->context = (struct lower_context){ .arena = &job->arena, .diags = job->diags,
					       .model = job->model };
	return job;
}

static void put_file(struct job *job, const char *name, const void *data, size_t size)
{
	uint8_t *copy = arena_alloc(&job->arena, size);

	memcpy(copy, data, size);
	vector_push(&job->arena, &job->context.files,
		    ((struct lowered_payload){ .name = arena_printf(&job->arena, "dir/%s", name),
					       .data = { copy, size } }));
}

static void finish(struct job *job)
{
	arena_free(&job->arena);
	free(job);
}

static const struct lowered *lower(struct job *job)
{
	job->good = lower_system(&job->context);
	return job->context.system->guests.items[0];
}

/* Was exactly this reported? */
static void assert_reported(const struct job *job, enum diag_code code)
{
	assert_false(job->good);
	for (size_t i = 0; i < job->diags->list.count; i++)
		if (job->diags->list.items[i]->severity == SEVERITY_ERROR)
			assert_int_equal(job->diags->list.items[i]->code, code);
}

/* ------------------------------------------------------------------------------ kernels, made up */

enum { SECTORS = 1, CODE_SIZE = 0x1000 };

static void put_bzimage_with(struct job *job, uint64_t pref, uint32_t init_size, bool relocatable,
			     const void *payload, size_t size)
{
	enum { PAYLOAD_AT = 0x400 };
	struct buffer b = { 0 };

	buffer_zeros(&b, 512 * (1 + SECTORS) + CODE_SIZE);
	buffer_patch_u8(&b, SETUP_SECTS, SECTORS);
	buffer_patch_u32(&b, SETUP_SYSSIZE, CODE_SIZE / 16);
	buffer_patch_u16(&b, SETUP_BOOT_FLAG, 0xaa55);
	buffer_patch_u16(&b, SETUP_JUMP, 0x6aeb);
	buffer_patch_u32(&b, SETUP_MAGIC, SETUP_MAGIC_VALUE);
	buffer_patch_u16(&b, SETUP_VERSION, 0x020f);
	buffer_patch_u8(&b, SETUP_LOADFLAGS, SETUP_LOADED_HIGH);
	buffer_patch_u32(&b, SETUP_INITRD_ADDR_MAX, 0x7fffffff);
	buffer_patch_u32(&b, SETUP_KERNEL_ALIGNMENT, 0x200000);
	buffer_patch_u8(&b, SETUP_RELOCATABLE, relocatable);
	buffer_patch_u16(&b, SETUP_XLOADFLAGS, SETUP_KERNEL_64);
	buffer_patch_u32(&b, SETUP_CMDLINE_SIZE, 100);
	buffer_patch_u64(&b, SETUP_PREF_ADDRESS, pref);
	buffer_patch_u32(&b, SETUP_INIT_SIZE, init_size);
	if (size) {
		buffer_patch_u32(&b, SETUP_PAYLOAD_OFFSET, PAYLOAD_AT);
		buffer_patch_u32(&b, SETUP_PAYLOAD_LENGTH, (uint32_t)size);
		buffer_patch(&b, 512 * (1 + SECTORS) + PAYLOAD_AT, payload, size);
	}
	put_file(job, "k", b.data, b.size);
	buffer_free(&b);
}

static void put_bzimage(struct job *job, uint64_t pref, uint32_t init_size, bool relocatable)
{
	put_bzimage_with(job, pref, init_size, relocatable, NULL, 0);
}

/* A flat Multiboot file that loads at `load`, entered at its start, with bss up to 64 KiB. */
static void put_multiboot(struct job *job, uint32_t load)
{
	uint32_t header[1024] = { 0x1badb002, 1 << 16, -(0x1badb002u + (1u << 16)), load, load,
				  load + 4096, load + 0x10000, load + 32 };

	put_file(job, "k", header, sizeof(header));
}

#define HEAD "schema: hvcc/guest/v1\nname: g\n"
#define BOOT "boot: { kernel: k }\n"

/* The bytes that a load puts at an address; fails when none does. */
static const uint8_t *loaded(const struct job *job, const struct lowered *guest, uint64_t gpa)
{
	for (size_t i = guest->loads.count; i-- > 0;) {
		const struct lowered_load *load = &guest->loads.items[i];
		uint64_t inside = gpa - load->record.gpa;

		if (gpa < load->record.gpa || inside >= load->record.file_size)
			continue;
		if (load->record.source == HV_LOAD_BYTES)
			return load->bytes + inside;
		return job->context.system->payloads.items[load->record.payload].data.data +
		       load->record.source_offset + inside;
	}
	fail_msg("nothing is loaded at %llx", (unsigned long long)gpa);
	return NULL;
}

static uint32_t u32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* --------------------------------------------------------------------------------------- layout */

/* RAM bytes that the memory map offers must be all RAM but what is known to be kept back. */
static void memory_maps_add_up(void **state)
{
	static const char *const sizes[] = { "2MiB", "3MiB", "256MiB", "3GiB", "3073MiB", "64GiB" };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		char yaml[256];
		struct job *job;
		const struct lowered *guest;
		uint64_t ram = 0, told = 0, last = 0;

		snprintf(yaml, sizeof(yaml), HEAD BOOT "memory: { size: %s }\n", sizes[i]);
		job = start(yaml);
		put_multiboot(job, 0x100000);
		guest = lower(job);
		assert_true(job->good);
		for (size_t j = 0; j < guest->ram.count; j++)
			ram += guest->ram.items[j].size;
		assert_int_equal(ram, job->model->guests.items[0]->memory.size.value);
		for (size_t j = 0; j < guest->e820.count; j++) {
			const struct lowered_e820 *entry = &guest->e820.items[j];

			assert_true(entry->base >= last && entry->size);
			last = entry->base + entry->size;
			if (entry->base != guest->map.ecam.base)
				told += entry->size;
		}
		assert_int_equal(told, ram - (0xf0000 - 0xa0000));
		assert_true(guest->map.low_top <= 0xc0000000);
		assert_true(guest->map.pci64.base >= guest->map.high_top);
		assert_true(guest->map.pci64.base + guest->map.pci64.size <= 1ull << 39);
		finish(job);
	}
}

static void memory_that_does_not_fit_is_refused(void **state)
{
	static const struct {
		const char *memory;
		enum diag_code code;
	} rows[] = {
		{ "memory: { size: 1MiB }", DIAG_NO_LOW_MEMORY },
		{ "memory: { regions: [ { gpa: 0, size: 3328MiB } ] }", DIAG_RAM_IN_HOLE },
		{ "memory: { regions: [ { gpa: 0, size: 640KiB }, { gpa: 0x100000, size: 4KiB } ] }",
		  DIAG_NO_LOW_MEMORY },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char yaml[256];
		struct job *job;

		snprintf(yaml, sizeof(yaml), HEAD BOOT "%s\n", rows[i].memory);
		job = start(yaml);
		put_multiboot(job, 0x100000);
		lower(job);
		assert_reported(job, rows[i].code);
		finish(job);
	}
}

/* ------------------------------------------------------------------------------------ protocols */

static void linux_gets_boot_params(void **state)
{
	struct job *job = start(HEAD "memory: { size: 64MiB }\n"
				     "boot: { kernel: k, initrd: i, cmdline: hello world }\n");
	const uint8_t *zero_page;
	const struct lowered *guest;
	uint32_t initrd, tables;

	(void)state;
	put_bzimage(job, 0x1000000, 0x800000, true);
	put_file(job, "i", "070701 in", 9);
	guest = lower(job);
	assert_true(job->good);
	assert_int_equal(guest->start.rip, 0x1000000 + 0x200);
	zero_page = loaded(job, guest, guest->start.gpr[6]);
	assert_int_equal(u32(zero_page + SETUP_MAGIC), SETUP_MAGIC_VALUE);
	assert_int_equal(u32(zero_page + 0x70), guest->map.rsdp);
	assert_string_equal((const char *)loaded(job, guest, u32(zero_page + SETUP_CMD_LINE_PTR)),
			    "hello world");
	initrd = u32(zero_page + SETUP_RAMDISK_IMAGE);
	assert_int_equal(u32(zero_page + SETUP_RAMDISK_SIZE), 9);
	assert_memory_equal(loaded(job, guest, initrd), "070701 in", 9);
	assert_true(initrd >= 0x1000000 + 0x800000 && initrd + 9 <= guest->map.acpi.base);
	assert_int_equal(zero_page[0x1e8], guest->e820.count);
	assert_int_equal(u32(zero_page + 0x2d0 + 8), guest->e820.items[0].size);
	/* CR3 leads to an identity map that covers the kernel: PML4, PDPT, PD entry of 16 MiB. */
	tables = (uint32_t)guest->start.cr3;
	tables = u32(loaded(job, guest, tables)) & ~0xfffu;
	tables = u32(loaded(job, guest, tables)) & ~0xfffu;
	assert_int_equal(u32(loaded(job, guest, tables + 8 * 8)) & ~0x1fffu, 0x1000000);
	finish(job);
}

/* A kernel without a 64-bit entry starts at its first byte, in protected mode without paging. */
static void old_linux_is_entered_in_32_bit(void **state)
{
	struct job *job = start(HEAD BOOT "memory: { size: 64MiB }\n");
	const struct lowered *guest;
	struct bytes *kernel;

	(void)state;
	put_bzimage(job, 0x1000000, 0x800000, true);
	kernel = &job->context.files.items[0].data;
	((uint8_t *)kernel->data)[SETUP_XLOADFLAGS] = 0;
	guest = lower(job);
	assert_true(job->good);
	assert_int_equal(guest->start.rip, 0x1000000);
	assert_int_equal(guest->start.cr0, 0x11);
	assert_int_equal(guest->start.efer, 0);
	assert_int_equal(guest->start.segments[HV_CS].selector, 0x10);
	assert_int_equal(guest->start.segments[HV_CS].attributes, 0xc09b);
	assert_int_equal(guest->start.segments[HV_DS].selector, 0x18);
	assert_int_equal(u32(loaded(job, guest, guest->start.gdtr_base + 0x14)), 0x00cf9b00);
	assert_int_equal(u32(loaded(job, guest, guest->start.gpr[6]) + SETUP_MAGIC), SETUP_MAGIC_VALUE);
	finish(job);
}

/* What a kernel of a PC reads of a BIOS: vectors that end somewhere, where low memory ends, ports. */
static void low_memory_is_a_pcs(void **state)
{
	static const uint8_t handler[] = { 0x55, 0x89, 0xe5, 0x80, 0x4e, 6, 1, 0x5d, 0xcf };
	struct job *job = start(HEAD BOOT "memory: { size: 64MiB }\n"
				"devices: { serial: [ { id: a, io: 0x2f8, irq: 3 }, "
				"{ id: b, io: 0x3e8, irq: 5 } ] }\n");
	const struct lowered *guest;

	(void)state;
	put_multiboot(job, 0x100000);
	guest = lower(job);
	assert_true(job->good);
	for (uint32_t vector = 0; vector < 256; vector++)
		assert_memory_equal(loaded(job, guest, u32(loaded(job, guest, 4 * vector))), handler,
				    sizeof(handler));
	assert_int_equal(u32(loaded(job, guest, 0x400)), 0x2f8 << 16);
	assert_int_equal(u32(loaded(job, guest, 0x404)), 0x3e8);
	assert_int_equal(u32(loaded(job, guest, 0x40e)), (2 << 9 | 2) << 16 | 0x9fc0);
	assert_int_equal(u32(loaded(job, guest, 0x413)), 639);
	assert_int_equal(*loaded(job, guest, 0x9fc00), 1);
	assert_int_equal(guest->e820.items[0].size, 0x9fc00);
	finish(job);
}

/* Allowed, and said: an initrd that is none, and what unpacking gives up. */
static void doubts_are_said(void **state)
{
	struct job *job = start(HEAD "memory: { size: 64MiB }\nboot: { kernel: k, initrd: k }\n");

	(void)state;
	put_bzimage(job, 0x1000000, 0x800000, true);
	lower(job);
	assert_true(job->good);
	assert_int_equal(job->diags->warnings, 1);
	assert_int_equal(job->diags->list.items[0]->code, DIAG_INITRD_STRANGE);
	finish(job);
}

static void linux_moves_where_it_may(void **state)
{
	struct job *job = start(HEAD BOOT "memory: { regions: [ { gpa: 0, size: 8MiB }, "
					  "{ gpa: 0x3000000, size: 16MiB } ] }\n");

	(void)state;
	put_bzimage(job, 0x1000000, 0x800000, true);
	assert_int_equal(lower(job)->start.rip, 0x3000000 + 0x200);
	assert_true(job->good);
	finish(job);
	job = start(HEAD BOOT "memory: { size: 16MiB }\n");
	put_bzimage(job, 0x1000000, 0x800000, false);
	lower(job);
	assert_reported(job, DIAG_NO_ROOM);
	finish(job);
}

static void what_does_not_fit_is_refused(void **state)
{
	static uint8_t large[40 << 20];
	char yaml[256], text[102];
	struct job *job;

	(void)state;
	job = start(HEAD "memory: { size: 64MiB }\nboot: { kernel: k, initrd: i }\n");
	put_bzimage(job, 0x1000000, 0x800000, true);
	put_file(job, "i", large, sizeof(large));
	lower(job);
	assert_reported(job, DIAG_INITRD_NO_ROOM);
	finish(job);

	memset(text, 'x', 101);
	text[101] = 0;
	snprintf(yaml, sizeof(yaml), HEAD "memory: { size: 64MiB }\nboot: { kernel: k, cmdline: %s }\n",
		 text);
	job = start(yaml);
	put_bzimage(job, 0x1000000, 0x800000, true);
	lower(job);
	assert_reported(job, DIAG_CMDLINE_LONG);
	finish(job);

	job = start(HEAD BOOT "memory: { size: 64MiB }\n");
	put_file(job, "k", "#!/bin/sh", 9);
	lower(job);
	assert_reported(job, DIAG_KERNEL_REFUSED);
	finish(job);

	job = start(HEAD "memory: { size: 64MiB }\nboot: { kernel: k, protocol: pvh }\n");
	put_bzimage(job, 0x1000000, 0x800000, true);
	lower(job);
	assert_reported(job, DIAG_KERNEL_REFUSED);
	finish(job);

	job = start(HEAD "memory: { size: 64MiB }\nboot: { kernel: k, unpack: true }\n");
	put_multiboot(job, 0x100000);
	lower(job);
	assert_reported(job, DIAG_UNPACK_IMPOSSIBLE);
	finish(job);
}

static void multiboot_gets_its_information(void **state)
{
	struct job *job = start(HEAD "memory: { size: 16MiB }\n"
				     "boot: { kernel: k, cmdline: hi, modules: [ { path: a }, "
				     "{ path: b, args: two words } ] }\n");
	const uint8_t *info, *modules, *map;
	const struct lowered *guest;

	(void)state;
	put_multiboot(job, 0x100000);
	put_file(job, "a", "first", 5);
	put_file(job, "b", "second", 6);
	guest = lower(job);
	assert_true(job->good);
	assert_int_equal(guest->start.gpr[0], 0x2badb002);
	assert_int_equal(guest->start.rip, 0x100020);
	assert_int_equal(guest->start.cr0 & 0x80000001, 1);
	info = loaded(job, guest, guest->start.gpr[3]);
	assert_int_equal(u32(info + 4), 639);
	assert_int_equal(u32(info + 8), (guest->map.acpi.base - (1 << 20)) >> 10);
	assert_string_equal((const char *)loaded(job, guest, u32(info + 16)), "hi");
	assert_int_equal(u32(info + 20), 2);
	modules = loaded(job, guest, u32(info + 24));
	assert_memory_equal(loaded(job, guest, u32(modules)), "first", 5);
	assert_int_equal(u32(modules + 4) - u32(modules), 5);
	assert_int_equal(u32(modules) % 4096, 0);
	assert_memory_equal(loaded(job, guest, u32(modules + 16)), "second", 6);
	assert_string_equal((const char *)loaded(job, guest, u32(modules + 16 + 8)), "two words");
	assert_int_equal(u32(info + 44), 24 * guest->e820.count);
	map = loaded(job, guest, u32(info + 48));
	assert_int_equal(u32(map), 20);
	finish(job);
}

/* An ELF file of 32 or 64 bits at 1 MiB, with whatever stands in its text. */
static void put_elf64(struct job *job, const char *name, const void *text, size_t size,
		      uint64_t pvh_entry)
{
	uint32_t note[] = { 4, 8, 18, 0x006e6558, (uint32_t)pvh_entry, 0 };
	Elf64_Ehdr header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1 },
			      .e_type = ET_EXEC, .e_machine = EM_X86_64,
			      .e_entry = 0xffffffff80100010, .e_phoff = sizeof(header),
			      .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2 };
	Elf64_Phdr load = { .p_type = PT_LOAD, .p_offset = 0x100, .p_vaddr = 0xffffffff80100000,
			    .p_paddr = 0x100000, .p_filesz = size, .p_memsz = 0x4000 };
	Elf64_Phdr notes = { .p_type = PT_NOTE, .p_offset = 0xe0, .p_filesz = sizeof(note) };
	struct buffer b = { 0 };

	buffer_bytes(&b, &header, sizeof(header));
	buffer_bytes(&b, &load, sizeof(load));
	buffer_bytes(&b, &notes, sizeof(notes));
	buffer_zeros(&b, 0x100 - b.size);
	if (pvh_entry)
		buffer_patch(&b, 0xe0, note, sizeof(note));
	buffer_bytes(&b, text, size);
	put_file(job, name, b.data, b.size);
	buffer_free(&b);
}

static void pvh_gets_start_info(void **state)
{
	struct job *job = start(HEAD "memory: { size: 16MiB }\nboot: { kernel: k, initrd: i, "
				     "cmdline: hi, modules: [ { path: m, args: x } ] }\n");
	const struct lowered *guest;
	const uint8_t *info, *list, *map;

	(void)state;
	put_elf64(job, "k", "text", 4, 0x100020);
	put_file(job, "i", "070701 in", 9);
	put_file(job, "m", "module", 6);
	guest = lower(job);
	assert_true(job->good);
	assert_int_equal(guest->start.rip, 0x100020);
	assert_int_equal(guest->start.segments[HV_CS].limit, UINT32_MAX);
	assert_int_equal(guest->start.segments[HV_TR].limit, 0x67);
	info = loaded(job, guest, guest->start.gpr[3]);
	assert_int_equal(u32(info), 0x336ec578);
	assert_int_equal(u32(info + 4), 1);
	assert_int_equal(u32(info + 12), 2);
	list = loaded(job, guest, u32(info + 16));
	assert_memory_equal(loaded(job, guest, u32(list)), "070701 in", 9);
	assert_int_equal(u32(list + 8), 9);
	assert_memory_equal(loaded(job, guest, u32(list + 32)), "module", 6);
	assert_string_equal((const char *)loaded(job, guest, u32(list + 32 + 16)), "x");
	assert_string_equal((const char *)loaded(job, guest, u32(info + 24)), "hi");
	assert_int_equal(u32(info + 32), guest->map.rsdp);
	map = loaded(job, guest, u32(info + 40));
	assert_int_equal(u32(info + 48), guest->e820.count);
	assert_int_equal(u32(map + 8), guest->e820.items[0].size);
	assert_memory_equal(loaded(job, guest, 0x100000), "text", 4);
	finish(job);
}

static void multiboot2_gets_its_tags(void **state)
{
	static const uint32_t header[] = { 0xe85250d6, 0, 24, -(0xe85250d6 + 24), 0, 8 };
	struct job *job = start(HEAD "memory: { size: 16MiB }\nboot: { kernel: k, cmdline: hi, "
				     "protocol: multiboot2, modules: [ { path: m, args: x } ] }\n");
	const struct lowered *guest;
	const uint8_t *info;
	uint32_t seen = 0, size;

	(void)state;
	put_elf64(job, "k", header, sizeof(header), 0);
	put_file(job, "m", "module", 6);
	guest = lower(job);
	assert_true(job->good);
	assert_int_equal(guest->start.rip, 0x100010); /* physical, where the file says virtual */
	assert_int_equal(guest->start.gpr[0], 0x36d76289);
	info = loaded(job, guest, guest->start.gpr[3]);
	size = u32(info);
	for (uint32_t at = 8; at < size; at += (u32(info + at + 4) + 7) & ~7u) {
		const uint8_t *tag = info + at;

		seen |= 1u << u32(tag);
		if (u32(tag) == 1)
			assert_string_equal((const char *)tag + 8, "hi");
		if (u32(tag) == 3)
			assert_memory_equal(loaded(job, guest, u32(tag + 8)), "module", 6);
		if (u32(tag) == 3)
			assert_string_equal((const char *)tag + 16, "x");
		if (u32(tag) == 6)
			assert_int_equal(u32(tag + 4), 16 + 24 * guest->e820.count);
		if (u32(tag) == 15)
			assert_memory_equal(tag + 8, "RSD PTR ", 8);
		assert_true(u32(tag + 4) >= 8);
	}
	assert_int_equal(seen, 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 6 | 1 << 15);
	finish(job);
}

/* A bzImage whose compressed kernel is the ELF file above: started as Linux and by its PVH note. */
static void bzimages_are_unpacked(void **state)
{
	static const char *const protocols[] = { "linux", "pvh" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char yaml[256];
		struct job *job;
		const struct lowered *guest;
		struct bytes elf;
		uint8_t packed[1024];
		z_stream stream = { .next_out = packed, .avail_out = sizeof(packed) };

		snprintf(yaml, sizeof(yaml), HEAD "memory: { size: 64MiB }\nboot: { kernel: k, "
						  "unpack: true, protocol: %s }\n", protocols[i]);
		job = start(yaml);
		put_elf64(job, "vmlinux", "text", 4, 0x100020);
		elf = job->context.files.items[0].data;
		stream.next_in = (Bytef *)(uintptr_t)elf.data;
		stream.avail_in = (uInt)elf.size;
		deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
		assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
		deflateEnd(&stream);
		put_bzimage_with(job, 0x1000000, 0x800000, true, packed, stream.total_out);
		guest = lower(job);
		assert_true(job->good);
		assert_int_equal(job->diags->list.items[0]->code, DIAG_UNPACK_NO_KASLR);
		assert_int_equal(guest->start.rip, i ? 0x100020 : 0x100010);
		assert_memory_equal(loaded(job, guest, 0x100000), "text", 4);
		finish(job);
	}
}

/* Every load apart from the others, whatever is placed. */
static void loads_do_not_overlap(void **state)
{
	struct job *job = start(HEAD "memory: { size: 16MiB }\nboot: { kernel: k, cmdline: hi, "
				     "modules: [ { path: a, args: x } ] }\n");
	const struct lowered *guest;

	(void)state;
	put_multiboot(job, 0x1000); /* where boot structures would have gone */
	put_file(job, "a", "first", 5);
	guest = lower(job);
	assert_true(job->good);
	for (size_t i = 0; i < guest->loads.count; i++)
		for (size_t j = 0; j < i; j++) {
			const struct hv_load *a = &guest->loads.items[i].record;
			const struct hv_load *b = &guest->loads.items[j].record;

			assert_true(a->gpa + a->memory_size <= b->gpa ||
				    b->gpa + b->memory_size <= a->gpa);
		}
	finish(job);
}

static void raw_is_entered_in_its_mode(void **state)
{
	static const struct {
		const char *raw;
		uint64_t rip, cr0, base, load;
	} rows[] = {
		{ "{ load-address: 0x7c00, entry: 0x7c04, mode: real }", 4, 0, 0x7c00, 0x7c00 },
		{ "{ load-address: 0x100000, entry: 0x100010, mode: protected }", 0x100010, 1, 0, 0x100000 },
		{ "{ load-address: 0x200000, entry: 0x200000, mode: long }", 0x200000, 0x80000001, 0, 0x200000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char yaml[256];
		struct job *job;
		const struct lowered *guest;

		snprintf(yaml, sizeof(yaml),
			 HEAD "memory: { size: 16MiB }\nboot: { kernel: k, protocol: raw, raw: %s }\n",
			 rows[i].raw);
		job = start(yaml);
		put_file(job, "k", "machine code", 12);
		guest = lower(job);
		assert_true(job->good);
		assert_int_equal(guest->start.rip, rows[i].rip);
		assert_int_equal(guest->start.cr0 & 0x80000001, rows[i].cr0);
		assert_int_equal(guest->start.segments[HV_CS].base, rows[i].base);
		assert_memory_equal(loaded(job, guest, rows[i].load), "machine code", 12);
		finish(job);
	}
}

/* ----------------------------------------------------------------------------------------- emit */

static struct bytes emit(struct job *job, const char *path)
{
	struct blob_image image;
	struct output *output = output_begin(path);
	struct bytes bytes;

	blob_build(&job->arena, &job->sources, job->context.system, &image);
	blob_write(output, &image);
	assert_true(output_commit(output));
	assert_null(read_file(&job->arena, path, 1 << 28, &bytes));
	assert_int_equal(bytes.size, image.image_size);
	blob_image_free(&image);
	unlink(path);
	return bytes;
}

static struct job *two_vcpus(void)
{
	struct job *job = start(HEAD "vcpus: { count: 2, topology: { cores: 2 }, pin: { 1: 7 } }\n"
				     "memory: { size: 16MiB }\nboot: { kernel: k, cmdline: hi }\n"
				     "devices: { serial: [ { id: com1 } ] }\n");

	put_multiboot(job, 0x100000);
	lower(job);
	assert_true(job->good);
	return job;
}

static void what_was_emitted_is_read(void **state)
{
	struct job *job = two_vcpus();
	char path[] = "/tmp/lowering-XXXXXX";
	struct blob_view view;
	struct bytes blob;
	json_t *root, *guest, *load;

	(void)state;
	close(mkstemp(path));
	blob = emit(job, path);
	assert_null(view_open(blob, &view));
	root = view_json(&view, NULL);
	guest = json_array_get(json_object_get(root, "guests"), 0);
	assert_string_equal(json_string_value(json_object_get(guest, "name")), "g");
	assert_string_equal(json_string_value(json_object_get(guest, "position")), "guest.yaml:1:1");
	assert_string_equal(json_string_value(json_object_get(guest, "vcpus")), "vcpus[0..2)");
	assert_int_equal(json_integer_value(json_object_get(
				 json_array_get(json_object_get(root, "vcpus"), 1), "host_cpu")), 7);
	load = json_array_get(json_object_get(root, "payloads"), 0);
	assert_int_equal(json_integer_value(json_object_get(load, "size")), 4096);
	assert_int_equal(json_array_size(json_object_get(root, "policies")), 2);
	json_decref(root);
	assert_null(view_json(&view, "no-such-section"));
	finish(job);
}

/* Any byte changed, any end cut off: not read as good. */
static void damaged_blobs_are_refused(void **state)
{
	struct job *job = two_vcpus();
	char path[] = "/tmp/lowering-XXXXXX";
	struct blob_view view;
	struct hv_header header;
	struct bytes blob;

	(void)state;
	close(mkstemp(path));
	blob = emit(job, path);
	memcpy(&header, blob.data, sizeof(header));
	for (size_t i = 0; i < header.total_size; i += i < sizeof(header) ? 1 : 61) {
		uint8_t *byte = (uint8_t *)(uintptr_t)blob.data + i;

		if (i >= offsetof(struct hv_header, signature) &&
		    i < offsetof(struct hv_header, sections))
			continue;
		*byte ^= 0x40;
		assert_non_null(view_open(blob, &view));
		*byte ^= 0x40;
	}
	for (size_t size = 0; size < blob.size; size += 101)
		assert_non_null(view_open((struct bytes){ blob.data, size }, &view));
	assert_null(view_open(blob, &view));
	finish(job);
}

static void same_input_gives_same_bytes(void **state)
{
	char path[] = "/tmp/lowering-XXXXXX";
	struct job *first = two_vcpus(), *second = two_vcpus();
	struct bytes a, b;

	(void)state;
	close(mkstemp(path));
	a = emit(first, path);
	b = emit(second, path);
	assert_int_equal(a.size, b.size);
	assert_memory_equal(a.data, b.data, a.size);
	finish(first);
	finish(second);
}

/* Run with ids of our choosing: a large one needs the x2APIC form. */
static void acpi_follows_the_guest(void **state)
{
	struct job *job = two_vcpus();
	struct lowered *guest = job->context.system->guests.items[0];
	struct table_places places = { 0 };
	struct buffer madt = { 0 };

	(void)state;
	assert_true(acpi_verify(guest));
	guest->tables.items[3].data[40] ^= 1;
	assert_false(acpi_verify(guest));
	guest->cpu->topology.cpus[1].apic_id = 300;
	build_madt(guest, &places, &madt);
	assert_int_equal(table_sum(madt.data, madt.size), 0);
	assert_int_equal(u32(madt.data + 40), 0); /* no 8259: not PCAT_COMPAT */
	assert_memory_equal(madt.data + 44, "\0\x08\0\0\1\0\0\0", 8);
	assert_memory_equal(madt.data + 52, "\x09\x10\0\0\x2c\x01\0\0\1\0\0\0\1\0\0\0", 16);
	buffer_free(&madt);
	finish(job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_maps_add_up),
		cmocka_unit_test(memory_that_does_not_fit_is_refused),
		cmocka_unit_test(linux_gets_boot_params),
		cmocka_unit_test(old_linux_is_entered_in_32_bit),
		cmocka_unit_test(low_memory_is_a_pcs),
		cmocka_unit_test(doubts_are_said),
		cmocka_unit_test(linux_moves_where_it_may),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(multiboot_gets_its_information),
		cmocka_unit_test(pvh_gets_start_info),
		cmocka_unit_test(multiboot2_gets_its_tags),
		cmocka_unit_test(bzimages_are_unpacked),
		cmocka_unit_test(loads_do_not_overlap),
		cmocka_unit_test(raw_is_entered_in_its_mode),
		cmocka_unit_test(what_was_emitted_is_read),
		cmocka_unit_test(damaged_blobs_are_refused),
		cmocka_unit_test(same_input_gives_same_bytes),
		cmocka_unit_test(acpi_follows_the_guest),
	};

	return cmocka_run_group_tests_name("lowering", tests, NULL, NULL);
}
