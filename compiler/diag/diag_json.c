/* SPDX-License-Identifier: Apache-2.0 */
/* Diagnostics as JSON: schema/diagnostics.schema.json. */
#include "diag/diag.h"

#include <jansson.h>
#include <string.h>

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
	return json;
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
	return json_pack("{so si si si si si si}", "file",
			 text_of(source_get(diags->sources, at.file)->path), "line", (int)at.line,
			 "column", (int)at.column, "end-line", (int)line, "end-column",
			 (int)column, "offset", (int)at.offset, "length", (int)at.length);
}

static json_t *note(const struct diags *diags, const struct diag_place *place)
{
	json_t *json = json_pack("{so}", "message", text_of(place->text));

	if (place->at.file)
		json_object_set_new(json, "location", location(diags, place->at));
	return json;
}

static json_t *diagnostic(const struct diags *diags, const struct diag *diag)
{
	static const char *const names[] = { "off", "note", "warning", "error" };
	const struct diag_row *row = &diag_rows[diag->code];
	json_t *json, *notes = json_array(), *helps = json_array();

	json = json_pack("{ss ss ss so}", "code", row->id, "name", diag_word(diags->arena, row), "severity",
			 names[diag->severity], "message", text_of(diag->message));
	if (diag->label)
		json_object_set_new(json, "label", text_of(diag->label));
	if (diag->at.file)
		json_object_set_new(json, "location", location(diags, diag->at));
	for (size_t i = 0; i < diag->notes.count; i++)
		json_array_append_new(notes, note(diags, &diag->notes.items[i]));
	for (size_t i = 0; i < diag->helps.count; i++)
		json_array_append_new(helps, text_of(diag->helps.items[i]));
	json_object_set_new(json, "notes", notes);
	json_object_set_new(json, "help", helps);
	return json;
}

void diag_print_json(struct diags *diags, FILE *stream)
{
	json_t *list = json_array(), *json;

	diags_sort(diags);
	for (size_t i = 0; i < diags->list.count; i++)
		json_array_append_new(list, diagnostic(diags, diags->list.items[i]));
	json = json_pack("{ss ss si si so}", "schema", "hvcc/diagnostics/v1", "tool", "hvcc 0.1.0",
			 "errors", (int)diags->errors, "warnings", (int)diags->warnings,
			 "diagnostics", list);
	json_dumpf(json, stream, JSON_INDENT(2));
	fputc('\n', stream);
	json_decref(json);
}
