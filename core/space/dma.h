/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory as devices see it: (dma space, address), never a guest physical address. Without a virtual
 * IOMMU a space is the guest's memory itself; with one, its translate hook answers for each page.
 */
#ifndef CORE_SPACE_DMA_H
#define CORE_SPACE_DMA_H

#include "space/memory.h"

struct dma_space {
	struct memory *memory;
	/* Turns an address into a guest physical one, and *size down to what is contiguous from
	 * there. NULL: identity. STATUS_FAULT: not mapped, or not for this. */
	enum status (*translate)(void *context, uint64_t address, bool write, uint64_t *gpa,
				 uint64_t *size);
	void *context;
};

/* As memory_read() and memory_write(); a fault behind the first page leaves what came before it
 * copied. */
MUST_USE enum status dma_read(const struct dma_space *space, uint64_t address, void *buffer,
			      size_t size);
MUST_USE enum status dma_write(const struct dma_space *space, uint64_t address, const void *buffer,
			       size_t size);

#endif
