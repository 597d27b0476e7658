/* SPDX-License-Identifier: Apache-2.0 */
/* From a path to an opened image. */
#include "cmd/open.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "cmd/compile.h"

#define MOST_IMAGE ((size_t)8 << 30)

int image_refused(const struct invocation *in, const char *path, struct bytes file, const char *why)
{
	bool text = file.size && file.size == strnlen((const char *)file.data, file.size);

	fprintf(stderr, "hvcc: %s: `%s` %s\n", in->command->name, path, why);
	if (text)
		fprintf(stderr, "  = help: it looks like a document: `hvcc build %s` makes an image of it; `hvcc graph`, `hvcc diff` and "
				"`hvcc acpi` take it as it is\n", path);
	return EXIT_CONFIGURATION;
}

static int open_bytes(const struct invocation *in, const char *path, struct bytes file,
		      struct image *image)
{
	const char *why = image_open(in->arena, file, image);

	image->path = path;
	if (!why)
		return EXIT_OK;
	return image_refused(in, path, file, why);
}

int open_image_file(struct invocation *in, const char *path, struct image *image)
{
	struct bytes file;
	const char *why = read_file(in->arena, path, MOST_IMAGE, &file);

	if (why)
		return environment_error(in, "cannot read `%s`: %s", path, why);
	return open_bytes(in, path, file, image);
}

/* The whole of a blob, payloads included, as blob_write() would put it into a file. */
static struct bytes blob_bytes_of(struct arena *arena, const struct blob_image *blob)
{
	uint8_t *bytes = arena_alloc(arena, blob->image_size);

	memcpy(bytes, blob->records.data, blob->records.size);
	for (size_t i = 0; i < blob->system->payloads.count; i++) {
		const struct bytes *data = &blob->system->payloads.items[i].data;

		if (data->size)
			memcpy(bytes + blob->payload_offsets[i], data->data, data->size);
	}
	return (struct bytes){ bytes, blob->image_size };
}

static int compile_and_open(struct invocation *in, const char *path, struct image *image)
{
	struct lower_context context;
	struct blob_image blob;
	struct bytes bytes;

	if (!compile(in, path, &context))
		return invocation_verdict(in);
	blob_build(in->arena, in->sources, context.system, &blob);
	bytes = blob_bytes_of(in->arena, &blob);
	blob_image_free(&blob);
	return open_bytes(in, path, bytes, image);
}

/*
 * Each file is a compilation of its own, since positions are relative to the folder of the first
 * one. What the first has to say is printed when the command ends, like every command's; what
 * others say, at once.
 */
int open_compiled(struct invocation *in, const char *path, struct image *image)
{
	struct invocation other = *in;
	struct sources sources = { .arena = in->arena };
	int result;

	if (!in->sources->files.count)
		return compile_and_open(in, path, image);
	other.sources = &sources;
	other.composer = NULL;
	other.rules = arena_array(in->arena, in->rules_count, sizeof(*in->rules));
	for (size_t i = 0; i < in->rules_count; i++)
		other.rules[i].path = in->rules[i].path;
	other.diags = diags_new(in->arena, &sources);
	result = compile_and_open(&other, path, image);
	diag_print_text(other.diags, stderr, false);
	return result;
}

/* An image is told by its first bytes: an ELF file or a blob; anything else is taken for YAML. */
static bool is_image(struct bytes file)
{
	return bytes_u64(file, 0) == HV_HEADER_MAGIC || bytes_u32(file, 0) == 0x464c457f;
}

int open_any(struct invocation *in, const char *path, struct image *image)
{
	struct bytes file;
	const char *why = read_file(in->arena, path, MOST_IMAGE, &file);

	if (why)
		return environment_error(in, "cannot read `%s`: %s", path, why);
	return is_image(file) ? open_bytes(in, path, file, image) : open_compiled(in, path, image);
}
