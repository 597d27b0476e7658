/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hvcc migrate: documents of older versions of their form become those of a newer one. Version 1 is the
 * first that was released, so the table of steps has no row yet: what there is to do is to say so, and
 * to refuse versions that this release does not know.
 */
#include "cmd/command.h"

#include <stdio.h>
#include <string.h>

#include "validate/validate.h"
#include "yaml/migrate.h"

static const struct option_row options[] = {
	{ 0, "to", "vN", "the version to end at (default: the newest)" },
	{ 0, "check", NULL, "write nothing; name the files that would change, and exit 1" },
	{ 0 },
};

/* In the order of versions; the last row ends them. */
static const struct migration_step steps[] = { { 0 } };

#define STEPS (sizeof(steps) / sizeof(*steps) - 1)

/* A document on its way. */
struct migrating {
	const char *path;
	const struct source *source; /* as it stands now */
	const struct node *root;
	const char *name; /* of the form */
	unsigned version;
};

/* The newest version of a form that this release reads; 0: it has no such form. */
static unsigned newest(struct arena *arena, const char *name)
{
	unsigned version;

	for (size_t i = 0; i < schema_document_count; i++)
		if (!strcmp(schema_documents[i].name, name) &&
		    migration_form(arena, schema_documents[i].form, &version))
			return version;
	return 0;
}

/* Reads the text and what it says of itself; false after a report. */
static bool read_document(struct invocation *in, struct migrating *m, struct bytes text)
{
	uint32_t file = source_add(in->sources, m->path, (const char *)text.data, text.size);
	size_t errors = diag_errors(in->diags);
	const struct node *form;

	m->root = yaml_read(in->arena, in->diags, file);
	m->source = source_get(in->sources, file);
	form = node_get(m->root, "schema");
	m->name = form && form->kind == NODE_SCALAR
			  ? migration_form(in->arena, form->text, &m->version) : NULL;
	if (!m->root || diag_errors(in->diags) > errors)
		return false;
	if (m->name && (m->version == newest(in->arena, m->name) ||
			migration_find(steps, STEPS, m->name, m->version)))
		return true;
	validate_form(in->diags, m->root);
	return false;
}

static bool read_file_of(struct invocation *in, struct migrating *m)
{
	struct bytes bytes;
	const char *error = read_file(in->arena, m->path, YAML_SIZE, &bytes);

	if (!error)
		return read_document(in, m, bytes);
	in->unreadable = true;
	diag_report(in->diags, FILE_UNREADABLE, ((struct position){ 0 }), m->path, error);
	return false;
}

/* Step by step; false after a report. */
static bool migrate_to(struct invocation *in, struct migrating *m, unsigned to)
{
	while (m->version < to) {
		const struct migration_step *step = migration_find(steps, STEPS, m->name, m->version);

		if (!read_document(in, m, edits_apply(migrate_step(in->arena, m->root, step), m->source)))
			return false;
	}
	return true;
}

/* Returns whether the file would change, or did. */
static bool migrate(struct invocation *in, const char *path, unsigned wanted, bool check)
{
	struct migrating m = { .path = path };
	unsigned before, to;

	if (!read_file_of(in, &m))
		return false;
	before = m.version;
	to = wanted ? wanted : newest(in->arena, m.name);
	if (before >= to) {
		printf("%s: already hvcc/%s/v%u\n", path, m.name, before);
		return false;
	}
	if (!migrate_to(in, &m, to))
		return false;
	printf("%s: hvcc/%s/v%u -> v%u\n", path, m.name, before, to);
	if (!check)
		in->unreadable |= !rewrite_file(in, path, (struct bytes){ (const uint8_t *)m.source->text,
									  m.source->size });
	return true;
}

/* "v1"; 0: no version that any form has. */
static unsigned read_version(struct arena *arena, const char *text)
{
	unsigned version;
	char end;

	if (sscanf(text, "v%4u%c", &version, &end) != 1)
		return 0;
	for (size_t i = 0; i < schema_document_count; i++)
		if (version && version <= newest(arena, schema_documents[i].name))
			return version;
	return 0;
}

static int run(struct invocation *in)
{
	const char *to = invocation_option(in, "to");
	bool check = invocation_option(in, "check"), changes = false;
	unsigned version = to ? read_version(in->arena, to) : 0;
	int code;

	if (to && !version)
		return usage_error(in, "--to: this release knows version v%u, and not `%s`",
				   newest(in->arena, "guest"), to);
	for (size_t i = 0; i < in->argument_count; i++)
		changes |= migrate(in, in->arguments[i], version, check);
	code = invocation_verdict(in);
	return code == EXIT_OK && check && changes ? EXIT_CONFIGURATION : code;
}

const struct command command_migrate = {
	.name = "migrate",
	.arguments = "FILE...",
	.summary = "bring files to the newest version of their form",
	.description = "The first key of a document says which version of its form it has. Documents of an older "
		       "version become such of a newer one, in place; comments and the order of keys stay. "
		       "Version v1 is the only one so far, so that files of v1 are left as they are, and all "
		       "other versions are errors.",
	.options = options,
	.least = 1,
	.most = -1,
	.run = run,
};
