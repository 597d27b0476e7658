/* SPDX-License-Identifier: Apache-2.0 */
/* The table of functions, and those that need nothing but their arguments. */
#include "rule/ast.h"

#include <string.h>

static struct rule_value truth(bool holds)
{
	return rule_truth_value(holds ? RULE_TRUE : RULE_FALSE);
}

static struct rule_value number(size_t n)
{
	return (struct rule_value){ .kind = RULE_NUMBER, .number = (int64_t)n };
}

static struct rule_value call_has(struct arena *arena, const struct rule_value *a, size_t count)
{
	(void)arena;
	(void)count;
	return truth(a[0].kind != RULE_NULL);
}

/* A map was given when anything in it was. */
static bool was_given(const struct effective *node)
{
	if (!node)
		return false;
	if (was_set(node->where))
		return true;
	for (size_t i = 0; i < node->children.count; i++)
		if (was_given(node->children.items[i]))
			return true;
	return false;
}

static struct rule_value call_given(struct arena *arena, const struct rule_value *a, size_t count)
{
	(void)arena;
	(void)count;
	return truth(was_given(a[0].node));
}

static struct rule_value call_count(struct arena *arena, const struct rule_value *a, size_t count)
{
	(void)arena;
	(void)count;
	return number(rule_count(&a[0]));
}

static struct rule_value call_size(struct arena *arena, const struct rule_value *a, size_t count)
{
	(void)arena;
	(void)count;
	return number(a[0].kind == RULE_STRING ? strlen(a[0].text) : 0);
}

static struct rule_value list_of(struct rule_value *items, size_t count)
{
	return (struct rule_value){ .kind = RULE_LIST, .items = items, .count = count };
}

static struct rule_value call_words(struct arena *arena, const struct rule_value *a, size_t count)
{
	static const char blanks[] = " \t\r\n";
	const char *text = a[0].kind == RULE_STRING ? a[0].text : "";
	VECTOR(struct rule_value) words = { 0 };

	(void)count;
	for (text += strspn(text, blanks); *text; text += strspn(text, blanks)) {
		size_t length = strcspn(text, blanks);

		vector_push(arena, &words, ((struct rule_value){
			.kind = RULE_STRING, .text = arena_strndup(arena, text, length),
			.node = a[0].node }));
		text += length;
	}
	return list_of(words.items, words.count);
}

static struct rule_value call_keys(struct arena *arena, const struct rule_value *a, size_t count)
{
	const struct effective *map = a[0].kind == RULE_MAP ? a[0].node : NULL;
	VECTOR(struct rule_value) keys = { 0 };

	(void)count;
	for (size_t i = 0; map && i < map->children.count; i++)
		vector_push(arena, &keys, ((struct rule_value){
			.kind = RULE_STRING, .text = map->children.items[i]->key,
			.node = map->children.items[i] }));
	return list_of(keys.items, keys.count);
}

/* Going back to the last `*` only: time in the product of the lengths at most. */
static bool fits(const char *pattern, const char *text)
{
	const char *star = NULL, *from = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = pattern++;
			from = text;
		} else if (*pattern == '?' || *pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star + 1;
			text = ++from;
		} else {
			return false;
		}
	}
	return !pattern[strspn(pattern, "*")];
}

static struct rule_value call_matches(struct arena *arena, const struct rule_value *a, size_t count)
{
	(void)arena;
	(void)count;
	return truth(a[0].kind == RULE_STRING && a[1].kind == RULE_STRING &&
		     fits(a[1].text, a[0].text));
}

#define COMMA ,
#define FUNCTION(name, receiver, result, least, most, arguments, example, sentence, call)          \
	{ name, false, RULE_##receiver, RULE_##result, least, most, arguments, example, sentence,  \
	  call },
#define EACH(name, result, body, example, sentence)                                                \
	{ name, true, RULE_ANY, RULE_##result, 1, 1, { RULE_##body }, example, sentence, NULL },

const struct rule_function rule_functions[] = {
#include "rule/functions.def"
};
const size_t rule_function_count = sizeof(rule_functions) / sizeof(*rule_functions);

const struct rule_function *rule_function_find(const char *name, bool each, bool receiver)
{
	for (size_t i = 0; i < rule_function_count; i++) {
		const struct rule_function *f = &rule_functions[i];

		if (f->each == each && (f->receiver != RULE_ANY) == receiver &&
		    !strcmp(f->name, name))
			return f;
	}
	return NULL;
}

/* What stands between the functions: schema/expressions.md says it at length. */
static const char language[] =
	"expressions: conditions over the effective configuration (`hvcc config`)\n\n"
	"Paths are those of the document: memory.size, devices.serial[0].io, vcpus.pin[0],\n"
	"bind['linux'].pin. What is not there is null, and so is what is below it.\n\n"
	"Values: 4, 0x3f8, 512MiB, 10ms, 'text', true, false, null, [1, 2], 4..7.\n\n"
	"Operators, the loosest first:\n"
	"  or\n  and\n  not\n  == != < <= > >= in, not in\n  ..\n  + -\n  * / %\n\n"
	"Functions:\n";

void rule_print_language(FILE *stream)
{
	fputs(language, stream);
	for (size_t i = 0; i < rule_function_count; i++)
		fprintf(stream, "  %s\n      %s.\n", rule_functions[i].example,
			rule_functions[i].sentence);
	fputs("\nThey stand in `assert:` of guests and systems, in rules of a site (hvcc/policy/v1, option\n"
	      "--policy), in CPU policies, and in tests (hvcc/test/v1).\n", stream);
}
