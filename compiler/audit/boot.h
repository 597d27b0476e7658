/* SPDX-License-Identifier: Apache-2.0 */
/* How a guest of an image starts, read off its registers and what they point to. */
#ifndef HVCC_AUDIT_BOOT_H
#define HVCC_AUDIT_BOOT_H

#include "audit/image.h"
#include "base/vector.h"

struct booted_module {
	const struct hv_load *load;
	const char *args; /* "" when there are none */
};

struct booted {
	const char *protocol; /* "linux", "pvh", "multiboot1", "multiboot2", "raw" */
	const char *mode;     /* raw: "real", "protected", "long" */
	uint64_t entry;	      /* guest-physical (linear) address of the first instruction */
	const char *cmdline;
	struct bytes zero_page; /* linux: boot_params; else empty */
	const char *kernel_name; /* the path as written; "" when nothing is loaded */
	uint32_t kernel;	 /* payload; HV_NONE: there is none */
	VECTOR(const struct hv_load *) segments; /* of the kernel */
	VECTOR(struct booted_module) modules;	 /* linux: the initrd */
};

struct booted boot_of(const struct image *image, const struct hv_guest *guest);

#endif
