/* SPDX-License-Identifier: Apache-2.0 */
/* Shared memory: its place in the machine, who has it, and windows: a region at a fixed address, without registers. */
#include "share/share.h"

#include "blob/blob.h"
#include "console/log.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "mm/layout.h"
#include "space/memory.h"

static struct share *shares;
static struct spinlock lock;

static enum status place(const struct blob *blob, const struct hv_share *record, struct share *share)
{
	char where[BLOB_PLACE_SIZE];
	enum status s = frames_place(&machine_frames, record->size, FRAMES_ANY_NODE, &share->phys, &share->size);

	if (s == STATUS_OK && share->size == record->size) {
		share->host = phys_to_virt(share->phys);
		memset(share->host, 0, share->size);
		share->peer_count = record->peers;
		return record->peers ? pool_alloc(record->peers * sizeof(*share->peers), (void **)&share->peers) : STATUS_OK;
	}
	log_error("no %llu KiB in one piece for shared memory %s%s", (unsigned long long)(record->size >> 10),
		  blob_string(blob, record->name), blob_place(blob, record->position, where));
	return trace_error(STATUS_NO_MEMORY);
}

MUST_USE enum status shares_build(const struct blob *blob)
{
	uint32_t count = blob->count[HV_SECTION_SHARES];
	enum status s = STATUS_OK;
	void *p;

	if (count)
		s = pool_alloc(count * sizeof(*shares), &p);
	if (s != STATUS_OK || !count)
		return s;
	shares = p;
	for (uint32_t i = 0; i < count && s == STATUS_OK; i++)
		s = place(blob, &blob->shares[i], &shares[i]);
	return s;
}

struct share *share_at(uint32_t index)
{
	return &shares[index];
}

void share_join(struct share *share)
{
	spin_lock(&lock);
	share->users++;
	spin_unlock(&lock);
}

/* Nobody can have it meanwhile: to join takes the lock. */
void share_leave(struct share *share)
{
	spin_lock(&lock);
	if (--share->users == 0)
		memset(share->host, 0, share->size);
	spin_unlock(&lock);
}

/* ---- windows: mapped with all other regions; a guest that is gone has them no longer */

static size_t window_size(uint32_t vcpus)
{
	(void)vcpus;
	return sizeof(struct window);
}

static enum status window_create(struct device *device)
{
	(void)device;
	return STATUS_OK;
}

/* What it has given back when it was hidden is enough to show it. */
static void window_show(struct window *w, bool shown)
{
	const struct hv_device *record = w->device.record;

	w->hidden = !shown;
	if (memory_show(device_memory(w->device.vm), record->base, record->size, shown) != STATUS_OK)
		log_guest(LOG_ERROR, device_vm_name(w->device.vm), "no tables for its window at 0x%llx",
			  (unsigned long long)record->base);
}

void window_reset(struct device *device)
{
	struct window *w = (struct window *)device;

	if (w->joined)
		return;
	share_join(share_at(device->record->parameter[0]));
	w->joined = true;
	if (w->hidden)
		window_show(w, true);
}

void window_gone(struct device *device)
{
	struct window *w = (struct window *)device;

	window_show(w, false);
	share_leave(share_at(device->record->parameter[0]));
	w->joined = false;
}

const struct device_ops window_ops = {
	.name = "window",
	.kind = HV_DEVICE_WINDOW,
	.state_size = window_size,
	.create = window_create,
	.reset = window_reset,
	.gone = window_gone,
};
