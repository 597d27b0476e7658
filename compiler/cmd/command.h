/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd/: main.c and one file a subcommand. A command is one row of commands.def and one
 * `const struct command command_NAME` in NAME.c; its option rows drive parsing and --help alike.
 * Commands see every pass; no pass sees a command.
 */
#ifndef HVCC_CMD_COMMAND_H
#define HVCC_CMD_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/source.h"
#include "diag/diag.h"
#include "model/model.h"

struct composer; /* model/compose.h */

enum exit_code {
	EXIT_OK = 0,
	EXIT_CONFIGURATION = 1, /* the configuration has errors */
	EXIT_USAGE = 2,
	EXIT_ENVIRONMENT = 3, /* I/O, memory, a tool that is missing */
	EXIT_PLATFORM = 4,    /* valid, but this platform cannot host it */
	EXIT_INTERNAL = 70,
};

/* One option. In a table, a row with neither letter nor name ends it. */
struct option_row {
	char letter; /* 'o' for -o, or 0 */
	const char *name; /* "output" for --output */
	const char *argument; /* "FILE", "a|b"; "[=a|b]": may be left out; NULL for a flag */
	const char *help;
};

struct invocation;

struct command {
	const char *name;
	const char *arguments; /* "FILE...", as help shows it */
	const char *summary; /* one line */
	const char *description; /* paragraphs for the manual, or NULL */
	const struct option_row *options; /* NULL: none of its own */
	int least, most; /* number of arguments; most < 0: any */
	bool passes_rest; /* takes what follows `--` (invocation.rest) */
	int (*run)(struct invocation *invocation); /* returns enum exit_code */
};

struct node;
struct schema;

#define COMMAND(name) extern const struct command command_##name;
#include "cmd/commands.def"
#undef COMMAND

/* All commands in the order of --help, and the options that all take (main.c). */
extern const struct command *const commands[];
extern const size_t command_count;
extern const struct option_row global_options[];
/* What each exit code means, one sentence a line. */
extern const char exit_codes[];

#define MOST_OPTIONS 32

/* The rules of a site: --policy. */
struct rules_file {
	const char *path;
	const struct node *root; /* NULL: not read, or not sound */
	bool tried;
};

/* A parsed command line, and the state of this compilation. */
struct invocation {
	const struct command *command;
	const char *const *arguments;
	size_t argument_count;
	const char *const *rest; /* after `--` */
	size_t rest_count;
	const char *values[MOST_OPTIONS]; /* by row of command->options */
	const struct diag_printer *printer; /* how findings are printed (--format) */
	const char *report; /* where to (--report), or NULL */
	const char *platform; /* --platform, or NULL */
	struct rules_file *rules; /* --policy, each */
	size_t rules_count;
	const char *root; /* --root as the system names it, or NULL */
	const struct node *patch; /* laid over the document that is loaded, or NULL */
	struct composer *composer; /* documents read so far, or NULL */
	bool prints_findings; /* also when there are none: they are the command's only output */
	bool unreadable; /* a file of the command line could not be read: EXIT_ENVIRONMENT */
	struct arena *arena;
	struct sources *sources;
	struct diags *diags;
};

/* The argument of an option of this command ("" for a flag that was given); NULL: not given. */
const char *invocation_option(const struct invocation *invocation, const char *name);

/*
 * Reads a guest or system file: YAML, schemas, model, checks. Returns the system, or NULL after
 * errors were reported (not printed: main does that when the command returns). A system that is
 * returned passed every check.
 */
struct system *load_system(struct invocation *invocation, const char *path);

/* The same for a machine's facts and rules of a site, too; *root is the document as it stands. */
struct cursor;
struct system *load_any(struct invocation *invocation, const char *path, struct cursor *root);

/* A document of that form, validated; NULL after errors, with what form it has, if any, in the message. */
const struct node *load_form(struct invocation *invocation, const char *path,
			     const struct schema *wanted);

/* The same for any document; NULL after errors, and where there is no system: for a platform. */
struct system *load_and_check(struct invocation *invocation, const char *path);

/*
 * Puts right what the findings so far say has one answer, in the files that were read. Returns how many
 * places that were (0: nothing to do), or -1 after an environment error. Where `show` is set, nothing
 * is written, and the changes are printed as unified diffs.
 */
int fix_findings(struct invocation *invocation, bool show);

/* Replaces a file that was read; keeps its mode, follows links. False after an environment error. */
bool rewrite_file(struct invocation *invocation, const char *path, struct bytes bytes);

/*
 * The exit code for what was reported so far: EXIT_OK, EXIT_CONFIGURATION, EXIT_PLATFORM when only
 * the machine is to blame, or EXIT_ENVIRONMENT when a file of the command line could not be read.
 */
int invocation_verdict(const struct invocation *invocation);

/*
 * Prints "hvcc: ..." to stderr, with a hint at --help; returns EXIT_USAGE. Where a program reads what
 * was found, it becomes a finding (HV0004; the next one HV0005).
 */
int usage_error(const struct invocation *invocation, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Prints "hvcc: ..." to stderr; returns EXIT_ENVIRONMENT. */
int environment_error(const struct invocation *invocation, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
