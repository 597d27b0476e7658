/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagnostics as SARIF 2.1.0 (OASIS), for code scanning: one run, its rules being the diagnostics that
 * were found. What is about no file is no result but a notification of the invocation (3.20.21),
 * which then was not successful. Columns count code points; what is unknown is left out.
 */
#include "diag/diag.h"

#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "base/version.h"

/* Characters that stand for themselves in a URI's path (RFC 3986, 3.3). */
static bool is_uri_character(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("-._~/!$&'()*+,;=@", c));
}

/* A path as a URI: absolute ones by `file:`, others as relative references. */
static json_t *uri_of(const struct diags *diags, const char *path)
{
	char *uri = arena_array(diags->arena, strlen(path) + sizeof("file://"), 3), *end = uri;

	if (path[0] == '/')
		end += sprintf(end, "file://");
	for (; *path; path++)
		end += sprintf(end, is_uri_character(*path) ? "%c" : "%%%02X",
			       (unsigned)(uint8_t)*path);
	return json_text(uri);
}

static json_t *message(const char *text)
{
	return json_made(json_pack("{so}", "text", json_text(text)));
}

static json_t *region(const struct diags *diags, struct position at)
{
	struct position end =
		source_position(diags->sources, at.file, (size_t)at.offset + at.length, 0);

	return json_made(json_pack("{si si si si}", "startLine", (int)at.line, "startColumn",
				   (int)at.column, "endLine", (int)end.line, "endColumn",
				   (int)end.column));
}

static json_t *artifact_location(const struct diags *diags, uint32_t file)
{
	return json_made(json_pack("{so si}", "uri",
				   uri_of(diags, source_get(diags->sources, file)->path), "index",
				   (int)file - 1));
}

static json_t *location(const struct diags *diags, struct position at, const char *text)
{
	json_t *json = json_made(json_pack("{s{so so}}", "physicalLocation", "artifactLocation",
					   artifact_location(diags, at.file), "region",
					   region(diags, at)));

	if (text)
		json_put(json, "message", message(text));
	return json;
}

/* The message with what has no place of its own: notes without one, and helps. */
static const char *whole_message(const struct diags *diags, const struct diag *diag)
{
	const char *text = diag->message;

	if (diag->label)
		text = arena_printf(diags->arena, "%s: %s", text, diag->label);
	for (size_t i = 0; i < diag->notes.count; i++)
		if (!diag->notes.items[i].at.file)
			text = arena_printf(diags->arena, "%s\nnote: %s", text,
					    diag->notes.items[i].text);
	for (size_t i = 0; i < diag->helps.count; i++)
		text = arena_printf(diags->arena, "%s\nhelp: %s", text, diag->helps.items[i]);
	return text;
}

static json_t *related(const struct diags *diags, const struct diag *diag)
{
	json_t *list = json_made(json_array());

	for (size_t i = 0; i < diag->notes.count; i++) {
		const struct diag_place *note = &diag->notes.items[i];
		json_t *json;

		if (!note->at.file)
			continue;
		json = location(diags, note->at, note->text);
		json_put(json, "id", json_integer((json_int_t)json_array_size(list)));
		json_add(list, json);
	}
	return list;
}

/* All edits of one finding are in its own file. */
static json_t *fixes(const struct diags *diags, const struct diag *diag)
{
	json_t *replacements = json_made(json_array());

	for (size_t i = 0; i < diag->edits.count; i++) {
		const struct diag_edit *edit = &diag->edits.items[i];

		json_add(replacements,
			 json_made(json_pack("{so s{so}}", "deletedRegion", region(diags, edit->at),
					     "insertedContent", "text", json_text(edit->text))));
	}
	return json_made(json_pack("[{so s[{so so}]}]", "description",
				   message("what `hvcc check --fix` does"), "artifactChanges",
				   "artifactLocation",
				   artifact_location(diags, diag->edits.items[0].at.file),
				   "replacements", replacements));
}

static json_t *result(const struct diags *diags, const struct diag *diag, size_t rule)
{
	json_t *json, *others = related(diags, diag);

	json = json_made(json_pack("{ss si ss so s[o]}", "ruleId", diag_rows[diag->code].id,
				   "ruleIndex", (int)rule, "level",
				   diag_severity_word(diag->severity), "message",
				   message(whole_message(diags, diag)), "locations",
				   location(diags, diag->at, diag->label)));
	if (json_array_size(others))
		json_put(json, "relatedLocations", others);
	else
		json_decref(others);
	if (diag->edits.count)
		json_put(json, "fixes", fixes(diags, diag));
	return json;
}

static json_t *notification(const struct diags *diags, const struct diag *diag, size_t rule)
{
	return json_made(json_pack("{ss so s{ss si}}", "level", diag_severity_word(diag->severity),
				   "message", message(whole_message(diags, diag)), "descriptor",
				   "id", diag_rows[diag->code].id, "index", (int)rule));
}

static json_t *rule(const struct diags *diags, const struct diag_row *row)
{
	return json_made(json_pack("{ss ss s{ss} s{ss} s{ss}}", "id", row->id, "name",
				   diag_word(diags->arena, row), "shortDescription", "text",
				   diag_plain_sentence(diags->arena, row), "fullDescription", "text", row->explain,
				   "defaultConfiguration", "level",
				   diag_severity_word(row->severity)));
}

static json_t *artifacts(const struct diags *diags)
{
	json_t *list = json_made(json_array());

	for (size_t i = 1; i < diags->sources->files.count; i++)
		json_add(list, json_made(json_pack("{s{so}}", "location", "uri",
						   uri_of(diags, diags->sources->files.items[i].path))));
	return list;
}

/* What the three lists of a run are made of, as findings come. */
struct lists {
	json_t *rules, *results, *notifications;
	size_t rule_of[DIAG_COUNT]; /* 1 + index in rules */
};

static void add(const struct diags *diags, struct lists *lists, const struct diag *diag)
{
	size_t *index = &lists->rule_of[diag->code];

	if (!*index) {
		json_add(lists->rules, rule(diags, &diag_rows[diag->code]));
		*index = json_array_size(lists->rules);
	}
	if (diag->at.file)
		json_add(lists->results, result(diags, diag, *index - 1));
	else
		json_add(lists->notifications, notification(diags, diag, *index - 1));
}

void diag_print_sarif(struct diags *diags, FILE *stream)
{
	struct lists lists = {
		.rules = json_made(json_array()),
		.results = json_made(json_array()),
		.notifications = json_made(json_array()),
	};
	json_t *json;
	bool good = true;

	diags_sort(diags);
	for (size_t i = 0; i < diags->list.count; i++) {
		const struct diag *diag = diags->list.items[i];

		add(diags, &lists, diag);
		good &= diag->at.file || diag->severity != SEVERITY_ERROR;
	}
	if (diags->suppressed)
		json_add(lists.notifications,
			 json_made(json_pack("{ss so}", "level", "warning", "message",
					     message(arena_printf(diags->arena,
								  "%zu more findings, not shown",
								  diags->suppressed)))));
	json = json_made(json_pack(
		"{ss ss s[{s{s{ss ss so}} ss s[{sb so}] so so}]}", "$schema",
		"https://json.schemastore.org/sarif-2.1.0.json", "version", "2.1.0", "runs", "tool",
		"driver", "name", "hvcc", "version", HVCC_VERSION, "rules", lists.rules, "columnKind",
		"unicodeCodePoints", "invocations", "executionSuccessful", good,
		"toolExecutionNotifications", lists.notifications, "artifacts", artifacts(diags),
		"results", lists.results));
	json_print(json, stream);
}
