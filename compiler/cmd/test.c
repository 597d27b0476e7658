/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hvcc test: what is to be found in documents, and which values are to be in force in them
 * (*.hvtest.yaml, hvcc/test/v1). Each test checks its document, changed by its patch, as `hvcc check
 * --no-files` would, with findings of its own; what differs from what the test says is reported.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "check/check.h"
#include "cmd/command.h"
#include "model/compose.h"
#include "model/effective.h"
#include "rule/rule.h"
#include "validate/lint.h"

#define SUFFIX	     ".hvtest.yaml"
#define MOST_FOLDERS 32 /* deep */

struct files {
	VECTOR(const char *) list;
};

/* ------------------------------------------------------------------------------------ findings */

static bool is_failure(const struct diag *diag)
{
	return diag->severity >= SEVERITY_WARNING;
}

static const struct diag *find_code(const struct diags *diags, enum diag_code code)
{
	for (size_t i = 0; i < diags->list.count; i++)
		if (is_failure(diags->list.items[i]) && diags->list.items[i]->code == code)
			return diags->list.items[i];
	return NULL;
}

static void compare_expected(struct invocation *in, const struct diags *found,
			     const struct node *entry, bool *expected)
{
	const struct diag_row *row = diag_find(entry->text);
	const char *meant;
	struct diag *d;

	if (!row) {
		d = diag_report(in->diags, LINT_UNKNOWN, entry->at, entry->text);
		meant = diag_meant(in->arena, entry->text);
		if (meant)
			diag_help(d, "did you mean `%s`?", meant);
		return;
	}
	expected[row - diag_rows] = true;
	if (!find_code(found, (enum diag_code)(row - diag_rows)))
		diag_report(in->diags, TEST_MISSING, entry->at, row->id);
}

static void compare_codes(struct invocation *in, const struct diags *found,
			  const struct node *test)
{
	const struct node *codes = node_get(test, "codes");
	bool expected[DIAG_COUNT] = { false };

	for (size_t i = 0; codes && i < codes->items.count; i++)
		compare_expected(in, found, codes->items.items[i], expected);
	for (size_t i = 0; i < found->list.count; i++) {
		const struct diag *diag = found->list.items[i];
		struct diag *d;

		if (!is_failure(diag) || expected[diag->code])
			continue;
		d = diag_report(in->diags, TEST_FOUND, (codes ? codes : node_get(test, "name"))->at,
				diag_rows[diag->code].id, diag->message);
		if (position_known(diag->at))
			diag_note(d, diag->at, "found here");
	}
}

/* -------------------------------------------------------------------------------------- values */

/* A value as the configuration has it, or NULL when the text is none. */
static bool read_value(struct invocation *in, const struct node *text, struct rule_value *value)
{
	static const struct rule_world empty;
	struct diags *quiet = diags_new(in->arena, in->sources);
	struct located_text *located = arena_new(in->arena, struct located_text);
	const struct rule *rule;

	node_locate_text(in->arena, in->sources, text, located);
	rule = rule_parse(in->arena, quiet, located, 0, located->size, &empty, RULE_ANY);
	return rule && rule_value(rule, &empty, quiet, value);
}

static bool is_value(struct invocation *in, const struct node *wanted,
		     const struct rule_value *value)
{
	struct rule_value read;

	if (value->kind == RULE_STRING)
		return !strcmp(value->text, wanted->text);
	return read_value(in, wanted, &read) && rule_equal(&read, value);
}

static void compare_value(struct invocation *in, const struct rule_world *world,
			  const struct node_pair *pair)
{
	struct located_text *text = arena_new(in->arena, struct located_text);
	struct rule_value value;
	const struct rule *rule;
	struct diag *d;

	node_locate_text(in->arena, in->sources, pair->key, text);
	rule = rule_parse(in->arena, in->diags, text, 0, text->size, world, RULE_ANY);
	if (!rule || !rule_value(rule, world, in->diags, &value) ||
	    is_value(in, pair->value, &value))
		return;
	d = diag_report(in->diags, TEST_VALUE, pair->value->at, rule_text(rule),
			rule_show(in->arena, &value), pair->value->text);
	if (value.node && was_set(value.node->where))
		diag_note(d, value.node->where.at, "set here");
}

static void compare_values(struct invocation *in, const struct system *system,
			   const struct node *values)
{
	struct rule_world world;

	if (!values)
		return;
	if (!system) {
		diag_report(in->diags, TEST_VALUE, values->at, "values",
			    "not known, since the document has errors", "something");
		return;
	}
	world = check_world(system);
	for (size_t i = 0; i < values->pairs.count; i++)
		compare_value(in, &world, &values->pairs.items[i]);
}

/* --------------------------------------------------------------------------------------- tests */

static const char *path_in(struct invocation *in, const char *file, const struct node *name)
{
	return name ? path_relative_to(in->arena, file, name->text) : NULL;
}

static void take_rules(struct invocation *trial, const struct invocation *in, const char *file,
		       const struct node *policy)
{
	size_t own = policy ? policy->items.count : 0;

	trial->rules = arena_array(in->arena, own + in->rules_count, sizeof(*trial->rules));
	for (size_t i = 0; i < in->rules_count; i++)
		trial->rules[trial->rules_count++].path = in->rules[i].path;
	for (size_t i = 0; i < own; i++)
		trial->rules[trial->rules_count++].path =
			path_relative_to(in->arena, file, policy->items.items[i]->text);
}

static void run_test(struct invocation *in, const char *file, const struct node *test)
{
	struct invocation trial = {
		.command = in->command, .printer = in->printer, .root = in->root,
		.arena = in->arena, .sources = in->sources,
		.diags = diags_new(in->arena, in->sources),
		.patch = node_get(test, "patch"),
		.platform = path_in(in, file, node_get(test, "platform")),
	};
	const struct system *system;

	if (!trial.platform)
		trial.platform = in->platform;
	take_rules(&trial, in, file, node_get(test, "policy"));
	system = load_and_check(&trial, path_in(in, file, node_get(test, "document")));
	lint_idle(trial.diags, false);
	compare_codes(in, trial.diags, test);
	compare_values(in, system, node_get(test, "values"));
}

static void run_file(struct invocation *in, const char *path, size_t *failed)
{
	const struct node *root, *tests;

	in->composer = NULL;
	root = load_form(in, path, &schema_test);
	tests = node_get(root, "tests");
	for (size_t i = 0; tests && i < tests->items.count; i++) {
		const struct node *test = tests->items.items[i];
		const char *name = arena_printf(in->arena, "%s: %s", path,
						node_get(test, "name")->text);
		size_t before = diag_errors(in->diags);

		diags_begin_test(in->diags, name);
		run_test(in, path, test);
		*failed += diag_errors(in->diags) > before;
		if (!in->printer->machine)
			printf("%s  %s\n", diag_errors(in->diags) > before ? "FAILED" : "ok    ", name);
	}
}

/* --------------------------------------------------------------------------------------- files */

static bool is_test(const char *name)
{
	size_t length = strlen(name);

	return length > strlen(SUFFIX) && !strcmp(name + length - strlen(SUFFIX), SUFFIX);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void find_tests(struct invocation *in, const char *folder, int depth, struct files *files)
{
	struct dirent **entries = NULL;
	int count = depth < MOST_FOLDERS ? scandir(folder, &entries, NULL, by_name) : 0;

	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		const char *path = strcmp(folder, ".") ? arena_printf(in->arena, "%s/%s", folder, name)
						       : arena_strdup(in->arena, name);
		struct stat status;

		if (name[0] != '.' && !lstat(path, &status)) {
			if (S_ISDIR(status.st_mode))
				find_tests(in, path, depth + 1, files);
			else if (is_test(name))
				vector_push(in->arena, &files->list, path);
		}
		free(entries[i]);
	}
	free(entries);
}

static int run(struct invocation *in)
{
	static const char *const here[] = { "." };
	const char *const *arguments = in->argument_count ? in->arguments : here;
	struct files files = { 0 };
	size_t failed = 0;

	for (size_t i = 0; i < (in->argument_count ? in->argument_count : 1); i++) {
		size_t before = files.list.count;
		struct stat status;

		if (stat(arguments[i], &status) || !S_ISDIR(status.st_mode)) {
			vector_push(in->arena, &files.list, arguments[i]);
			continue;
		}
		find_tests(in, arguments[i], 0, &files);
		if (files.list.count == before)
			return environment_error(in, "no tests (*%s) in `%s`", SUFFIX, arguments[i]);
	}
	in->prints_findings = in->printer->machine;
	for (size_t i = 0; i < files.list.count; i++)
		run_file(in, files.list.items[i], &failed);
	if (!in->printer->machine)
		printf("%zu test%s, %zu failed\n", in->diags->tests.count,
		       in->diags->tests.count == 1 ? "" : "s", failed);
	return invocation_verdict(in);
}

const struct command command_test = {
	.name = "test",
	.arguments = "[DIR|FILE...]",
	.summary = "run tests of configurations (*.hvtest.yaml)",
	.description = "A test names a document, changes it where it has a `patch`, and says which codes "
		       "are found in it, no more and no fewer, and which values are in force (`hvcc "
		       "schema test`, `hvcc explain tests.values`). Kernels and initrds are not read. With "
		       "--format tap or junit, the report has a test case a test. Folders are searched "
		       "for files that end in .hvtest.yaml; one without any is an error.",
	.least = 0,
	.most = -1,
	.run = run,
};
