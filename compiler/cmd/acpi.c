/* SPDX-License-Identifier: Apache-2.0 */
/* hvcc acpi: the ACPI tables of a guest, as files for iasl or as a list. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/compile.h"

static const struct option_row options[] = {
	{ 'o', "output", "DIR", "write one file a table into DIR (made if missing)" },
	{ 0, "asl", NULL, "with -o: also as ASL, by iasl (package acpica-tools)" },
	{ 'g', "guest", "NAME", "of this guest (default: the only one)" },
	{ 0 },
};

static void list(const struct lowered *guest)
{
	for (size_t i = 0; i < guest->tables.count; i++) {
		const struct lowered_table *table = &guest->tables.items[i];

		printf("%-5s 0x%08llx %6zu bytes\n", table->name, (unsigned long long)table->gpa,
		       table->size);
	}
}

static int write_tables(struct invocation *in, const struct lowered *guest, const char *folder)
{
	if (mkdir(folder, 0777) && errno != EEXIST)
		return environment_error(in, "cannot make `%s`: %s", folder, strerror(errno));
	for (size_t i = 0; i < guest->tables.count; i++) {
		const struct lowered_table *table = &guest->tables.items[i];
		const char *path = arena_printf(in->arena, "%s/%s.aml", folder, table->name);

		if (!output_file(path, table->data, table->size))
			return environment_error(in, "cannot write `%s`: %s", path, output_error());
	}
	return EXIT_OK;
}

enum { NO_PROGRAM = 127 };

/* Runs `iasl -d` on a table, silently. Returns its exit code. */
static int disassemble(const char *aml)
{
	const char *const words[] = { "iasl", "-d", aml, NULL };
	int status = 0, null;
	pid_t child = fork();

	if (child < 0)
		return NO_PROGRAM;
	if (!child) {
		null = open("/dev/null", O_RDWR);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		execvp(words[0], (char *const *)(uintptr_t)words);
		_exit(NO_PROGRAM);
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* RSDP and FACS have no table header: iasl does not know them from a file. */
static bool has_header(const struct lowered_table *table)
{
	return strcmp(table->name, "RSDP") && strcmp(table->name, "FACS");
}

static int write_asl(struct invocation *in, const struct lowered *guest, const char *folder)
{
	int result = write_tables(in, guest, folder);

	for (size_t i = 0; i < guest->tables.count && result == EXIT_OK; i++) {
		const char *name = guest->tables.items[i].name;
		int code = 0;

		if (has_header(&guest->tables.items[i]))
			code = disassemble(arena_printf(in->arena, "%s/%s.aml", folder, name));
		if (code == NO_PROGRAM)
			result = environment_error(in, "cannot run iasl: install the package "
						       "acpica-tools");
		else if (code)
			result = environment_error(in, "iasl does not read the table %s", name);
	}
	return result;
}

/* The guest of that name, or the only one; NULL after a usage error. */
static const struct lowered *find_guest(struct invocation *in, const struct lowered_system *system,
					const char *name)
{
	if (!name && system->guests.count == 1)
		return system->guests.items[0];
	for (size_t i = 0; name && i < system->guests.count; i++)
		if (!strcmp(system->guests.items[i]->name, name))
			return system->guests.items[i];
	if (name)
		usage_error(in, "there is no guest `%s`", name);
	else
		usage_error(in, "the system has %zu guests: say which with --guest",
			    system->guests.count);
	return NULL;
}

static int run(struct invocation *in)
{
	const char *folder = invocation_option(in, "output");
	struct lower_context context;
	const struct lowered *guest;

	if (invocation_option(in, "asl") && !folder)
		return usage_error(in, "--asl writes files: name a folder with -o");
	if (!compile(in, in->arguments[0], &context))
		return invocation_verdict(in);
	guest = find_guest(in, context.system, invocation_option(in, "guest"));
	if (!guest)
		return EXIT_USAGE;
	if (invocation_option(in, "asl"))
		return write_asl(in, guest, folder);
	if (folder)
		return write_tables(in, guest, folder);
	list(guest);
	return EXIT_OK;
}

const struct command command_acpi = {
	.name = "acpi",
	.arguments = "FILE",
	.summary = "list a guest's ACPI tables, or write them as files",
	.description = "The tables are those that the guest finds; `iasl -d` takes them apart.",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
