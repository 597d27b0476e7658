/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lowering passes, in the order in which they run (passes.c). A pass reports what it finds
 * through the context's diagnostics and goes on where it can; after a pass that reported an error
 * the remaining ones do not run. Its `check` re-derives what later passes rely on: a failure there
 * is a fault of hvcc (exit 70), never of the input.
 */
#ifndef HVCC_LOWER_PASS_H
#define HVCC_LOWER_PASS_H

#include <stdbool.h>

#include "lower/lowered.h"

struct diags;  /* diag/diag.h */
struct system; /* model/model.h */

struct lower_context {
	struct arena *arena;
	struct diags *diags;
	const struct system *model;
	struct lowered_system *system;
};

struct pass {
	const char *name;
	void (*run)(struct lower_context *context, struct lowered *guest); /* each guest */
	bool (*check)(const struct lowered *guest); /* NULL: nothing to re-derive */
};

/*
 * Lowers the whole system. Returns false when there were errors (reported); the lowered form then
 * is incomplete and must not be emitted.
 */
bool lower_system(struct lower_context *context);

#endif
