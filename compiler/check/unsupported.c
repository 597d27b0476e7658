/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys that hvcc understands and the core of this release cannot honour: those with `x-needs` in schema/. They
 * come last, so that whoever prepares a file for a later release learns first what is wrong with it.
 */
#include "check/check.h"

void check_unsupported(const struct check_context *c)
{
	for (size_t i = 0; i < c->system->unmet.count; i++) {
		const struct unmet *unmet = &c->system->unmet.items[i];
		struct diag *d = diag_report(c->diags, UNSUPPORTED, unmet->at, unmet->key,
					     unmet->needs);

		diag_help(d, "take `%s` out, or keep the file for a release whose core has it",
			  unmet->key);
	}
}
