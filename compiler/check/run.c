/* SPDX-License-Identifier: Apache-2.0 */
/* Running the checks: prerequisites first, and nothing that follows from what was found. */
#include "check/check.h"

#include <string.h>

/* PREREQUISITE(x) for each name behind the scope; an empty list has none. */
#define ONE(name)    1 + CHECK_##name
#define LIST_0()
#define LIST_1(a)	ONE(a)
#define LIST_2(a, b)	ONE(a), ONE(b)
#define LIST_3(a, b, c) ONE(a), ONE(b), ONE(c)
#define PICK(_0, _1, _2, _3, list, ...) list
#define LIST(...) PICK(_, ##__VA_ARGS__, LIST_3, LIST_2, LIST_1, LIST_0)(__VA_ARGS__)

const struct check checks[CHECK_COUNT] = {
#define CHECK(name, scope, ...) { #name, CHECK_##scope, check_##name, { LIST(__VA_ARGS__) } },
#include "check/checks.def"
#undef CHECK
};

#define EVERYTHING UINT32_MAX

/* The parts of guests' documents that a check reads, where it is not all of them. */
static const uint32_t reads[CHECK_COUNT] = {
#define READS(name, parts) [CHECK_##name] = (parts),
#define PART(name) + (1u << GUEST_PART_##name)
#include "check/reads.def"
#undef PART
#undef READS
};

enum outcome { NOT_RUN, GOOD, FAILED };

struct runner {
	struct check_context context;
	uint8_t outcomes[CHECK_COUNT]; /* of this guest, or of the whole */
	uint8_t anywhere[CHECK_COUNT]; /* FAILED: for some guest */
	uint32_t invalid; /* parts with wrong values, of any guest */
};

/* Whether what the check reads is as documents should be. */
static bool can_read(const struct runner *r, enum check_id id)
{
	uint32_t parts = reads[id] ? reads[id] : EVERYTHING;

	if (checks[id].scope == CHECK_GUEST)
		return !(r->context.guest->invalid & parts);
	return !(r->invalid & parts) && !r->context.system->incomplete;
}

static enum outcome run_check(struct runner *r, enum check_id id)
{
	const struct check *check = &checks[id];
	size_t before = diag_errors(r->context.diags);

	if (r->outcomes[id] != NOT_RUN)
		return r->outcomes[id];
	for (size_t i = 0; i < MOST_PREREQUISITES && check->prerequisites[i]; i++) {
		enum check_id first = check->prerequisites[i] - 1;
		enum outcome outcome = checks[first].scope == check->scope
					       ? run_check(r, first)
					       : r->anywhere[first];

		if (outcome == FAILED)
			return r->outcomes[id] = r->anywhere[id] = FAILED;
	}
	if (!can_read(r, id))
		return r->outcomes[id] = r->anywhere[id] = FAILED;
	check->run(&r->context);
	r->outcomes[id] = diag_errors(r->context.diags) > before ? FAILED : GOOD;
	if (r->outcomes[id] == FAILED)
		r->anywhere[id] = FAILED;
	return r->outcomes[id];
}

static void run_scope(struct runner *r, enum check_scope scope, const struct guest *guest)
{
	r->context.guest = guest;
	memset(r->outcomes, NOT_RUN, sizeof(r->outcomes));
	for (size_t i = 0; i < CHECK_COUNT; i++)
		if (checks[i].scope == scope)
			run_check(r, (enum check_id)i);
}

static void run_guest(struct runner *r, const struct guest *guest)
{
	r->context.diags->subject = guest->where.at;
	run_scope(r, CHECK_GUEST, guest);
	r->context.diags->subject = (struct position){ 0 };
}

void check_system(struct diags *diags, const struct system *system)
{
	struct runner r = { .context = { .diags = diags, .system = system } };
	size_t before = diag_errors(diags);
	struct map guests = { 0 };

	for (size_t i = 0; i < system->guests.count; i++)
		r.invalid |= system->guests.items[i]->invalid;
	for (size_t i = 0; i < system->guests.count; i++)
		map_put(system->arena, &guests, system->guests.items[i]->name.value,
			system->guests.items[i]);
	r.context.guests = &guests;
	for (size_t i = 0; i < system->guests.count; i++)
		run_guest(&r, system->guests.items[i]);
	run_scope(&r, CHECK_SYSTEM, NULL);
	if (diag_errors(diags) == before)
		run_scope(&r, CHECK_LAST, NULL);
}
