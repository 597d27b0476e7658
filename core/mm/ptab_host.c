/* SPDX-License-Identifier: Apache-2.0 */
/* The format of the core's own tables: supervisor pages only. */
#include "mm/ptab_x86.h"

static uint64_t host_make_table(uint64_t phys)
{
	return phys | PTE_PRESENT | PTE_WRITE | PTE_ACCESSED;
}

const struct ptab_format ptab_host_format = {
	.name = "host",
	.present = x86_present,
	.leaf = x86_leaf,
	.address = x86_address,
	.make_table = host_make_table,
	.make_leaf = x86_make_leaf,
	.attributes = x86_attributes,
};
