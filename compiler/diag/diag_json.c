/* SPDX-License-Identifier: Apache-2.0 */
/* Diagnostics as JSON: schema/diagnostics.schema.json. */
#include "diag/diag.h"

#include "base/json.h"
#include "base/version.h"

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
	return json_made(json_pack("{so si si si si si si}", "file",
			 json_text(source_get(diags->sources, at.file)->path), "line", (int)at.line,
			 "column", (int)at.column, "end-line", (int)line, "end-column",
			 (int)column, "offset", (int)at.offset, "length", (int)at.length));
}

static json_t *note(const struct diags *diags, const struct diag_place *place)
{
	json_t *json = json_made(json_pack("{so}", "message", json_text(place->text)));

	if (place->at.file)
		json_put(json, "location", location(diags, place->at));
	return json;
}

static json_t *fixes(const struct diags *diags, const struct diag *diag)
{
	json_t *list = json_made(json_array());

	for (size_t i = 0; i < diag->edits.count; i++)
		json_add(list, json_made(json_pack("{so so}", "location",
						   location(diags, diag->edits.items[i].at), "text",
						   json_text(diag->edits.items[i].text))));
	return list;
}

static json_t *diagnostic(const struct diags *diags, const struct diag *diag)
{
	const struct diag_row *row = &diag_rows[diag->code];
	json_t *json, *notes = json_made(json_array()), *helps = json_made(json_array());

	json = json_made(json_pack("{ss ss ss so}", "code", row->id, "name", diag_word(diags->arena, row), "severity",
			 diag_severity_word(diag->severity), "message", json_text(diag->message)));
	if (diag->label)
		json_put(json, "label", json_text(diag->label));
	if (diag->at.file)
		json_put(json, "location", location(diags, diag->at));
	for (size_t i = 0; i < diag->notes.count; i++)
		json_add(notes, note(diags, &diag->notes.items[i]));
	for (size_t i = 0; i < diag->helps.count; i++)
		json_add(helps, json_text(diag->helps.items[i]));
	json_put(json, "notes", notes);
	json_put(json, "help", helps);
	if (diag->edits.count)
		json_put(json, "fix", fixes(diags, diag));
	return json;
}

void diag_print_json(struct diags *diags, FILE *stream)
{
	json_t *list = json_made(json_array()), *json;

	diags_sort(diags);
	for (size_t i = 0; i < diags->list.count; i++)
		json_add(list, diagnostic(diags, diags->list.items[i]));
	json = json_made(json_pack("{ss ss si si so}", "schema", "hvcc/diagnostics/v1", "tool", "hvcc " HVCC_VERSION,
			 "errors", (int)diags->errors, "warnings", (int)diags->warnings,
			      "diagnostics", list));
	if (diags->suppressed)
		json_put(json, "suppressed", json_made(json_integer((json_int_t)diags->suppressed)));
	json_print(json, stream);
}
