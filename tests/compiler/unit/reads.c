/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check/reads.def says which parts of a guest's document a check reads. Here each row is held against what its check
 * does: with all other parts of the guest poisoned for the address sanitizer it runs through every document of the
 * cases, and with each part of its row poisoned alone it stops in one of them. What a run stops at is told by the
 * status of a child, since nobody goes on after a wrong access.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

#include "check/check.h"
#include "model/compose.h"
#include "model/from_tree.h"

#define EVERY_PART ((1u << GUEST_PART_other) - 1)

static const uint32_t reads[CHECK_COUNT] = {
#define READS(name, parts) [CHECK_##name] = (parts),
#define PART(name) + (1u << GUEST_PART_##name)
#include "check/reads.def"
#undef PART
#undef READS
};

static const struct {
	const char *name;
	size_t at, size;
} parts[GUEST_PART_other] = {
#define ROW(part, field) [GUEST_PART_##part] = { #part, offsetof(struct guest, field), sizeof(((struct guest *)0)->field) },
	ROW(name, name) ROW(uuid, uuid) ROW(vcpus, vcpus) ROW(scheduling, scheduling) ROW(cpu, cpu) ROW(memory, memory)
	ROW(iommu, iommu) ROW(boot, boot) ROW(devices, devices) ROW(acpi, acpi) ROW(timers, timers) ROW(events, events)
	ROW(pv, pv) ROW(assert, assertions) ROW(lint, lint)
};

/* A document of the cases, and its model. */
struct document {
	const char *path;
	struct loaded *loaded;
	const struct system *system;
};

static VECTOR(const char *) paths;
static VECTOR(struct document) documents;
static struct arena names;

static int note_document(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	size_t length = strlen(path);

	(void)status;
	(void)where;
	if (kind == FTW_F && length > 5 && !strcmp(path + length - 5, ".yaml") && !strstr(path, "/yaml/"))
		vector_push(&names, &paths, arena_strdup(&names, path));
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* ------------------------------------------------------------------------------------ one document */

struct loaded {
	struct arena arena;
	struct sources sources;
	struct diags *diags;
	struct composer composer;
	struct map guests;
};

static const struct node *open_document(void *context, struct file_name name, const struct schema *wanted)
{
	struct loaded *l = context;
	struct composed part = compose(&l->composer, name.path, name.where.at);

	return part.form && part.form->schema == wanted && part.sound && !part.template ? part.root : NULL;
}

/* The model of a document; NULL: it makes none. */
static const struct system *load(struct loaded *l, const char *path)
{
	struct opener opener = { open_document, l };
	struct composed top;
	struct system *system;

	*l = (struct loaded){ 0 };
	l->sources.arena = &l->arena;
	l->diags = diags_new(&l->arena, &l->sources);
	l->composer = (struct composer){ .arena = &l->arena, .diags = l->diags, .sources = &l->sources, .access = &disk_access };
	top = compose(&l->composer, path, (struct position){ 0 });
	if (!top.form || !top.sound || top.template || (top.form->schema != &schema_guest && top.form->schema != &schema_system))
		return NULL;
	system = system_from_tree((struct cursor){ .arena = &l->arena, .sources = &l->sources, .file = path,
						   .schema = top.form->schema, .node = top.root }, &opener, NULL);
	for (size_t i = 0; i < system->guests.count; i++)
		map_put(&l->arena, &l->guests, system->guests.items[i]->name.value, system->guests.items[i]);
	return system->incomplete ? NULL : system;
}

/* Whether the check may run: those before it found no error. */
static bool may_run(const struct check_context *c, enum check_id id)
{
	for (size_t i = 0; i < MOST_PREREQUISITES && checks[id].prerequisites[i]; i++) {
		enum check_id first = checks[id].prerequisites[i] - 1;
		struct check_context of = *c;
		size_t before = diag_errors(c->diags);

		if (!may_run(c, first))
			return false;
		for (size_t g = 0; g < (checks[first].scope == CHECK_GUEST ? c->system->guests.count : 1); g++) {
			of.guest = checks[first].scope == CHECK_GUEST ? c->system->guests.items[g] : NULL;
			checks[first].run(&of);
		}
		if (diag_errors(c->diags) != before)
			return false;
	}
	return true;
}

static void poison(const struct system *system, uint32_t set, bool on)
{
#ifdef __SANITIZE_ADDRESS__
	for (size_t g = 0; g < system->guests.count; g++)
		for (size_t p = 0; p < GUEST_PART_other; p++) {
			char *part = (char *)system->guests.items[g] + parts[p].at;

			if (set >> p & 1 && on)
				__asan_poison_memory_region(part, parts[p].size);
			else if (set >> p & 1)
				__asan_unpoison_memory_region(part, parts[p].size);
		}
#else
	(void)system;
	(void)set;
	(void)on;
#endif
}

static int running = CHECK_COUNT;

static void run_poisoned(struct check_context *c, enum check_id id, uint32_t set)
{
	running = id;
	for (size_t g = 0; g < (checks[id].scope == CHECK_GUEST ? c->system->guests.count : 1); g++) {
		c->guest = checks[id].scope == CHECK_GUEST ? c->system->guests.items[g] : NULL;
		if (!may_run(c, id))
			continue;
		poison(c->system, set, true);
		checks[id].run(c);
		poison(c->system, set, false);
	}
}

/* -------------------------------------------------------------------------------------- in a child */

static void stopped(void)
{
	_exit(running);
}

static void load_all(void)
{
	for (size_t i = 0; i < paths.count; i++) {
		struct loaded *l = arena_new(&names, struct loaded);
		const struct system *system = load(l, paths.items[i]);

		if (system && system->guests.count)
			vector_push(&names, &documents, ((struct document){ paths.items[i], l, system }));
	}
}

/* Runs checks [first, end) with what poison_of() says of each; which of them stopped, or CHECK_COUNT. */
static int stops_at(const struct document *document, enum check_id first, enum check_id end, uint32_t (*poison_of)(enum check_id))
{
	pid_t child = fork();
	int status = 0;

	_Static_assert(CHECK_COUNT < 255, "checks are told by exit statuses");
	assert_true(child >= 0);
	if (!child) {
		struct check_context c = { .diags = document->loaded->diags, .system = document->system,
					   .guests = &document->loaded->guests };

		fclose(stderr);
		close(2);
#ifdef __SANITIZE_ADDRESS__
		__asan_set_death_callback(stopped);
#endif
		for (enum check_id id = first; id < end; id++)
			if (poison_of(id))
				run_poisoned(&c, id, poison_of(id));
		_exit(CHECK_COUNT);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static uint32_t other_parts(enum check_id id)
{
	return reads[id] ? EVERY_PART & ~reads[id] : 0;
}

static uint32_t single_part;

static uint32_t the_single_part(enum check_id id)
{
	(void)id;
	return single_part;
}

/* ------------------------------------------------------------------------------------------- tests */

static void checks_read_no_more(void **state)
{
	bool good = true;

	(void)state;
	for (size_t i = 0; i < documents.count; i++)
		for (int check = 0; check < CHECK_COUNT; check++) {
			check = stops_at(&documents.items[i], (enum check_id)check, CHECK_COUNT, other_parts);
			if (check == CHECK_COUNT)
				break;
			printf("# %s reads what its row does not have, in %s\n", checks[check].name, documents.items[i].path);
			good = false;
		}
	assert_true(good);
}

/* Rich documents stand first in the order of names: config/. */
static bool reads_part(enum check_id id, size_t part)
{
	single_part = 1u << part;
	for (size_t i = 0; i < documents.count; i++)
		if (stops_at(&documents.items[i], id, id + 1, the_single_part) != CHECK_COUNT)
			return true;
	return false;
}

static void checks_read_no_less(void **state)
{
	bool good = true;

	(void)state;
	for (enum check_id id = 0; id < CHECK_COUNT; id++)
		for (size_t part = 0; reads[id] && part < GUEST_PART_other; part++)
			if (reads[id] >> part & 1 && !reads_part(id, part)) {
				printf("# %s does not read `%s`\n", checks[id].name, parts[part].name);
				good = false;
			}
	assert_true(good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checks_read_no_more),
		cmocka_unit_test(checks_read_no_less),
	};

	if (nftw("tests/compiler/cases", note_document, 16, FTW_PHYS) || !paths.count)
		return 1;
	qsort(paths.items, paths.count, sizeof(*paths.items), by_name);
	load_all();
#ifndef __SANITIZE_ADDRESS__
	printf("1..0 # SKIP without the address sanitizer nothing is seen\n");
	return 0;
#endif
	return cmocka_run_group_tests(tests, NULL, NULL);
}
