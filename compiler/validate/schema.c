/* SPDX-License-Identifier: Apache-2.0 */
/* Looking things up in the compiled schemas. */
#include "validate/schema.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "yaml/node.h"

const struct schema_document schema_documents[] = {
	{ "hvcc/guest/v1", "guest", &schema_guest },
	{ "hvcc/system/v1", "system", &schema_system },
	{ "hvcc/platform/v1", "platform", &schema_platform },
	{ "hvcc/policy/v1", "policy", &schema_policy },
	{ "hvcc/test/v1", "test", &schema_test },
};
const size_t schema_document_count = sizeof(schema_documents) / sizeof(*schema_documents);

const struct schema *schema_key_find(const struct schema *object, const char *name)
{
	for (size_t i = 0; i < object->key_count; i++)
		if (!strcmp(object->keys[i].name, name))
			return object->keys[i].schema;
	return NULL;
}

/* "on_reboot", "onReboot" and "on-reboot" are one word. */
static bool same_word(const char *a, const char *b)
{
	for (;; a++, b++) {
		a += strspn(a, "-_");
		b += strspn(b, "-_");
		if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
			return false;
		if (!*a)
			return true;
	}
}

static bool is_also(const struct schema *schema, const char *name)
{
	for (const char *const *also = schema->also; also && *also; also++)
		if (same_word(*also, name))
			return true;
	return false;
}

bool schema_key_called(const struct schema_key *key, const char *name)
{
	return same_word(key->name, name) || is_also(key->schema, name);
}

const struct schema_key *schema_key_also(const struct schema *object, const char *name)
{
	for (size_t i = 0; i < object->key_count; i++)
		if (is_also(object->keys[i].schema, name))
			return &object->keys[i];
	return NULL;
}

static bool fits(const struct schema *schema, int node_kind)
{
	switch (schema->kind) {
	case SCHEMA_OBJECT:
	case SCHEMA_MAP:
	case SCHEMA_ANY:
		return node_kind == NODE_MAP;
	case SCHEMA_LIST:
		return node_kind == NODE_LIST;
	default:
		return node_kind == NODE_SCALAR;
	}
}

const struct schema *schema_alternative(const struct schema *schema, int node_kind)
{
	if (schema->kind != SCHEMA_ONE_OF)
		return schema;
	for (size_t i = 0; i < schema->alternative_count; i++)
		if (fits(schema->alternatives[i], node_kind))
			return schema->alternatives[i];
	return NULL;
}

/* Through lists, maps and alternatives to what has keys. */
static const struct schema *keyed(const struct schema *schema)
{
	while (schema && schema->kind != SCHEMA_OBJECT) {
		if (schema->kind == SCHEMA_ONE_OF) {
			const struct schema *map = schema_alternative(schema, NODE_MAP);

			schema = map ? map : schema_alternative(schema, NODE_LIST);
		} else {
			schema = schema->items;
		}
	}
	return schema;
}

const struct schema *schema_at(const struct schema *root, const char *path)
{
	char name[64];

	while (*path) {
		size_t length = strcspn(path, ".");

		root = keyed(root);
		if (!root || length >= sizeof(name))
			return NULL;
		memcpy(name, path, length);
		name[length] = 0;
		root = schema_key_find(root, name);
		if (!root)
			return NULL;
		path += length + (path[length] == '.');
	}
	return root;
}

/* Looks through all that a document can hold; `path` is where it is. Returns how many keys fit. */
static size_t search(const struct schema *schema, const char *name, const char *path, char *found,
		     size_t size)
{
	size_t count = 0;

	schema = keyed(schema);
	for (size_t i = 0; schema && i < schema->key_count; i++) {
		const struct schema_key *key = &schema->keys[i];
		char below[128];

		snprintf(below, sizeof(below), "%s%s%s", path, *path ? "." : "", key->name);
		if (schema_key_called(key, name)) {
			snprintf(found, size, "%s", below);
			count++;
		}
		count += search(key->schema, name, below, found, size);
	}
	return count;
}

bool schema_key_elsewhere(const struct schema *root, const char *name, char *buffer, size_t size)
{
	return search(root, name, "", buffer, size) == 1;
}

static void append(char *buffer, size_t size, const char *text)
{
	size_t used = strlen(buffer);

	snprintf(buffer + used, size - used, "%s", text);
}

static void append_words(const struct schema *schema, char *buffer, size_t size)
{
	append(buffer, size, schema->word_count > 1 ? "one of " : "");
	for (size_t i = 0; i < schema->word_count; i++) {
		append(buffer, size, i ? ", `" : "`");
		append(buffer, size, schema->words[i]);
		append(buffer, size, "`");
	}
}

const char *schema_type_name(const struct schema *schema, char *buffer, size_t size)
{
	static const char *const names[] = {
		[SCHEMA_OBJECT] = "a map", [SCHEMA_ANY] = "a map", [SCHEMA_MAP] = "a map", [SCHEMA_LIST] = "a list",
		[SCHEMA_TEXT] = "text", [SCHEMA_PATH] = "a file name",
		[SCHEMA_POLICY] = "policy text", [SCHEMA_EXPRESSION] = "an expression",
		[SCHEMA_INTEGER] = "an integer",
		[SCHEMA_SIZE] = "a size with its unit",
		[SCHEMA_DURATION] = "a duration with its unit",
		[SCHEMA_TIME] = "a time with its unit",
		[SCHEMA_BOOLEAN] = "`true` or `false`",
	};
	char part[256];

	buffer[0] = 0;
	if (schema->kind == SCHEMA_WORD)
		append_words(schema, buffer, size);
	else if (schema->kind != SCHEMA_ONE_OF)
		append(buffer, size, names[schema->kind]);
	for (size_t i = 0; i < schema->alternative_count; i++) {
		append(buffer, size, i ? " or " : "");
		append(buffer, size,
		       schema_type_name(schema->alternatives[i], part, sizeof(part)));
	}
	return buffer;
}
