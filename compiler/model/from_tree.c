/* SPDX-License-Identifier: Apache-2.0 */
/* Walking tree and schema together: values, defaults, origins. */
#include "model/from_tree.h"

#include <stdlib.h>
#include <string.h>

#include "validate/formats.h"

/* Neither an empty list nor what would be in force anyway asks for anything. */
static bool asks(const struct schema *schema, const struct node *value)
{
	if (value->kind == NODE_SCALAR)
		return !schema->fallback || strcmp(value->text, schema->fallback) != 0;
	return value->kind == NODE_MAP || value->items.count;
}

/* Remembers a key that the core cannot honour, at the place of the key itself. */
static void note_need(struct cursor map, const struct schema *schema, const char *key)
{
	for (size_t i = 0; i < map.node->pairs.count; i++) {
		const struct node_pair *pair = &map.node->pairs.items[i];

		if (strcmp(pair->key->text, key) || !asks(schema, pair->value))
			continue;
		vector_push(map.arena, map.unmet,
			    ((struct unmet){ key, schema->needs, pair->key->at }));
	}
}

struct cursor cursor_key(struct cursor map, const char *key)
{
	const struct schema *schema =
		schema_key_find(schema_alternative(map.schema, NODE_MAP), key);

	if (!schema)
		abort();
	if (schema->needs && map.node && map.unmet)
		note_need(map, schema, key);
	map.schema = schema;
	map.node = node_get(map.node, key);
	return map;
}

size_t cursor_count(struct cursor collection)
{
	if (!collection.node)
		return 0;
	return collection.node->kind == NODE_MAP ? collection.node->pairs.count
						 : collection.node->items.count;
}

struct cursor cursor_item(struct cursor list, size_t index)
{
	list.schema = schema_alternative(list.schema, NODE_LIST)->items;
	list.node = list.node->items.items[index];
	return list;
}

struct cursor cursor_pair(struct cursor map, size_t index, const struct node **key)
{
	*key = map.node->pairs.items[index].key;
	map.node = map.node->pairs.items[index].value;
	map.schema = map.schema->items;
	return map;
}

struct where cursor_where(struct cursor cursor)
{
	if (cursor.node)
		return (struct where){ .at = cursor.node->at, .origin = ORIGIN_SET };
	return (struct where){
		.origin = cursor.schema->fallback ? ORIGIN_DEFAULT : ORIGIN_ABSENT,
	};
}

const char *cursor_text(struct cursor cursor)
{
	if (cursor.node)
		return cursor.node->kind == NODE_SCALAR ? cursor.node->text : NULL;
	return cursor.schema->fallback;
}

uint64_t cursor_number(struct cursor cursor)
{
	const struct schema *schema = schema_alternative(cursor.schema, NODE_SCALAR);
	const char *text = cursor_text(cursor);
	uint64_t value = 0;

	if (schema && text)
		scalar_value(schema, text, &value);
	return value;
}

struct file_name cursor_path(struct cursor cursor)
{
	struct file_name name = {
		.value = cursor_text(cursor),
		.where = cursor_where(cursor),
	};

	if (name.value)
		name.path = path_relative_to(cursor.arena,
					     cursor.node ? source_get(cursor.sources, cursor.node->at.file)->path
							 : cursor.file,
					     name.value);
	return name;
}

struct pin read_pin(struct cursor map, size_t index, enum origin origin)
{
	const struct node *key;
	struct cursor value = cursor_pair(map, index, &key);

	return (struct pin){
		.vcpu = (uint32_t)strtoul(key->text, NULL, 10),
		.cpu = (uint32_t)cursor_number(value),
		.where = { .at = value.node->at, .origin = origin },
		.key = { .at = key->at, .origin = origin },
	};
}
