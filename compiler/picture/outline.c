/* SPDX-License-Identifier: Apache-2.0 */
/* A scene as indented text: a box a line, what it is linked to behind an arrow. */
#include "picture/scene.h"

static void put_links(FILE *stream, const struct scene *scene, const struct box *box)
{
	const char *join = " -> ";

	for (size_t i = 0; i < scene->links.count; i++) {
		if (scene->links.items[i].from != box)
			continue;
		fprintf(stream, "%s%s", join, scene->links.items[i].to->title);
		join = ", ";
	}
}

static void put_box(FILE *stream, const struct scene *scene, const struct box *box, int depth)
{
	fprintf(stream, "%*s", 2 * depth, "");
	if (box->margin)
		fprintf(stream, "%-14s ", box->margin);
	fprintf(stream, "%s", box->title);
	if (box->detail)
		fprintf(stream, "%s%s", *box->title ? "  " : "", box->detail);
	put_links(stream, scene, box);
	fputc('\n', stream);
	for (size_t i = 0; i < box->inside.count; i++)
		put_box(stream, scene, box->inside.items[i], depth + 1);
}

void write_outline(FILE *stream, struct scene *scene)
{
	put_box(stream, scene, scene->root, 0);
}
