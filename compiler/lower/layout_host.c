/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What belongs to no guest. The core's pool is all the memory it ever takes, so it is computed
 * here, from the same records that the core reads.
 */
#include <string.h>

#include "lower/pass.h"
#include "lower/place.h"
#include "model/model.h"

#define GIB (1ull << 30)

enum {
	CORE_BYTES = 128 << 10,	    /* the core's own: permission maps, what each CPU saves */
	GUEST_BYTES = 256 << 10,    /* its devices, permission maps, CPUID and MSR tables */
	WINDOW_BYTES = 32,	    /* of a table of a host CPU */
	VCPU_BYTES = 64 << 10,	    /* VMCB, save areas, local APIC, caches */
	RESERVE_FRAMES = 64,	    /* for tables made while a guest runs */
	SHARE_BYTES = 64,	    /* who has it */
	LEAST_TABLE_FRAMES = 16,    /* roots, upper levels, ends that need small pages */
	VIRTIO_BYTES = 32 << 10,    /* a device: its state, its queues, its messages */
};

/* Around each guard, pages of 4 KiB instead of larger ones, and the processor's own tables of sub-pages. */
static uint64_t guard_frames(const struct lowered *guest)
{
	enum { UPPER = 8 };
	uint64_t frames = 0;

	for (size_t i = 0; i < guest->guards.count; i++)
		frames += UPPER + 2 * (guest->guards.items[i].record.gpa == HV_GUARD_ANYWHERE ?
						0 : guest->guards.items[i].record.size >> 21);
	return frames;
}

/* For pages that a guest may lock while it runs, wherever they are: tables that map 2 MiB and 1 GiB in smaller pages, and as many
 * for the processor's own tables of sub-pages, which have roots besides. */
static uint32_t lock_frames(const struct lowered *guest)
{
	enum { ROOTS = 2 };
	uint64_t pages = 0, small = 0, large = 0;

	for (size_t i = 0; i < guest->guards.count; i++)
		if (guest->guards.items[i].record.gpa == HV_GUARD_ANYWHERE)
			pages = guest->guards.items[i].record.size / PAGE;
	for (size_t i = 0; i < guest->ram.count; i++) {
		small += guest->ram.items[i].size / (2 << 20) + 2;
		large += guest->ram.items[i].size / GIB + 2;
	}
	return pages ? (uint32_t)(2 * ((small < pages ? small : pages) + (large < pages ? large : pages)) + ROOTS) : 0;
}

/* Frames of nested tables if every large page is 2 MiB: one a GiB, two for each region's ends; where addresses do
 * not allow large pages, one more for each 2 MiB. */
static uint64_t table_frames(const struct lowered *guest)
{
	uint64_t frames = LEAST_TABLE_FRAMES + guard_frames(guest);

	for (size_t i = 0; i < guest->regions.count; i++) {
		const struct hv_region *r = &guest->regions.items[i].record;

		frames += 2 + (r->size + GIB - 1) / GIB + 1;
		frames += region_is_skewed(r) ? (r->size >> 21) + 1 : 0;
	}
	return frames;
}

/* A disk that may be written is copied at each start. */
static uint64_t disk_bytes(const struct lowered_system *system, const struct hv_device *device)
{
	if (device->parameter[0] != HV_VIRTIO_BLK || device->parameter[2])
		return 0;
	return (system->payloads.items[device->parameter[1]].data.size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
}

static uint64_t virtio_bytes(const struct lowered_system *system, const struct lowered *guest)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < guest->devices.count; i++) {
		const struct hv_device *device = &guest->devices.items[i].record;

		if (device->kind == HV_DEVICE_VIRTIO)
			bytes += VIRTIO_BYTES + disk_bytes(system, device);
	}
	return bytes;
}

static uint64_t pages_of(uint64_t bytes)
{
	return (bytes + PAGE - 1) & ~(uint64_t)(PAGE - 1);
}

/* The state of each shared device, its vectors; and who is who in a share. */
static uint64_t shmem_bytes(const struct lowered_system *system, const struct lowered *guest)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < guest->devices.count; i++) {
		const struct hv_device *device = &guest->devices.items[i].record;

		if (device->kind == HV_DEVICE_IVSHMEM)
			bytes += PAGE + pages_of(device->parameter[3] * 17 + 8) +
				 pages_of(system->shares.items[device->parameter[0]].record.peers * 8);
		else if (device->kind == HV_DEVICE_WINDOW)
			bytes += PAGE;
	}
	return bytes;
}

static uint64_t pool_bytes(const struct lowered_system *system, uint64_t history)
{
	uint64_t bytes = CORE_BYTES + system->guests.count * history + system->shares.count * SHARE_BYTES;

	for (size_t i = 0; i < system->frames.count; i++)
		bytes += PAGE + WINDOW_BYTES * system->frames.items[i].windows.count;
	for (size_t i = 0; i < system->guests.count; i++) {
		const struct lowered *guest = system->guests.items[i];

		bytes += GUEST_BYTES + (uint64_t)guest->cpu->topology.count * VCPU_BYTES;
		bytes += (table_frames(guest) + guest->reserve_frames) * PAGE;
		bytes += virtio_bytes(system, guest) + shmem_bytes(system, guest);
	}
	return bytes;
}

void check_pool(struct lower_context *context)
{
	for (size_t i = 0; i < context->system->guests.count; i++)
		context->system->guests.items[i]->reserve_frames = RESERVE_FRAMES;
	check_core_room(context, pool_bytes(context->system, context->model->console.history.value));
}

static struct hv_event event_of(const struct event *event)
{
	return (struct hv_event){
		.action = event->action.value,
		.max_restarts = event->max_restarts.value,
		.window_ms = (uint32_t)event->within.value,
		.then = (uint16_t)event->then.value,
		.dump = event->dump.value,
	};
}

static void guest_events(struct lowered *guest)
{
	const struct events *events = &guest->model->events;

	guest->on_poweroff = event_of(&events->on_poweroff);
	guest->on_reboot = event_of(&events->on_reboot);
	guest->on_crash = event_of(&events->on_crash);
	if (guest->on_poweroff.action == HV_EVENT_DESTROY &&
	    guest->on_reboot.action == HV_EVENT_DESTROY &&
	    guest->on_crash.action == HV_EVENT_DESTROY)
		guest->flags |= HV_GUEST_PAYLOAD_ONCE;
}

_Static_assert((int)EVENT_ACTION_DESTROY == HV_EVENT_DESTROY &&
		       (int)EVENT_ACTION_RESTART == HV_EVENT_RESTART &&
		       (int)EVENT_ACTION_PRESERVE == HV_EVENT_PRESERVE,
	       "the model's words are the blob's");

/* A guest's debug-exit needs a port of the machine: the system's, or QEMU's own default. */
static uint32_t debug_exit_port(const struct system *model)
{
	enum { QEMU_DEFAULT = 0xf4 };

	if (was_set(model->debug_exit.where))
		return model->debug_exit.value;
	for (size_t i = 0; i < model->guests.count; i++)
		if (was_set(model->guests.items[i]->devices.debug_exit.where) &&
		    model->guests.count == 1)
			return QEMU_DEFAULT;
	return 0;
}

_Static_assert((int)CONSOLE_GUESTS_RAW == HV_CONSOLE_RAW && (int)CONSOLE_GUESTS_PREFIX == HV_CONSOLE_PREFIX &&
		       (int)CONSOLE_GUESTS_SWITCH == HV_CONSOLE_SWITCH,
	       "the model's words are the blob's");

/* The code that `ctrl-x` sends, where there is something to escape from. */
static uint8_t escape_code(const struct console *console)
{
	const char *letter = strrchr(console->escape.value, '-') + 1;

	return console->guests.value == CONSOLE_GUESTS_RAW ? 0 : (uint8_t)(*letter - 'a' + 1);
}

void layout_host(struct lower_context *context)
{
	struct lowered_system *system = context->system;
	const struct system *model = context->model;

	for (size_t i = 0; i < system->guests.count; i++) {
		system->guests.items[i]->reserve_frames = RESERVE_FRAMES + lock_frames(system->guests.items[i]);
		guest_events(system->guests.items[i]);
	}
	system->name = model->name.value;
	system->position = model->where.at;
	system->record = (struct hv_system){
		.flags = (model->mitigations.value ? 0 : HV_SYSTEM_NO_MITIGATIONS) |
			 (model->scrub.value ? 0 : HV_SYSTEM_RAM_IS_ZERO) |
			 (debug_exit_port(model) ? HV_SYSTEM_DEBUG_EXIT : 0) |
			 (model->poweroff_when_idle.value ? HV_SYSTEM_POWEROFF_WHEN_IDLE : 0),
		.log_level = model->console.log_level.value,
		.console_port = (uint16_t)model->console.io.value,
		.debug_exit_port = (uint16_t)debug_exit_port(model),
		.console_baud = model->console.baud.value,
		.tsc_khz = model->platform.tsc_khz.value,
		.slp_typ_s5 = was_set(model->platform.s5_type.where) ? model->platform.s5_type.value
								     : HV_NONE,
		.pool_bytes = pool_bytes(system, model->console.history.value),
		.console_mode = model->console.guests.value,
		.console_escape = escape_code(&model->console),
		.console_history = (uint32_t)model->console.history.value,
	};
}
