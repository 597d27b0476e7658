/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagnostics as TAP 13: a test a file that was read, failed by its errors. What is about no file is
 * a test of its own, `hvcc`. What was found follows its test as a block of YAML, in JSON's quotes.
 */
#include "diag/diag.h"

#include <stdlib.h>

#include "base/json.h"

static void put_quoted(FILE *stream, const char *text)
{
	json_t *json = json_text(text);

	if (json_dumpf(json, stream, JSON_ENCODE_ANY) && !ferror(stream))
		out_of_memory();
	json_decref(json);
}

static void put_key(FILE *stream, const char *key, const char *text)
{
	fprintf(stream, "    %s: ", key);
	put_quoted(stream, text);
	fputc('\n', stream);
}

static void put_finding(FILE *stream, const struct diag *diag)
{
	fprintf(stream, "  - code: %s\n    severity: %s\n", diag_rows[diag->code].id,
		diag_severity_word(diag->severity));
	put_key(stream, "message", diag->message);
	if (diag->at.file)
		fprintf(stream, "    line: %u\n    column: %u\n", diag->at.line, diag->at.column);
	if (diag->helps.count)
		fputs("    help:\n", stream);
	for (size_t i = 0; i < diag->helps.count; i++) {
		fputs("      - ", stream);
		put_quoted(stream, diag->helps.items[i]);
		fputc('\n', stream);
	}
}

/* A name may not end the line, and `#` would begin a directive. */
static void put_name(FILE *stream, const char *name)
{
	for (; *name; name++)
		fputc((uint8_t)*name < 0x20 || *name == '#' ? '?' : *name, stream);
}

/* The findings from `first` on that belong to this test; returns how many. */
static size_t put_test(const struct diags *diags, FILE *stream, size_t number, uint32_t test,
		       size_t first)
{
	size_t end = first, errors = 0;

	for (; end < diags->list.count && diag_test(diags, diags->list.items[end]) == test; end++)
		errors += diags->list.items[end]->severity == SEVERITY_ERROR;
	fprintf(stream, "%sok %zu - ", errors ? "not " : "", number);
	put_name(stream, diag_test_name(diags, test));
	fputc('\n', stream);
	if (end > first)
		fputs("  ---\n", stream);
	for (size_t i = first; i < end; i++)
		put_finding(stream, diags->list.items[i]);
	if (end > first)
		fputs("  ...\n", stream);
	return end - first;
}

void diag_print_tap(struct diags *diags, FILE *stream)
{
	size_t tests = diags_test_count(diags), at = 0, number = 0;
	bool general;

	diags_sort(diags);
	general = diags->list.count && !diag_test(diags, diags->list.items[0]);
	fprintf(stream, "TAP version 13\n1..%zu\n", tests + general + !!diags->suppressed);
	for (uint32_t test = general ? 0 : 1; test <= tests; test++)
		at += put_test(diags, stream, ++number, test, at);
	if (diags->suppressed)
		fprintf(stream, "not ok %zu - %zu more findings, not shown\n", number + 1,
			diags->suppressed);
}
