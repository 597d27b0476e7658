/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys that hvcc understands and the core of this release cannot honour: those with `x-needs` in schema/. They
 * come last, so that whoever prepares a file for a later release learns first what is wrong with it.
 */
#include "check/check.h"

/* A value that it lacks, where it has others. */
static void check_panic(const struct check_context *c, const struct panic *panic)
{
	struct diag *d;

	if (!was_set(panic->where) || panic->model.value != PANIC_MODEL_PVPANIC_PCI)
		return;
	d = diag_report(c->diags, UNSUPPORTED, panic->model.where.at, "pvpanic-pci", "a panic device on PCI");
	diag_help(d, "`model: pvpanic` is the same on a port");
}

void check_unsupported(const struct check_context *c)
{
	for (size_t i = 0; i < c->system->unmet.count; i++) {
		const struct unmet *unmet = &c->system->unmet.items[i];
		struct diag *d = diag_report(c->diags, UNSUPPORTED, unmet->at, unmet->key,
					     unmet->needs);

		diag_help(d, "take `%s` out, or keep the file for a release whose core has it",
			  unmet->key);
	}
	for (size_t i = 0; i < c->system->guests.count; i++)
		check_panic(c, &c->system->guests.items[i]->devices.panic);
}
