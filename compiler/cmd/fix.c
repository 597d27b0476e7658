/* SPDX-License-Identifier: Apache-2.0 */
/* Putting right what has one answer: the edits of findings, made in the files that they are about. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/output.h"
#include "cmd/command.h"
#include "yaml/yaml_edit.h"

bool rewrite_file(struct invocation *in, const char *path, struct bytes bytes)
{
	char *real = realpath(path, NULL);
	struct stat status;
	bool good;

	if (!real || stat(real, &status)) {
		environment_error(in, "cannot write `%s`: %s", path, strerror(errno));
		free(real);
		return false;
	}
	good = output_file(real, bytes.data, bytes.size);
	if (!good)
		environment_error(in, "cannot write `%s`: %s", path, output_error());
	else if (chmod(real, status.st_mode & 07777))
		environment_error(in, "cannot set the mode of `%s`: %s", path, strerror(errno));
	free(real);
	return good;
}

static void collect(const struct diags *diags, uint32_t file, struct edits *edits)
{
	for (size_t i = 0; i < diags->list.count; i++) {
		const struct diag *diag = diags->list.items[i];

		for (size_t j = 0; j < diag->edits.count; j++) {
			const struct diag_edit *edit = &diag->edits.items[j];

			if (edit->at.file == file)
				edits_add(edits, edit->at.offset, edit->at.length, edit->text);
		}
	}
	edits_sort(edits);
}

/* Two misspelt keys may mean the same one: what is no good document afterwards is not written. */
static bool stays_sound(struct invocation *in, const char *path, struct bytes bytes)
{
	struct sources sources = { .arena = in->arena };
	struct diags *diags = diags_new(in->arena, &sources);
	uint32_t file = source_add(&sources, path, (const char *)bytes.data, bytes.size);

	return yaml_read(in->arena, diags, file) && !diag_errors(diags);
}

/* The same file may have been read twice, as a guest of two systems. */
static bool seen_before(const struct sources *sources, uint32_t file)
{
	for (uint32_t i = 1; i < file; i++)
		if (!strcmp(source_get(sources, i)->path, source_get(sources, file)->path))
			return true;
	return false;
}

int fix_findings(struct invocation *in, bool show)
{
	struct sources *sources = in->sources;
	int fixed = 0;

	for (uint32_t file = 1; file < sources->files.count; file++) {
		const struct source *source = source_get(sources, file);
		struct edits edits = { .arena = in->arena };
		struct bytes bytes;

		collect(in->diags, file, &edits);
		if (!edits.list.count || seen_before(sources, file))
			continue;
		bytes = edits_apply(&edits, source);
		if (!stays_sound(in, source->path, bytes))
			continue;
		if (show)
			edits_print_diff(&edits, source, stdout);
		else if (!rewrite_file(in, source->path, bytes))
			return -1;
		fixed += (int)edits.list.count;
	}
	return fixed;
}
