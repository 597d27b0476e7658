/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hvcc completion: scripts for bash, zsh and fish, made from the tables of commands and options. What
 * an option or a command takes is read from how help shows it: `a|b` are words, FILE and IMAGE are
 * files, DIR is a folder, CODE is an id that `hvcc codes` lists.
 */
#include "cmd/command.h"

#include <ctype.h>
#include <string.h>

/* The words of "text|gcc|json", "[=diff]", "[guest|system]", apart by blanks; "" when it has none. */
static const char *words_of(struct arena *arena, const char *argument)
{
	char *words = arena_strdup(arena, argument ? argument : ""), *end = words;
	bool any = false;

	for (const char *c = words; *c; c++) {
		any |= *c == '|' || *c == '=';
		if (isupper((unsigned char)*c) || *c == '.')
			return "";
		if (*c == '|')
			*end++ = ' ';
		else if (!strchr("[]=", *c))
			*end++ = *c;
	}
	*end = 0;
	return any ? words : "";
}

static bool takes(const char *argument, const char *word)
{
	return argument && strstr(argument, word);
}

static bool is_end(const struct option_row *row)
{
	return !row->letter && !row->name;
}

/* "--format --report -W --warn" */
static void put_options(const struct option_row *rows)
{
	for (; rows && !is_end(rows); rows++) {
		if (rows->letter)
			printf(" -%c", rows->letter);
		if (rows->name)
			printf(" --%s", rows->name);
	}
}

/* ------------------------------------------------------------------------------------- bash */

static const char bash_head[] =
	"# hvcc completion for bash: made by `hvcc completion bash`\n"
	"_hvcc_codes() { hvcc codes 2>/dev/null | cut -d ' ' -f 1; }\n"
	"_hvcc()\n"
	"{\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd i words\n"
	"\tCOMPREPLY=()\n"
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	"\t\tcase ${COMP_WORDS[i]} in\n";

static const char bash_tail[] =
	"\tif [[ $cur == -* ]]; then\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$words $global\" -- \"$cur\")\n"
	"\tfi\n"
	"}\n"
	"complete -o bashdefault -o default -F _hvcc hvcc\n";

/* One way to complete a word: what stands behind `mapfile -t COMPREPLY < <(...)`. */
static void put_bash_reply(const char *indent, const char *argument, const char *words)
{
	if (*words)
		printf("%smapfile -t COMPREPLY < <(compgen -W \"%s\" -- \"$cur\")\n", indent, words);
	else if (takes(argument, "CODE"))
		printf("%smapfile -t COMPREPLY < <(compgen -W \"$(_hvcc_codes)\" -- \"$cur\")\n", indent);
	else if (takes(argument, "DIR"))
		printf("%smapfile -t COMPREPLY < <(compgen -d -- \"$cur\")\n", indent);
	else if (takes(argument, "FILE") || takes(argument, "IMAGE") || takes(argument, "PROGRAM"))
		printf("%smapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n", indent);
	else
		printf("%sCOMPREPLY=()\n", indent);
}

static void put_bash_values(const struct invocation *in, const char *command,
			    const struct option_row *rows)
{
	for (; rows && !is_end(rows); rows++) {
		if (!rows->argument || rows->argument[0] == '[')
			continue;
		printf("\t\"%s\":--%s", command, rows->name);
		if (rows->letter)
			printf("|\"%s\":-%c", command, rows->letter);
		puts(")");
		put_bash_reply("\t\t", rows->argument, words_of(in->arena, rows->argument));
		puts("\t\treturn ;;");
	}
}

static void put_bash_commands(const struct invocation *in)
{
	puts("\tcase $cmd in");
	printf("\t'')\n\t\twords=\"");
	for (size_t i = 0; i < command_count; i++)
		printf("%s%s", i ? " " : "", commands[i]->name);
	puts("\"\n\t\t[[ $cur == -* ]] || mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
	     "\t\twords='' ;;");
	for (size_t i = 0; i < command_count; i++) {
		const struct command *command = commands[i];

		printf("\t%s)\n\t\twords=\"", command->name);
		put_options(command->options);
		puts("\"");
		put_bash_reply("\t\t", command->arguments, words_of(in->arena, command->arguments));
		puts("\t\t;;");
	}
	puts("\tesac");
}

static void print_bash(const struct invocation *in)
{
	fputs(bash_head, stdout);
	printf("\t\t");
	for (size_t i = 0; i < command_count; i++)
		printf("%s%s", i ? "|" : "", commands[i]->name);
	puts(") cmd=${COMP_WORDS[i]}; break ;;\n\t\tesac\n\tdone");
	printf("\tlocal global=\"");
	put_options(global_options);
	puts("\"");
	puts("\tcase \"$cmd:$prev\" in");
	for (size_t i = 0; i < command_count; i++)
		put_bash_values(in, commands[i]->name, commands[i]->options);
	puts("\tesac\n\tcase \":$prev\" in");
	put_bash_values(in, "", global_options);
	puts("\tesac");
	put_bash_commands(in);
	fputs(bash_tail, stdout);
}

/* -------------------------------------------------------------------------------------- zsh */

/* Text inside single quotes, where brackets and colons of a specification are escaped. */
static void put_zsh_text(const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", stdout);
		else
			printf(strchr("[]:\\", *text) ? "\\%c" : "%c", *text);
	}
}

static void put_zsh_action(const struct invocation *in, const char *argument)
{
	const char *words = words_of(in->arena, argument);

	if (*words)
		printf(":value:(%s)", words);
	else if (takes(argument, "CODE"))
		fputs(":code:_hvcc_codes", stdout);
	else if (takes(argument, "DIR"))
		fputs(":folder:_files -/", stdout);
	else if (takes(argument, "FILE") || takes(argument, "IMAGE"))
		fputs(":file:_files", stdout);
	else
		fputs(":value: ", stdout);
}

static void put_zsh_options(const struct invocation *in, const struct option_row *rows)
{
	for (; rows && !is_end(rows); rows++) {
		bool optional = rows->argument && rows->argument[0] == '[';

		for (int is_long = 0; is_long < 2; is_long++) {
			if (is_long ? !rows->name : !rows->letter)
				continue;
			if (is_long)
				printf(" \\\n\t\t'--%s%s[", rows->name, optional ? "=-" : rows->argument ? "=" : "");
			else
				printf(" \\\n\t\t'-%c[", rows->letter);
			put_zsh_text(rows->help);
			putchar(']');
			if (rows->argument)
				printf("%s", optional ? ":" : "");
			if (rows->argument)
				put_zsh_action(in, rows->argument);
			putchar('\'');
		}
	}
}

static void print_zsh(const struct invocation *in)
{
	puts("#compdef hvcc\n# hvcc completion for zsh: made by `hvcc completion zsh`\n"
	     "_hvcc_codes() { compadd -- ${(f)\"$(hvcc codes 2>/dev/null | cut -d ' ' -f 1)\"} }\n"
	     "_hvcc_commands() {\n\tlocal -a list=(");
	for (size_t i = 0; i < command_count; i++) {
		printf("\t\t'%s:", commands[i]->name);
		put_zsh_text(commands[i]->summary);
		puts("'");
	}
	puts("\t)\n\t_describe command list\n}\n_hvcc() {\n\tlocal state line\n\t_arguments -C \\");
	printf("\t\t'1:command:_hvcc_commands' '*::argument:->rest'");
	put_zsh_options(in, global_options);
	puts("\n\t[[ $state == rest ]] || return\n\tcase $line[1] in");
	for (size_t i = 0; i < command_count; i++) {
		printf("\t%s)\n\t\t_arguments", commands[i]->name);
		put_zsh_options(in, commands[i]->options);
		put_zsh_options(in, global_options);
		if (*commands[i]->arguments) {
			printf(" \\\n\t\t'*:");
			put_zsh_action(in, commands[i]->arguments);
			putchar('\'');
		}
		puts(" ;;");
	}
	puts("\tesac\n}\n_hvcc \"$@\"");
}

/* ------------------------------------------------------------------------------------- fish */

static void put_fish_text(const char *text)
{
	putchar('\'');
	for (; *text; text++)
		printf(*text == '\'' || *text == '\\' ? "\\%c" : "%c", *text);
	putchar('\'');
}

static void put_fish_argument(const struct invocation *in, const char *argument)
{
	const char *words = words_of(in->arena, argument);

	if (*words)
		printf(" -xa '%s'", words);
	else if (takes(argument, "CODE"))
		printf(" -xa '(hvcc codes | string split -f 1 \" \")'");
	else if (takes(argument, "DIR"))
		printf(" -xa '(__fish_complete_directories)'");
	else if (takes(argument, "FILE") || takes(argument, "IMAGE"))
		printf(" -rF");
	else
		printf(" -x");
}

static void put_fish_options(const struct invocation *in, const char *condition,
			     const struct option_row *rows)
{
	for (; rows && !is_end(rows); rows++) {
		printf("complete -c hvcc%s", condition);
		if (rows->letter)
			printf(" -s %c", rows->letter);
		if (rows->name)
			printf(" -l %s", rows->name);
		if (rows->argument && rows->argument[0] != '[')
			put_fish_argument(in, rows->argument);
		printf(" -d ");
		put_fish_text(rows->help);
		putchar('\n');
	}
}

static void print_fish(const struct invocation *in)
{
	puts("# hvcc completion for fish: made by `hvcc completion fish`");
	put_fish_options(in, "", global_options);
	for (size_t i = 0; i < command_count; i++) {
		const struct command *command = commands[i];
		const char *condition = arena_printf(in->arena, " -n '__fish_seen_subcommand_from %s'",
						     command->name);

		printf("complete -c hvcc -n __fish_use_subcommand -f -a %s -d ", command->name);
		put_fish_text(command->summary);
		putchar('\n');
		put_fish_options(in, condition, command->options);
		if (*words_of(in->arena, command->arguments) || takes(command->arguments, "CODE")) {
			printf("complete -c hvcc%s", condition);
			put_fish_argument(in, command->arguments);
			putchar('\n');
		}
	}
}

/* -------------------------------------------------------------------------------------- run */

static int run(struct invocation *in)
{
	const char *shell = in->arguments[0];

	if (!strcmp(shell, "bash"))
		print_bash(in);
	else if (!strcmp(shell, "zsh"))
		print_zsh(in);
	else if (!strcmp(shell, "fish"))
		print_fish(in);
	else
		return usage_error(in, "the shell is bash, zsh or fish, not `%s`", shell);
	return EXIT_OK;
}

const struct command command_completion = {
	.name = "completion",
	.arguments = "bash|zsh|fish",
	.summary = "print a completion script for a shell",
	.description = "The package installs these scripts. Elsewhere: `hvcc completion bash "
		       ">~/.local/share/bash-completion/completions/hvcc`, `hvcc completion zsh "
		       ">\"${fpath[1]}/_hvcc\"`, `hvcc completion fish "
		       ">~/.config/fish/completions/hvcc.fish`.",
	.least = 1,
	.most = 1,
	.run = run,
};
