/* SPDX-License-Identifier: Apache-2.0 */
/* hvcc check: all that can be said about documents without making anything of them. */
#include "cmd/command.h"
#include "cmd/compile.h"

static const struct option_row options[] = {
	{ 0, "files", NULL, "read kernels and initrds too, and lay the guests out" },
	{ 0 },
};

static int run(struct invocation *in)
{
	bool files = invocation_option(in, "files");
	struct lower_context context;

	in->prints_findings = true;
	for (size_t i = 0; i < in->argument_count; i++)
		if (files)
			compile(in, in->arguments[i], &context);
		else
			load_and_check(in, in->arguments[i]);
	return invocation_verdict(in);
}

const struct command command_check = {
	.name = "check",
	.arguments = "FILE...",
	.summary = "check guest, system and platform files; writes nothing",
	.options = options,
	.least = 1,
	.most = -1,
	.run = run,
};
