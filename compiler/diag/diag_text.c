/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagnostics for people:
 *
 *	error[HV0204]: topology yields 6 vCPUs, but `count` is 4
 *	  ┌─ guests/db0.yaml:9:13
 *	8 │   count: 4
 *	  │          - count set here
 *	9 │   topology: { sockets: 1, dies: 1, cores: 3, threads: 2 }
 *	  │             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ 1 * 1 * 3 * 2 = 6
 *	  = help: set `cores: 2`, or `count: 6`
 *
 * The places of one file are shown together in the order of their lines; another file's follow
 * under a heading of their own. Tabs are shown as one blank, so that the underlining fits.
 */
#include "diag/diag.h"

#include <stdlib.h>
#include <string.h>

struct colours {
	const char *error, *warning, *note, *bold, *rule, *second, *off;
};

static const struct colours coloured = { "\033[1;31m", "\033[1;33m", "\033[1;36m", "\033[1m",
					 "\033[1;34m", "\033[1;36m", "\033[0m" };
static const struct colours plain = { "", "", "", "", "", "", "" };

struct printer {
	FILE *out;
	const struct sources *sources;
	const struct colours *c;
	int margin; /* width of the line numbers */
};

/* One underlined place. */
struct mark {
	struct position at;
	const char *text;
	bool primary;
};

#define MOST_MARKS 8

static const char *severity_colour(const struct printer *p, enum severity severity)
{
	if (severity == SEVERITY_ERROR)
		return p->c->error;
	return severity == SEVERITY_WARNING ? p->c->warning : p->c->note;
}

static size_t characters(const char *text, size_t size)
{
	size_t count = 0;

	for (size_t i = 0; i < size; i++)
		count += ((uint8_t)text[i] & 0xc0) != 0x80;
	return count;
}

/* Bytes of the character at text, 0 when a terminal should not get it: control, broken UTF-8. */
static size_t showable(const char *text, size_t size)
{
	uint8_t c = (uint8_t)text[0];
	size_t length = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;

	if (length > size || c < 0x20 || c == 0x7f)
		return 0;
	for (size_t i = 1; i < length; i++)
		if (((uint8_t)text[i] & 0xc0) != 0x80)
			return 0;
	if ((c == 0xc2 && (uint8_t)text[1] < 0xa0) || (c == 0xe0 && (uint8_t)text[1] < 0xa0) ||
	    (c == 0xed && (uint8_t)text[1] >= 0xa0))
		return 0;
	return length;
}

/* Characters [first, first + count) of a line; a blank for a tab, `?` for what cannot be shown. */
static void put_source_text(const struct printer *p, const char *text, size_t size, size_t first,
			    size_t count)
{
	size_t character = 0;

	for (size_t i = 0; i < size && character < first + count; character++) {
		size_t length = showable(text + i, size - i), step = 1;

		while (i + step < size && ((uint8_t)text[i + step] & 0xc0) == 0x80)
			step++;
		if (character >= first) {
			if (length == step)
				fwrite(text + i, 1, length, p->out);
			else
				fputc(text[i] == '\t' ? ' ' : '?', p->out);
		}
		i += step;
	}
}

/* Of a line longer than this, a part around its first mark is shown. */
#define LONGEST_LINE 160
#define LEAD 40

struct window {
	size_t first, count; /* characters */
};

static struct window window_of(const char *line, size_t size, uint32_t column)
{
	size_t length = characters(line, size), first;

	if (length <= LONGEST_LINE)
		return (struct window){ 0, length };
	first = column > LEAD ? column - LEAD : 0;
	if (first > length - LONGEST_LINE)
		first = length - LONGEST_LINE;
	return (struct window){ first, LONGEST_LINE };
}

static void put_line(const struct printer *p, uint32_t line, const char *text, size_t size,
		     struct window window)
{
	fprintf(p->out, "%s%*u │%s ", p->c->rule, p->margin, line, p->c->off);
	if (window.first)
		fputs("...", p->out);
	put_source_text(p, text, size, window.first, window.count);
	if (window.first + window.count < characters(text, size))
		fputs("...", p->out);
	fputc('\n', p->out);
}

/* The part of a mark that is on its first line. */
static size_t mark_width(const struct printer *p, const struct mark *mark)
{
	const struct source *source = source_get(p->sources, mark->at.file);
	size_t size, before, length = mark->at.length;
	const char *line = source_line(source, mark->at.line, &size);

	before = mark->at.offset - (size_t)(line - source->text);
	if (before >= size)
		return 1;
	if (length > size - before)
		length = size - before;
	length = characters(line + before, length);
	return length ? length : 1;
}

static void put_mark(const struct printer *p, const struct mark *mark, struct window window,
		     const char *primary)
{
	size_t width = mark_width(p, mark), start = mark->at.column - 1;

	if (start < window.first || start > window.first + window.count) {
		fprintf(p->out, "%s%*s │%s column %u: %s\n", p->c->rule, p->margin, "", p->c->off,
			mark->at.column, mark->text ? mark->text : "here");
		return;
	}
	if (width > window.first + window.count - start)
		width = window.first + window.count - start;
	start = start - window.first + (window.first ? strlen("...") : 0);
	fprintf(p->out, "%s%*s │%s %*s%s", p->c->rule, p->margin, "", p->c->off, (int)start, "",
		mark->primary ? primary : p->c->second);
	width += !width;
	while (width--)
		fputc(mark->primary ? '^' : '-', p->out);
	if (mark->text && *mark->text)
		fprintf(p->out, " %s", mark->text);
	fprintf(p->out, "%s\n", p->c->off);
}

/* Marks of one file, sorted by place: each line once, what is marked in it below. */
static void put_marks(const struct printer *p, const struct mark *marks, size_t count,
		      const char *primary)
{
	const struct source *source = source_get(p->sources, marks[0].at.file);
	struct window window = { 0 };
	uint32_t shown = 0;

	for (size_t i = 0; i < count; i++) {
		uint32_t number = marks[i].at.line;
		size_t size;
		const char *line;

		if (number != shown) {
			if (shown && number > shown + 1)
				fprintf(p->out, "%s%*s ·%s\n", p->c->rule, p->margin, "",
					p->c->off);
			line = source_line(source, number, &size);
			window = window_of(line, size, marks[i].at.column);
			put_line(p, number, line, size, window);
			shown = number;
		}
		put_mark(p, &marks[i], window, primary);
	}
}

static int by_place(const void *left, const void *right)
{
	const struct mark *a = left, *b = right;

	if (a->at.offset != b->at.offset)
		return a->at.offset < b->at.offset ? -1 : 1;
	return b->primary - a->primary;
}

static void put_file(const struct printer *p, const struct diag *diag, uint32_t file, bool first)
{
	struct mark marks[MOST_MARKS];
	size_t count = 0;
	struct position head = diag->at;

	if (diag->at.file == file)
		marks[count++] = (struct mark){ diag->at, diag->label, true };
	for (size_t i = 0; i < diag->notes.count && count < MOST_MARKS; i++) {
		const struct diag_place *note = &diag->notes.items[i];

		if (note->at.file != file)
			continue;
		if (!first && !count)
			head = note->at;
		marks[count++] = (struct mark){ note->at, note->text, false };
	}
	fprintf(p->out, "%s%*s %s%s %s:%u:%u\n", p->c->rule, p->margin, "",
		first ? "┌─" : "├─", p->c->off, source_get(p->sources, file)->path, head.line,
		head.column);
	qsort(marks, count, sizeof(*marks), by_place);
	put_marks(p, marks, count, severity_colour(p, diag->severity));
}

/* Whether an earlier note already brought this file up. */
static bool seen_before(const struct diag *diag, size_t index)
{
	uint32_t file = diag->notes.items[index].at.file;

	if (diag->at.file == file)
		return true;
	for (size_t i = 0; i < index; i++)
		if (diag->notes.items[i].at.file == file)
			return true;
	return false;
}

static int margin_of(const struct diag *diag)
{
	uint32_t line = diag->at.line;
	int width = 1;

	for (size_t i = 0; i < diag->notes.count; i++)
		if (diag->notes.items[i].at.line > line)
			line = diag->notes.items[i].at.line;
	for (; line >= 10; line /= 10)
		width++;
	return width;
}

static void put_diag(struct printer *p, const struct diag *diag)
{
	p->margin = margin_of(diag);
	fprintf(p->out, "%s%s[%s]%s%s: %s%s\n", severity_colour(p, diag->severity),
		diag_severity_word(diag->severity), diag_rows[diag->code].id, p->c->off, p->c->bold,
		diag->message, p->c->off);
	if (diag->at.file)
		put_file(p, diag, diag->at.file, true);
	for (size_t i = 0; i < diag->notes.count; i++)
		if (diag->notes.items[i].at.file && !seen_before(diag, i))
			put_file(p, diag, diag->notes.items[i].at.file, !diag->at.file && !i);
	for (size_t i = 0; i < diag->notes.count; i++)
		if (!diag->notes.items[i].at.file)
			fprintf(p->out, "%*s = note: %s\n", p->margin, "",
				diag->notes.items[i].text);
	for (size_t i = 0; i < diag->helps.count; i++)
		fprintf(p->out, "%*s = %shelp%s: %s\n", p->margin, "", p->c->bold, p->c->off,
			diag->helps.items[i]);
	fputc('\n', p->out);
}

static const char *plural(size_t count)
{
	return count == 1 ? "" : "s";
}

static void put_summary(const struct diags *diags, FILE *stream)
{
	size_t mechanical = 0;

	for (size_t i = 0; i < diags->list.count; i++)
		mechanical += diags->list.items[i]->edits.count != 0;
	fprintf(stream, "%zu error%s, %zu warning%s", diags->errors, plural(diags->errors),
		diags->warnings, plural(diags->warnings));
	if (mechanical)
		fprintf(stream, "; `hvcc check --fix` puts %zu right", mechanical);
	fputc('\n', stream);
}

void diag_print_text(struct diags *diags, FILE *stream, bool colour)
{
	struct printer p = {
		.out = stream,
		.sources = diags->sources,
		.c = colour ? &coloured : &plain,
	};

	diags_sort(diags);
	for (size_t i = 0; i < diags->list.count; i++)
		put_diag(&p, diags->list.items[i]);
	if (diags->suppressed)
		fprintf(stream, "... and %zu more, not shown\n", diags->suppressed);
	if (diags->errors || diags->warnings)
		put_summary(diags, stream);
}
