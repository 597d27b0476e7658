/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verification of the boot blob. Three rounds, each of which relies on the ones before it:
 *
 *	1. the header: magic, revision, sizes, the SHA-256 of all records;
 *	2. the section table: record sizes, bounds, strings that end;
 *	3. every record: one function a kind (the table `kinds`), which checks each string,
 *	   position, index and run it holds, and what later code takes for granted (order,
 *	   alignment, enumerations).
 *
 * The first fault ends it: the compiler never makes one.
 */
#include "blob/blob.h"

#include "lib/bits.h"
#include "lib/format.h"
#include "lib/sha256.h"
#include "lib/string.h"

const struct blob *machine_blob;

/* A check gives NULL, or what is wrong. */
#define REQUIRE(condition, sentence)                                                               \
	do {                                                                                       \
		if (!(condition))                                                                  \
			return sentence;                                                           \
	} while (0)

/* ---- references */

static bool good_string(const struct blob *b, uint32_t offset)
{
	return offset < b->count[HV_SECTION_STRINGS];
}

static bool good_index(const struct blob *b, enum hv_section_id section, uint32_t index)
{
	return index < b->count[section];
}

static bool good_or_none(const struct blob *b, enum hv_section_id section, uint32_t index)
{
	return index == HV_NONE || good_index(b, section, index);
}

static bool good_run(const struct blob *b, enum hv_section_id section, struct hv_run run)
{
	return range_fits(run.first, run.count, b->count[section]);
}

static bool good_bytes(const struct blob *b, uint64_t offset, uint64_t size)
{
	return range_fits(offset, size, b->count[HV_SECTION_BYTES]);
}

static bool good_name(const struct blob *b, uint32_t name, uint32_t position)
{
	return good_string(b, name) && good_index(b, HV_SECTION_POSITIONS, position);
}

/* ---- one function a kind of record */

static const char *check_position(const struct blob *b, uint32_t i)
{
	REQUIRE(good_string(b, b->positions[i].file), "file name");
	return NULL;
}

static const char *check_system(const struct blob *b, uint32_t i)
{
	REQUIRE(i == 0, "more than one system");
	REQUIRE(good_name(b, b->system->name, b->system->position), "name");
	REQUIRE(b->system->log_level <= 3, "log level");
	REQUIRE(b->system->console_mode < HV_CONSOLE_MODES, "console mode");
	return NULL;
}

static bool good_event(const struct hv_event *e)
{
	return e->action <= HV_EVENT_PRESERVE && e->then <= HV_EVENT_PRESERVE && e->dump <= 1;
}

/* Regions are sorted by address and share no byte; each was checked by itself (check_region). */
static bool good_regions(const struct blob *b, struct hv_run run)
{
	const struct hv_region *r = b->regions + run.first;

	for (uint32_t i = 1; i < run.count; i++)
		if (r[i].gpa < r[i - 1].gpa || r[i].gpa - r[i - 1].gpa < r[i - 1].size)
			return false;
	return true;
}

static bool good_guards(const struct blob *b, struct hv_run run)
{
	const struct hv_guard *g = b->guards + run.first;

	for (uint32_t i = 1; i < run.count; i++)
		if (g[i].gpa < g[i - 1].gpa || g[i].gpa - g[i - 1].gpa < g[i - 1].size)
			return false;
	return true;
}

static bool own_vcpus(const struct blob *b, uint32_t guest)
{
	struct hv_run run = b->guests[guest].vcpus;

	for (uint32_t i = 0; i < run.count; i++)
		if (b->vcpus[run.first + i].guest != guest)
			return false;
	return true;
}

static const char *check_guest(const struct blob *b, uint32_t i)
{
	const struct hv_guest *g = &b->guests[i];

	REQUIRE(good_name(b, g->name, g->position), "name");
	REQUIRE(good_run(b, HV_SECTION_VCPUS, g->vcpus) && g->vcpus.count, "vCPUs");
	REQUIRE(own_vcpus(b, i), "vCPUs of another guest");
	REQUIRE(b->vcpus[g->vcpus.first].start != HV_NONE, "boot processor without a start");
	REQUIRE(good_run(b, HV_SECTION_REGIONS, g->regions), "regions");
	REQUIRE(good_regions(b, g->regions), "regions overlap or are not sorted");
	REQUIRE(good_run(b, HV_SECTION_LOADS, g->loads), "loads");
	REQUIRE(good_run(b, HV_SECTION_DEVICES, g->devices), "devices");
	REQUIRE(good_run(b, HV_SECTION_PCI, g->pci), "PCI functions");
	REQUIRE(good_run(b, HV_SECTION_GUARDS, g->guards), "guards");
	REQUIRE(good_guards(b, g->guards), "guards overlap or are not sorted");
	for (uint32_t v = 0; v < HV_VENDORS; v++) {
		REQUIRE(good_or_none(b, HV_SECTION_POLICIES, g->policy[v]), "policy");
		REQUIRE(g->policy[v] == HV_NONE || b->policies[g->policy[v]].vendor == v,
			"policy of another vendor");
	}
	REQUIRE(g->physical_bits >= 32 && g->physical_bits <= 52, "physical width");
	REQUIRE(good_event(&g->on_poweroff) && good_event(&g->on_reboot) &&
			good_event(&g->on_crash),
		"event action");
	return NULL;
}

static const char *check_vcpu(const struct blob *b, uint32_t i)
{
	const struct hv_vcpu *v = &b->vcpus[i];

	REQUIRE(good_index(b, HV_SECTION_GUESTS, v->guest), "guest");
	REQUIRE(good_index(b, HV_SECTION_POSITIONS, v->position), "position");
	REQUIRE(good_or_none(b, HV_SECTION_STARTS, v->start), "start");
	REQUIRE(v->scheduler < HV_SCHEDULERS, "scheduler");
	REQUIRE(v->scheduler != HV_SCHEDULER_FAIR || (v->weight && v->cap <= 100), "share");
	return NULL;
}

static const char *check_window(const struct blob *b, uint32_t i)
{
	REQUIRE(good_index(b, HV_SECTION_POSITIONS, b->windows[i].position), "position");
	return NULL;
}

static const char *check_frame(const struct blob *b, uint32_t i)
{
	const struct hv_frame *f = &b->frames[i];
	uint64_t end = 0;

	REQUIRE(good_index(b, HV_SECTION_POSITIONS, f->position), "position");
	REQUIRE(good_run(b, HV_SECTION_WINDOWS, f->windows) && f->windows.count, "windows");
	for (uint32_t n = 0; n < f->windows.count; n++) {
		const struct hv_window *w = &b->windows[f->windows.first + n];

		REQUIRE(good_index(b, HV_SECTION_VCPUS, w->vcpu) &&
				b->vcpus[w->vcpu].scheduler == HV_SCHEDULER_TABLE &&
				b->vcpus[w->vcpu].host_cpu == f->host_cpu,
			"window of another's vCPU");
		REQUIRE(w->length_us && w->start_us >= end, "windows overlap or are not sorted");
		end = (uint64_t)w->start_us + w->length_us;
	}
	REQUIRE(end <= f->length_us, "windows beyond the frame");
	return NULL;
}

/* Rights and cache types that the tables can express. */
static bool good_cache(uint8_t cache)
{
	return cache < 8 && (BIT(cache) & (BIT(HV_CACHE_UC) | BIT(HV_CACHE_WC) | BIT(HV_CACHE_WT) |
					   BIT(HV_CACHE_WP) | BIT(HV_CACHE_WB)));
}

static const char *check_region(const struct blob *b, uint32_t i)
{
	const struct hv_region *r = &b->regions[i];

	REQUIRE(good_name(b, r->name, r->position), "name");
	REQUIRE(is_aligned(r->gpa | r->size, PAGE_SIZE) && r->size, "not whole pages");
	REQUIRE(range_fits(r->gpa, r->size, BIT(52)), "beyond 52 bits");
	REQUIRE(r->kind <= HV_REGION_RESERVED, "kind");
	REQUIRE(r->backing <= HV_BACKING_SHARE, "backing");
	REQUIRE(!(r->rights & ~(HV_READ | HV_WRITE | HV_EXECUTE)), "rights");
	REQUIRE(good_cache(r->cache), "cache type");
	REQUIRE(r->backing != HV_BACKING_FIXED ||
			(is_aligned(r->host, PAGE_SIZE) && range_fits(r->host, r->size, BIT(52))),
		"host address");
	REQUIRE(r->backing != HV_BACKING_PAYLOAD || good_index(b, HV_SECTION_PAYLOADS, r->payload),
		"payload");
	REQUIRE((r->kind == HV_REGION_SHARED) == (r->backing == HV_BACKING_SHARE),
		"shared memory without a share");
	REQUIRE(r->backing != HV_BACKING_SHARE || (good_index(b, HV_SECTION_SHARES, r->share) &&
						   b->shares[r->share].size == r->size),
		"share");
	return NULL;
}

static const char *check_share(const struct blob *b, uint32_t i)
{
	const struct hv_share *s = &b->shares[i];

	REQUIRE(good_name(b, s->name, s->position), "name");
	REQUIRE(is_aligned(s->size, PAGE_SIZE) && s->size, "not whole pages");
	REQUIRE(s->size <= BIT(52), "beyond 52 bits");
	REQUIRE(s->peers <= HV_PEERS, "peers");
	return NULL;
}

static const char *check_guard(const struct blob *b, uint32_t i)
{
	const struct hv_guard *g = &b->guards[i];

	REQUIRE(good_name(b, g->name, g->position), "name");
	REQUIRE(is_aligned(g->gpa | g->size, PAGE_SIZE) && g->size, "not whole pages");
	REQUIRE(g->gpa == HV_GUARD_ANYWHERE ? g->size <= HV_LOCKABLE_MAX : range_fits(g->gpa, g->size, BIT(52)),
		"beyond what there is");
	REQUIRE(g->action < HV_GUARD_ACTIONS, "action");
	REQUIRE(g->action != HV_GUARD_NOTIFY || good_index(b, HV_SECTION_GUESTS, g->observer), "observer");
	return NULL;
}

/* The bytes that a load copies are there. */
static bool good_source(const struct blob *b, const struct hv_load *l)
{
	switch (l->source) {
	case HV_LOAD_ZERO:
		return !l->file_size;
	case HV_LOAD_BYTES:
		return good_bytes(b, l->source_offset, l->file_size);
	case HV_LOAD_PAYLOAD:
		return good_index(b, HV_SECTION_PAYLOADS, l->payload) &&
		       range_fits(l->source_offset, l->file_size, b->payloads[l->payload].size);
	default:
		return false;
	}
}

static const char *check_load(const struct blob *b, uint32_t i)
{
	const struct hv_load *l = &b->loads[i];

	REQUIRE(good_name(b, l->name, l->position), "name");
	REQUIRE(l->file_size <= l->memory_size, "more bytes than memory");
	REQUIRE(range_fits(l->gpa, l->memory_size, BIT(52)), "beyond 52 bits");
	REQUIRE(good_source(b, l), "source");
	return NULL;
}

static const char *check_payload(const struct blob *b, uint32_t i)
{
	const struct hv_payload *p = &b->payloads[i];

	REQUIRE(good_name(b, p->name, p->position), "name");
	REQUIRE(is_aligned(p->offset, PAGE_SIZE) && p->offset >= b->header->total_size, "offset");
	REQUIRE(range_fits(p->offset, p->size, b->header->image_size), "beyond the image");
	return NULL;
}

static const char *check_device(const struct blob *b, uint32_t i)
{
	const struct hv_device *d = &b->devices[i];

	REQUIRE(good_name(b, d->name, d->position), "name");
	REQUIRE(d->kind < HV_DEVICE_KINDS, "kind");
	REQUIRE(range_fits(d->base, d->size, BIT(52)), "beyond 52 bits");
	REQUIRE((d->kind != HV_DEVICE_WINDOW && d->kind != HV_DEVICE_IVSHMEM) ||
			good_index(b, HV_SECTION_SHARES, d->parameter[0]),
		"share");
	return NULL;
}

#define PCI_CONFIG_SIZE 256

static const char *check_pci(const struct blob *b, uint32_t i)
{
	const struct hv_pci_function *f = &b->pci[i];

	REQUIRE(good_name(b, f->name, f->position), "name");
	REQUIRE(f->bdf <= 0xffff, "address");
	REQUIRE(good_bytes(b, f->config, PCI_CONFIG_SIZE), "config space");
	REQUIRE(good_bytes(b, f->mask, PCI_CONFIG_SIZE), "write mask");
	REQUIRE(good_or_none(b, HV_SECTION_DEVICES, f->device), "device");
	return NULL;
}

/* Each index entry leads to a first record of a leaf whose sub-leaves lie in the policy's run. */
static bool good_leaves(const struct blob *b, const struct hv_cpu_policy *p, struct hv_run index)
{
	for (uint32_t i = 0; i < index.count; i++) {
		uint32_t at = b->cpuid_index[index.first + i], n;

		if (at == 0xffff)
			continue;
		if (at >= p->cpuid.count)
			return false;
		n = b->cpuid[p->cpuid.first + at].subleaves;
		if (!range_fits(at, n, p->cpuid.count))
			return false;
	}
	return true;
}

static bool good_msrs(const struct blob *b, struct hv_run run)
{
	const struct hv_msr *m = b->msrs + run.first;

	for (uint32_t i = 1; i < run.count; i++)
		if (m[i].first <= m[i - 1].last)
			return false;
	return true;
}

static const char *check_policy(const struct blob *b, uint32_t i)
{
	const struct hv_cpu_policy *p = &b->policies[i];

	REQUIRE(p->vendor < HV_VENDORS, "vendor");
	REQUIRE(good_index(b, HV_SECTION_POSITIONS, p->position), "position");
	REQUIRE(good_run(b, HV_SECTION_CPUID, p->cpuid), "CPUID records");
	REQUIRE(good_run(b, HV_SECTION_FEATURES, p->features), "features");
	REQUIRE(good_run(b, HV_SECTION_CASES, p->cases), "cases");
	REQUIRE(good_run(b, HV_SECTION_MSRS, p->msrs), "MSR records");
	REQUIRE(good_msrs(b, p->msrs), "MSRs overlap or are not sorted");
	for (uint32_t r = 0; r < HV_CPUID_RANGES; r++) {
		REQUIRE(good_run(b, HV_SECTION_CPUID_INDEX, p->index[r]), "CPUID index");
		REQUIRE(good_leaves(b, p, p->index[r]), "CPUID leaf");
	}
	return NULL;
}

static const char *check_feature(const struct blob *b, uint32_t i)
{
	const struct hv_feature *f = &b->features[i];

	REQUIRE(good_name(b, f->name, f->position), "name");
	REQUIRE(f->reg < 4, "register");
	REQUIRE(good_run(b, HV_SECTION_CLEARS, f->clears), "clears");
	return NULL;
}

static const char *check_clear(const struct blob *b, uint32_t i)
{
	REQUIRE(good_index(b, HV_SECTION_CPUID, b->clears[i].cpuid), "CPUID record");
	return NULL;
}

static const char *check_case(const struct blob *b, uint32_t i)
{
	const struct hv_policy_case *c = &b->cases[i];

	REQUIRE(good_name(b, c->name, c->position), "name");
	REQUIRE(good_run(b, HV_SECTION_TESTS, c->tests), "tests");
	REQUIRE(good_run(b, HV_SECTION_PATCHES, c->patches), "patches");
	return NULL;
}

static const char *check_test(const struct blob *b, uint32_t i)
{
	REQUIRE(b->tests[i].reg < 4, "register");
	return NULL;
}

static const char *check_patch(const struct blob *b, uint32_t i)
{
	REQUIRE(good_index(b, HV_SECTION_CPUID, b->patches[i].cpuid), "CPUID record");
	return NULL;
}

static bool good_slots(const struct hv_msr *m)
{
	return (m->read != HV_MSR_STORE && m->write != HV_MSR_STORE) ||
	       (m->slot < HV_MSR_SLOTS && m->last - m->first < HV_MSR_SLOTS - m->slot);
}

static const char *check_msr(const struct blob *b, uint32_t i)
{
	const struct hv_msr *m = &b->msrs[i];

	REQUIRE(m->first <= m->last, "range");
	REQUIRE(m->read <= HV_MSR_HANDLER && m->write <= HV_MSR_HANDLER, "action");
	REQUIRE(m->group < 64 || m->group == 255, "group");
	REQUIRE(good_slots(m), "slot");
	REQUIRE(good_index(b, HV_SECTION_POSITIONS, m->position), "position");
	return NULL;
}

/* ---- the table of kinds */

static const struct kind {
	uint32_t record_size;
	const char *(*check)(const struct blob *b, uint32_t i); /* NULL: plain bytes */
	size_t view; /* offset of the pointer in struct blob */
} kinds[HV_SECTION_USED] = {
	[HV_SECTION_STRINGS] = {1, NULL, offsetof(struct blob, strings)},
	[HV_SECTION_POSITIONS] = {sizeof(struct hv_position), check_position,
				  offsetof(struct blob, positions)},
	[HV_SECTION_SYSTEM] = {sizeof(struct hv_system), check_system,
			       offsetof(struct blob, system)},
	[HV_SECTION_GUESTS] = {sizeof(struct hv_guest), check_guest, offsetof(struct blob, guests)},
	[HV_SECTION_VCPUS] = {sizeof(struct hv_vcpu), check_vcpu, offsetof(struct blob, vcpus)},
	[HV_SECTION_STARTS] = {sizeof(struct hv_start), NULL, offsetof(struct blob, starts)},
	[HV_SECTION_REGIONS] = {sizeof(struct hv_region), check_region,
				offsetof(struct blob, regions)},
	[HV_SECTION_LOADS] = {sizeof(struct hv_load), check_load, offsetof(struct blob, loads)},
	[HV_SECTION_PAYLOADS] = {sizeof(struct hv_payload), check_payload,
				 offsetof(struct blob, payloads)},
	[HV_SECTION_DEVICES] = {sizeof(struct hv_device), check_device,
				offsetof(struct blob, devices)},
	[HV_SECTION_PCI] = {sizeof(struct hv_pci_function), check_pci, offsetof(struct blob, pci)},
	[HV_SECTION_POLICIES] = {sizeof(struct hv_cpu_policy), check_policy,
				 offsetof(struct blob, policies)},
	[HV_SECTION_CPUID] = {sizeof(struct hv_cpuid), NULL, offsetof(struct blob, cpuid)},
	[HV_SECTION_CPUID_INDEX] = {sizeof(uint16_t), NULL, offsetof(struct blob, cpuid_index)},
	[HV_SECTION_FEATURES] = {sizeof(struct hv_feature), check_feature,
				 offsetof(struct blob, features)},
	[HV_SECTION_CLEARS] = {sizeof(struct hv_cpuid_clear), check_clear,
			       offsetof(struct blob, clears)},
	[HV_SECTION_MSRS] = {sizeof(struct hv_msr), check_msr, offsetof(struct blob, msrs)},
	[HV_SECTION_BYTES] = {1, NULL, offsetof(struct blob, bytes)},
	[HV_SECTION_CASES] = {sizeof(struct hv_policy_case), check_case,
			      offsetof(struct blob, cases)},
	[HV_SECTION_TESTS] = {sizeof(struct hv_host_test), check_test, offsetof(struct blob, tests)},
	[HV_SECTION_PATCHES] = {sizeof(struct hv_cpuid_patch), check_patch,
				offsetof(struct blob, patches)},
	[HV_SECTION_GUARDS] = {sizeof(struct hv_guard), check_guard, offsetof(struct blob, guards)},
	[HV_SECTION_FRAMES] = {sizeof(struct hv_frame), check_frame, offsetof(struct blob, frames)},
	[HV_SECTION_WINDOWS] = {sizeof(struct hv_window), check_window,
				offsetof(struct blob, windows)},
	[HV_SECTION_SHARES] = {sizeof(struct hv_share), check_share, offsetof(struct blob, shares)},
};

/* ---- the three rounds */

static enum status corrupt(struct blob_fault *fault, const char *what, uint32_t section,
			   uint32_t record)
{
	*fault = (struct blob_fault){what, section, record};
	return trace_error(STATUS_CORRUPT);
}

static bool good_digest(const struct hv_header *h)
{
	struct hv_header blank = *h;
	struct sha256 s;
	uint8_t digest[SHA256_SIZE];

	memset(blank.sha256, 0, sizeof(blank.sha256));
	memset(blank.signature, 0, sizeof(blank.signature));
	sha256_start(&s);
	sha256_add(&s, &blank, sizeof(blank));
	sha256_add(&s, h + 1, h->total_size - sizeof(*h));
	sha256_finish(&s, digest);
	return !memcmp(digest, h->sha256, sizeof(digest));
}

static const char *check_header(const struct hv_header *h, uint64_t size)
{
	REQUIRE(h->total_size >= sizeof(*h) && h->total_size <= h->image_size, "total size");
	REQUIRE(h->image_size <= size, "the image is cut off");
	REQUIRE(h->section_count == HV_SECTION_USED, "number of sections");
	REQUIRE(good_digest(h), "SHA-256 does not match");
	return NULL;
}

static const char *check_section(struct blob *b, uint32_t id)
{
	const struct hv_section *s = &b->header->sections[id];
	const void *view;

	REQUIRE(s->record_size == kinds[id].record_size, "record size");
	REQUIRE(is_aligned(s->offset, 8), "alignment");
	REQUIRE(s->offset >= sizeof(*b->header), "inside the header");
	REQUIRE(range_fits(s->offset, (uint64_t)s->count * s->record_size, b->header->total_size),
		"beyond the end");
	b->count[id] = s->count;
	view = (const uint8_t *)b->header + s->offset;
	memcpy((uint8_t *)b + kinds[id].view, &view, sizeof(view));
	return NULL;
}

/* What all references build on: offset 0 is the empty string, the last string ends, position 0
 * is there. */
static const char *check_basics(const struct blob *b)
{
	uint32_t n = b->count[HV_SECTION_STRINGS];

	REQUIRE(n && !b->strings[0] && !b->strings[n - 1], "strings");
	REQUIRE(b->count[HV_SECTION_POSITIONS], "no positions");
	REQUIRE(b->count[HV_SECTION_SYSTEM] == 1, "no system record");
	return NULL;
}

static enum status check_records(const struct blob *b, struct blob_fault *fault)
{
	for (uint32_t id = 0; id < HV_SECTION_USED; id++) {
		for (uint32_t i = 0; kinds[id].check && i < b->count[id]; i++) {
			const char *what = kinds[id].check(b, i);

			if (what)
				return corrupt(fault, what, id, i);
		}
	}
	return STATUS_OK;
}

enum status blob_verify(const void *bytes, uint64_t size, struct blob *blob,
			struct blob_fault *fault)
{
	const struct hv_header *h = bytes;
	const char *what;

	*fault = (struct blob_fault){"", HV_NONE, HV_NONE};
	if (size < sizeof(*h) || h->magic != HV_HEADER_MAGIC)
		return corrupt(fault, "no blob here", HV_NONE, HV_NONE);
	if (h->abi != HV_ABI) {
		fault->what = "made by an hvcc of another version";
		return trace_error(STATUS_UNSUPPORTED);
	}
	what = check_header(h, size);
	if (what)
		return corrupt(fault, what, HV_NONE, HV_NONE);
	*blob = (struct blob){.header = h};
	for (uint32_t id = 0; id < HV_SECTION_USED; id++) {
		what = check_section(blob, id);
		if (what)
			return corrupt(fault, what, id, HV_NONE);
	}
	what = check_basics(blob);
	if (what)
		return corrupt(fault, what, HV_NONE, HV_NONE);
	return check_records(blob, fault);
}

const char *blob_place(const struct blob *b, uint32_t position, char to[BLOB_PLACE_SIZE])
{
	const struct hv_position *p = &b->positions[position];

	to[0] = 0;
	if (position)
		format(to, BLOB_PLACE_SIZE, " (%s:%u)", blob_string(b, p->file), p->line);
	return to;
}
