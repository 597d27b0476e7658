/* SPDX-License-Identifier: Apache-2.0 */
/* CPU policies: policy/ says all there is to say. */
#include "check/check.h"

#include "policy/msr.h"

void check_policy(const struct check_context *c)
{
	const struct policy *policy = policy_compile(c->system->arena, c->diags, c->guest);

	if (policy)
		policy_msrs(c->system->arena, c->diags, c->guest, policy);
}
