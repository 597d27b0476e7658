/* SPDX-License-Identifier: Apache-2.0 */
/* Names to rows: features, patterns, bases. What finds nothing is an error. */
#include "policy/ast.h"
#include "policy/base.h"
#include "schema/hvblob.h"

#include <string.h>

static void unknown_feature(struct ast_policy *policy, const struct ast_name *name)
{
	const char *const *names;
	size_t count = feature_names(&names);
	const char *closest = diag_closest(name->text, names, count);
	struct diag *diag = diag_report(policy->diags, POLICY_FEATURE,
					policy_place(policy, name->at), name->text);

	if (!closest)
		return;
	diag_help(diag, "did you mean `%s`?", closest);
	diag_fix_name(policy->diags, diag, diag->at, name->text, closest);
}

/* `avx513*`: names as long as what stands before the star, with the star. */
static void unknown_pattern(struct ast_policy *policy, const struct ast_name *name)
{
	struct diag *diag = diag_report(policy->diags, POLICY_GLOB, policy_place(policy, name->at),
					name->text);
	size_t length = strcspn(name->text, "*"), count = 0;
	const char **candidates = arena_array(policy->arena, FEATURE_COUNT, sizeof(*candidates));
	const char *closest;

	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		if (strlen(features[id].name) >= length)
			candidates[count++] = arena_printf(policy->arena, "%.*s*", (int)length,
							   features[id].name);
	}
	closest = name->text[length + 1] || !length ? NULL :
						      diag_closest(name->text, candidates, count);
	if (closest)
		diag_help(diag, "did you mean `%s`?", closest);
}

static void resolve_glob(struct ast_policy *policy, struct ast_name *name)
{
	bool any = false;

	for (enum feature_id id = 1; id < FEATURE_COUNT; id++) {
		if (features[id].since > FEATURE_SCHEMA_VERSION ||
		    !feature_matches(id, name->text))
			continue;
		feature_add(&name->matches, id);
		any = true;
	}
	if (!any)
		unknown_pattern(policy, name);
}

static void resolve_name(struct ast_policy *policy, struct ast_name *name)
{
	enum feature_id id;

	if (name->glob) {
		resolve_glob(policy, name);
		return;
	}
	id = feature_find(name->text);
	if (id == FEATURE_NONE)
		unknown_feature(policy, name);
	else
		feature_add(&name->matches, id);
}

/* ------------------------------------------------------------------------- words of other kinds */

/* The index of a word; count when it is none, which is reported. */
static uint32_t find_word(struct ast_policy *policy, const char *const *words, uint32_t count,
			  const char *what, const char *word, struct span at)
{
	const char *closest, *list = "";
	struct diag *diag;

	for (uint32_t i = 0; i < count; i++) {
		if (strcmp(words[i], word) == 0)
			return i;
		list = arena_printf(policy->arena, "%s%s`%s`", list, i ? ", " : "", words[i]);
	}
	diag = diag_report(policy->diags, POLICY_WORD, policy_place(policy, at), word, what, list);
	closest = diag_closest(word, words, count);
	if (closest) {
		diag_help(diag, "did you mean `%s`?", closest);
		diag_fix_name(policy->diags, diag, diag->at, word, closest);
	}
	return count;
}

static const char *const vendor_words[] = { "intel", "amd", "GenuineIntel", "AuthenticAMD" };
enum { VENDOR_WORDS = sizeof(vendor_words) / sizeof(vendor_words[0]) };

static void resolve_limits(struct ast_policy *policy, struct ast_setting *setting)
{
	static const char *const words[POLICY_LIMITS] = {
		[LIMIT_BASIC] = "basic",
		[LIMIT_HYPERVISOR] = "hypervisor",
		[LIMIT_EXTENDED] = "extended",
	};
	static const uint32_t bases[POLICY_LIMITS] = { 0, 0x40000000, 0x80000000 };

	for (; setting; setting = setting->next) {
		setting->word = find_word(policy, words, POLICY_LIMITS, "a limit", setting->name,
					  setting->name_at);
		if (setting->word == POLICY_LIMITS || (setting->number >= bases[setting->word] &&
						       setting->number <= bases[setting->word] + 0xff))
			continue;
		diag_report(policy->diags, POLICY_LIMIT, policy_place(policy, setting->value_at),
			    words[setting->word], bases[setting->word], bases[setting->word] + 0xff);
		setting->word = POLICY_LIMITS;
	}
}

/* What each part of an identity may be: a number in a range, or a text (most 0). */
static const struct {
	const char *name, *must;
	uint64_t least, most;
} identity_rows[IDENTITY_WORDS] = {
	[IDENTITY_VENDOR] = { "vendor", "`intel` or `amd`", 0, 0 },
	[IDENTITY_FAMILY] = { "family", "a number from 0 to 270", 0, 270 },
	[IDENTITY_MODEL] = { "model", "a number from 0 to 255", 0, 255 },
	[IDENTITY_STEPPING] = { "stepping", "a number from 0 to 15", 0, 15 },
	[IDENTITY_BRAND] = { "brand", "a text of at most 47 characters of ASCII", 0, 0 },
	[IDENTITY_PHYS_BITS] = { "phys-bits", "a number from 39 to 52", 39, 52 },
};

static bool good_brand(const char *text)
{
	if (strlen(text) > 47)
		return false;
	for (; *text; text++) {
		if (*text < 0x20 || *text > 0x7e)
			return false;
	}
	return true;
}

static bool good_identity(struct ast_policy *policy, struct ast_setting *setting)
{
	uint32_t vendor;

	if (setting->text && strcmp(setting->text, "host") == 0)
		return true;
	if (identity_rows[setting->word].most)
		return !setting->text && setting->number >= identity_rows[setting->word].least &&
		       setting->number <= identity_rows[setting->word].most;
	if (!setting->text || setting->word == IDENTITY_BRAND)
		return setting->text && good_brand(setting->text);
	vendor = find_word(policy, vendor_words, VENDOR_WORDS, "a vendor", setting->text,
			   setting->value_at);
	setting->number = vendor % 2 ? HV_VENDOR_AMD : HV_VENDOR_INTEL;
	if (vendor == VENDOR_WORDS)
		setting->word = IDENTITY_WORDS;
	return true;
}

static void resolve_identity(struct ast_policy *policy, struct ast_setting *setting)
{
	const char *words[IDENTITY_WORDS];

	for (uint32_t i = 0; i < IDENTITY_WORDS; i++)
		words[i] = identity_rows[i].name;
	for (; setting; setting = setting->next) {
		setting->word = find_word(policy, words, IDENTITY_WORDS, "a part of an identity",
					  setting->name, setting->name_at);
		if (setting->word == IDENTITY_WORDS || good_identity(policy, setting))
			continue;
		diag_report(policy->diags, POLICY_IDENTITY, policy_place(policy, setting->value_at),
			    setting->name, identity_rows[setting->word].must);
		setting->word = IDENTITY_WORDS;
	}
}

/* --------------------------------------------------------------------------------- all statements */

static void resolve_block(struct ast_policy *policy, const struct ast_block *block);

static void resolve_statement(struct ast_policy *policy, struct ast_statement *s)
{
	if (s->kind == STATEMENT_BASE && !base_find(s->base))
		base_unknown(policy->diags, policy_place(policy, s->base_at), s->base);
	for (struct ast_name *name = s->names; name; name = name->next)
		resolve_name(policy, name);
	if (s->kind == STATEMENT_LIMIT)
		resolve_limits(policy, s->settings);
	else if (s->kind == STATEMENT_IDENTITY)
		resolve_identity(policy, s->settings);
	if (s->kind == STATEMENT_WHEN || s->kind == STATEMENT_ASSERT)
		policy_condition_read(policy, s);
	if (s->kind != STATEMENT_WHEN)
		return;
	resolve_block(policy, &s->then);
	resolve_block(policy, &s->otherwise);
}

static void resolve_block(struct ast_policy *policy, const struct ast_block *block)
{
	for (struct ast_statement *s = block->first; s; s = s->next)
		resolve_statement(policy, s);
}

void policy_resolve(struct ast_policy *policy)
{
	resolve_block(policy, &policy->block);
}
