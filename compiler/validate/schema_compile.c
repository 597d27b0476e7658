/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs when hvcc is built: the JSON files of schema/ become C.
 *
 *	schema_compile tables.c enums.h NAME=FILE... -- NAME=FILE...
 *
 * The files before `--` become `const struct schema schema_NAME` and, where a word list has
 * `x-enum`, an enum with its table of names. All files are embedded as text. A keyword that this
 * program does not know is an error: what a schema says must be what is checked.
 */
#include <ctype.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *tables, *enums;
static const char *file, *document;
static json_t *root;
static json_t *enums_done, *definitions_done;

static const char *const keywords[] = {
	"$schema", "$id", "$defs", "$ref", "title", "description", "type", "format", "enum",
	"additionalProperties", "required", "properties", "propertyNames", "items", "oneOf", "anyOf",
	"minimum", "maximum", "multipleOf", "minItems", "maxItems", "uniqueItems", "minLength",
	"maxLength", "pattern", "default", "examples", "x-pattern-help", "x-unit", "x-since",
	"x-also", "x-base", "x-enum", "x-needs",
};

static _Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
static _Noreturn void fail(const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "%s: ", file ? file : "schema_compile");
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

static const char *string_of(const json_t *schema, const char *key)
{
	return json_string_value(json_object_get(schema, key));
}

/* A C string literal, or NULL. */
static void put_string(FILE *out, const char *text)
{
	if (!text) {
		fputs("NULL", out);
		return;
	}
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n\"\n\"", out);
		else if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else
			fputc(*text, out);
	}
	fputc('"', out);
}

static void put_field(const char *field, const char *text)
{
	if (!text)
		return;
	fprintf(tables, "\t.%s = ", field);
	put_string(tables, text);
	fputs(",\n", tables);
}

/* "event-action" to event_action or EVENT_ACTION. */
static const char *identifier(const char *text, bool upper)
{
	static char buffers[4][256];
	static unsigned turn;
	char *buffer = buffers[turn++ % 4];
	size_t i;

	for (i = 0; text[i] && i < 255; i++) {
		unsigned char c = (unsigned char)text[i];

		buffer[i] = isalnum(c) ? (char)(upper ? toupper(c) : c) : '_';
	}
	buffer[i] = 0;
	return buffer;
}

/* ----------------------------------------------------------------------- values as YAML text */

/* Plain words, numbers and lists of them; examples are YAML already when they are strings. */
static char *yaml_of(const json_t *value)
{
	char *text = NULL, *item;
	size_t i;
	json_t *element;

	if (json_is_string(value))
		text = strdup(json_string_value(value));
	else if (!json_is_array(value))
		text = json_dumps(value, JSON_ENCODE_ANY);
	else {
		text = strdup("[");
		json_array_foreach(value, i, element) {
			char *longer;

			item = yaml_of(element);
			if (asprintf(&longer, "%s%s%s", text, i ? ", " : "", item) < 0)
				fail("out of memory");
			free(item);
			free(text);
			text = longer;
		}
		text = realloc(text, strlen(text) + 2);
		strcat(text, "]");
	}
	if (!text)
		fail("out of memory");
	return text;
}

static void put_yaml(const char *field, const json_t *value)
{
	char *text;

	if (!value)
		return;
	text = yaml_of(value);
	put_field(field, text);
	free(text);
}

/* ------------------------------------------------------------------------------------- enums */

static void put_enum(const char *name, const json_t *words)
{
	json_t *known = json_object_get(enums_done, name), *word;
	size_t i;

	if (known) {
		if (!json_equal(known, words))
			fail("enum `%s` has two lists of words", name);
		return;
	}
	json_object_set(enums_done, name, (json_t *)words);
	fprintf(enums, "enum %s {\n", identifier(name, false));
	json_array_foreach((json_t *)words, i, word)
		fprintf(enums, "\t%s_%s,\n", identifier(name, true),
			identifier(json_string_value(word), true));
	fprintf(enums, "};\nenum { %s_COUNT = %zu };\n", identifier(name, true),
		json_array_size(words));
	fprintf(enums, "const char *%s_name(enum %s value);\n\n", identifier(name, false),
		identifier(name, false));
	fprintf(tables, "const char *%s_name(enum %s value)\n{\n\tstatic const char *const names[] = {",
		identifier(name, false), identifier(name, false));
	json_array_foreach((json_t *)words, i, word)
		fprintf(tables, "\"%s\", ", json_string_value(word));
	fprintf(tables, "};\n\n\treturn (unsigned)value < (unsigned)%s_COUNT ? names[value] : \"?\";\n}\n\n",
		identifier(name, true));
}

/* ------------------------------------------------------------------------------------ schemas */

static void put_schema(const json_t *schema, const char *symbol, bool public);

static void check_keywords(const json_t *schema, const char *symbol)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)schema, key, value) {
		size_t i, count = sizeof(keywords) / sizeof(*keywords);

		for (i = 0; i < count && strcmp(key, keywords[i]); i++)
			;
		if (i == count)
			fail("%s: unknown keyword `%s`", symbol, key);
	}
	if (!string_of(schema, "title") && !json_object_get(schema, "type"))
		fail("%s: no title", symbol);
}

/* Emits what schema needs first and returns the C name by which it is reached. */
static char *reach(const json_t *schema, const char *parent, const char *part)
{
	const char *reference = string_of(schema, "$ref");
	char *symbol;

	if (!reference) {
		if (asprintf(&symbol, "%s_%s", parent, identifier(part, false)) < 0)
			fail("out of memory");
		put_schema(schema, symbol, false);
		return symbol;
	}
	if (!strncmp(reference, "#/$defs/", 8)) {
		const json_t *target =
			json_object_get(json_object_get(root, "$defs"), reference + 8);

		if (!target)
			fail("no `%s`", reference);
		if (asprintf(&symbol, "schema_%s_defs_%s", document,
			     identifier(reference + 8, false)) < 0)
			fail("out of memory");
		if (!json_object_get(definitions_done, symbol)) {
			json_object_set_new(definitions_done, symbol, json_true());
			put_schema(target, symbol, false);
		}
		return symbol;
	}
	if (asprintf(&symbol, "schema_%.*s", (int)strcspn(reference, "."), reference) < 0)
		fail("out of memory");
	return symbol;
}

/* The last of `anyOf` is what a document needs when it neither is a template nor extends one. */
static bool is_required(const json_t *schema, const char *key)
{
	const json_t *whole = json_object_get(schema, "anyOf");
	json_t *name;
	size_t i;

	if (whole)
		schema = json_array_get(whole, json_array_size(whole) - 1);
	json_array_foreach(json_object_get(schema, "required"), i, name)
		if (!strcmp(json_string_value(name), key))
			return true;
	return false;
}

static size_t put_keys(const json_t *schema, const char *symbol)
{
	json_t *properties = json_object_get(schema, "properties"), *value;
	size_t count = json_object_size(properties), i = 0;
	char **symbols = calloc(count + 1, sizeof(*symbols));
	const char *key;

	if (!symbols)
		fail("out of memory");
	json_object_foreach(properties, key, value)
		symbols[i++] = reach(value, symbol, key);
	fprintf(tables, "static const struct schema_key %s_keys[] = {\n", symbol);
	i = 0;
	json_object_foreach(properties, key, value) {
		fprintf(tables, "\t{ \"%s\", &%s, %s },\n", key, symbols[i],
			is_required(schema, key) ? "true" : "false");
		free(symbols[i++]);
	}
	fputs("};\n", tables);
	free(symbols);
	return count;
}

static void put_list(const char *symbol, const char *what, const json_t *list)
{
	json_t *item;
	size_t i;

	if (!list)
		return;
	fprintf(tables, "static const char *const %s_%s[] = {", symbol, what);
	json_array_foreach((json_t *)list, i, item) {
		char *text = yaml_of(item);

		put_string(tables, text);
		fputs(", ", tables);
		free(text);
	}
	fputs("NULL };\n", tables);
}

static size_t put_alternatives(const json_t *schema, const char *symbol)
{
	const json_t *list = json_object_get(schema, "oneOf");
	size_t count = json_array_size(list);
	char *symbols[4], part[8];

	if (!count)
		return 0;
	if (count > 4)
		fail("%s: too many alternatives", symbol);
	for (size_t i = 0; i < count; i++) {
		snprintf(part, sizeof(part), "%zu", i);
		symbols[i] = reach(json_array_get(list, i), symbol, part);
	}
	fprintf(tables, "static const struct schema *const %s_alternatives[] = {", symbol);
	for (size_t i = 0; i < count; i++) {
		fprintf(tables, "&%s, ", symbols[i]);
		free(symbols[i]);
	}
	fputs("};\n", tables);
	return count;
}

static const char *kind_of(const json_t *schema, const char *symbol)
{
	static const struct {
		const char *type, *format, *kind;
	} kinds[] = {
		{ "string", "path", "PATH" },	  { "string", "policy", "POLICY" },
		{ "string", "expression", "EXPRESSION" },
		{ "string", "size", "SIZE" },	  { "string", "duration", "DURATION" },
		{ "string", "time", "TIME" },
		{ "string", NULL, "TEXT" },	  { "integer", NULL, "INTEGER" },
		{ "boolean", NULL, "BOOLEAN" },	  { "array", NULL, "LIST" },
	};
	const char *type = string_of(schema, "type"), *format = string_of(schema, "format");

	if (json_object_get(schema, "oneOf"))
		return "ONE_OF";
	if (json_object_get(schema, "enum"))
		return "WORD";
	/* Text that may look like a number: editors want to hear so, the reader does not mind. */
	if (json_is_array(json_object_get(schema, "type")))
		return "TEXT";
	if (type && !strcmp(type, "object"))
		return json_object_get(schema, "propertyNames")			    ? "MAP"
		       : json_is_true(json_object_get(schema, "additionalProperties")) ? "ANY"
										       : "OBJECT";
	for (size_t i = 0; type && i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(type, kinds[i].type) && !format == !kinds[i].format &&
		    (!format || !strcmp(format, kinds[i].format)))
			return kinds[i].kind;
	fail("%s: unknown type", symbol);
}

static void put_number(const json_t *schema, const char *keyword, const char *field)
{
	const json_t *value = json_object_get(schema, keyword);

	if (value)
		fprintf(tables, "\t.%s = %lldull,\n", field, (long long)json_integer_value(value));
}

static void put_limits(const json_t *schema)
{
	bool list = json_object_get(schema, "items");

	put_number(schema, "minimum", "minimum");
	if (json_object_get(schema, "maximum"))
		put_number(schema, "maximum", "maximum");
	else
		fputs("\t.maximum = UINT64_MAX,\n", tables);
	if (json_object_get(schema, "multipleOf"))
		put_number(schema, "multipleOf", "multiple");
	else
		fputs("\t.multiple = 1,\n", tables);
	put_number(schema, list ? "minItems" : "minLength", "least");
	if (json_object_get(schema, list ? "maxItems" : "maxLength"))
		put_number(schema, list ? "maxItems" : "maxLength", "most");
	else
		fputs("\t.most = SIZE_MAX,\n", tables);
	if (json_is_true(json_object_get(schema, "uniqueItems")))
		fputs("\t.unique = true,\n", tables);
	if (json_integer_value(json_object_get(schema, "x-base")) == 16)
		fputs("\t.hexadecimal = true,\n", tables);
}

static void put_texts(const json_t *schema)
{
	const json_t *names = json_object_get(schema, "propertyNames");

	put_field("title", string_of(schema, "title"));
	put_field("description", string_of(schema, "description"));
	put_field("since", string_of(schema, "x-since"));
	put_field("needs", string_of(schema, "x-needs"));
	put_yaml("fallback", json_object_get(schema, "default"));
	put_field("pattern", string_of(names ? names : schema, "pattern"));
	put_field("pattern_help", string_of(names ? names : schema, "x-pattern-help"));
}

static void put_schema(const json_t *schema, const char *symbol, bool public)
{
	const char *kind = kind_of(schema, symbol), *name = string_of(schema, "x-enum");
	const json_t *words = json_object_get(schema, "enum");
	const json_t *items = json_object_get(schema, "items");
	size_t keys = 0, alternatives;
	char *item = NULL;

	check_keywords(schema, symbol);
	if (!strcmp(kind, "MAP"))
		items = json_object_get(schema, "additionalProperties");
	if (!strcmp(kind, "OBJECT")) {
		if (!json_is_false(json_object_get(schema, "additionalProperties")))
			fail("%s: objects are closed", symbol);
		keys = put_keys(schema, symbol);
	}
	if (items)
		item = reach(items, symbol, "items");
	alternatives = put_alternatives(schema, symbol);
	put_list(symbol, "words", words);
	put_list(symbol, "examples", json_object_get(schema, "examples"));
	put_list(symbol, "also", json_object_get(schema, "x-also"));
	if (name)
		put_enum(name, words);

	fprintf(tables, "%sconst struct schema %s = {\n\t.kind = SCHEMA_%s,\n",
		public ? "" : "static ", symbol, kind);
	put_texts(schema);
	put_limits(schema);
	if (json_object_get(schema, "examples"))
		fprintf(tables, "\t.examples = %s_examples,\n", symbol);
	if (json_object_get(schema, "x-also"))
		fprintf(tables, "\t.also = %s_also,\n", symbol);
	if (keys)
		fprintf(tables, "\t.keys = %s_keys,\n\t.key_count = %zu,\n", symbol, keys);
	if (item)
		fprintf(tables, "\t.items = &%s,\n", item);
	if (alternatives)
		fprintf(tables, "\t.alternatives = %s_alternatives,\n\t.alternative_count = %zu,\n",
			symbol, alternatives);
	if (words)
		fprintf(tables, "\t.words = %s_words,\n\t.word_count = %zu,\n", symbol,
			json_array_size(words));
	fputs("};\n\n", tables);
	free(item);
}

static json_t *load(const char *path)
{
	json_error_t error;
	json_t *json;

	file = path;
	json = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	if (!json)
		fail("%d:%d: %s", error.line, error.column, error.text);
	return json;
}

static void compile(const char *name, const char *path)
{
	char symbol[128];

	root = load(path);
	document = name;
	snprintf(symbol, sizeof(symbol), "schema_%s", name);
	put_schema(root, symbol, true);
	json_decref(root);
}

static void embed(const char *name, const char *path)
{
	FILE *stream = fopen(path, "r");
	char line[4096];

	file = path;
	if (!stream)
		fail("cannot read");
	fprintf(tables, "\t{ \"%s\",\n", name);
	while (fgets(line, sizeof(line), stream)) {
		fputc('\t', tables);
		line[strcspn(line, "\n")] = 0;
		fputc('"', tables);
		for (const char *c = line; *c; c++)
			fprintf(tables, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
		fputs("\\n\"\n", tables);
	}
	fputs("\t},\n", tables);
	fclose(stream);
}

/* NAME=FILE; returns FILE and cuts the argument. */
static char *split(char *argument)
{
	char *path = strchr(argument, '=');

	if (!path)
		fail("NAME=FILE expected, not `%s`", argument);
	*path = 0;
	return path + 1;
}

static FILE *create(const char *path)
{
	FILE *stream = fopen(path, "w");

	if (!stream)
		fail("cannot write %s", path);
	return stream;
}

int main(int argc, char **argv)
{
	static const char banner[] = "/* Made from schema/ by compiler/validate/schema_compile.c. */\n";
	bool compiled = true;

	if (argc < 4)
		fail("usage: schema_compile tables.c enums.h NAME=FILE... -- NAME=FILE...");
	tables = create(argv[1]);
	enums = create(argv[2]);
	enums_done = json_object();
	definitions_done = json_object();
	fprintf(tables, "%s#include \"validate/schema.h\"\n\n#include \"model_enums.h\"\n\n", banner);
	fprintf(enums, "%s#ifndef HVCC_MODEL_ENUMS_H\n#define HVCC_MODEL_ENUMS_H\n\n", banner);
	for (int i = 3; i < argc; i++) {
		char *path;

		if (!strcmp(argv[i], "--")) {
			compiled = false;
			continue;
		}
		path = split(argv[i]);
		if (compiled)
			compile(argv[i], path);
		path[-1] = '=';
	}
	fputs("const struct schema_text schema_texts[] = {\n", tables);
	for (int i = 3; i < argc; i++) {
		char *path;

		if (!strcmp(argv[i], "--"))
			continue;
		path = split(argv[i]);
		embed(argv[i], path);
	}
	fputs("};\nconst size_t schema_text_count = sizeof(schema_texts) / sizeof(*schema_texts);\n",
	      tables);
	fputs("#endif\n", enums);
	json_decref(enums_done);
	json_decref(definitions_done);
	if (fclose(tables) || fclose(enums))
		fail("cannot write");
	return 0;
}
