/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where each part of a scalar's value stands in the file.
 *
 *	cpuid: |               value:  "require aes;\nforce x2apic;\n"
 *	  require aes;                  ^0            ^13
 *	  force x2apic;        segments: 0 -> first `r`, 13 -> `f`
 *
 * A literal block's lines are the ends of the file's lines. All other styles fold white space and
 * know escapes: there the value is followed through the raw text character by character.
 */
#include "yaml/node.h"

#include <string.h>

struct follower {
	struct arena *arena;
	struct located_text *out;
	const char *raw;
	size_t at, end; /* in raw, bytes of the file */
	size_t value; /* in the text */
};

static void add_segment(struct follower *f, size_t value, size_t at)
{
	struct text_segment *last = NULL;

	if (f->out->segments.count)
		last = &f->out->segments.items[f->out->segments.count - 1];
	if (last && !last->width && last->file_offset + (value - last->text_offset) == at)
		return;
	vector_push(f->arena, &f->out->segments,
		    ((struct text_segment){ (uint32_t)value, (uint32_t)at, 0 }));
}

static size_t line_end(const struct follower *f, size_t at)
{
	const char *newline = memchr(f->raw + at, '\n', f->end - at);

	return newline ? (size_t)(newline - f->raw) : f->end;
}

/* The header line first; then each line of the value is the end of a line of the file. */
static void follow_literal(struct follower *f)
{
	const char *text = f->out->text;

	f->at = line_end(f, f->at) + 1;
	while (f->value < f->out->size && f->at < f->end) {
		size_t end = line_end(f, f->at), length = strcspn(text + f->value, "\n");
		size_t stop = end > f->at && f->raw[end - 1] == '\r' ? end - 1 : end;

		add_segment(f, f->value, stop - f->at >= length ? stop - length : f->at);
		f->value += length + 1;
		f->at = end + 1;
	}
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t character_length(const char *text)
{
	size_t length = 1;

	while (((uint8_t)text[length] & 0xc0) == 0x80)
		length++;
	return length;
}

/* A backslash in double quotes: some raw bytes for one character, or a joined line. */
static void follow_escape(struct follower *f)
{
	char kind = f->at + 1 < f->end ? f->raw[f->at + 1] : 0;

	if (kind == '\n' || kind == '\r') {
		f->at++;
		while (f->at < f->end && is_space(f->raw[f->at]))
			f->at++;
		return;
	}
	add_segment(f, f->value, f->at);
	f->at += kind == 'x' ? 4 : kind == 'u' ? 6 : kind == 'U' ? 10 : 2;
	f->value += character_length(f->out->text + f->value);
}

/* One step through a plain, quoted or folded scalar. */
static void follow_one(struct follower *f, enum scalar_style style)
{
	char raw = f->raw[f->at], value = f->out->text[f->value];

	if (style == SCALAR_DOUBLE && raw == '\\') {
		follow_escape(f);
	} else if (raw == value) {
		add_segment(f, f->value, f->at);
		f->at++;
		f->value++;
		if (style == SCALAR_SINGLE && raw == '\'')
			f->at++;
	} else if (is_space(raw) && !is_space(value)) {
		f->at++;
	} else if (is_space(value)) {
		f->value++;
	} else {
		f->at++;
	}
}

/* Where byte `at` of a text stands in the file; *segment goes on with it. */
static size_t raw_offset(const struct located_text *raw, size_t at, size_t *segment)
{
	const struct text_segment *now;

	while (*segment + 1 < raw->segments.count &&
	       raw->segments.items[*segment + 1].text_offset <= at)
		++*segment;
	now = &raw->segments.items[*segment];
	return now->file_offset + (at - now->text_offset);
}

/*
 * A text with parameters: what stands for a `${name}` has the place of that, and what is between runs
 * in step with the text that the file has.
 */
static void locate_pieces(struct follower *f, const struct pieces *pieces)
{
	struct located_text raw = { 0 };
	size_t piece = 0, segment = 0, at = 0;

	node_locate_text(f->arena, f->out->sources, pieces->raw, &raw);
	while (raw.segments.count && at < raw.size) {
		const struct piece *next = piece < pieces->list.count ? &pieces->list.items[piece]
								      : NULL;
		size_t place = raw_offset(&raw, at, &segment);

		if (next && next->raw == at) {
			vector_push(f->arena, &f->out->segments,
				    ((struct text_segment){ next->text, (uint32_t)place, next->raw_size }));
			at += next->raw_size;
			f->value += next->size;
			piece++;
		} else {
			add_segment(f, f->value++, place);
			at++;
		}
	}
}

void node_locate_text(struct arena *arena, struct sources *sources, const struct node *node,
		      struct located_text *text)
{
	const struct source *source = source_get(sources, node->at.file);
	struct follower f = {
		.arena = arena,
		.out = text,
		.raw = source->text,
		.at = node->at.offset,
		.end = source->size,
	};

	text->text = node->text;
	text->size = node->size;
	text->sources = sources;
	text->where = (struct where){ .at = node->at, .origin = ORIGIN_SET };
	if (node->pieces) {
		locate_pieces(&f, node->pieces);
		return;
	}
	if (node->style == SCALAR_FILE) {
		add_segment(&f, 0, 0);
		return;
	}
	/* A tag or anchor comes first, and its text must not be taken for the value. */
	while (f.at < f.end && (f.raw[f.at] == '!' || f.raw[f.at] == '&')) {
		while (f.at < f.end && !is_space(f.raw[f.at]))
			f.at++;
		while (f.at < f.end && is_space(f.raw[f.at]))
			f.at++;
	}
	if (node->style == SCALAR_LITERAL) {
		follow_literal(&f);
		return;
	}
	if (node->style == SCALAR_FOLDED)
		f.at = line_end(&f, f.at) + 1;
	else if (node->style != SCALAR_PLAIN)
		f.at++;
	while (f.value < text->size && f.at < f.end)
		follow_one(&f, node->style);
}
