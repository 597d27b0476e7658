/* SPDX-License-Identifier: Apache-2.0 */
/* hvcc graph: a picture of a configuration or an image. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/output.h"
#include "cmd/open.h"
#include "picture/scene.h"

static const struct option_row options[] = {
	{ 0, "view", "NAME", "topology (default), memory, devices, shares; of documents also common and schedule" },
	{ 0, "type", "svg|dot|text", "what to write (default: svg)" },
	{ 0, "guest", "NAME", "only this guest" },
	{ 'o', "output", "FILE", "where to (default: standard output)" },
	{ 0 },
};

/* Of an image, or of a document as it stands. */
static const struct {
	const char *name;
	struct scene (*view)(const struct image *image, uint32_t guest);
	struct scene (*plan)(struct arena *arena, const struct system *system);
} views[] = {
	{ "topology", view_topology },
	{ "memory", view_memory },
	{ "devices", view_devices },
	{ "shares", view_shares },
	{ "common", .plan = view_common },
	{ "schedule", .plan = view_schedule },
};

static const struct {
	const char *name;
	void (*write)(FILE *stream, struct scene *scene);
} types[] = {
	{ "svg", write_svg },
	{ "dot", write_dot },
	{ "text", write_outline },
};

enum { VIEWS = sizeof(views) / sizeof(*views), TYPES = sizeof(types) / sizeof(*types) };

static int write_scene(const struct invocation *in, size_t type, struct scene *scene)
{
	const char *path = invocation_option(in, "output");
	char *text = NULL;
	size_t size = 0;
	FILE *stream = path ? open_memstream(&text, &size) : stdout;
	bool good;

	if (!stream)
		out_of_memory();
	types[type].write(stream, scene);
	if (!path)
		return EXIT_OK;
	if (fclose(stream))
		out_of_memory();
	good = output_file(path, text, size);
	free(text);
	return good ? EXIT_OK : environment_error(in, "cannot write `%s`: %s", path, output_error());
}

/* The index of a guest by name; HV_NONE when none was asked for; the count when there is no such. */
static uint32_t find_guest(const struct image *image, const char *name)
{
	uint32_t guest = 0;

	if (!name)
		return HV_NONE;
	while (guest < image->counts[HV_SECTION_GUESTS] &&
	       strcmp(image_text(image, image->guests[guest].name), name))
		guest++;
	return guest;
}

/* Nothing is made of the document: what the core lacks is worth a word, and no refusal. */
static int draw_plan(struct invocation *in, size_t view, size_t type)
{
	const struct system *system;
	struct scene scene;
	int result;

	in->diags->severity_of[DIAG_UNSUPPORTED] = 1 + SEVERITY_WARNING;
	system = load_system(in, in->arguments[0]);
	if (!system)
		return invocation_verdict(in);
	scene = views[view].plan(in->arena, system);
	result = write_scene(in, type, &scene);
	return result == EXIT_OK ? invocation_verdict(in) : result;
}

static int run(struct invocation *in)
{
	const char *view = invocation_option(in, "view"), *type = invocation_option(in, "type");
	const char *name = invocation_option(in, "guest");
	size_t v = 0, t = 0;
	struct image image;
	struct scene scene;
	uint32_t guest;
	int result;

	while (view && v < VIEWS && strcmp(view, views[v].name))
		v++;
	while (type && t < TYPES && strcmp(type, types[t].name))
		t++;
	if (v == VIEWS)
		return usage_error(in, "--view is topology, memory, devices, shares, common or schedule, not `%s`", view);
	if (t == TYPES)
		return usage_error(in, "--type is svg, dot or text, not `%s`", type);
	if (views[v].plan && name)
		return usage_error(in, "--guest is for pictures of one guest: not for `%s`", view);
	if (views[v].plan)
		return draw_plan(in, v, t);
	result = open_any(in, in->arguments[0], &image);
	if (result != EXIT_OK)
		return result;
	guest = find_guest(&image, name);
	if (guest == image.counts[HV_SECTION_GUESTS])
		return usage_error(in, "there is no guest `%s`", name);
	scene = views[v].view(&image, guest);
	return write_scene(in, t, &scene);
}

const struct command command_graph = {
	.name = "graph",
	.arguments = "FILE",
	.summary = "draw the CPUs, memory, devices, shares or schedule of a file or image",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
