/* SPDX-License-Identifier: Apache-2.0 */
/* Device access to memory: page by page through the translate hook, if there is one. */
#include "space/dma.h"

#include "lib/bits.h"

/* Translates the start of [address, address + *size), and bounds *size. */
static enum status dma_piece(const struct dma_space *space, uint64_t address, bool write,
			     uint64_t *gpa, uint64_t *size)
{
	if (!space->translate) {
		*gpa = address;
		return STATUS_OK;
	}
	return space->translate(space->context, address, write, gpa, size);
}

static enum status dma_copy(const struct dma_space *space, uint64_t address, uint8_t *to,
			    const uint8_t *from, size_t size)
{
	while (size) {
		uint64_t piece = size, gpa;
		enum status s = dma_piece(space, address, from != NULL, &gpa, &piece);

		if (s != STATUS_OK)
			return s;
		piece = min_of(piece, (uint64_t)size);
		if (!piece)
			return STATUS_FAULT;
		s = from ? memory_write(space->memory, gpa, from, piece)
			 : memory_read(space->memory, gpa, to, piece);
		if (s != STATUS_OK)
			return s;
		if (from)
			from += piece;
		else
			to += piece;
		address += piece;
		size -= piece;
	}
	return STATUS_OK;
}

MUST_USE enum status dma_read(const struct dma_space *space, uint64_t address, void *buffer,
			      size_t size)
{
	return dma_copy(space, address, buffer, NULL, size);
}

MUST_USE enum status dma_write(const struct dma_space *space, uint64_t address, const void *buffer,
			       size_t size)
{
	return dma_copy(space, address, NULL, buffer, size);
}
