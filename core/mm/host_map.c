/* SPDX-License-Identifier: Apache-2.0 */
/* The core's own address space: image, direct map, windows, CPU areas (mm/layout.h has the
 * picture). */
#include "mm/host_map.h"

#include "lib/string.h"
#include "x86/insn.h"
#include "x86/msr.h"

/* link.ld */
extern char image_start[], text_end[], rodata_end[], image_end[];
/* head.S: stacks of the boot CPU, upwards, each with a guard page below. */
extern char boot_stack[], boot_stack_top[], boot_nmi_stack_top[], boot_df_stack_top[];

uint64_t image_phys;

static struct ptab host_map;
static uint64_t next_window = WINDOW_BASE;

static enum status alloc_table(void *context, uint64_t *phys)
{
	enum status s = frames_alloc(context, PAGE_SIZE, PAGE_SIZE, phys);

	if (!s)
		memset(phys_to_virt(*phys), 0, PAGE_SIZE);
	return s;
}

static const struct ptab_effects host_effects = {
	.alloc = alloc_table,
	.to_virt = phys_to_virt,
};

static enum status map_image(void)
{
	const struct {
		const char *from, *to;
		uint8_t rights;
	} parts[] = {
		{image_start, text_end, PTAB_READ | PTAB_EXECUTE},
		{text_end, rodata_end, PTAB_READ},
		{rodata_end, image_end, PTAB_RW},
	};
	const char *const guards[] = {boot_stack, boot_stack_top, boot_nmi_stack_top,
				      boot_df_stack_top};
	enum status s = STATUS_OK;

	for (unsigned int i = 0; !s && i < ARRAY_SIZE(parts); i++)
		s = ptab_map(&host_map, (uintptr_t)parts[i].from, virt_to_phys(parts[i].from),
			     (uint64_t)(parts[i].to - parts[i].from),
			     (struct ptab_attributes){parts[i].rights, MEMORY_TYPE_WB});
	for (unsigned int i = 0; !s && i < ARRAY_SIZE(guards); i++)
		s = ptab_unmap(&host_map, (uintptr_t)guards[i], PAGE_SIZE);
	return s;
}

static enum status map_direct(const struct memory_range *ranges, uint32_t count)
{
	enum status s = STATUS_OK;

	for (uint32_t i = 0; !s && i < count; i++)
		s = ptab_map(&host_map, DIRECT_MAP_BASE + ranges[i].base, ranges[i].base,
			     ranges[i].size, (struct ptab_attributes){PTAB_RW, MEMORY_TYPE_WB});
	return s;
}

/* The direct map must not offer a way to write what the image and the blob have read-only. */
static enum status protect_direct(const struct memory_range *blob)
{
	const struct ptab_attributes read = {PTAB_READ, MEMORY_TYPE_WB};
	enum status s = ptab_protect(&host_map, DIRECT_MAP_BASE + image_phys,
				     (uint64_t)(rodata_end - image_start), read);

	return s ? s : ptab_protect(&host_map, DIRECT_MAP_BASE + blob->base, blob->size, read);
}

enum status host_map_build(const struct memory_range *ranges, uint32_t count,
			   const struct memory_range *blob, bool has_1g)
{
	enum status s = ptab_init(&host_map, &ptab_host_format, &host_effects, &machine_frames, 4,
				  has_1g ? 3 : 2);

	if (!s)
		s = map_image();
	if (!s)
		s = map_direct(ranges, count);
	if (!s)
		s = protect_direct(blob);
	return s;
}

void host_map_load(void)
{
	write_cr3(host_map.root);
}

uint64_t host_map_root(void)
{
	return host_map.root;
}

enum status map_window(uint64_t phys, uint64_t size, struct ptab_attributes a, void **p)
{
	uint64_t base = align_down(phys, PAGE_SIZE);
	uint64_t bytes = align_up(phys + size, PAGE_SIZE) - base;
	/* Large windows keep the offset of their address in a large page, to be mapped by such. */
	uint64_t virt = bytes < PAGE_SIZE_2M ?
				next_window :
				align_up(next_window, PAGE_SIZE_2M) + (base & (PAGE_SIZE_2M - 1));
	enum status s;

	if (!size || phys + size < phys || bytes > WINDOW_SIZE ||
	    virt + bytes > WINDOW_BASE + WINDOW_SIZE)
		return trace_error(STATUS_RANGE);
	s = ptab_map(&host_map, virt, base, bytes, a);
	if (s)
		return s;
	next_window = virt + bytes;
	*p = (void *)(uintptr_t)(virt + (phys - base));
	return STATUS_OK;
}

enum status map_registers(uint64_t phys, uint64_t size, void **p)
{
	return map_window(phys, size, (struct ptab_attributes){PTAB_RW, MEMORY_TYPE_UC}, p);
}

enum status host_map_area(uint64_t virt, uint64_t phys, uint64_t size)
{
	return ptab_map(&host_map, virt, phys, size,
			(struct ptab_attributes){PTAB_RW, MEMORY_TYPE_WB});
}
