/* SPDX-License-Identifier: Apache-2.0 */
/* hvcc diff: what differs between two configurations or images in what it means. */
#include "audit/compare.h"

#include "base/json.h"
#include "cmd/open.h"

static const struct option_row options[] = {
	{ 0, "exit-code", NULL, "exit 1 when there is a difference" },
	{ 0, "json", NULL, "as JSON: `rights` and `other`" },
	{ 0 },
};

static int run(struct invocation *in)
{
	struct image a, b;
	struct changes changes;
	int result = open_any(in, in->arguments[0], &a);

	if (result == EXIT_OK)
		result = open_any(in, in->arguments[1], &b);
	if (result != EXIT_OK)
		return result;
	changes = compare_images(&a, &b);
	if (invocation_option(in, "json"))
		json_print(changes_json(&changes), stdout);
	else
		changes_print(stdout, &changes);
	return changes.list.count && invocation_option(in, "exit-code") ? EXIT_CONFIGURATION : EXIT_OK;
}

const struct command command_diff = {
	.name = "diff",
	.arguments = "A B",
	.summary = "compare two files or images: rights gained or lost first",
	.options = options,
	.least = 2,
	.most = 2,
	.run = run,
};
