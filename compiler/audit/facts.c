/* SPDX-License-Identifier: Apache-2.0 */
/* From records to facts: a function a family. */
#include "audit/facts.h"

#include <stdlib.h>
#include <string.h>

#include "audit/boot.h"
#include "audit/claim.h"
#include "audit/numa.h"
#include "base/units.h"
#include "lower/cpu.h"
#include "policy/feature.h"

const char *const fact_words[] = {
	[FACT_GUEST] = "guest",	      [FACT_CPUID] = "cpuid",	[FACT_MSR] = "msr",
	[FACT_PORTS] = "ports",	      [FACT_MEMORY] = "memory", [FACT_CPU] = "cpus",
	[FACT_IDENTITY] = "identity", [FACT_DEVICE] = "device", [FACT_BOOT] = "boot",
	[FACT_EVENT] = "event",	      [FACT_SYSTEM] = "system",
};

struct telling {
	const struct image *image;
	struct facts facts;
	const char *guest;
	uint32_t position;
	uint8_t vendors;
};

#define text(t, ...) arena_printf((t)->image->arena, __VA_ARGS__)

static struct fact *tell(struct telling *t, enum fact_kind kind, const char *key, const char *value)
{
	struct fact *fact = vector_add(t->image->arena, &t->facts.list);

	*fact = (struct fact){ .kind = (uint8_t)kind, .vendors = t->vendors, .guest = t->guest,
			       .key = key, .value = value, .position = t->position };
	return fact;
}

static const char *size_of(struct telling *t, uint64_t size)
{
	char buffer[32];

	return text(t, "%s", unit_text(size_units, size, buffer, sizeof(buffer)));
}

/* ---------------------------------------------------------------------------------------------- CPU */

static const struct hv_feature *row_of(const struct image *image, const struct hv_cpu_policy *policy,
				       const char *name)
{
	for (uint32_t i = 0; i < policy->features.count; i++) {
		const struct hv_feature *row = &image->features[policy->features.first + i];

		if (!strcmp(image_text(image, row->name), name))
			return row;
	}
	return NULL;
}

static void tell_feature(struct telling *t, const struct hv_cpu_policy *policy,
			 const struct feature *feature, const struct hv_cpuid *leaf)
{
	const struct hv_feature *row = row_of(t->image, policy, feature->name);
	bool host = leaf->host_mask[feature->reg] >> feature->bit & 1;
	bool required = row && (row->flags & HV_FEATURE_REQUIRED);

	t->position = row && row->position ? row->position : policy->position;
	tell(t, FACT_CPUID, feature->name,
	     !host ? "always" : required ? "required of the host" : "where the host has it")
		->amount = host ? 1 : 2;
}

static void tell_features(struct telling *t, const struct hv_cpu_policy *policy)
{
	uint8_t mask = policy->vendor == HV_VENDOR_AMD ? AMD : INTEL;

	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		const struct feature *feature = &features[id];
		const struct hv_cpuid *leaf;

		if (!(feature->vendors & mask))
			continue;
		leaf = image_cpuid(t->image, policy, feature->leaf, feature->subleaf);
		if (leaf && leaf->value[feature->reg] >> feature->bit & 1)
			tell_feature(t, policy, feature, leaf);
	}
}

static uint32_t feature_bits(uint32_t leaf, uint32_t subleaf, uint32_t reg)
{
	uint32_t bits = 0;

	for (enum feature_id id = 1; id < FEATURE_COUNT; id++)
		if (features[id].leaf == leaf && features[id].subleaf == subleaf &&
		    features[id].reg == reg)
			bits |= 1u << features[id].bit;
	return bits;
}

static void tell_identity(struct telling *t, const struct hv_cpu_policy *policy)
{
	static const char *const names[] = { "eax", "ebx", "ecx", "edx" };

	t->position = policy->position;
	for (uint32_t i = 0; i < policy->cpuid.count; i++) {
		const struct hv_cpuid *row = &t->image->cpuid[policy->cpuid.first + i];

		for (uint32_t reg = 0; reg < 4; reg++) {
			uint32_t keep = ~feature_bits(row->leaf, row->subleaf, reg);
			uint32_t value = row->value[reg] & keep, host = row->host_mask[reg] & keep;

			if (value | host)
				tell(t, FACT_IDENTITY,
				     text(t, "leaf 0x%08x.%u %s", row->leaf, row->subleaf, names[reg]),
				     !~host ? "the host's" :
				     host   ? text(t, "0x%08x, of the host 0x%08x", value & ~host,
						   host) :
					      text(t, "0x%08x", value));
		}
	}
}

/* Bit by bit would be long: how much of CPUID differs there, and which machines are refused. */
static void tell_cases(struct telling *t, const struct hv_cpu_policy *policy)
{
	for (uint32_t i = 0; i < policy->cases.count; i++) {
		const struct hv_policy_case *c = &t->image->cases[policy->cases.first + i];
		const char *where = image_case_text(t->image, policy, c);
		uint32_t sum = 0;

		t->position = c->position ? c->position : policy->position;
		if (c->flags & HV_CASE_REFUSE) {
			tell(t, FACT_IDENTITY, text(t, "refused with %s", where),
			     image_text(t->image, c->name));
			continue;
		}
		for (uint32_t p = 0; p < c->patches.count; p++) {
			const struct hv_cpuid_patch *patch = &t->image->patches[c->patches.first + p];

			for (uint32_t reg = 0; reg < 4; reg++)
				sum = sum * 31 + (~patch->keep[reg] ^ patch->set[reg]);
		}
		tell(t, FACT_IDENTITY, text(t, "with %s", where),
		     text(t, "%u CPUID records are different (sum %08x)", c->patches.count, sum));
	}
}

static uint64_t msr_right(uint8_t action)
{
	static const uint8_t rights[] = { [HV_MSR_GP] = 0, [HV_MSR_FIXED] = 1, [HV_MSR_STORE] = 2,
					  [HV_MSR_HANDLER] = 2, [HV_MSR_PASS] = 3 };

	return action < sizeof(rights) ? rights[action] : 0;
}

static const char *msr_word(uint8_t action)
{
	static const char *const words[] = { [HV_MSR_GP] = "#GP", [HV_MSR_PASS] = "the CPU's own",
					     [HV_MSR_STORE] = "kept", [HV_MSR_FIXED] = "fixed",
					     [HV_MSR_HANDLER] = "by the core" };

	return action < sizeof(words) / sizeof(*words) ? words[action] : "unknown";
}

static void tell_msrs(struct telling *t, const struct hv_cpu_policy *policy)
{
	for (uint32_t i = 0; i < policy->msrs.count; i++) {
		const struct hv_msr *msr = &t->image->msrs[policy->msrs.first + i];
		const char *name = cpu_msr_name(msr->first), *key, *value;

		t->position = msr->position ? msr->position : policy->position;
		key = msr->first == msr->last ? text(t, "0x%x", msr->first) :
						text(t, "0x%x-0x%x", msr->first, msr->last);
		value = text(t, "read %s, write %s", msr_word(msr->read), msr_word(msr->write));
		if (msr->reset || msr->write_mask)
			value = text(t, "%s, 0x%llx, writable 0x%llx", value,
				     (unsigned long long)msr->reset,
				     (unsigned long long)msr->write_mask);
		tell(t, FACT_MSR, name ? text(t, "%s %s", key, name) : key, value)->amount =
			1 + 4 * msr_right(msr->read) + msr_right(msr->write);
	}
}

static void tell_policies(struct telling *t, const struct hv_guest *guest)
{
	for (uint32_t v = 0; v < HV_VENDORS; v++) {
		const struct hv_cpu_policy *policy;

		if (guest->policy[v] == HV_NONE)
			continue;
		policy = &t->image->policies[guest->policy[v]];
		t->vendors = (uint8_t)(1u << v);
		tell_features(t, policy);
		tell_identity(t, policy);
		tell_cases(t, policy);
		tell_msrs(t, policy);
	}
	t->vendors = 0;
}

static void tell_vcpus(struct telling *t, const struct hv_guest *guest)
{
	const struct hv_cpu_policy *policy = image_any_policy(t->image, guest);
	const struct hv_cpuid *levels = policy ? image_cpuid(t->image, policy, 0xb, 1) : NULL;

	t->position = t->image->vcpus[guest->vcpus.first].position;
	tell(t, FACT_CPU, "vCPUs", text(t, "%u", guest->vcpus.count))->amount = guest->vcpus.count;
	tell(t, FACT_IDENTITY, "APIC mode", guest->flags & HV_GUEST_X2APIC ? "x2apic" : "xapic");
	if (levels)
		tell(t, FACT_IDENTITY, "vCPUs in a package", text(t, "%u", levels->value[1]));
	for (uint32_t i = 0; i < guest->vcpus.count; i++) {
		const struct hv_vcpu *vcpu = &t->image->vcpus[guest->vcpus.first + i];

		t->position = vcpu->position;
		if (vcpu->host_cpu != HV_NONE)
			tell(t, FACT_CPU, text(t, "vCPU %u", i),
			     text(t, "host CPU %u", vcpu->host_cpu));
		if (*image_share_text(t->image, vcpu))
			tell(t, FACT_CPU, text(t, "time of vCPU %u", i), image_share_text(t->image, vcpu));
	}
}

static void tell_nodes(struct telling *t, const struct hv_guest *guest)
{
	struct recovered_numa numa = numa_of(t->image, guest);

	t->position = guest->position;
	for (uint32_t i = 0; i < numa.nodes.count; i++) {
		const struct recovered_node *node = &numa.nodes.items[i];
		const char *value = text(t, "vCPUs %s, %s", *node->cpus ? node->cpus : "none",
					 size_of(t, node->size));

		for (uint32_t to = 0; to < numa.nodes.count; to++)
			value = text(t, "%s%s%u", value, to ? " " : ", distances ",
				     numa_distance(&numa, i, to));
		tell(t, FACT_IDENTITY, text(t, "NUMA node %u", i), value);
	}
}

/* ---------------------------------------------------------------------------------------- memory, ports */

static void tell_regions(struct telling *t, const struct hv_guest *guest)
{
	static const char *const kinds[] = { "ram", "pmem", "rom", "shared", "mmio", "epc", "reserved" };

	for (uint32_t i = 0; i < guest->regions.count; i++) {
		const struct hv_region *region = &t->image->regions[guest->regions.first + i];
		const char *kind = region->kind < 7 ? kinds[region->kind] : "unknown";
		const char *value = text(t, "%s %s%s%s%s", size_of(t, region->size), kind,
					 region->rights & HV_READ ? ", read" : "",
					 region->rights & HV_WRITE ? ", write" : "",
					 region->rights & HV_EXECUTE ? ", execute" : "");

		t->position = region->position;
		if (region->backing == HV_BACKING_FIXED)
			value = text(t, "%s, at 0x%llx of the host", value,
				     (unsigned long long)region->host);
		if (region->host_node != HV_NONE)
			value = text(t, "%s, in node %u of the host", value, region->host_node);
		tell(t, FACT_MEMORY, text(t, "0x%012llx", (unsigned long long)region->gpa), value)
			->amount = region->rights ? region->size : 0;
	}
}

static void tell_guards(struct telling *t, const struct hv_guest *guest)
{
	static const char *const actions[] = { "no effect", "#PF", "#GP", "stop", "an event to another guest" };

	for (uint32_t i = 0; i < guest->guards.count; i++) {
		const struct hv_guard *guard = &t->image->guards[guest->guards.first + i];

		t->position = guard->position;
		if (guard->gpa == HV_GUARD_ANYWHERE) {
			tell(t, FACT_MEMORY, "pages that the guest locks",
			     text(t, "%s, else %s", size_of(t, guard->size),
				  guard->action < 5 ? actions[guard->action] : "unknown"));
			continue;
		}
		tell(t, FACT_MEMORY, text(t, "0x%012llx, sub-pages", (unsigned long long)guard->gpa),
		     text(t, "%s of which 0x%08x may be written, else %s", size_of(t, guard->size),
			  guard->writable, guard->action < 5 ? actions[guard->action] : "unknown"));
	}
}

static void tell_ports(struct telling *t, const struct claims *claims, uint32_t guest)
{
	for (size_t i = 0; i < claims->list.count; i++) {
		const struct claim *claim = &claims->list.items[i];

		t->position = claim->position;
		if (claim->space == CLAIM_PORTS && claim->guest == guest)
			tell(t, FACT_PORTS, claim_range(t->image, claim), claim->what);
	}
}

static void tell_devices(struct telling *t, const struct hv_guest *guest)
{
	for (uint32_t i = 0; i < guest->devices.count; i++) {
		const struct hv_device *device = &t->image->devices[guest->devices.first + i];
		const char *gsi = device->gsi == HV_NONE ? "no interrupt" :
							   text(t, "interrupt %u", device->gsi);

		t->position = device->position;
		tell(t, FACT_DEVICE, image_text(t->image, device->name),
		     text(t, "%s at 0x%llx, %s, parameters %x %x %x %x",
			  image_device_word(device->kind), (unsigned long long)device->base, gsi,
			  device->parameter[0], device->parameter[1], device->parameter[2],
			  device->parameter[3]));
	}
}

/* --------------------------------------------------------------------------------------- boot, events */

static const char *hash_text(struct telling *t, const struct hv_payload *payload)
{
	const uint8_t *h = payload->sha256;

	return text(t, "%llu bytes, SHA-256 %02x%02x%02x%02x%02x%02x%02x%02x...",
		    (unsigned long long)payload->size, h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7]);
}

static void tell_boot(struct telling *t, const struct hv_guest *guest)
{
	struct booted booted = boot_of(t->image, guest);

	t->position = guest->position;
	tell(t, FACT_BOOT, "protocol", text(t, "%s %s", booted.protocol, booted.mode));
	tell(t, FACT_BOOT, "entry", text(t, "0x%llx", (unsigned long long)booted.entry));
	tell(t, FACT_BOOT, "command line", text(t, "\"%s\"", booted.cmdline));
	if (booted.kernel != HV_NONE) {
		t->position = t->image->payloads[booted.kernel].position;
		tell(t, FACT_BOOT, "kernel", hash_text(t, &t->image->payloads[booted.kernel]));
	}
	for (size_t i = 0; i < booted.modules.count; i++) {
		const struct hv_load *load = booted.modules.items[i].load;

		t->position = load->position;
		tell(t, FACT_BOOT, text(t, "module %zu", i),
		     text(t, "%s %s", hash_text(t, &t->image->payloads[load->payload]),
			  booted.modules.items[i].args));
	}
}

static void tell_event(struct telling *t, const char *key, const struct hv_event *event)
{
	static const char *const actions[] = { "destroy", "restart", "preserve" };

	const char *dump = event->dump ? "dump, " : "";

	tell(t, FACT_EVENT, key,
	     event->max_restarts ?
		     text(t, "%s%s, at most %u times in %u ms, then %s", dump,
			  actions[event->action % 3], event->max_restarts, event->window_ms,
			  actions[event->then % 3]) :
		     text(t, "%s%s", dump, actions[event->action % 3]));
}

static void tell_guest(struct telling *t, const struct claims *claims, uint32_t index)
{
	const struct hv_guest *guest = &t->image->guests[index];

	t->guest = image_text(t->image, guest->name);
	t->position = guest->position;
	tell(t, FACT_GUEST, "", text(t, "%u vCPUs, %u regions of memory", guest->vcpus.count,
				     guest->regions.count))->amount = 1;
	tell(t, FACT_IDENTITY, "paravirtual interface", guest->pv & HV_PV_KVM ? "kvm" : "none");
	tell_event(t, "on-poweroff", &guest->on_poweroff);
	tell_event(t, "on-reboot", &guest->on_reboot);
	tell_event(t, "on-crash", &guest->on_crash);
	tell_policies(t, guest);
	tell_vcpus(t, guest);
	tell_nodes(t, guest);
	tell_regions(t, guest);
	tell_guards(t, guest);
	tell_ports(t, claims, index);
	tell_devices(t, guest);
	tell_boot(t, guest);
}

static void tell_frames(struct telling *t)
{
	for (uint32_t i = 0; i < t->image->counts[HV_SECTION_FRAMES]; i++) {
		const struct hv_frame *frame = &t->image->frames[i];

		t->position = frame->position;
		tell(t, FACT_SYSTEM, text(t, "frame of host CPU %u", frame->host_cpu),
		     text(t, "%u us", frame->length_us));
		for (uint32_t w = 0; w < frame->windows.count; w++) {
			const struct hv_window *window = &t->image->windows[frame->windows.first + w];
			uint32_t number;
			const struct hv_guest *guest = image_vcpu_guest(t->image, window->vcpu, &number);

			t->position = window->position;
			tell(t, FACT_SYSTEM,
			     text(t, "host CPU %u at %u us", frame->host_cpu, window->start_us),
			     text(t, "%s vCPU %u for %u us", image_text(t->image, guest->name), number,
				  window->length_us));
		}
	}
}

static void tell_system(struct telling *t)
{
	const struct hv_system *system = t->image->system;

	t->guest = "";
	t->position = system->position;
	tell(t, FACT_SYSTEM, "name", image_text(t->image, system->name));
	tell(t, FACT_SYSTEM, "console", text(t, "0x%x, %u baud, level %u", system->console_port,
					     system->console_baud, system->log_level));
	tell(t, FACT_SYSTEM, "guests on the console",
	     text(t, "mode %u, escape %u, history %u", system->console_mode, system->console_escape,
		  system->console_history));
	tell(t, FACT_SYSTEM, "debug-exit", text(t, "0x%x", system->debug_exit_port));
	tell(t, FACT_SYSTEM, "poweroff-when-idle",
	     system->flags & HV_SYSTEM_POWEROFF_WHEN_IDLE ? "true" : "false");
	tell(t, FACT_SYSTEM, "scrub", system->flags & HV_SYSTEM_RAM_IS_ZERO ? "false" : "true");
	tell(t, FACT_SYSTEM, "mitigations",
	     system->flags & HV_SYSTEM_NO_MITIGATIONS ? "false" : "true");
}

int fact_compare(const struct fact *a, const struct fact *b)
{
	int order = (a->kind > b->kind) - (a->kind < b->kind);

	if (!order)
		order = strcmp(a->guest, b->guest);
	if (!order)
		order = strcmp(a->key, b->key);
	return order ? order : (a->vendors > b->vendors) - (a->vendors < b->vendors);
}

static int compare_facts(const void *a, const void *b)
{
	return fact_compare(a, b);
}

struct facts facts_of(const struct image *image)
{
	struct telling t = { .image = image };
	struct claims claims = claims_of(image);

	tell_system(&t);
	tell_frames(&t);
	for (uint32_t i = 0; i < image->counts[HV_SECTION_GUESTS]; i++)
		tell_guest(&t, &claims, i);
	qsort(t.facts.list.items, t.facts.list.count, sizeof(struct fact), compare_facts);
	return t.facts;
}
