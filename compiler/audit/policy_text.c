/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From CPUID records to a base and statements. Each base is evaluated as the compiler would; the one
 * that leaves the fewest features to name is taken. MSRs, XCR0, CR4 and EFER follow from features.
 */
#include "audit/decompile.h"

#include <string.h>

#include "policy/base.h"
#include "policy/policy.h"

enum wanted { WANTED_OFF = FEATURE_OFF, WANTED_IF_HOST = FEATURE_IF_HOST, WANTED_ON = FEATURE_ON, ANY };

/* What the records of one vendor say of each feature. */
struct found {
	bool present; /* the guest has a policy for this vendor */
	uint8_t wanted[FEATURE_COUNT]; /* enum wanted */
	bool required[FEATURE_COUNT], forbidden[FEATURE_COUNT];
};

static bool is_ours(enum feature_id id, uint32_t vendor)
{
	uint8_t mask = vendor == HV_VENDOR_AMD ? AMD : INTEL;

	return (features[id].vendors & mask) && features[id].support != FEATURE_DYNAMIC &&
	       features[id].support != FEATURE_NEVER;
}

/* A lone CPU never shows these two, whatever the policy says. */
static bool hidden_alone(enum feature_id id, const struct hv_guest *guest)
{
	return (id == FEATURE_HT || id == FEATURE_CMP_LEGACY) && guest->vcpus.count == 1;
}

static uint8_t wanted_of(const struct image *image, const struct hv_guest *guest,
			 const struct hv_cpu_policy *policy, enum feature_id id)
{
	const struct feature *feature = &features[id];
	const struct hv_cpuid *row;
	uint32_t bit = 1u << feature->bit;

	if (!is_ours(id, policy->vendor) || hidden_alone(id, guest))
		return ANY;
	row = image_cpuid(image, policy, feature->leaf, feature->subleaf);
	if (!row)
		return ANY;
	if (!(row->value[feature->reg] & bit))
		return WANTED_OFF;
	return row->host_mask[feature->reg] & bit ? WANTED_IF_HOST : WANTED_ON;
}

static void read_flags(const struct image *image, const struct hv_cpu_policy *policy,
		       struct found *found)
{
	for (uint32_t i = 0; i < policy->features.count; i++) {
		const struct hv_feature *row = &image->features[policy->features.first + i];
		enum feature_id id = feature_find(image_text(image, row->name));

		if (!id)
			continue;
		found->required[id] = row->flags & HV_FEATURE_REQUIRED;
		found->forbidden[id] = row->flags & HV_FEATURE_FORBIDDEN;
	}
}

static void read_found(const struct image *image, const struct hv_guest *guest, uint32_t vendor,
		       struct found *found)
{
	const struct hv_cpu_policy *policy;

	memset(found, 0, sizeof(*found));
	if (guest->policy[vendor] == HV_NONE)
		return;
	policy = &image->policies[guest->policy[vendor]];
	if (policy->vendor >= HV_VENDORS)
		return;
	found->present = true;
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++)
		found->wanted[id] = wanted_of(image, guest, policy, id);
	read_flags(image, policy, found);
}

/* ---------------------------------------------------------------------------------------------- a base */

/* As much of a guest as policies look at. */
static struct guest *stand_in(const struct image *image, const struct hv_guest *record,
			      const char *base)
{
	struct guest *guest = arena_new(image->arena, struct guest);

	guest->cpu.model.value = base;
	guest->cpu.model.where.origin = ORIGIN_SET;
	if (record->pv & HV_PV_KVM)
		vector_add(image->arena, &guest->pv.interfaces)->value = PV_KVM;
	guest->vcpus.apic.mode.value =
		record->flags & HV_GUEST_X2APIC ? APIC_MODE_X2APIC : APIC_MODE_XAPIC;
	guest->vcpus.apic.mode.where.origin = ORIGIN_SET;
	return guest;
}

static const struct policy *evaluate_base(const struct image *image, const struct hv_guest *record,
					  const char *base)
{
	struct sources *sources = arena_new(image->arena, struct sources);

	sources->arena = image->arena;
	return policy_compile(image->arena, diags_new(image->arena, sources),
			      stand_in(image, record, base));
}

/* Does the base's family and model stand in leaf 1? The host's are all ones under the mask. */
static bool same_identity(const struct image *image, const struct hv_guest *guest,
			  const struct cpu_features *cpu, uint32_t vendor)
{
	const struct hv_cpuid *row =
		image_cpuid(image, &image->policies[guest->policy[vendor]], 1, 0);
	uint32_t signature = cpu->identity.signature;

	if (!row)
		return true;
	return cpu->identity.signature_mask ?
		       row->value[EAX] == signature && !row->host_mask[EAX] :
			   row->host_mask[EAX] == 0xffffffff;
}

enum { IDENTITY_COST = 1000 };

static uint32_t cost_of(const struct image *image, const struct hv_guest *guest,
			const struct policy *policy, const struct found found[HV_VENDORS])
{
	uint32_t cost = 0;

	for (uint32_t v = 0; v < HV_VENDORS; v++) {
		if (!found[v].present)
			continue;
		if (!same_identity(image, guest, &policy->vendors[v], v))
			cost += IDENTITY_COST;
		for (enum feature_id id = 1; id < FEATURE_COUNT; id++)
			cost += found[v].wanted[id] != ANY &&
				found[v].wanted[id] != policy->vendors[v].choices[id].state;
	}
	return cost;
}

/* ------------------------------------------------------------------------------------------ statements */

static const char *verb_of(const struct found found[HV_VENDORS], const struct policy *policy,
			   enum feature_id id)
{
	const char *verb = NULL;

	for (uint32_t v = 0; v < HV_VENDORS; v++) {
		uint8_t wanted = found[v].wanted[id];

		if (!found[v].present)
			continue;
		if (found[v].required[id])
			return "require";
		if (found[v].forbidden[id])
			return "forbid";
		if (wanted == ANY || wanted == policy->vendors[v].choices[id].state)
			continue;
		if (wanted == WANTED_OFF)
			verb = "disable";
		else
			verb = wanted == WANTED_ON && features[id].support == FEATURE_INFORM ?
				       "force" : "optional";
	}
	return verb;
}

/* "disable a, b, c;" in lines of a readable length. */
static void put_verb(struct buffer *text, const char *verb, const char *const *verbs)
{
	size_t column = 0;

	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		const char *name = features[id].name;

		if (!verbs[id] || strcmp(verbs[id], verb))
			continue;
		if (!column) {
			buffer_bytes(text, verb, strlen(verb));
			column = strlen(verb);
		} else if (column > 70) {
			buffer_bytes(text, ",\n  ", 4);
			column = 4;
		} else {
			buffer_u8(text, ',');
		}
		buffer_u8(text, ' ');
		buffer_bytes(text, name, strlen(name));
		column += strlen(name) + 2;
	}
	if (column)
		buffer_bytes(text, ";\n", 2);
}

/* A model whose family and model the guest does not see on its vendor's machines need not be tried. */
static bool could_be(const struct image *image, const struct hv_guest *guest,
		     const struct cpu_base *base)
{
	uint32_t policy = guest->policy[base->vendor == INTEL ? HV_VENDOR_INTEL : HV_VENDOR_AMD];
	const struct hv_cpuid *row;

	if (!base->vendor || policy == HV_NONE)
		return true;
	row = image_cpuid(image, &image->policies[policy], 1, 0);
	return !row || row->value[EAX] == base_signature(base);
}

static void put_text(struct buffer *text, const char *line)
{
	buffer_bytes(text, line, strlen(line));
}

/* Last leaves, where they are not those of a guest whose policy says nothing of them. */
static void put_limits(struct buffer *text, const struct image *image, const struct hv_guest *guest)
{
	static const char *const vendors[] = { "intel", "amd" };
	static const char *const names[] = { "basic", "hypervisor", "extended" };
	static const uint32_t bases[] = { 0, 0x40000000, 0x80000000 };
	static const uint32_t usual[HV_VENDORS][HV_CPUID_RANGES] = { { 0x20, 0x11, 0x09 },
								     { 0x0e, 0x11, 0x22 } };

	for (uint32_t v = 0; v < HV_VENDORS; v++) {
		for (uint32_t r = 0; guest->policy[v] != HV_NONE && r < HV_CPUID_RANGES; r++) {
			uint32_t count = image->policies[guest->policy[v]].index[r].count;

			if (count && count != usual[v][r] &&
			    bases[r] + count - 1 != HV_CALLS_LEAF + 1) /* hypercalls of ours: with `lockable` */
				put_text(text, arena_printf(image->arena,
							    "when vendor = %s { limit %s = 0x%x; }\n",
							    vendors[v], names[r], bases[r] + count - 1));
		}
	}
}

static void put_width(struct buffer *text, const struct image *image, const struct hv_guest *guest)
{
	if (guest->physical_bits > 39 && guest->physical_bits <= 52)
		put_text(text, arena_printf(image->arena, "identity { phys-bits = %u; }\n",
					    guest->physical_bits));
}

void policy_recover(const struct image *image, struct recovered_guest *guest)
{
	static const char *const words[] = { "require", "force", "optional", "disable", "forbid" };
	struct found *found = arena_array(image->arena, HV_VENDORS, sizeof(*found));
	const char **verbs = arena_array(image->arena, FEATURE_COUNT, sizeof(*verbs));
	const struct policy *best = NULL;
	struct buffer text = { 0 };
	uint32_t least = UINT32_MAX;

	for (uint32_t v = 0; v < HV_VENDORS; v++)
		read_found(image, guest->record, v, &found[v]);
	for (size_t i = 0; base_row(i); i++) {
		const char *name = base_row(i)->name;
		const struct policy *policy;
		uint32_t cost;

		if (!could_be(image, guest->record, base_row(i)))
			continue;
		policy = evaluate_base(image, guest->record, name);
		cost = policy ? cost_of(image, guest->record, policy, found) : UINT32_MAX;

		if (cost >= least)
			continue;
		least = cost;
		best = policy;
		guest->base = name;
	}
	for (enum feature_id id = 1; best && id < FEATURE_COUNT; id++)
		verbs[id] = verb_of(found, best, id);
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		put_verb(&text, words[i], verbs);
	put_limits(&text, image, guest->record);
	put_width(&text, image, guest->record);
	buffer_u8(&text, 0);
	guest->statements = arena_strdup(image->arena, (const char *)text.data);
	buffer_free(&text);
}
