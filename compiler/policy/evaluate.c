/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements to decisions, once a vendor:
 *
 *     base -> other keys (pv, apic.mode) -> statements in order -> prerequisites -> dependants
 *
 * What a person asked for pulls in what it needs; what a person turned off takes along what needs
 * it. Where the two meet, `require` and `force` are errors and `optional` gives way.
 */
#include "policy/evaluation.h"

#include "policy/base.h"

#include <string.h>

#define KVM_FEATURES 0x40000001u

static struct feature_choice *choice_of(struct evaluation *e, enum feature_id id)
{
	return &e->cpu->choices[id];
}

static bool is_on(const struct cpu_features *cpu, enum feature_id id)
{
	return cpu->choices[id].state != FEATURE_OFF;
}

static bool by_hand(const struct feature_choice *choice)
{
	return choice->origin == CHOICE_VERB || choice->origin == CHOICE_LEAF;
}

static bool insists(const struct feature_choice *choice)
{
	return by_hand(choice) && choice->state != FEATURE_OFF &&
	       (choice->verb == VERB_REQUIRE || choice->verb == VERB_FORCE);
}

/* -------------------------------------------------------------------------- base and other keys */

static enum feature_state natural_state(enum feature_id id)
{
	return features[id].support == FEATURE_CORE ? FEATURE_ON : FEATURE_IF_HOST;
}

static bool has_pv(const struct guest *guest, enum pv wanted)
{
	for (size_t i = 0; i < guest->pv.interfaces.count; i++) {
		if (guest->pv.interfaces.items[i].value == wanted)
			return true;
	}
	return false;
}

/* What is of use only where vCPUs wait for CPUs. */
static bool is_for_sharing(enum feature_id id)
{
	return id == FEATURE_KVM_STEAL_TIME || id == FEATURE_KVM_PV_UNHALT ||
	       id == FEATURE_KVM_PV_TLB_FLUSH || id == FEATURE_KVM_PV_IPI;
}

/* Why another key of the guest keeps a feature off; NULL: none does. */
static const char *kept_off(const struct guest *guest, enum feature_id id, struct position *at)
{
	if (features[id].leaf == KVM_FEATURES && !has_pv(guest, PV_KVM)) {
		*at = guest->pv.where.at;
		return "`pv` does not list `kvm`";
	}
	if (is_for_sharing(id) && guest->scheduling.scheduler.value == SCHEDULER_EXCLUSIVE) {
		*at = guest->scheduling.scheduler.where.at;
		return "each vCPU has a CPU for itself";
	}
	if (id == FEATURE_X2APIC && guest->vcpus.apic.mode.value == APIC_MODE_XAPIC &&
	    was_set(guest->vcpus.apic.mode.where)) {
		*at = guest->vcpus.apic.mode.where.at;
		return "`vcpus.apic.mode` is `xapic`";
	}
	return NULL;
}

/* Why another key of the guest keeps a feature on; NULL: none does. */
static const char *kept_on(const struct guest *guest, enum feature_id id, struct position *at)
{
	if (id == FEATURE_X2APIC && guest->vcpus.apic.mode.value == APIC_MODE_X2APIC &&
	    was_set(guest->vcpus.apic.mode.where)) {
		*at = guest->vcpus.apic.mode.where.at;
		return "`vcpus.apic.mode` is `x2apic`";
	}
	return NULL;
}

static void turn_off_elsewhere(struct evaluation *e)
{
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		struct position at = { 0 };

		if (!kept_off(e->guest, id, &at))
			continue;
		*choice_of(e, id) = (struct feature_choice){ .origin = CHOICE_MODEL, .at = at };
	}
	if (e->guest->pv.interfaces.count == 0) {
		*choice_of(e, FEATURE_HYPERVISOR) = (struct feature_choice){
			.origin = CHOICE_MODEL,
			.at = e->guest->pv.where.at,
		};
	}
}

/* The KVM interface is `pv`'s business: it is there with every base. */
static void apply_base(struct evaluation *e, const struct cpu_base *base, struct position at)
{
	struct feature_set set = base_features(base);
	bool kvm = has_pv(e->guest, PV_KVM);

	e->cpu->base = base->name;
	e->cpu->base_at = at;
	if (base->vendor == e->vendor) {
		e->cpu->identity.signature = base_signature(base);
		e->cpu->identity.signature_mask = 0xffffffff;
		e->cpu->identity.brand = base->brand;
	}
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		bool pv = kvm && features[id].support == FEATURE_CORE &&
			  (features[id].leaf == KVM_FEATURES || id == FEATURE_HYPERVISOR);

		if ((!feature_in(&set, id) && !pv) || !(features[id].vendors & e->vendor))
			continue;
		choice_of(e, id)->state = (uint8_t)natural_state(id);
		choice_of(e, id)->origin = CHOICE_BASE;
		choice_of(e, id)->at = at;
	}
}

/* ----------------------------------------------------------------------------------- statements */

enum outcome { SET_IF_HOST, SET_ON, SET_OFF, SAY_FORCE, SAY_DYNAMIC, SAY_NEVER, SAY_USELESS };

static const uint8_t outcomes[VERBS][FEATURE_NEVER + 1] = {
	/*                 HOST         INFORM       CORE     DYNAMIC      NEVER */
	[VERB_REQUIRE] = { SET_IF_HOST, SET_IF_HOST, SET_ON, SAY_DYNAMIC, SAY_NEVER },
	[VERB_FORCE] = { SAY_FORCE, SET_ON, SET_ON, SAY_DYNAMIC, SAY_NEVER },
	[VERB_OPTIONAL] = { SET_IF_HOST, SET_IF_HOST, SET_ON, SAY_DYNAMIC, SAY_USELESS },
	[VERB_DISABLE] = { SET_OFF, SET_OFF, SET_OFF, SAY_DYNAMIC, SET_OFF },
	[VERB_FORBID] = { SET_OFF, SET_OFF, SET_OFF, SAY_DYNAMIC, SET_OFF },
};

/* One feature named by one statement. */
struct naming {
	enum feature_id id;
	enum policy_verb verb;
	enum choice_origin origin;
	bool glob;
	struct position at;
};

static void refuse(struct evaluation *e, const struct naming *naming, enum outcome outcome)
{
	const struct feature *feature = &features[naming->id];

	if (outcome == SAY_FORCE) {
		struct diag *diag = diag_report(e->diags, POLICY_FORCE, naming->at, feature->name);

		diag_help(diag, "`require %s` refuses such a host; `optional %s` does without",
			  feature->name, feature->name);
	} else if (outcome == SAY_DYNAMIC) {
		diag_report(e->diags, POLICY_FOLLOWS, naming->at, feature->name, feature->why);
	} else if (outcome == SAY_NEVER) {
		diag_report(e->diags, POLICY_NEVER, naming->at, feature->name, feature->why);
	} else {
		diag_report(e->diags, POLICY_USELESS, naming->at, feature->name, feature->why);
	}
}

static void warn_override(struct evaluation *e, const struct naming *naming,
			  const struct feature_choice *before)
{
	struct diag *diag;

	if (!by_hand(before) || before->verb == naming->verb || (before->glob && !naming->glob) ||
	    e->in_host || e->in_vcpu)
		return;
	diag = diag_report(e->diags, POLICY_OVERRIDE, naming->at, features[naming->id].name);
	diag_label(diag, "%s", policy_verb_name(naming->verb));
	diag_note(diag, before->at, "%s", policy_verb_name(before->verb));
}

static void set_choice(struct evaluation *e, const struct naming *naming, enum outcome outcome)
{
	struct feature_choice *choice = choice_of(e, naming->id);

	warn_override(e, naming, choice);
	*choice = (struct feature_choice){
		.state = outcome == SET_OFF ? FEATURE_OFF :
			 outcome == SET_ON  ? FEATURE_ON :
					      FEATURE_IF_HOST,
		.origin = (uint8_t)naming->origin,
		.verb = (uint8_t)naming->verb,
		.glob = naming->glob,
		.required = naming->verb == VERB_REQUIRE,
		.forbidden = naming->verb == VERB_FORBID,
		.at = naming->at,
	};
}

/* Required, and this vendor has never had it: then the guest does not run there. */
static void note_missing(struct evaluation *e, const struct naming *naming)
{
	if (naming->verb != VERB_REQUIRE || naming->glob || !e->cpu->possible)
		return;
	e->cpu->possible = false;
	e->cpu->missing = naming->id;
	e->missing_at = naming->at;
}

/* ---- what all vCPUs of a guest, or all machines that it runs on, have in common */

static bool has_state(enum feature_id id)
{
	const struct feature *f = &features[id];

	return f->cr4 || f->efer || f->xcr0 || f->msrs != MSRS_NONE;
}

bool policy_carries_state(enum feature_id id)
{
	struct feature_set dependants = feature_dependants(id);

	for (enum feature_id other = 1; other < FEATURE_COUNT; other++) {
		if (feature_in(&dependants, other) && has_state(other))
			return true;
	}
	return has_state(id);
}

/* Why a feature cannot be decided inside this `when`; NULL: it can. */
static const char *shared_reason(const struct evaluation *e, enum feature_id id)
{
	static const uint16_t interfaces[] = { FEATURE_HYPERVISOR, FEATURE_APIC, FEATURE_X2APIC };

	if (!e->in_host && !e->in_vcpu)
		return NULL;
	for (size_t i = 0; i < sizeof(interfaces) / sizeof(interfaces[0]); i++) {
		if (id == interfaces[i])
			return "other parts of the guest rest on it";
	}
	if (features[id].leaf == KVM_FEATURES)
		return "the interface is that of the whole guest";
	if (e->in_vcpu && policy_carries_state(id))
		return "XCR0, CR4 and MSRs that come with it are the same for all vCPUs";
	return NULL;
}

/* Reports it; a zero where there is a zero anyway is none of it. */
static bool say_shared(struct evaluation *e, const struct naming *naming, enum outcome outcome)
{
	const char *reason = shared_reason(e, naming->id);

	if (!reason || (outcome == SET_OFF && choice_of(e, naming->id)->state == FEATURE_OFF))
		return false;
	diag_report(e->diags, POLICY_SHARED, naming->at, features[naming->id].name,
		    e->in_vcpu ? "the vCPU" : "the machine", reason);
	return true;
}

/* Returns whether the naming meant something on this vendor. */
static bool apply(struct evaluation *e, const struct naming *naming)
{
	enum outcome outcome = outcomes[naming->verb][features[naming->id].support];
	struct position other = { 0 };
	const char *reason;

	if (naming->glob &&
	    (outcome == SAY_DYNAMIC || outcome == SAY_NEVER || outcome == SAY_USELESS))
		return false;
	if (outcome != SET_OFF && outcome != SET_ON && outcome != SET_IF_HOST) {
		refuse(e, naming, outcome);
		return true;
	}
	if (!(features[naming->id].vendors & e->vendor)) {
		note_missing(e, naming);
		return true;
	}
	if (say_shared(e, naming, outcome))
		return true;
	reason = outcome == SET_OFF ? kept_on(e->guest, naming->id, &other)
				    : kept_off(e->guest, naming->id, &other);
	if (reason) {
		struct diag *diag = diag_report(e->diags, POLICY_ELSEWHERE, naming->at,
						features[naming->id].name,
						outcome == SET_OFF ? "off" : "on", reason);

		diag_note(diag, other, "here");
		return true;
	}
	set_choice(e, naming, outcome);
	return true;
}

/* A pattern passes over what cannot be; when nothing else matches it, that is said after all. */
static void apply_name(struct evaluation *e, const struct ast_name *name, enum policy_verb verb)
{
	struct naming naming = { .verb = verb, .origin = CHOICE_VERB, .glob = name->glob,
				 .at = policy_place(e->ast, name->at) };
	enum feature_id first = FEATURE_NONE;
	bool any = false;

	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		if (!feature_in(&name->matches, id))
			continue;
		first = first ? first : id;
		naming.id = id;
		any |= apply(e, &naming);
	}
	if (any || !first)
		return;
	naming.id = first;
	refuse(e, &naming, outcomes[verb][features[first].support]);
}

/* ------------------------------------------------------------------------------ leaf statements */

static void apply_bit(struct evaluation *e, const struct ast_assign *assign, enum feature_id id)
{
	uint32_t bit = 1u << features[id].bit;
	struct naming naming = { .id = id, .origin = CHOICE_LEAF,
				 .at = policy_place(e->ast, assign->at) };

	if (assign->ones & bit)
		naming.verb = VERB_FORCE;
	else if (assign->host & bit)
		naming.verb = VERB_OPTIONAL;
	else
		naming.verb = VERB_DISABLE;
	/* A zero where there is a zero anyway, and the host's bit where the core never shows it. */
	if (naming.verb == VERB_DISABLE && features[id].support == FEATURE_DYNAMIC)
		return;
	naming.glob = naming.verb == VERB_OPTIONAL;
	apply(e, &naming);
}

static bool in_subleaves(const struct ast_leaf *leaf, uint32_t subleaf)
{
	return leaf->all_subleaves ||
	       (subleaf >= leaf->first_subleaf && subleaf <= leaf->last_subleaf);
}

/* The features' bits of a register, of either vendor. */
static uint32_t known_bits(const struct ast_leaf *leaf, uint32_t number, uint32_t reg)
{
	uint32_t known = 0;

	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		if (features[id].leaf == number && features[id].reg == reg &&
		    in_subleaves(leaf, features[id].subleaf))
			known |= 1u << features[id].bit;
	}
	return known;
}

/* Bits that are features go the way of the verbs, and no other way. */
static void apply_features(struct evaluation *e, const struct ast_leaf *leaf, uint32_t number,
			   const struct ast_assign *assign)
{
	uint32_t touched = assign->ones | assign->zeros | assign->host;

	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		const struct feature *feature = &features[id];

		if (feature->leaf != number || feature->reg != assign->reg ||
		    !in_subleaves(leaf, feature->subleaf))
			continue;
		if ((touched >> feature->bit & 1) && (feature->vendors & e->vendor))
			apply_bit(e, assign, id);
	}
}

static void add_bits(struct evaluation *e, const struct ast_leaf *leaf, uint32_t number,
		     const struct ast_assign *assign, uint32_t known)
{
	struct leaf_bits bits = {
		.leaf = number,
		.first_subleaf = (uint32_t)leaf->first_subleaf,
		.last_subleaf = leaf->all_subleaves ? HV_NONE : (uint32_t)leaf->last_subleaf,
		.reg = assign->reg,
		.ones = assign->ones & ~known,
		.zeros = assign->zeros & ~known,
		.host = assign->host & ~known,
		.at = policy_place(e->ast, assign->at),
	};

	if (!(bits.ones | bits.zeros | bits.host))
		return;
	if (known && (bits.ones | bits.host))
		diag_report(e->diags, POLICY_UNKNOWN_BITS, bits.at, bits.ones | bits.host);
	if (e->cpu->bits.count == BITS_LIMIT)
		diag_report(e->diags, POLICY_LARGE, bits.at, (unsigned)(TEXT_LIMIT >> 10),
			    BITS_LIMIT);
	if (e->cpu->bits.count <= BITS_LIMIT)
		vector_push(e->arena, &e->cpu->bits, bits);
}

static void apply_leaf(struct evaluation *e, const struct ast_statement *statement)
{
	for (const struct ast_assign *a = statement->assigns; a; a = a->next) {
		if (!a->valid)
			continue;
		for (uint64_t leaf = statement->leaf.first; leaf <= statement->leaf.last; leaf++) {
			uint32_t number = (uint32_t)leaf;

			apply_features(e, &statement->leaf, number, a);
			add_bits(e, &statement->leaf, number, a,
				 known_bits(&statement->leaf, number, a->reg));
		}
	}
}

/* In the union, what one variant assigns is the host's, so that each variant can take from it. */
static void widen_leaf(struct evaluation *e, const struct ast_statement *statement, bool varies)
{
	for (const struct ast_assign *a = statement->assigns; a; a = a->next) {
		struct ast_assign wide = *a;

		if (!a->valid)
			continue;
		if (varies) {
			wide.host = a->ones | a->zeros | a->host;
			wide.ones = wide.zeros = 0;
		}
		for (uint64_t leaf = statement->leaf.first; leaf <= statement->leaf.last; leaf++)
			add_bits(e, &statement->leaf, (uint32_t)leaf, &wide,
				 known_bits(&statement->leaf, (uint32_t)leaf, a->reg));
	}
}

static void widen_block(struct evaluation *e, const struct ast_block *block, bool varies)
{
	for (const struct ast_statement *s = block->first; s; s = s->next) {
		enum rule_truth truth;

		if (s->kind == STATEMENT_LEAF)
			widen_leaf(e, s, varies);
		if (s->kind != STATEMENT_WHEN)
			continue;
		truth = policy_condition(&(struct outlook){ .e = e, .any_host = true, .any_vcpu = true },
					 &s->condition);
		if (truth != RULE_FALSE)
			widen_block(e, &s->then, varies || truth == RULE_UNKNOWN);
		if (truth != RULE_TRUE)
			widen_block(e, &s->otherwise, varies || truth == RULE_UNKNOWN);
	}
}

void policy_union_bits(struct evaluation *e)
{
	widen_block(e, &e->ast->block, false);
}

/* ---------------------------------------------------------------------------------- conditions */

/* Whether a condition says something else on another machine, or for another vCPU. */
static bool depends(struct outlook outlook, bool on_host, const struct ast_condition *condition)
{
	outlook.any_host = on_host;
	outlook.any_vcpu = !on_host;
	return policy_condition(&outlook, condition) == RULE_UNKNOWN;
}

void policy_visit(struct evaluation *e, const struct ast_block *block,
		  void (*visit)(struct evaluation *e, const struct ast_statement *statement))
{
	for (const struct ast_statement *s = block->first; s; s = s->next) {
		uint32_t in_host = e->in_host, in_vcpu = e->in_vcpu;
		struct outlook here = policy_outlook(e);
		enum rule_truth truth;

		if (s->kind != STATEMENT_WHEN) {
			visit(e, s);
			continue;
		}
		truth = policy_condition(&here, &s->condition);
		e->in_host += depends(here, true, &s->condition);
		e->in_vcpu += depends(here, false, &s->condition);
		if (truth == RULE_TRUE || truth == RULE_FALSE)
			policy_visit(e, truth == RULE_TRUE ? &s->then : &s->otherwise, visit);
		e->in_host = in_host;
		e->in_vcpu = in_vcpu;
	}
}

/* ---------------------------------------------------------------------------- limit and identity */

static void apply_limit(struct evaluation *e, const struct ast_setting *setting)
{
	if (setting->word >= POLICY_LIMITS)
		return;
	e->cpu->limits[setting->word] = (uint32_t)setting->number;
	e->cpu->limits_at[setting->word] = policy_place(e->ast, setting->value_at);
}

/* SDM v2 "CPUID" figure 3-6: a family above 15 goes on in 27:20, a model above 15 in 19:16. */
static void identify(struct cpu_identity *identity, enum identity_word word, uint32_t number)
{
	static const uint32_t masks[IDENTITY_WORDS] = {
		[IDENTITY_FAMILY] = 0x0ff00f00,
		[IDENTITY_MODEL] = 0x000f00f0,
		[IDENTITY_STEPPING] = 0x0000000f,
	};
	uint32_t extended = number > 15 ? number - 15 : 0;
	uint32_t bits = word == IDENTITY_FAMILY ? extended << 20 | (number - extended) << 8 :
			word == IDENTITY_MODEL	? (number >> 4) << 16 | (number & 15) << 4 :
						  number;

	identity->signature = (identity->signature & ~masks[word]) | bits;
	identity->signature_mask |= masks[word];
}

/* `host`: as if the base had said nothing. */
static void unidentify(struct cpu_identity *identity, enum identity_word word)
{
	if (word == IDENTITY_VENDOR)
		identity->foreign = false;
	else if (word == IDENTITY_BRAND)
		identity->brand = NULL;
	else if (word == IDENTITY_PHYS_BITS)
		identity->phys_bits = 0;
	else
		identity->signature = identity->signature_mask = 0;
}

/* Guests choose the opcode of their hypercalls by the vendor, and a CPU knows its own only. */
static void identify_vendor(struct evaluation *e, const struct ast_setting *setting)
{
	uint8_t vendor = setting->number == HV_VENDOR_INTEL ? INTEL : AMD;
	struct diag *diag;

	e->cpu->identity.foreign = vendor != e->vendor;
	if (vendor == e->vendor || !e->guest->pv.interfaces.count)
		return;
	diag = diag_report(e->diags, POLICY_VENDOR, policy_place(e->ast, setting->value_at),
			   vendor == INTEL ? "AMD" : "Intel");
	diag_note(diag, e->guest->pv.where.at, "its hypercalls would fault");
	diag_help(diag, "set `pv: none`, or put it into `when vendor = %s { }`",
		  vendor == INTEL ? "intel" : "amd");
}

static void apply_identity(struct evaluation *e, const struct ast_setting *setting)
{
	struct cpu_identity *identity = &e->cpu->identity;

	if (setting->word >= IDENTITY_WORDS)
		return;
	if (setting->text && strcmp(setting->text, "host") == 0)
		unidentify(identity, setting->word);
	else if (setting->word == IDENTITY_VENDOR)
		identify_vendor(e, setting);
	else if (setting->word == IDENTITY_BRAND)
		identity->brand = setting->text;
	else if (setting->word == IDENTITY_PHYS_BITS)
		identity->phys_bits = (uint32_t)setting->number;
	else
		identify(identity, setting->word, (uint32_t)setting->number);
}

/* ----------------------------------------------------------------------------- every statement */

/* Statements that decide for the whole guest, on every machine. */
static bool misplaced(struct evaluation *e, const struct ast_statement *s)
{
	static const char *const words[] = {
		[STATEMENT_BASE] = "base",
		[STATEMENT_LIMIT] = "limit",
		[STATEMENT_IDENTITY] = "identity",
	};
	bool whole = s->kind == STATEMENT_BASE || s->kind == STATEMENT_LIMIT ||
		     s->kind == STATEMENT_IDENTITY;
	bool refuses = s->kind == STATEMENT_VERB && e->in_vcpu &&
		       (s->verb == VERB_REQUIRE || s->verb == VERB_FORBID);

	if (!(whole && (e->in_host || e->in_vcpu)) && !refuses)
		return false;
	diag_report(e->diags, POLICY_MISPLACED_STATEMENT, policy_place(e->ast, s->at),
		    whole ? words[s->kind] : policy_verb_name(s->verb),
		    e->in_vcpu ? "vcpu" : "host");
	return true;
}

static void apply_statement(struct evaluation *e, const struct ast_statement *s)
{
	enum policy_verb verb = s->kind == STATEMENT_BASE ? VERB_DISABLE : s->verb;

	if (misplaced(e, s))
		return;
	if (s->kind == STATEMENT_LEAF)
		apply_leaf(e, s);
	for (const struct ast_name *name = s->names; name; name = name->next)
		apply_name(e, name, verb);
	for (const struct ast_setting *set = s->settings; set; set = set->next) {
		if (s->kind == STATEMENT_LIMIT)
			apply_limit(e, set);
		else
			apply_identity(e, set);
	}
}

static uint32_t range_of_leaf(uint32_t leaf)
{
	return leaf >= 0x80000000 ? HV_CPUID_EXTENDED :
	       leaf >= 0x40000000 ? HV_CPUID_HYPERVISOR :
				    HV_CPUID_BASIC;
}

/* A feature whose leaf is beyond the limit is not there, and nothing may need it. */
static void cut_features(struct evaluation *e)
{
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		uint32_t range = range_of_leaf(features[id].leaf);
		struct feature_choice *choice = choice_of(e, id);

		if (e->cpu->limits[range] == HV_NONE || features[id].leaf <= e->cpu->limits[range])
			continue;
		if (insists(choice)) {
			struct diag *diag = diag_report(e->diags, POLICY_LIMIT_CUTS, choice->at,
							features[id].name, features[id].leaf);

			diag_note(diag, e->cpu->limits_at[range], "leaves end here");
		}
		*choice = (struct feature_choice){ .origin = CHOICE_LIMIT,
						   .forbidden = choice->forbidden,
						   .at = e->cpu->limits_at[range] };
	}
}

/* -------------------------------------------------------------------------------------- closure */

static void say_conflict(struct evaluation *e, enum feature_id id, enum feature_id need)
{
	struct diag *diag = diag_report(e->diags, POLICY_CONFLICT, choice_of(e, id)->at,
					features[id].name, features[need].name);

	diag_note(diag, choice_of(e, need)->at, "`%s` is off by this", features[need].name);
}

static void pull(struct evaluation *e, enum feature_id id, enum feature_id need)
{
	const struct feature_choice *wanted = choice_of(e, id);
	struct feature_choice *choice = choice_of(e, need);

	if (choice->state != FEATURE_OFF) {
		choice->required |= wanted->required && choice->state == FEATURE_IF_HOST;
		return;
	}
	if (by_hand(choice) || choice->origin == CHOICE_MODEL || choice->origin == CHOICE_LIMIT) {
		if (insists(wanted))
			say_conflict(e, id, need);
		return;
	}
	*choice = (struct feature_choice){
		.state = (uint8_t)natural_state(need),
		.origin = CHOICE_PREREQUISITE,
		.required = wanted->required && natural_state(need) == FEATURE_IF_HOST,
		.cause = (uint16_t)id,
		.at = wanted->at,
	};
}

static void pull_prerequisites(struct evaluation *e)
{
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		const struct feature_set *needs = feature_prerequisites(id);

		if (!is_on(e->cpu, id) || !by_hand(choice_of(e, id)))
			continue;
		for (enum feature_id need = 1; need < FEATURE_COUNT; need++) {
			if (feature_in(needs, need))
				pull(e, id, need);
		}
	}
}

/* The prerequisite to blame: one that a person or another key turned off, else any that is off. */
static enum feature_id missing_need(struct evaluation *e, enum feature_id id)
{
	const struct feature_set *needs = feature_prerequisites(id);
	enum feature_id found = FEATURE_NONE;

	for (enum feature_id need = 1; need < FEATURE_COUNT; need++) {
		const struct feature_choice *choice = choice_of(e, need);

		if (!feature_in(needs, need) || choice->state != FEATURE_OFF)
			continue;
		if (by_hand(choice) || choice->origin == CHOICE_MODEL ||
		    choice->origin == CHOICE_LIMIT)
			return need;
		found = need;
	}
	return found;
}

static void drop_dependants(struct evaluation *e)
{
	struct feature_set off = { 0 };

	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		if (!is_on(e->cpu, id))
			feature_add(&off, id);
	}
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		enum feature_id need;

		if (!is_on(e->cpu, id) || !feature_sets_meet(feature_prerequisites(id), &off))
			continue;
		need = missing_need(e, id);
		if (by_hand(choice_of(e, need))) {
			feature_add(&e->lost_to[need].features, id);
			e->lost_to[need].at = choice_of(e, need)->at;
		}
		*choice_of(e, id) = (struct feature_choice){
			.origin = CHOICE_DEPENDANT,
			.cause = (uint16_t)need,
			.at = choice_of(e, need)->at,
		};
	}
}

/* ------------------------------------------------------------------------------------- the base */

/* What is known of the base while its statements are looked for. */
static void visit_base(struct evaluation *e, const struct ast_statement *s)
{
	struct position here;

	if (s->kind != STATEMENT_BASE || e->in_host || e->in_vcpu)
		return;
	here = policy_place(e->ast, s->base_at);
	if (e->cpu->base)
		diag_note(diag_report(e->diags, POLICY_BASE_TWICE, here), e->cpu->base_at,
			  "the other one");
	e->cpu->base = s->base;
	e->cpu->base_at = here;
}

/* The base of the text or of `cpu.model`; neither: `host`. NULL after an error. */
static const struct cpu_base *find_base(struct evaluation *e)
{
	const struct cpu *cpu = &e->guest->cpu;
	const struct cpu_base *base;

	e->cpu->base = was_set(cpu->model.where) ? cpu->model.value : NULL;
	e->cpu->base_at = e->cpu->base ? cpu->model.where.at : (struct position){ 0 };
	if (e->ast)
		policy_visit(e, &e->ast->block, visit_base);
	base = base_find(e->cpu->base ? e->cpu->base : "host");
	if (!base && was_set(cpu->model.where) && e->cpu->base == cpu->model.value)
		base_unknown(e->diags, e->cpu->base_at, e->cpu->base);
	return base;
}

static void visit_assert(struct evaluation *e, const struct ast_statement *s)
{
	if (s->kind == STATEMENT_ASSERT)
		policy_assert(e, &s->condition);
}

bool policy_evaluate(struct evaluation *e)
{
	const struct cpu_base *base = find_base(e);

	if (!base)
		return false;
	e->cpu->possible = true;
	for (uint32_t range = 0; range < HV_CPUID_RANGES; range++)
		e->cpu->limits[range] = HV_NONE;
	apply_base(e, base, e->cpu->base_at);
	turn_off_elsewhere(e);
	if (e->ast)
		policy_visit(e, &e->ast->block, apply_statement);
	cut_features(e);
	pull_prerequisites(e);
	drop_dependants(e);
	if (e->ast && e->cpu->possible)
		policy_visit(e, &e->ast->block, visit_assert);
	return true;
}
