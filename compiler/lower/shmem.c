/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared memory: each region of the system is a share, and each window of a guest a region of its memory that has this
 * share behind it, with a device that declares it to the guest.
 */
#include <string.h>

#include "lower/pass.h"
#include "model/model.h"

void lower_shares(struct lower_context *context)
{
	const struct system *system = context->model;

	for (size_t i = 0; i < system->shmem_regions.count; i++) {
		const struct shmem_region *from = &system->shmem_regions.items[i];
		struct lowered_shmem share = { .name = from->name.value,
					       .position = from->where.at,
					       .record = { .size = from->size.value } };

		vector_push(context->arena, &context->system->shares, share);
	}
}

/* checks.def has seen to it that there is one. */
static uint32_t share_of(const struct lower_context *context, const struct shmem *shmem)
{
	uint32_t i = 0;

	while (strcmp(context->system->shares.items[i].name, shmem->region.value))
		i++;
	return i;
}

static bool is_window(const struct shmem *shmem)
{
	return shmem->model.value == SHMEM_MODEL_WINDOW;
}

void add_window_regions(struct lower_context *context, struct lowered *guest)
{
	for (size_t i = 0; i < guest->model->devices.shmem.count; i++) {
		const struct shmem *shmem = &guest->model->devices.shmem.items[i];
		bool writes = shmem->access.value == ACCESS_READ_WRITE;
		struct lowered_region region = { .name = shmem->id.value, .position = shmem->where.at };
		uint32_t share;

		if (!is_window(shmem))
			continue;
		share = share_of(context, shmem);
		region.record = (struct hv_region){
			.gpa = shmem->gpa.value,
			.size = context->system->shares.items[share].record.size,
			.kind = HV_REGION_SHARED,
			.backing = HV_BACKING_SHARE,
			.rights = writes ? HV_READ | HV_WRITE : HV_READ,
			.cache = HV_CACHE_WB,
			.host_node = HV_NONE,
			.payload = HV_NONE,
			.share = share,
		};
		vector_push(context->arena, &guest->regions, region);
	}
}

void add_windows(struct lower_context *context, struct lowered *guest)
{
	for (size_t i = 0; i < guest->model->devices.shmem.count; i++) {
		const struct shmem *shmem = &guest->model->devices.shmem.items[i];
		struct lowered_device device = { .name = shmem->id.value, .position = shmem->where.at };
		uint32_t share;

		if (!is_window(shmem))
			continue;
		share = share_of(context, shmem);
		device.record = (struct hv_device){
			.kind = HV_DEVICE_WINDOW,
			.gsi = HV_NONE,
			.base = shmem->gpa.value,
			.size = context->system->shares.items[share].record.size,
			.parameter = { share, shmem->access.value == ACCESS_READ_WRITE },
			.requester = HV_NONE,
		};
		vector_push(context->arena, &guest->devices, device);
	}
}
