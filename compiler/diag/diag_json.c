/* SPDX-License-Identifier: Apache-2.0 */
/* Diagnostics as JSON: schema/diagnostics.schema.json. */
#include "diag/diag.h"

#include <jansson.h>
#include <string.h>

static json_t *made(json_t *json)
{
	if (!json)
		out_of_memory();
	return json;
}

static void set(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, made(value)))
		out_of_memory();
}

static void append(json_t *array, json_t *value)
{
	if (json_array_append_new(array, made(value)))
		out_of_memory();
}

/* jansson refuses text that is no UTF-8 (a path may hold any bytes): that becomes `?`. */
static json_t *text_of(const char *text)
{
	json_t *json = json_string(text);
	char *copy;

	if (json)
		return json;
	copy = strdup(text);
	if (!copy)
		out_of_memory();
	for (char *c = copy; *c; c++)
		if (*c & 0x80)
			*c = '?';
	json = json_string(copy);
	free(copy);
	return made(json);
}

/* Where a position ends: behind its last character. */
static void end_of(const struct diags *diags, struct position at, uint32_t *line,
		   uint32_t *column)
{
	struct position end =
		source_position(diags->sources, at.file, (size_t)at.offset + at.length, 0);

	*line = end.line;
	*column = end.column;
}

static json_t *location(const struct diags *diags, struct position at)
{
	uint32_t line, column;

	end_of(diags, at, &line, &column);
	return made(json_pack("{so si si si si si si}", "file",
			 text_of(source_get(diags->sources, at.file)->path), "line", (int)at.line,
			 "column", (int)at.column, "end-line", (int)line, "end-column",
			 (int)column, "offset", (int)at.offset, "length", (int)at.length));
}

static json_t *note(const struct diags *diags, const struct diag_place *place)
{
	json_t *json = made(json_pack("{so}", "message", text_of(place->text)));

	if (place->at.file)
		set(json, "location", location(diags, place->at));
	return json;
}

static json_t *diagnostic(const struct diags *diags, const struct diag *diag)
{
	static const char *const names[] = { "off", "note", "warning", "error" };
	const struct diag_row *row = &diag_rows[diag->code];
	json_t *json, *notes = made(json_array()), *helps = made(json_array());

	json = made(json_pack("{ss ss ss so}", "code", row->id, "name", diag_word(diags->arena, row), "severity",
			 names[diag->severity], "message", text_of(diag->message)));
	if (diag->label)
		set(json, "label", text_of(diag->label));
	if (diag->at.file)
		set(json, "location", location(diags, diag->at));
	for (size_t i = 0; i < diag->notes.count; i++)
		append(notes, note(diags, &diag->notes.items[i]));
	for (size_t i = 0; i < diag->helps.count; i++)
		append(helps, text_of(diag->helps.items[i]));
	set(json, "notes", notes);
	set(json, "help", helps);
	return json;
}

void diag_print_json(struct diags *diags, FILE *stream)
{
	json_t *list = made(json_array()), *json;

	diags_sort(diags);
	for (size_t i = 0; i < diags->list.count; i++)
		append(list, diagnostic(diags, diags->list.items[i]));
	json = made(json_pack("{ss ss si si so}", "schema", "hvcc/diagnostics/v1", "tool", "hvcc 0.1.0",
			 "errors", (int)diags->errors, "warnings", (int)diags->warnings,
			      "diagnostics", list));
	if (json_dumpf(json, stream, JSON_INDENT(2)) && !ferror(stream))
		out_of_memory();
	fputc('\n', stream);
	json_decref(json);
}
