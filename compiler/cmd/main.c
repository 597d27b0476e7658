/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hvcc: finds the command, reads options, runs it, prints what was found. Options stand in one
 * table a command and one for all commands; parsing and --help are made from the same rows.
 *
 *	hvcc [global options] COMMAND [options] ARGUMENTS...
 *
 * Global options may also follow the command. `--` ends options; behind it, a command that takes
 * the rest (run) gets all that follows.
 */
#include "cmd/command.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/output.h"

const struct command *const commands[] = {
#define COMMAND(name) &command_##name,
#include "cmd/commands.def"
#undef COMMAND
};

#define COMMANDS (sizeof(commands) / sizeof(*commands))

const size_t command_count = COMMANDS;

enum global { GLOBAL_FORMAT, GLOBAL_REPORT, GLOBAL_COLOR, GLOBAL_WARN, GLOBAL_FOLDER, GLOBAL_PLATFORM,
	      GLOBAL_POLICY, GLOBAL_ROOT, GLOBAL_HELP };

/* "|text|gcc|json..." */
static const char formats[] =
#define PRINTER(name, machine) "|" #name
#define PRINTER_FOR_PEOPLE(name) "|" #name
#include "diag/printers.def"
#undef PRINTER
#undef PRINTER_FOR_PEOPLE
	;

const struct option_row global_options[] = {
	[GLOBAL_FORMAT] = { 0, "format", formats + 1, "how findings are printed" },
	[GLOBAL_REPORT] = { 0, "report", "FILE", "findings in that format go to FILE; text to stderr" },
	[GLOBAL_COLOR] = { 0, "color", "auto|always|never", "colour on a terminal, ever, never" },
	[GLOBAL_WARN] = { 'W', "warn", "CODE|no-CODE|error[=CODE]",
			  "a warning on, off or an error, or all warnings as errors" },
	[GLOBAL_FOLDER] = { 'C', "directory", "DIR", "go to DIR first" },
	[GLOBAL_PLATFORM] = { 0, "platform", "FILE", "the machine it is for" },
	[GLOBAL_POLICY] = { 0, "policy", "FILE", "rules of a site that must hold, too; may be given more than once" },
	[GLOBAL_ROOT] = { 0, "root", "DIR", "documents may extend and include what lies below DIR" },
	[GLOBAL_HELP] = { 'h', "help", NULL, "show this" },
	{ 0 },
};

/* The whole run. */
struct run {
	struct invocation invocation;
	struct arena arena;
	struct sources sources;
	VECTOR(const char *) arguments;
	VECTOR(struct rules_file) rules;
	const char *color, *folder;
	bool help;
	int usage; /* EXIT_USAGE after a usage error */
};

const char exit_codes[] = "   0  good\n"
			  "   1  the configuration has errors; fmt --check: would change a file\n"
			  "   2  usage\n"
			  "   3  environment: files, memory, tools\n"
			  "   4  this platform cannot host it\n"
			  "  70  fault of hvcc\n";

/* ------------------------------------------------------------------------------------- help */

/* Two columns; what is too long for the first has a line of its own. */
static void print_row(FILE *out, const char *left, const char *right)
{
	enum { LEFT = 36 };

	if (strlen(left) > LEFT)
		fprintf(out, "  %s\n  %*s %s\n", left, LEFT, "", right);
	else
		fprintf(out, "  %-*s %s\n", LEFT, left, right);
}

static void print_rows(FILE *out, const struct option_row *rows)
{
	for (; rows && (rows->letter || rows->name); rows++) {
		char left[80], letter[4] = "  ";

		if (rows->letter)
			snprintf(letter, sizeof(letter), "-%c", rows->letter);
		snprintf(left, sizeof(left), "%s%s%s%s%s%s", letter,
			 rows->name ? rows->letter ? ", " : "  " : "", rows->name ? "--" : "",
			 rows->name ? rows->name : "",
			 rows->argument && rows->argument[0] != '[' ? " " : "",
			 rows->argument ? rows->argument : "");
		print_row(out, left, rows->help);
	}
}

static void print_help(FILE *out, const struct command *command)
{
	if (command) {
		fprintf(out, "Usage: hvcc %s [options] %s%s\n\n%s.\n\n", command->name,
			command->arguments, command->passes_rest ? " [-- ARGUMENTS...]" : "",
			command->summary);
		if (command->options)
			fputs("Options:\n", out);
		print_rows(out, command->options);
	} else {
		fputs("Usage: hvcc [options] COMMAND ...\n\nCommands:\n", out);
		for (size_t i = 0; i < COMMANDS; i++) {
			char left[128];

			snprintf(left, sizeof(left), "%s %s", commands[i]->name,
				 commands[i]->arguments);
			print_row(out, left, commands[i]->summary);
		}
	}
	fputs(command && command->options ? "\nFor all commands:\n" : "\nOptions for all commands:\n",
	      out);
	print_rows(out, global_options);
	fprintf(out, "\nExit codes:\n%s", exit_codes);
}

/* ----------------------------------------------------------------------------------- options */

static void complain(const struct invocation *in, const char *text)
{
	fputs("hvcc: ", stderr);
	if (in->command)
		fprintf(stderr, "%s: ", in->command->name);
	fprintf(stderr, "%s\n", text);
}

/* Programs read what was found, there or in a file. */
static bool is_for_programs(const struct invocation *in)
{
	return in->report || in->printer->machine;
}

int usage_error(const struct invocation *in, const char *format, ...)
{
	const char *command = in->command ? in->command->name : "", *text;
	va_list arguments;
	struct diag *diag;

	va_start(arguments, format);
	text = arena_vprintf(in->arena, format, arguments);
	va_end(arguments);
	if (is_for_programs(in)) {
		diag = diag_report(in->diags, COMMAND_LINE, ((struct position){ 0 }), text);
		diag_help(diag, "try `hvcc%s%s --help`", *command ? " " : "", command);
	}
	if (!in->printer->machine || in->report) {
		complain(in, text);
		fprintf(stderr, "try `hvcc%s%s --help`\n", *command ? " " : "", command);
	}
	return EXIT_USAGE;
}

int environment_error(const struct invocation *in, const char *format, ...)
{
	va_list arguments;
	const char *text;

	va_start(arguments, format);
	text = arena_vprintf(in->arena, format, arguments);
	va_end(arguments);
	if (is_for_programs(in))
		diag_report(in->diags, ENVIRONMENT, ((struct position){ 0 }), text);
	if (!in->printer->machine || in->report)
		complain(in, text);
	return EXIT_ENVIRONMENT;
}

const char *invocation_option(const struct invocation *in, const char *name)
{
	const struct option_row *rows = in->command->options;

	for (size_t i = 0; rows && (rows[i].letter || rows[i].name); i++)
		if (rows[i].name && !strcmp(rows[i].name, name))
			return in->values[i];
	return NULL;
}

static bool one_of(const char *value, const char *list)
{
	size_t length = strlen(value);

	for (const char *word = list; word; word = strchr(word, '|')) {
		word += *word == '|';
		if (!strncmp(word, value, length) && (!word[length] || word[length] == '|'))
			return true;
	}
	return false;
}

static bool bad_warning(struct run *run, const char *value)
{
	const char *equals = strchr(value, '='), *meant;
	const char *name = equals ? equals + 1 : !strncmp(value, "no-", 3) ? value + 3 : value;

	meant = diag_meant(&run->arena, name);
	if (diag_find(name))
		run->usage = usage_error(&run->invocation, "-W: `%s` is an error, which cannot be "
							   "switched off", name);
	else if (meant)
		run->usage = usage_error(&run->invocation, "-W: `%s` is no warning; did you mean "
							   "`%s`?", name, meant);
	else
		run->usage = usage_error(&run->invocation,
					 "-W: `%s` is no warning, nor `error`", name);
	return false;
}

/* A global option; false after a usage error. */
static bool set_global(struct run *run, enum global option, const char *value)
{
	struct invocation *in = &run->invocation;
	const struct option_row *row = &global_options[option];

	if ((option == GLOBAL_FORMAT || option == GLOBAL_COLOR) && !one_of(value, row->argument)) {
		run->usage = usage_error(in, "--%s is one of %s, not `%s`", row->name,
					 row->argument, value);
		return false;
	}
	if (option == GLOBAL_WARN && !diags_set_severity(in->diags, value))
		return bad_warning(run, value);
	if (option == GLOBAL_FORMAT)
		in->printer = diag_printer_find(value);
	else if (option == GLOBAL_REPORT)
		in->report = value;
	else if (option == GLOBAL_COLOR)
		run->color = value;
	else if (option == GLOBAL_FOLDER)
		run->folder = value;
	else if (option == GLOBAL_PLATFORM)
		in->platform = value;
	else if (option == GLOBAL_POLICY)
		vector_add(&run->arena, &run->rules)->path = value;
	else if (option == GLOBAL_ROOT)
		in->root = value;
	else if (option == GLOBAL_HELP)
		run->help = true;
	return true;
}

/* The row of an option as written, without its dashes; count of rows when there is none. */
static size_t find_row(const struct option_row *rows, const char *text, size_t length,
		       bool is_long)
{
	size_t i;

	for (i = 0; rows && (rows[i].letter || rows[i].name); i++) {
		if (!is_long && rows[i].letter == text[0])
			return i;
		if (is_long && rows[i].name && strlen(rows[i].name) == length &&
		    !strncmp(rows[i].name, text, length))
			return i;
	}
	return SIZE_MAX;
}

/* The command's own rows go before the global ones: build has a --format of its own. */
static const struct option_row *find_option(const struct run *run, const char *text, size_t length,
					    bool is_long, size_t *index, bool *global)
{
	const struct option_row *own = run->invocation.command ? run->invocation.command->options
							       : NULL;

	*global = false;
	*index = find_row(own, text, length, is_long);
	if (*index != SIZE_MAX)
		return &own[*index];
	*global = true;
	*index = find_row(global_options, text, length, is_long);
	return *index != SIZE_MAX ? &global_options[*index] : NULL;
}

/* One option word, which may take the next word too; *at moves on. */
static bool read_option(struct run *run, char **words, int count, int *at)
{
	const char *word = words[*at], *value = NULL;
	bool is_long = word[1] == '-', global;
	const char *name = word + (is_long ? 2 : 1);
	size_t length = is_long ? strcspn(name, "=") : 1, index;
	const struct option_row *row = find_option(run, name, length, is_long, &index, &global);

	if (!row) {
		run->usage = usage_error(&run->invocation, "unknown option `%s`", word);
		return false;
	}
	if (name[length])
		value = name + length + (is_long ? 1 : 0);
	if (row->argument && row->argument[0] != '[' && !value && *at + 1 < count)
		value = words[++*at];
	if (!row->argument != !value && !(row->argument && row->argument[0] == '[')) {
		run->usage = usage_error(&run->invocation, row->argument ? "`%s` needs %s" :
					 "`%s` takes no value%.0s", word, row->argument);
		return false;
	}
	if (global)
		return set_global(run, (enum global)index, value ? value : "");
	run->invocation.values[index] = value ? value : "";
	return true;
}

static bool find_command(struct run *run, const char *name)
{
	const char *names[COMMANDS], *meant;

	for (size_t i = 0; i < COMMANDS; i++) {
		names[i] = commands[i]->name;
		if (strcmp(names[i], name))
			continue;
		run->invocation.command = commands[i];
		return true;
	}
	meant = diag_closest(name, names, COMMANDS);
	if (meant)
		run->usage = usage_error(&run->invocation,
					 "unknown command `%s`; did you mean `%s`?", name, meant);
	else
		run->usage = usage_error(&run->invocation, "unknown command `%s`", name);
	return false;
}

static bool read_word(struct run *run, char **words, int count, int *at)
{
	if (words[*at][0] == '-' && words[*at][1])
		return read_option(run, words, count, at);
	if (!run->invocation.command)
		return find_command(run, words[*at]);
	vector_push(&run->arena, &run->arguments, words[*at]);
	return true;
}

static void take_rest(struct run *run, char **words, int count, int at)
{
	struct invocation *in = &run->invocation;

	if (in->command && in->command->passes_rest) {
		in->rest = (const char *const *)words + at;
		in->rest_count = (size_t)(count - at);
		return;
	}
	for (; at < count; at++)
		vector_push(&run->arena, &run->arguments, words[at]);
}

static bool check_count(struct run *run)
{
	struct invocation *in = &run->invocation;
	int count = (int)in->argument_count;

	if (!in->command) {
		run->usage = usage_error(in, "no command");
		return false;
	}
	if (count >= in->command->least && (in->command->most < 0 || count <= in->command->most))
		return true;
	run->usage = usage_error(in, "%s argument%s (%s)",
				 count < in->command->least ? "missing" : "too many",
				 count < in->command->least ? "" : "s", in->command->arguments);
	return false;
}

static bool read_words(struct run *run, char **words, int count)
{
	int at;

	for (at = 1; at < count && strcmp(words[at], "--"); at++)
		if (!read_word(run, words, count, &at))
			return false;
	if (at < count)
		take_rest(run, words, count, at + 1);
	run->invocation.arguments = run->arguments.items;
	run->invocation.argument_count = run->arguments.count;
	run->invocation.rules = run->rules.items;
	run->invocation.rules_count = run->rules.count;
	return run->help || check_count(run);
}

/* -------------------------------------------------------------------------------------- run */

static bool want_colour(const struct run *run)
{
	const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");

	if (run->color)
		if (strcmp(run->color, "auto"))
			return !strcmp(run->color, "always");
	return isatty(STDERR_FILENO) && !(no_color && *no_color) &&
	       !(terminal && !strcmp(terminal, "dumb"));
}

static void print_to(struct run *run, FILE *stream, bool colour)
{
	struct invocation *in = &run->invocation;

	if (in->printer->print)
		in->printer->print(in->diags, stream);
	else
		diag_print_text(in->diags, stream, colour);
}

/* The findings as a file; whole or not at all. */
static int write_report(struct run *run, int code)
{
	struct invocation *in = &run->invocation;
	const char *path = in->report;
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);
	bool good;

	if (!stream)
		out_of_memory();
	print_to(run, stream, false);
	if (fclose(stream))
		out_of_memory();
	good = output_file(path, text, size);
	free(text);
	return good ? code : environment_error(in, "cannot write `%s`: %s", path, output_error());
}

/* What a usage or environment error said was said at once; the rest is for here. */
static void print_text(struct run *run)
{
	struct diags *diags = run->invocation.diags;
	size_t kept = 0;

	for (size_t i = 0; i < diags->list.count; i++) {
		struct diag *diag = diags->list.items[i];

		if (diag->code != DIAG_COMMAND_LINE && diag->code != DIAG_ENVIRONMENT)
			diags->list.items[kept++] = diag;
		else
			diags->errors--;
	}
	diags->list.count = kept;
	diag_print_text(diags, stderr, want_colour(run));
}

/*
 * Findings for programs have standard output for themselves: a command that failed printed nothing
 * else there, nor does one whose only output they are. What a command merely remarks while it writes
 * output of its own goes to stderr.
 */
static int print_findings(struct run *run, int code)
{
	struct invocation *in = &run->invocation;
	bool alone = in->prints_findings || diag_errors(in->diags);

	fflush(stdout); /* who reads both in one stream gets one behind the other; a failure is remembered */
	if (in->report) {
		code = write_report(run, code);
		print_text(run);
	} else if (!in->printer->machine) {
		print_to(run, stderr, want_colour(run));
	} else if (alone || in->diags->list.count) {
		print_to(run, alone ? stdout : stderr, false);
	}
	return code;
}

/* Standard output, remembering why it failed: stdio forgets. */
static ssize_t write_output(void *cookie, const char *bytes, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t put = write(STDOUT_FILENO, bytes + done, size - done);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0) {
			*(int *)cookie = errno;
			return 0;
		}
		done += (size_t)put;
	}
	return (ssize_t)size;
}

static void watch_output(int *error)
{
	FILE *stream = fopencookie(error, "w", (cookie_io_functions_t){ .write = write_output });

	if (!stream)
		out_of_memory();
	if (isatty(STDOUT_FILENO))
		setvbuf(stream, NULL, _IOLBF, 0);
	stdout = stream;
}

/* What was printed must have arrived: a full disk is no success. A reader that left knows it. */
static int finish_output(const struct invocation *in, const int *error, int code)
{
	fclose(stdout);
	if (!*error)
		return code;
	if (*error == EPIPE)
		return code ? code : EXIT_ENVIRONMENT;
	complain(in, arena_printf(in->arena, "cannot write to standard output: %s", strerror(*error)));
	return EXIT_ENVIRONMENT;
}

static int execute(struct run *run)
{
	struct invocation *in = &run->invocation;
	char root[PATH_MAX];

	if (run->help) {
		print_help(stdout, in->command);
		return EXIT_OK;
	}
	if (run->folder && chdir(run->folder))
		return environment_error(in, "cannot go to `%s`: %s", run->folder,
					 strerror(errno));
	if (in->root && !realpath(in->root, root))
		return environment_error(in, "--root `%s`: %s", in->root, strerror(errno));
	if (in->root)
		in->root = arena_strdup(in->arena, root);
	return in->command->run(in);
}

/* Errors of the command line itself are to be printed in the format that it asks for. */
static void find_format(struct run *run, char **words, int count)
{
	struct invocation *in = &run->invocation;

	for (int i = 1; i < count && strcmp(words[i], "--"); i++) {
		const char *next = i + 1 < count ? words[i + 1] : "";
		const struct diag_printer *printer =
			!strcmp(words[i], "--format")	      ? diag_printer_find(next)
			: !strncmp(words[i], "--format=", 9) ? diag_printer_find(words[i] + 9)
							     : NULL;

		if (printer)
			in->printer = printer;
		if (!strcmp(words[i], "--report") && *next)
			in->report = next;
		if (!strncmp(words[i], "--report=", 9) && words[i][9])
			in->report = words[i] + 9;
	}
}

/* Ended from outside: no unfinished file stays, and whoever waits sees the signal. */
static void interrupted(int signal_number)
{
	output_unlink_all();
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

/* A file that is looked at became shorter meanwhile. */
static void file_vanished(int signal_number)
{
	static const char text[] = "hvcc: a file changed while it was read\n";

	(void)signal_number;
	output_unlink_all();
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(EXIT_ENVIRONMENT);
	_exit(EXIT_ENVIRONMENT);
}

static void watch_signals(void)
{
	static const int ends[] = { SIGHUP, SIGINT, SIGTERM, SIGXCPU };

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		if (signal(ends[i], interrupted) == SIG_IGN)
			signal(ends[i], SIG_IGN);
	signal(SIGBUS, file_vanished);
	/* A closed pipe and a file at its limit are errors of write(), not the end. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

int main(int argc, char **argv)
{
	static struct run run;
	struct invocation *in = &run.invocation;
	int code, error = 0;

	watch_output(&error);
	watch_signals();
	run.sources.arena = &run.arena;
	in->arena = &run.arena;
	in->sources = &run.sources;
	in->diags = diags_new(&run.arena, &run.sources);
	in->printer = diag_printer_find("text");
	find_format(&run, argv, argc);
	if (argc < 2) {
		print_help(stderr, NULL);
		code = EXIT_USAGE;
	} else if (read_words(&run, argv, argc)) {
		code = execute(&run);
	} else {
		code = run.usage;
	}
	diags_add_origins(in->diags);
	code = print_findings(&run, code);
	code = finish_output(in, &error, code);
	arena_free(&run.arena);
	return code;
}
