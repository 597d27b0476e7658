/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel/: reading guest kernels: what each says of itself. Readers are pure: bytes in, facts out,
 * no files and no diagnostics. A reader that refuses an image returns why, as a sentence part that
 * follows the file's name ("has no 64-bit entry"); NULL means it was read. Whoever called turns
 * that into a diagnostic at the place in the YAML.
 *
 * bzImage: the Linux/x86 boot protocol's setup header (Linux, Documentation/arch/x86/boot.rst).
 */
#ifndef HVCC_KERNEL_BZIMAGE_H
#define HVCC_KERNEL_BZIMAGE_H

#include "base/bytes.h"

/* Offsets in a bzImage and in boot_params alike ("The Real-Mode Kernel Header"). */
enum setup_header {
	SETUP_SECTS = 0x1f1,
	SETUP_SYSSIZE = 0x1f4,
	SETUP_BOOT_FLAG = 0x1fe,
	SETUP_JUMP = 0x200,
	SETUP_MAGIC = 0x202,
	SETUP_VERSION = 0x206,
	SETUP_KERNEL_VERSION = 0x20e,
	SETUP_TYPE_OF_LOADER = 0x210,
	SETUP_LOADFLAGS = 0x211,
	SETUP_CODE32_START = 0x214,
	SETUP_RAMDISK_IMAGE = 0x218,
	SETUP_RAMDISK_SIZE = 0x21c,
	SETUP_CMD_LINE_PTR = 0x228,
	SETUP_INITRD_ADDR_MAX = 0x22c,
	SETUP_KERNEL_ALIGNMENT = 0x230,
	SETUP_RELOCATABLE = 0x234,
	SETUP_MIN_ALIGNMENT = 0x235,
	SETUP_XLOADFLAGS = 0x236,
	SETUP_CMDLINE_SIZE = 0x238,
	SETUP_PAYLOAD_OFFSET = 0x248,
	SETUP_PAYLOAD_LENGTH = 0x24c,
	SETUP_SETUP_DATA = 0x250,
	SETUP_PREF_ADDRESS = 0x258,
	SETUP_INIT_SIZE = 0x260,
};

enum {
	SETUP_MAGIC_VALUE = 0x53726448, /* "HdrS" */
	SETUP_LOADED_HIGH = 1 << 0,	/* loadflags */
	SETUP_KERNEL_64 = 1 << 0,	/* xloadflags: there is an entry at 0x200 */
	SETUP_ABOVE_4G = 1 << 1,	/* xloadflags: initrd, command line may lie above 4 GiB */
	SETUP_ENTRY_64 = 0x200,		/* from the start of the loaded code */
};

struct bzimage {
	uint16_t protocol; /* 0x020f is 2.15 */
	uint16_t xloadflags;
	bool is64; /* an entry at SETUP_ENTRY_64; else the 32-bit one at 0 alone */
	bool relocatable;
	uint8_t min_alignment; /* power of two */
	uint32_t alignment;    /* where it may be loaded, when relocatable */
	uint64_t pref_address; /* where it likes to be; where it must be when not relocatable */
	uint32_t init_size;    /* memory needed from the load address on, before it has e820 */
	uint32_t cmdline_size; /* longest command line without its terminator */
	uint32_t initrd_addr_max; /* highest address of an initrd's last byte */
	uint32_t code_offset;  /* of the protected-mode code in the file */
	struct bytes header;   /* from SETUP_SECTS on: what is copied into boot_params */
	struct bytes code;     /* the protected-mode code: what is loaded */
	struct bytes payload;  /* the compressed kernel inside code; empty: none */
	char version[80];      /* "6.1.0-27-cloud-amd64 (...) #1 SMP ..."; "" when not told */
};

/* Does this look like one (the two magic numbers are there)? */
bool bzimage_recognize(struct bytes image);

/* Reads one; ranges in the result lie inside image. Returns NULL or why it is refused. */
const char *bzimage_read(struct bytes image, struct bzimage *kernel);

#endif
