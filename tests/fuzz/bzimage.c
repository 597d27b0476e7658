/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a bzImage: header, ranges, version, and the kernel inside it. What a good image says
 * must lie in the file. Images that claim more than 16 MiB unpacked are left alone: time, not faults.
 */
#include <stdlib.h>

#include "kernel/bzimage.h"
#include "kernel/elf.h"
#include "kernel/unpack.h"

static void must_hold(struct bytes file, struct bytes part)
{
	if (part.size && (part.data < file.data || !bytes_hold(file, (uint64_t)(part.data - file.data),
							       part.size)))
		abort();
}

static void unpack_it(struct bytes payload)
{
	static struct elf_image elf;
	struct arena arena = { 0 };
	struct bytes out;

	if (payload.size < 8 || bytes_u32(payload, payload.size - 4) > 16 << 20)
		return;
	if (!unpack(&arena, payload, &out))
		elf_read(out, &elf);
	arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes file = { data, size };
	struct bzimage kernel;

	unpack_it(file);
	if (bzimage_read(file, &kernel))
		return 0;
	must_hold(file, kernel.header);
	must_hold(file, kernel.code);
	must_hold(file, kernel.payload);
	if (kernel.version[sizeof(kernel.version) - 1])
		abort();
	unpack_it(kernel.payload);
	return 0;
}
