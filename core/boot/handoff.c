/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what a loader left in memory: bounded views through the boot map, which reaches 4 GiB. */
#include "boot/handoff.h"

#include "lib/bits.h"
#include "mm/layout.h"

const void *handoff_view(uint64_t phys, uint64_t size)
{
	return phys && range_fits(phys, size, GIB(4)) ? phys_to_virt(phys) : NULL;
}

void handoff_copy_string(uint64_t phys, char *to, size_t size)
{
	size_t n = 0;

	for (; n + 1 < size; n++) {
		const char *c = handoff_view(phys + n, 1);

		if (!c || !*c)
			break;
		to[n] = *c;
	}
	to[n] = 0;
}
