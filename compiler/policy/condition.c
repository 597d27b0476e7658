/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conditions of `when` and `assert`: expressions (rule/) about four things.
 *
 *     vendor   `intel` or `amd`            known for each policy record
 *     vcpu     the virtual CPU             known for each variant
 *     host     features of the machine     known where a variant tests them, else when the machine starts
 *     cpu      features of the guest       known when the policy is decided: for `assert` only
 *
 * What is not known makes a condition neither true nor false, and an outlook remembers what was asked for:
 * of that variant.c makes variants, and assert.c machines to refuse.
 */
#include "policy/evaluation.h"

#include <string.h>

static const char *const vendor_words[] = { "intel", "amd" };

enum { VENDOR, VCPU, HOST, CPU, GENUINE_INTEL, AUTHENTIC_AMD, VARIABLES };
enum { COST_OF_ASKING = 10 }; /* steps */

/* A world for the variables of a condition; without an outlook for reading only. */
struct view {
	struct rule_world world;
	struct rule_variable variables[VARIABLES];
};

static struct rule_value word(const char *text)
{
	return (struct rule_value){ .kind = RULE_STRING, .text = text };
}

/* ------------------------------------------------------------------------------ what is known */

static enum rule_truth ask_host(struct outlook *o, enum feature_id id)
{
	const struct evaluation *e = o->e;
	const struct feature_choice *choice = &e->cpu->choices[id];

	if (!(features[id].vendors & e->vendor))
		return RULE_FALSE;
	if (!o->any_host && (feature_in(&o->has, id) || feature_in(&o->lacks, id)))
		return feature_in(&o->has, id) ? RULE_TRUE : RULE_FALSE;
	if (o->decided && choice->state == FEATURE_IF_HOST && choice->required)
		return RULE_TRUE;
	if (o->decided && choice->forbidden)
		return RULE_FALSE;
	if (!o->open)
		o->open = id;
	feature_add(&o->asked, id);
	return RULE_UNKNOWN;
}

/* A guest has a feature where the machine has it and all that it needs, as far as they are the machine's. */
static enum rule_truth ask_guest(struct outlook *o, enum feature_id id)
{
	const struct feature_choice *choices = o->e->cpu->choices;
	enum rule_truth truth = RULE_TRUE;

	if (!o->decided)
		return RULE_UNKNOWN;
	if (choices[id].state == FEATURE_OFF)
		return RULE_FALSE;
	for (enum feature_id other = 1; other < FEATURE_COUNT && truth != RULE_FALSE; other++) {
		enum rule_truth one;

		if ((other != id && !feature_in(feature_prerequisites(id), other)) ||
		    choices[other].state != FEATURE_IF_HOST)
			continue;
		one = ask_host(o, other);
		truth = one == RULE_TRUE ? truth : one;
	}
	return truth;
}

static enum rule_truth has_feature(void *context, const struct effective *cpu, const char *name,
				   const char *feature, const char **why)
{
	struct outlook *o = context;
	enum feature_id id = feature_find(feature);

	(void)cpu;
	*why = NULL;
	*o->e->spent += COST_OF_ASKING;
	if (id == FEATURE_NONE)
		return RULE_FALSE; /* no literal: a text that was put together */
	return strcmp(name, "host") ? ask_guest(o, id) : ask_host(o, id);
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

static void look(struct view *view, struct outlook *o)
{
	*view = (struct view){
		.world = {
			.variables = view->variables, .variable_count = VARIABLES, .self = "cpu",
			.has = has_feature, .unknown_feature = unknown_feature, .context = o,
		},
		.variables = {
			[VENDOR] = { "vendor", RULE_STRING, vendor_words, 2, { 0 } },
			[VCPU] = { "vcpu", RULE_NUMBER, NULL, 0, { .kind = RULE_NUMBER } },
			[HOST] = { "host", RULE_FEATURES, NULL, 0, { .kind = RULE_FEATURES } },
			[CPU] = { "cpu", RULE_FEATURES, NULL, 0, { .kind = RULE_FEATURES } },
			[GENUINE_INTEL] = { "GenuineIntel", RULE_STRING, vendor_words, 2, word("intel") },
			[AUTHENTIC_AMD] = { "AuthenticAMD", RULE_STRING, vendor_words, 2, word("amd") },
		},
	};
	if (!o)
		return;
	view->world.spent = o->e->spent;
	view->variables[VENDOR].value = word(vendor_words[o->e->vendor == AMD]);
	view->variables[VCPU].value.number = o->vcpu;
	if (o->any_vcpu)
		view->variables[VCPU].value =
			(struct rule_value){ .kind = RULE_BOOLEAN, .truth = RULE_UNKNOWN };
}

struct outlook policy_outlook(const struct evaluation *e)
{
	struct outlook o = { .e = e, .vcpu = e->first_vcpu };

	for (uint32_t i = 0; i < e->test_count; i++)
		feature_add(e->tests[i].present ? &o.has : &o.lacks, e->tests[i].feature);
	return o;
}

/* ------------------------------------------------------------------------- reading and deciding */

void policy_condition_read(struct ast_policy *policy, struct ast_statement *statement)
{
	struct ast_condition *condition = &statement->condition;
	const struct located_text *text = policy->texts.items[condition->at.text].text;
	struct position guest;
	struct view view;
	struct diag *diag;

	look(&view, NULL);
	view.world.end = statement->kind == STATEMENT_WHEN ? "`{`" : "`;`";
	condition->said = arena_new(policy->arena, bool);
	condition->rule = rule_parse(policy->arena, policy->diags, text, condition->at.offset,
				     condition->at.length, &view.world, RULE_BOOLEAN);
	if (!condition->rule || statement->kind != STATEMENT_WHEN)
		return;
	guest = rule_mention(condition->rule, "cpu");
	if (!position_known(guest))
		return;
	diag = diag_report(policy->diags, POLICY_WHEN_GUEST, guest);
	diag_help(diag, "`host.` asks what the machine has; `assert` asks what the guest has in the end");
	condition->rule = NULL;
}

enum rule_truth policy_condition(struct outlook *outlook, const struct ast_condition *condition)
{
	struct diags *diags = outlook->e->diags;
	enum rule_truth truth;
	struct view view;

	outlook->open = FEATURE_NONE;
	if (!condition->rule)
		return RULE_FAULTY;
	look(&view, outlook);
	truth = rule_test(condition->rule, &view.world, *condition->said ? NULL : diags, NULL);
	*condition->said |= truth == RULE_FAULTY;
	return truth;
}

/* One finding, whether it breaks on machines of one vendor or of both. */
static struct diag *find_broken(const struct diags *diags, struct position at)
{
	for (size_t i = 0; i < diags->list.count; i++) {
		struct diag *diag = diags->list.items[i];

		if (diag->code == DIAG_POLICY_ASSERT && diag->at.file == at.file &&
		    diag->at.offset == at.offset)
			return diag;
	}
	return NULL;
}

void policy_condition_broken(struct outlook *outlook, const struct ast_condition *condition)
{
	const struct evaluation *e = outlook->e;
	struct rule_failure failure = { .at = policy_place(e->ast, condition->at) };
	struct diag *diag;
	struct view view;

	look(&view, outlook);
	rule_test(condition->rule, &view.world, NULL, &failure);
	diag = find_broken(e->diags, failure.at);
	if (diag) {
		diag->label = NULL;
		return;
	}
	diag = diag_report(e->diags, POLICY_ASSERT, failure.at);
	diag_label(diag, "on %s machines", e->vendor == INTEL ? "Intel" : "AMD");
	if (failure.rule)
		rule_describe(diag, &failure, &view.world);
}

/* ------------------------------------------------------------------------------------- vCPUs */

struct numbers {
	const struct evaluation *e;
	void (*each)(void *context, uint32_t vcpu);
	void *context;
};

static void say_no_vcpu(const struct evaluation *e, int64_t vcpu, uint32_t count, struct position at)
{
	struct diag *diag = diag_report(e->diags, POLICY_VCPU, at, (long long)vcpu, count,
					count == 1 ? "" : "s");

	if (was_set(e->guest->vcpus.count.where))
		diag_note(diag, e->guest->vcpus.count.where.at, "count set here");
}

static void hand_on(void *context, int64_t number, bool exactly, struct position at)
{
	struct numbers *n = context;
	uint32_t count = n->e->guest->vcpus.count.value ? n->e->guest->vcpus.count.value : 1;

	if (exactly && (number < 0 || number >= count))
		say_no_vcpu(n->e, number, count, at);
	if (number >= 0 && number < count)
		n->each(n->context, (uint32_t)number);
	if (number >= -1 && number + 1 < count)
		n->each(n->context, (uint32_t)(number + 1));
}

bool policy_condition_vcpus(const struct evaluation *e, const struct ast_condition *condition,
			    void (*each)(void *context, uint32_t vcpu), void *context)
{
	struct numbers numbers = { .e = e, .each = each, .context = context };

	return !condition->rule || rule_compared(condition->rule, "vcpu", hand_on, &numbers);
}
