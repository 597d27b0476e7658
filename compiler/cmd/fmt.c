/* SPDX-License-Identifier: Apache-2.0 */
/* hvcc fmt: one layout for all documents; comments, the order of keys and texts stay. */
#include "cmd/command.h"

#include <string.h>

#include "yaml/yaml_edit.h"

static const struct option_row options[] = {
	{ 0, "check", NULL, "write nothing; name the files that would change, and exit 1" },
	{ 0, "diff", NULL, "write nothing; show what would change" },
	{ 0 },
};

static uint32_t read_source(struct invocation *in, const char *path)
{
	struct bytes bytes;
	const char *error = read_file(in->arena, path, YAML_SIZE, &bytes);

	if (!error)
		return source_add(in->sources, path, (const char *)bytes.data, bytes.size);
	in->unreadable = true;
	diag_report(in->diags, FILE_UNREADABLE, ((struct position){ 0 }), path, error);
	return 0;
}

/* Whether the new text says what the old one said. */
static bool says_the_same(struct invocation *in, const char *path, const struct node *root,
			  struct bytes bytes)
{
	struct sources sources = { .arena = in->arena };
	struct diags *diags = diags_new(in->arena, &sources);
	uint32_t file = source_add(&sources, path, (const char *)bytes.data, bytes.size);
	const struct node *again = yaml_read(in->arena, diags, file);

	return again && !diag_errors(diags) && node_equal(root, again);
}

/* Returns whether the file would change, or did. */
static bool format(struct invocation *in, const char *path, bool check, bool diff)
{
	uint32_t file = read_source(in, path);
	size_t errors = diag_errors(in->diags);
	const struct node *root = file ? yaml_read(in->arena, in->diags, file) : NULL;
	const struct source *source;
	struct edits *edits;
	struct bytes bytes;

	if (!root || diag_errors(in->diags) > errors)
		return false;
	source = source_get(in->sources, file);
	edits = yaml_format(in->arena, source, root);
	if (!edits->list.count)
		return false;
	bytes = edits_apply(edits, source);
	if (!says_the_same(in, path, root, bytes)) {
		diag_report(in->diags, YAML_LAYOUT, root->at);
		return false;
	}
	if (diff)
		edits_print_diff(edits, source, stdout);
	else if (check)
		puts(path);
	if (!check && !diff)
		in->unreadable |= !rewrite_file(in, path, bytes);
	return true;
}

static int run(struct invocation *in)
{
	bool check = invocation_option(in, "check"), diff = invocation_option(in, "diff");
	bool changes = false;
	int code;

	for (size_t i = 0; i < in->argument_count; i++)
		changes |= format(in, in->arguments[i], check, diff);
	code = invocation_verdict(in);
	return code == EXIT_OK && check && changes ? EXIT_CONFIGURATION : code;
}

const struct command command_fmt = {
	.name = "fmt",
	.arguments = "FILE...",
	.summary = "lay files out in one way; comments and the order of keys stay",
	.description = "Two blanks a level, lists below their key, one blank behind `:`, `-` and `,`, `{ a: 1 }` and "
		       "`[a, b]`, no blanks at the ends of lines, at most one empty line, a newline at the "
		       "end. Quotes, comments and the texts of block scalars stay as they are. What a "
		       "document says never changes, and formatting twice is formatting once.",
	.options = options,
	.least = 1,
	.most = -1,
	.run = run,
};
