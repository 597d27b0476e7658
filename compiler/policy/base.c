/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bases. x86-64-v1 to v4 are the levels of the x86-64 psABI, with what an operating system
 * needs beside (paging, MTRR, SYSENTER, NX). models.def has the named models.
 */
#include "policy/base.h"

#include <string.h>

static const uint16_t empty_features[] = {
	FEATURE_NONE,
};

static const uint16_t v1_features[] = {
	FEATURE_FPU, FEATURE_VME, FEATURE_DE, FEATURE_PSE, FEATURE_TSC, FEATURE_MSR,
	FEATURE_PAE, FEATURE_CX8, FEATURE_SEP, FEATURE_PGE, FEATURE_CMOV, FEATURE_PAT,
	FEATURE_PSE36, FEATURE_CLFLUSH, FEATURE_MMX, FEATURE_FXSR, FEATURE_SSE,
	FEATURE_SSE2, FEATURE_SYSCALL, FEATURE_NX, FEATURE_LM, FEATURE_NONE,
};

static const uint16_t v2_features[] = {
	FEATURE_PNI, FEATURE_SSSE3, FEATURE_SSE4_1, FEATURE_SSE4_2, FEATURE_POPCNT,
	FEATURE_CX16, FEATURE_LAHF_LM, FEATURE_NONE,
};

static const uint16_t v3_features[] = {
	FEATURE_XSAVE, FEATURE_AVX, FEATURE_AVX2, FEATURE_BMI1, FEATURE_BMI2, FEATURE_F16C,
	FEATURE_FMA, FEATURE_ABM, FEATURE_MOVBE, FEATURE_NONE,
};

static const uint16_t v4_features[] = {
	FEATURE_AVX512F, FEATURE_AVX512BW, FEATURE_AVX512CD, FEATURE_AVX512DQ,
	FEATURE_AVX512VL, FEATURE_NONE,
};

/* The lists of the named models. */
#define MODEL(id, name, parent, vendor, family, model, stepping, ...)                              \
	static const struct {                                                                      \
		char brand[49];                                                                    \
		uint16_t features[MODEL_FEATURES];                                                 \
	} list_##id = MODEL_PARTS(__VA_ARGS__, FEATURE_NONE);
#define MODEL_PARTS(brand, ...) { brand, { __VA_ARGS__ } }
#define MODEL_ALIAS(name, id)
enum { MODEL_FEATURES = 48 }; /* of one, beyond its parent's */
#include "policy/models.def"
#undef MODEL
#undef MODEL_ALIAS

enum base_id {
	BASE_NONE,
	BASE_HOST,
	BASE_V1,
	BASE_V2,
	BASE_V3,
	BASE_V4,
#define MODEL(id, ...) BASE_##id,
#define MODEL_ALIAS(name, id)
#include "policy/models.def"
#undef MODEL
#undef MODEL_ALIAS
	BASES,
};

static const struct cpu_base bases[BASES] = {
	[BASE_NONE] = { "none", NULL, empty_features, .since = 1 },
	[BASE_HOST] = { "host", NULL, empty_features, .since = 1 },
	[BASE_V1] = { "x86-64-v1", NULL, v1_features, .since = 1 },
	[BASE_V2] = { "x86-64-v2", &bases[BASE_V1], v2_features, .since = 1 },
	[BASE_V3] = { "x86-64-v3", &bases[BASE_V2], v3_features, .since = 1 },
	[BASE_V4] = { "x86-64-v4", &bases[BASE_V3], v4_features, .since = 1 },
#define MODEL(id, name_, parent_, vendor_, family_, model_, stepping_, ...)                        \
	[BASE_##id] = { .name = name_, .parent = &bases[BASE_##parent_],                           \
			.features = list_##id.features, .vendor = vendor_, .since = 1,            \
			.family = family_, .model = model_, .stepping = stepping_,                 \
			.brand = list_##id.brand },
#define MODEL_ALIAS(name, id)
#include "policy/models.def"
#undef MODEL
#undef MODEL_ALIAS
};

/* Names, with those that mean the same. */
static const struct {
	const char *name;
	uint32_t base; /* enum base_id */
} aliases[] = {
#define MODEL(...)
#define MODEL_ALIAS(name, id) { name, BASE_##id },
#include "policy/models.def"
#undef MODEL
#undef MODEL_ALIAS
};
enum { ALIASES = sizeof(aliases) / sizeof(aliases[0]) };

const struct cpu_base *base_find(const char *name)
{
	for (size_t i = 0; i < BASES; i++) {
		if (strcmp(bases[i].name, name) == 0 && bases[i].since <= FEATURE_SCHEMA_VERSION)
			return &bases[i];
	}
	for (size_t i = 0; i < ALIASES; i++) {
		if (strcmp(aliases[i].name, name) == 0)
			return &bases[aliases[i].base];
	}
	return NULL;
}

const struct cpu_base *base_row(size_t i)
{
	return i < BASES ? &bases[i] : NULL;
}

size_t base_names(const char *const **names)
{
	static const char *all[BASES + ALIASES];

	for (size_t i = 0; i < BASES; i++)
		all[i] = bases[i].name;
	for (size_t i = 0; i < ALIASES; i++)
		all[BASES + i] = aliases[i].name;
	*names = all;
	return BASES + ALIASES;
}

void base_unknown(struct diags *diags, struct position at, const char *name)
{
	const char *const *names;
	size_t count = base_names(&names);
	const char *closest = diag_closest(name, names, count);
	struct diag *diag = diag_report(diags, POLICY_BASE, at, name);

	if (!closest)
		return;
	diag_help(diag, "did you mean `%s`?", closest);
	diag_fix_name(diags, diag, at, name, closest);
}

static bool offered(enum feature_id id)
{
	return features[id].since <= FEATURE_SCHEMA_VERSION &&
	       features[id].support != FEATURE_DYNAMIC && features[id].support != FEATURE_NEVER;
}

/* What the core does may still need something of the machine: no TSC-deadline without a TSC. */
static bool can_stand(const struct feature_set *set, enum feature_id id)
{
	const struct feature_set *needs = feature_prerequisites(id);

	for (enum feature_id need = 1; need < FEATURE_COUNT; need++) {
		if (feature_in(needs, need) && features[need].support != FEATURE_CORE &&
		    !feature_in(set, need))
			return false;
	}
	return true;
}

struct feature_set base_features(const struct cpu_base *base)
{
	struct feature_set set = { 0 };

	for (const struct cpu_base *b = base; b; b = b->parent) {
		for (const uint16_t *id = b->features; *id; id++)
			feature_add(&set, *id);
	}
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		bool core = features[id].support == FEATURE_CORE;

		if (offered(id) && (base == &bases[BASE_HOST] ||
				    (core && base != &bases[BASE_NONE] && can_stand(&set, id))))
			feature_add(&set, id);
	}
	return set;
}

/* A family above 15 goes on in 27:20; models above 15 in 19:16. */
uint32_t base_signature(const struct cpu_base *base)
{
	uint32_t extended = base->family > 15 ? base->family - 15 : 0;

	if (!base->vendor)
		return 0;
	return extended << 20 | base->model >> 4 << 16 | (base->family - extended) << 8 |
	       (base->model & 15) << 4 | base->stepping;
}
