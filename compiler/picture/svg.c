/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scene as SVG. Sizes first, from the innermost box out; then places, from the outermost in; then
 * boxes, links and texts in that order, so that text is never covered.
 *
 *	+--------------------------+
 *	| title                    |
 *	| detail                   |
 *	| +------+ gap +------+    |   rows, or a column of equal widths
 *	| |      |     |      |    |
 *	| +------+     +------+    |
 *	+--------------------------+
 */
#include "picture/scene.h"

#include <string.h>

enum { PAD = 10, GAP = 8, TITLE = 18, DETAIL = 15, SCREEN = 1150, MARGIN_CHAR = 7 };

#define CHAR_WIDTH 7.3	/* of the title's font, on the safe side */
#define DETAIL_WIDTH 6.2

/* Characters, not bytes: what continues a UTF-8 sequence has no width. */
static double width_of(const char *text, double each)
{
	double width = 0;

	for (; text && *text; text++)
		width += (*text & 0xc0) != 0x80 ? each : 0;
	return width;
}

static double larger(double a, double b)
{
	return a > b ? a : b;
}

static double gap_of(const struct box *box)
{
	return box->gap ? box->gap : GAP;
}

/* Units of the CPU graph are drawn in a grid: of equal widths. */
static bool is_unit(const struct box *box)
{
	return box->look >= LOOK_SOCKET && box->look <= LOOK_THREAD;
}

static void equalize(struct box *box)
{
	double width = 0;

	for (size_t i = 0; i < box->inside.count; i++)
		if (is_unit(box->inside.items[i]))
			width = larger(width, box->inside.items[i]->width);
	for (size_t i = 0; i < box->inside.count; i++)
		if (is_unit(box->inside.items[i]))
			box->inside.items[i]->width = width;
}

/* As many in a row as a screen holds, in rows of about the same length. */
static uint32_t choose_row(const struct box *box)
{
	size_t count = box->inside.count, most = 1, rows;
	double width = 0;

	if (box->arrangement == IN_A_COLUMN || !count)
		return 1;
	for (size_t i = 0; i < count; i++)
		width = larger(width, box->inside.items[i]->width + gap_of(box));
	if (width < SCREEN)
		most = (size_t)(SCREEN / width);
	if (box->arrangement == IN_ONE_ROW)
		most = count;
	rows = (count + most - 1) / most;
	return (uint32_t)((count + rows - 1) / rows);
}

static double header_height(const struct box *box)
{
	double height = PAD / 2.0;

	if (*box->title)
		height += TITLE;
	if (box->detail)
		height += DETAIL;
	return height;
}

static double margins_of(const struct box *box)
{
	double width = 0;

	for (size_t i = 0; i < box->inside.count; i++)
		width = larger(width, width_of(box->inside.items[i]->margin, MARGIN_CHAR));
	return width ? width + PAD : 0;
}

/* -------------------------------------------------------------------------------------------- sizes */

static void measure(struct box *box);

static void measure_inside(struct box *box, double *width, double *height)
{
	double row_width = 0, row_height = 0;
	size_t length;

	for (size_t i = 0; i < box->inside.count; i++)
		measure(box->inside.items[i]);
	equalize(box);
	length = box->row = choose_row(box);
	*width = *height = 0;
	for (size_t i = 0; i < box->inside.count; i++) {
		const struct box *child = box->inside.items[i];

		row_width += child->width + (i % length ? gap_of(box) : 0);
		row_height = larger(row_height, child->height);
		*width = larger(*width, row_width);
		if (i % length == length - 1 || i + 1 == box->inside.count) {
			*height += row_height + (*height > 0 ? gap_of(box) : 0);
			row_width = row_height = 0;
		}
	}
}

static void measure(struct box *box)
{
	double width, height;

	measure_inside(box, &width, &height);
	width += margins_of(box);
	width = larger(width, box->least_width * DETAIL_WIDTH);
	box->width = larger(width, larger(width_of(box->title, CHAR_WIDTH),
					  width_of(box->detail, DETAIL_WIDTH))) + 2 * PAD;
	box->height = header_height(box) + height + (height > 0 ? PAD : PAD / 2.0);
	box->height = larger(box->height, box->least_height);
}

/* ------------------------------------------------------------------------------------------- places */

static void place(struct box *box, double x, double y)
{
	size_t length = box->row;
	double left = x + PAD + margins_of(box), top = y + header_height(box);
	double at = left, row_height = 0;

	box->x = x;
	box->y = y;
	for (size_t i = 0; i < box->inside.count; i++) {
		struct box *child = box->inside.items[i];

		if (box->arrangement == IN_A_COLUMN)
			child->width = x + box->width - PAD - left;
		place(child, at, top);
		at += child->width + gap_of(box);
		row_height = larger(row_height, child->height);
		if (i % length == length - 1) {
			at = left;
			top += row_height + gap_of(box);
			row_height = 0;
		}
	}
}

/* ------------------------------------------------------------------------------------------ drawing */

static void put_escaped(FILE *stream, const char *text)
{
	for (; *text; text++) {
		if (*text == '&')
			fputs("&amp;", stream);
		else if (*text == '<')
			fputs("&lt;", stream);
		else if (*text == '>')
			fputs("&gt;", stream);
		else if ((unsigned char)*text >= ' ')
			fputc(*text, stream);
	}
}

static void draw_text(FILE *stream, double x, double y, const char *class, const char *text)
{
	fprintf(stream, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
	put_escaped(stream, text);
	fputs("</text>\n", stream);
}

static void draw_box(FILE *stream, const struct box *box)
{
	const struct look_colours *look = &looks[box->look];

	fprintf(stream,
		"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"4\" fill=\"%s\" "
		"stroke=\"%s\"%s/>\n",
		box->x, box->y, box->width, box->height, look->fill, look->stroke,
		box->look == LOOK_HOLE ? " stroke-dasharray=\"4 3\"" : "");
	for (size_t i = 0; i < box->inside.count; i++)
		draw_box(stream, box->inside.items[i]);
}

static void draw_texts(FILE *stream, const struct box *box, bool top)
{
	double y = box->y + PAD / 2.0;

	if (*box->title)
		draw_text(stream, box->x + PAD, y += TITLE - 4,
			  top || box->inside.count ? "t b" : "t", box->title);
	if (box->detail)
		draw_text(stream, box->x + PAD, y + DETAIL, "d", box->detail);
	if (box->margin)
		draw_text(stream, box->x - 6, box->y + box->height - 3, "m", box->margin);
	for (size_t i = 0; i < box->inside.count; i++)
		draw_texts(stream, box->inside.items[i], false);
}

/* From the right edge of one to the left edge of the other. */
static void draw_link(FILE *stream, const struct link *link)
{
	double x1 = link->from->x + link->from->width, y1 = link->from->y + link->from->height / 2;
	double x2 = link->to->x, y2 = link->to->y + link->to->height / 2, bend = (x2 - x1) / 2;

	fprintf(stream,
		"<path d=\"M%.1f %.1f C%.1f %.1f %.1f %.1f %.1f %.1f\" fill=\"none\" stroke=\"%s\" "
		"stroke-width=\"1.6\"/>\n<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n",
		x1, y1, x1 + bend, y1, x2 - bend, y2, x2, y2, looks[link->to->look].stroke, x2, y2,
		looks[link->to->look].stroke);
}

void write_svg(FILE *stream, struct scene *scene)
{
	measure(scene->root);
	place(scene->root, 1, 1);
	fprintf(stream,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
		"viewBox=\"0 0 %.0f %.0f\" font-family=\"DejaVu Sans, Verdana, sans-serif\">\n"
		"<style>.t{font-size:12px;fill:#1f2933}.b{font-weight:bold}.d{font-size:10px;"
		"fill:#52606d}.m{font-size:10px;fill:#3e4c59;text-anchor:end;"
		"font-family:DejaVu Sans Mono,monospace}</style>\n",
		scene->root->width + 2, scene->root->height + 2, scene->root->width + 2,
		scene->root->height + 2);
	draw_box(stream, scene->root);
	for (size_t i = 0; i < scene->links.count; i++)
		draw_link(stream, &scene->links.items[i]);
	draw_texts(stream, scene->root, true);
	fputs("</svg>\n", stream);
}
