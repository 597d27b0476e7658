/* SPDX-License-Identifier: Apache-2.0 */
/* hvcc explain: what a diagnostic means, or what a key, a CPU feature or a CPU model is. */
#include "cmd/command.h"

#include <stdio.h>
#include <string.h>

#include "policy/policy.h"
#include "rule/rule.h"
#include "validate/schema.h"

#define WIDTH 80

/* A paragraph, broken at blanks. */
static void print_wrapped(const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t length = strcspn(text, " \n");

		if (column && column + 1 + length > WIDTH) {
			putchar('\n');
			column = 0;
		}
		column += (size_t)printf("%s%.*s", column ? " " : "", (int)length, text);
		text += length + strspn(text + length, " \n");
	}
	putchar('\n');
}

static void print_sample(const char *title, const char *text)
{
	if (!*text)
		return;
	printf("\n%s:\n", title);
	while (*text) {
		size_t length = strcspn(text, "\n");

		printf("    %.*s\n", (int)length, text);
		text += length + (text[length] == '\n');
	}
}

static void explain_code(const struct invocation *in, const struct diag_row *row)
{
	static const char *const severities[] = { "off", "a note", "a warning", "an error" };

	printf("%s (%s), %s\n\n", row->id, diag_word(in->arena, row),
	       severities[row->severity]);
	print_wrapped(row->explain);
	print_sample("Wrong", row->bad);
	print_sample("Right", row->good);
}

static void print_limits(const struct schema *schema)
{
	char low[32], high[32];

	if (schema->kind != SCHEMA_INTEGER && schema->kind != SCHEMA_SIZE &&
	    schema->kind != SCHEMA_DURATION && schema->kind != SCHEMA_TIME)
		return;
	printf("Range:    %s to %s\n", schema_number(schema, schema->minimum, low, sizeof(low)),
	       schema_number(schema, schema->maximum, high, sizeof(high)));
	if (schema->multiple > 1)
		printf("Multiple: of %s\n",
		       schema_number(schema, schema->multiple, low, sizeof(low)));
}

static void print_keys(const struct schema *schema)
{
	if (!schema->key_count)
		return;
	puts("\nKeys:");
	for (size_t i = 0; i < schema->key_count; i++)
		printf("    %-22s %s%s%s\n", schema->keys[i].name, schema->keys[i].schema->title,
		       schema->keys[i].required ? " (required)" : "",
		       schema->keys[i].schema->needs ? " (not in the core of this release)" : "");
}

/* What a list, map or choice holds, where that has keys of its own. */
static const struct schema *inner(const struct schema *schema)
{
	while (schema && !schema->key_count) {
		const struct schema *below = schema->items;

		for (size_t i = 0; i < schema->alternative_count && !below; i++)
			if (schema->alternatives[i]->key_count)
				below = schema->alternatives[i];
		schema = below;
	}
	return schema;
}

static void explain_key(const char *form, const char *path, const struct schema *schema)
{
	char type[512];

	printf("%s (%s): %s\n\n", path, form, schema->title);
	print_wrapped(schema->description);
	printf("\nType:     %s\n", schema_type_name(schema, type, sizeof(type)));
	print_limits(schema);
	if (schema->pattern_help)
		printf("%s     %s\n", schema->kind == SCHEMA_MAP ? "Keys:" : "Form:",
		       schema->pattern_help);
	if (schema->fallback)
		printf("Default:  %s\n", *schema->fallback ? schema->fallback : "\"\"");
	for (const char *const *e = schema->examples; e && *e; e++)
		printf("Example:  %s: %s\n", strrchr(path, '.') ? strrchr(path, '.') + 1 : path, *e);
	for (const char *const *also = schema->also; also && *also; also++)
		printf("%s%s%s", also == schema->also ? "Also:     " : ", ", *also, also[1] ? "" : "\n");
	if (schema->needs)
		printf("Needs:    %s, which the core of this release does not have\n", schema->needs);
	if (inner(schema))
		print_keys(inner(schema));
}

/* A search for a bare key through all that a document can hold. */
struct search {
	struct arena *arena;
	const char *form, *key;
	size_t found;
};

static void search(struct search *s, const struct schema *schema, const char *path)
{
	schema = inner(schema);
	for (size_t i = 0; schema && i < schema->key_count; i++) {
		const struct schema_key *key = &schema->keys[i];
		const char *below = *path ? arena_printf(s->arena, "%s.%s", path, key->name)
					  : key->name;

		if (schema_key_called(key, s->key)) {
			printf("%s", s->found++ ? "\n" : "");
			explain_key(s->form, below, key->schema);
		}
		/* A guest inside a system was searched as a guest. */
		if (inner(key->schema) != &schema_guest)
			search(s, key->schema, below);
	}
}

static size_t explain_keys(const struct invocation *in, const char *key)
{
	struct search s = { .arena = in->arena, .key = key };

	for (size_t i = 0; i < schema_document_count; i++) {
		const struct schema_document *document = &schema_documents[i];
		const struct schema *schema = schema_at(document->schema, key);

		s.form = document->form;
		if (!strchr(key, '.'))
			search(&s, document->schema, "");
		else if (schema) {
			printf("%s", s.found++ ? "\n" : "");
			explain_key(document->form, key, schema);
		}
	}
	return s.found;
}

static int list_codes(const struct invocation *in)
{
	for (size_t i = 0; i < DIAG_COUNT; i++)
		printf("%s %s\n", diag_rows[i].id, diag_word(in->arena, &diag_rows[i]));
	return EXIT_OK;
}

static int run(struct invocation *in)
{
	const char *what = in->argument_count ? in->arguments[0] : NULL;
	const struct diag_row *row = what ? diag_find(what) : NULL;

	if (!what)
		return list_codes(in);
	if (!strcmp(what, "expressions"))
		rule_print_language(stdout);
	else if (row)
		explain_code(in, row);
	else if (!explain_keys(in, what) && !policy_explain(stdout, what))
		return usage_error(in, "`%s` is no code (HV0204), key (vcpus.count), CPU feature "
				       "or model, nor `expressions`", what);
	return EXIT_OK;
}

const struct command command_explain = {
	.name = "explain",
	.arguments = "[CODE|KEY|CPU-FEATURE|CPU-MODEL|expressions]",
	.summary = "explain a diagnostic (HV0204) or a key (vcpus.topology); alone, list the codes",
	.description = "A code is explained with a wrong and a right sample; a key with its type, "
		       "limits, default and examples, as the schema has them. `hvcc explain "
		       "expressions` describes the language of assertions.",
	.least = 0,
	.most = 1,
	.run = run,
};
