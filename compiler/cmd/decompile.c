/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hvcc decompile: an image back to YAML and the files it names. What was written is built again at
 * once and compared, so that what did not come back is known and said.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "audit/decompile.h"
#include "audit/same.h"
#include "base/output.h"
#include "cmd/open.h"

enum { MOST_ROUNDS = 4 };

static const struct option_row options[] = {
	{ 'o', "output", "DIR", "the folder to write to; system.yaml is the top file" },
	{ 0 },
};

/* Makes the folders above a file. */
static bool make_folders(struct arena *arena, const char *path)
{
	char *folder = arena_strdup(arena, path);

	for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(folder, 0777) && errno != EEXIST)
			return false;
		*slash = '/';
	}
	return true;
}

static int write_one(struct invocation *in, const char *folder, const char *path, struct bytes bytes)
{
	const char *whole = arena_printf(in->arena, "%s/%s", folder, path);

	if (!make_folders(in->arena, whole))
		return environment_error(in, "cannot make the folder of `%s`: %s", whole,
					 strerror(errno));
	if (!output_file(whole, bytes.data, bytes.size))
		return environment_error(in, "cannot write `%s`: %s", whole, output_error());
	return EXIT_OK;
}

static int write_yaml(struct invocation *in, const char *folder, const struct decompiled *d)
{
	int result = write_one(in, folder, "system.yaml", decompile_system(d));

	for (size_t i = 0; i < d->guests.count && result == EXIT_OK; i++)
		result = write_one(in, folder, d->guests.items[i].path,
				   decompile_guest(d, &d->guests.items[i]));
	return result;
}

static int write_payloads(struct invocation *in, const char *folder, const struct decompiled *d)
{
	int result = EXIT_OK;

	for (size_t i = 0; i < d->payloads.count && result == EXIT_OK; i++)
		result = write_one(in, folder, d->payloads.items[i].path, d->payloads.items[i].bytes);
	return result;
}

/* Builds what was written. The rounds before the last are not worth a word. */
static int build_again(const struct invocation *in, const char *folder, struct image *built)
{
	struct sources sources = { .arena = in->arena };
	struct invocation again = *in;
	int result;

	again.sources = &sources;
	again.diags = diags_new(in->arena, &sources);
	result = open_compiled(&again, arena_printf(in->arena, "%s/system.yaml", folder), built);
	if (result != EXIT_OK)
		diag_print_text(again.diags, stderr, false);
	return result;
}

static int say_what_differs(const struct image *image, const struct image *built)
{
	struct differences found = same_records(image, built);

	for (size_t i = 0; i < found.list.count; i++)
		fprintf(stderr, "hvcc: decompile: does not come back: %s\n", found.list.items[i]);
	if (found.more)
		fprintf(stderr, "hvcc: decompile: and %zu more\n", found.more);
	return found.list.count ? EXIT_CONFIGURATION : EXIT_OK;
}

static int recover(struct invocation *in, const char *folder, struct decompiled *d)
{
	struct image built;
	int result = write_payloads(in, folder, d);

	for (int round = 0; result == EXIT_OK; round++) {
		result = write_yaml(in, folder, d);
		if (result == EXIT_OK)
			result = build_again(in, folder, &built);
		if (result != EXIT_OK || round == MOST_ROUNDS || !decompile_refine(d, &built))
			break;
	}
	return result == EXIT_OK ? say_what_differs(d->image, &built) : result;
}

static int run(struct invocation *in)
{
	const char *folder = invocation_option(in, "output");
	struct decompiled d;
	struct image image;
	int result;

	if (!folder)
		return usage_error(in, "name a folder to write to with -o");
	result = open_image_file(in, in->arguments[0], &image);
	if (result != EXIT_OK)
		return result;
	d = decompile(&image);
	for (size_t i = 0; i < d.notes.count; i++)
		fprintf(stderr, "hvcc: decompile: %s\n", d.notes.items[i]);
	return recover(in, folder, &d);
}

const struct command command_decompile = {
	.name = "decompile",
	.arguments = "IMAGE",
	.summary = "turn an image back into YAML and the files it names",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
