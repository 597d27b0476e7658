/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Laying a document out by edits. The tree says what each line begins with, and so how far in it goes:
 *
 *	HEAD	a key, a `-`, or a value on a line of its own: its level times two
 *	FOLLOW	the rest of a value of several lines: moves as its first line moved
 *	TEXT	the lines of a block scalar (`|`, `>`): move together, blanks at their ends stay
 *	FREE	comments go with the line they stand at; empty lines
 *
 * Walking recurses over collections; the reader bounded their depth.
 */
#include <string.h>

#include "yaml/yaml_edit.h"

#define STEP 2 /* blanks a level */

enum line_kind { LINE_FREE, LINE_HEAD, LINE_FOLLOW, LINE_TEXT, LINE_FIXED };

struct line {
	enum line_kind kind;
	size_t start, end; /* without the newline */
	size_t indent; /* blanks and tabs at its start; of TEXT blanks only */
	size_t wanted;
	size_t owner; /* FOLLOW: the line it moves with */
	size_t least; /* FOLLOW: not less than this */
	bool keep_end; /* blanks at the end may be part of a text */
	bool keep; /* an empty line that is part of a text */
};

struct formatter {
	const struct source *source;
	const char *text;
	struct edits *edits;
	struct line *lines;
	size_t count;
	bool open_end; /* a newline at the end of the file would belong to a text */
};

/* Where the parent of a node stands: the column of its keys or dashes, as it was and as it will be. */
struct level {
	size_t old, wanted;
};

/* ------------------------------------------------------------------------------------- lines */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_empty(const struct formatter *f, const struct line *line)
{
	for (size_t i = line->start; i < line->end; i++)
		if (!is_blank(f->text[i]))
			return false;
	return true;
}

static size_t leading(const struct formatter *f, const struct line *line, const char *set)
{
	size_t i = line->start;

	while (i < line->end && f->text[i] && strchr(set, f->text[i]))
		i++;
	return i - line->start;
}

static void find_lines(struct formatter *f, struct arena *arena)
{
	const struct source *source = f->source;

	f->count = source->line_count;
	if (source->line_starts[f->count - 1] == source->size)
		f->count--;
	f->lines = arena_array(arena, f->count, sizeof(*f->lines));
	for (size_t i = 0; i < f->count; i++) {
		struct line *line = &f->lines[i];
		bool last = i + 1 == source->line_count;

		line->start = source->line_starts[i];
		line->end = last ? source->size : source->line_starts[i + 1] - 1;
		if (!i && source->size >= 3 && !memcmp(f->text, "\xef\xbb\xbf", 3))
			line->start = 3;
		line->indent = leading(f, line, " \t");
		if (!line->indent && line->end > line->start &&
		    (f->text[line->start] == '%' || !strncmp(f->text + line->start, "---", 3) ||
		     !strncmp(f->text + line->start, "...", 3)))
			line->kind = LINE_FIXED;
	}
}

static size_t line_of(const struct formatter *f, size_t offset)
{
	size_t low = 0, high = f->count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (f->lines[middle].start <= offset)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static size_t end_of(const struct node *node)
{
	return (size_t)node->at.offset + node->at.length;
}

static size_t column_of(const struct formatter *f, size_t offset)
{
	return offset - f->lines[line_of(f, offset)].start;
}

/* What stands at offset is the first thing in its line: the line goes there. */
static void head(struct formatter *f, size_t offset, size_t wanted)
{
	struct line *line = &f->lines[line_of(f, offset)];

	if (line->start + line->indent != offset || line->kind != LINE_FREE)
		return;
	line->kind = LINE_HEAD;
	line->wanted = wanted;
}

/* -------------------------------------------------------------------------------------- gaps */

/* Whether nothing but blanks stands before `at` in its line, as where an empty key or value is said to be. */
static bool begins_line(const struct formatter *f, size_t at)
{
	size_t i = f->lines[line_of(f, at)].start;

	while (i < at && is_blank(f->text[i]))
		i++;
	return i == at;
}

/*
 * The bytes [start, end) become `wanted` if they are blanks around exactly what `wanted` has beside
 * blanks. Where a line begins or ends there, or a comment stands, nothing is changed.
 */
static void gap(struct formatter *f, size_t start, size_t end, const char *wanted)
{
	const char *sign = wanted + strspn(wanted, " ");
	bool seen = !*sign;

	if (start > end || begins_line(f, start))
		return;
	for (size_t i = start; i < end; i++) {
		if (f->text[i] == ' ' || f->text[i] == '\t')
			continue;
		if (seen || f->text[i] != *sign)
			return;
		seen = true;
	}
	if (!seen || (strlen(wanted) == end - start && !memcmp(f->text + start, wanted, end - start)))
		return;
	edits_add(f->edits, start, end - start, wanted);
}

/* Behind blanks, line ends and comments. */
static size_t skip_space(const struct formatter *f, size_t at)
{
	while (at < f->source->size) {
		char c = f->text[at];

		if (c == '#') {
			while (at < f->source->size && f->text[at] != '\n')
				at++;
		} else if (is_blank(c) || c == '\n') {
			at++;
		} else {
			break;
		}
	}
	return at;
}

/* Behind the anchor and tag that a node may begin with. */
static size_t skip_properties(const struct formatter *f, size_t at)
{
	while (at < f->source->size && (f->text[at] == '&' || f->text[at] == '!')) {
		while (at < f->source->size && !is_blank(f->text[at]) && f->text[at] != '\n')
			at++;
		at = skip_space(f, at);
	}
	return at;
}

/* An alias is a copy of what it names, at its own place: nothing below it is here. */
static bool is_alias(const struct formatter *f, const struct node *node)
{
	if (!node->at.length || f->text[node->at.offset] != '*')
		return false;
	for (size_t i = node->at.offset; i < end_of(node); i++)
		if (is_blank(f->text[i]) || f->text[i] == '\n')
			return false;
	return true;
}

static bool is_flow(const struct formatter *f, const struct node *node)
{
	size_t start = skip_properties(f, node->at.offset);

	return node->kind != NODE_SCALAR && !is_alias(f, node) && start < f->source->size &&
	       (f->text[start] == '{' || f->text[start] == '[');
}

/* ---------------------------------------------------------------------------- values of a line */

/* Lines of a quoted or plain text but the last: blanks at their ends may be escaped. */
static void keep_ends(struct formatter *f, const struct node *node)
{
	size_t last = line_of(f, end_of(node));

	for (size_t i = line_of(f, node->at.offset); i < last; i++)
		f->lines[i].keep_end = true;
}

static void format_flow(struct formatter *f, const struct node *node);

static void format_flow_part(struct formatter *f, const struct node *node)
{
	if (is_alias(f, node))
		return;
	if (node->kind == NODE_SCALAR)
		keep_ends(f, node);
	else
		format_flow(f, node);
}

/* Of what is not there, as an empty key: no gap begins or ends at it. */
#define NOWHERE SIZE_MAX

static size_t flow_end(const struct node *node)
{
	return node->at.length ? end_of(node) : NOWHERE;
}

/* Returns where the pair ends. */
static size_t format_flow_pair(struct formatter *f, const struct node_pair *pair)
{
	format_flow_part(f, pair->key);
	if (!pair->value->at.length)
		return flow_end(pair->key);
	gap(f, flow_end(pair->key), pair->value->at.offset, ": ");
	format_flow_part(f, pair->value);
	return end_of(pair->value);
}

static void format_flow(struct formatter *f, const struct node *node)
{
	size_t at = skip_properties(f, node->at.offset), end = end_of(node);
	bool bracket = at < end && (f->text[at] == '{' || f->text[at] == '[');
	const char *inside = node->kind == NODE_MAP ? " " : "";

	at += bracket;
	for (size_t i = 0; i < node->pairs.count; i++) {
		const struct node_pair *pair = &node->pairs.items[i];

		if (bracket && pair->key->at.length)
			gap(f, at, pair->key->at.offset, i ? ", " : inside);
		at = format_flow_pair(f, pair);
	}
	for (size_t i = 0; i < node->items.count; i++) {
		const struct node *item = node->items.items[i];

		if (item->at.length)
			gap(f, at, item->at.offset, i ? ", " : inside);
		format_flow_part(f, item);
		at = flow_end(item);
	}
	if (!bracket || end <= at)
		return;
	gap(f, at, end - 1, node->pairs.count || node->items.count ? inside : "");
}

/* ------------------------------------------------------------------------------ block scalars */

struct block {
	size_t header; /* line */
	size_t last; /* the last line that is not empty; the header when there is none */
	size_t indent; /* blanks of its text */
	long shift;
	bool keeps, strips; /* `+`, `-` */
};

static struct block block_of(const struct formatter *f, const struct node *node, struct level parent)
{
	size_t at = skip_properties(f, node->at.offset) + 1;
	struct block b = { .header = line_of(f, at - 1), .last = line_of(f, end_of(node) - 1) };

	if (b.last < b.header)
		b.last = b.header;
	for (; at < f->lines[b.header].end && strchr("+-123456789", f->text[at]); at++) {
		b.keeps |= f->text[at] == '+';
		b.strips |= f->text[at] == '-';
		if (f->text[at] >= '1' && f->text[at] <= '9')
			b.indent = (size_t)(f->text[at] - '0');
	}
	if (b.indent) {
		b.indent += parent.old;
		b.shift = (long)parent.wanted - (long)parent.old;
		return b;
	}
	for (size_t i = b.header + 1; i <= b.last && !b.indent; i++)
		if (!is_empty(f, &f->lines[i]))
			b.indent = leading(f, &f->lines[i], " ");
	b.shift = (long)(parent.wanted + STEP) - (long)b.indent;
	if (b.last == b.header) /* no text: no line has blanks of its own */
		b.indent = SIZE_MAX;
	return b;
}

/* The last line of the text: empty lines behind it that have too many blanks are part of it. */
static size_t last_of(const struct formatter *f, const struct block *b)
{
	size_t last = b->last;

	for (size_t i = b->last + 1; i < f->count && is_empty(f, &f->lines[i]); i++)
		if (b->keeps || leading(f, &f->lines[i], " ") > b->indent)
			last = i;
	return last;
}

static void format_block(struct formatter *f, const struct node *node, struct level parent)
{
	struct block b = block_of(f, node, parent);
	size_t last = last_of(f, &b);

	for (size_t i = b.header + 1; i <= last; i++) {
		struct line *line = &f->lines[i];
		size_t blanks = leading(f, line, " ");

		line->keep = true;
		line->kind = LINE_FIXED;
		if (is_empty(f, line) && blanks <= b.indent)
			continue;
		line->kind = LINE_TEXT;
		line->keep_end = true;
		line->indent = blanks;
		line->wanted = (size_t)((long)blanks + b.shift);
	}
	f->open_end |= last + 1 == f->count && !b.strips;
}

/* ---------------------------------------------------------------------------- block collections */

/* A value that is no block collection, on the line of its key or dash or on its own. */
static void format_value(struct formatter *f, const struct node *node, struct level parent,
			 size_t wanted)
{
	size_t first, last;

	if (!node->at.length)
		return;
	head(f, node->at.offset, wanted);
	if (is_alias(f, node))
		return;
	if (node->kind == NODE_SCALAR && node->style >= SCALAR_LITERAL) {
		format_block(f, node, parent);
		return;
	}
	first = line_of(f, node->at.offset);
	last = line_of(f, end_of(node) - 1);
	for (size_t i = first + 1; i <= last; i++)
		f->lines[i] = (struct line){ LINE_FOLLOW, f->lines[i].start, f->lines[i].end,
					     f->lines[i].indent, 0, first,
					     node->kind == NODE_SCALAR ? parent.wanted + 1 : 0,
					     f->lines[i].keep_end, true };
	if (node->kind == NODE_SCALAR)
		keep_ends(f, node);
	else
		format_flow(f, node);
}

static void format_node(struct formatter *f, const struct node *node, struct level parent,
			size_t wanted);

static void format_map(struct formatter *f, const struct node *map, size_t wanted)
{
	for (size_t i = 0; i < map->pairs.count; i++) {
		const struct node_pair *pair = &map->pairs.items[i];
		struct level level = { column_of(f, pair->key->at.offset), wanted };

		head(f, pair->key->at.offset, wanted);
		if (pair->value->at.length)
			gap(f, end_of(pair->key), pair->value->at.offset, ": ");
		format_node(f, pair->value, level, wanted + STEP);
	}
}

static void format_list(struct formatter *f, const struct node *list, size_t wanted)
{
	size_t at = skip_properties(f, list->at.offset);

	for (size_t i = 0; i < list->items.count; i++) {
		const struct node *item = list->items.items[i];
		size_t dash = skip_space(f, at);
		struct level level = { 0, wanted };

		if (dash >= f->source->size || f->text[dash] != '-')
			return;
		level.old = column_of(f, dash);
		head(f, dash, wanted);
		if (item->at.length)
			gap(f, dash + 1, item->at.offset, " ");
		format_node(f, item, level, wanted + STEP);
		at = end_of(item) > dash ? end_of(item) : dash + 1;
	}
}

static void format_node(struct formatter *f, const struct node *node, struct level parent,
			size_t wanted)
{
	if (node->kind == NODE_SCALAR || is_alias(f, node) || is_flow(f, node))
		format_value(f, node, parent, wanted);
	else if (node->kind == NODE_MAP)
		format_map(f, node, wanted);
	else
		format_list(f, node, wanted);
}

/* ------------------------------------------------------------------------------ comments, lines */

static bool is_comment(const struct formatter *f, const struct line *line)
{
	return line->kind == LINE_FREE && line->start + line->indent < line->end &&
	       f->text[line->start + line->indent] == '#';
}

/* The heads that are open where a comment stands, the innermost last. */
struct open_heads {
	VECTOR(const struct line *) list;
};

static void open_head(struct formatter *f, struct open_heads *open, const struct line *line)
{
	while (open->list.count &&
	       open->list.items[open->list.count - 1]->indent >= line->indent)
		open->list.count--;
	vector_push(f->edits->arena, &open->list, line);
}

/* A comment further in than what follows goes with what it stands below; else with what follows. */
static size_t comment_column(const struct open_heads *open, const struct line *comment,
			     const struct line *next)
{
	if (next && comment->indent <= next->indent)
		return next->wanted;
	for (size_t i = open->list.count; i; i--) {
		const struct line *line = open->list.items[i - 1];

		if (line->indent <= comment->indent && (!next || line->indent > next->indent))
			return line->wanted;
	}
	return next ? next->wanted : 0;
}

static void place_comments(struct formatter *f)
{
	struct open_heads open = { 0 };
	size_t next = 0;

	for (size_t i = 0; i < f->count; i++) {
		struct line *line = &f->lines[i];

		if (line->kind == LINE_HEAD)
			open_head(f, &open, line);
		if (!is_comment(f, line))
			continue;
		for (next = next > i ? next : i; next < f->count && f->lines[next].kind != LINE_HEAD;)
			next++;
		line->wanted = comment_column(&open, line, next < f->count ? &f->lines[next] : NULL);
	}
}

static void place_follower(const struct formatter *f, struct line *line)
{
	const struct line *owner = &f->lines[line->owner];
	long moved = owner->kind == LINE_HEAD ? (long)owner->wanted - (long)owner->indent : 0;
	long wanted = (long)line->indent + moved;

	line->wanted = wanted > (long)line->least ? (size_t)wanted : line->least;
}

static const char *blanks(struct formatter *f, size_t count)
{
	char *text = arena_alloc(f->edits->arena, count + 1);

	memset(text, ' ', count);
	return text;
}

static void edit_line(struct formatter *f, struct line *line)
{
	size_t end = line->end;

	if (line->kind == LINE_FOLLOW)
		place_follower(f, line);
	while (end > line->start && (line->keep_end ? f->text[end - 1] == '\r' && end == line->end
						    : is_blank(f->text[end - 1])))
		end--;
	if (end < line->end)
		edits_add(f->edits, end, line->end - end, "");
	if (end == line->start || line->kind == LINE_FIXED ||
	    (line->kind == LINE_FREE && !is_comment(f, line)))
		return;
	if (end < line->start + line->indent) /* an empty line within a value */
		return;
	if (line->wanted != line->indent || memchr(f->text + line->start, '\t', line->indent))
		edits_add(f->edits, line->start, line->indent, blanks(f, line->wanted));
}

static void edit_lines(struct formatter *f)
{
	size_t last = f->count;
	bool empty = true; /* the line before, or there is none */

	while (last && !f->lines[last - 1].keep && is_empty(f, &f->lines[last - 1]))
		last--;
	for (size_t i = 0; i < f->count; i++) {
		struct line *line = &f->lines[i];
		bool now = is_empty(f, line) && !line->keep;
		size_t next = line->end + (line->end < f->source->size);

		if (now && (empty || i >= last))
			edits_add(f->edits, line->start, next - line->start, "");
		else
			edit_line(f, line);
		empty = now;
	}
	if (last && f->lines[last - 1].end == f->source->size && !f->open_end)
		edits_add(f->edits, f->source->size, 0, "\n");
}

struct edits *yaml_format(struct arena *arena, const struct source *source, const struct node *root)
{
	struct formatter f = {
		.source = source,
		.text = source->text,
		.edits = arena_new(arena, struct edits),
	};

	f.edits->arena = arena;
	find_lines(&f, arena);
	format_node(&f, root, (struct level){ 0 }, 0);
	place_comments(&f);
	edit_lines(&f);
	edits_sort(f.edits);
	return f.edits;
}
