/* SPDX-License-Identifier: Apache-2.0 */
/* Config space by table: see config_space.h. */
#include "pci/config_space.h"
#include "lib/string.h"

#define CAPABILITIES_MAX 48 /* what fits in the bytes behind the header, 4 each */

void config_reset(struct config_space *space)
{
	memcpy(space->value, space->reset, PCI_CONFIG_BYTES);
}

uint32_t config_read(struct config_space *space, unsigned int offset, unsigned int size)
{
	uint32_t value;

	if (space->hooks && space->hooks->read && space->hooks->read(space, offset, size, &value))
		return value;
	return config_value(space, offset, size);
}

void config_write(struct config_space *space, unsigned int offset, unsigned int size, uint32_t value)
{
	for (unsigned int i = 0; i < size && offset + i < PCI_CONFIG_BYTES; i++) {
		uint8_t mask = space->mask[offset + i], *byte = &space->value[offset + i];

		*byte = (*byte & ~mask) | (value >> 8 * i & mask);
	}
	if (space->hooks && space->hooks->written)
		space->hooks->written(space, offset, size);
}

unsigned int config_capability(const struct config_space *space, uint8_t id)
{
	unsigned int at = space->value[PCI_CAPABILITIES] & ~3u;

	if (!(config_value(space, PCI_STATUS, 2) & PCI_STATUS_CAPS))
		return 0;
	for (unsigned int i = 0; i < CAPABILITIES_MAX && at >= 0x40; i++) {
		if (space->value[at] == id)
			return at;
		at = space->value[at + 1] & ~3u;
	}
	return 0;
}
