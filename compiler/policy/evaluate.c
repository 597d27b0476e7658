/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements to decisions, once a vendor:
 *
 *     base -> other keys (pv, apic.mode) -> statements in order -> prerequisites -> dependants
 *
 * What a person asked for pulls in what it needs; what a person turned off takes along what needs
 * it. Where the two meet, `require` and `force` are errors and `optional` gives way.
 */
#include "policy/policy.h"

#include "policy/ast.h"
#include "policy/base.h"

#include <string.h>

#define TEXT_LIMIT ((size_t)64 << 10)
#define BITS_LIMIT 1024 /* registers a policy may assign */

#define KVM_FEATURES 0x40000001u
#define NAMES_SHOWN  8 /* in one sentence; `hvcc config --features` lists all */

struct evaluation {
	struct arena *arena;
	struct diags *diags;
	const struct guest *guest;
	const struct ast_policy *ast; /* NULL: no text */
	struct cpu_features *cpu;
	uint8_t vendor; /* enum feature_vendors */
	struct feature_set *lost_to; /* [FEATURE_COUNT]: who lost its place to each feature */
	struct position missing_at;
};

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

/* Why another key of the guest keeps a feature off; NULL: none does. */
static const char *kept_off(const struct guest *guest, enum feature_id id, struct position *at)
{
	if (features[id].leaf == KVM_FEATURES && !has_pv(guest, PV_KVM)) {
		*at = guest->pv.where.at;
		return "`pv` does not list `kvm`";
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

	if (!by_hand(before) || before->verb == naming->verb || (before->glob && !naming->glob))
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

/*
 * Bits that are features go the way of the verbs. Returns the features' bits of this register, of
 * either vendor, so that no other way sets them.
 */
static uint32_t apply_features(struct evaluation *e, const struct ast_leaf *leaf, uint32_t number,
			       const struct ast_assign *assign)
{
	uint32_t touched = assign->ones | assign->zeros | assign->host, known = 0;

	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		const struct feature *feature = &features[id];

		if (feature->leaf != number || feature->reg != assign->reg ||
		    !in_subleaves(leaf, feature->subleaf))
			continue;
		known |= 1u << feature->bit;
		if ((touched >> feature->bit & 1) && (feature->vendors & e->vendor))
			apply_bit(e, assign, id);
	}
	return known;
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
			uint32_t known = apply_features(e, &statement->leaf, number, a);

			add_bits(e, &statement->leaf, number, a, known);
		}
	}
}

static void apply_statements(struct evaluation *e)
{
	for (const struct ast_statement *s = e->ast ? e->ast->first : NULL; s; s = s->next) {
		enum policy_verb verb = s->kind == STATEMENT_BASE ? VERB_DISABLE : s->verb;

		if (s->kind == STATEMENT_LEAF)
			apply_leaf(e, s);
		for (const struct ast_name *name = s->names; name; name = name->next)
			apply_name(e, name, verb);
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
	if (by_hand(choice) || choice->origin == CHOICE_MODEL) {
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
		if (by_hand(choice) || choice->origin == CHOICE_MODEL)
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
		if (by_hand(choice_of(e, need)))
			feature_add(&e->lost_to[need], id);
		*choice_of(e, id) = (struct feature_choice){
			.origin = CHOICE_DEPENDANT,
			.cause = (uint16_t)need,
			.at = choice_of(e, need)->at,
		};
	}
}

static void evaluate(struct evaluation *e, const struct cpu_base *base, struct position base_at)
{
	e->cpu->possible = true;
	apply_base(e, base, base_at);
	turn_off_elsewhere(e);
	apply_statements(e);
	pull_prerequisites(e);
	drop_dependants(e);
}

/* ------------------------------------------------------------------------------------ the whole */

/* "a, b and c"; of many the first ones. */
static const char *name_list(struct arena *arena, const struct feature_set *set)
{
	const char *list = NULL;
	uint32_t count = feature_set_size(set), said = 0;

	for (enum feature_id id = 1; id < FEATURE_COUNT && said < NAMES_SHOWN; id++) {
		const char *join = said + 1 == count ? " and " : ", ";

		if (!feature_in(set, id))
			continue;
		list = list ? arena_printf(arena, "%s%s%s", list, join, features[id].name)
			    : features[id].name;
		said++;
	}
	return count > said ? arena_printf(arena, "%s and %u more", list, count - said) : list;
}

static void say_what_is_lost(struct arena *arena, struct diags *diags, const struct policy *policy,
			     const struct feature_set *lost_to)
{
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		const char *list = name_list(arena, &lost_to[id]);
		struct position at = policy->vendors[HV_VENDOR_INTEL].choices[id].at;

		if (!position_known(at))
			at = policy->vendors[HV_VENDOR_AMD].choices[id].at;
		if (list)
			diag_report(diags, POLICY_DEPENDANTS, at, features[id].name, list);
	}
}

static void say_no_vendor(struct diags *diags, const struct evaluation *intel,
			  const struct evaluation *amd)
{
	struct diag *diag = diag_report(diags, POLICY_NO_VENDOR, intel->missing_at,
					features[intel->cpu->missing].name,
					features[amd->cpu->missing].name);

	diag_note(diag, amd->missing_at, "`%s` is Intel's", features[amd->cpu->missing].name);
}

/* The base of the text or of `cpu.model`; neither: `host`. NULL after an error. */
static const struct cpu_base *find_base(struct diags *diags, const struct guest *guest,
					const struct ast_policy *ast, struct position *at)
{
	const struct cpu *cpu = &guest->cpu;
	const char *name = was_set(cpu->model.where) ? cpu->model.value : NULL;
	const struct cpu_base *base;

	*at = name ? cpu->model.where.at : (struct position){ 0 };
	for (const struct ast_statement *s = ast ? ast->first : NULL; s; s = s->next) {
		struct position here;

		if (s->kind != STATEMENT_BASE)
			continue;
		here = policy_place(ast, s->base_at);
		if (name)
			diag_note(diag_report(diags, POLICY_BASE_TWICE, here), *at,
				  "the other one");
		name = s->base;
		*at = here;
	}
	base = base_find(name ? name : "host");
	if (!base && was_set(cpu->model.where) && name == cpu->model.value)
		base_unknown(diags, *at, name);
	return base;
}

static struct ast_policy *read_text(struct arena *arena, struct diags *diags,
				    const struct located_text *text)
{
	struct ast_policy *ast;

	if (text->size > TEXT_LIMIT) {
		diag_report(diags, POLICY_LARGE, text->where.at, (unsigned)(TEXT_LIMIT >> 10),
			    BITS_LIMIT);
		return NULL;
	}
	ast = policy_parse(arena, diags, text);
	policy_resolve(ast);
	policy_typecheck(ast);
	return ast;
}

struct policy *policy_compile(struct arena *arena, struct diags *diags, const struct guest *guest)
{
	struct policy *policy = arena_new(arena, struct policy);
	struct feature_set *lost_to = arena_array(arena, FEATURE_COUNT, sizeof(*lost_to));
	struct evaluation runs[HV_VENDORS];
	size_t errors = diag_errors(diags);
	const struct ast_policy *ast = NULL;
	const struct cpu_base *base;
	struct position base_at;

	if (guest->cpu.policy.text)
		ast = read_text(arena, diags, &guest->cpu.policy);
	base = find_base(diags, guest, ast, &base_at);
	if (!base)
		return NULL;
	for (enum hv_vendor vendor = 0; vendor < HV_VENDORS; vendor++) {
		policy->vendors[vendor].vendor = vendor;
		runs[vendor] = (struct evaluation){
			.arena = arena, .diags = diags, .guest = guest, .ast = ast,
			.cpu = &policy->vendors[vendor], .lost_to = lost_to,
			.vendor = vendor == HV_VENDOR_INTEL ? INTEL : AMD,
		};
		evaluate(&runs[vendor], base, base_at);
	}
	say_what_is_lost(arena, diags, policy, lost_to);
	if (!policy->vendors[HV_VENDOR_INTEL].possible && !policy->vendors[HV_VENDOR_AMD].possible)
		say_no_vendor(diags, &runs[HV_VENDOR_INTEL], &runs[HV_VENDOR_AMD]);
	return diag_errors(diags) == errors ? policy : NULL;
}
