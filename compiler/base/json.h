/* SPDX-License-Identifier: Apache-2.0 */
/* Making JSON with jansson, where running out of memory does not return (see base/arena.h). */
#ifndef HVCC_BASE_JSON_H
#define HVCC_BASE_JSON_H

#include <jansson.h>
#include <stdio.h>

#include "base/arena.h"

/* The value itself; NULL is out of memory. */
json_t *json_made(json_t *json);

/* Any text: bytes that are no UTF-8, which a path may have, become `?`. */
json_t *json_text(const char *text);

/* A text in double quotes, as documents have it: JSON's quotes are YAML's, and `${` is `$${` there. */
char *quoted_text(struct arena *arena, const char *text);

/* Put a new value in; both take it over. */
void json_put(json_t *object, const char *key, json_t *value);
void json_add(json_t *array, json_t *value);

/* Prints with indentation and a newline, and gives the value back. */
void json_print(json_t *json, FILE *stream);

#endif
