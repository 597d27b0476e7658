/* SPDX-License-Identifier: Apache-2.0 */
/* Edits of a document's bytes: sorting, making and showing them. */
#include "yaml/yaml_edit.h"

#include <stdlib.h>
#include <string.h>

void edits_add(struct edits *edits, size_t offset, size_t length, const char *text)
{
	vector_push(edits->arena, &edits->list, ((struct edit){ offset, length, text }));
}

static int by_place(const void *left, const void *right)
{
	const struct edit *a = left, *b = right;

	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	if (a->length != b->length)
		return a->length < b->length ? -1 : 1;
	return strcmp(a->text, b->text);
}

size_t edits_sort(struct edits *edits)
{
	size_t count = edits->list.count, kept = 0;

	if (count)
		qsort(edits->list.items, count, sizeof(*edits->list.items), by_place);
	for (size_t i = 0; i < count; i++) {
		const struct edit *edit = &edits->list.items[i];
		const struct edit *last = kept ? &edits->list.items[kept - 1] : NULL;

		if (last && (edit->offset < last->offset + last->length ||
			     (edit->offset == last->offset && !edit->length)))
			continue;
		edits->list.items[kept++] = *edit;
	}
	edits->list.count = kept;
	return count - kept;
}

struct bytes edits_apply(const struct edits *edits, const struct source *source)
{
	size_t room = source->size + 1, at = 0;
	char *text, *end;

	for (size_t i = 0; i < edits->list.count; i++)
		room += strlen(edits->list.items[i].text);
	text = end = arena_alloc(edits->arena, room);
	for (size_t i = 0; i < edits->list.count; i++) {
		const struct edit *edit = &edits->list.items[i];

		end = mempcpy(end, source->text + at, edit->offset - at);
		end = stpcpy(end, edit->text);
		at = edit->offset + edit->length;
	}
	end = mempcpy(end, source->text + at, source->size - at);
	return (struct bytes){ (const uint8_t *)text, (size_t)(end - text) };
}

bool node_equal(const struct node *a, const struct node *b)
{
	if (a->kind != b->kind || a->tag != b->tag)
		return false;
	if (a->kind == NODE_SCALAR)
		return a->size == b->size && !memcmp(a->text, b->text, a->size) &&
		       (a->style == SCALAR_PLAIN) == (b->style == SCALAR_PLAIN);
	if (a->items.count != b->items.count || a->pairs.count != b->pairs.count)
		return false;
	for (size_t i = 0; i < a->items.count; i++)
		if (!node_equal(a->items.items[i], b->items.items[i]))
			return false;
	for (size_t i = 0; i < a->pairs.count; i++)
		if (!node_equal(a->pairs.items[i].key, b->pairs.items[i].key) ||
		    !node_equal(a->pairs.items[i].value, b->pairs.items[i].value))
			return false;
	return true;
}

/* ------------------------------------------------------------------------------ unified diff */

#define CONTEXT 3

/* Lines [first, end) of the file become `text`. */
struct part {
	size_t first, end;
	struct bytes text;
};

struct parts {
	const struct source *source;
	size_t lines; /* that the file has: what follows the last newline counts if it is something */
	VECTOR(struct part) list;
};

static size_t line_start(const struct parts *parts, size_t line)
{
	return line < parts->lines ? parts->source->line_starts[line] : parts->source->size;
}

static size_t line_at(const struct parts *parts, size_t offset)
{
	size_t low = 0, high = parts->source->line_count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (parts->source->line_starts[middle] <= offset)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* Lines that an edit touches; whole lines that go touch no other one. */
static struct part touched(const struct parts *parts, const struct edit *edit)
{
	size_t end = edit->offset + edit->length, size = strlen(edit->text);
	struct part part = { line_at(parts, edit->offset), line_at(parts, end), { 0 } };
	bool whole = edit->length && line_start(parts, part.first) == edit->offset &&
		     line_start(parts, part.end) == end && (!size || edit->text[size - 1] == '\n');

	part.end += !whole;
	if (part.end > parts->lines)
		part.end = parts->lines;
	return part;
}

/* The edits [from, to) of one part, made. */
static void make_part(const struct edits *edits, struct parts *parts, struct part part, size_t from,
		      size_t to)
{
	size_t start = line_start(parts, part.first), end = line_start(parts, part.end);
	struct source lines = { .text = parts->source->text + start, .size = end - start };
	struct edits inside = { .arena = edits->arena };

	for (size_t i = from; i < to; i++) {
		const struct edit *edit = &edits->list.items[i];

		edits_add(&inside, edit->offset - start, edit->length, edit->text);
	}
	part.text = edits_apply(&inside, &lines);
	vector_push(edits->arena, &parts->list, part);
}

static void find_parts(const struct edits *edits, struct parts *parts)
{
	struct part part = { 0 };
	size_t from = 0;

	for (size_t i = 0; i < edits->list.count; i++) {
		struct part next = touched(parts, &edits->list.items[i]);

		if (i && next.first <= part.end) {
			part.end = next.end > part.end ? next.end : part.end;
			continue;
		}
		if (i)
			make_part(edits, parts, part, from, i);
		part = next;
		from = i;
	}
	if (edits->list.count)
		make_part(edits, parts, part, from, edits->list.count);
}

static size_t count_lines(struct bytes text)
{
	size_t count = 0;

	for (size_t i = 0; i < text.size; i++)
		count += text.data[i] == '\n' || i + 1 == text.size;
	return count;
}

/* Lines of a text with what marks them in front. */
static void put_lines(FILE *stream, char mark, const char *text, size_t size)
{
	while (size) {
		const char *newline = memchr(text, '\n', size);
		size_t length = newline ? (size_t)(newline - text) + 1 : size;

		fputc(mark, stream);
		fwrite(text, 1, length, stream);
		if (!newline)
			fputs("\n\\ No newline at end of file\n", stream);
		text += length;
		size -= length;
	}
}

static void put_old(const struct parts *parts, FILE *stream, char mark, size_t first, size_t end)
{
	put_lines(stream, mark, parts->source->text + line_start(parts, first),
		  line_start(parts, end) - line_start(parts, first));
}

/* How many of the parts from `first` on are shown together. */
static size_t hunk_size(const struct parts *parts, size_t first)
{
	size_t i = first + 1;

	while (i < parts->list.count &&
	       parts->list.items[i].first - parts->list.items[i - 1].end <= 2 * CONTEXT)
		i++;
	return i - first;
}

/* A range as `@@` has it: an empty one is named by the line before it. */
static void put_range(FILE *stream, char mark, size_t first, size_t count)
{
	fprintf(stream, " %c%zu,%zu", mark, first + !!count, count);
}

/* Prints one hunk; *growth is by how many lines the new file is ahead. */
static void put_hunk(const struct parts *parts, FILE *stream, const struct part *hunk, size_t count,
		     long *growth)
{
	size_t first = hunk->first > CONTEXT ? hunk->first - CONTEXT : 0, at = first;
	size_t end = hunk[count - 1].end + CONTEXT;
	long grown = 0;

	end = end < parts->lines ? end : parts->lines;
	for (size_t i = 0; i < count; i++)
		grown += (long)count_lines(hunk[i].text) - (long)(hunk[i].end - hunk[i].first);
	fputs("@@", stream);
	put_range(stream, '-', first, end - first);
	put_range(stream, '+', (size_t)((long)first + *growth), (size_t)((long)(end - first) + grown));
	fputs(" @@\n", stream);
	for (size_t i = 0; i < count; i++) {
		put_old(parts, stream, ' ', at, hunk[i].first);
		put_old(parts, stream, '-', hunk[i].first, hunk[i].end);
		put_lines(stream, '+', (const char *)hunk[i].text.data, hunk[i].text.size);
		at = hunk[i].end;
	}
	put_old(parts, stream, ' ', at, end);
	*growth += grown;
}

void edits_print_diff(const struct edits *edits, const struct source *source, FILE *stream)
{
	struct parts parts = { .source = source, .lines = source->line_count };
	long growth = 0;

	if (!edits->list.count)
		return;
	if (source->line_starts[source->line_count - 1] == source->size)
		parts.lines--;
	find_parts(edits, &parts);
	fprintf(stream, "--- %s\n+++ %s\n", source->path, source->path);
	for (size_t i = 0; i < parts.list.count;) {
		size_t count = hunk_size(&parts, i);

		put_hunk(&parts, stream, &parts.list.items[i], count, &growth);
		i += count;
	}
}
