/* SPDX-License-Identifier: Apache-2.0 */
/* Places inside long texts. */
#include "model/model.h"

static size_t file_offset(const struct located_text *text, size_t offset)
{
	const struct text_segment *segment = &text->segments.items[0];

	for (size_t i = 1; i < text->segments.count; i++) {
		if (text->segments.items[i].text_offset > offset)
			break;
		segment = &text->segments.items[i];
	}
	return segment->file_offset + (offset - segment->text_offset);
}

struct position located_text_position(const struct located_text *text, size_t offset,
				      size_t length)
{
	size_t first, last;

	if (!text->segments.count)
		return text->where.at;
	first = file_offset(text, offset);
	last = length ? file_offset(text, offset + length - 1) + 1 : first;
	return source_position(text->sources, text->where.at.file, first,
			       last > first ? last - first : 0);
}
