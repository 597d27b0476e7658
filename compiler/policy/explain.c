/* SPDX-License-Identifier: Apache-2.0 */
/* The decisions in words, for `hvcc config` and `hvcc explain`. */
#include "policy/policy.h"

#include "policy/ast.h"
#include "policy/base.h"

#include <string.h>

static const char *place_text(struct arena *arena, const struct sources *sources,
			      struct position at)
{
	if (!position_known(at))
		return "default";
	return arena_printf(arena, "%s:%u:%u", source_get(sources, at.file)->path, at.line,
			    at.column);
}

const char *policy_origin(struct arena *arena, const struct sources *sources,
			  const struct cpu_features *cpu, enum feature_id id)
{
	const struct feature_choice *choice = &cpu->choices[id];
	const char *place = place_text(arena, sources, choice->at);
	const char *cause = features[choice->cause].name;

	switch ((enum choice_origin)choice->origin) {
	case CHOICE_TABLE:
		return features[id].why ? features[id].why : "not in the base";
	case CHOICE_BASE:
		return arena_printf(arena, "base %s (%s)", cpu->base, place);
	case CHOICE_VERB:
		return arena_printf(arena, "%s (%s)", policy_verb_name(choice->verb), place);
	case CHOICE_LEAF:
		return arena_printf(arena, "leaf (%s)", place);
	case CHOICE_PREREQUISITE:
		return arena_printf(arena, "needed by %s (%s)", cause, place);
	case CHOICE_DEPENDANT:
		return arena_printf(arena, "needs %s, which is off (%s)", cause, place);
	case CHOICE_LIMIT:
		return arena_printf(arena, "beyond the limit (%s)", place);
	case CHOICE_MODEL:
		return arena_printf(arena, "off by another key (%s)", place);
	}
	return "";
}

static const char *state_word(const struct cpu_features *cpu, enum feature_id id)
{
	const struct feature_choice *choice = &cpu->choices[id];

	if (!(features[id].vendors & (cpu->vendor == HV_VENDOR_INTEL ? INTEL : AMD)))
		return "-";
	if (choice->forbidden)
		return "forbidden";
	if (choice->required && choice->state == FEATURE_IF_HOST)
		return "required";
	if (choice->state == FEATURE_IF_HOST)
		return "host";
	return choice->state == FEATURE_ON ? "on" : "off";
}

static bool worth_a_line(const struct policy *policy, enum feature_id id)
{
	for (enum hv_vendor vendor = 0; vendor < HV_VENDORS; vendor++) {
		const struct feature_choice *choice = &policy->vendors[vendor].choices[id];

		if (choice->state != FEATURE_OFF || choice->origin != CHOICE_TABLE)
			return true;
	}
	return false;
}

void policy_print(FILE *stream, struct arena *arena, const struct sources *sources,
		  const struct policy *policy)
{
	fprintf(stream, "%-28s %-10s %-10s %s\n", "feature", "intel", "amd", "because of");
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		const struct cpu_features *intel = &policy->vendors[HV_VENDOR_INTEL];
		const struct cpu_features *amd = &policy->vendors[HV_VENDOR_AMD];
		const struct cpu_features *teller =
			intel->choices[id].origin != CHOICE_TABLE ? intel : amd;

		if (!worth_a_line(policy, id))
			continue;
		fprintf(stream, "%-28s %-10s %-10s %s\n", features[id].name, state_word(intel, id),
			state_word(amd, id), policy_origin(arena, sources, teller, id));
	}
}

/* ------------------------------------------------------------------------------- for `explain` */

static const char *const support_words[] = {
	[FEATURE_HOST] = "the guest has it where the machine has it",
	[FEATURE_INFORM] = "the guest has it where the machine has it; it may be forced",
	[FEATURE_CORE] = "the core does it, on every machine",
	[FEATURE_DYNAMIC] = "cannot be set",
	[FEATURE_NEVER] = "the core cannot offer it",
};

/* "a b c", broken into lines behind a label. */
static void print_set(FILE *stream, const char *label, const struct feature_set *set)
{
	size_t column = 0;

	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		size_t length = strlen(features[id].name);

		if (!feature_in(set, id))
			continue;
		if (column == 0 || column + 1 + length > 80) {
			fprintf(stream, "%s%-12s", column ? "\n" : "", column ? "" : label);
			column = 12;
		}
		column += (size_t)fprintf(stream, " %s", features[id].name);
	}
	if (column)
		fputc('\n', stream);
}

static void print_state(FILE *stream, const struct feature *feature)
{
	if (feature->cr4)
		fprintf(stream, "%-12s 0x%x\n", "CR4:", feature->cr4);
	if (feature->efer)
		fprintf(stream, "%-12s 0x%x\n", "EFER:", feature->efer);
	if (feature->xcr0)
		fprintf(stream, "%-12s 0x%x\n", "XCR0:", feature->xcr0);
}

static void print_feature(FILE *stream, enum feature_id id)
{
	static const char *const registers[] = { "EAX", "EBX", "ECX", "EDX" };
	static const char *const vendors[] = { "", "Intel", "AMD", "Intel and AMD" };
	const struct feature *feature = &features[id];
	struct feature_set dependants = feature_dependants(id);

	fprintf(stream, "%s, a CPU feature\n\n", feature->name);
	fprintf(stream, "%-12s leaf 0x%x, sub-leaf %u, %s bit %u\n", "CPUID:", feature->leaf,
		feature->subleaf, registers[feature->reg], feature->bit);
	fprintf(stream, "%-12s %s\n", "Vendors:", vendors[feature->vendors]);
	fprintf(stream, "%-12s %s%s%s\n", "Support:", support_words[feature->support],
		feature->why ? ": " : "", feature->why ? feature->why : "");
	if (feature->aliases[0])
		fprintf(stream, "%-12s %s\n", "Also:", feature->aliases);
	print_set(stream, "Needs:", feature_prerequisites(id));
	print_set(stream, "Needed by:", &dependants);
	print_state(stream, feature);
}

static void print_base(FILE *stream, const struct cpu_base *base)
{
	struct feature_set set = base_features(base);

	fprintf(stream, "%s, a base of CPU policies\n\n", base->name);
	if (base->vendor)
		fprintf(stream, "%-12s %s, family 0x%x, model 0x%x, stepping %u\n", "Shown as:",
			base->brand, base->family, base->model, base->stepping);
	print_set(stream, "Features:", &set);
}

bool policy_explain(FILE *stream, const char *name)
{
	enum feature_id id = feature_find(name);
	const struct cpu_base *base = base_find(name);

	if (id != FEATURE_NONE)
		print_feature(stream, id);
	else if (base)
		print_base(stream, base);
	return id != FEATURE_NONE || base;
}
