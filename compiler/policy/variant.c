/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy with `when host` or `when vcpu` is decided once for each combination of what it asks for:
 *
 *                      vCPUs 0..1    vCPUs 2..3
 *     host has X       variant       variant
 *     host lacks X     variant       variant
 *
 * What comes out is their union, which is what the records of the blob start from, and what each
 * variant takes from it. `when vendor` needs no variant: each vendor has its own records.
 */
#include "policy/evaluation.h"

#include <stdlib.h>
#include <string.h>

#define NAMES_SHOWN 8 /* in one sentence; `hvcc config --features` lists all */

/* What the variants of one vendor differ in. */
struct axes {
	struct evaluation *e;
	uint16_t hosts[MOST_CONDITIONS]; /* enum feature_id */
	uint32_t host_count;
	uint32_t starts[MOST_VARIANTS]; /* first vCPU of each range, rising */
	uint32_t start_count;
	struct position large; /* where there was no more room */
};

static uint32_t vcpu_count(const struct guest *guest)
{
	return guest->vcpus.count.value ? guest->vcpus.count.value : 1;
}

static void too_many(struct axes *axes, const struct ast_condition *condition)
{
	if (!position_known(axes->large))
		axes->large = policy_place(axes->e->ast, condition->at);
}

/* The features of the machine that a condition asked for; false: there is no room for them. */
static bool add_hosts(struct axes *axes, const struct feature_set *asked)
{
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		bool known = !feature_in(asked, id);

		for (uint32_t i = 0; i < axes->host_count; i++)
			known |= axes->hosts[i] == id;
		if (known)
			continue;
		if (axes->host_count == MOST_CONDITIONS)
			return false;
		axes->hosts[axes->host_count++] = (uint16_t)id;
	}
	return true;
}

static bool add_start(struct axes *axes, uint32_t vcpu)
{
	uint32_t at = 0;

	while (at < axes->start_count && axes->starts[at] < vcpu)
		at++;
	if (at < axes->start_count && axes->starts[at] == vcpu)
		return true;
	if (axes->start_count == MOST_VARIANTS)
		return false;
	memmove(&axes->starts[at + 1], &axes->starts[at],
		(axes->start_count - at) * sizeof(axes->starts[0]));
	axes->starts[at] = vcpu;
	axes->start_count++;
	return true;
}

/* vCPUs at which a condition may change, in no order. */
struct candidates {
	struct arena *arena;
	uint32_t count; /* the guest's vCPUs */
	VECTOR(uint32_t) vcpus;
};

static void add_candidate(void *context, uint32_t vcpu)
{
	struct candidates *c = context;

	if (vcpu < c->count)
		vector_push(c->arena, &c->vcpus, vcpu);
}

static struct outlook outlook_of_vcpu(const struct axes *axes, uint32_t vcpu)
{
	return (struct outlook){ .e = axes->e, .any_host = true, .vcpu = vcpu };
}

/* Whether a condition is another one for this vCPU than for the one before: on any machine. */
static bool changes_at(const struct axes *axes, const struct ast_condition *condition, uint32_t vcpu)
{
	for (uint32_t world = 0; vcpu && world < 1u << axes->host_count; world++) {
		struct outlook here = { .e = axes->e, .vcpu = vcpu }, before;

		for (uint32_t i = 0; i < axes->host_count; i++)
			feature_add(world >> i & 1 ? &here.has : &here.lacks, axes->hosts[i]);
		before = here;
		before.vcpu--;
		if (policy_condition(&here, condition) != policy_condition(&before, condition) ||
		    here.open != before.open)
			return true;
	}
	return false;
}

/* What distinguishes variants in a condition; an assertion asks the machine when it starts. */
static void add_condition(struct axes *axes, const struct ast_condition *condition, bool asserts)
{
	struct candidates c = { .arena = axes->e->arena, .count = vcpu_count(axes->e->guest) };
	bool fits = true;

	add_candidate(&c, 0);
	if (!policy_condition_vcpus(axes->e, condition, add_candidate, &c)) {
		fits = c.count <= MOST_VARIANTS;
		for (uint32_t vcpu = 0; fits && vcpu < c.count; vcpu++)
			add_candidate(&c, vcpu);
	}
	for (size_t i = 0; fits && !asserts && i < c.vcpus.count; i++) {
		struct outlook outlook = outlook_of_vcpu(axes, c.vcpus.items[i]);

		if (policy_condition(&outlook, condition) == RULE_UNKNOWN)
			fits = add_hosts(axes, &outlook.asked);
	}
	for (size_t i = 0; fits && i < c.vcpus.count; i++)
		if (asserts || changes_at(axes, condition, c.vcpus.items[i]))
			fits = add_start(axes, c.vcpus.items[i]);
	if (!fits)
		too_many(axes, condition);
}

static void find_axes(struct axes *axes, const struct ast_block *block)
{
	for (const struct ast_statement *s = block->first; s; s = s->next) {
		struct outlook anywhere = { .e = axes->e, .any_host = true, .any_vcpu = true };
		enum rule_truth truth;

		if (s->kind == STATEMENT_ASSERT)
			add_condition(axes, &s->condition, true);
		if (s->kind != STATEMENT_WHEN)
			continue;
		add_condition(axes, &s->condition, false);
		truth = policy_condition(&anywhere, &s->condition);
		if (truth != RULE_FALSE)
			find_axes(axes, &s->then);
		if (truth != RULE_TRUE)
			find_axes(axes, &s->otherwise);
	}
}

/* ------------------------------------------------------------------------------------- the union */

/* Of the states of one feature: what depends on the machine in one variant does so in the union. */
static void unite_choice(struct feature_choice *united, const struct feature_choice *choice)
{
	bool required = united->required && choice->required;
	bool forbidden = united->forbidden && choice->forbidden;
	bool better = choice->state == FEATURE_IF_HOST ? united->state != FEATURE_IF_HOST :
							 choice->state == FEATURE_ON &&
								 united->state == FEATURE_OFF;

	if (better)
		*united = *choice;
	united->required = required;
	united->forbidden = forbidden;
}

static bool same_refusal(const struct cpu_refusal *a, const struct cpu_refusal *b)
{
	if (a->test_count != b->test_count || a->at.file != b->at.file ||
	    a->at.offset != b->at.offset || strcmp(a->name, b->name) != 0)
		return false;
	for (uint32_t i = 0; i < a->test_count; i++) {
		if (a->tests[i].feature != b->tests[i].feature ||
		    a->tests[i].present != b->tests[i].present)
			return false;
	}
	return true;
}

static void add_refusal(struct evaluation *e, struct cpu_refusal refusal)
{
	for (size_t i = 0; i < e->cpu->refusals.count; i++) {
		if (same_refusal(&e->cpu->refusals.items[i], &refusal))
			return;
	}
	vector_push(e->arena, &e->cpu->refusals, refusal);
}

/* Required or forbidden in one variant only: no machine of that kind without (with) it. */
static void refuse_machine(struct evaluation *e, const struct cpu_variant *variant, enum feature_id id,
			   bool present)
{
	const struct feature_choice *choice = &variant->features->choices[id];
	struct host_test *tests = arena_array(e->arena, variant->test_count + 1, sizeof(*tests));

	memcpy(tests, variant->tests, variant->test_count * sizeof(*tests));
	tests[variant->test_count] = (struct host_test){ (uint16_t)id, present };
	add_refusal(e, (struct cpu_refusal){
		.tests = tests, .test_count = variant->test_count + 1, .at = choice->at,
		.name = arena_printf(e->arena, "%s %s", present ? "forbid" : "require",
				     features[id].name),
	});
}

static void unite_refusals(struct evaluation *e, const struct cpu_variant *variant)
{
	for (size_t i = 0; i < variant->features->refusals.count; i++)
		add_refusal(e, variant->features->refusals.items[i]);
	if (!variant->features->possible && variant->test_count)
		add_refusal(e, (struct cpu_refusal){
			.tests = variant->tests, .test_count = variant->test_count,
			.name = arena_printf(e->arena, "require %s",
					     features[variant->features->missing].name),
			.at = e->missing_at,
		});
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		const struct feature_choice *choice = &variant->features->choices[id];
		const struct feature_choice *united = &e->cpu->choices[id];

		if (choice->required && choice->state == FEATURE_IF_HOST && !united->required)
			refuse_machine(e, variant, id, false);
		if (choice->forbidden && !united->forbidden)
			refuse_machine(e, variant, id, true);
	}
}

/* e->cpu->variants are decided: what they come to together. */
static void unite(struct evaluation *e)
{
	struct cpu_features *cpu = e->cpu;
	struct cpu_variant *variants = cpu->variants.items;
	size_t count = cpu->variants.count;
	enum hv_vendor vendor = cpu->vendor;

	*cpu = *variants[0].features;
	cpu->vendor = vendor;
	memset(&cpu->bits, 0, sizeof(cpu->bits));
	memset(&cpu->refusals, 0, sizeof(cpu->refusals));
	cpu->variants.items = variants;
	cpu->variants.count = cpu->variants.capacity = count;
	for (size_t i = 1; i < count; i++) {
		cpu->possible |= variants[i].features->possible;
		for (enum feature_id id = 1; id < FEATURE_COUNT; id++)
			unite_choice(&cpu->choices[id], &variants[i].features->choices[id]);
	}
	for (size_t i = 0; i < count; i++)
		unite_refusals(e, &variants[i]);
	policy_union_bits(e);
}

/* ---------------------------------------------------------------------------------- the variants */

static bool decide_variant(struct evaluation *e, const struct axes *axes, uint32_t world, uint32_t range)
{
	struct host_test *tests = arena_array(e->arena, MOST_CONDITIONS, sizeof(*tests));
	struct cpu_features *cpu = arena_new(e->arena, struct cpu_features);
	bool last = range + 1 == axes->start_count;
	struct evaluation one = *e;

	cpu->vendor = e->cpu->vendor;
	one.cpu = cpu;
	one.test_count = axes->host_count;
	for (uint32_t i = 0; i < axes->host_count; i++)
		one.tests[i] = (struct host_test){ axes->hosts[i], world >> i & 1 };
	one.first_vcpu = axes->starts[range];
	one.last_vcpu = last ? HV_NONE : axes->starts[range + 1] - 1;
	if (!policy_evaluate(&one))
		return false;
	e->missing_at = one.missing_at;
	memcpy(tests, one.tests, sizeof(one.tests));
	vector_push(e->arena, &e->cpu->variants,
		    ((struct cpu_variant){ tests, one.test_count, one.first_vcpu, one.last_vcpu, cpu }));
	return true;
}

static int by_number(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

/* One vendor. False: there is no base. */
static bool decide(struct evaluation *e)
{
	struct axes axes = { .e = e, .start_count = 1 };
	bool good = true;

	if (e->ast)
		find_axes(&axes, &e->ast->block);
	qsort(axes.hosts, axes.host_count, sizeof(axes.hosts[0]), by_number);
	if (!position_known(axes.large) && axes.start_count << axes.host_count > MOST_VARIANTS)
		axes.large = e->guest->cpu.policy.where.at;
	if (position_known(axes.large)) {
		diag_report(e->diags, POLICY_VARIANTS, axes.large, MOST_CONDITIONS, MOST_VARIANTS);
		return true;
	}
	if (axes.start_count << axes.host_count == 1) {
		e->last_vcpu = HV_NONE;
		return policy_evaluate(e);
	}
	for (uint32_t world = 0; world < 1u << axes.host_count; world++) {
		for (uint32_t range = 0; range < axes.start_count; range++)
			good = good && decide_variant(e, &axes, world, range);
	}
	if (good)
		unite(e);
	return good;
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

static void say_what_is_lost(struct arena *arena, struct diags *diags, const struct lost *lost_to)
{
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		if (feature_set_size(&lost_to[id].features))
			diag_report(diags, POLICY_DEPENDANTS, lost_to[id].at, features[id].name,
				    name_list(arena, &lost_to[id].features));
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
	struct lost *lost_to = arena_array(arena, FEATURE_COUNT, sizeof(*lost_to));
	struct evaluation runs[HV_VENDORS];
	size_t errors = diag_errors(diags);
	const struct ast_policy *ast = NULL;

	if (guest->cpu.policy.text)
		ast = read_text(arena, diags, &guest->cpu.policy);
	for (enum hv_vendor vendor = 0; vendor < HV_VENDORS; vendor++) {
		policy->vendors[vendor].vendor = vendor;
		runs[vendor] = (struct evaluation){
			.spent = arena_new(arena, uint32_t),
			.arena = arena, .diags = diags, .guest = guest, .ast = ast,
			.cpu = &policy->vendors[vendor], .lost_to = lost_to,
			.vendor = vendor == HV_VENDOR_INTEL ? INTEL : AMD,
		};
		if (!decide(&runs[vendor]))
			return NULL;
	}
	say_what_is_lost(arena, diags, lost_to);
	if (diag_errors(diags) != errors)
		return NULL;
	if (!policy->vendors[HV_VENDOR_INTEL].possible && !policy->vendors[HV_VENDOR_AMD].possible)
		say_no_vendor(diags, &runs[HV_VENDOR_INTEL], &runs[HV_VENDOR_AMD]);
	return diag_errors(diags) == errors ? policy : NULL;
}
