/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hvcc config: the configuration in force, each value with where it came from.
 *
 *	vcpus:
 *	  count: 4                                # linux.yaml:3
 *	  topology:
 *	    sockets: 1                            # default
 *
 * The output is a document that means the same: configuring it again changes comments only.
 */
#include "cmd/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cmd/provenance.h"
#include "model/effective.h"
#include "policy/policy.h"

#define COMMENT_COLUMN 44

static const struct option_row options[] = {
	{ 0, "json", NULL, "as JSON: `config`, and `sources` by path" },
	{ 0, "provenance", NULL, "a line for each value: file, line and column where it was set, and by what way; with --json "
				 "an array" },
	{ 0, "features", NULL, "the CPU features of each guest instead, and where each is from" },
	{ 0 },
};

/* "default", "linux.yaml:3", "system.yaml:9 (bind)"; NULL: nothing to say. */
static const char *source_of(struct arena *arena, const struct sources *sources,
			     struct where where)
{
	if (where.origin == ORIGIN_ABSENT)
		return NULL;
	if (where.origin == ORIGIN_DEFAULT)
		return "default";
	return arena_printf(arena, "%s:%u%s", source_get(sources, where.at.file)->path,
			    where.at.line, where.origin == ORIGIN_BOUND ? " (bind)" : "");
}

/* ------------------------------------------------------------------------------------- YAML */

/* Text that needs no quotes: a letter or slash, then nothing that means anything to YAML. */
static bool is_plain(const char *text)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/";
	static const char rest[] = "0123456789_./-";

	if (!*text || !strchr(first, *text) || !strcmp(text, "null"))
		return false;
	for (; *text; text++)
		if (!strchr(first, *text) && !strchr(rest, *text))
			return false;
	return true;
}

static void end_line(const struct invocation *in, int column, struct where where)
{
	const char *source = source_of(in->arena, in->sources, where);

	if (source)
		printf("%*s# %s", column < COMMENT_COLUMN ? COMMENT_COLUMN - column : 1, "",
		       source);
	putchar('\n');
}

static void print_value(const struct invocation *in, const struct effective *e, int column)
{
	const char *text = e->text;

	if (e->kind == EFFECTIVE_TEXT && !is_plain(text))
		text = quoted_text(in->arena, text);
	end_line(in, column + printf("%s", text), e->where);
}

/* Lines that a literal block can hold as they are. */
static bool is_block(const char *text)
{
	size_t length = strlen(text);

	if (!length || text[0] == ' ' || text[0] == '\n' || text[length - 1] != '\n' ||
	    (length > 1 && text[length - 2] == '\n'))
		return false;
	for (const char *c = text; *c; c++)
		if ((uint8_t)*c < 0x20 && *c != '\n')
			return false;
	return !strstr(text, "${");
}

static void print_block(const struct invocation *in, const struct effective *e, int indent,
			int column)
{
	end_line(in, column + printf(" |"), e->where);
	for (const char *line = e->text; *line;) {
		int length = (int)strcspn(line, "\n");

		if (length)
			printf("%*s%.*s", indent + 2, "", length, line);
		putchar('\n');
		line += length + 1;
	}
}

/* Lists of words stand in one line. */
static bool is_flat(const struct effective *e)
{
	return e->kind == EFFECTIVE_LIST &&
	       (!e->children.count || e->children.items[0]->kind == EFFECTIVE_BARE);
}

static void print_flat(const struct invocation *in, const struct effective *e, int column)
{
	column += printf("[");
	for (size_t i = 0; i < e->children.count; i++)
		column += printf("%s%s", i ? ", " : "", e->children.items[i]->text);
	end_line(in, column + printf("]"), e->where);
}

static void print_entry(const struct invocation *in, const struct effective *e, int indent,
			bool after_dash);

static void print_children(const struct invocation *in, const struct effective *e, int indent)
{
	for (size_t i = 0; i < e->children.count; i++)
		print_entry(in, e->children.items[i], indent, false);
}

/* `- ` stands before the first key of a map in a list. */
static void print_item(const struct invocation *in, const struct effective *e, int indent)
{
	printf("%*s- ", indent, "");
	if (e->text)
		print_value(in, e, indent + 2);
	for (size_t i = 0; i < e->children.count; i++)
		print_entry(in, e->children.items[i], indent + 2, !i);
}

static void print_entry(const struct invocation *in, const struct effective *e, int indent,
			bool after_dash)
{
	int column = indent;

	if (!e->key) {
		print_item(in, e, indent);
		return;
	}
	column += printf("%*s%s:", after_dash ? 0 : indent, "", e->key) -
		  (after_dash ? 0 : indent);
	if (e->kind == EFFECTIVE_TEXT && is_block(e->text)) {
		print_block(in, e, indent, column);
	} else if (e->kind == EFFECTIVE_TEXT || e->kind == EFFECTIVE_BARE) {
		print_value(in, e, column + printf(" "));
	} else if (is_flat(e)) {
		print_flat(in, e, column + printf(" "));
	} else {
		end_line(in, column, (struct where){ 0 });
		print_children(in, e, indent + 2);
	}
}

/* ------------------------------------------------------------------------------------- JSON */

static json_t *to_json(const struct effective *e)
{
	json_t *json;

	if (e->schema->kind == SCHEMA_BOOLEAN)
		return json_made(json_boolean((int)e->number));
	if (e->kind == EFFECTIVE_TEXT || (e->kind == EFFECTIVE_BARE && !e->numeric))
		return json_text(e->text);
	if (e->kind == EFFECTIVE_BARE)
		return json_made(json_integer((json_int_t)e->number));
	json = json_made(e->kind == EFFECTIVE_LIST ? json_array() : json_object());
	for (size_t i = 0; i < e->children.count; i++) {
		const struct effective *child = e->children.items[i];

		if (e->kind == EFFECTIVE_LIST)
			json_add(json, to_json(child));
		else
			json_put(json, child->key, to_json(child));
	}
	return json;
}

static void add_sources(const struct invocation *in, json_t *sources, const struct effective *e,
			const char *path)
{
	const char *source = source_of(in->arena, in->sources, e->where);

	if (source)
		json_put(sources, path, json_text(source));
	for (size_t i = 0; i < e->children.count; i++) {
		const struct effective *child = e->children.items[i];
		const char *below =
			child->key ? arena_printf(in->arena, "%s%s%s", path, *path ? "." : "",
						  child->key)
				   : arena_printf(in->arena, "%s[%zu]", path, i);

		add_sources(in, sources, child, below);
	}
}

static void print_json(const struct invocation *in, const struct effective *e)
{
	json_t *sources = json_made(json_object()), *json;

	add_sources(in, sources, e, "");
	json = json_made(json_pack("{soso}", "config", to_json(e), "sources", sources));
	json_print(json, stdout);
}

/* The policy was compiled when it was checked; what it reported then is not to be said again. */
static void print_features(const struct invocation *in, const struct system *system)
{
	struct diags *silent = diags_new(in->arena, in->sources);

	for (size_t i = 0; i < system->guests.count; i++) {
		const struct guest *guest = system->guests.items[i];

		if (system->guests.count > 1)
			printf("%s:\n", guest->name.value);
		policy_print(stdout, in->arena, in->sources,
			     policy_compile(in->arena, silent, guest));
	}
}

static int run(struct invocation *in)
{
	const char *path = in->arguments[0];
	const struct effective *effective;
	struct cursor root = { 0 };
	struct system *system;

	/* Nothing is made of the file here: what the core lacks is worth a word, and no refusal. */
	in->diags->severity_of[DIAG_UNSUPPORTED] = 1 + SEVERITY_WARNING;
	system = invocation_option(in, "features") ? load_system(in, path) : load_any(in, path, &root);
	if (!system)
		return invocation_verdict(in);
	if (invocation_option(in, "features")) {
		print_features(in, system);
		return invocation_verdict(in);
	}
	effective = system->guests.count ? effective_system(system) : effective_tree(root);
	if (invocation_option(in, "provenance"))
		provenance_print(in, effective, invocation_option(in, "json"));
	else if (invocation_option(in, "json"))
		print_json(in, effective);
	else
		print_children(in, effective, 0);
	return invocation_verdict(in);
}

const struct command command_config = {
	.name = "config",
	.arguments = "FILE",
	.summary = "show the configuration in force, with the source of each value",
	.description = "Every value with where it was set, or that it is a default; of a guest, a system, a machine or "
		       "the rules of a site. The output is a document that means the same. --provenance tells more of where: the column, the parameter that a "
		       "value was given for, what extends or includes the file, and `bind`.",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
