/* SPDX-License-Identifier: Apache-2.0 */
/* Base address registers by their masks: the lowest writable bit is the window's size. */
#include "pci/bar.h"

#define BAR_PORT      BIT(0)
#define BAR_TYPE      BITS(2, 1)
#define BAR_TYPE_WIDE 2u

static unsigned int offset_of(unsigned int index)
{
	return PCI_BAR0 + 4 * index;
}

static uint32_t mask_of(const struct config_space *space, unsigned int index)
{
	const uint8_t *m = &space->mask[offset_of(index)];

	return m[0] | m[1] << 8 | m[2] << 16 | (uint32_t)m[3] << 24;
}

static bool is_wide(const struct config_space *space, unsigned int index)
{
	uint32_t value = config_value(space, offset_of(index), 4);

	return index + 1 < PCI_BARS && !(value & BAR_PORT) && field_get(value, BAR_TYPE) == BAR_TYPE_WIDE;
}

/* Registers are told from upper halves by walking from the first. */
static bool is_upper_half(const struct config_space *space, unsigned int index)
{
	unsigned int i = 0;

	while (i < index)
		i += is_wide(space, i) ? 2 : 1;
	return i != index;
}

struct bar_window bar_window(const struct config_space *space, unsigned int index)
{
	struct bar_window w = { 0 };
	uint64_t value, mask;

	if (index >= PCI_BARS || is_upper_half(space, index))
		return w;
	w.wide = is_wide(space, index);
	value = config_value(space, offset_of(index), 4);
	mask = mask_of(space, index);
	if (w.wide) {
		value |= (uint64_t)config_value(space, offset_of(index + 1), 4) << 32;
		mask |= (uint64_t)mask_of(space, index + 1) << 32;
	}
	w.port = value & BAR_PORT;
	w.size = mask & -mask;
	w.base = value & mask;
	w.decoded = w.size && config_value(space, PCI_COMMAND, 2) & (w.port ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY);
	return w;
}
