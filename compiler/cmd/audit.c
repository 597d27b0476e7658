/* SPDX-License-Identifier: Apache-2.0 */
/* hvcc audit: who owns what, re-derived from the image alone. */
#include "audit/audit.h"

#include "base/json.h"
#include "cmd/open.h"

static const struct option_row options[] = {
	{ 0, "json", NULL, "as JSON: `claims` and `findings`" },
	{ 0 },
};

static int run(struct invocation *in)
{
	struct image image;
	struct audit audit;
	int result = open_image_file(in, in->arguments[0], &image);

	if (result != EXIT_OK)
		return result;
	audit = audit_image(&image);
	if (invocation_option(in, "json"))
		json_print(audit_json(&audit), stdout);
	else
		audit_print(stdout, &audit);
	return audit.findings.count ? EXIT_CONFIGURATION : EXIT_OK;
}

const struct command command_audit = {
	.name = "audit",
	.arguments = "IMAGE",
	.summary = "list who owns what in an image; fail on what is owned twice",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
