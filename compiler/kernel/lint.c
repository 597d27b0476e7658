/* SPDX-License-Identifier: Apache-2.0 */
/* Initrds by their first bytes. */
#include "kernel/lint.h"

#include <string.h>

#include "kernel/bzimage.h"
#include "kernel/elf.h"
#include "kernel/unpack.h"

/* Formats that are no compression: archives, and file systems of the days of ramdisks. */
static const struct {
	uint16_t offset;
	const char *magic;
	uint8_t size;
} formats[] = {
	{ 0, "070701", 6 },	   /* cpio, new ASCII */
	{ 0, "070702", 6 },	   /* cpio, new ASCII with checksums */
	{ 0, "070707", 6 },	   /* cpio, old ASCII */
	{ 1080, "\x53\xef", 2 },   /* ext2 */
	{ 0, "hsqs", 4 },	   /* squashfs */
	{ 0, "\x45\x3d\xcd\x28", 4 }, /* cramfs */
	{ 0, "-rom1fs-", 8 },
};

static bool is_format(struct bytes file)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		if (bytes_hold(file, formats[i].offset, formats[i].size) &&
		    !memcmp(file.data + formats[i].offset, formats[i].magic, formats[i].size))
			return true;
	return false;
}

const char *lint_initrd(struct bytes file)
{
	if (bzimage_recognize(file))
		return "is a kernel (bzImage)";
	if (elf_recognize(file))
		return "is an ELF program";
	if (is_format(file) || unpack_method(file))
		return NULL;
	return "is no cpio archive, nor compressed in a way that Linux knows";
}
