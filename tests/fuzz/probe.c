/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the archive of a captured tree. Besides what the sanitizers see, two things must hold:
 * the document that comes of it has no errors, and says the same once it was read back and written
 * again, comments apart.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "model/from_tree.h"
#include "probe/probe.h"
#include "validate/validate.h"

static void must(bool holds)
{
	if (!holds)
		abort();
}

static const struct node *open_nothing(void *context, struct file_name name, const struct schema *wanted)
{
	(void)context;
	(void)name;
	(void)wanted;
	return NULL;
}

/* The text without its comments and its hash. */
static void strip(struct buffer *text)
{
	size_t kept = 0, size;

	for (size_t at = 0; at < text->size; at += size) {
		const uint8_t *end = memchr(text->data + at, '\n', text->size - at);

		must(end);
		size = (size_t)(end + 1 - (text->data + at));
		if (text->data[at] == '#' || !strncmp((char *)text->data + at, "hash:", 5))
			continue;
		memmove(text->data + kept, text->data + at, size);
		kept += size;
	}
	text->size = kept;
}

static void read_back(struct arena *arena, struct buffer *text)
{
	struct sources sources = { .arena = arena };
	struct diags *diags = diags_new(arena, &sources);
	const char *copy = arena_strndup(arena, (char *)text->data, text->size);
	uint32_t file = source_add(&sources, "machine.yaml", copy, text->size);
	struct node *root = yaml_read(arena, diags, file);
	const struct schema_document *form = root ? validate_form(diags, root) : NULL;
	struct opener opener = { open_nothing, NULL };
	struct system *system;
	struct buffer again = { 0 };

	must(form && form->schema == &schema_platform && validate(arena, diags, form->schema, root));
	system = system_from_tree((struct cursor){ arena, &sources, "machine.yaml", form->schema, root }, &opener, NULL);
	must(system);
	check_system(diags, system);
	must(!diag_errors(diags));
	probe_write(&(struct probe){ .arena = arena, .platform = &system->platform }, &again);
	strip(text);
	strip(&again);
	must(text->size == again.size && !memcmp(text->data, again.data, again.size));
	buffer_free(&again);
}

/* The sums of headers put right, so that what they protect is reached. */
static struct bytes repaired(struct arena *arena, struct bytes archive)
{
	uint8_t *data = arena_alloc(arena, archive.size + 1);

	memcpy(data, archive.data, archive.size);
	for (size_t at = 0; archive.size - at >= 512 && data[at];) {
		uint64_t sum = 0, size = 0;
		char digits[8];

		memset(data + at + 148, ' ', 8);
		for (size_t i = 0; i < 512; i++)
			sum += data[at + i];
		snprintf(digits, sizeof(digits), "%06o", (unsigned int)sum);
		memcpy(data + at + 148, digits, 7);
		for (size_t i = 124; i < 136 && data[at + i] >= '0' && data[at + i] <= '7'; i++)
			size = size << 3 | (data[at + i] & 7u);
		at += 512;
		size = (size + 511) / 512 * 512;
		at += size < archive.size - at ? size : archive.size - at;
	}
	return (struct bytes){ data, archive.size };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = { 0 };
	struct sources sources = { .arena = &arena };
	struct platform platform = { 0 };
	struct tree tree;
	struct probe probe = { .arena = &arena, .diags = diags_new(&arena, &sources), .tree = &tree, .platform = &platform };
	struct buffer text = { 0 };

	if (!tree_open_tar(&tree, &arena, repaired(&arena, (struct bytes){ data, size }))) {
		tree.keeps = true;
		probe_platform(&probe);
		probe_write(&probe, &text);
		read_back(&arena, &text);
		buffer_free(&text);
		tar_write(&tree, &text);
		buffer_free(&text);
	}
	arena_free(&arena);
	return 0;
}
