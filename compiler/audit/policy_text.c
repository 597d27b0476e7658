/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From CPUID records to a base and statements. Each base is evaluated as the compiler would; the one
 * that leaves the fewest features to name is taken, for each vendor another one where that says much
 * less. What the vendors differ in stands in `when vendor`. MSRs, XCR0, CR4 and EFER follow from features.
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
	const struct cpu_identity *identity = &cpu->identity;

	return !row || (row->host_mask[EAX] == ~identity->signature_mask &&
			(row->value[EAX] & ~row->host_mask[EAX]) ==
				(identity->signature & identity->signature_mask));
}

/* Whether the base says as much of them as the guest is told. */
static bool same_parts(const struct image *image, const struct hv_guest *guest,
		       const struct cpu_features *cpu, uint32_t vendor)
{
	const struct hv_cpuid *row =
		image_cpuid(image, &image->policies[guest->policy[vendor]], 1, 0);

	return !row || row->host_mask[EAX] == ~cpu->identity.signature_mask;
}

enum {
	IDENTITY_COST = 1000,
	PART_COST = 3, /* a part of it differs */
	SEPARATE_BASES = 8, /* statements that a base for each vendor must save */
};

/* How much there is to say for one vendor over a base. */
static uint32_t cost_of(const struct image *image, const struct hv_guest *guest,
			const struct policy *policy, const struct found *found, uint32_t vendor)
{
	uint32_t cost = 0;

	if (!found->present)
		return 0;
	if (!same_identity(image, guest, &policy->vendors[vendor], vendor))
		cost += same_parts(image, guest, &policy->vendors[vendor], vendor) ? PART_COST :
										     IDENTITY_COST;
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++)
		cost += found->wanted[id] != ANY &&
			found->wanted[id] != policy->vendors[vendor].choices[id].state;
	return cost;
}

/* ------------------------------------------------------------------------------------------ statements */

/* What to say of a feature for one vendor; NULL: nothing. */
static const char *verb_of(const struct found *found, const struct cpu_features *base, enum feature_id id)
{
	uint8_t wanted = found->wanted[id];

	if (!found->present)
		return NULL;
	if (found->required[id])
		return "require";
	if (found->forbidden[id])
		return "forbid";
	if (wanted == ANY || wanted == base->choices[id].state)
		return NULL;
	if (wanted == WANTED_OFF)
		return "disable";
	return wanted == WANTED_ON && features[id].support == FEATURE_INFORM ? "force" : "optional";
}

/* Whether a verb that another vendor needs changes nothing for this one. */
static bool indifferent(const struct found *found, const char *verb, enum feature_id id, uint32_t vendor)
{
	if (!found->present)
		return true;
	if (!(features[id].vendors & (vendor == HV_VENDOR_AMD ? AMD : INTEL)))
		return strcmp(verb, "require") != 0;
	return found->wanted[id] == ANY && strcmp(verb, "require") && strcmp(verb, "forbid");
}

/* Verbs that stand for both vendors, and those of each. */
struct verbs {
	const char *all[FEATURE_COUNT];
	const char *of[HV_VENDORS][FEATURE_COUNT];
};

static void find_verbs(const struct found found[HV_VENDORS], const struct policy *bases[HV_VENDORS],
		       struct verbs *verbs)
{
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		const char *of[HV_VENDORS], *any = NULL;
		bool same = true;

		for (uint32_t v = 0; v < HV_VENDORS; v++) {
			of[v] = verb_of(&found[v], &bases[v]->vendors[v], id);
			any = of[v] ? of[v] : any;
		}
		for (uint32_t v = 0; any && v < HV_VENDORS; v++)
			same &= of[v] ? !strcmp(of[v], any) : indifferent(&found[v], any, id, v);
		if (same)
			verbs->all[id] = any;
		for (uint32_t v = 0; !same && v < HV_VENDORS; v++)
			verbs->of[v][id] = of[v];
	}
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
static bool is_exact(const struct hv_cpuid *row, const struct cpu_base *base)
{
	return row->value[EAX] == base_signature(base);
}

/* Whether a base of that vendor has the family and model that the guest sees. */
static bool any_exact(const struct hv_cpuid *row, uint8_t vendor)
{
	for (size_t i = 0; base_row(i); i++)
		if (base_row(i)->vendor == vendor && is_exact(row, base_row(i)))
			return true;
	return false;
}

static bool could_be(const struct image *image, const struct hv_guest *guest,
		     const struct cpu_base *base)
{
	uint32_t policy = guest->policy[base->vendor == INTEL ? HV_VENDOR_INTEL : HV_VENDOR_AMD];
	const struct hv_cpuid *row;

	if (!base->vendor || policy == HV_NONE)
		return true;
	row = image_cpuid(image, &image->policies[policy], 1, 0);
	return !row || is_exact(row, base) ||
	       (!row->host_mask[EAX] && !any_exact(row, base->vendor));
}

static void put_text(struct buffer *text, const char *line)
{
	buffer_bytes(text, line, strlen(line));
}

/* Last leaves, where they are not those of a guest whose policy says nothing of them. */
static void put_limits(struct buffer *text, const struct image *image, const struct hv_guest *guest,
		       const struct found found[HV_VENDORS])
{
	static const char *const vendors[] = { "intel", "amd" };
	static const char *const names[] = { "basic", "hypervisor", "extended" };
	static const uint32_t bases[] = { 0, 0x40000000, 0x80000000 };
	static const uint32_t usual[HV_VENDORS][HV_CPUID_RANGES] = { { 0x20, 0x11, 0x09 },
								     { 0x0e, 0x11, 0x22 } };

	for (uint32_t v = 0; v < HV_VENDORS; v++) {
		for (uint32_t r = 0; guest->policy[v] != HV_NONE && r < HV_CPUID_RANGES; r++) {
			uint32_t count = image->policies[guest->policy[v]].index[r].count;
			uint8_t xsave = found[v].wanted[FEATURE_XSAVE];
			bool no_xsave = v == HV_VENDOR_AMD && r == HV_CPUID_BASIC && count == 0xc &&
					xsave != WANTED_IF_HOST && xsave != WANTED_ON; /* no leaf 0xD */

			if (count && count != usual[v][r] && !no_xsave &&
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

/* ------------------------------------------------------------------------------------ identity */

enum { FAMILY = 0x0ff00f00, MODEL = 0x000f00f0, STEPPING = 0x0000000f };

/* Family, model and stepping that are said, as far as the base says something else. */
static void put_signature(struct buffer *text, const struct image *image, const struct hv_cpuid *row,
			  const struct cpu_identity *base)
{
	uint32_t said = ~row->host_mask[EAX], value = row->value[EAX] & said;

	if (said == base->signature_mask && value == (base->signature & said))
		return;
	if (base->signature_mask & ~said) /* back to the host's, all three */
		put_text(text, " family = host;");
	if ((said & FAMILY) == FAMILY)
		put_text(text, arena_printf(image->arena, " family = %u;",
					    (value >> 8 & 15) + (value >> 20 & 0xff)));
	if ((said & MODEL) == MODEL)
		put_text(text, arena_printf(image->arena, " model = %u;",
					    (value >> 4 & 15) | (value >> 16 & 15) << 4));
	if ((said & STEPPING) == STEPPING)
		put_text(text, arena_printf(image->arena, " stepping = %u;", value & 15));
}

static void put_brand(struct buffer *text, const struct image *image, const struct hv_cpu_policy *policy,
		      const struct cpu_identity *base)
{
	char brand[49] = "";
	bool host = false;

	for (uint32_t i = 0; i < 3; i++) {
		const struct hv_cpuid *row = image_cpuid(image, policy, 0x80000002 + i, 0);

		if (!row)
			return;
		memcpy(brand + 16 * (size_t)i, row->value, 16);
		host |= row->host_mask[EAX] || row->host_mask[EDX];
	}
	for (const char *c = brand; *c && !host; c++)
		if (*c < 0x20 || *c > 0x7e || *c == '"')
			return;
	if (host && base->brand)
		put_text(text, " brand = host;");
	else if (!host && strlen(brand) <= 47 && (!base->brand || strcmp(base->brand, brand)))
		put_text(text, arena_printf(image->arena, " brand = \"%s\";", brand));
}

/* Who the CPU says it is, where the base does not say it. */
static void put_identity(struct buffer *text, const struct image *image,
			 const struct hv_cpu_policy *policy, const struct cpu_identity *base)
{
	const struct hv_cpuid *first = image_cpuid(image, policy, 0, 0);
	const struct hv_cpuid *row = image_cpuid(image, policy, 1, 0);
	const struct hv_cpuid *again = image_cpuid(image, policy, 0x80000001, 0); /* on AMD the same */
	struct buffer parts = { 0 };

	if (first && !first->host_mask[EBX])
		put_text(&parts, policy->vendor == HV_VENDOR_INTEL ? " vendor = amd;" : " vendor = intel;");
	if (row && !(policy->vendor == HV_VENDOR_AMD && again &&
		     (again->value[EAX] != row->value[EAX] ||
		      again->host_mask[EAX] != row->host_mask[EAX])))
		put_signature(&parts, image, row, base);
	put_brand(&parts, image, policy, base);
	if (parts.size) {
		put_text(text, "identity {");
		buffer_bytes(text, parts.data, parts.size);
		put_text(text, " }\n");
	}
	buffer_free(&parts);
}

/* ----------------------------------------------------------------------------------- the whole */

static void put_verbs(struct buffer *text, const char *const *verbs)
{
	static const char *const words[] = { "require", "force", "optional", "disable", "forbid" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		put_verb(text, words[i], verbs);
}

/* What holds for one vendor only. */
static void put_vendor(struct buffer *text, const struct image *image, struct recovered_guest *guest,
		       const struct policy *base, const char *const *verbs, uint32_t vendor)
{
	static const char *const names[] = { "intel", "amd" };
	const struct hv_cpu_policy *policy;
	struct buffer inner = { 0 };

	if (guest->record->policy[vendor] == HV_NONE)
		return;
	policy = &image->policies[guest->record->policy[vendor]];
	if (!guest->base)
		put_text(&inner, arena_printf(image->arena, "base %s;\n", base->vendors[vendor].base));
	put_verbs(&inner, verbs);
	put_identity(&inner, image, policy, &base->vendors[vendor].identity);
	policy_recover_cases(image, policy, &inner);
	if (inner.size) {
		put_text(text, arena_printf(image->arena, "when vendor = %s {\n", names[vendor]));
		buffer_bytes(text, inner.data, inner.size);
		put_text(text, "}\n");
	}
	buffer_free(&inner);
}

/* The base with the least to say beside it for both vendors, and the one for each. */
struct choice {
	const struct policy *joint, *own[HV_VENDORS];
	uint32_t joint_cost, own_cost[HV_VENDORS];
};

static void consider(struct choice *best, const struct policy *policy, const uint32_t cost[HV_VENDORS])
{
	uint32_t sum = 0;

	for (uint32_t v = 0; v < HV_VENDORS; v++) {
		sum += cost[v];
		if (best->own[v] && cost[v] >= best->own_cost[v])
			continue;
		best->own[v] = policy;
		best->own_cost[v] = cost[v];
	}
	if (best->joint && sum >= best->joint_cost)
		return;
	best->joint = policy;
	best->joint_cost = sum;
}

static void find_bases(const struct image *image, const struct recovered_guest *guest,
		       const struct found found[HV_VENDORS], struct choice *best)
{
	for (size_t i = 0; base_row(i); i++) {
		const struct policy *policy;
		uint32_t cost[HV_VENDORS];

		if (!could_be(image, guest->record, base_row(i)))
			continue;
		policy = evaluate_base(image, guest->record, base_row(i)->name);
		if (!policy)
			continue;
		for (uint32_t v = 0; v < HV_VENDORS; v++)
			cost[v] = cost_of(image, guest->record, policy, &found[v], v);
		consider(best, policy, cost);
	}
}

void policy_recover(const struct image *image, struct recovered_guest *guest)
{
	struct found *found = arena_array(image->arena, HV_VENDORS, sizeof(*found));
	struct verbs *verbs = arena_new(image->arena, struct verbs);
	struct choice best = { 0 };
	const struct policy *bases[HV_VENDORS];
	struct buffer text = { 0 };

	for (uint32_t v = 0; v < HV_VENDORS; v++)
		read_found(image, guest->record, v, &found[v]);
	find_bases(image, guest, found, &best);
	guest->statements = "";
	if (!best.joint)
		return;
	if (best.own_cost[0] + best.own_cost[1] + SEPARATE_BASES >= best.joint_cost)
		guest->base = best.joint->vendors[0].base;
	for (uint32_t v = 0; v < HV_VENDORS; v++)
		bases[v] = guest->base ? best.joint : best.own[v];
	find_verbs(found, bases, verbs);
	put_verbs(&text, verbs->all);
	for (uint32_t v = 0; v < HV_VENDORS; v++)
		put_vendor(&text, image, guest, bases[v], verbs->of[v], v);
	put_limits(&text, image, guest->record, found);
	put_width(&text, image, guest->record);
	buffer_u8(&text, 0);
	guest->statements = arena_strdup(image->arena, (const char *)text.data);
	buffer_free(&text);
}
