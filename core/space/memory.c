/* SPDX-License-Identifier: Apache-2.0 */
/* Guest physical memory: a sorted list of pieces, and copies that stay inside them. */
#include "space/memory.h"

#include "lib/bits.h"
#include "lib/string.h"
#include "x86/insn.h"

enum memory_use { USE_READ, USE_WRITE, USE_LOAD };

MUST_USE enum status memory_append(struct memory *memory, const struct memory_extent *extent)
{
	if (memory->count == memory->capacity)
		return trace_error(STATUS_NO_MEMORY);
	memory->extents[memory->count++] = *extent;
	return STATUS_OK;
}

static struct ptab_attributes extent_attributes(const struct memory_extent *extent)
{
	struct ptab_attributes a = {
		/* enum hv_region_rights and enum ptab_rights are the same bits. */
		.rights = extent->region->rights,
		.type = extent->region->cache,
	};

	if (extent->region->kind == HV_REGION_ROM)
		a.rights &= (uint8_t)~HV_WRITE;
	return a;
}
static_assert((int)HV_READ == (int)PTAB_READ && (int)HV_WRITE == (int)PTAB_WRITE &&
		      (int)HV_EXECUTE == (int)PTAB_EXECUTE,
	      "one encoding of rights");

/* Pages become read-only, whatever becomes of writes to them. */
static enum status close_pages(struct memory *memory, uint64_t gpa, uint64_t end)
{
	enum status s = STATUS_OK;

	while (gpa < end && s == STATUS_OK) {
		const struct memory_extent *e = memory_find(memory, gpa);
		struct ptab_attributes a;
		uint64_t size;

		if (!e || !e->host)
			return trace_error(STATUS_INVALID);
		a = extent_attributes(e);
		a.rights &= (uint8_t)~PTAB_WRITE;
		size = min_of(end, e->gpa + e->size) - gpa;
		s = ptab_protect(&memory->nested, gpa, size, a);
		gpa += size;
	}
	return s;
}

/* Closes [gpa, end) but for what the guard leaves open, where the processor itself can tell. */
static enum status close_guarded(struct memory *memory, uint64_t gpa, uint64_t end)
{
	enum status s = close_pages(memory, gpa, end);

	for (; memory->permit && gpa < end && s == STATUS_OK; gpa += PAGE_SIZE)
		s = memory->permit(memory, gpa, guard_writable(&memory->guard, gpa));
	return s;
}

MUST_USE enum status memory_close_all(struct memory *memory)
{
	enum status s = STATUS_OK;

	for (uint32_t i = 0; i < memory->guard.count && s == STATUS_OK; i++) {
		const struct hv_guard *guard = &memory->guard.guards[i];

		s = close_guarded(memory, guard->gpa, guard->gpa + guard->size);
	}
	return s;
}

MUST_USE enum status memory_map_all(struct memory *memory)
{
	for (uint32_t i = 0; i < memory->count; i++) {
		const struct memory_extent *e = &memory->extents[i];
		enum status s;

		if (e->region->backing == HV_BACKING_NONE || e->region->kind == HV_REGION_RESERVED)
			continue;
		s = ptab_map(&memory->nested, e->gpa, e->phys, e->size, extent_attributes(e));
		if (s != STATUS_OK)
			return s;
	}
	return memory_close_all(memory);
}

MUST_USE enum status memory_show(struct memory *memory, uint64_t gpa, uint64_t size, bool shown)
{
	enum status s = shown ? STATUS_OK : ptab_unmap(&memory->nested, gpa, size);

	for (uint32_t i = 0; i < memory->count && shown && s == STATUS_OK; i++) {
		const struct memory_extent *e = &memory->extents[i];

		if (e->host && e->gpa >= gpa && e->gpa - gpa < size)
			s = ptab_map(&memory->nested, e->gpa, e->phys, e->size, extent_attributes(e));
	}
	return s;
}

static bool extent_holds(const struct memory_extent *e, uint64_t gpa)
{
	return gpa - e->gpa < e->size;
}

const struct memory_extent *memory_find(struct memory *memory, uint64_t gpa)
{
	/* Another CPU may change the hint meanwhile: one read, and it is checked. */
	uint32_t recent = READ_ONCE(memory->recent);
	uint32_t low = 0, high = memory->count;

	if (likely(recent < memory->count && extent_holds(&memory->extents[recent], gpa)))
		return &memory->extents[recent];
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct memory_extent *e = &memory->extents[middle];

		if (extent_holds(e, gpa)) {
			WRITE_ONCE(memory->recent, middle);
			return e;
		}
		if (gpa < e->gpa)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static bool extent_allows(const struct memory_extent *e, enum memory_use use)
{
	if (!e->host)
		return false;
	if (use == USE_LOAD)
		return true;
	if (use == USE_WRITE)
		return memory_writable(e);
	return e->region->rights & HV_READ;
}

/* The host's view of gpa, and in *size how much of it is contiguous; NULL when the use is not
 * allowed. */
static uint8_t *memory_piece(struct memory *memory, uint64_t gpa, enum memory_use use,
			     uint64_t *size)
{
	const struct memory_extent *e = memory_find(memory, gpa);

	if (!e || !extent_allows(e, use))
		return NULL;
	*size = min_of(*size, e->size - (gpa - e->gpa));
	return e->host + (gpa - e->gpa);
}

/* Whether the regions allow the use for every byte. */
static bool regions_allow(struct memory *memory, uint64_t gpa, uint64_t size, enum memory_use use)
{
	if (gpa + size < gpa)
		return false;
	while (size) {
		uint64_t piece = size;

		if (!memory_piece(memory, gpa, use, &piece))
			return false;
		gpa += piece;
		size -= piece;
	}
	return true;
}

static bool memory_allows(struct memory *memory, uint64_t gpa, uint64_t size, enum memory_use use)
{
	return regions_allow(memory, gpa, size, use) &&
	       !(use == USE_WRITE && size && guard_refuses(&memory->guard, gpa, size));
}

MUST_USE enum status memory_lock(struct memory *memory, uint64_t gpa, uint64_t size, bool *changed)
{
	enum status s;

	*changed = false;
	if (!size || !is_aligned(gpa | size, GUARD_GRANULE))
		return STATUS_INVALID;
	if (!regions_allow(memory, gpa, size, USE_WRITE))
		return STATUS_FAULT;
	s = guard_lock(&memory->guard, gpa, size, changed);
	if (s != STATUS_OK || !*changed)
		return s;
	s = close_guarded(memory, align_down(gpa, PAGE_SIZE), align_up(gpa + size, PAGE_SIZE));
	/* The reserve holds what the declared number of pages can need. */
	return s == STATUS_OK ? s : trace_error(STATUS_CORRUPT);
}

MUST_USE enum status memory_reset(struct memory *memory)
{
	if (!memory->guard.used)
		return STATUS_OK;
	guard_unlock_all(&memory->guard);
	ptab_clear(&memory->nested);
	if (memory->permit)
		ptab_clear(&memory->permits);
	return memory_map_all(memory);
}

MUST_USE enum status memory_read(struct memory *memory, uint64_t gpa, void *buffer, size_t size)
{
	uint8_t *to = buffer;

	if (!memory_allows(memory, gpa, size, USE_READ))
		return STATUS_FAULT;
	while (size) {
		uint64_t piece = size;
		const uint8_t *from = memory_piece(memory, gpa, USE_READ, &piece);

		memcpy(to, from, piece);
		to += piece;
		gpa += piece;
		size -= piece;
	}
	return STATUS_OK;
}

/* Copies, or zeroes when `bytes` is NULL. */
static enum status memory_store(struct memory *memory, uint64_t gpa, const uint8_t *bytes,
				uint64_t size, enum memory_use use)
{
	if (!memory_allows(memory, gpa, size, use))
		return STATUS_FAULT;
	while (size) {
		uint64_t piece = size;
		uint8_t *to = memory_piece(memory, gpa, use, &piece);

		if (bytes) {
			memcpy(to, bytes, piece);
			bytes += piece;
		} else {
			memset(to, 0, piece);
		}
		gpa += piece;
		size -= piece;
	}
	return STATUS_OK;
}

MUST_USE enum status memory_write(struct memory *memory, uint64_t gpa, const void *buffer,
				  size_t size)
{
	return memory_store(memory, gpa, buffer, size, USE_WRITE);
}

MUST_USE enum status memory_load(struct memory *memory, uint64_t gpa, const void *bytes,
				 uint64_t size)
{
	return memory_store(memory, gpa, bytes, size, USE_LOAD);
}

/* Sequentially consistent at any alignment, as a locked instruction of the guest would be. */
#define EXCHANGE(type)                                                                             \
	do {                                                                                       \
		type expected_ = (type)*expected;                                                  \
		__atomic_compare_exchange_n((type __attribute__((aligned(1))) *)p, &expected_,     \
					    (type)desired, false, __ATOMIC_SEQ_CST,                \
					    __ATOMIC_SEQ_CST);                                     \
		*expected = expected_;                                                             \
	} while (0)

MUST_USE enum status memory_compare_exchange(struct memory *memory, uint64_t gpa, uint32_t size,
					     uint64_t *expected, uint64_t desired)
{
	uint64_t piece = size;
	uint8_t *p;

	if (size > 8 || !is_power_of_two(size) || (gpa & (PAGE_SIZE - 1)) + size > PAGE_SIZE)
		return STATUS_INVALID;
	if (guard_refuses(&memory->guard, gpa, size))
		return STATUS_FAULT;
	p = memory_piece(memory, gpa, USE_WRITE, &piece);
	if (!p)
		return STATUS_FAULT;
	switch (size) {
	case 1:
		EXCHANGE(uint8_t);
		break;
	case 2:
		EXCHANGE(uint16_t);
		break;
	case 4:
		EXCHANGE(uint32_t);
		break;
	default:
		EXCHANGE(uint64_t);
		break;
	}
	return STATUS_OK;
}

MUST_USE enum status memory_compare_exchange_16(struct memory *memory, uint64_t gpa,
						uint64_t expected[2], const uint64_t desired[2])
{
	uint64_t piece = 16;
	uint8_t *p;

	if (!is_aligned(gpa, 16))
		return STATUS_INVALID;
	if (guard_refuses(&memory->guard, gpa, 16))
		return STATUS_FAULT;
	p = memory_piece(memory, gpa, USE_WRITE, &piece);
	if (!p)
		return STATUS_FAULT;
	compare_exchange_16(p, expected, desired);
	return STATUS_OK;
}

MUST_USE enum status memory_compare_exchange32(struct memory *memory, uint64_t gpa,
					       uint32_t expected, uint32_t desired, uint32_t *found)
{
	uint64_t value = expected;
	enum status s = memory_compare_exchange(memory, gpa, 4, &value, desired);

	*found = (uint32_t)value;
	return s;
}

void memory_clear(struct memory *memory)
{
	for (uint32_t i = 0; i < memory->count; i++) {
		const struct memory_extent *e = &memory->extents[i];

		if (e->host && e->region->kind == HV_REGION_RAM)
			memset(e->host, 0, e->size);
	}
}
