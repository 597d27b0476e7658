/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any graph of documents: extends, includes, parameters. The input is a set of files in one text: a line
 * `=== name` begins each, what stands before the first one is `top.yaml`. Besides what the sanitizers see:
 * composing ends, each place of a finding lies in its file, and a document that is found sound makes a
 * model.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "model/compose.h"
#include "model/effective.h"
#include "model/from_tree.h"

#define MOST_FILES 32

struct files {
	struct {
		const char *name;
		struct bytes text;
	} items[MOST_FILES];
	size_t count;
};

static FILE *nowhere;

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void add_file(struct files *files, const char *name, const char *text, size_t size)
{
	if (files->count == MOST_FILES)
		return;
	files->items[files->count].name = name;
	files->items[files->count++].text = (struct bytes){ (const uint8_t *)text, size };
}

/* Each file gets a copy that ends where it ends. */
static void split(struct arena *arena, const char *text, struct files *files)
{
	const char *name = "top.yaml", *next;

	for (;; text = next) {
		size_t size;

		next = strncmp(text, "=== ", 4) ? strstr(text, "\n=== ") : text - 1;
		size = next ? (size_t)(next + 1 - text) : strlen(text);
		add_file(files, name, arena_strndup(arena, text, size), size);
		if (!next)
			return;
		next += 5;
		name = arena_strndup(arena, next, strcspn(next, "\n"));
		next += strcspn(next, "\n");
		next += *next == '\n';
	}
}

static const char *identify(void *context, struct arena *arena, const char *path)
{
	const struct files *files = context;

	for (size_t i = 0; i < files->count; i++)
		if (!strcmp(files->items[i].name, path))
			return arena_printf(arena, "/tree/%s", path);
	return NULL;
}

static const char *read_one(void *context, struct arena *arena, const char *path, size_t limit,
			    struct bytes *bytes)
{
	const struct files *files = context;

	(void)arena;
	(void)limit;
	for (size_t i = 0; i < files->count; i++)
		if (!strcmp(files->items[i].name, path)) {
			*bytes = files->items[i].text;
			return NULL;
		}
	return "not there";
}

static const struct node *open_document(void *context, struct file_name name,
					const struct schema *wanted)
{
	struct composed document = compose(context, name.path, name.where.at);

	if (!document.sound || document.template || document.form->schema != wanted)
		return NULL;
	return document.root;
}

static void make_model(struct composer *composer, const struct composed *document)
{
	struct opener opener = { open_document, composer };
	struct system *system = system_from_tree(
		(struct cursor){
			.arena = composer->arena,
			.sources = composer->sources,
			.file = "top.yaml",
			.schema = document->form->schema,
			.node = document->root,
		},
		&opener, NULL);

	if (!system)
		return;
	check_system(composer->diags, system);
	must(effective_system(system) != NULL);
}

static void places_are_in_their_files(const struct diags *diags)
{
	for (size_t i = 0; i < diags->list.count; i++) {
		const struct position *at = &diags->list.items[i]->at;

		must(at->file < diags->sources->files.count || !at->file);
		must(!at->file ||
		     at->offset + at->length <= source_get(diags->sources, at->file)->size);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = { 0 };
	struct sources sources = { .arena = &arena };
	struct diags *diags = diags_new(&arena, &sources);
	struct files files = { 0 };
	struct file_access access = { identify, read_one, &files };
	struct composer composer = {
		.arena = &arena,
		.diags = diags,
		.sources = &sources,
		.access = &access,
		.root = "/tree",
	};
	struct composed document;

	if (!nowhere && !(nowhere = fopen("/dev/null", "w")))
		abort();
	split(&arena, arena_strndup(&arena, (const char *)data, size), &files);
	document = compose(&composer, "top.yaml", (struct position){ 0 });
	if (document.root && document.sound && !document.template &&
	    (document.form->schema == &schema_guest || document.form->schema == &schema_system))
		make_model(&composer, &document);
	places_are_in_their_files(diags);
	diags_add_origins(diags);
	diag_print_text(diags, nowhere, false);
	arena_free(&arena);
	return 0;
}
