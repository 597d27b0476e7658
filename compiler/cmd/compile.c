/* SPDX-License-Identifier: Apache-2.0 */
/* From a file to the lowered form and to an image. */
#include "cmd/compile.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "validate/lint.h"

#define MOST_CORE ((size_t)64 << 20)

bool compile(struct invocation *in, const char *path, struct lower_context *context)
{
	struct system *system = load_system(in, path);

	*context = (struct lower_context){ .arena = in->arena, .diags = in->diags, .model = system };
	if (!system || !lower_system(context))
		return false;
	lint_idle(in->diags, true);
	return !diag_errors(in->diags);
}

/* The folder of this program, with its slash; "" when the system does not tell. */
static const char *program_folder(struct arena *arena)
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path));
	size_t folder = length > 0 ? (size_t)length : 0;

	while (folder && path[folder - 1] != '/')
		folder--;
	return arena_strndup(arena, path, folder);
}

struct bytes compile_core(struct invocation *in, const char *given, const char **path)
{
	const char *folder = program_folder(in->arena);
	const char *places[] = {
		given,
		arena_printf(in->arena, "%shvcore.elf", folder),
		arena_printf(in->arena, "%s../hvcore.elf", folder),
		arena_printf(in->arena, "%s../lib/hvcc/hvcore.elf", folder),
	};
	struct bytes core = { 0 };
	const char *why = NULL;

	for (size_t i = given ? 0 : 1; i < (given ? 1 : sizeof(places) / sizeof(*places)); i++) {
		*path = places[i];
		why = read_file(in->arena, places[i], MOST_CORE, &core);
		if (!why)
			return core;
	}
	if (given)
		environment_error(in, "cannot read the core `%s`: %s", given, why);
	else
		environment_error(in, "no hvcore.elf beside hvcc or in lib/hvcc: build it with "
				      "`make`, or name one with --core");
	return (struct bytes){ 0 };
}

bool compile_fits(struct invocation *in, struct lower_context *context, struct bytes core,
		  const struct blob_image *blob)
{
	size_t before = diag_errors(in->diags);
	uint64_t base, size;

	if (core.size && image_place_elf(core, blob, &base, &size))
		check_image_room(context, base, size);
	return diag_errors(in->diags) == before;
}

int compile_write(struct invocation *in, const char *path, struct bytes core, const char *core_path,
		  const struct blob_image *blob)
{
	struct output *output = output_begin(path);
	const char *why = NULL;

	if (output && core.size)
		why = image_write_elf(in->arena, output, core, blob);
	else if (output)
		blob_write(output, blob);
	if (output && why) {
		output_discard(output);
		return environment_error(in, "the core `%s` %s", core_path, why);
	}
	if (!output || !output_commit(output))
		return environment_error(in, "cannot write `%s`: %s", path, output_error());
	return EXIT_OK;
}
