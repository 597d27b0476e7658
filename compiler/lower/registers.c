/* SPDX-License-Identifier: Apache-2.0 */
/* The states in which boot processors enter: real, protected without paging, long with paging. */
#include <string.h>

#include "base/buffer.h"
#include "lower/start.h"

enum {
	CR0_PE = 1 << 0,
	CR0_ET = 1 << 4,
	CR4_PAE = 1 << 5,
	EFER_LME = 1 << 8,
	EFER_LMA = 1 << 10,
	RFLAGS_FIXED = 1 << 1,
};
#define CR0_PG (1u << 31)
#define CR0_NE (1u << 5)

/* Attributes in the layout of struct hv_segment. */
enum {
	CODE16 = 0x9b,
	DATA16 = 0x93,
	CODE32 = 0xc09b,
	DATA32 = 0xc093,
	CODE64 = 0xa09b,
	TSS_BUSY = 0x8b,
	TSS_BUSY16 = 0x83,
	LDT = 0x82,
	UNUSABLE = 0x10000,
};

static struct hv_segment segment(uint16_t selector, uint32_t attributes, uint32_t limit)
{
	return (struct hv_segment){ .selector = selector, .attributes = attributes, .limit = limit };
}

static void set_segments(struct hv_start *start, struct hv_segment code, struct hv_segment data)
{
	for (int i = HV_ES; i <= HV_GS; i++)
		start->segments[i] = i == HV_CS ? code : data;
	start->segments[HV_LDTR] = segment(0, LDT | UNUSABLE, 0);
	start->segments[HV_TR] = segment(0, TSS_BUSY, 0x67);
}

void start_real(struct lowered *guest, uint32_t entry)
{
	struct hv_start *start = &guest->start;

	set_segments(start, segment((uint16_t)(entry >> 4), CODE16, 0xffff),
		     segment(0, DATA16, 0xffff));
	start->segments[HV_CS].base = entry & ~0xfu;
	start->segments[HV_TR] = segment(0, TSS_BUSY16, 0xffff);
	start->rip = entry & 0xf;
	start->rflags = RFLAGS_FIXED;
	start->cr0 = CR0_ET;
	start->gdtr_limit = 0xffff;
	start->idtr_limit = 0x3ff;
}

/* PVH and Multiboot agree: flat 4 GiB segments, interrupts off, no paging, tables undefined. */
void start_protected(struct lowered *guest, uint32_t entry)
{
	struct hv_start *start = &guest->start;

	set_segments(start, segment(0x10, CODE32, UINT32_MAX), segment(0x18, DATA32, UINT32_MAX));
	start->rip = entry;
	start->rflags = RFLAGS_FIXED;
	start->cr0 = CR0_PE | CR0_ET;
}

/* Identity map with 2 MiB pages of everything below the top of low RAM; returns the root. */
static uint64_t page_tables(struct lower_context *context, struct lowered *guest, struct item item)
{
	enum { PRESENT = 1, WRITE = 2, ACCESSED = 0x20, DIRTY = 0x40, LARGE = 0x80, ENTRIES = 512 };
	uint64_t gibs = (guest->map.low_top + (1u << 30) - 1) >> 30;
	uint64_t size = (2 + gibs) * PAGE;
	uint64_t *tables = arena_alloc(context->arena, size);
	uint64_t root = load_low(context, guest, item, tables, size, PAGE);

	if (root == NO_PLACE)
		return NO_PLACE;
	tables[0] = (root + PAGE) | PRESENT | WRITE | ACCESSED;
	for (uint64_t gib = 0; gib < gibs; gib++)
		tables[ENTRIES + gib] = (root + (2 + gib) * PAGE) | PRESENT | WRITE | ACCESSED;
	for (uint64_t page = 0; page < gibs * ENTRIES; page++)
		tables[2 * ENTRIES + page] = page << 21 | PRESENT | WRITE | ACCESSED | DIRTY | LARGE;
	return root;
}

/* Linux's protocols name the selectors: __BOOT_CS is 0x10, __BOOT_DS 0x18. */
static bool descriptor_table(struct lower_context *context, struct lowered *guest, bool is64)
{
	static const uint64_t tables[2][4] = {
		{ 0, 0, 0x00cf9b000000ffff, 0x00cf93000000ffff },
		{ 0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff },
	};
	struct item item = { "GDT", guest->model->boot.where.at };

	guest->start.gdtr_limit = sizeof(tables[is64]) - 1;
	guest->start.gdtr_base = load_low(context, guest, item, tables[is64], sizeof(tables[is64]), 16);
	return guest->start.gdtr_base != NO_PLACE;
}

bool start_linux_32(struct lower_context *context, struct lowered *guest, uint32_t entry)
{
	start_protected(guest, entry);
	return descriptor_table(context, guest, false);
}

bool start_long(struct lower_context *context, struct lowered *guest, uint64_t entry)
{
	struct hv_start *start = &guest->start;
	struct position at = guest->model->boot.where.at;

	start->cr3 = page_tables(context, guest, (struct item){ "page tables", at });
	if (start->cr3 == NO_PLACE || !descriptor_table(context, guest, true))
		return false;
	set_segments(start, segment(0x10, CODE64, UINT32_MAX), segment(0x18, DATA32, UINT32_MAX));
	start->rip = entry;
	start->rflags = RFLAGS_FIXED;
	start->cr0 = CR0_PG | CR0_NE | CR0_ET | CR0_PE;
	start->cr4 = CR4_PAE;
	start->efer = EFER_LME | EFER_LMA;
	return true;
}
