/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room in guest RAM for what start-up needs: kernels where they want to be, small structures low,
 * initrds high. Each placed thing is a load record and is taken from then on.
 */
#ifndef HVCC_LOWER_PLACE_H
#define HVCC_LOWER_PLACE_H

#include "lower/lowered.h"
#include "lower/pass.h"

#define NO_PLACE UINT64_MAX

enum { PAGE = 4096 };

/* RAM from 0 up to here is for the guest to use; then comes the extended BIOS data area. */
#define LOW_USABLE 0x9fc00ull

/* What is loaded, for messages and for the record. */
struct item {
	const char *name;
	struct position position;
};

/* Is all of [base, base + size) RAM that nothing has taken? */
bool place_free(const struct lowered *guest, uint64_t base, uint64_t size);

/* The lowest (place_low) or highest (place_high) such range inside [from, to), or NO_PLACE. */
uint64_t place_low(const struct lowered *guest, uint64_t from, uint64_t to, uint64_t size,
		   uint64_t align);
uint64_t place_high(const struct lowered *guest, uint64_t from, uint64_t to, uint64_t size,
		    uint64_t align);

/* Takes a range without loading anything. */
void place_take(struct lower_context *context, struct lowered *guest, uint64_t base, uint64_t size);

/*
 * Loads at a fixed address: file_size bytes, zeros up to memory_size. Reports NO_ROOM and returns
 * false when that is not all free RAM. load_payload() takes the bytes from a payload.
 */
bool load_bytes(struct lower_context *context, struct lowered *guest, struct item item, uint64_t gpa,
		const void *bytes, uint64_t size);
bool load_payload(struct lower_context *context, struct lowered *guest, struct item item,
		  uint64_t gpa, uint32_t payload, uint64_t offset, uint64_t file_size,
		  uint64_t memory_size);

/*
 * Puts a small structure into low memory (below 640 KiB, else below 4 GiB); returns its address.
 * NO_PLACE after a report.
 */
uint64_t load_low(struct lower_context *context, struct lowered *guest, struct item item,
		  const void *bytes, uint64_t size, uint64_t align);

/* The index of bytes that travel as a payload; the same bytes get the same index. */
uint32_t payload_of(struct lower_context *context, struct item item, struct bytes data);

#endif
