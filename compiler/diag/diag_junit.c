/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagnostics as JUnit reports, which many continuous integrations show: a test case a file that was
 * read, with its errors as one failure; warnings and notes are its output. What is about no file
 * (the command line, a file that is not there) is an error of the test case `hvcc`.
 */
#include "diag/diag.h"

#include "base/json.h"

/* XML 1.0 cannot hold control characters, nor U+FFFE and U+FFFF. */
static void put_text(FILE *stream, const char *text)
{
	json_t *json = json_text(text);

	for (const char *c = json_string_value(json); *c; c++) {
		if (*c == '<')
			fputs("&lt;", stream);
		else if (*c == '>')
			fputs("&gt;", stream);
		else if (*c == '&')
			fputs("&amp;", stream);
		else if (*c == '"')
			fputs("&quot;", stream);
		else if (*c == '\n')
			fputs("&#10;", stream);
		else if ((uint8_t)*c < 0x20 || (uint8_t)*c == 0x7f)
			fputc('?', stream);
		else if ((uint8_t)*c == 0xef && (uint8_t)c[1] == 0xbf && (uint8_t)c[2] >= 0xbe)
			c += 2, fputc('?', stream);
		else
			fputc(*c, stream);
	}
	json_decref(json);
}

static void put_place(const struct diags *diags, FILE *stream, struct position at)
{
	if (!at.file)
		return;
	put_text(stream, source_get(diags->sources, at.file)->path);
	fprintf(stream, ":%u:%u: ", at.line, at.column);
}

static void put_finding(const struct diags *diags, FILE *stream, const struct diag *diag)
{
	put_place(diags, stream, diag->at);
	fprintf(stream, "%s: ", diag_severity_word(diag->severity));
	put_text(stream, diag->message);
	fprintf(stream, " [%s]\n", diag_rows[diag->code].id);
	for (size_t i = 0; i < diag->notes.count; i++) {
		fputs("  ", stream);
		put_place(diags, stream, diag->notes.items[i].at);
		put_text(stream, diag->notes.items[i].text);
		fputc('\n', stream);
	}
	for (size_t i = 0; i < diag->helps.count; i++) {
		fputs("  help: ", stream);
		put_text(stream, diag->helps.items[i]);
		fputc('\n', stream);
	}
}

/* One element with the findings of [first, end) that are errors, or with the others. */
static void put_findings(const struct diags *diags, FILE *stream, size_t first, size_t end,
			 bool errors)
{
	const char *element = !errors ? "system-out" : diag_test(diags, diags->list.items[first]) ? "failure"
											 : "error";
	bool open = false;

	for (size_t i = first; i < end; i++) {
		const struct diag *diag = diags->list.items[i];

		if ((diag->severity == SEVERITY_ERROR) != errors)
			continue;
		if (!open) {
			fprintf(stream, "      <%s", element);
			if (errors) {
				fprintf(stream, " type=\"%s\" message=\"", diag_rows[diag->code].id);
				put_text(stream, diag->message);
				fputc('"', stream);
			}
			fputs(">", stream);
		}
		open = true;
		put_finding(diags, stream, diag);
	}
	if (open)
		fprintf(stream, "</%s>\n", element);
}

static size_t end_of(const struct diags *diags, size_t first, uint32_t test)
{
	while (first < diags->list.count && diag_test(diags, diags->list.items[first]) == test)
		first++;
	return first;
}

static size_t put_case(const struct diags *diags, FILE *stream, uint32_t test, size_t first)
{
	size_t end = end_of(diags, first, test);

	fputs("    <testcase classname=\"hvcc\" name=\"", stream);
	put_text(stream, diag_test_name(diags, test));
	fputs("\">\n", stream);
	if (end > first) {
		put_findings(diags, stream, first, end, true);
		put_findings(diags, stream, first, end, false);
	}
	fputs("    </testcase>\n", stream);
	return end;
}

/* How many files have an error; *general: what is about no file has one, too. */
static size_t failed_files(const struct diags *diags, bool *general)
{
	uint32_t last = 0;
	size_t count = 0;

	*general = false;
	for (size_t i = 0; i < diags->list.count; i++) {
		const struct diag *diag = diags->list.items[i];

		*general |= !diag_test(diags, diag) && diag->severity == SEVERITY_ERROR;
		if (diag->severity != SEVERITY_ERROR || diag_test(diags, diag) == last)
			continue;
		last = diag_test(diags, diag);
		count++;
	}
	return count;
}

void diag_print_junit(struct diags *diags, FILE *stream)
{
	size_t count = diags_test_count(diags), at = 0, tests, failures, general;
	bool error;

	diags_sort(diags);
	general = end_of(diags, 0, 0);
	tests = count + !!general + !!diags->suppressed;
	failures = failed_files(diags, &error) + !!diags->suppressed;
	fprintf(stream, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
			"  <testsuite name=\"hvcc\" tests=\"%zu\" failures=\"%zu\" errors=\"%d\">\n",
		tests, failures, error);
	for (uint32_t test = general ? 0 : 1; test <= count; test++)
		at = put_case(diags, stream, test, at);
	if (diags->suppressed)
		fprintf(stream, "    <testcase classname=\"hvcc\" name=\"the rest\">\n      <failure "
				"message=\"%zu more findings, not shown\"/>\n    </testcase>\n",
			diags->suppressed);
	fputs("  </testsuite>\n</testsuites>\n", stream);
}
