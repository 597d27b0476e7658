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

/* Devices that are windows without registers the core has; those with registers not yet. */
static void check_models(const struct check_context *c, const struct guest *guest)
{
	for (size_t i = 0; i < guest->devices.shmem.count; i++) {
		const struct shmem *s = &guest->devices.shmem.items[i];
		struct diag *d;

		if (s->model.value == SHMEM_MODEL_WINDOW)
			continue;
		d = diag_report(c->diags, UNSUPPORTED, s->where.at, s->id.value, "ivshmem");
		diag_help(d, "give it `model: window` and a `gpa`");
	}
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
	for (size_t i = 0; i < c->system->guests.count; i++) {
		check_panic(c, &c->system->guests.items[i]->devices.panic);
		check_models(c, c->system->guests.items[i]);
	}
}
