/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Free memory is a short sorted array of ranges; the pool is one range with a mark that only rises.
 * There is no free list: what boot takes, the core keeps.
 */
#include "mm/frames.h"

#include "lib/bits.h"
#include "lib/string.h"
#include "mm/layout.h"

struct frames machine_frames;

static uint64_t range_end(const struct memory_range *r)
{
	return r->base + r->size;
}

/* Puts a range into the array at `at`. */
static enum status insert(struct frames *f, uint32_t at, struct memory_range r)
{
	if (f->free_count == FRAMES_RANGES)
		return STATUS_NO_MEMORY;
	memmove(&f->free[at + 1], &f->free[at], (f->free_count - at) * sizeof(r));
	f->free[at] = r;
	f->free_count++;
	return STATUS_OK;
}

static void remove_at(struct frames *f, uint32_t at)
{
	f->free_count--;
	memmove(&f->free[at], &f->free[at + 1], (f->free_count - at) * sizeof(f->free[0]));
}

/* Makes a range boundary at `address` if it lies inside one. */
static enum status cut_at(struct frames *f, uint64_t address)
{
	for (uint32_t i = 0; i < f->free_count; i++) {
		struct memory_range *r = &f->free[i];
		struct memory_range upper = {address, range_end(r) - address, r->node};
		enum status s;

		if (address <= r->base || address >= range_end(r))
			continue;
		s = insert(f, i + 1, upper);
		if (!s)
			f->free[i].size = address - f->free[i].base;
		return s;
	}
	return STATUS_OK;
}

static enum status cut_around(struct frames *f, uint64_t base, uint64_t size)
{
	enum status s = cut_at(f, base);

	return s ? s : cut_at(f, base + size);
}

static bool inside(const struct memory_range *r, uint64_t base, uint64_t size)
{
	return r->base >= base && range_end(r) <= base + size;
}

enum status frames_exclude(struct frames *f, uint64_t base, uint64_t size)
{
	uint64_t end = align_up(base + size, PAGE_SIZE);
	enum status s;

	base = align_down(base, PAGE_SIZE);
	if (end <= base)
		return STATUS_OK;
	s = cut_around(f, base, end - base);
	if (s)
		return s;
	for (uint32_t i = f->free_count; i-- > 0;)
		if (inside(&f->free[i], base, end - base))
			remove_at(f, i);
	return STATUS_OK;
}

enum status frames_add(struct frames *f, uint64_t base, uint64_t size)
{
	uint64_t end = align_down(base + size, PAGE_SIZE);
	enum status s;
	uint32_t i = 0;

	base = align_up(base, PAGE_SIZE);
	if (end <= base)
		return STATUS_OK;
	s = frames_exclude(f, base, end - base); /* firmware may report a range twice */
	if (s)
		return s;
	while (i < f->free_count && f->free[i].base < base)
		i++;
	if (i && range_end(&f->free[i - 1]) == base && !f->free[i - 1].node) {
		f->free[i - 1].size += end - base;
		return STATUS_OK;
	}
	return insert(f, i, (struct memory_range){base, end - base, 0});
}

enum status frames_set_node(struct frames *f, uint64_t base, uint64_t size, uint32_t node)
{
	enum status s = cut_around(f, base, size);

	for (uint32_t i = 0; !s && i < f->free_count; i++)
		if (inside(&f->free[i], base, size))
			f->free[i].node = node;
	return s;
}

/* The highest place for `size` bytes aligned to `align` that ends at or below `limit`; false:
 * none. */
static bool find_high(const struct frames *f, uint64_t size, uint64_t align, uint64_t limit,
		      uint32_t node, uint64_t *phys)
{
	for (uint32_t i = f->free_count; i-- > 0;) {
		const struct memory_range *r = &f->free[i];
		uint64_t end = min_of(range_end(r), limit);

		if ((node != FRAMES_ANY_NODE && r->node != node) || end < size)
			continue;
		*phys = align_down(end - size, align);
		if (*phys >= r->base)
			return true;
	}
	return false;
}

enum status frames_make_pool(struct frames *f, uint64_t bytes)
{
	uint64_t phys;
	enum status s;

	bytes = align_up(bytes, PAGE_SIZE);
	if (f->pool_size)
		return trace_error(STATUS_EXISTS);
	if (!bytes || (!find_high(f, bytes, PAGE_SIZE_2M, GIB(4), FRAMES_ANY_NODE, &phys) &&
		       !find_high(f, bytes, PAGE_SIZE_2M, ~0ULL, FRAMES_ANY_NODE, &phys)))
		return trace_error(STATUS_NO_MEMORY);
	s = frames_exclude(f, phys, bytes);
	if (s)
		return trace_error(s);
	f->pool_base = phys;
	f->pool_size = bytes;
	return STATUS_OK;
}

static enum status pool_take(struct frames *f, uint64_t size, uint64_t align, uint64_t *phys)
{
	uint64_t at = align_up(f->pool_base + f->pool_used, align);

	if (f->frozen)
		return STATUS_DENIED;
	size = align_up(size, PAGE_SIZE);
	if (!range_fits(at - f->pool_base, size, f->pool_size))
		return STATUS_NO_MEMORY;
	f->pool_used = at - f->pool_base + size;
	*phys = at;
	return STATUS_OK;
}

enum status frames_alloc(struct frames *f, uint64_t size, uint64_t align, uint64_t *phys)
{
	enum status s;

	spin_lock(&f->lock);
	s = pool_take(f, size, align, phys);
	spin_unlock(&f->lock);
	return s ? trace_error(s) : STATUS_OK;
}

enum status pool_alloc(size_t size, void **p)
{
	uint64_t phys;
	enum status s = frames_alloc(&machine_frames, size, PAGE_SIZE, &phys);

	if (s)
		return s;
	*p = phys_to_virt(phys);
	memset(*p, 0, align_up(size, PAGE_SIZE));
	return STATUS_OK;
}

void frames_freeze(struct frames *f)
{
	f->frozen = true;
}

/* The alignment that lets the largest pages be used for `size` bytes. */
static uint64_t placement_align(uint64_t size)
{
	return size >= PAGE_SIZE_1G   ? PAGE_SIZE_1G
	       : size >= PAGE_SIZE_2M ? PAGE_SIZE_2M
				      : PAGE_SIZE;
}

/* The largest piece on `node`: 2 MiB aligned in whole 2 MiB where there is such a piece. */
static uint64_t find_largest(const struct frames *f, uint32_t node, uint64_t *phys)
{
	uint64_t best = 0;

	for (uint32_t i = 0; i < f->free_count; i++) {
		const struct memory_range *r = &f->free[i];
		uint64_t base = align_up(r->base, PAGE_SIZE_2M);
		uint64_t end = align_down(range_end(r), PAGE_SIZE_2M);

		if ((node != FRAMES_ANY_NODE && r->node != node) || end <= base ||
		    end - base <= best)
			continue;
		best = end - base;
		*phys = base;
	}
	return best;
}

static enum status place(struct frames *f, uint64_t size, uint32_t node, uint64_t *phys,
			 uint64_t *got)
{
	uint64_t align = placement_align(size);

	*got = size;
	for (; align >= PAGE_SIZE; align /= 512)
		if (find_high(f, size, align, ~0ULL, node, phys))
			return frames_exclude(f, *phys, size);
	*got = min_of(align_down(size, PAGE_SIZE_2M), find_largest(f, node, phys));
	return *got ? frames_exclude(f, *phys, *got) : STATUS_NO_MEMORY;
}

enum status frames_place(struct frames *f, uint64_t size, uint32_t node, uint64_t *phys,
			 uint64_t *got)
{
	enum status s;

	if (!size || !is_aligned(size, PAGE_SIZE))
		return trace_error(STATUS_INVALID);
	if (f->frozen)
		return trace_error(STATUS_DENIED);
	spin_lock(&f->lock);
	s = place(f, size, node, phys, got);
	spin_unlock(&f->lock);
	return s ? trace_error(s) : STATUS_OK;
}

enum status frames_claim(struct frames *f, uint64_t base, uint64_t size)
{
	uint64_t found = 0;

	if (f->frozen || !is_aligned(base | size, PAGE_SIZE) || base + size < base)
		return trace_error(STATUS_DENIED);
	for (uint32_t i = 0; i < f->free_count; i++) {
		uint64_t low = max_of(f->free[i].base, base);
		uint64_t high = min_of(range_end(&f->free[i]), base + size);

		found += high > low ? high - low : 0;
	}
	return found == size ? frames_exclude(f, base, size) : trace_error(STATUS_DENIED);
}

uint64_t frames_free_bytes(const struct frames *f)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < f->free_count; i++)
		sum += f->free[i].size;
	return sum;
}

/* ------------------------------------------------------------------ reserves */

void reserve_init(struct frame_reserve *r, void *(*to_virt)(uint64_t phys))
{
	*r = (struct frame_reserve){.to_virt = to_virt};
}

enum status reserve_fill(struct frame_reserve *r, struct frames *f, uint32_t count)
{
	uint64_t phys;
	enum status s = frames_alloc(f, (uint64_t)count * PAGE_SIZE, PAGE_SIZE, &phys);

	if (s)
		return s;
	for (uint32_t i = 0; i < count; i++)
		reserve_give(r, phys + i * PAGE_SIZE);
	r->total += count;
	r->lowest = r->free;
	return STATUS_OK;
}

enum status reserve_take(struct frame_reserve *r, uint64_t *phys)
{
	void *p;

	spin_lock(&r->lock);
	if (!r->first) {
		spin_unlock(&r->lock);
		return trace_error(STATUS_NO_MEMORY);
	}
	*phys = r->first;
	p = r->to_virt(*phys);
	memcpy(&r->first, p, sizeof(r->first));
	r->free--;
	r->lowest = min_of(r->lowest, r->free);
	spin_unlock(&r->lock);
	memset(p, 0, PAGE_SIZE);
	return STATUS_OK;
}

void reserve_give(struct frame_reserve *r, uint64_t phys)
{
	spin_lock(&r->lock);
	memcpy(r->to_virt(phys), &r->first, sizeof(r->first));
	r->first = phys;
	r->free++;
	spin_unlock(&r->lock);
}
