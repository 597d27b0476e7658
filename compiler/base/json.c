/* SPDX-License-Identifier: Apache-2.0 */
/* Making JSON: every failure of jansson here is that memory ran out. */
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

json_t *json_made(json_t *json)
{
	if (!json)
		out_of_memory();
	return json;
}

json_t *json_text(const char *text)
{
	json_t *json = json_string(text);
	char *copy;

	if (json)
		return json;
	copy = strdup(text);
	if (!copy)
		out_of_memory();
	for (char *c = copy; *c; c++)
		if (*c & 0x80)
			*c = '?';
	json = json_string(copy);
	free(copy);
	return json_made(json);
}

char *quoted_text(struct arena *arena, const char *text)
{
	json_t *json = json_text(text);
	char *dumped = json_dumps(json_made(json), JSON_ENCODE_ANY), *made, *end;

	if (!dumped)
		out_of_memory();
	made = end = arena_array(arena, strlen(dumped) + 1, 2);
	for (const char *from = dumped; *from; from++) {
		if (from[0] == '$' && from[1] == '{')
			*end++ = '$';
		*end++ = *from;
	}
	free(dumped);
	json_decref(json);
	return made;
}

void json_put(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, json_made(value)))
		out_of_memory();
}

void json_add(json_t *array, json_t *value)
{
	if (json_array_append_new(array, json_made(value)))
		out_of_memory();
}

void json_print(json_t *json, FILE *stream)
{
	if (json_dumpf(json, stream, JSON_INDENT(2)) && !ferror(stream))
		out_of_memory();
	fputc('\n', stream);
	json_decref(json);
}
