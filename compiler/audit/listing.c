/* SPDX-License-Identifier: Apache-2.0 */
/*
 *	000012f8  region    0x000000000000 16 MiB ram, from the pool, rwx        # guest.yaml:7:9
 *	offset    record    what it says                                         its YAML place
 *
 * Guest by guest, as a person asks: processors, memory, what is loaded, devices, CPUID, MSRs.
 */
#include "audit/listing.h"

#include <stdarg.h>
#include <string.h>

#include "audit/boot.h"
#include "audit/numa.h"
#include "audit/shape.h"
#include "base/bytes.h"
#include "base/units.h"
#include "lower/cpu.h"
#include "policy/feature.h"

enum { PLACE_COLUMN = 96 };

struct listing {
	FILE *stream;
	const struct image *image;
};

static void line(struct listing *l, enum hv_section_id section, uint32_t index, uint32_t position,
		 const char *format, ...) __attribute__((format(printf, 5, 6)));
static void line(struct listing *l, enum hv_section_id section, uint32_t index, uint32_t position,
		 const char *format, ...)
{
	const struct hv_section *s = &l->image->header.sections[section];
	const char *place = image_place(l->image, position);
	unsigned long long at = s->offset + (uint64_t)index * s->record_size;
	va_list arguments;
	int column = fprintf(l->stream, "%08llx  ", at);

	va_start(arguments, format);
	column += vfprintf(l->stream, format, arguments);
	va_end(arguments);
	if (*place)
		fprintf(l->stream, "%*s# %s", column < PLACE_COLUMN ? PLACE_COLUMN - column : 1, "", place);
	fputc('\n', l->stream);
}

static void title(struct listing *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void title(struct listing *l, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fprintf(l->stream, "\n; ");
	vfprintf(l->stream, format, arguments);
	va_end(arguments);
	fputc('\n', l->stream);
}

static const char *word_of(uint32_t value, const char *const *words, uint32_t count)
{
	return value < count && words[value] ? words[value] : "unknown";
}

#define WORD(value, words) word_of(value, words, sizeof(words) / sizeof(*(words)))

/* ----------------------------------------------------------------------------- system and processors */

static void list_system(struct listing *l)
{
	static const char *const levels[] = { "error", "warning", "info", "debug" };
	static const char *const modes[] = { "raw", "prefix", "switch" };
	const struct hv_system *system = l->image->system;
	const struct hv_header *header = &l->image->header;

	fprintf(l->stream, "; blob: revision %u, %llu bytes of records, %llu with payloads%s\n",
		header->abi, (unsigned long long)header->total_size,
		(unsigned long long)header->image_size,
		header->flags & HV_HEADER_SIGNED ? ", signed" : "");
	line(l, HV_SECTION_SYSTEM, 0, system->position,
	     "system    %s: console 0x%x at %u baud (%s), log %s, pool %llu KiB%s%s%s",
	     image_text(l->image, system->name), system->console_port, system->console_baud,
	     WORD(system->console_mode, modes), WORD(system->log_level, levels), (unsigned long long)system->pool_bytes >> 10,
	     system->flags & HV_SYSTEM_NO_MITIGATIONS ? ", no mitigations" : "",
	     system->flags & HV_SYSTEM_RAM_IS_ZERO ? ", RAM is not scrubbed" : "",
	     system->flags & HV_SYSTEM_POWEROFF_WHEN_IDLE ? ", powers off when idle" : "");
}

static void list_vcpus(struct listing *l, const struct hv_guest *guest)
{
	struct shape shape = shape_of(l->image, guest);

	title(l, "processors: %u sockets, %u dies, %u cores, %u threads", shape.sockets, shape.dies,
	      shape.cores, shape.threads);
	for (uint32_t i = 0; i < guest->vcpus.count; i++) {
		const struct hv_vcpu *vcpu = &l->image->vcpus[guest->vcpus.first + i];
		const char *host = "any host CPU", *share = image_share_text(l->image, vcpu);

		if (vcpu->host_cpu != HV_NONE)
			host = arena_printf(l->image->arena, "host CPU %u", vcpu->host_cpu);
		line(l, HV_SECTION_VCPUS, guest->vcpus.first + i, vcpu->position,
		     "vcpu      %u: APIC id %u, core %u, die %u, NUMA node %u, %s%s%s, %s", i,
		     vcpu->apic_id, vcpu->core_id, vcpu->node_id, vcpu->proximity, host,
		     *share ? " " : "", share,
		     vcpu->start == HV_NONE ? "waits for INIT" : "starts");
	}
}

/* From SRAT and SLIT: no records of their own. */
static void list_nodes(struct listing *l, const struct hv_guest *guest)
{
	struct recovered_numa numa = numa_of(l->image, guest);
	char size[32];

	if (numa.nodes.count)
		title(l, "NUMA nodes");
	for (uint32_t i = 0; i < numa.nodes.count; i++) {
		const struct recovered_node *node = &numa.nodes.items[i];

		fprintf(l->stream, "          node %u: %s, vCPUs %s, ", i,
			unit_text(size_units, node->size, size, sizeof(size)),
			*node->cpus ? node->cpus : "none");
		fprintf(l->stream, node->host_node == HV_NONE ? "any host node" : "host node %u",
			node->host_node);
		for (uint32_t to = 0; to < numa.nodes.count; to++)
			fprintf(l->stream, "%s%u", to ? " " : ", distances ",
				numa_distance(&numa, i, to));
		fputc('\n', l->stream);
	}
}

static void list_start(struct listing *l, const struct hv_guest *guest)
{
	static const char *const names[] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi" };
	uint32_t index = l->image->vcpus[guest->vcpus.first].start;
	struct booted booted = boot_of(l->image, guest);
	const struct hv_start *start;

	if (index == HV_NONE)
		return;
	start = &l->image->starts[index];
	title(l, "start: %s%s%s, entry 0x%llx", booted.protocol, *booted.mode ? ", mode " : "",
	      booted.mode, (unsigned long long)booted.entry);
	line(l, HV_SECTION_STARTS, index, 0, "start     cs:rip %04x:0x%llx cr0 0x%llx cr3 0x%llx cr4 0x%llx efer 0x%llx",
	     start->segments[HV_CS].selector, (unsigned long long)start->rip,
	     (unsigned long long)start->cr0, (unsigned long long)start->cr3,
	     (unsigned long long)start->cr4, (unsigned long long)start->efer);
	for (uint32_t i = 0; i < 8; i++)
		if (start->gpr[i])
			line(l, HV_SECTION_STARTS, index, 0, "          %s 0x%llx", names[i],
			     (unsigned long long)start->gpr[i]);
	if (*booted.cmdline)
		fprintf(l->stream, "          command line \"%s\"\n", booted.cmdline);
}

/* ------------------------------------------------------------------------------------ memory and devices */

static void list_regions(struct listing *l, const struct hv_guest *guest)
{
	static const char *const kinds[] = { "ram", "pmem", "rom", "shared", "mmio", "epc", "reserved" };
	static const char *const backings[] = { "nothing behind it", "from the pool", "fixed", "payload", "share" };
	char size[32];

	title(l, "memory: %u address bits", guest->physical_bits);
	for (uint32_t i = 0; i < guest->regions.count; i++) {
		const struct hv_region *region = &l->image->regions[guest->regions.first + i];

		const char *backing = WORD(region->backing, backings);

		if (region->backing == HV_BACKING_FIXED)
			backing = arena_printf(l->image->arena, "at 0x%llx of the machine",
					       (unsigned long long)region->host);
		if (region->host_node != HV_NONE)
			backing = arena_printf(l->image->arena, "%s, host node %u", backing, region->host_node);
		line(l, HV_SECTION_REGIONS, guest->regions.first + i, region->position,
		     "region    0x%012llx %s %s \"%s\", %s, %s%s%s", (unsigned long long)region->gpa,
		     unit_text(size_units, region->size, size, sizeof(size)),
		     WORD(region->kind, kinds), image_text(l->image, region->name), backing, region->rights & HV_READ ? "r" : "-",
		     region->rights & HV_WRITE ? "w" : "-", region->rights & HV_EXECUTE ? "x" : "-");
	}
}

static void list_guards(struct listing *l, const struct hv_guest *guest)
{
	static const char *const actions[] = { "without effect", "#PF", "#GP", "the guest stops", "an event to another guest" };

	for (uint32_t i = 0; i < guest->guards.count; i++) {
		const struct hv_guard *guard = &l->image->guards[guest->guards.first + i];

		if (guard->gpa == HV_GUARD_ANYWHERE) {
			line(l, HV_SECTION_GUARDS, guest->guards.first + i, guard->position,
			     "guard     up to %llu pages \"%s\" that the guest locks; writes: %s",
			     (unsigned long long)(guard->size >> 12), image_text(l->image, guard->name),
			     WORD(guard->action, actions));
			continue;
		}
		line(l, HV_SECTION_GUARDS, guest->guards.first + i, guard->position,
		     "guard     0x%012llx %llu page%s \"%s\", may be written 0x%08x; other writes: %s",
		     (unsigned long long)guard->gpa, (unsigned long long)(guard->size >> 12),
		     guard->size > 4096 ? "s" : "", image_text(l->image, guard->name), guard->writable,
		     WORD(guard->action, actions));
	}
}

static void list_loads(struct listing *l, const struct hv_guest *guest)
{
	static const char *const sources[] = { "zeros", "bytes", "payload" };

	title(l, "loaded at each start");
	for (uint32_t i = 0; i < guest->loads.count; i++) {
		const struct hv_load *load = &l->image->loads[guest->loads.first + i];

		line(l, HV_SECTION_LOADS, guest->loads.first + i, load->position,
		     "load      0x%012llx 0x%llx of 0x%llx bytes \"%s\", from %s 0x%llx",
		     (unsigned long long)load->gpa, (unsigned long long)load->file_size,
		     (unsigned long long)load->memory_size, image_text(l->image, load->name),
		     WORD(load->source, sources), (unsigned long long)load->source_offset);
	}
}

static void list_devices(struct listing *l, const struct hv_guest *guest)
{
	title(l, "devices");
	for (uint32_t i = 0; i < guest->devices.count; i++) {
		const struct hv_device *device = &l->image->devices[guest->devices.first + i];
		const char *gsi = "";

		if (device->gsi != HV_NONE)
			gsi = arena_printf(l->image->arena, ", interrupt %u", device->gsi);
		line(l, HV_SECTION_DEVICES, guest->devices.first + i, device->position,
		     "device    %s \"%s\" at 0x%llx, 0x%llx bytes%s, parameters %x %x %x %x",
		     image_device_word(device->kind), image_text(l->image, device->name),
		     (unsigned long long)device->base, (unsigned long long)device->size, gsi,
		     device->parameter[0], device->parameter[1], device->parameter[2],
		     device->parameter[3]);
	}
	for (uint32_t i = 0; i < guest->pci.count; i++) {
		const struct hv_pci_function *function = &l->image->pci[guest->pci.first + i];
		struct bytes config = { l->image->bytes + function->config, 256 };

		line(l, HV_SECTION_PCI, guest->pci.first + i, function->position,
		     "pci       %02x:%02x.%x %04x:%04x class %04x \"%s\"", function->bdf >> 8,
		     function->bdf >> 3 & 31, function->bdf & 7, bytes_u16(config, 0),
		     bytes_u16(config, 2), bytes_u16(config, 10), image_text(l->image, function->name));
	}
}

/* ------------------------------------------------------------------------------------------ CPU policy */

/* Names of the features in a row: `name` always on, `name?` where the host has it. */
static void list_names(struct listing *l, const struct hv_cpuid *row, uint8_t vendor)
{
	int column = 0;

	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		const struct feature *feature = &features[id];
		uint32_t bit = 1u << feature->bit;

		if (feature->leaf != row->leaf || feature->subleaf != row->subleaf ||
		    !(feature->vendors & vendor) || !(row->value[feature->reg] & bit))
			continue;
		if (!column || column > 84)
			column = fprintf(l->stream, "%s%20s", column ? "\n" : "", "") - (column != 0);
		column += fprintf(l->stream, " %s%s", feature->name,
				  row->host_mask[feature->reg] & bit ? "?" : "");
	}
	if (column)
		fputc('\n', l->stream);
}

static void list_cpuid(struct listing *l, const struct hv_cpu_policy *policy)
{
	static const char *const names[] = { "eax", "ebx", "ecx", "edx" };

	for (uint32_t i = 0; i < policy->cpuid.count; i++) {
		const struct hv_cpuid *row = &l->image->cpuid[policy->cpuid.first + i];
		const char *text = "";

		for (uint32_t reg = 0; reg < 4; reg++) {
			uint32_t value = row->value[reg], host = row->host_mask[reg];

			if (!~host && !~value)
				text = arena_printf(l->image->arena, "%s %s host", text, names[reg]);
			else if (host)
				text = arena_printf(l->image->arena, "%s %s %08x/%08x", text,
						    names[reg], value, host);
			else
				text = arena_printf(l->image->arena, "%s %s %08x", text, names[reg], value);
		}
		line(l, HV_SECTION_CPUID, policy->cpuid.first + i, 0, "cpuid     %x.%u:%s%s", row->leaf,
		     row->subleaf, text, row->dynamic ? " +dynamic" : "");
		list_names(l, row, policy->vendor == HV_VENDOR_AMD ? AMD : INTEL);
	}
}

static void list_msrs(struct listing *l, const struct hv_cpu_policy *policy)
{
	static const char *const actions[] = { "#GP", "pass", "store", "fixed", "core" };

	for (uint32_t i = 0; i < policy->msrs.count; i++) {
		const struct hv_msr *msr = &l->image->msrs[policy->msrs.first + i];
		const char *name = cpu_msr_name(msr->first), *range = "", *value = "";

		if (msr->last != msr->first)
			range = arena_printf(l->image->arena, "-%x", msr->last);
		if (msr->reset || msr->write_mask)
			value = arena_printf(l->image->arena, ", 0x%llx, writable 0x%llx",
					     (unsigned long long)msr->reset,
					     (unsigned long long)msr->write_mask);
		line(l, HV_SECTION_MSRS, policy->msrs.first + i, msr->position,
		     "msr       %x%s %s: read %s, write %s%s", msr->first, range, name ? name : "",
		     WORD(msr->read, actions), WORD(msr->write, actions), value);
	}
}

static void list_features(struct listing *l, const struct hv_cpu_policy *policy)
{
	for (uint32_t i = 0; i < policy->features.count; i++) {
		const struct hv_feature *row = &l->image->features[policy->features.first + i];

		line(l, HV_SECTION_FEATURES, policy->features.first + i, row->position,
		     "feature   %s: without it %u CPUID records, xcr0 0x%llx, cr4 0x%llx, efer 0x%llx, MSR groups 0x%llx go%s",
		     image_text(l->image, row->name), row->clears.count,
		     (unsigned long long)row->xcr0_clear, (unsigned long long)row->cr4_clear,
		     (unsigned long long)row->efer_clear, (unsigned long long)row->msr_groups_clear,
		     row->flags & HV_FEATURE_REQUIRED  ? "; required" :
		     row->flags & HV_FEATURE_FORBIDDEN ? "; forbidden" :
							 "");
	}
}

static void list_patches(struct listing *l, const struct hv_policy_case *c)
{
	static const char *const names[] = { "eax", "ebx", "ecx", "edx" };

	for (uint32_t i = 0; i < c->patches.count; i++) {
		const struct hv_cpuid_patch *patch = &l->image->patches[c->patches.first + i];
		bool there = patch->cpuid < l->image->counts[HV_SECTION_CPUID];
		const struct hv_cpuid *row = &l->image->cpuid[there ? patch->cpuid : 0];
		const char *text = "";

		if (!there)
			continue;

		for (uint32_t reg = 0; reg < 4; reg++) {
			if (~patch->keep[reg] | patch->set[reg])
				text = arena_printf(l->image->arena, "%s, %s & %08x | %08x", text,
						    names[reg], patch->keep[reg], patch->set[reg]);
		}
		line(l, HV_SECTION_PATCHES, c->patches.first + i, 0, "patch     %x.%u%s", row->leaf,
		     row->subleaf, text);
	}
}

static void list_cases(struct listing *l, const struct hv_cpu_policy *policy)
{
	for (uint32_t i = 0; i < policy->cases.count; i++) {
		const struct hv_policy_case *c = &l->image->cases[policy->cases.first + i];
		const char *where = image_case_text(l->image, policy, c);

		if (c->flags & HV_CASE_REFUSE)
			line(l, HV_SECTION_CASES, policy->cases.first + i, c->position,
			     "case      %s: refused: %s", where, image_text(l->image, c->name));
		else
			line(l, HV_SECTION_CASES, policy->cases.first + i, c->position,
			     "case      %s: %u CPUID records, xcr0 0x%llx, cr4 0x%llx, efer 0x%llx, MSR groups 0x%llx go",
			     where, c->patches.count, (unsigned long long)c->xcr0_clear,
			     (unsigned long long)c->cr4_clear, (unsigned long long)c->efer_clear,
			     (unsigned long long)c->msr_groups_clear);
		list_patches(l, c);
	}
}

static void list_policy(struct listing *l, uint32_t index)
{
	const struct hv_cpu_policy *policy = &l->image->policies[index];

	title(l, "CPU policy on %s: xcr0 0x%llx, cr4 0x%llx, efer 0x%llx",
	      policy->vendor == HV_VENDOR_AMD ? "AMD" : "Intel", (unsigned long long)policy->xcr0,
	      (unsigned long long)policy->cr4, (unsigned long long)policy->efer);
	line(l, HV_SECTION_POLICIES, index, policy->position, "policy    %u CPUID records, %u features, %u MSR ranges",
	     policy->cpuid.count, policy->features.count, policy->msrs.count);
	list_cpuid(l, policy);
	list_features(l, policy);
	list_cases(l, policy);
	list_msrs(l, policy);
}

static void list_frames(struct listing *l)
{
	for (uint32_t i = 0; i < l->image->counts[HV_SECTION_FRAMES]; i++) {
		const struct hv_frame *frame = &l->image->frames[i];

		title(l, "table of host CPU %u", frame->host_cpu);
		line(l, HV_SECTION_FRAMES, i, frame->position, "frame     %u us", frame->length_us);
		for (uint32_t w = 0; w < frame->windows.count; w++) {
			const struct hv_window *window = &l->image->windows[frame->windows.first + w];
			uint32_t number;
			const struct hv_guest *guest = image_vcpu_guest(l->image, window->vcpu, &number);

			line(l, HV_SECTION_WINDOWS, frame->windows.first + w, window->position,
			     "window    %8u .. %8u us: %s vCPU %u", window->start_us,
			     window->start_us + window->length_us, image_text(l->image, guest->name), number);
		}
	}
}

static void list_guest(struct listing *l, uint32_t index)
{
	const struct hv_guest *guest = &l->image->guests[index];

	title(l, "================ guest %s", image_text(l->image, guest->name));
	line(l, HV_SECTION_GUESTS, index, guest->position, "guest     %s, %s, %s",
	     image_text(l->image, guest->name),
	     guest->flags & HV_GUEST_X2APIC ? "x2APIC" : "xAPIC",
	     guest->pv & HV_PV_KVM ? "pv kvm" : "no pv");
	list_vcpus(l, guest);
	list_nodes(l, guest);
	list_start(l, guest);
	list_regions(l, guest);
	list_guards(l, guest);
	list_loads(l, guest);
	list_devices(l, guest);
	for (uint32_t v = 0; v < HV_VENDORS; v++)
		if (guest->policy[v] != HV_NONE)
			list_policy(l, guest->policy[v]);
}

void listing_print(FILE *stream, const struct image *image)
{
	struct listing l = { .stream = stream, .image = image };

	list_system(&l);
	for (uint32_t i = 0; i < image->counts[HV_SECTION_PAYLOADS]; i++) {
		const struct hv_payload *payload = &image->payloads[i];

		line(&l, HV_SECTION_PAYLOADS, i, payload->position, "payload   %u: %llu bytes at 0x%llx \"%s\"", i,
		     (unsigned long long)payload->size, (unsigned long long)payload->offset,
		     image_text(image, payload->name));
	}
	list_frames(&l);
	for (uint32_t i = 0; i < image->counts[HV_SECTION_SHARES]; i++) {
		const struct hv_share *share = &image->shares[i];
		char size[32];

		line(&l, HV_SECTION_SHARES, i, share->position, "share     %u: %s \"%s\", %u peers", i,
		     unit_text(size_units, share->size, size, sizeof(size)), image_text(image, share->name),
		     share->peers);
	}
	for (uint32_t i = 0; i < image->counts[HV_SECTION_GUESTS]; i++)
		list_guest(&l, i);
}
