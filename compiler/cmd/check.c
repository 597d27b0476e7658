/* SPDX-License-Identifier: Apache-2.0 */
/* hvcc check: all that can be said about documents without making anything of them. */
#include "cmd/command.h"

static int run(struct invocation *in)
{
	in->prints_findings = true;
	for (size_t i = 0; i < in->argument_count; i++)
		load_system(in, in->arguments[i]);
	return invocation_verdict(in);
}

const struct command command_check = {
	.name = "check",
	.arguments = "FILE...",
	.summary = "check guest and system files; writes nothing",
	.least = 1,
	.most = -1,
	.run = run,
};
