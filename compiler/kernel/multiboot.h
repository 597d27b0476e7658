/* SPDX-License-Identifier: Apache-2.0 */
/* The headers by which a kernel asks to be booted by Multiboot 0.6.96 and Multiboot2 2.0. */
#ifndef HVCC_KERNEL_MULTIBOOT_H
#define HVCC_KERNEL_MULTIBOOT_H

#include "base/bytes.h"

enum multiboot1_flags {
	MULTIBOOT1_ALIGN_MODULES = 1u << 0,
	MULTIBOOT1_MEMORY = 1u << 1,
	MULTIBOOT1_VIDEO = 1u << 2,
	MULTIBOOT1_ADDRESSES = 1u << 16, /* the "a.out kludge": load by the header's own addresses */
};

struct multiboot1 {
	uint32_t offset; /* of the header in the file */
	uint32_t flags;
	uint32_t header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};

struct multiboot2 {
	uint32_t offset;
	bool has_addresses, has_entry, relocatable, align_modules;
	bool keeps_boot_services; /* wants EFI boot services left on */
	uint32_t header_addr, load_addr, load_end_addr, bss_end_addr;
	uint32_t entry_addr;
	uint32_t relocate_min, relocate_max, relocate_align, relocate_preference;
	uint32_t requests; /* BIT(n): information tag n is required */
};

/*
 * Looks for the header in the first 8 KiB (Multiboot, 4-aligned) or 32 KiB (Multiboot2, 8-aligned).
 * Returns NULL when it is there and can be honoured, else why not.
 */
const char *multiboot1_read(struct bytes image, struct multiboot1 *header);
const char *multiboot2_read(struct bytes image, struct multiboot2 *header);

/*
 * Where the address fields put the file: [load, load + file_size) from file_offset on, zeroed up to
 * load + memory_size. load_end 0: the rest of the file; bss_end 0: no zeroed part.
 * Returns NULL or why they are impossible.
 */
struct multiboot_placement {
	uint32_t load, file_offset, file_size, memory_size;
};
const char *multiboot_place(struct bytes image, uint32_t header_offset, uint32_t header_addr,
			    uint32_t load_addr, uint32_t load_end, uint32_t bss_end,
			    struct multiboot_placement *placement);

#endif
