/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check/: what is wrong with a model whose documents are well-formed. Each check is one row of
 * checks.def and one function in the file of its domain; it takes a const model and reports. A
 * check whose prerequisite found an error is not run: its message would follow from the first.
 * File contents (kernels) are not looked at here; see kernel/.
 */
#ifndef HVCC_CHECK_CHECK_H
#define HVCC_CHECK_CHECK_H

#include "base/map.h"
#include "diag/diag.h"
#include "model/model.h"
#include "rule/rule.h"

struct check_context {
	struct diags *diags;
	const struct system *system;
	const struct guest *guest; /* NULL in a check of the whole system */
	const struct map *guests; /* by name */
};

enum check_id {
#define CHECK(name, scope, ...) CHECK_##name,
#include "check/checks.def"
#undef CHECK
	CHECK_COUNT
};

/* Of each guest; of the whole; of the whole once no other check has found an error. */
enum check_scope { CHECK_GUEST, CHECK_SYSTEM, CHECK_LAST };

#define MOST_PREREQUISITES 3

struct check {
	const char *name;
	enum check_scope scope;
	void (*run)(const struct check_context *context);
	uint8_t prerequisites[MOST_PREREQUISITES]; /* 1 + enum check_id; 0 ends */
};

extern const struct check checks[CHECK_COUNT];

/* What expressions about a system that was checked are read and tested in; the form is the top document's. */
struct rule_world check_world(const struct system *system);

/* Runs all checks: on each guest, then on the whole, then the last ones. */
void check_system(struct diags *diags, const struct system *system);

/* The guest of that name, or NULL. */
const struct guest *check_guest(const struct check_context *context, const char *name);

/*
 * "did you mean": the name closest to a wrong one, with its fix; of a list, or of the guests. Where a guest is
 * checked alone, that there is more in the system's file.
 */
void check_suggest(const struct check_context *context, struct diag *diag, struct position at,
		   const char *wrong, const char *const *names, size_t count);
void check_suggest_guest(const struct check_context *context, struct diag *diag,
			 struct position at, const char *wrong);

/* Guest-physical addresses have 39 bits by default. */
#define GUEST_PHYSICAL_END (1ull << 39)

/* What is at a place of the guest's address space. */
struct guest_range {
	const char *name; /* as messages call it */
	uint64_t first, end;
	bool ram;
	struct position at; /* nowhere: the same in every guest */
};

struct guest_ranges {
	VECTOR(struct guest_range) list;
};

/* Appends RAM and reserved regions, or the RAM that hvcc lays out itself, and the PC's own. */
void check_memory_map(const struct check_context *context, struct guest_ranges *ranges);

#define CHECK(name, scope, ...) void check_##name(const struct check_context *context);
#include "check/checks.def"
#undef CHECK

#endif
