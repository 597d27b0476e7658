/* SPDX-License-Identifier: Apache-2.0 */
/* hvcc check: all that can be said about documents without making anything of them. */
#include "cmd/command.h"
#include "lower/pass.h"

static const struct option_row options[] = {
	{ 0, "files", NULL, "read kernels, initrds and modules, too, and lay the guests out" },
	{ 0 },
};

static int run(struct invocation *in)
{
	bool files = invocation_option(in, "files");

	in->prints_findings = true;
	for (size_t i = 0; i < in->argument_count; i++) {
		struct system *system = load_system(in, in->arguments[i]);

		if (system && files)
			lower_system(&(struct lower_context){
				.arena = in->arena, .diags = in->diags, .model = system });
	}
	return invocation_verdict(in);
}

const struct command command_check = {
	.name = "check",
	.arguments = "FILE...",
	.summary = "check guest and system files; writes nothing",
	.options = options,
	.least = 1,
	.most = -1,
	.run = run,
};
