/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's processors, memory and devices as records. */
#include <string.h>

#include "emit/blob.h"
#include "model/model.h"

void blob_add_vcpus(struct blob *blob, const struct lowered *guest, uint32_t index,
		    struct hv_guest *record)
{
	uint32_t start = blob_add(blob, HV_SECTION_STARTS, &guest->start);
	uint32_t position = blob_position(blob, guest->model->vcpus.where.at);

	record->vcpus.first = blob_next(blob, HV_SECTION_VCPUS);
	record->vcpus.count = guest->cpu->topology.count;
	for (uint32_t i = 0; i < guest->cpu->topology.count; i++) {
		const struct cpu_place *place = &guest->cpu->topology.cpus[i];
		struct hv_vcpu vcpu = {
			.guest = index,
			.position = position,
			.apic_id = place->apic_id,
			.host_cpu = guest->shares[i].host_cpu,
			.core_id = place->core_id,
			.node_id = place->node_id,
			.proximity = place->proximity,
			.start = i ? HV_NONE : start,
			.scheduler = guest->shares[i].scheduler,
			.cap = guest->shares[i].cap,
			.weight = guest->shares[i].weight,
		};

		blob_add(blob, HV_SECTION_VCPUS, &vcpu);
	}
}

void blob_add_frames(struct blob *blob, const struct lowered_system *system)
{
	for (size_t i = 0; i < system->frames.count; i++) {
		const struct lowered_frame *from = &system->frames.items[i];
		struct hv_frame frame = from->record;

		frame.position = blob_position(blob, from->position);
		frame.windows.first = blob_next(blob, HV_SECTION_WINDOWS);
		frame.windows.count = (uint32_t)from->windows.count;
		for (size_t j = 0; j < from->windows.count; j++) {
			struct hv_window window = from->windows.items[j].record;

			window.position = blob_position(blob, from->windows.items[j].position);
			blob_add(blob, HV_SECTION_WINDOWS, &window);
		}
		blob_add(blob, HV_SECTION_FRAMES, &frame);
	}
}

static void add_regions(struct blob *blob, const struct lowered *guest, struct hv_guest *record)
{
	record->regions.first = blob_next(blob, HV_SECTION_REGIONS);
	record->regions.count = (uint32_t)guest->regions.count;
	for (size_t i = 0; i < guest->regions.count; i++) {
		const struct lowered_region *from = &guest->regions.items[i];
		struct hv_region region = from->record;

		region.name = blob_string(blob, from->name);
		region.position = blob_position(blob, from->position);
		blob_add(blob, HV_SECTION_REGIONS, &region);
	}
}

static void add_loads(struct blob *blob, const struct lowered *guest, struct hv_guest *record)
{
	record->loads.first = blob_next(blob, HV_SECTION_LOADS);
	record->loads.count = (uint32_t)guest->loads.count;
	for (size_t i = 0; i < guest->loads.count; i++) {
		const struct lowered_load *from = &guest->loads.items[i];
		struct hv_load load = from->record;

		load.name = blob_string(blob, from->name);
		load.position = blob_position(blob, from->position);
		if (load.source == HV_LOAD_BYTES)
			load.source_offset = blob_bytes(blob, from->bytes, load.file_size);
		blob_add(blob, HV_SECTION_LOADS, &load);
	}
}

static void add_guards(struct blob *blob, const struct lowered *guest, struct hv_guest *record)
{
	record->guards.first = blob_next(blob, HV_SECTION_GUARDS);
	record->guards.count = (uint32_t)guest->guards.count;
	for (size_t i = 0; i < guest->guards.count; i++) {
		const struct lowered_guard *from = &guest->guards.items[i];
		struct hv_guard guard = from->record;

		guard.name = blob_string(blob, from->name);
		guard.position = blob_position(blob, from->position);
		blob_add(blob, HV_SECTION_GUARDS, &guard);
	}
}

void blob_add_memory(struct blob *blob, const struct lowered *guest, struct hv_guest *record)
{
	add_regions(blob, guest, record);
	add_loads(blob, guest, record);
	add_guards(blob, guest, record);
}

static void add_functions(struct blob *blob, const struct lowered *guest, struct hv_guest *record)
{
	record->pci.first = blob_next(blob, HV_SECTION_PCI);
	record->pci.count = (uint32_t)guest->pci.count;
	for (size_t i = 0; i < guest->pci.count; i++) {
		const struct lowered_pci_function *from = &guest->pci.items[i];
		struct hv_pci_function function = {
			.name = blob_string(blob, from->name),
			.position = blob_position(blob, from->position),
			.bdf = from->bdf,
			.config = blob_bytes(blob, from->config, sizeof(from->config)),
			.mask = blob_bytes(blob, from->mask, sizeof(from->mask)),
			.device = from->device == HV_NONE ? HV_NONE :
							    record->devices.first + from->device,
		};

		blob_add(blob, HV_SECTION_PCI, &function);
	}
}

void blob_add_devices(struct blob *blob, const struct lowered *guest, struct hv_guest *record)
{
	record->devices.first = blob_next(blob, HV_SECTION_DEVICES);
	record->devices.count = (uint32_t)guest->devices.count;
	for (size_t i = 0; i < guest->devices.count; i++) {
		const struct lowered_device *from = &guest->devices.items[i];
		struct hv_device device = from->record;

		device.name = blob_string(blob, from->name);
		device.position = blob_position(blob, from->position);
		blob_add(blob, HV_SECTION_DEVICES, &device);
	}
	add_functions(blob, guest, record);
}
