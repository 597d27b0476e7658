/* SPDX-License-Identifier: Apache-2.0 */
/* Reading parts by their tables. */
#include "model/part.h"

#include <stdlib.h>
#include <string.h>

static void *field(void *object, size_t offset)
{
	return (char *)object + offset;
}

static void set_where(const struct part_key *key, void *object, struct where where)
{
	memcpy(field(object, key->where), &where, sizeof(where));
}

/* Little-endian: the low bytes come first. */
static void set_number(const struct part_key *key, void *object, uint64_t value)
{
	memcpy(field(object, key->at), &value, key->size);
}

static void set_text(size_t at, void *object, const char *text)
{
	memcpy(field(object, at), &text, sizeof(text));
}

/* A mask as it is, or the sum of a list. */
static uint64_t read_bits(struct cursor c)
{
	uint64_t bits = 0;

	if (!c.node || c.node->kind == NODE_SCALAR)
		return cursor_number(c);
	for (size_t i = 0; i < cursor_count(c); i++)
		bits |= 1ull << cursor_number(cursor_item(c, i));
	return bits;
}

static void read_key(const struct part_key *key, struct cursor c, void *object);

/* The value of a pair and its key; an item of a list of texts. */
static void read_single(const struct part *part, struct cursor c, const struct node *name,
			void *object)
{
	struct where where = cursor_where(c);

	memcpy(object, &where, sizeof(where));
	if (name) {
		set_text(part->name, object, name->text);
		where.at = name->at;
		memcpy(field(object, part->name_where), &where, sizeof(where));
	}
	read_key(&part->keys[0], c, object);
}

static void read_member(const struct part_key *key, struct cursor c, size_t index, void *object)
{
	const struct node *name = NULL;
	struct where where;

	c = key->kind == PART_PAIRS ? cursor_pair(c, index, &name) : cursor_item(c, index);
	if (key->kind != PART_LIST) {
		read_single(key->part, c, name, object);
		return;
	}
	where = cursor_where(c);
	memcpy(object, &where, sizeof(where));
	read_part(key->part, c, object);
}

static void read_members(const struct part_key *key, struct cursor c, void *object)
{
	struct part_vector *vector = field(object, key->at);
	size_t count = cursor_count(c);

	if (!count)
		return;
	vector->items = arena_array(c.arena, count, key->part->size);
	vector->count = vector->capacity = count;
	for (size_t i = 0; i < count; i++)
		read_member(key, c, i, field(vector->items, i * key->part->size));
}

static void read_key(const struct part_key *key, struct cursor c, void *object)
{
	struct file_name file;

	switch (key->kind) {
	case PART_NUMBER:
		set_number(key, object, cursor_number(c));
		set_where(key, object, cursor_where(c));
		break;
	case PART_BITS:
		set_number(key, object, read_bits(c));
		set_where(key, object, cursor_where(c));
		break;
	case PART_TEXT:
		set_text(key->at, object, cursor_text(c));
		set_where(key, object, cursor_where(c));
		break;
	case PART_FILE:
		file = cursor_path(c);
		memcpy(field(object, key->at), &file, sizeof(file));
		break;
	case PART_MAP:
		set_where(key, object, cursor_where(c));
		if (c.node)
			read_part(key->part, c, field(object, key->at));
		break;
	default:
		read_members(key, c, object);
	}
}

void read_part(const struct part *part, struct cursor c, void *object)
{
	for (size_t i = 0; i < part->key_count; i++)
		read_key(&part->keys[i], cursor_key(c, part->keys[i].name), object);
}

uint64_t part_number(const struct part_key *key, const void *object)
{
	uint64_t value = 0;

	memcpy(&value, (const char *)object + key->at, key->size);
	return value;
}

const char *part_text(const struct part_key *key, const void *object)
{
	const char *text;

	memcpy(&text, (const char *)object + key->at, sizeof(text));
	return text;
}

const char *part_name(const struct part *part, const void *object)
{
	const char *name;

	memcpy(&name, (const char *)object + part->name, sizeof(name));
	return name;
}

struct where part_where(const struct part_key *key, const void *object)
{
	struct where where;

	memcpy(&where, (const char *)object + key->where, sizeof(where));
	return where;
}

const struct part_vector *part_vector(const struct part_key *key, const void *object)
{
	return (const void *)((const char *)object + key->at);
}

const void *part_item(const struct part_key *key, const void *object, size_t index)
{
	return (const char *)part_vector(key, object)->items + index * key->part->size;
}
