/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hvcc probe: the facts of a machine as a document of the form hvcc/platform/v1.
 *
 *	hvcc probe -o machine.yaml                 this machine
 *	hvcc probe --collect machine.tar.gz        what was read, for another machine
 *	hvcc probe --from-tar machine.tar.gz       there
 *	hvcc probe --compare machine.yaml          is it still true?
 */
#include "cmd/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/output.h"
#include "probe/probe.h"

static const struct option_row options[] = {
	{ 0, "root", "DIR", "read below DIR, a captured tree, instead of /" },
	{ 0, "from-tar", "FILE", "read a captured archive, gzipped or not" },
	{ 0, "collect", "FILE", "write all that is read to an archive, gzipped if FILE ends in .gz" },
	{ 0, "name", "NAME", "of the machine (default: its host name)" },
	{ 'o', "output", "FILE", "the document to write (default: standard output)" },
	{ 0, "compare", "FILE", "write nothing; is FILE, a document probed before, still true?" },
	{ 0 },
};

static bool ends_in(const char *text, const char *end)
{
	size_t length = strlen(text), tail = strlen(end);

	return length >= tail && !strcmp(text + length - tail, end);
}

/* The form's own rule for names. */
static bool is_name(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char others[] = "0123456789_.-";

	if (!*name || !strchr(letters, *name) || strlen(name) > 63)
		return false;
	for (; *name; name++)
		if (!strchr(letters, *name) && !strchr(others, *name))
			return false;
	return true;
}

static int write_archive(const struct invocation *in, const struct tree *tree, const char *path)
{
	struct buffer archive = { 0 };
	bool good;

	tar_write(tree, &archive);
	if (ends_in(path, "gz"))
		tar_compress(&archive);
	good = output_file(path, archive.data, archive.size);
	buffer_free(&archive);
	return good ? EXIT_OK : environment_error(in, "cannot write `%s`: %s", path, output_error());
}

static int write_document(const struct invocation *in, const struct probe *probe, const char *path)
{
	struct buffer text = { 0 };
	bool good = true;

	probe_write(probe, &text);
	if (path)
		good = output_file(path, text.data, text.size);
	else
		fwrite(text.data, 1, text.size, stdout);
	buffer_free(&text);
	return good ? EXIT_OK : environment_error(in, "cannot write `%s`: %s", path, output_error());
}

/* Lines that say nothing of the machine itself: comments, its name, the kernel that was asked, the hash. */
static bool is_fact(const char *line)
{
	static const char *const others[] = { "#", "name:", "probe:", "hash:", "schema:", "\n" };

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (!strncmp(line, others[i], strlen(others[i])))
			return false;
	return true;
}

/* The fact at *line or the next one, its length without the newline; empty at the end. */
static const char *next_fact(const char **line, size_t *length)
{
	const char *fact = *line;

	while (*fact && !is_fact(fact)) {
		fact += strcspn(fact, "\n");
		fact += *fact == '\n';
	}
	*length = strcspn(fact, "\n");
	*line = fact + *length;
	*line += **line == '\n';
	return fact;
}

/* Line by line: what the probe writes of equal facts is equal. The first difference is reported. */
static int compare(struct invocation *in, const struct probe *probe, const char *path)
{
	struct buffer text = { 0 };
	struct bytes bytes;
	const char *why = read_file(in->arena, path, TREE_SIZE, &bytes), *old, *new, *was, *is;
	size_t was_length, is_length;
	struct diag *d;
	uint32_t file;

	if (why)
		return environment_error(in, "cannot read `%s`: %s", path, why);
	probe_write(probe, &text);
	buffer_u8(&text, 0);
	old = (const char *)bytes.data;
	new = (const char *)text.data;
	do {
		was = next_fact(&old, &was_length);
		is = next_fact(&new, &is_length);
	} while (was_length && was_length == is_length && !memcmp(was, is, is_length));
	if (was_length || is_length) {
		file = source_add(in->sources, path, (const char *)bytes.data, bytes.size);
		d = diag_report(in->diags, PROBE_STALE,
				source_position(in->sources, file, (size_t)(was - (const char *)bytes.data), was_length), path);
		diag_label(d, "the machine has `%.*s`", (int)(is_length < 100 ? is_length : 100), is);
		diag_help(d, "probe it again: `hvcc probe -o %s`", path);
	}
	buffer_free(&text);
	return invocation_verdict(in);
}

/* NULL, or why the tree cannot be read; *path is what was named. */
static const char *open_tree(struct invocation *in, struct tree *tree, const char **path)
{
	const char *root = invocation_option(in, "root"), *archive = invocation_option(in, "from-tar"), *why;
	struct bytes bytes;

	*path = archive ? archive : root ? root : "/";
	if (!archive)
		return tree_open_folder(tree, in->arena, *path);
	tree->folder = -1;
	why = read_file(in->arena, archive, TREE_SIZE, &bytes);
	return why ? why : tree_open_tar(tree, in->arena, bytes);
}

static int run(struct invocation *in)
{
	const char *collect = invocation_option(in, "collect"), *output = invocation_option(in, "output");
	const char *name = invocation_option(in, "name"), *known = invocation_option(in, "compare"), *path, *why;
	struct platform platform = { 0 };
	struct tree tree = { .folder = -1 };
	struct probe probe = { .arena = in->arena, .diags = in->diags, .tree = &tree, .platform = &platform, .name = name };
	int code = EXIT_OK;

	if (invocation_option(in, "root") && invocation_option(in, "from-tar"))
		return usage_error(in, "--root and --from-tar: one of them");
	if (known && output)
		return usage_error(in, "--compare writes no document: no --output");
	if (name && !is_name(name))
		return usage_error(in, "--name is a letter, then up to 62 letters, digits, `_`, `.` or `-`");
	why = open_tree(in, &tree, &path);
	if (why) {
		tree_close(&tree);
		return environment_error(in, "cannot read `%s`: %s", path, why);
	}
	tree.keeps = collect;
	probe_platform(&probe);
	tree_close(&tree);
	if (collect)
		code = write_archive(in, &tree, collect);
	if (code == EXIT_OK && known)
		return compare(in, &probe, known);
	if (code == EXIT_OK && (output || !collect))
		code = write_document(in, &probe, output);
	return code;
}

const struct command command_probe = {
	.name = "probe",
	.arguments = "",
	.summary = "write what is known of a machine as a platform file",
	.description = "Reads /sys, /proc, ACPI tables and CPUID of a running Linux, as root for all of it, or what was "
		       "captured of one. What is missing or unknown is left out, and said in a comment and a note; nothing "
		       "makes it fail but a tree that cannot be read. With --collect, all that was read is kept in an "
		       "archive, which gives the same document on any other machine; a folder or tar of /sys and /proc will "
		       "do, too. The last line of the document is a hash of the others, by which `hvcc check` sees later "
		       "changes. With --compare, a document is held against the machine as it is now: exit code 1, and the first "
		       "line that differs, where it is no longer true.",
	.options = options,
	.least = 0,
	.most = 0,
	.run = run,
};
