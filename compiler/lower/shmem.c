/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared memory: each region of the system is a share, and each window of a guest a region of its memory that has this
 * share behind it, with a device that declares it to the guest.
 */
#include <string.h>

#include "diag/diag.h"
#include "lower/pass.h"
#include "lower/pci.h"
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

static bool writes(const struct shmem *shmem)
{
	return shmem->access.value == ACCESS_READ_WRITE;
}

static void add_region(struct lower_context *context, struct lowered *guest, const struct shmem *shmem,
		       uint64_t gpa)
{
	uint32_t share = share_of(context, shmem);
	struct lowered_region region = { .name = shmem->id.value, .position = shmem->where.at };

	region.record = (struct hv_region){
		.gpa = gpa,
		.size = context->system->shares.items[share].record.size,
		.kind = HV_REGION_SHARED,
		.backing = HV_BACKING_SHARE,
		.rights = writes(shmem) ? HV_READ | HV_WRITE : HV_READ,
		.cache = HV_CACHE_WB,
		.host_node = HV_NONE,
		.payload = HV_NONE,
		.share = share,
	};
	vector_push(context->arena, &guest->regions, region);
}

static struct hv_device *add_device(struct lower_context *context, struct lowered *guest,
				    const struct shmem *shmem, enum hv_device_kind kind, uint64_t gpa)
{
	uint32_t share = share_of(context, shmem);
	struct lowered_device *device = vector_add(context->arena, &guest->devices);

	device->name = shmem->id.value;
	device->position = shmem->where.at;
	device->record = (struct hv_device){
		.kind = kind,
		.gsi = HV_NONE,
		.base = gpa,
		.size = context->system->shares.items[share].record.size,
		.parameter = { share, writes(shmem) },
		.requester = HV_NONE,
	};
	return &device->record;
}

void add_window_regions(struct lower_context *context, struct lowered *guest)
{
	for (size_t i = 0; i < guest->model->devices.shmem.count; i++) {
		const struct shmem *shmem = &guest->model->devices.shmem.items[i];

		if (is_window(shmem))
			add_region(context, guest, shmem, shmem->gpa.value);
	}
}

void add_windows(struct lower_context *context, struct lowered *guest)
{
	for (size_t i = 0; i < guest->model->devices.shmem.count; i++) {
		const struct shmem *shmem = &guest->model->devices.shmem.items[i];

		if (is_window(shmem))
			add_device(context, guest, shmem, HV_DEVICE_WINDOW, shmem->gpa.value);
	}
}

/* ---- ivshmem */

enum { BAR_REGISTERS, BAR_MSIX, BAR_MEMORY, REGISTER_BYTES = 256, MSIX_AT = 0x40, MSIX_ENTRY = 16 };

/* The memory lies where no other window does; what is not large among those of 32 bits, as all can reach it there. */
static uint64_t place_memory(struct guest_map *map, uint64_t size)
{
	const uint64_t large = 64 << 20;
	struct window *window = size < large ? &map->pci32[0] : &map->pci64;
	uint64_t *used = size < large ? &map->pci32_used : &map->pci64_used;
	uint64_t base = (window->base + *used + size - 1) & ~(size - 1);

	*used = base + size - window->base;
	return *used <= window->size ? base : 0;
}

/* Ids in the order of the guests. */
static uint32_t next_peer(struct lower_context *context, const struct shmem *shmem)
{
	return context->system->shares.items[share_of(context, shmem)].record.peers++;
}

static uint32_t power_of_two(uint32_t value)
{
	uint32_t power = 4096;

	while (power < value)
		power *= 2;
	return power;
}

static void add_ivshmem(struct lower_context *context, struct lowered *guest, const struct shmem *shmem)
{
	static const struct pci_identity identity = {
		.vendor = 0x1af4, .device = 0x1110, .subsystem_vendor = 0x1af4, .subsystem = 0x1100,
		.class_code = 0x050000, .revision = 1,
	};
	uint64_t size = context->system->shares.items[share_of(context, shmem)].record.size;
	uint64_t gpa = place_memory(&guest->map, size);
	struct lowered_pci_function *function =
		pci_add(context, guest, shmem->id.value, shmem->where.at, shmem->guest.value, &identity);
	struct hv_device *device;

	if (!gpa) {
		diag_report(context->diags, SHMEM_NO_ROOM, shmem->where.at, shmem->id.value,
			    (unsigned long long)size);
		return;
	}
	function->device = (uint32_t)guest->devices.count;
	device = add_device(context, guest, shmem, HV_DEVICE_IVSHMEM, gpa);
	device->requester = function->bdf;
	pci_window(guest, function, BAR_REGISTERS, REGISTER_BYTES);
	pci_window_64(function, BAR_MEMORY, gpa, size);
	if (shmem->model.value == SHMEM_MODEL_IVSHMEM_DOORBELL) {
		uint32_t vectors = was_set(shmem->vectors.where) ? shmem->vectors.value : 1;
		uint32_t table = vectors * MSIX_ENTRY, bytes = power_of_two(table + vectors / 8 + 8);

		pci_window(guest, function, BAR_MSIX, bytes);
		pci_msix(function, MSIX_AT, BAR_MSIX, 0, (table + 7) & ~7u, vectors);
		device->parameter[2] = next_peer(context, shmem);
		device->parameter[3] = vectors;
	}
	add_region(context, guest, shmem, gpa);
	sort_regions(guest);
}

void lower_ivshmem(struct lower_context *context, struct lowered *guest)
{
	for (size_t i = 0; i < guest->model->devices.shmem.count; i++)
		if (!is_window(&guest->model->devices.shmem.items[i]))
			add_ivshmem(context, guest, &guest->model->devices.shmem.items[i]);
}
