/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hvcc manual: the manual pages (man(7) macros), made from the tables of commands and options and from
 * the schemas: hvcc.1, hvcc-COMMAND.1 and hvcc-FORM.5. Written one to standard output, or all of them
 * into a folder.
 */
#include "cmd/command.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/output.h"
#include "base/version.h"
#include "validate/schema.h"

static const struct option_row options[] = {
	{ 'o', "output", "DIR", "write all pages there" },
	{ 0 },
};

static bool is_end(const struct option_row *row)
{
	return !row->letter && !row->name;
}

/* ------------------------------------------------------------------------------------ roff */

/* Running text: what stands in backquotes is bold; nothing is taken for a request. */
static void put_text(FILE *out, const char *text)
{
	bool bold = false, start = true;

	for (; *text; text++) {
		if (start && (*text == '.' || *text == '\''))
			fputs("\\&", out);
		start = *text == '\n';
		if (*text == '`')
			fputs((bold = !bold) ? "\\fB" : "\\fR", out);
		else if (*text == '\\')
			fputs("\\e", out);
		else if (*text == '-')
			fputs("\\-", out);
		else if (*text == '~')
			fputs("\\(ti", out);
		else if (*text == '^')
			fputs("\\(ha", out);
		else
			fputc(*text, out);
	}
	if (bold)
		fputs("\\fR", out);
}

static void put_paragraph(FILE *out, const char *text)
{
	put_text(out, text);
	fputc('\n', out);
}

static void put_head(FILE *out, const char *name, int section, const char *summary)
{
	fputs(".TH ", out);
	for (const char *c = name; *c; c++)
		fputc(toupper((unsigned char)*c), out);
	fprintf(out, " %d %s \"hvcc %s\"\n.SH NAME\n", section, HVCC_DATE, HVCC_VERSION);
	put_text(out, name);
	fputs(" \\- ", out);
	put_paragraph(out, summary);
}

static void put_options(FILE *out, const struct option_row *rows)
{
	for (; rows && !is_end(rows); rows++) {
		const char *between = rows->argument && rows->argument[0] != '[' ? " " : "";

		fputs(".TP\n", out);
		if (rows->letter)
			fprintf(out, "\\fB\\-%c\\fR%s", rows->letter, rows->name ? ", " : "");
		if (rows->name) {
			fputs("\\fB", out);
			put_text(out, "--");
			put_text(out, rows->name);
			fputs("\\fR", out);
		}
		if (rows->argument) {
			fprintf(out, "%s\\fI", between);
			put_text(out, rows->argument);
			fputs("\\fR", out);
		}
		fputc('\n', out);
		put_paragraph(out, rows->help);
	}
}

static void put_exit_codes(FILE *out)
{
	fputs(".SH EXIT STATUS\n", out);
	for (const char *line = exit_codes; *line; line = strchr(line, '\n') + 1) {
		const char *code = line + strspn(line, " ");
		int digits = (int)strcspn(code, " "), length;

		code += digits;
		length = (int)strcspn(code, "\n");
		fprintf(out, ".TP\n.B %.*s\n%.*s\n", digits, code - digits, length - 2, code + 2);
	}
}

/* ---------------------------------------------------------------------------- pages of commands */

static void put_command(FILE *out, const struct command *command)
{
	fputs(".SH SYNOPSIS\n", out);
	fprintf(out, "\\fBhvcc %s\\fR [\\fIoptions\\fR]%s\\fI", command->name,
		*command->arguments ? " " : "");
	put_text(out, command->arguments);
	fprintf(out, "\\fR%s\n", command->passes_rest ? " [\\fB\\-\\-\\fR \\fIARGUMENTS...\\fR]" : "");
	fputs(".SH DESCRIPTION\n", out);
	put_text(out, command->summary);
	fputs(".\n", out);
	if (command->description) {
		fputs(".PP\n", out);
		put_paragraph(out, command->description);
	}
	if (command->options) {
		fputs(".SH OPTIONS\n", out);
		put_options(out, command->options);
	}
	fputs(".SH OPTIONS FOR ALL COMMANDS\n", out);
	put_options(out, global_options);
	put_exit_codes(out);
	fputs(".SH SEE ALSO\n.BR hvcc (1),\n.BR hvcc\\-guest (5)\n", out);
}

/* Forms have their names, but where a command has the same the page is called as the form's files are: x.hvtest.yaml. */
static const char *form_page(const struct schema_document *document)
{
	for (size_t i = 0; i < command_count; i++)
		if (!strcmp(commands[i]->name, document->name))
			return "hv";
	return "";
}

static void put_main(FILE *out)
{
	fputs(".SH SYNOPSIS\n\\fBhvcc\\fR [\\fIoptions\\fR] \\fICOMMAND\\fR ...\n.SH DESCRIPTION\n", out);
	put_paragraph(out, "`hvcc` compiles guest files (YAML) into an image with ACPI tables, start state "
			   "and the hypervisor core, which boots on a bare machine. What can be decided "
			   "before the machine is switched on is decided and checked here; each message "
			   "names file, line and column.");
	fputs(".SH COMMANDS\n", out);
	for (size_t i = 0; i < command_count; i++) {
		fprintf(out, ".TP\n.BR hvcc\\-%s (1)\n", commands[i]->name);
		put_paragraph(out, commands[i]->summary);
	}
	fputs(".SH OPTIONS\nThey may stand before or behind the command.\n", out);
	put_options(out, global_options);
	put_exit_codes(out);
	fputs(".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nIf not empty, findings are not coloured.\n", out);
	fputs(".SH SEE ALSO\n", out);
	for (size_t i = 0; i < schema_document_count; i++)
		fprintf(out, ".BR hvcc\\-%s%s (5)%s\n", form_page(&schema_documents[i]), schema_documents[i].name,
			i + 1 < schema_document_count ? "," : "");
}

/* ------------------------------------------------------------------------------ pages of forms */

static void put_field(FILE *out, const char *name, const char *text)
{
	fprintf(out, ".br\n%s: ", name);
	put_paragraph(out, text);
}

static void put_range(FILE *out, struct arena *arena, const struct schema *schema)
{
	char low[32], high[32], step[32];

	if (schema->kind != SCHEMA_INTEGER && schema->kind != SCHEMA_SIZE &&
	    schema->kind != SCHEMA_DURATION && schema->kind != SCHEMA_TIME)
		return;
	put_field(out, "Range",
		  arena_printf(arena, "%s to %s%s%s",
			       schema_number(schema, schema->minimum, low, sizeof(low)),
			       schema_number(schema, schema->maximum, high, sizeof(high)),
			       schema->multiple > 1 ? ", in steps of " : "",
			       schema->multiple > 1
				       ? schema_number(schema, schema->multiple, step, sizeof(step))
				       : ""));
}

static void put_key(FILE *out, struct arena *arena, const char *path, const struct schema *schema,
		    bool required)
{
	char type[512];

	fputs(".TP\n.B ", out);
	put_paragraph(out, path);
	put_text(out, schema->title);
	fputs(".\n", out);
	put_paragraph(out, schema->description);
	put_field(out, "Type", schema_type_name(schema, type, sizeof(type)));
	put_range(out, arena, schema);
	if (schema->pattern_help)
		put_field(out, schema->kind == SCHEMA_MAP ? "Keys" : "Form", schema->pattern_help);
	if (required)
		put_field(out, "Default", "none, it must be given");
	else if (schema->fallback)
		put_field(out, "Default", *schema->fallback ? schema->fallback : "empty");
	if (schema->needs)
		put_field(out, "Needs", arena_printf(arena, "%s, which the core of this release does not have",
						     schema->needs));
	for (const char *const *e = schema->examples; e && *e; e++)
		put_field(out, "Example",
			  arena_printf(arena, "`%s: %s`",
				       strrchr(path, '.') ? strrchr(path, '.') + 1 : path, *e));
}

static bool is_document(const struct schema *schema)
{
	for (size_t i = 0; i < schema_document_count; i++)
		if (schema_documents[i].schema == schema)
			return true;
	return false;
}

/* Keys below a schema, through lists, maps and choices; another form has its own page. */
static void put_keys(FILE *out, struct arena *arena, const char *path, const struct schema *schema)
{
	if (!schema || (*path && is_document(schema)))
		return;
	for (size_t i = 0; i < schema->key_count; i++) {
		const struct schema_key *key = &schema->keys[i];
		const char *below = arena_printf(arena, "%s%s%s", path, *path ? "." : "", key->name);

		put_key(out, arena, below, key->schema, key->required);
		put_keys(out, arena, below, key->schema);
	}
	if (schema->kind == SCHEMA_MAP)
		put_keys(out, arena, arena_printf(arena, "%s.*", path), schema->items);
	else if (schema->kind == SCHEMA_LIST)
		put_keys(out, arena, arena_printf(arena, "%s[]", path), schema->items);
	for (size_t i = 0; i < schema->alternative_count; i++)
		put_keys(out, arena, path, schema->alternatives[i]);
}

static void put_form(FILE *out, struct arena *arena, const struct schema_document *document)
{
	fputs(".SH DESCRIPTION\n", out);
	put_paragraph(out, document->schema->description);
	fputs(".PP\n", out);
	put_paragraph(out, arena_printf(arena, "The file is YAML; its first key is `schema: %s`. Types are "
					       "those below and never guessed from how a value looks. "
					       "Sizes and durations carry their unit. Unknown and repeated "
					       "keys are errors. Paths are relative to the file.",
					document->form));
	fputs(".PP\n", out);
	put_paragraph(out, arena_printf(arena, "With the first line `# yaml-language-server: "
					       "$schema=/usr/share/hvcc/schema/%s.schema.json` editors "
					       "complete and explain the keys.",
					document->name));
	fputs(".SH KEYS\n", out);
	put_keys(out, arena, "", document->schema);
	fputs(".SH SEE ALSO\n.BR hvcc (1),\n.BR hvcc\\-check (1),\n.BR hvcc\\-explain (1)\n", out);
}

/* ------------------------------------------------------------------------------------- pages */

/* One page; exactly one of the three, or none for hvcc.1. */
struct page {
	const char *file; /* "hvcc-check.1" */
	const struct command *command;
	const struct schema_document *document;
};

static size_t page_count(void)
{
	return 1 + command_count + schema_document_count;
}

static struct page page_at(struct arena *arena, size_t index)
{
	struct page page = { .file = "hvcc.1" };

	if (!index)
		return page;
	index--;
	if (index < command_count) {
		page.command = commands[index];
		page.file = arena_printf(arena, "hvcc-%s.1", page.command->name);
	} else {
		page.document = &schema_documents[index - command_count];
		page.file = arena_printf(arena, "hvcc-%s%s.5", form_page(page.document), page.document->name);
	}
	return page;
}

static void put_page(FILE *out, struct arena *arena, struct page page)
{
	const char *name = arena_strndup(arena, page.file, strlen(page.file) - 2);

	if (page.command) {
		put_head(out, name, 1, page.command->summary);
		put_command(out, page.command);
	} else if (page.document) {
		put_head(out, name, 5, page.document->schema->title);
		put_form(out, arena, page.document);
	} else {
		put_head(out, name, 1, "compile guests into an image for a bare machine");
		put_main(out);
	}
}

static int write_page(struct invocation *in, const char *folder, struct page page)
{
	const char *path = arena_printf(in->arena, "%s/%s", folder, page.file);
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	bool good;

	if (!out)
		out_of_memory();
	put_page(out, in->arena, page);
	if (fclose(out))
		out_of_memory();
	good = output_file(path, text, size);
	free(text);
	return good ? EXIT_OK : environment_error(in, "cannot write `%s`: %s", path, output_error());
}

static int print_page(struct invocation *in, const char *name)
{
	for (size_t i = 0; i < page_count(); i++) {
		struct page page = page_at(in->arena, i);
		size_t length = strlen(page.file) - 2;

		if (strcmp(page.file, name) &&
		    (strncmp(page.file, name, length) || strlen(name) != length))
			continue;
		put_page(stdout, in->arena, page);
		return EXIT_OK;
	}
	return usage_error(in, "no manual page `%s`", name);
}

static int run(struct invocation *in)
{
	const char *folder = invocation_option(in, "output");
	int code = EXIT_OK;

	if (!folder && in->argument_count)
		return print_page(in, in->arguments[0]);
	if (folder && in->argument_count)
		return usage_error(in, "--output takes all pages, not `%s` alone", in->arguments[0]);
	if (folder && mkdir(folder, 0777) && errno != EEXIST)
		return environment_error(in, "cannot make `%s`: %s", folder, strerror(errno));
	for (size_t i = 0; i < page_count() && code == EXIT_OK; i++) {
		if (folder)
			code = write_page(in, folder, page_at(in->arena, i));
		else
			puts(page_at(in->arena, i).file);
	}
	return code;
}

const struct command command_manual = {
	.name = "manual",
	.arguments = "[PAGE]",
	.summary = "print a manual page, or write all; without a name, list them",
	.description = "Read one without installing it: `hvcc manual hvcc-guest | man -l -`.",
	.options = options,
	.least = 0,
	.most = 1,
	.run = run,
};
