/* SPDX-License-Identifier: Apache-2.0 */
/* The table of features and its look-ups. */
#include "policy/feature.h"

#include <ctype.h>
#include <string.h>

#define D0	   { FEATURE_NONE }
#define D1(a)	   { FEATURE_##a }
#define D2(a, b)   { FEATURE_##a, FEATURE_##b }
#define D3(a, b, c) { FEATURE_##a, FEATURE_##b, FEATURE_##c }

const struct feature features[FEATURE_COUNT] = {
#define FEATURE(id, name_, aliases_, leaf_, subleaf_, reg_, bit_, vendors_, support_, needs_, \
		since_, ...)                                                                       \
	[FEATURE_##id] = { .name = name_, .aliases = aliases_, .leaf = leaf_, .subleaf = subleaf_, \
			   .reg = reg_, .bit = bit_, .vendors = vendors_,                          \
			   .support = FEATURE_##support_, .needs = needs_, .since = since_,        \
			   __VA_ARGS__ },
#include "policy/features.def"
#undef FEATURE
};

/* One spelling: small letters, and one sign for `-`, `_` and `.`. */
static char folded(char c)
{
	return c == '_' || c == '.' ? '-' : (char)tolower((unsigned char)c);
}

static bool same_name(const char *a, size_t length, const char *b)
{
	for (size_t i = 0; i < length; i++) {
		if (folded(a[i]) != folded(b[i]))
			return false;
	}
	return b[length] == 0;
}

static bool has_alias(const struct feature *feature, const char *name)
{
	const char *at = feature->aliases;

	while (*at) {
		size_t length = strcspn(at, " ");

		if (same_name(at, length, name))
			return true;
		at += length + (at[length] == ' ');
	}
	return false;
}

enum feature_id feature_find(const char *name)
{
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		const struct feature *feature = &features[id];

		if (same_name(feature->name, strlen(feature->name), name) ||
		    has_alias(feature, name))
			return id;
	}
	return FEATURE_NONE;
}

enum feature_id feature_at(uint32_t leaf, uint32_t subleaf, uint32_t reg, uint32_t bit,
			   uint8_t vendor)
{
	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		const struct feature *feature = &features[id];

		if (feature->leaf == leaf && feature->subleaf == subleaf && feature->reg == reg &&
		    feature->bit == bit && (feature->vendors & vendor))
			return id;
	}
	return FEATURE_NONE;
}

/* Iterative: on a mismatch the last `*` takes one letter more. */
bool feature_matches(enum feature_id id, const char *pattern)
{
	const char *text = features[id].name, *star = NULL, *resume = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = pattern++;
			resume = text;
		} else if (*pattern && folded(*pattern) == folded(*text)) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star + 1;
			text = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

/* Prerequisites of every feature, worked out once: the table is constant. */
static struct feature_set needs_of[FEATURE_COUNT];

static void add_needs(struct feature_set *set, enum feature_id id)
{
	for (int i = 0; i < FEATURE_NEEDS && features[id].needs[i]; i++) {
		enum feature_id need = features[id].needs[i];

		if (feature_in(set, need))
			continue;
		feature_add(set, need);
		add_needs(set, need); /* as deep as the table's longest chain */
	}
}

const struct feature_set *feature_prerequisites(enum feature_id id)
{
	static bool ready;

	for (enum feature_id each = 1; !ready && each < FEATURE_COUNT; each++)
		add_needs(&needs_of[each], each);
	ready = true;
	return &needs_of[id];
}

struct feature_set feature_dependants(enum feature_id id)
{
	struct feature_set set = { 0 };

	for (enum feature_id other = 1; other < FEATURE_COUNT; other++) {
		if (feature_in(feature_prerequisites(other), id))
			feature_add(&set, other);
	}
	return set;
}

size_t feature_names(const char *const **names)
{
	static const char *const all[] = {
#define FEATURE(id, name, ...) name,
#include "policy/features.def"
#undef FEATURE
	};

	*names = all;
	return sizeof(all) / sizeof(all[0]);
}
