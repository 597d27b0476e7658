/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an ELF file, and as a file with a Multiboot or Multiboot2 header. */
#include <stdlib.h>

#include "kernel/config.h"
#include "kernel/elf.h"
#include "kernel/multiboot.h"

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_elf(struct bytes file)
{
	static struct elf_image elf;
	struct bytes section = elf_section(file, ".hv_image");
	uint64_t physical;

	must(!section.size || bytes_hold(file, (uint64_t)(section.data - file.data), section.size));
	if (elf_read(file, &elf))
		return;
	must(elf.segment_count && elf.segment_count <= ELF_MOST_SEGMENTS);
	for (uint32_t i = 0; i < elf.segment_count; i++) {
		const struct elf_segment *segment = &elf.segments[i];

		must(bytes_hold(file, segment->offset, segment->file_size));
		must(segment->file_size <= segment->memory_size);
		must(segment->paddr >= elf.low && segment->paddr + segment->memory_size <= elf.high);
	}
	if (elf_physical(&elf, elf.entry, &physical))
		must(physical >= elf.low && physical < elf.high);
	must(!elf.has_pvh || bytes_hold(file, (uint64_t)(elf.pvh_note.data - file.data),
					elf.pvh_note.size));
}

/* A configuration has a value of an option, inside itself, or none. */
static void check_config(struct bytes file)
{
	struct arena arena = { 0 };
	struct bytes config = kernel_config_read(&arena, file);
	struct bytes value = kernel_config_value(config, "CONFIG_SMP");

	must(!value.data || bytes_hold(config, (uint64_t)(value.data - config.data), value.size));
	arena_free(&arena);
}

static void check_place(struct bytes file, uint32_t offset, const uint32_t *addresses)
{
	struct multiboot_placement placement;

	if (multiboot_place(file, offset, addresses[0], addresses[1], addresses[2], addresses[3],
			    &placement))
		return;
	must(bytes_hold(file, placement.file_offset, placement.file_size));
	must(placement.file_size <= placement.memory_size);
	must((uint64_t)placement.load + placement.memory_size <= 1ull << 32);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes file = { data, size };
	struct multiboot1 first;
	struct multiboot2 second;

	check_elf(file);
	check_config(file);
	if (!multiboot1_read(file, &first))
		check_place(file, first.offset,
			    (uint32_t[]){ first.header_addr, first.load_addr, first.load_end_addr,
					  first.bss_end_addr });
	if (!multiboot2_read(file, &second))
		check_place(file, second.offset,
			    (uint32_t[]){ second.header_addr, second.load_addr,
					  second.load_end_addr, second.bss_end_addr });
	return 0;
}
