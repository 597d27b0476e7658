/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where each value in force was set:
 *
 *	memory.size           256MiB   g.yaml:3:34, for `${size}` at templates/linux.yaml:9:17
 *	devices.serial[0].id  com1     templates/linux.yaml:14:18, extended at g.yaml:2:11
 *	boot.protocol         auto     default
 */
#include "cmd/provenance.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"

struct row {
	const char *path, *value;
	const struct effective *effective;
};

struct rows {
	struct arena *arena;
	VECTOR(struct row) list;
};

/* The kinds of EFFECTIVE_LIST that say something themselves: lists of words, and empty ones. */
static const char *flat_text(struct arena *arena, const struct effective *e)
{
	const char *text = "";

	for (size_t i = 0; i < e->children.count; i++)
		text = arena_printf(arena, "%s%s%s", text, i ? ", " : "", e->children.items[i]->text);
	return arena_printf(arena, "[%s]", text);
}

static bool is_flat(const struct effective *e)
{
	return e->kind == EFFECTIVE_LIST &&
	       (!e->children.count || e->children.items[0]->kind == EFFECTIVE_BARE);
}

static void collect(struct rows *rows, const struct effective *e, const char *path)
{
	const char *value = e->kind == EFFECTIVE_TEXT || e->kind == EFFECTIVE_BARE ? e->text
			    : is_flat(e) ? flat_text(rows->arena, e) : NULL;

	if (value && e->where.origin != ORIGIN_ABSENT)
		vector_push(rows->arena, &rows->list, ((struct row){ path, value, e }));
	for (size_t i = 0; i < e->children.count; i++) {
		const struct effective *child = e->children.items[i];

		collect(rows, child,
			child->key ? arena_printf(rows->arena, "%s%s%s", path, *path ? "." : "",
						  child->key)
				   : arena_printf(rows->arena, "%s[%zu]", path, i));
	}
}

static bool same_place(const struct position *a, const struct position *b)
{
	return a->file == b->file && a->offset == b->offset;
}

static bool inside(const struct position *part, const struct position *whole)
{
	return part->file == whole->file && part->offset >= whole->offset &&
	       part->offset < whole->offset + whole->length;
}

/* The next parameter that the value at a place came by; *from counts on. */
static const struct stand_in *next_parameter(const struct sources *sources,
					     const struct position *at, size_t *from)
{
	while (*from < sources->stand_ins.count) {
		const struct stand_in *s = &sources->stand_ins.items[(*from)++];

		if (s->whole ? same_place(&s->written, at) : inside(&s->used, at))
			return s;
	}
	return NULL;
}

/* The place where the file of a place was named, if another one is what named it. */
static const struct source *opened_by_other(const struct sources *sources, uint32_t file)
{
	const struct source *source = source_get(sources, file);

	return source->opened == OPENED ? NULL : source;
}

static const char *place_text(const struct sources *sources, struct arena *arena,
			      const struct position *at)
{
	return arena_printf(arena, "%s:%u:%u", source_get(sources, at->file)->path, at->line,
			    at->column);
}

/* -------------------------------------------------------------------------------------- text */

static const char *origin_text(const struct invocation *in, const struct where *where)
{
	const struct sources *sources = in->sources;
	const struct source *opened;
	const struct stand_in *s;
	const char *text;
	size_t from = 0;

	if (where->origin == ORIGIN_DEFAULT)
		return "default";
	text = place_text(sources, in->arena, &where->at);
	if (where->origin == ORIGIN_BOUND)
		text = arena_printf(in->arena, "%s, by bind", text);
	while ((s = next_parameter(sources, &where->at, &from)))
		text = arena_printf(in->arena, s->whole ? "%s, for `${%s}` at %s" : "%s, with `${%s}` from %s",
				    text, s->name,
				    place_text(sources, in->arena, s->whole ? &s->used : &s->written));
	for (uint32_t file = where->at.file; (opened = opened_by_other(sources, file));
	     file = opened->opened_at.file)
		text = arena_printf(in->arena, "%s, %s at %s", text,
				    opened->opened == OPENED_BASE ? "extended" : "included",
				    place_text(sources, in->arena, &opened->opened_at));
	return text;
}

/* A value in one line of bounded length. */
static const char *shown(struct arena *arena, const char *value)
{
	enum { MOST = 40 };
	size_t length = strcspn(value, "\n");

	if (length == strlen(value) && length <= MOST)
		return *value ? value : "\"\"";
	length = length < MOST - 3 ? length : MOST - 3;
	while (length && ((uint8_t)value[length] & 0xc0) == 0x80)
		length--;
	return arena_printf(arena, "%.*s...", (int)length, value);
}

static void print_text(const struct invocation *in, const struct rows *rows)
{
	int path = 0, value = 0;

	for (size_t i = 0; i < rows->list.count; i++) {
		int length = (int)strlen(rows->list.items[i].path);

		path = length > path ? length : path;
		length = (int)strlen(shown(in->arena, rows->list.items[i].value));
		value = length > value ? length : value;
	}
	for (size_t i = 0; i < rows->list.count; i++) {
		const struct row *row = &rows->list.items[i];

		printf("%-*s  %-*s  %s\n", path, row->path, value, shown(in->arena, row->value),
		       origin_text(in, &row->effective->where));
	}
}

/* -------------------------------------------------------------------------------------- JSON */

static void put_place(json_t *object, const struct sources *sources, const struct position *at)
{
	json_put(object, "file", json_text(source_get(sources, at->file)->path));
	json_put(object, "line", json_integer(at->line));
	json_put(object, "column", json_integer(at->column));
}

/* set, base, included, bind, default. */
static const char *origin_word(const struct sources *sources, const struct where *where)
{
	static const char *const words[] = { "set", "base", "included", "included" };

	if (where->origin == ORIGIN_DEFAULT)
		return "default";
	return where->origin == ORIGIN_BOUND ? "bind"
					     : words[source_get(sources, where->at.file)->opened];
}

static json_t *parameters_json(const struct sources *sources, const struct position *at)
{
	json_t *list = json_made(json_array());
	const struct stand_in *s;
	size_t from = 0;

	while ((s = next_parameter(sources, at, &from))) {
		json_t *one = json_made(json_object());

		json_put(one, "name", json_text(s->name));
		put_place(one, sources, s->whole ? &s->used : &s->written);
		json_add(list, one);
	}
	return list;
}

static json_t *opened_json(const struct sources *sources, uint32_t file)
{
	json_t *list = json_made(json_array());
	const struct source *opened;

	for (; (opened = opened_by_other(sources, file)); file = opened->opened_at.file) {
		json_t *one = json_made(json_object());

		json_put(one, "how", json_text(opened->opened == OPENED_BASE ? "extended" : "included"));
		put_place(one, sources, &opened->opened_at);
		json_add(list, one);
	}
	return list;
}

static void print_json(const struct invocation *in, const struct rows *rows)
{
	json_t *list = json_made(json_array());

	for (size_t i = 0; i < rows->list.count; i++) {
		const struct row *row = &rows->list.items[i];
		const struct where *where = &row->effective->where;
		json_t *one = json_made(json_object());

		json_put(one, "path", json_text(row->path));
		json_put(one, "value", json_text(row->value));
		json_put(one, "origin", json_text(origin_word(in->sources, where)));
		if (position_known(where->at)) {
			put_place(one, in->sources, &where->at);
			json_put(one, "parameters", parameters_json(in->sources, &where->at));
			json_put(one, "through", opened_json(in->sources, where->at.file));
		}
		json_add(list, one);
	}
	json_print(list, stdout);
}

void provenance_print(const struct invocation *in, const struct effective *effective, bool json)
{
	struct rows rows = { .arena = in->arena };

	collect(&rows, effective, "");
	(json ? print_json : print_text)(in, &rows);
}
