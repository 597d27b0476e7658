/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagnostics as workflow commands of GitHub Actions, which shows them beside the changed lines:
 *
 *	::error file=db0.yaml,line=9,col=13,endLine=9,endColumn=58,title=HV0204::topology yields ...
 *
 * Labels, notes and helps follow in the message, a line each: an annotation has one place only.
 */
#include "diag/diag.h"

/* Text of a message, or of a property, where `:` and `,` mean something, too. */
static void put_escaped(FILE *stream, const char *text, bool property)
{
	for (; *text; text++) {
		bool special = *text == '%' || *text == '\r' || *text == '\n' ||
			       (property && (*text == ':' || *text == ','));

		if (special)
			fprintf(stream, "%%%02X", (unsigned)(uint8_t)*text);
		else
			fputc(*text, stream);
	}
}

static void put_place(const struct diags *diags, FILE *stream, struct position at)
{
	struct position end =
		source_position(diags->sources, at.file, (size_t)at.offset + at.length, 0);

	fputs("file=", stream);
	put_escaped(stream, source_get(diags->sources, at.file)->path, true);
	fprintf(stream, ",line=%u,col=%u,endLine=%u", at.line, at.column, end.line);
	/* Columns of a range of several lines are not understood. */
	if (end.line == at.line)
		fprintf(stream, ",endColumn=%u", end.column);
	fputc(',', stream);
}

static void put_line(FILE *stream, const char *prefix, const char *text)
{
	fputs("%0A", stream);
	fputs(prefix, stream);
	put_escaped(stream, text, false);
}

static void put_note(const struct diags *diags, FILE *stream, const struct diag_place *note)
{
	fputs("%0A", stream);
	if (note->at.file) {
		put_escaped(stream, source_get(diags->sources, note->at.file)->path, false);
		fprintf(stream, ":%u:%u: ", note->at.line, note->at.column);
	}
	put_escaped(stream, note->text, false);
}

static void put(const struct diags *diags, FILE *stream, const struct diag *diag)
{
	const char *command = diag->severity == SEVERITY_NOTE ? "notice"
							      : diag_severity_word(diag->severity);

	fprintf(stream, "::%s ", command);
	if (diag->at.file)
		put_place(diags, stream, diag->at);
	fprintf(stream, "title=%s::", diag_rows[diag->code].id);
	put_escaped(stream, diag->message, false);
	if (diag->label)
		put_line(stream, "", diag->label);
	for (size_t i = 0; i < diag->notes.count; i++)
		put_note(diags, stream, &diag->notes.items[i]);
	for (size_t i = 0; i < diag->helps.count; i++)
		put_line(stream, "help: ", diag->helps.items[i]);
	fputc('\n', stream);
}

void diag_print_github(struct diags *diags, FILE *stream)
{
	diags_sort(diags);
	for (size_t i = 0; i < diags->list.count; i++)
		put(diags, stream, diags->list.items[i]);
	if (diags->suppressed)
		fprintf(stream, "::error title=hvcc::%zu more findings, not shown\n", diags->suppressed);
}
