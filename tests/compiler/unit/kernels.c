/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers of kernels: a good image made here, each field broken in turn, every truncation (the
 * sanitizer sees a read beyond the end), and the vmlinux in real compressions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <elf.h>
#include <lz4.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/buffer.h"
#include "kernel/bzimage.h"
#include "kernel/elf.h"
#include "kernel/lint.h"
#include "kernel/multiboot.h"
#include "kernel/unpack.h"

/* Exactly these bytes on the heap, so that reading one more is seen. */
static struct bytes exact(const void *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	memcpy(copy, data, size);
	return (struct bytes){ .data = copy, .size = size };
}

static void drop(struct bytes bytes)
{
	free((void *)(uintptr_t)bytes.data);
}

/* ------------------------------------------------------------------------------------- bzImage */

enum { CODE = 0x4000, PAYLOAD = 0x1000, SETUP_SIZE = 5 * 512 };

static struct buffer good_bzimage(void)
{
	struct buffer b = { 0 };

	buffer_zeros(&b, SETUP_SIZE + CODE);
	buffer_patch_u8(&b, SETUP_SECTS, 4);
	buffer_patch_u32(&b, SETUP_SYSSIZE, CODE / 16);
	buffer_patch_u16(&b, SETUP_BOOT_FLAG, 0xaa55);
	buffer_patch_u16(&b, SETUP_JUMP, 0x6aeb); /* header to 0x26c */
	buffer_patch_u32(&b, SETUP_MAGIC, SETUP_MAGIC_VALUE);
	buffer_patch_u16(&b, SETUP_VERSION, 0x020f);
	buffer_patch_u16(&b, SETUP_KERNEL_VERSION, 0x200);
	buffer_patch(&b, 0x400, "6.1.0-test", 11);
	buffer_patch_u8(&b, SETUP_LOADFLAGS, SETUP_LOADED_HIGH);
	buffer_patch_u32(&b, SETUP_INITRD_ADDR_MAX, 0x7fffffff);
	buffer_patch_u32(&b, SETUP_KERNEL_ALIGNMENT, 0x200000);
	buffer_patch_u8(&b, SETUP_RELOCATABLE, 1);
	buffer_patch_u8(&b, SETUP_MIN_ALIGNMENT, 21);
	buffer_patch_u16(&b, SETUP_XLOADFLAGS, SETUP_KERNEL_64);
	buffer_patch_u32(&b, SETUP_CMDLINE_SIZE, 2047);
	buffer_patch_u32(&b, SETUP_PAYLOAD_OFFSET, 0x300);
	buffer_patch_u32(&b, SETUP_PAYLOAD_LENGTH, PAYLOAD);
	buffer_patch_u64(&b, SETUP_PREF_ADDRESS, 0x1000000);
	buffer_patch_u32(&b, SETUP_INIT_SIZE, 0x800000);
	return b;
}

static void bzimage_is_read(void **state)
{
	struct buffer b = good_bzimage();
	struct bzimage kernel;

	(void)state;
	assert_null(bzimage_read((struct bytes){ b.data, b.size }, &kernel));
	assert_int_equal(kernel.protocol, 0x020f);
	assert_int_equal(kernel.code_offset, SETUP_SIZE);
	assert_ptr_equal(kernel.code.data, b.data + SETUP_SIZE);
	assert_int_equal(kernel.code.size, CODE);
	assert_ptr_equal(kernel.payload.data, b.data + SETUP_SIZE + 0x300);
	assert_int_equal(kernel.payload.size, PAYLOAD);
	assert_int_equal(kernel.header.size, 0x202 + 0x6a - 0x1f1);
	assert_int_equal(kernel.pref_address, 0x1000000);
	assert_int_equal(kernel.init_size, 0x800000);
	assert_true(kernel.relocatable);
	assert_string_equal(kernel.version, "6.1.0-test");
	buffer_free(&b);
}

static void bzimage_faults_are_named(void **state)
{
	static const struct {
		uint16_t offset;
		uint8_t width;
		uint64_t value;
		const char *says;
	} faults[] = {
		{ SETUP_BOOT_FLAG, 2, 0, "is no bzImage" },
		{ SETUP_MAGIC, 4, 0, "is no bzImage" },
		{ SETUP_VERSION, 2, 0x20b, "older than 2.12" },
		{ SETUP_JUMP, 2, 0x10eb, "truncated inside its setup header" },
		{ SETUP_LOADFLAGS, 1, 0, "is a zImage" },
		{ SETUP_SYSSIZE, 4, 0, "without code" },
		{ SETUP_SYSSIZE, 4, CODE / 16 + 1, "truncated" },
		{ SETUP_SYSSIZE, 4, UINT32_MAX, "truncated" },
		{ SETUP_PAYLOAD_OFFSET, 4, CODE, "lies outside" },
		{ SETUP_PAYLOAD_OFFSET, 4, UINT32_MAX, "lies outside" },
		{ SETUP_PAYLOAD_LENGTH, 4, UINT32_MAX, "lies outside" },
		{ SETUP_KERNEL_ALIGNMENT, 4, 3 << 20, "no power of two" },
		{ SETUP_PREF_ADDRESS, 8, UINT64_MAX, "impossible" },
		{ SETUP_INIT_SIZE, 4, CODE - 1, "less memory" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
		struct buffer b = good_bzimage();
		struct bzimage kernel;
		const char *why;

		buffer_patch(&b, faults[i].offset, &faults[i].value, faults[i].width);
		why = bzimage_read((struct bytes){ b.data, b.size }, &kernel);
		assert_non_null(why);
		if (!strstr(why, faults[i].says))
			fail_msg("row %zu: %s", i, why);
		buffer_free(&b);
	}
}

static void bzimage_truncations_are_refused(void **state)
{
	struct buffer b = good_bzimage();

	(void)state;
	for (size_t size = 0; size < b.size - 15; size += size < 0x300 ? 1 : 97) {
		struct bytes part = exact(b.data, size);
		struct bzimage kernel;

		assert_non_null(bzimage_read(part, &kernel));
		drop(part);
	}
	buffer_free(&b);
}

/* ----------------------------------------------------------------------------------------- ELF */

static struct buffer good_elf64(void)
{
	Elf64_Ehdr header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1 },
			      .e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = 1,
			      .e_entry = 0x1000000, .e_phoff = sizeof(header),
			      .e_ehsize = sizeof(header), .e_phentsize = sizeof(Elf64_Phdr),
			      .e_phnum = 3 };
	Elf64_Phdr text = { .p_type = PT_LOAD, .p_flags = 5, .p_offset = 0x1000,
			    .p_vaddr = 0xffffffff81000000, .p_paddr = 0x1000000,
			    .p_filesz = 0x800, .p_memsz = 0x800, .p_align = 0x1000 };
	Elf64_Phdr data = { .p_type = PT_LOAD, .p_flags = 6, .p_offset = 0x1800,
			    .p_vaddr = 0xffffffff81200000, .p_paddr = 0x1200000,
			    .p_filesz = 0x100, .p_memsz = 0x3000, .p_align = 0x1000 };
	Elf64_Phdr note = { .p_type = PT_NOTE, .p_offset = 0x1700, .p_filesz = 0x2c, .p_align = 4 };
	uint32_t notes[] = { 4, 4, 3, 0x00554e47, 0x12345678, /* GNU */
			     4, 8, 18, 0x006e6558, 0x1000850, 0 }; /* Xen */
	struct buffer b = { 0 };

	buffer_bytes(&b, &header, sizeof(header));
	buffer_bytes(&b, &text, sizeof(text));
	buffer_bytes(&b, &data, sizeof(data));
	buffer_bytes(&b, &note, sizeof(note));
	buffer_zeros(&b, 0x1900 - b.size);
	buffer_patch(&b, 0x1700, notes, sizeof(notes));
	return b;
}

static void elf_is_read(void **state)
{
	struct buffer b = good_elf64();
	struct elf_image elf;
	uint64_t physical;

	(void)state;
	assert_null(elf_read((struct bytes){ b.data, b.size }, &elf));
	assert_true(elf.is64);
	assert_int_equal(elf.segment_count, 2);
	assert_int_equal(elf.low, 0x1000000);
	assert_int_equal(elf.high, 0x1203000);
	assert_true(elf.has_pvh);
	assert_int_equal(elf.pvh_entry, 0x1000850);
	assert_int_equal(elf.pvh_note.size, 24);
	assert_true(elf_physical(&elf, 0xffffffff81200010, &physical));
	assert_int_equal(physical, 0x1200010);
	assert_false(elf_physical(&elf, 0x1000, &physical));
	buffer_free(&b);
}

enum { FIRST = sizeof(Elf64_Ehdr), SECOND = FIRST + sizeof(Elf64_Phdr) };

static void elf_faults_are_named(void **state)
{
	static const struct {
		uint16_t offset;
		uint8_t width;
		uint64_t value;
		const char *says;
	} faults[] = {
		{ 0, 4, 0, "is no ELF" },
		{ EI_DATA, 1, ELFDATA2MSB, "big-endian" },
		{ offsetof(Elf64_Ehdr, e_machine), 2, EM_AARCH64, "another processor" },
		{ offsetof(Elf64_Ehdr, e_type), 2, ET_REL, "object file" },
		{ offsetof(Elf64_Ehdr, e_phnum), 2, 0, "without program headers" },
		{ offsetof(Elf64_Ehdr, e_phnum), 2, 0xffff, "outside the file" },
		{ offsetof(Elf64_Ehdr, e_phoff), 8, UINT64_MAX - 8, "outside the file" },
		{ offsetof(Elf64_Ehdr, e_phentsize), 2, 8, "outside the file" },
		{ FIRST + offsetof(Elf64_Phdr, p_offset), 8, UINT64_MAX, "lies outside" },
		{ FIRST + offsetof(Elf64_Phdr, p_filesz), 8, UINT64_MAX, "lies outside" },
		{ FIRST + offsetof(Elf64_Phdr, p_memsz), 8, 0x7ff, "larger in the file" },
		{ FIRST + offsetof(Elf64_Phdr, p_paddr), 8, UINT64_MAX - 4, "wraps around" },
		{ SECOND + offsetof(Elf64_Phdr, p_paddr), 8, 0x10007ff, "overlap" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
		struct buffer b = good_elf64();
		struct elf_image elf;
		const char *why;

		buffer_patch(&b, faults[i].offset, &faults[i].value, faults[i].width);
		why = elf_read((struct bytes){ b.data, b.size }, &elf);
		assert_non_null(why);
		if (!strstr(why, faults[i].says))
			fail_msg("row %zu: %s", i, why);
		buffer_free(&b);
	}
}

static void elf_truncations_are_refused(void **state)
{
	struct buffer b = good_elf64();

	(void)state;
	for (size_t size = 0; size < b.size; size += size < 0x200 ? 1 : 13) {
		struct bytes part = exact(b.data, size);
		struct elf_image elf;

		assert_non_null(elf_read(part, &elf));
		assert_int_equal(elf_section(part, ".text").size, 0);
		drop(part);
	}
	buffer_free(&b);
}

/* A note whose sizes lie reads as no note, not as a wrong one. */
static void elf_notes_are_bounded(void **state)
{
	static const uint32_t sizes[][2] = { { UINT32_MAX, 8 }, { 4, UINT32_MAX }, { 4, 0 }, { 5, 8 } };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct buffer b = good_elf64();
		struct elf_image elf;

		buffer_patch(&b, 0x1714, sizes[i], 8);
		assert_null(elf_read((struct bytes){ b.data, b.size }, &elf));
		assert_false(elf.has_pvh);
		buffer_free(&b);
	}
}

static void this_program_is_read(void **state)
{
	FILE *file = fopen("/proc/self/exe", "rb");
	struct bytes bytes = { 0 };
	struct elf_image elf;
	uint8_t *data = malloc(16 << 20);

	(void)state;
	assert_non_null(file);
	bytes.data = data;
	bytes.size = fread(data, 1, 16 << 20, file);
	fclose(file);
	assert_null(elf_read(bytes, &elf));
	assert_true(elf.is64);
	assert_false(elf.has_pvh);
	assert_true(elf_section(bytes, ".rodata").size > 0);
	assert_int_equal(elf_section(bytes, ".no-such-section").size, 0);
	free(data);
}

/* ------------------------------------------------------------------------------------ Multiboot */

static void put_header1(uint8_t *at, uint32_t flags, const uint32_t *addresses)
{
	uint32_t header[8] = { 0x1badb002, flags, -(0x1badb002 + flags) };

	if (addresses)
		memcpy(header + 3, addresses, 20);
	memcpy(at, header, addresses ? 32 : 12);
}

static void multiboot1_is_found(void **state)
{
	static const uint32_t addresses[] = { 0x100010, 0x100000, 0x100400, 0x102000, 0x100040 };
	uint8_t *file = calloc(1, 16384);
	struct bytes bytes = { file, 16384 };
	struct multiboot_placement placement;
	struct multiboot1 header;

	(void)state;
	assert_non_null(multiboot1_read(bytes, &header));
	put_header1(file + 8188, 0, NULL);
	assert_null(multiboot1_read(bytes, &header)); /* its first byte is inside the 8 KiB */
	put_header1(file + 0x30, MULTIBOOT1_ADDRESSES | 3, addresses);
	assert_null(multiboot1_read(bytes, &header));
	assert_int_equal(header.offset, 0x30);
	assert_int_equal(header.entry_addr, 0x100040);
	assert_null(multiboot_place(bytes, header.offset, header.header_addr, header.load_addr,
				    header.load_end_addr, header.bss_end_addr, &placement));
	assert_int_equal(placement.file_offset, 0x20);
	assert_int_equal(placement.file_size, 0x400);
	assert_int_equal(placement.memory_size, 0x2000);
	put_header1(file + 0x30, 0x8000, NULL);
	assert_non_null(multiboot1_read(bytes, &header)); /* an unknown demand */
	free(file);
}

static void multiboot_places_are_bounded(void **state)
{
	static const uint8_t file[4096];
	static const uint32_t rows[][4] = {
		/* header, load, load end, bss end */
		{ 0x0ff000, 0x100000, 0, 0 },		/* header before the load address */
		{ 0x102000, 0x100000, 0, 0 },		/* begins before the file */
		{ 0x100000, 0x100000, 0x101001, 0 },	/* ends beyond the file */
		{ 0x100000, 0x100000, 0x0fffff, 0 },	/* ends before it begins */
		{ 0x100000, 0x100000, 0, 0x0fffff },
		{ 0xfffff800, 0xfffff800, 0, 0 },	/* beyond 4 GiB */
	};
	struct multiboot_placement placement;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_non_null(multiboot_place((struct bytes){ file, sizeof(file) }, 0, rows[i][0],
						rows[i][1], rows[i][2], rows[i][3], &placement));
	assert_null(multiboot_place((struct bytes){ file, sizeof(file) }, 16, 0x100010, 0x100000, 0,
				    0, &placement));
	assert_int_equal(placement.file_size, 4096);
}

static struct buffer good_multiboot2(void)
{
	struct buffer b = { 0 };
	static const uint32_t tags[] = {
		0x00000001, 16, 6, 15,			     /* requests: map, RSDP */
		0x00000002, 24, 0x100010, 0x100000, 0, 0x102000, /* addresses */
		0x00000003, 12, 0x100040, 0,		     /* entry, padded */
		0x0001000b, 8,				     /* unknown, but optional */
		0, 8,
	};

	buffer_zeros(&b, 0x40);
	buffer_u32(&b, 0xe85250d6);
	buffer_u32(&b, 0);
	buffer_u32(&b, 16 + sizeof(tags));
	buffer_u32(&b, -(0xe85250d6 + 16 + (uint32_t)sizeof(tags)));
	buffer_bytes(&b, tags, sizeof(tags));
	return b;
}

static void multiboot2_is_read(void **state)
{
	struct buffer b = good_multiboot2();
	struct multiboot2 header;

	(void)state;
	assert_null(multiboot2_read((struct bytes){ b.data, b.size }, &header));
	assert_int_equal(header.offset, 0x40);
	assert_true(header.has_addresses && header.has_entry);
	assert_int_equal(header.requests, 1 << 6 | 1 << 15);
	assert_int_equal(header.entry_addr, 0x100040);
	buffer_patch_u16(&b, 0x40 + 16 + 16 + 24 + 16 + 2, 0); /* now it is required */
	assert_non_null(multiboot2_read((struct bytes){ b.data, b.size }, &header));
	buffer_free(&b);
}

static void multiboot2_truncations_are_refused(void **state)
{
	struct buffer b = good_multiboot2();

	(void)state;
	for (size_t size = 0; size < b.size; size++) {
		struct bytes part = exact(b.data, size);
		struct multiboot2 header;

		assert_non_null(multiboot2_read(part, &header));
		drop(part);
	}
	buffer_free(&b);
}

/* -------------------------------------------------------------------------------- compressions */

enum { PLAIN = 9 << 20 }; /* more than one block of LZ4's legacy frame */

/* Looks like code: the branch filter of xz has something to do. */
static uint8_t *plain_bytes(void)
{
	uint8_t *plain = malloc(PLAIN);
	uint32_t noise = 1;

	for (size_t i = 0; i < PLAIN; i++) {
		noise = noise * 1664525 + 1013904223;
		plain[i] = i % 16 == 0 ? 0xe8 : i % 16 < 5 ? (uint8_t)(noise >> 28) : 0x90;
	}
	return plain;
}

static void pack_gzip(struct buffer *out, const uint8_t *plain)
{
	z_stream stream = { .next_in = (Bytef *)(uintptr_t)plain, .avail_in = PLAIN };

	buffer_zeros(out, PLAIN);
	deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
	stream.next_out = out->data;
	stream.avail_out = PLAIN;
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	out->size = stream.total_out;
	deflateEnd(&stream);
}

static void pack_zstd(struct buffer *out, const uint8_t *plain)
{
	buffer_zeros(out, PLAIN);
	out->size = ZSTD_compress(out->data, PLAIN, plain, PLAIN, 3);
	assert_false(ZSTD_isError(out->size));
	buffer_u32(out, PLAIN);
}

static void pack_xz(struct buffer *out, const uint8_t *plain)
{
	lzma_options_lzma options;
	lzma_filter filters[] = { { LZMA_FILTER_X86, NULL },
				  { LZMA_FILTER_LZMA2, &options },
				  { LZMA_VLI_UNKNOWN, NULL } };
	size_t size = 0;

	lzma_lzma_preset(&options, 0);
	buffer_zeros(out, PLAIN);
	assert_int_equal(lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL, plain, PLAIN,
						   out->data, &size, PLAIN), LZMA_OK);
	out->size = size;
	buffer_u32(out, PLAIN);
}

static void pack_lz4(struct buffer *out, const uint8_t *plain)
{
	enum { BLOCK = 8 << 20 };
	char *block = malloc(LZ4_compressBound(BLOCK));

	buffer_u32(out, 0x184c2102);
	for (size_t at = 0; at < PLAIN; at += BLOCK) {
		int size = LZ4_compress_default((const char *)plain + at, block,
						PLAIN - at < BLOCK ? (int)(PLAIN - at) : BLOCK,
						LZ4_compressBound(BLOCK));

		buffer_u32(out, (uint32_t)size);
		buffer_bytes(out, block, (size_t)size);
	}
	buffer_u32(out, PLAIN);
	free(block);
}

static void (*const packers[])(struct buffer *, const uint8_t *) = { pack_gzip, pack_zstd, pack_xz,
								     pack_lz4 };
static const char *const packer_names[] = { "gzip", "zstd", "xz", "lz4" };

static void real_compressions_unpack(void **state)
{
	uint8_t *plain = plain_bytes();

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct buffer packed = { 0 };
		struct arena arena = { 0 };
		struct bytes out, in;

		packers[i](&packed, plain);
		in = exact(packed.data, packed.size);
		assert_string_equal(unpack_method(in), packer_names[i]);
		assert_null(unpack(&arena, in, &out));
		assert_int_equal(out.size, PLAIN);
		assert_memory_equal(out.data, plain, PLAIN);
		drop(in);
		arena_free(&arena);
		buffer_free(&packed);
	}
	free(plain);
}

/* Cut off, a byte changed in the middle, a size that is a lie: refused, by every method. */
static void damaged_compressions_are_refused(void **state)
{
	uint8_t *plain = plain_bytes();

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct buffer packed = { 0 };
		struct arena arena = { 0 };
		struct bytes out, cut;

		packers[i](&packed, plain);
		cut = exact(packed.data, packed.size / 2);
		buffer_patch_u32(&packed, packed.size - 4, PLAIN + 1);
		assert_non_null(unpack(&arena, (struct bytes){ packed.data, packed.size }, &out));
		buffer_patch_u32(&packed, packed.size - 4, PLAIN - 1);
		assert_non_null(unpack(&arena, (struct bytes){ packed.data, packed.size }, &out));
		buffer_patch_u32(&packed, packed.size - 4, 0);
		assert_non_null(unpack(&arena, (struct bytes){ packed.data, packed.size }, &out));
		memcpy((uint8_t *)(uintptr_t)cut.data + cut.size - 4, &(uint32_t){ PLAIN }, 4);
		assert_non_null(unpack(&arena, cut, &out));
		assert_null(out.data);
		drop(cut);
		arena_free(&arena);
		buffer_free(&packed);
	}
	free(plain);
}

static void unknown_compressions_are_named(void **state)
{
	struct arena arena = { 0 };
	struct bytes out, bzip2 = exact("BZh91AY&SY................", 26);

	(void)state;
	assert_string_equal(unpack_method(bzip2), "bzip2");
	assert_non_null(strstr(unpack(&arena, bzip2, &out), "does not unpack"));
	assert_non_null(unpack(&arena, (struct bytes){ 0 }, &out));
	assert_null(unpack_method((struct bytes){ (const uint8_t *)"nothing", 7 }));
	drop(bzip2);
	arena_free(&arena);
}

/* What each file is, by its first bytes. */
static void initrds_are_known(void **state)
{
	struct buffer bzimage = good_bzimage(), elf = good_elf64();

	(void)state;
	assert_null(lint_initrd((struct bytes){ (const uint8_t *)"070701 and so on", 16 }));
	assert_null(lint_initrd((struct bytes){ (const uint8_t *)"\x1f\x8b\x08", 3 }));
	assert_null(lint_initrd((struct bytes){ (const uint8_t *)"\x28\xb5\x2f\xfd", 4 }));
	assert_non_null(strstr(lint_initrd((struct bytes){ bzimage.data, bzimage.size }), "bzImage"));
	assert_non_null(strstr(lint_initrd((struct bytes){ elf.data, elf.size }), "ELF"));
	assert_non_null(lint_initrd((struct bytes){ (const uint8_t *)"07070", 5 }));
	assert_non_null(lint_initrd((struct bytes){ (const uint8_t *)"hello", 5 }));
	buffer_free(&bzimage);
	buffer_free(&elf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bzimage_is_read),
		cmocka_unit_test(bzimage_faults_are_named),
		cmocka_unit_test(bzimage_truncations_are_refused),
		cmocka_unit_test(elf_is_read),
		cmocka_unit_test(elf_faults_are_named),
		cmocka_unit_test(elf_truncations_are_refused),
		cmocka_unit_test(elf_notes_are_bounded),
		cmocka_unit_test(this_program_is_read),
		cmocka_unit_test(multiboot1_is_found),
		cmocka_unit_test(multiboot_places_are_bounded),
		cmocka_unit_test(multiboot2_is_read),
		cmocka_unit_test(multiboot2_truncations_are_refused),
		cmocka_unit_test(initrds_are_known),
		cmocka_unit_test(real_compressions_unpack),
		cmocka_unit_test(damaged_compressions_are_refused),
		cmocka_unit_test(unknown_compressions_are_named),
	};

	return cmocka_run_group_tests_name("kernels", tests, NULL, NULL);
}
