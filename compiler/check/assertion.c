/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What documents and sites say must hold: `assert:` and --policy. A failed assertion of a document is
 * shown where it stands, with the values; one of a site is shown at the value that made it fail, so
 * that it is found in the guest's file.
 */
#include "check/check.h"

#include "model/effective.h"
#include "policy/policy.h"
#include "rule/rule.h"

/* The policy of the guest that was asked about last; NULL: it has errors, which check_policy() reports. */
struct features_known {
	const struct system *system;
	const struct guest *guest;
	const struct policy *policy;
};

static enum rule_truth on_vendor(const struct cpu_features *cpu, enum feature_id id)
{
	const struct feature_choice *choice = &cpu->choices[id];

	if (choice->state == FEATURE_OFF)
		return RULE_FALSE;
	return choice->state == FEATURE_ON || choice->required ? RULE_TRUE : RULE_UNKNOWN;
}

/* On both vendors' machines, as far as the guest can run there. */
static enum rule_truth on_any(const struct policy *policy, enum feature_id id, const char **why)
{
	enum rule_truth all = RULE_UNKNOWN;
	bool first = true;

	for (enum hv_vendor vendor = 0; vendor < HV_VENDORS; vendor++) {
		const struct cpu_features *cpu = &policy->vendors[vendor];
		enum rule_truth here = on_vendor(cpu, id);

		if (!cpu->possible)
			continue;
		*why = "`require` makes sure of it, `disable` rules it out";
		if (first || here == all) {
			all = here;
			first = false;
			continue;
		}
		if (here != RULE_UNKNOWN && all != RULE_UNKNOWN)
			*why = "processors of one vendor have it, those of the other do not";
		return RULE_UNKNOWN;
	}
	return all;
}

static const struct policy *policy_of(struct features_known *known, const struct guest *guest)
{
	const struct system *system = known->system;
	struct diags *quiet;

	if (known->guest == guest)
		return known->policy;
	quiet = diags_new(system->arena, system->sources);
	known->guest = guest;
	known->policy = policy_compile(system->arena, quiet, guest);
	return known->policy;
}

static enum rule_truth has_feature(void *context, const struct effective *cpu, const char *name,
				   const char *feature, const char **why)
{
	enum feature_id id = feature_find(feature);
	const struct policy *policy;

	(void)name;
	if (!cpu || !cpu->guest || id == FEATURE_NONE)
		return RULE_UNKNOWN;
	policy = policy_of(context, cpu->guest);
	return policy ? on_any(policy, id, why) : RULE_UNKNOWN;
}

static const char *unknown_feature(void *context, const char *feature)
{
	const char *const *names, *closest;
	size_t count;

	(void)context;
	if (feature_find(feature) != FEATURE_NONE)
		return NULL;
	count = feature_names(&names);
	closest = diag_closest(feature, names, count);
	return closest ? closest : "";
}

static struct rule_world world_of(struct features_known *known, const struct schema *form,
				  const struct effective *root)
{
	return (struct rule_world){
		.form = form, .root = root, .has = has_feature,
		.unknown_feature = unknown_feature, .context = known,
	};
}

struct rule_world check_world(const struct system *system)
{
	struct features_known *known = arena_new(system->arena, struct features_known);

	known->system = system;
	return world_of(known, system->form, effective_system(system));
}

static struct rule *parse(const struct check_context *c, const struct assertion *assertion,
			  const struct rule_world *world)
{
	if (!assertion->that.text)
		return NULL;
	return rule_parse(c->system->arena, c->diags, &assertion->that, 0, assertion->that.size,
			  world, RULE_BOOLEAN);
}

static struct diag *report(const struct check_context *c, const struct assertion *assertion,
			   struct position at, const struct rule *rule)
{
	const char *text = assertion->message.value;

	if (!text)
		text = arena_printf(c->system->arena, "`%s` does not hold", rule_text(rule));
	if (assertion->severity.value == ASSERTION_SEVERITY_WARNING)
		return diag_report(c->diags, ASSERTION_WARNING, at, text);
	return diag_report(c->diags, ASSERTION, at, text);
}

static const char *verdict(const struct rule_failure *failure)
{
	return failure->truth == RULE_UNKNOWN ? "this depends on the machine" : "this is false";
}

static void test_own(const struct check_context *c, const struct assertion *assertion,
		     const struct rule *rule, const struct rule_world *world)
{
	struct rule_failure failure;
	enum rule_truth truth = rule_test(rule, world, c->diags, &failure);
	struct diag *d;

	if (truth == RULE_TRUE || truth == RULE_FAULTY)
		return;
	d = report(c, assertion, failure.at, rule);
	diag_label(d, "%s", verdict(&failure));
	rule_describe(d, &failure, world);
}

static void test_all(const struct check_context *c, const struct assertions *assertions,
		     const struct rule_world *world)
{
	for (size_t i = 0; i < assertions->list.count; i++) {
		const struct assertion *assertion = &assertions->list.items[i];
		const struct rule *rule = parse(c, assertion, world);

		if (rule)
			test_own(c, assertion, rule, world);
	}
}

void check_guest_assertions(const struct check_context *c)
{
	struct features_known known = { .system = c->system };
	struct rule_world world;

	if (!c->guest->assertions.list.count)
		return;
	world = world_of(&known, &schema_guest, effective_guest(c->system, c->guest));
	test_all(c, &c->guest->assertions, &world);
}

void check_system_assertions(const struct check_context *c)
{
	struct features_known known = { .system = c->system };
	struct rule_world world;

	if (!c->system->assertions.list.count)
		return;
	world = world_of(&known, &schema_system, effective_whole(c->system));
	test_all(c, &c->system->assertions, &world);
}

/* ---------------------------------------------------------------------------------- site rules */

/* `whole` is shown where no value in the failed part was set by a person. */
static void test_site(const struct check_context *c, const struct assertion *assertion,
		      const struct rule *rule, const struct rule_world *world, struct position whole)
{
	struct rule_failure failure;
	enum rule_truth truth = rule_test(rule, world, c->diags, &failure);
	struct position at;
	struct diag *d;

	if (truth == RULE_TRUE || truth == RULE_FAULTY)
		return;
	at = rule_culprit(&failure, world);
	d = report(c, assertion, position_known(at) ? at : whole, rule);
	diag_note(d, failure.at, "required here: %s", verdict(&failure));
	rule_describe(d, &failure, world);
}

static void test_guests(const struct check_context *c, const struct assertion *assertion,
			const struct rule *rule, const struct effective *whole)
{
	const struct effective *guests = whole->children.items[whole->children.count - 1];
	struct features_known known = { .system = c->system };

	for (size_t i = 0; i < c->system->guests.count; i++) {
		struct rule_world world =
			world_of(&known, &schema_guest, guests->children.items[i]);

		test_site(c, assertion, rule, &world, c->system->guests.items[i]->name.where.at);
	}
}

void check_site_rules(const struct check_context *c)
{
	const struct assertions *rules = &c->system->rules;
	struct features_known known = { .system = c->system };
	const struct effective *whole;

	if (!rules->list.count)
		return;
	whole = effective_whole(c->system);
	for (size_t i = 0; i < rules->list.count; i++) {
		const struct assertion *assertion = &rules->list.items[i];
		bool guests = assertion->subject.value == ASSERTION_SUBJECT_GUEST;
		struct rule_world world =
			world_of(&known, guests ? &schema_guest : &schema_system, whole);
		const struct rule *rule = parse(c, assertion, &world);

		if (rule && guests)
			test_guests(c, assertion, rule, whole);
		else if (rule)
			test_site(c, assertion, rule, &world, c->system->name.where.at);
	}
}
