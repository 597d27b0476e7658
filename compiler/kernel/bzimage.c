/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     +-------------+ 0
 *     | boot sector |   0x1f1: setup header, up to 0x202 + byte at 0x201
 *     +-------------+ 512
 *     | setup code  |   setup_sects * 512 bytes: real mode, not used here
 *     +-------------+ code_offset
 *     | code        |   syssize * 16 bytes: loaded; 32-bit entry at 0, 64-bit at 0x200;
 *     |  [payload]  |   vmlinux, compressed, and its size
 *     +-------------+
 */
#include "kernel/bzimage.h"

#include <string.h>

enum { SECTOR = 512, LEAST_PROTOCOL = 0x020c };

bool bzimage_recognize(struct bytes image)
{
	return bytes_u16(image, SETUP_BOOT_FLAG) == 0xaa55 &&
	       bytes_u32(image, SETUP_MAGIC) == SETUP_MAGIC_VALUE;
}

static bool power_of_two(uint64_t value)
{
	return value && !(value & (value - 1));
}

/* The version string is NUL-terminated, kernel_version + 0x200 from the start, inside the setup. */
static void read_version(struct bytes image, struct bzimage *kernel)
{
	uint32_t offset = bytes_u16(image, SETUP_KERNEL_VERSION);
	struct bytes text = bytes_part(image, offset + 0x200, sizeof(kernel->version) - 1);

	if (!offset || offset + 0x200 >= kernel->code_offset)
		return;
	for (size_t i = 0; i < text.size && text.data[i] >= ' ' && text.data[i] < 0x7f; i++)
		kernel->version[i] = (char)text.data[i];
}

static const char *read_code(struct bytes image, struct bzimage *kernel)
{
	uint32_t sectors = bytes_u8(image, SETUP_SECTS);
	uint64_t size = 16ull * bytes_u32(image, SETUP_SYSSIZE);
	uint32_t offset = bytes_u32(image, SETUP_PAYLOAD_OFFSET);
	uint32_t length = bytes_u32(image, SETUP_PAYLOAD_LENGTH);

	kernel->code_offset = (1 + (sectors ? sectors : 4)) * SECTOR;
	if (!size || size <= SETUP_ENTRY_64)
		return "is a bzImage without code";
	/* The last paragraph may be partial: syssize rounds up. */
	if (!bytes_hold(image, kernel->code_offset, size - 15))
		return "is truncated: its header announces more bytes than the file has";
	kernel->code = bytes_part(image, kernel->code_offset, size);
	if (offset && !bytes_hold(kernel->code, offset, length))
		return "is damaged: the compressed kernel lies outside the file";
	if (offset)
		kernel->payload = bytes_part(kernel->code, offset, length);
	return NULL;
}

static const char *read_placement(struct bytes image, struct bzimage *kernel)
{
	kernel->relocatable = bytes_u8(image, SETUP_RELOCATABLE);
	kernel->min_alignment = bytes_u8(image, SETUP_MIN_ALIGNMENT);
	kernel->alignment = bytes_u32(image, SETUP_KERNEL_ALIGNMENT);
	kernel->pref_address = bytes_u64(image, SETUP_PREF_ADDRESS);
	kernel->init_size = bytes_u32(image, SETUP_INIT_SIZE);
	kernel->cmdline_size = bytes_u32(image, SETUP_CMDLINE_SIZE);
	kernel->initrd_addr_max = bytes_u32(image, SETUP_INITRD_ADDR_MAX);
	if (!power_of_two(kernel->alignment) || kernel->alignment < 4096)
		return "is damaged: its load alignment is no power of two of at least 4 KiB";
	if (kernel->pref_address % 4096 || kernel->pref_address >> 46)
		return "is damaged: its preferred load address is impossible";
	if (kernel->init_size < kernel->code.size)
		return "is damaged: it says that it needs less memory than its code has";
	return NULL;
}

const char *bzimage_read(struct bytes image, struct bzimage *kernel)
{
	uint32_t header_end = 0x202u + bytes_u8(image, SETUP_JUMP + 1);
	const char *why;

	*kernel = (struct bzimage){ 0 };
	if (!bzimage_recognize(image))
		return "is no bzImage: the header's magic numbers are missing";
	kernel->protocol = bytes_u16(image, SETUP_VERSION);
	if (kernel->protocol < LEAST_PROTOCOL)
		return "has a boot protocol older than 2.12 (Linux before 3.8)";
	if (header_end < SETUP_INIT_SIZE + 4 || !bytes_hold(image, 0, header_end))
		return "is truncated inside its setup header";
	if (!(bytes_u8(image, SETUP_LOADFLAGS) & SETUP_LOADED_HIGH))
		return "is a zImage, which loads below 1 MiB; a bzImage is needed";
	kernel->xloadflags = bytes_u16(image, SETUP_XLOADFLAGS);
	kernel->is64 = kernel->xloadflags & SETUP_KERNEL_64;
	kernel->header = bytes_part(image, SETUP_SECTS, header_end - SETUP_SECTS);
	why = read_code(image, kernel);
	if (why)
		return why;
	read_version(image, kernel);
	return read_placement(image, kernel);
}
