/* SPDX-License-Identifier: Apache-2.0 */
/* The decisions in words, for `hvcc config` and `hvcc explain`. */
#include "policy/policy.h"

#include "policy/ast.h"

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
