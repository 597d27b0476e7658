/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's records as the keys of its file, top to bottom. */
#include "audit/decompile.h"

#include <stdlib.h>
#include <string.h>

#include "audit/numa.h"
#include "audit/shape.h"
#include "base/bytes.h"
#include "base/json.h"
#include "base/units.h"
#include "policy/msr.h"

struct yaml {
	const struct image *image;
	struct buffer text;
};

static void put(struct yaml *yaml, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct yaml *yaml, const char *format, ...)
{
	va_list arguments;
	const char *text;

	va_start(arguments, format);
	text = arena_vprintf(yaml->image->arena, format, arguments);
	va_end(arguments);
	buffer_bytes(&yaml->text, text, strlen(text));
}

static const char *quoted(const struct yaml *yaml, const char *text)
{
	return quoted_text(yaml->image->arena, text);
}

static const char *size_text(const struct yaml *yaml, uint64_t size)
{
	char text[32];

	return arena_strdup(yaml->image->arena, unit_text(size_units, size, text, sizeof(text)));
}

static struct bytes finish(struct yaml *yaml)
{
	struct bytes bytes;

	bytes.data = (const uint8_t *)arena_strndup(yaml->image->arena,
						    (const char *)yaml->text.data, yaml->text.size);
	bytes.size = yaml->text.size;
	buffer_free(&yaml->text);
	return bytes;
}

/* --------------------------------------------------------------------------------------------- vCPUs */

static void put_vcpus(struct yaml *yaml, const struct hv_guest *guest)
{
	const struct image *image = yaml->image;
	struct shape shape = shape_of(image, guest);
	const char *join = "";

	put(yaml, "vcpus:\n  count: %u\n", guest->vcpus.count);
	put(yaml, "  topology: { sockets: %u, dies: %u, cores: %u, threads: %u }\n", shape.sockets,
	    shape.dies, shape.cores, shape.threads);
	for (uint32_t i = 0; i < guest->vcpus.count; i++) {
		const struct hv_vcpu *vcpu = &image->vcpus[guest->vcpus.first + i];

		if (vcpu->host_cpu == HV_NONE)
			continue;
		put(yaml, "%s%u: %u", *join ? join : "  pin: { ", i, vcpu->host_cpu);
		join = ", ";
	}
	put(yaml, "%s", *join ? " }\n" : "");
	put(yaml, "  apic: { mode: %s }\n", guest->flags & HV_GUEST_X2APIC ? "x2apic" : "xapic");
}

static void put_scheduling(struct yaml *yaml, const struct hv_guest *guest)
{
	const struct hv_vcpu *vcpu = &yaml->image->vcpus[guest->vcpus.first];

	if (vcpu->scheduler == HV_SCHEDULER_TABLE)
		put(yaml, "scheduling: { scheduler: table }\n");
	if (vcpu->scheduler != HV_SCHEDULER_FAIR)
		return;
	put(yaml, "scheduling: { scheduler: fair, weight: %u", vcpu->weight);
	if (vcpu->cap)
		put(yaml, ", cap: %u", vcpu->cap);
	put(yaml, " }\n");
}

/* The guests' own keys say who runs by a table; these are the tables. */
static void put_frames(struct yaml *yaml)
{
	const struct image *image = yaml->image;

	put(yaml, "%s", image->counts[HV_SECTION_FRAMES] ? "scheduling:\n  tables:\n" : "");
	for (uint32_t i = 0; i < image->counts[HV_SECTION_FRAMES]; i++) {
		const struct hv_frame *frame = &image->frames[i];

		put(yaml, "    - cpu: %u\n      major-frame: %uus\n      slots:\n", frame->host_cpu,
		    frame->length_us);
		for (uint32_t w = 0; w < frame->windows.count; w++) {
			const struct hv_window *window = &image->windows[frame->windows.first + w];
			uint32_t number;
			const struct hv_guest *guest = image_vcpu_guest(image, window->vcpu, &number);

			put(yaml, "        - { start: %uus, length: %uus, guest: %s, vcpu: %u }\n",
			    window->start_us, window->length_us, image_text(image, guest->name), number);
		}
	}
}

/* ----------------------------------------------------------------------------------------- CPU policy */

/* A digit a bit, highest first: 1, 0, k for the host's, x for what is not named. */
static void put_bits(struct yaml *yaml, const struct leaf_text *leaf, uint32_t reg)
{
	char digits[40];
	size_t length = 0;

	for (int bit = 31; bit >= 0; bit--) {
		bool touched = leaf->touched[reg] >> bit & 1, host = leaf->host[reg] >> bit & 1;

		digits[length++] = !touched ? 'x' : host ? 'k' : leaf->value[reg] >> bit & 1 ? '1' : '0';
		if (bit && bit % 4 == 0)
			digits[length++] = '_';
	}
	digits[length] = 0;
	put(yaml, " %s = 0b%s;", (const char *[]){ "eax", "ebx", "ecx", "edx" }[reg], digits);
}

static void put_leaf(struct yaml *yaml, const struct leaf_text *leaf)
{
	put(yaml, "leaf 0x%x.%u {", leaf->leaf, leaf->subleaf);
	for (uint32_t reg = 0; reg < 4; reg++)
		if (leaf->touched[reg])
			put_bits(yaml, leaf, reg);
	put(yaml, " }");
}

/* The other vendor's statement about the same leaf with the same words, or NULL. */
static const struct leaf_text *twin_of(const struct recovered_guest *guest, const struct leaf_text *leaf)
{
	for (size_t i = 0; i < guest->leaves.count; i++) {
		const struct leaf_text *other = &guest->leaves.items[i];
		struct leaf_text same = *other;

		same.vendor = leaf->vendor;
		if (other != leaf && !memcmp(&same, leaf, sizeof(same)))
			return other;
	}
	return NULL;
}

static void put_leaves(struct yaml *yaml, const struct recovered_guest *guest)
{
	bool both = guest->record->policy[0] != HV_NONE && guest->record->policy[1] != HV_NONE;

	for (size_t i = 0; i < guest->leaves.count; i++) {
		const struct leaf_text *leaf = &guest->leaves.items[i], *twin = twin_of(guest, leaf);
		bool wrapped = both && !twin;

		if (twin && twin < leaf)
			continue; /* said already, for both */
		put(yaml, "    %s", !wrapped ? "" : leaf->vendor == HV_VENDOR_INTEL ?
				    "when vendor = intel { " : "when vendor = amd { ");
		put_leaf(yaml, leaf);
		put(yaml, wrapped ? " }\n" : "\n");
	}
}

/* The policy of any vendor; NULL: there is none. */
static const struct hv_cpu_policy *any_policy(const struct image *image, const struct hv_guest *guest)
{
	for (uint32_t v = 0; v < HV_VENDORS; v++)
		if (guest->policy[v] != HV_NONE)
			return &image->policies[guest->policy[v]];
	return NULL;
}

/* A record that a rule made: it belongs to no feature, and no row of the table is like it. */
static bool made_by_rule(const struct hv_msr *msr)
{
	if (msr->group != 255 || msr->read == HV_MSR_HANDLER || msr->write == HV_MSR_HANDLER)
		return false;
	for (size_t i = 0; i < msr_table_size; i++) {
		const struct msr_row *row = &msr_table[i];

		if (row->first == msr->first && row->last == msr->last && row->read == msr->read &&
		    row->write == msr->write && row->reset == msr->reset &&
		    row->write_mask == msr->write_mask)
			return false;
	}
	return true;
}

/* `value` and `reset` of what is kept: fixed bits as they are at reset, and `x`. */
static void put_kept(struct yaml *yaml, const struct hv_msr *msr)
{
	char digits[80];
	size_t length = 0;

	for (int bit = 63; bit >= 0; bit--) {
		digits[length++] = msr->write_mask >> bit & 1 ? 'x' : msr->reset >> bit & 1 ? '1' : '0';
		if (bit && bit % 8 == 0)
			digits[length++] = '_';
	}
	digits[length] = 0;
	put(yaml, ", value: 0b%s, reset: 0x%llx", digits, (unsigned long long)msr->reset);
}

static const char *access_of(uint8_t action, uint64_t value)
{
	if (action == HV_MSR_PASS)
		return "pass-through";
	if (action == HV_MSR_STORE)
		return "emulate";
	if (action == HV_MSR_FIXED)
		return value ? "emulate" : "read-zero-write-ignore";
	return "inject-gp";
}

static void put_rule(struct yaml *yaml, const struct hv_msr *msr)
{
	put(yaml, "      - { msr: 0x%x", msr->first);
	if (msr->last != msr->first)
		put(yaml, "-0x%x", msr->last);
	put(yaml, ", read: %s, write: %s", access_of(msr->read, msr->reset), access_of(msr->write, 0));
	if (msr->read == HV_MSR_STORE || msr->write == HV_MSR_STORE)
		put_kept(yaml, msr);
	else if (msr->read == HV_MSR_FIXED && msr->reset)
		put(yaml, ", value: 0x%llx", (unsigned long long)msr->reset);
	put(yaml, " }\n");
}

static void put_msrs(struct yaml *yaml, const struct image *image, const struct hv_guest *guest)
{
	const struct hv_cpu_policy *policy = any_policy(image, guest);
	bool any = false;

	if (!policy)
		return;
	put(yaml, "  msr:\n    unlisted: %s\n",
	    policy->flags & HV_POLICY_MSR_LOG	 ? "log" :
	    policy->flags & HV_POLICY_MSR_IGNORE ? "read-zero-write-ignore" :
						   "inject-gp");
	for (uint32_t i = 0; i < policy->msrs.count; i++) {
		const struct hv_msr *msr = &image->msrs[policy->msrs.first + i];

		if (!made_by_rule(msr))
			continue;
		put(yaml, "%s", any ? "" : "    rules:\n");
		any = true;
		put_rule(yaml, msr);
	}
}

static void put_cpu(struct yaml *yaml, const struct image *image, const struct recovered_guest *guest)
{
	put(yaml, "cpu:\n");
	if (guest->base)
		put(yaml, "  model: %s\n", guest->base);
	put_msrs(yaml, image, guest->record);
	if (!*guest->statements && !guest->leaves.count)
		return;
	put(yaml, "  cpuid: |\n");
	for (const char *line = guest->statements; *line;) {
		int length = (int)strcspn(line, "\n");

		put(yaml, "    %.*s\n", length, line);
		line += length + 1;
	}
	put_leaves(yaml, guest);
}

/* -------------------------------------------------------------------------------------- memory and boot */

/* What only goes on with the region before it: the cut is that of a range of the machine's memory. */
static bool is_continued(const struct image *image, const struct hv_guest *guest, uint32_t index)
{
	const struct hv_region *region = &image->regions[guest->regions.first + index], *before = region - 1;

	return index && before->backing == HV_BACKING_FIXED && region->backing == HV_BACKING_FIXED &&
	       before->gpa + before->size == region->gpa && before->kind == region->kind &&
	       !strcmp(image_text(image, before->name), image_text(image, region->name));
}

/* The layout that `memory.size` gives, cut where NUMA nodes meet. */
static bool is_plain_memory(const struct image *image, const struct hv_guest *guest)
{
	const uint64_t hole = 0xc0000000, high = 1ull << 32;
	struct recovered_numa numa = numa_of(image, guest);
	uint32_t last_node = HV_NONE - 1;
	uint64_t next = 0;

	for (uint32_t i = 0; i < guest->regions.count; i++) {
		const struct hv_region *region = &image->regions[guest->regions.first + i];
		uint32_t node = numa_node_at(&numa, region->gpa);

		if (region->kind == HV_REGION_SHARED)
			continue;
		if (next == hole) {
			next = high;
			last_node = HV_NONE - 1;
		}
		if (region->kind != HV_REGION_RAM || region->gpa != next ||
		    (node == last_node && !is_continued(image, guest, i)) ||
		    strcmp(image_text(image, region->name), next < hole ? "ram" : "ram above 4 GiB"))
			return false;
		next += region->size;
		last_node = node;
		if (region->gpa < hole && next > hole)
			return false;
	}
	return guest->regions.count;
}

static void put_distances(struct yaml *yaml, const struct recovered_numa *numa, uint32_t node)
{
	if (!numa->distances.size)
		return;
	put(yaml, ", distances: { ");
	for (uint32_t to = 0; to < numa->nodes.count; to++)
		put(yaml, "%s%u: %u", to ? ", " : "", to, numa_distance(numa, node, to));
	put(yaml, " }");
}

static void put_numa(struct yaml *yaml, const struct hv_guest *guest)
{
	struct recovered_numa numa = numa_of(yaml->image, guest);

	for (uint32_t i = 0; i < numa.nodes.count; i++) {
		const struct recovered_node *node = &numa.nodes.items[i];

		put(yaml, "%s    - { node: %u", i ? "" : "  numa:\n", i);
		if (*node->cpus)
			put(yaml, ", cpus: \"%s\"", node->cpus);
		put(yaml, ", size: %s", size_text(yaml, node->size));
		if (node->host_node != HV_NONE)
			put(yaml, ", host-node: %u", node->host_node);
		put_distances(yaml, &numa, i);
		put(yaml, " }\n");
	}
}

static void put_guards(struct yaml *yaml, const struct hv_guest *guest)
{
	static const char *const actions[] = { "log", "inject, inject: pf", "inject, inject: gp", "stop", "notify" };

	for (uint32_t i = 0; i < guest->guards.count; i++) {
		const struct hv_guard *guard = &yaml->image->guards[guest->guards.first + i];

		put(yaml, "%s    - { name: %s", i ? "" : "  spp:\n",
		    quoted(yaml, image_text(yaml->image, guard->name)));
		if (guard->gpa == HV_GUARD_ANYWHERE)
			put(yaml, ", lockable: %llu", (unsigned long long)(guard->size >> 12));
		else
			put(yaml, ", gpa: 0x%llx, pages: %llu, writable: 0x%08x", (unsigned long long)guard->gpa,
			    (unsigned long long)(guard->size >> 12), guard->writable);
		put(yaml, ", action: %s", actions[guard->action < 5 ? guard->action : 0]);
		if (guard->action == HV_GUARD_NOTIFY)
			put(yaml, ", observer: %s", quoted(yaml, image_text(yaml->image,
								yaml->image->guests[guard->observer].name)));
		put(yaml, " }\n");
	}
}

static void put_size_or_regions(struct yaml *yaml, const struct hv_guest *guest)
{
	const struct image *image = yaml->image;
	uint64_t size = 0;

	for (uint32_t i = 0; i < guest->regions.count; i++)
		if (image->regions[guest->regions.first + i].kind != HV_REGION_SHARED)
			size += image->regions[guest->regions.first + i].size;
	if (is_plain_memory(image, guest)) {
		put(yaml, "memory:\n  size: %s\n", size_text(yaml, size));
		return;
	}
	put(yaml, "memory:\n  regions:\n");
	for (uint32_t i = 0; i < guest->regions.count; i++) {
		const struct hv_region *region = &image->regions[guest->regions.first + i];
		const char *name = image_text(image, region->name);
		uint64_t whole = region->size;

		if (region->kind == HV_REGION_SHARED)
			continue;
		while (i + 1 < guest->regions.count && is_continued(image, guest, i + 1))
			whole += image->regions[guest->regions.first + ++i].size;
		put(yaml, "    - { gpa: 0x%llx, size: %s", (unsigned long long)region->gpa,
		    size_text(yaml, whole));
		put(yaml, ", kind: %s", region->kind == HV_REGION_RAM ? "ram" : "reserved");
		if (*name && strcmp(name, "region"))
			put(yaml, ", name: %s", quoted(yaml, name));
		put(yaml, " }\n");
	}
}

static void put_memory(struct yaml *yaml, const struct hv_guest *guest)
{
	put_size_or_regions(yaml, guest);
	put_numa(yaml, guest);
	put_guards(yaml, guest);
}

static void put_modules(struct yaml *yaml, const struct recovered_guest *guest)
{
	const struct booted *booted = &guest->booted;

	if (!strcmp(booted->protocol, "linux") && guest->modules.count) {
		put(yaml, "  initrd: %s\n", quoted(yaml, guest->modules.items[0]));
		return;
	}
	for (size_t i = 0; i < guest->modules.count; i++) {
		const char *args = booted->modules.items[i].args;

		put(yaml, "%s    - { path: %s", i ? "" : "  modules:\n",
		    quoted(yaml, guest->modules.items[i]));
		if (*args)
			put(yaml, ", args: %s", quoted(yaml, args));
		put(yaml, " }\n");
	}
}

static void put_boot(struct yaml *yaml, const struct recovered_guest *guest)
{
	const struct booted *booted = &guest->booted;

	put(yaml, "boot:\n  protocol: %s\n", booted->protocol);
	put(yaml, "  kernel: %s\n", quoted(yaml, guest->kernel ? guest->kernel : ""));
	put_modules(yaml, guest);
	if (*booted->cmdline)
		put(yaml, "  cmdline: %s\n", quoted(yaml, booted->cmdline));
	if (guest->unpacked)
		put(yaml, "  unpack: true\n");
	if (!strcmp(booted->protocol, "raw") && booted->segments.count)
		put(yaml, "  raw: { load-address: 0x%llx, entry: 0x%llx, mode: %s }\n",
		    (unsigned long long)booted->segments.items[0]->gpa,
		    (unsigned long long)booted->entry, booted->mode);
}

/* ------------------------------------------------------------------------------------ devices and the rest */

static void put_serial(struct yaml *yaml, const struct hv_device *device, bool first)
{
	put(yaml, "%s    - { id: %s, io: 0x%llx, irq: %u, backend: %s }\n", first ? "  serial:\n" : "",
	    image_text(yaml->image, device->name), (unsigned long long)device->base, device->gsi,
	    device->parameter[0] == HV_UART_CONSOLE ? "console" : "none");
}

static void put_watchdog(struct yaml *yaml, const struct hv_device *device)
{
	static const char *const actions[] = { "reset", "poweroff", "crash", "inject-nmi", "none" };
	char timeout[32];

	put(yaml, "  watchdog: { timeout: %s, action: %s }\n",
	    unit_text(duration_units, (uint64_t)device->parameter[1] * HV_WATCHDOG_PERIOD_MS, timeout, sizeof(timeout)),
	    actions[device->parameter[0] % HV_WATCHDOG_ACTIONS]);
}

static bool is_shmem(const struct hv_device *device)
{
	return device->kind == HV_DEVICE_WINDOW || device->kind == HV_DEVICE_IVSHMEM;
}

static const char *access_word(const struct hv_device *device)
{
	return device->parameter[1] ? "read-write" : "read-only";
}

static void put_shmem(struct yaml *yaml, const struct hv_guest *guest)
{
	bool first = true;

	for (uint32_t i = 0; i < guest->devices.count; i++) {
		const struct hv_device *device = &yaml->image->devices[guest->devices.first + i];

		if (!is_shmem(device))
			continue;
		put(yaml, "%s    - { id: %s, region: %s, access: %s, ", first ? "  shmem:\n" : "",
		    image_text(yaml->image, device->name),
		    image_text(yaml->image, yaml->image->shares[device->parameter[0]].name),
		    access_word(device));
		if (device->kind == HV_DEVICE_WINDOW)
			put(yaml, "model: window, gpa: 0x%llx }\n", (unsigned long long)device->base);
		else if (device->parameter[3])
			put(yaml, "model: ivshmem-doorbell, vectors: %u, guest: \"%02x:%02x.%x\" }\n",
			    device->parameter[3], device->requester >> 8, device->requester >> 3 & 31,
			    device->requester & 7);
		else
			put(yaml, "model: ivshmem-plain, guest: \"%02x:%02x.%x\" }\n", device->requester >> 8,
			    device->requester >> 3 & 31, device->requester & 7);
		first = false;
	}
}

/* Vectors are in the control word of MSI-X, the capability that hvcc puts first. */
static uint32_t vectors_of(const struct yaml *yaml, const struct hv_guest *guest, const struct hv_device *device)
{
	for (uint32_t i = 0; i < guest->pci.count; i++) {
		const struct hv_pci_function *function = &yaml->image->pci[guest->pci.first + i];
		struct bytes config = { yaml->image->bytes + function->config, 256 };

		if (function->bdf == device->requester)
			return (bytes_u16(config, bytes_u8(config, 0x34) + 2ull) & 0x7ff) + 1;
	}
	return 1;
}

static const char *virtio_word(uint32_t type)
{
	switch (type) {
	case HV_VIRTIO_NET:
		return "net";
	case HV_VIRTIO_BLK:
		return "blk";
	case HV_VIRTIO_CONSOLE:
		return "console";
	case HV_VIRTIO_RNG:
		return "rng";
	default:
		return "vsock";
	}
}

static void put_virtio(struct yaml *yaml, const struct recovered_guest *guest, const struct hv_device *device,
		       size_t *disk, bool first)
{
	put(yaml, "%s    - { id: %s, type: %s, guest: \"%02x:%02x.%x\", vectors: %u",
	    first ? "  virtio:\n" : "", image_text(yaml->image, device->name),
	    virtio_word(device->parameter[0]), device->requester >> 8, device->requester >> 3 & 31,
	    device->requester & 7, vectors_of(yaml, guest->record, device));
	if (device->parameter[0] == HV_VIRTIO_BLK && *disk < guest->disks.count)
		put(yaml, ", readonly: %s, backend: { image: %s }", device->parameter[2] ? "true" : "false",
		    quoted(yaml, guest->disks.items[(*disk)++]));
	put(yaml, " }\n");
}

static void put_devices(struct yaml *yaml, const struct recovered_guest *recovered)
{
	const struct hv_guest *guest = recovered->record;
	size_t disk = 0;

	const struct hv_device *exit = image_device(yaml->image, guest, HV_DEVICE_DEBUG_EXIT);
	bool first = true;

	const struct hv_device *panic = image_device(yaml->image, guest, HV_DEVICE_PANIC);
	const struct hv_device *watchdog = image_device(yaml->image, guest, HV_DEVICE_WATCHDOG);

	if (!exit && !panic && !watchdog && !image_device(yaml->image, guest, HV_DEVICE_UART) &&
	    !image_device(yaml->image, guest, HV_DEVICE_VIRTIO) &&
	    !image_device(yaml->image, guest, HV_DEVICE_WINDOW) &&
	    !image_device(yaml->image, guest, HV_DEVICE_IVSHMEM))
		return;
	put(yaml, "devices:\n");
	for (uint32_t i = 0; i < guest->devices.count; i++) {
		const struct hv_device *device = &yaml->image->devices[guest->devices.first + i];

		if (device->kind != HV_DEVICE_UART)
			continue;
		put_serial(yaml, device, first);
		first = false;
	}
	put_shmem(yaml, guest);
	if (panic)
		put(yaml, "  panic: { io: 0x%llx }\n", (unsigned long long)panic->base);
	if (watchdog)
		put_watchdog(yaml, watchdog);
	first = true;
	for (uint32_t i = 0; i < guest->devices.count; i++) {
		const struct hv_device *device = &yaml->image->devices[guest->devices.first + i];

		if (device->kind != HV_DEVICE_VIRTIO)
			continue;
		put_virtio(yaml, recovered, device, &disk, first);
		first = false;
	}
	if (exit)
		put(yaml, "  debug-exit: { io: 0x%llx }\n", (unsigned long long)exit->base);
}

/* An identifier of an ACPI table, without the spaces that fill it up. */
static const char *identifier(const struct yaml *yaml, struct bytes table, uint64_t at, size_t width)
{
	char text[9] = "";

	for (size_t i = 0; i < width; i++)
		text[i] = (char)bytes_u8(table, at + i);
	for (size_t i = width; i-- > 0 && (text[i] == ' ' || !text[i]);)
		text[i] = 0;
	return quoted(yaml, text);
}

/* Every table carries them; the FADT is always there. */
static void put_acpi(struct yaml *yaml, const struct hv_guest *guest)
{
	struct bytes table = image_table(yaml->image, guest, "FACP");

	if (table.size)
		put(yaml, "acpi: { oem-id: %s, oem-table-id: %s, oem-revision: %u }\n",
		    identifier(yaml, table, 10, 6), identifier(yaml, table, 16, 8),
		    bytes_u32(table, 24));
}

static void put_event(struct yaml *yaml, const char *key, const struct hv_event *event)
{
	static const char *const actions[] = { "destroy", "restart", "preserve" };
	char within[32];

	put(yaml, "  %s: { action: %s, max-restarts: %u, within: %s, then: %s%s }\n", key,
	    actions[event->action % 3], event->max_restarts,
	    unit_text(duration_units, event->window_ms, within, sizeof(within)),
	    actions[event->then % 3], event->dump ? ", dump: true" : "");
}

struct bytes decompile_guest(const struct decompiled *d, const struct recovered_guest *guest)
{
	const struct hv_guest *record = guest->record;
	struct yaml yaml = { .image = d->image };
	bool pit = image_device(d->image, record, HV_DEVICE_PIT);
	bool hpet = image_device(d->image, record, HV_DEVICE_HPET);

	put(&yaml, "# Recovered from an image by hvcc decompile.\n");
	put(&yaml, "schema: hvcc/guest/v1\nname: %s\n", image_text(d->image, record->name));
	put_vcpus(&yaml, record);
	put_scheduling(&yaml, record);
	put_cpu(&yaml, d->image, guest);
	put_memory(&yaml, record);
	put_boot(&yaml, guest);
	put_devices(&yaml, guest);
	put_acpi(&yaml, record);
	put(&yaml, "timers: [%s%s%s]\n", pit ? "pit" : "", pit && hpet ? ", " : "", hpet ? "hpet" : "");
	put(&yaml, "events:\n");
	put_event(&yaml, "on-poweroff", &record->on_poweroff);
	put_event(&yaml, "on-reboot", &record->on_reboot);
	put_event(&yaml, "on-crash", &record->on_crash);
	put(&yaml, "pv: %s\n", record->pv & HV_PV_KVM ? "[kvm]" : "none");
	return finish(&yaml);
}

/* The node of all of a guest's memory, where the guest has no nodes of its own to say it; HV_NONE: none. */
static uint32_t bound_node(const struct image *image, const struct hv_guest *guest)
{
	if (numa_of(image, guest).nodes.count)
		return HV_NONE;
	for (uint32_t i = 0; i < guest->regions.count; i++)
		if (image->regions[guest->regions.first + i].kind == HV_REGION_RAM)
			return image->regions[guest->regions.first + i].host_node;
	return HV_NONE;
}

static void put_bind(struct yaml *yaml, const struct hv_guest *guest, bool *any)
{
	uint32_t node = bound_node(yaml->image, guest), ranges = 0;

	for (uint32_t i = 0; i < guest->regions.count; i++)
		ranges += yaml->image->regions[guest->regions.first + i].backing == HV_BACKING_FIXED;
	if (node == HV_NONE && !ranges)
		return;
	put(yaml, "%s  %s:\n", *any ? "" : "bind:\n", quoted(yaml, image_text(yaml->image, guest->name)));
	*any = true;
	if (node != HV_NONE)
		put(yaml, "    node: %u\n", node);
	put(yaml, "%s", ranges ? "    memory:\n" : "");
	for (uint32_t i = 0; i < guest->regions.count; i++) {
		const struct hv_region *region = &yaml->image->regions[guest->regions.first + i];

		if (region->backing == HV_BACKING_FIXED)
			put(yaml, "      - { host: 0x%llx, size: %s }\n", (unsigned long long)region->host,
			    size_text(yaml, region->size));
	}
}

/* The guests of a share are those that have a device for it. */
static void put_members(struct yaml *yaml, uint32_t share)
{
	const struct image *image = yaml->image;
	const char *separator = "";

	for (uint32_t g = 0; g < image->counts[HV_SECTION_GUESTS]; g++) {
		const struct hv_guest *guest = &image->guests[g];

		for (uint32_t i = 0; i < guest->devices.count; i++) {
			const struct hv_device *device = &image->devices[guest->devices.first + i];

			if (!is_shmem(device) || device->parameter[0] != share)
				continue;
			put(yaml, "%s%s: %s", separator, image_text(image, guest->name), access_word(device));
			separator = ", ";
		}
	}
}

static void put_shares(struct yaml *yaml)
{
	for (uint32_t i = 0; i < yaml->image->counts[HV_SECTION_SHARES]; i++) {
		const struct hv_share *share = &yaml->image->shares[i];

		put(yaml, "%s  - { name: %s, size: %s, members: { ", i ? "" : "shmem-regions:\n",
		    image_text(yaml->image, share->name), size_text(yaml, share->size));
		put_members(yaml, i);
		put(yaml, " } }\n");
	}
}

struct bytes decompile_system(const struct decompiled *d)
{
	static const char *const levels[] = { "error", "warning", "info", "debug" };
	static const char *const modes[HV_CONSOLE_MODES] = { "raw", "prefix", "switch" };
	const struct hv_system *system = d->image->system;
	struct yaml yaml = { .image = d->image };
	bool any = false;

	put(&yaml, "# Recovered from an image by hvcc decompile.\n");
	put(&yaml, "schema: hvcc/system/v1\nname: %s\nguests:\n", image_text(d->image, system->name));
	for (size_t i = 0; i < d->guests.count; i++)
		put(&yaml, "  - %s\n", quoted(&yaml, d->guests.items[i].path));
	for (uint32_t i = 0; i < d->image->counts[HV_SECTION_GUESTS]; i++)
		put_bind(&yaml, &d->image->guests[i], &any);
	put_shares(&yaml);
	put(&yaml, "console: { io: 0x%x, baud: %u, log-level: %s", system->console_port,
	    system->console_baud, levels[system->log_level % 4]);
	if (system->console_mode)
		put(&yaml, ", guests: %s, escape: ctrl-%c", modes[system->console_mode % HV_CONSOLE_MODES],
		    'a' + system->console_escape - 1);
	if (system->console_history)
		put(&yaml, ", history: %uB", system->console_history);
	put(&yaml, " }\n");
	if (system->flags & HV_SYSTEM_DEBUG_EXIT)
		put(&yaml, "debug-exit: 0x%x\n", system->debug_exit_port);
	put(&yaml, "poweroff-when-idle: %s\n",
	    system->flags & HV_SYSTEM_POWEROFF_WHEN_IDLE ? "true" : "false");
	if (system->flags & HV_SYSTEM_RAM_IS_ZERO)
		put(&yaml, "scrub: false\n");
	put(&yaml, "mitigations: %s\n",
	    system->flags & HV_SYSTEM_NO_MITIGATIONS ? "false" : "true");
	put_frames(&yaml);
	return finish(&yaml);
}
