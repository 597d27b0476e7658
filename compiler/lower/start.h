/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boot protocols: what lies in memory and in the registers when the boot processor enters. start.c
 * picks the protocol; one file a family fills loads and guest->start.
 */
#ifndef HVCC_LOWER_START_H
#define HVCC_LOWER_START_H

#include "kernel/bzimage.h"
#include "kernel/elf.h"
#include "lower/place.h"
#include "model/model.h"

enum gpr { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };

/* The kernel of a guest, opened and recognized. */
struct boot_image {
	struct item item;
	struct bytes file;
	bool is_bzimage, is_elf;
	struct bzimage bzimage; /* if is_bzimage */
	struct bytes vmlinux;	/* what was unpacked from it, with boot.unpack; else empty */
	struct elf_image elf;	/* if is_elf, or unpacked */
};

/* A module as each protocol lists it: the initrd first, then boot.modules. */
struct boot_module_placed {
	uint64_t gpa, size;
	uint64_t args; /* gpa of its text, 0: none */
	const char *args_text;
};

/* Reads a file once for all guests that name it; reports FILE_UNREADABLE. Empty: failed. */
struct bytes start_read_file(struct lower_context *context, const struct file_name *name);

/* Reports at the kernel "kernel `x` <why>": KERNEL_REFUSED, or what is wrong where the file is broken. */
struct diag *start_refuse(struct lower_context *context, const struct boot_image *image,
			  const char *why);

/* Loads the segments of an ELF image from its file; false after a report. */
bool start_load_segments(struct lower_context *context, struct lowered *guest,
			 const struct boot_image *image, struct bytes file);

/*
 * Places initrd and modules high, below `limit`, and their texts low. Returns how many, or -1 after
 * a report. *placed lives in the arena.
 */
int start_load_modules(struct lower_context *context, struct lowered *guest, uint64_t limit,
		       struct boot_module_placed **placed);

/* The command line in low memory; its address, 0 for none, NO_PLACE after a report. */
uint64_t start_load_cmdline(struct lower_context *context, struct lowered *guest, uint64_t most);

/* Entry states (registers.c): everything but the general registers a protocol sets itself. */
bool start_long(struct lower_context *context, struct lowered *guest, uint64_t entry);
void start_protected(struct lowered *guest, uint32_t entry);
bool start_linux_32(struct lower_context *context, struct lowered *guest, uint32_t entry);
void start_real(struct lowered *guest, uint32_t entry);

/* The configuration that a vmlinux carries; read once for all guests that boot it. Empty: it has none. */
struct bytes start_config(struct lower_context *context, struct bytes vmlinux);

/* What can be said of a kernel before it is loaded (start_lint.c); false: it cannot be. */
bool start_lint(struct lower_context *context, const struct lowered *guest,
		const struct boot_image *image, enum boot_protocol protocol);

/* The protocols; false after a report. */
bool start_linux(struct lower_context *context, struct lowered *guest, struct boot_image *image);
bool start_pvh(struct lower_context *context, struct lowered *guest, struct boot_image *image);
bool start_multiboot1(struct lower_context *context, struct lowered *guest, struct boot_image *image);
bool start_multiboot2(struct lower_context *context, struct lowered *guest, struct boot_image *image);
bool start_raw(struct lower_context *context, struct lowered *guest, struct boot_image *image);

#endif
