/* SPDX-License-Identifier: Apache-2.0 */
/* hvcc check: all that can be said about documents without making anything of them. */
#include "cmd/command.h"

#include <string.h>

#include "lower/pass.h"
#include "validate/lint.h"

/* The most rounds of fixing: what was put right may show what it had hidden. */
#define ROUNDS 4

static const struct option_row options[] = {
	{ 0, "fix", "[=diff]", "put right what has one answer, in the files; =diff: show it only" },
	{ 0, "shard", "I/N", "of the files, check the I-th of N equal parts only" },
	{ 0, "no-files", NULL, "leave kernels and initrds unread: for machines that do not have them" },
	{ 0, "files", NULL, "read them (the default)" },
	{ 0 },
};

/* Every count-th of the files, from the index-th on: the same on every machine. */
struct shard {
	size_t index, count;
};

static void check_files(struct invocation *in, struct shard shard)
{
	bool files = !invocation_option(in, "no-files");

	for (size_t i = shard.index - 1; i < in->argument_count; i += shard.count) {
		struct lower_context context = { .arena = in->arena, .diags = in->diags };

		context.model = load_and_check(in, in->arguments[i]);
		if (context.model)
			lower_tables(&context);
		if (files && context.model)
			lower_files(&context);
	}
	lint_idle(in->diags, files);
}

/* Findings anew, with the severities that the command line set. */
static void forget_findings(struct invocation *in)
{
	const struct diags *old = in->diags;

	in->sources = arena_new(in->arena, struct sources);
	in->sources->arena = in->arena;
	in->diags = diags_new(in->arena, in->sources);
	diags_take_severities(in->diags, old);
	in->unreadable = false;
	for (size_t i = 0; i < in->rules_count; i++)
		in->rules[i].tried = false;
}

/* Fixes and checks until nothing is left that has one answer; what is left is printed. */
static int fix_files(struct invocation *in, struct shard shard)
{
	for (int round = 0; round < ROUNDS; round++) {
		int fixed = fix_findings(in, false);

		if (fixed < 0)
			return EXIT_ENVIRONMENT;
		if (!fixed)
			break;
		forget_findings(in);
		check_files(in, shard);
	}
	return invocation_verdict(in);
}

static bool read_shard(const char *text, struct shard *shard)
{
	int end = 0;

	*shard = (struct shard){ 1, 1 };
	if (!text)
		return true;
	return sscanf(text, "%5zu/%5zu%n", &shard->index, &shard->count, &end) == 2 && !text[end] &&
	       strspn(text, "0123456789/") == strlen(text) && shard->index &&
	       shard->index <= shard->count;
}

static int run(struct invocation *in)
{
	const char *fix = invocation_option(in, "fix");
	struct shard shard;

	if (fix && *fix && strcmp(fix, "diff"))
		return usage_error(in, "--fix alone, or --fix=diff, not `--fix=%s`", fix);
	if (fix && *fix && in->printer->machine && !in->report)
		return usage_error(in, "--fix=diff and --format %s both want standard output; name a "
				       "--report", in->printer->name);
	if (invocation_option(in, "files") && invocation_option(in, "no-files"))
		return usage_error(in, "--files and --no-files: which of the two?");
	if (!read_shard(invocation_option(in, "shard"), &shard))
		return usage_error(in, "--shard is I/N with I from 1 to N");
	in->prints_findings = true;
	check_files(in, shard);
	if (fix && !*fix)
		return fix_files(in, shard);
	if (fix)
		fix_findings(in, true);
	return invocation_verdict(in);
}

const struct command command_check = {
	.name = "check",
	.arguments = "FILE...",
	.summary = "check guest, system and platform files",
	.description = "Findings go to standard error as text, or in another format to standard output; `hvcc "
		       "explain` says more about each. With --fix, misspelt keys and words, other words for "
		       "`true` and `false`, units, needless quotes, and a count that is not the product of "
		       "the topology are put right in the files; everything else in them stays, and what is "
		       "left is printed. Kernels and initrds are opened, their headers read, and room is found for "
		       "them in the guest, unless --no-files says to leave them. `lint: { allow: [CODE] }` in a file says that a warning is meant. With --shard, a fleet of files is spread over several runners.",
	.options = options,
	.least = 1,
	.most = -1,
	.run = run,
};
