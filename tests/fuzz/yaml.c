/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a document: tree, schema, model, checks, effective configuration, all printers, layout.
 * Nothing but memory is touched: a guest that a system names by file is not there. Besides what
 * the sanitizers see, three things must hold: a document without errors gives a model whose
 * effective form is a document without errors; each place in a policy lies in its file; and what was
 * laid out is laid out.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "model/effective.h"
#include "model/from_tree.h"
#include "validate/validate.h"
#include "yaml/yaml_edit.h"

static FILE *nowhere;

static const struct node *open_nothing(void *context, struct file_name name,
				       const struct schema *wanted)
{
	struct diags *diags = context;

	(void)wanted;
	diag_report(diags, FILE_UNREADABLE, name.where.at, name.value, "not there");
	return NULL;
}

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void walk_policy(const struct guest *guest)
{
	const struct located_text *policy = &guest->cpu.policy;

	for (size_t i = 0; i < policy->size; i++) {
		struct position at = located_text_position(policy, i, 1);

		must(at.line >= 1 && at.column >= 1);
		must(at.offset >= policy->where.at.offset);
	}
}

static void walk_effective(const struct effective *e)
{
	must(e->schema != NULL);
	must(e->kind == EFFECTIVE_MAP || e->kind == EFFECTIVE_LIST || e->text != NULL);
	for (size_t i = 0; i < e->children.count; i++)
		walk_effective(e->children.items[i]);
}

static void compile(struct arena *arena, struct sources *sources, struct diags *diags, uint32_t file)
{
	struct opener opener = { open_nothing, diags };
	struct node *root = yaml_read(arena, diags, file);
	const struct schema_document *form = root ? validate_form(diags, root) : NULL;
	const struct node *left = NULL;
	struct system *system = NULL;
	bool sound;

	/* What is left of a document with wrong values is a model, too. */
	if (form)
		left = validate_usable(arena, diags, form->schema, root, &sound);
	if (left && form->schema != &schema_platform)
		system = system_from_tree((struct cursor){ .arena = arena, .sources = sources,
							   .file = "fuzz.yaml",
							   .schema = form->schema, .node = left },
					  &opener, NULL);
	if (!system)
		return;
	check_system(diags, system);
	for (size_t i = 0; i < system->guests.count; i++)
		walk_policy(system->guests.items[i]);
	walk_effective(effective_system(system));
}

/* Returns the document laid out; no bytes where it is none, or would say something else. */
static struct bytes layout(struct arena *arena, struct bytes text)
{
	struct sources sources = { .arena = arena };
	struct diags *diags = diags_new(arena, &sources);
	uint32_t file = source_add(&sources, "fuzz.yaml", (const char *)text.data, text.size), second;
	struct node *root = yaml_read(arena, diags, file), *again;
	struct edits *edits;

	if (!root || diag_errors(diags))
		return (struct bytes){ 0 };
	edits = yaml_format(arena, source_get(&sources, file), root);
	edits_print_diff(edits, source_get(&sources, file), nowhere);
	text = edits_apply(edits, source_get(&sources, file));
	second = source_add(&sources, "fuzz.yaml", (const char *)text.data, text.size);
	again = yaml_read(arena, diags, second);
	return again && node_equal(root, again) ? text : (struct bytes){ 0 };
}

static void lay_out(struct arena *arena, struct bytes text)
{
	struct bytes once = layout(arena, text), twice;

	if (!once.data)
		return;
	twice = layout(arena, once);
	must(once.size == twice.size && !memcmp(once.data, twice.data, once.size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = { 0 };
	struct sources sources = { .arena = &arena };
	struct diags *diags = diags_new(&arena, &sources);
	const char *text = arena_strndup(&arena, (const char *)data, size);

	if (!nowhere && !(nowhere = fopen("/dev/null", "w")))
		abort();
	compile(&arena, &sources, diags, source_add(&sources, "fuzz.yaml", text, size));
	diag_print_text(diags, nowhere, true);
#define PRINTER_FOR_PEOPLE(name)
#define PRINTER(name, machine) diag_print_##name(diags, nowhere);
#include "diag/printers.def"
#undef PRINTER
#undef PRINTER_FOR_PEOPLE
	lay_out(&arena, (struct bytes){ (const uint8_t *)text, strlen(text) });
	arena_free(&arena);
	return 0;
}
