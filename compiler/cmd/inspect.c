/* SPDX-License-Identifier: Apache-2.0 */
/* hvcc inspect: shows what is inside an image or a blob. */
#include <stdio.h>

#include "audit/listing.h"
#include "cmd/open.h"
#include "emit/image.h"
#include "emit/view.h"

#define MOST_IMAGE ((size_t)8 << 30)

static const struct option_row options[] = {
	{ 0, "json", NULL, "as JSON" },
	{ 0, "listing", NULL, "as an annotated listing, guest by guest" },
	{ 0, "section", "NAME", "only this section: header, guests, loads, cpuid ..." },
	{ 0 },
};

static int print_listing(struct invocation *in)
{
	struct image image;
	int result = open_image_file(in, in->arguments[0], &image);

	if (result == EXIT_OK)
		listing_print(stdout, &image);
	return result;
}

static int print_records(struct invocation *in)
{
	const char *path = in->arguments[0], *section = invocation_option(in, "section");
	struct blob_view view;
	struct bytes file, blob;
	const char *why = read_file(in->arena, path, MOST_IMAGE, &file);
	json_t *root;

	if (why)
		return environment_error(in, "cannot read `%s`: %s", path, why);
	blob = image_find_blob(file);
	why = blob.size ? view_open(blob, &view) : "holds no blob of hvcc";
	if (why)
		return image_refused(in, path, file, why);
	root = view_json(&view, section);
	if (!root)
		return usage_error(in, "there is no section `%s`", section);
	if (invocation_option(in, "json")) {
		json_dumpf(root, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		view_print(stdout, root);
	}
	json_decref(root);
	return EXIT_OK;
}

static int run(struct invocation *in)
{
	return invocation_option(in, "listing") ? print_listing(in) : print_records(in);
}

const struct command command_inspect = {
	.name = "inspect",
	.arguments = "IMAGE",
	.summary = "show the records of an image or blob",
	.description = "Shows what is in an image or blob: header, sections, and the records of each "
		       "guest, with the place in the YAML files that each comes from.",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
