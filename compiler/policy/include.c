/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `include "file";`: the statements of another file stand in its place. A path is relative to the
 * file that says it; the file lies where those lie that the document may include (`--root`, else the
 * folder of the top document), by whatever links it is reached. Depth and total size are bounded, and no
 * file includes itself.
 */
#include "policy/ast.h"

#include <jansson.h>
#include <string.h>

#define MOST_DEPTH 8
#define MOST_BYTES ((size_t)64 << 10)

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
	struct source *source;
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
	source = &sources->files.items[*file];
	source->opened = OPENED_TEXT;
	source->opened_at = at;
	return source;
}

/* Whether text i of the policy is the file of that identity, or one of those that include text i. */
static bool includes_itself(struct ast_policy *policy, uint32_t i, const char *identity)
{
	for (;; i = policy->texts.items[i].includer) {
		const struct policy_text *text = &policy->texts.items[i];
		const struct source *source = source_get(text->text->sources, text->text->where.at.file);
		const char *its = path_identity(policy->arena, source->path);

		if (its && strcmp(its, identity) == 0)
			return true;
		if (text->includer == i)
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

/* Whether the file may be included by that document; what is not there lies nowhere. */
static bool allowed(struct ast_policy *policy, const char *identity, const char *name, struct position at)
{
	const struct located_text *top = policy->texts.items[0].text;
	const struct source *document = source_get(top->sources, top->where.at.file);
	const char *bound = document->bound, *bound_name = document->bound_name;

	if (!bound) {
		bound = path_identity(policy->arena, path_relative_to(policy->arena, document->path, "."));
		bound_name = "the folder of the document";
	}
	if (!identity || !bound || path_lies_below(bound, identity))
		return true;
	diag_help(diag_report(policy->diags, OUTSIDE, at, name, bound_name),
		  "`--root DIR` allows all files below DIR");
	return false;
}

/* The source to include; NULL after an error. */
static const struct source *find_source(struct ast_policy *policy, const char *name, struct span at,
					uint32_t *file)
{
	const struct policy_text *includer = &policy->texts.items[at.text];
	const struct source *here = source_get(includer->text->sources, includer->text->where.at.file);
	const char *path = plain_path(policy->arena, path_relative_to(policy->arena, here->path, name));
	const char *identity = path_identity(policy->arena, path);
	struct position place = policy_place(policy, at);

	if (!name[0] || includer->depth >= MOST_DEPTH) {
		diag_report(policy->diags, POLICY_INCLUDE, place, name,
			    name[0] ? "includes are nested more than 8 deep" : "it has no name");
		return NULL;
	}
	if (!allowed(policy, identity, name, place))
		return NULL;
	if (identity && includes_itself(policy, at.text, identity)) {
		diag_report(policy->diags, POLICY_INCLUDE_CYCLE, place, name);
		return NULL;
	}
	return open_file(policy, path, name, place, file);
}

struct ast_block policy_include(struct ast_policy *policy, const char *name, struct span at)
{
	uint32_t depth = policy->texts.items[at.text].depth + 1, file;
	const struct source *source = find_source(policy, name, at, &file);
	struct policy_text made = { .includer = at.text, .at = at, .depth = depth };

	if (!source)
		return (struct ast_block){ 0 };
	policy->bytes += source->size;
	if (policy->bytes > MOST_BYTES) {
		diag_report(policy->diags, POLICY_INCLUDE, policy_place(policy, at), name,
			    "the policy is larger than 64 KiB with it");
		return (struct ast_block){ 0 };
	}
	made.text = locate(policy, source, file);
	vector_push(policy->arena, &policy->texts, made);
	return policy_parse_text(policy, (uint32_t)policy->texts.count - 1);
}
