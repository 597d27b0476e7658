/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `include "file";`: the statements of another file stand in its place. A path is relative to the
 * file that says it and stays within the folder of the top file, so that a configuration is whole
 * where its folder is. Depth and total size are bounded, and no file includes itself.
 */
#include "policy/ast.h"

#include <jansson.h>
#include <string.h>

#define MOST_DEPTH 8
#define MOST_BYTES ((size_t)64 << 10)

/* A path below the folder it starts from: not absolute, and never more `..` than folders before. */
static bool stays_below(const char *path)
{
	int depth = 0;

	if (path[0] == '/')
		return false;
	while (*path) {
		size_t length = strcspn(path, "/");

		if (length == 2 && path[0] == '.' && path[1] == '.')
			depth--;
		else if (length > 0 && !(length == 1 && path[0] == '.'))
			depth++;
		if (depth < 0)
			return false;
		path += length + (path[length] == '/');
	}
	return true;
}

/* "a/./b/../c" as "a/c", so that a file has one name. */
static const char *plain_path(struct arena *arena, const char *path)
{
	char *made = arena_strdup(arena, path);
	size_t end = 0;

	while (*path) {
		size_t length = strcspn(path, "/");
		bool up = length == 2 && path[0] == '.' && path[1] == '.';
		const char *last = up && end ? memrchr(made, '/', end - 1) : NULL;
		size_t start = last ? (size_t)(last - made) + 1 : 0;

		if (up && end && strncmp(made + start, "../", 3) != 0) {
			end = start;
		} else if (length > 0 && !(length == 1 && path[0] == '.')) {
			memmove(made + end, path, length);
			end += length;
			if (path[length])
				made[end++] = '/';
		} else if (length == 0 && end == 0) {
			made[end++] = '/';
		}
		path += length + (path[length] == '/');
	}
	made[end] = 0;
	return made;
}

/* Messages quote what they find. */
static bool is_text(const struct bytes *bytes)
{
	json_t *text = json_stringn((const char *)bytes->data, bytes->size);
	bool valid = text != NULL;

	json_decref(text);
	for (size_t i = 0; i < bytes->size; i++)
		valid = valid && (bytes->data[i] >= 0x20 || strchr("\t\r\n", bytes->data[i]));
	return valid && !memchr(bytes->data, 0, bytes->size);
}

/* The file as it was read before, or read now; NULL after an error. */
static const struct source *open_file(struct ast_policy *policy, const char *path, const char *name,
				      struct position at, uint32_t *file)
{
	struct sources *sources = policy->texts.items[0].text->sources;
	struct bytes bytes;
	const char *error;

	for (*file = 1; *file < sources->files.count; ++*file) {
		if (strcmp(sources->files.items[*file].path, path) == 0)
			return source_get(sources, *file);
	}
	error = read_file(sources->arena, path, MOST_BYTES, &bytes);
	if (!error && !is_text(&bytes))
		error = "it is no UTF-8 text";
	if (error) {
		diag_report(policy->diags, POLICY_INCLUDE, at, name, error);
		return NULL;
	}
	*file = source_add(sources, path, (const char *)bytes.data, bytes.size);
	return source_get(sources, *file);
}

/* Text i of the policy that is this file, or one of those that include text i. */
static bool includes_itself(const struct ast_policy *policy, uint32_t i, uint32_t file)
{
	for (;; i = policy->texts.items[i].includer) {
		if (policy->texts.items[i].text->where.at.file == file && i > 0)
			return true;
		if (policy->texts.items[i].includer == i)
			return false;
	}
}

static struct located_text *locate(struct ast_policy *policy, const struct source *source,
				   uint32_t file)
{
	struct located_text *text = arena_new(policy->arena, struct located_text);

	text->text = source->text;
	text->size = source->size;
	text->sources = policy->texts.items[0].text->sources;
	text->where.at = source_position(text->sources, file, 0, source->size);
	text->where.origin = ORIGIN_SET;
	vector_push(policy->arena, &text->segments, ((struct text_segment){ 0, 0 }));
	return text;
}

/* What is wrong with including this; NULL: nothing. */
static const char *refuse(const struct ast_policy *policy, const char *name, const char *below,
			  uint32_t depth)
{
	if (!name[0])
		return "it has no name";
	if (name[0] == '/' || !stays_below(below))
		return "it lies outside the folder of the document";
	if (depth > MOST_DEPTH)
		return arena_printf(policy->arena, "includes are nested more than %d deep", MOST_DEPTH);
	return NULL;
}

struct ast_block policy_include(struct ast_policy *policy, const char *name, struct span at)
{
	const struct policy_text *includer = &policy->texts.items[at.text];
	const struct sources *sources = includer->text->sources;
	const struct source *here = source_get(sources, includer->text->where.at.file);
	struct policy_text made = { .includer = at.text, .at = at, .depth = includer->depth + 1 };
	struct position place = policy_place(policy, at);
	const char *path = plain_path(policy->arena, path_relative_to(policy->arena, here->path, name));
	const char *below = path_relative_to(policy->arena, here->name, name);
	const char *wrong = refuse(policy, name, below, made.depth);
	const struct source *source;
	uint32_t file;

	if (wrong) {
		diag_report(policy->diags, POLICY_INCLUDE, place, name, wrong);
		return (struct ast_block){ 0 };
	}
	source = open_file(policy, path, name, place, &file);
	if (!source)
		return (struct ast_block){ 0 };
	if (includes_itself(policy, at.text, file)) {
		diag_report(policy->diags, POLICY_INCLUDE_CYCLE, place, name);
		return (struct ast_block){ 0 };
	}
	policy->bytes += source->size;
	if (policy->bytes > MOST_BYTES) {
		diag_report(policy->diags, POLICY_INCLUDE, place, name,
			    "the policy is larger than 64 KiB with it");
		return (struct ast_block){ 0 };
	}
	made.text = locate(policy, source, file);
	vector_push(policy->arena, &policy->texts, made);
	return policy_parse_text(policy, (uint32_t)policy->texts.count - 1);
}
