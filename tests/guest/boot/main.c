/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a multiboot kernel finds when it is entered, and the ground the other guests stand on: the magic number, the memory
 * map, the command line, static ACPI tables with right checksums, every processor of the MADT answering, and an exception
 * that is caught. (Multiboot 0.6.96 3.2 and 3.3; ACPI 6.5 5.2.)
 */
#include "guest.h"

struct multiboot {
	uint32_t flags, memory_lower, memory_upper, boot_device, command_line, modules_count, modules, symbols[4];
	uint32_t map_length, map;
};
struct range {
	uint32_t size;
	uint64_t base, length;
	uint32_t type;
} __attribute__((packed));

extern uint32_t multiboot_magic;

static uint64_t undefined(void)
{
	__asm__ volatile("ud2");
	return 0;
}

static uint64_t divide(void)
{
	__asm__ volatile("xorl %%edx, %%edx; movl %%edx, %%ecx; divl %%ecx" : : : "eax", "ecx", "edx", "cc");
	return 0;
}

static uint64_t breakpoint(void)
{
	__asm__ volatile("int3");
	return 0;
}

static uint64_t no_page(void)
{
	return *(volatile uint64_t *)0x4000000000ull; /* beyond the 4 GiB that are mapped */
}

static uint64_t not_canonical(void)
{
	return *(volatile uint64_t *)0x8000000000000000ull;
}

static const struct row exceptions[] = {
	{ "UD2 raises #UD", undefined, 6, 0, NULL },
	{ "division by zero raises #DE", divide, 0, 0, NULL },
	{ "INT3 raises #BP", breakpoint, 3, 0, NULL },
	{ "a read of an absent page raises #PF", no_page, 14, 0, NULL },
	{ "a read of a non-canonical address raises #GP", not_canonical, 13, 0, NULL },
};

static void check_memory_map(const struct multiboot *information)
{
	uint64_t usable = 0, end = 0;
	bool sorted = true, ours = false;

	check_true("the loader gives a memory map", (information->flags & (1u << 6)) != 0);
	for (uint32_t at = 0; at < information->map_length;) {
		const struct range *range = (const void *)(uint64_t)(information->map + at);

		note("memory 0x%lx + 0x%lx type %u", range->base, range->length, range->type);
		if (range->type == 1) {
			usable += range->length;
			ours = ours || (range->base <= 0x100000 && range->base + range->length > 0x1000000);
		}
		sorted = sorted && range->base >= end;
		end = range->base + range->length;
		at += range->size + 4;
	}
	check_true("its ranges are sorted and disjoint", sorted);
	check_true("this image and what follows is usable memory", ours);
	check_range("usable memory, MiB", usable >> 20, 31, 4096);
}

static bool checksum_is_right(const char *signature)
{
	const uint8_t *table = acpi_table(signature);
	uint32_t length;
	uint8_t sum = 0;

	if (!table)
		return false;
	memory_copy(&length, table + 4, 4);
	for (uint32_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + table[i]);
	return sum == 0;
}

static void say_hello(void *argument)
{
	__atomic_add_fetch((uint32_t *)argument, 1, __ATOMIC_RELAXED);
}

static uint32_t cpus_wanted(void) /* `cpus=N` on the command line; 1 without */
{
	for (const char *text = command_line(); *text; text++)
		if (!memory_compare(text, "cpus=", 5))
			return (uint32_t)(text[5] - '0') * (text[6] >= '0' && text[6] <= '9' ? 10 : 1) +
			       (text[6] >= '0' && text[6] <= '9' ? (uint32_t)(text[6] - '0') : 0);
	return 1;
}

int main(void)
{
	const struct multiboot *information = multiboot_information();
	uint32_t running, answered = 0;

	note("command line: %s", command_line());
	check_value("EAX holds the loader's magic number", multiboot_magic, 0x2badb002);
	check_memory_map(information);
	CHECK_ROWS(exceptions);
	check_true("FADT with a right checksum", checksum_is_right("FACP"));
	check_true("MADT with a right checksum", checksum_is_right("APIC"));
	check_true("long mode is active", (rdmsr(MSR_EFER) & 0x500) == 0x500);

	apic_enable();
	note("TSC: %lu kHz", tsc_per_ms());
	running = start_processors();
	check_value("every processor of the MADT starts", running, cpus_wanted());
	for (uint32_t i = 0; i < running; i++)
		if (processor_apic_id(i) != apic_id())
			run_on(i, say_hello, &answered);
	check_value("each of them runs what it is told", answered, running - 1);
	return 0;
}
