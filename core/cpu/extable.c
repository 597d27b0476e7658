/* SPDX-License-Identifier: Apache-2.0 */
/* The table of instructions that may fault, filled by MAY_FAULT of entry.S and gathered by
 * link.ld. */
#include "cpu/extable.h"

struct extable_entry {
	uint64_t at, to;
};

extern const struct extable_entry extable_start[], extable_end[];

uint64_t extable_fixup(uint64_t rip)
{
	for (const struct extable_entry *e = extable_start; e < extable_end; e++)
		if (e->at == rip)
			return e->to;
	return 0;
}
