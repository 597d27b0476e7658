/* SPDX-License-Identifier: Apache-2.0 */
/* The one-to-one map of start.S, split to 4 KiB where a test wants one page for itself. */
#include "guest.h"

#define FREE_MEMORY 0x1000000ull /* above what a loader puts behind the image */

extern uint64_t page_directories[4 * 512];

void *take_page(void)
{
	static uint8_t *next;
	uint8_t *page;

	if (!next)
		next = (uint8_t *)FREE_MEMORY;
	page = next;
	next += 4096;
	return memory_set(page, 0, 4096);
}

void flush_page(uint64_t address)
{
	__asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

uint64_t *page_entry(uint64_t address)
{
	uint64_t *large = &page_directories[address >> 21];

	if (*large & 0x80) {
		uint64_t *table = take_page();

		for (unsigned i = 0; i < 512; i++)
			table[i] = (address & ~0x1fffffull) + i * 4096ull + 0x7;
		*large = (uint64_t)table | 0x7;
		write_cr3(read_cr3());
	}
	return (uint64_t *)(*large & ~0xfffull) + (address >> 12 & 511);
}
