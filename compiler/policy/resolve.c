/* SPDX-License-Identifier: Apache-2.0 */
/* Names to rows: features, patterns, bases. What finds nothing is an error. */
#include "policy/ast.h"
#include "policy/base.h"

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
		diag_report(policy->diags, POLICY_GLOB, policy_place(policy, name->at), name->text);
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

void policy_resolve(struct ast_policy *policy)
{
	for (struct ast_statement *s = policy->first; s; s = s->next) {
		if (s->kind == STATEMENT_BASE && !base_find(s->base))
			base_unknown(policy->diags, policy_place(policy, s->base_at), s->base);
		for (struct ast_name *name = s->names; name; name = name->next)
			resolve_name(policy, name);
	}
}
