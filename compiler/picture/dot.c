/* SPDX-License-Identifier: Apache-2.0 */
/* A scene for Graphviz: boxes that hold others are clusters. */
#include "picture/scene.h"

static void put_quoted(FILE *stream, const char *text)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', stream);
		if ((unsigned char)*text >= ' ')
			fputc(*text, stream);
	}
}

static void put_label(FILE *stream, const struct box *box)
{
	fputs("label=\"", stream);
	put_quoted(stream, box->title);
	if (box->detail) {
		fputs("\\n", stream);
		put_quoted(stream, box->detail);
	}
	if (box->margin) {
		fputs("\\n", stream);
		put_quoted(stream, box->margin);
	}
	fputc('"', stream);
}

static void put_box(FILE *stream, const struct box *box, int depth)
{
	const struct look_colours *look = &looks[box->look];

	if (!box->inside.count) {
		fprintf(stream, "%*sn%u [", 2 * depth, "", box->number);
		put_label(stream, box);
		fprintf(stream, ", fillcolor=\"%s\", color=\"%s\"];\n", look->fill, look->stroke);
		return;
	}
	fprintf(stream, "%*ssubgraph cluster_%u {\n%*s", 2 * depth, "", box->number, 2 * depth + 2, "");
	put_label(stream, box);
	fprintf(stream, "; style=\"rounded,filled\"; fillcolor=\"%s\"; color=\"%s\";\n", look->fill,
		look->stroke);
	for (size_t i = 0; i < box->inside.count; i++)
		put_box(stream, box->inside.items[i], depth + 1);
	fprintf(stream, "%*s}\n", 2 * depth, "");
}

/* Edges want nodes: of a cluster, its first. */
static uint32_t node_of(const struct box *box)
{
	while (box->inside.count)
		box = box->inside.items[0];
	return box->number;
}

void write_dot(FILE *stream, struct scene *scene)
{
	fputs("digraph hvcc {\n  rankdir=LR;\n"
	      "  node [shape=box, style=\"rounded,filled\", fontname=\"DejaVu Sans\", fontsize=10];\n"
	      "  graph [fontname=\"DejaVu Sans\", fontsize=12];\n", stream);
	put_box(stream, scene->root, 1);
	for (size_t i = 0; i < scene->links.count; i++)
		fprintf(stream, "  n%u -> n%u [arrowhead=dot, color=\"%s\"];\n",
			node_of(scene->links.items[i].from), node_of(scene->links.items[i].to),
			looks[scene->links.items[i].to->look].stroke);
	fputs("}\n", stream);
}
