/* SPDX-License-Identifier: Apache-2.0 */
/* From records to claims: a function a family of records. */
#include "audit/claim.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "emit/record.h"
#include "lower/cpu.h"

const char *const claim_words[CLAIM_SPACES] = {
	[CLAIM_CPU] = "host CPU",	   [CLAIM_FRAMES] = "frames",
	[CLAIM_POOL] = "pool",		   [CLAIM_HOST_PORTS] = "host ports",
	[CLAIM_IMAGE] = "image bytes",	   [CLAIM_RECORDS] = "records",
	[CLAIM_MEMORY] = "memory",	   [CLAIM_LOADED] = "loaded",
	[CLAIM_PORTS] = "ports",	   [CLAIM_GSI] = "interrupt",
	[CLAIM_APIC_ID] = "APIC id",	   [CLAIM_PCI] = "PCI function",
	[CLAIM_MSRS] = "MSRs",		   [CLAIM_SLOTS] = "MSR slots",
};

struct gathering {
	const struct image *image;
	struct claims claims;
	const uint64_t *pool; /* offset of each region */
	uint32_t guest;
	uint32_t position;
};

static struct claim *add(struct gathering *g, enum claim_space space, uint32_t domain,
			 uint64_t first, uint64_t size, const char *what)
{
	struct claim *claim = vector_add(g->image->arena, &g->claims.list);

	*claim = (struct claim){
		.space = (uint8_t)space,
		.domain = domain,
		.guest = g->guest,
		.first = first,
		.last = first + (size ? size - 1 : 0),
		.what = what,
		.position = g->position,
	};
	return claim;
}

static const char *named(const struct gathering *g, const char *word, uint32_t name)
{
	const char *text = image_text(g->image, name);

	return *text ? arena_printf(g->image->arena, "%s %s", word, text) : word;
}

/* ---------------------------------------------------------------------------------------- a guest */

static void claim_records(struct gathering *g, const struct hv_guest *guest)
{
	const struct {
		enum hv_section_id section;
		struct hv_run run;
	} runs[] = {
		{ HV_SECTION_VCPUS, guest->vcpus },	{ HV_SECTION_REGIONS, guest->regions },
		{ HV_SECTION_LOADS, guest->loads },	{ HV_SECTION_DEVICES, guest->devices },
		{ HV_SECTION_PCI, guest->pci },		{ HV_SECTION_GUARDS, guest->guards },
	};

	for (size_t i = 0; i < sizeof(runs) / sizeof(*runs); i++)
		if (runs[i].run.count)
			add(g, CLAIM_RECORDS, runs[i].section, runs[i].run.first, runs[i].run.count,
			    record_types[runs[i].section].section);
}

static void claim_vcpus(struct gathering *g, const struct hv_guest *guest)
{
	for (uint32_t i = 0; i < guest->vcpus.count; i++) {
		const struct hv_vcpu *vcpu = &g->image->vcpus[guest->vcpus.first + i];
		const char *what = arena_printf(g->image->arena, "vCPU %u", i);

		g->position = vcpu->position;
		add(g, CLAIM_APIC_ID, g->guest, vcpu->apic_id, 1, what);
		if (vcpu->host_cpu != HV_NONE)
			add(g, CLAIM_CPU, 0, vcpu->host_cpu, 1, what)->shared =
				vcpu->scheduler != HV_SCHEDULER_EXCLUSIVE;
	}
}

/* The pool has no addresses yet: each region that the core places gets the next offset, and then each share. */
static const uint64_t *pool_offsets(const struct image *image)
{
	uint32_t count = image->counts[HV_SECTION_REGIONS];
	uint32_t shares = image->counts[HV_SECTION_SHARES];
	uint64_t *offsets = arena_array(image->arena, count + shares + 1ull, sizeof(*offsets));

	for (uint32_t i = 0; i < count; i++)
		offsets[i + 1] = offsets[i] + (image->regions[i].backing == HV_BACKING_ANY ?
						       image->regions[i].size : 0);
	for (uint32_t i = 0; i < shares; i++)
		offsets[count + i + 1] = offsets[count + i] + image->shares[i].size;
	return offsets;
}

static void claim_share(struct gathering *g, uint32_t share, bool writes)
{
	const struct hv_share *record = &g->image->shares[share];
	const char *what = arena_printf(g->image->arena, "share %s, %s", image_text(g->image, record->name),
					writes ? "read-write" : "read-only");

	add(g, CLAIM_POOL, 0, g->pool[g->image->counts[HV_SECTION_REGIONS] + share], record->size, what)
		->shared = true;
}

static void claim_backing(struct gathering *g, uint32_t index, const char *what)
{
	const struct hv_region *region = &g->image->regions[index];

	if (region->backing == HV_BACKING_ANY)
		add(g, CLAIM_POOL, 0, g->pool[index], region->size, what);
	else if (region->backing == HV_BACKING_SHARE)
		claim_share(g, region->share, region->rights & HV_WRITE);
	else if (region->backing == HV_BACKING_FIXED)
		add(g, CLAIM_FRAMES, 0, region->host, region->size, what);
	else if (region->backing == HV_BACKING_PAYLOAD)
		/* Guests may read the same payload; who may write it must be alone. */
		add(g, CLAIM_IMAGE, 1, g->image->payloads[region->payload].offset, region->size,
		    what)->shared = !(region->rights & HV_WRITE);
}

static void claim_memory(struct gathering *g, const struct hv_guest *guest)
{
	for (uint32_t i = 0; i < guest->regions.count; i++) {
		const struct hv_region *region = &g->image->regions[guest->regions.first + i];
		const char *what = named(g, "region", region->name);

		g->position = region->position;
		add(g, CLAIM_MEMORY, g->guest, region->gpa, region->size, what);
		claim_backing(g, guest->regions.first + i, what);
	}
	for (uint32_t i = 0; i < guest->loads.count; i++) {
		const struct hv_load *load = &g->image->loads[guest->loads.first + i];

		g->position = load->position;
		if (load->memory_size)
			add(g, CLAIM_LOADED, g->guest, load->gpa, load->memory_size,
			    named(g, "load of", load->name));
	}
}

/* Ports that a kind of chip has beside those of its base. */
static const struct chip_ports {
	uint32_t kind;
	uint16_t port, count;
} chip_ports[] = {
	{ HV_DEVICE_PIC, 0x20, 2 },	  { HV_DEVICE_PIC, 0xa0, 2 },
	{ HV_DEVICE_PIC, 0x4d0, 2 },	  { HV_DEVICE_PIT, 0x61, 1 },
	{ HV_DEVICE_PCI_HOST, 0xcf8, 1 }, { HV_DEVICE_PCI_HOST, 0xcfc, 4 },
};

/* Where the registers at `base` are. */
static bool has_mmio(uint32_t kind)
{
	return kind == HV_DEVICE_LAPIC || kind == HV_DEVICE_IOAPIC || kind == HV_DEVICE_HPET ||
	       kind == HV_DEVICE_PCI_HOST;
}

static bool has_ports(uint32_t kind)
{
	return kind == HV_DEVICE_PIT || kind == HV_DEVICE_RTC || kind == HV_DEVICE_UART ||
	       kind == HV_DEVICE_ACPI_PM || kind == HV_DEVICE_DEBUG_EXIT || kind == HV_DEVICE_PANIC ||
	       kind == HV_DEVICE_WATCHDOG;
}

/* The HPET's legacy replacement takes over the 8254's interrupt by design; pins of PCI are level-triggered. */
static bool shares_interrupt(uint32_t kind)
{
	return kind == HV_DEVICE_PIT || kind == HV_DEVICE_HPET || kind == HV_DEVICE_VIRTIO;
}

static void claim_device(struct gathering *g, const struct hv_device *device)
{
	const char *what = image_text(g->image, device->name);

	if (!*what || device->kind == HV_DEVICE_UART)
		what = named(g, image_device_word(device->kind), device->name);
	if (has_mmio(device->kind) && device->size)
		add(g, CLAIM_MEMORY, g->guest, device->base, device->size, what);
	if (has_ports(device->kind) && device->size)
		add(g, CLAIM_PORTS, g->guest, device->base, device->size, what);
	for (size_t i = 0; i < sizeof(chip_ports) / sizeof(*chip_ports); i++)
		if (chip_ports[i].kind == device->kind)
			add(g, CLAIM_PORTS, g->guest, chip_ports[i].port, chip_ports[i].count, what);
	if (device->kind == HV_DEVICE_ACPI_PM && device->parameter[1])
		add(g, CLAIM_PORTS, g->guest, device->parameter[1], 1, "reset register");
	if (device->gsi != HV_NONE && device->kind != HV_DEVICE_IOAPIC)
		add(g, CLAIM_GSI, g->guest, device->gsi, 1, what)->shared =
			shares_interrupt(device->kind);
}

/* Where a function answers in memory, as its 32-bit registers place it. */
static void claim_windows(struct gathering *g, const struct hv_pci_function *function)
{
	struct bytes config = { g->image->bytes + function->config, 256 };
	struct bytes mask = { g->image->bytes + function->mask, 256 };

	for (uint32_t at = 0x10; at < 0x28; at += 4) {
		uint32_t bits = bytes_u32(mask, at), base = bytes_u32(config, at);

		if (bits && !(base & 1))
			add(g, CLAIM_MEMORY, g->guest, base & bits, bits & -bits,
			    image_text(g->image, function->name));
	}
}

static void claim_devices(struct gathering *g, const struct hv_guest *guest)
{
	for (uint32_t i = 0; i < guest->devices.count; i++) {
		const struct hv_device *device = &g->image->devices[guest->devices.first + i];

		g->position = device->position;
		claim_device(g, device);
	}
	for (uint32_t i = 0; i < guest->pci.count; i++) {
		const struct hv_pci_function *function = &g->image->pci[guest->pci.first + i];

		g->position = function->position;
		add(g, CLAIM_PCI, g->guest, function->bdf, 1, image_text(g->image, function->name));
		claim_windows(g, function);
	}
}

static void claim_msrs(struct gathering *g, uint32_t policy)
{
	struct hv_run run = g->image->policies[policy].msrs;

	g->position = g->image->policies[policy].position;
	for (uint32_t i = 0; i < run.count; i++) {
		const struct hv_msr *msr = &g->image->msrs[run.first + i];
		const char *name = cpu_msr_name(msr->first);
		uint64_t count = (uint64_t)msr->last - msr->first + 1;

		name = name ? name : "MSR without a name";
		add(g, CLAIM_MSRS, policy, msr->first, count, name);
		if (msr->read == HV_MSR_STORE || msr->write == HV_MSR_STORE)
			add(g, CLAIM_SLOTS, policy, msr->slot, count, name);
	}
}

static void claim_guest(struct gathering *g, uint32_t index)
{
	const struct hv_guest *guest = &g->image->guests[index];

	g->guest = index;
	g->position = guest->position;
	claim_records(g, guest);
	claim_vcpus(g, guest);
	claim_memory(g, guest);
	claim_devices(g, guest);
	for (uint32_t v = 0; v < HV_VENDORS; v++)
		if (guest->policy[v] != HV_NONE)
			claim_msrs(g, guest->policy[v]);
}

/* ---------------------------------------------------------------------------------------- the core */

static void claim_core(struct gathering *g)
{
	const struct hv_system *system = g->image->system;

	g->guest = HV_NONE;
	g->position = system->position;
	if (system->console_port)
		add(g, CLAIM_HOST_PORTS, 0, system->console_port, 8, "console");
	if (system->flags & HV_SYSTEM_DEBUG_EXIT)
		add(g, CLAIM_HOST_PORTS, 0, system->debug_exit_port, 4, "debug-exit");
	for (uint32_t i = 0; i < g->image->counts[HV_SECTION_PAYLOADS]; i++) {
		const struct hv_payload *payload = &g->image->payloads[i];

		g->position = payload->position;
		if (payload->size)
			add(g, CLAIM_IMAGE, 0, payload->offset, payload->size,
			    named(g, "payload", payload->name));
	}
}

static int by_place(const void *a, const void *b)
{
	const struct claim *left = a, *right = b;

	if (left->space != right->space)
		return left->space < right->space ? -1 : 1;
	if (left->domain != right->domain)
		return left->domain < right->domain ? -1 : 1;
	if (left->first != right->first)
		return left->first < right->first ? -1 : 1;
	if (left->last != right->last)
		return left->last < right->last ? -1 : 1;
	return left->guest < right->guest ? -1 : left->guest > right->guest;
}

struct claims claims_of(const struct image *image)
{
	struct gathering g = { .image = image, .pool = pool_offsets(image) };

	claim_core(&g);
	for (uint32_t i = 0; i < image->counts[HV_SECTION_GUESTS]; i++)
		claim_guest(&g, i);
	if (g.claims.list.count)
		qsort(g.claims.list.items, g.claims.list.count, sizeof(struct claim), by_place);
	return g.claims;
}

const char *claim_owner(const struct image *image, const struct claim *claim)
{
	if (claim->guest == HV_NONE)
		return "the core";
	return image_text(image, image->guests[claim->guest].name);
}

const char *claim_range(const struct image *image, const struct claim *claim)
{
	unsigned long long first = claim->first, last = claim->last;
	bool decimal = claim->space == CLAIM_CPU || claim->space == CLAIM_GSI ||
		       claim->space == CLAIM_APIC_ID || claim->space == CLAIM_SLOTS ||
		       claim->space == CLAIM_RECORDS;

	if (claim->space == CLAIM_PCI)
		return arena_printf(image->arena, "%02llx:%02llx.%llx", first >> 8, first >> 3 & 31,
				    first & 7);
	if (decimal && first == last)
		return arena_printf(image->arena, "%llu", first);
	if (decimal)
		return arena_printf(image->arena, "%llu-%llu", first, last);
	if (first == last)
		return arena_printf(image->arena, "0x%llx", first);
	return arena_printf(image->arena, "%s0x%llx-0x%llx", claim->space == CLAIM_POOL ? "pool+" : "",
			    first, last);
}
