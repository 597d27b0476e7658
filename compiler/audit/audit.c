/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with an image's claims, and the report. */
#include "audit/audit.h"


#include "base/json.h"
#include "lower/cpu.h"

static void find(struct audit *audit, uint32_t position, uint32_t other, const char *text)
{
	vector_push(audit->image->arena, &audit->findings,
		    ((struct finding){ .text = text, .position = position, .other = other }));
}

/* ----------------------------------------------------------------------------------------- overlaps */

static void say_overlap(struct audit *audit, const struct claim *a, const struct claim *b)
{
	const struct image *image = audit->image;

	find(audit, b->position, a->position,
	     arena_printf(image->arena, "%s %s of %s (%s) overlaps %s of %s (%s)",
			  claim_words[b->space], claim_range(image, b), claim_owner(image, b),
			  b->what, claim_range(image, a), claim_owner(image, a), a->what));
}

/* Sorted by first: what overlaps anything before it overlaps the one that reaches farthest. */
static void find_overlaps(struct audit *audit)
{
	const struct claim *far = NULL;

	for (size_t i = 0; i < audit->claims.list.count; i++) {
		const struct claim *claim = &audit->claims.list.items[i];
		bool same = far && far->space == claim->space && far->domain == claim->domain;

		if (same && claim->first <= far->last && !(claim->shared && far->shared))
			say_overlap(audit, far, claim);
		if (!same || claim->last > far->last)
			far = claim;
	}
}

/* ------------------------------------------------------------------------------- what no claim shows */

/* In one region, or in several that follow each other: they are in order. */
static bool in_ram(const struct image *image, const struct hv_guest *guest, const struct hv_load *load)
{
	uint64_t next = load->gpa, left = load->memory_size;

	for (uint32_t i = 0; i < guest->regions.count && left; i++) {
		const struct hv_region *region = &image->regions[guest->regions.first + i];
		uint64_t inside = next - region->gpa;

		if (region->backing == HV_BACKING_NONE || inside >= region->size)
			continue;
		if (left <= region->size - inside)
			return true;
		left -= region->size - inside;
		next = region->gpa + region->size;
	}
	return !left;
}

/* A region that others have too is what a device of the guest says it is. */
static bool is_declared(const struct image *image, const struct hv_guest *guest,
			const struct hv_region *region)
{
	for (uint32_t i = 0; i < guest->devices.count; i++) {
		const struct hv_device *device = &image->devices[guest->devices.first + i];

		if ((device->kind == HV_DEVICE_WINDOW || device->kind == HV_DEVICE_IVSHMEM) &&
		    device->base == region->gpa)
			return device->parameter[0] == region->share &&
			       !(region->rights & HV_WRITE) == !device->parameter[1];
	}
	return false;
}

static void audit_share(struct audit *audit, const struct hv_guest *guest, const struct hv_region *region)
{
	const struct image *image = audit->image;

	if (!is_declared(image, guest, region))
		find(audit, region->position, image->shares[region->share].position,
		     arena_printf(image->arena, "guest %s: it has the share %s at 0x%llx, and no device "
				  "that says so", image_text(image, guest->name),
				  image_text(image, image->shares[region->share].name),
				  (unsigned long long)region->gpa));
}

static void audit_memory(struct audit *audit, const struct hv_guest *guest)
{
	const struct image *image = audit->image;
	const char *name = image_text(image, guest->name);

	for (uint32_t i = 0; i < guest->regions.count; i++) {
		const struct hv_region *region = &image->regions[guest->regions.first + i];

		if (guest->physical_bits >= 64 ||
		    (region->gpa + region->size - 1) >> guest->physical_bits)
			find(audit, region->position, guest->position,
			     arena_printf(image->arena, "guest %s: memory at 0x%llx lies beyond its %u "
					  "address bits", name, (unsigned long long)region->gpa,
					  guest->physical_bits));
		if (region->backing == HV_BACKING_SHARE)
			audit_share(audit, guest, region);
	}
	for (uint32_t i = 0; i < guest->loads.count; i++) {
		const struct hv_load *load = &image->loads[guest->loads.first + i];

		if (!in_ram(image, guest, load))
			find(audit, load->position, guest->position,
			     arena_printf(image->arena, "guest %s: the load of `%s` at 0x%llx is not "
					  "within its memory", name, image_text(image, load->name),
					  (unsigned long long)load->gpa));
	}
}

/* Registers that belong to one vCPU while it runs: saved and loaded with it, or commands. */
static const struct {
	uint32_t first, last;
} own_msrs[] = {
	{ 0x48, 0x49 },			/* SPEC_CTRL, PRED_CMD */
	{ 0x10b, 0x10b },		/* FLUSH_CMD */
	{ 0x174, 0x176 },		/* SYSENTER */
	{ 0x277, 0x277 },		/* PAT */
	{ 0xc0000081, 0xc0000084 },	/* STAR .. SFMASK */
	{ 0xc0000100, 0xc0000103 },	/* FS, GS, kernel GS base, TSC_AUX */
};

static bool is_own(const struct hv_msr *msr)
{
	for (size_t i = 0; i < sizeof(own_msrs) / sizeof(*own_msrs); i++)
		if (msr->first >= own_msrs[i].first && msr->last <= own_msrs[i].last)
			return true;
	return false;
}

static void audit_policy(struct audit *audit, const struct hv_guest *guest, uint32_t index)
{
	const struct image *image = audit->image;
	const struct hv_cpu_policy *policy = &image->policies[index];

	for (uint32_t i = 0; i < policy->msrs.count; i++) {
		const struct hv_msr *msr = &image->msrs[policy->msrs.first + i];
		bool passes = msr->read == HV_MSR_PASS || msr->write == HV_MSR_PASS;
		bool stores = msr->read == HV_MSR_STORE || msr->write == HV_MSR_STORE;
		uint64_t end = (uint64_t)msr->slot + (msr->last - msr->first);

		if (passes && !is_own(msr))
			find(audit, policy->position, guest->position,
			     arena_printf(image->arena, "guest %s: MSR 0x%x of the host is passed "
					  "through", image_text(image, guest->name), msr->first));
		if (stores && end >= HV_MSR_SLOTS)
			find(audit, policy->position, guest->position,
			     arena_printf(image->arena, "guest %s: MSR 0x%x is kept in slot %llu, "
					  "beyond the %u of a vCPU", image_text(image, guest->name),
					  msr->first, (unsigned long long)end, HV_MSR_SLOTS));
	}
}

static void audit_vcpus(struct audit *audit, const struct hv_guest *guest, uint32_t index)
{
	const struct image *image = audit->image;

	for (uint32_t i = 0; i < guest->vcpus.count; i++) {
		const struct hv_vcpu *vcpu = &image->vcpus[guest->vcpus.first + i];

		if (vcpu->guest != index)
			find(audit, vcpu->position, guest->position,
			     arena_printf(image->arena, "guest %s: its vCPU %u says it belongs to "
					  "another guest", image_text(image, guest->name), i));
	}
}

struct audit audit_image(const struct image *image)
{
	struct audit audit = { .image = image, .claims = claims_of(image) };

	find_overlaps(&audit);
	for (uint32_t i = 0; i < image->counts[HV_SECTION_GUESTS]; i++) {
		const struct hv_guest *guest = &image->guests[i];

		audit_vcpus(&audit, guest, i);
		audit_memory(&audit, guest);
		for (uint32_t v = 0; v < HV_VENDORS; v++)
			if (guest->policy[v] != HV_NONE)
				audit_policy(&audit, guest, guest->policy[v]);
	}
	return audit;
}

/* ------------------------------------------------------------------------------------------ report */

/* Which vendor's policy a domain is. */
static const char *domain_word(const struct image *image, const struct claim *claim)
{
	if (claim->space != CLAIM_MSRS && claim->space != CLAIM_SLOTS)
		return "";
	return image->policies[claim->domain].vendor == HV_VENDOR_AMD ? " (amd)" : " (intel)";
}

/* Records are how the image is built, not what anybody gets. */
static bool is_shown(const struct claim *claim)
{
	return claim->space != CLAIM_RECORDS && claim->space != CLAIM_SLOTS;
}

/* In text, of the MSRs only those that are the CPU's own registers: the rest reach nothing. */
static bool is_told(const struct audit *audit, const struct claim *claim)
{
	struct hv_run run;

	if (claim->space != CLAIM_MSRS)
		return is_shown(claim);
	run = audit->image->policies[claim->domain].msrs;
	for (uint32_t i = 0; i < run.count; i++) {
		const struct hv_msr *msr = &audit->image->msrs[run.first + i];

		if (msr->first == claim->first && msr->last == claim->last)
			return msr->read == HV_MSR_PASS || msr->write == HV_MSR_PASS;
	}
	return false;
}

static void print_claim(FILE *stream, const struct audit *audit, const struct claim *claim)
{
	const struct image *image = audit->image;
	const char *place = image_place(image, claim->position);

	fprintf(stream, "  %-26s %-14s %s%s%s%s%s\n", claim_range(image, claim),
		claim_owner(image, claim), claim->what, domain_word(image, claim),
		claim->shared ? ", shared" : "", *place ? "  # " : "", place);
}

static void print_findings(FILE *stream, const struct audit *audit)
{
	const struct image *image = audit->image;

	for (size_t i = 0; i < audit->findings.count; i++) {
		const struct finding *finding = &audit->findings.items[i];

		fprintf(stream, "finding: %s\n", finding->text);
		if (finding->position)
			fprintf(stream, "  at %s\n", image_place(image, finding->position));
		if (finding->other && finding->other != finding->position)
			fprintf(stream, "  and %s\n", image_place(image, finding->other));
	}
}

/* Serial ports on the console of the core: the one share that guests have today. */
static size_t print_console(FILE *stream, const struct audit *audit)
{
	const struct image *image = audit->image;
	size_t users = 0;

	for (uint32_t g = 0; g < image->counts[HV_SECTION_GUESTS]; g++) {
		struct hv_run run = image->guests[g].devices;

		for (uint32_t i = 0; i < run.count; i++) {
			const struct hv_device *device = &image->devices[run.first + i];

			if (device->kind != HV_DEVICE_UART || device->parameter[0] != HV_UART_CONSOLE)
				continue;
			fprintf(stream, "%s  %-26s %-14s %s  # %s\n", users ? "" : "shares\n",
				"console of the core", image_text(image, image->guests[g].name),
				image_text(image, device->name), image_place(image, device->position));
			users++;
		}
	}
	return users;
}

void audit_print(FILE *stream, const struct audit *audit)
{
	uint8_t space = CLAIM_SPACES;
	size_t shown = 0;

	for (size_t i = 0; i < audit->claims.list.count; i++) {
		const struct claim *claim = &audit->claims.list.items[i];

		shown += is_shown(claim);
		if (!is_told(audit, claim))
			continue;
		if (claim->space != space)
			fprintf(stream, "%s\n", claim_words[claim->space]);
		space = claim->space;
		print_claim(stream, audit, claim);
	}
	print_console(stream, audit);
	print_findings(stream, audit);
	fprintf(stream, "%zu claims, %zu finding%s\n", shown, audit->findings.count,
		audit->findings.count == 1 ? "" : "s");
}

static json_t *place_json(const struct image *image, uint32_t position)
{
	const char *place = image_place(image, position);

	return *place ? json_text(place) : json_made(json_null());
}

static json_t *claim_json(const struct image *image, const struct claim *claim)
{
	json_t *json = json_made(json_object());

	json_put(json, "space", json_text(claim_words[claim->space]));
	json_put(json, "owner", claim->guest == HV_NONE ?
					json_made(json_null()) :
					json_text(claim_owner(image, claim)));
	json_put(json, "domain", json_made(json_integer(claim->domain)));
	json_put(json, "range", json_text(claim_range(image, claim)));
	json_put(json, "what", json_text(claim->what));
	json_put(json, "shared", json_made(json_boolean(claim->shared)));
	json_put(json, "position", place_json(image, claim->position));
	return json;
}

json_t *audit_json(const struct audit *audit)
{
	json_t *claims = json_made(json_array()), *findings = json_made(json_array());
	json_t *root = json_made(json_object());

	for (size_t i = 0; i < audit->claims.list.count; i++)
		if (is_shown(&audit->claims.list.items[i]))
			json_add(claims, claim_json(audit->image, &audit->claims.list.items[i]));
	for (size_t i = 0; i < audit->findings.count; i++) {
		const struct finding *finding = &audit->findings.items[i];
		json_t *json = json_made(json_object());

		json_put(json, "message", json_text(finding->text));
		json_put(json, "position", place_json(audit->image, finding->position));
		json_put(json, "other", place_json(audit->image, finding->other));
		json_add(findings, json);
	}
	json_put(root, "claims", claims);
	json_put(root, "findings", findings);
	return root;
}
