/* SPDX-License-Identifier: Apache-2.0 */
/* Places inside long texts; what the parts of a model say together. */
#include "model/model.h"

/* Of the byte at offset; *width: how many bytes of the file it stands for. */
static size_t file_offset(const struct located_text *text, size_t offset, size_t *width)
{
	const struct text_segment *segment = &text->segments.items[0];

	for (size_t i = 1; i < text->segments.count; i++) {
		if (text->segments.items[i].text_offset > offset)
			break;
		segment = &text->segments.items[i];
	}
	*width = segment->width ? segment->width : 1;
	return segment->file_offset + (segment->width ? 0 : offset - segment->text_offset);
}

struct position located_text_position(const struct located_text *text, size_t offset,
				      size_t length)
{
	size_t first, last, width;

	if (!text->segments.count)
		return text->where.at;
	first = last = file_offset(text, offset, &width);
	if (length)
		last = file_offset(text, offset + length - 1, &width) + width;
	return source_position(text->sources, text->where.at.file, first,
			       last > first ? last - first : 0);
}

const struct numa_node *memory_node(const struct memory *memory, uint32_t node)
{
	for (size_t i = 0; i < memory->numa.count; i++)
		if (memory->numa.items[i].node.value == node)
			return &memory->numa.items[i];
	return NULL;
}

static uint32_t given_distance(const struct memory *memory, uint32_t from, uint32_t to)
{
	const struct numa_node *node = memory_node(memory, from);

	for (size_t i = 0; node && i < node->distances.count; i++)
		if (node->distances.items[i].node == to)
			return node->distances.items[i].value;
	return 0;
}

uint32_t memory_distance(const struct memory *memory, uint32_t from, uint32_t to)
{
	uint32_t distance = given_distance(memory, from, to);

	if (!distance)
		distance = given_distance(memory, to, from);
	if (!distance)
		distance = from == to ? DISTANCE_LOCAL : DISTANCE_REMOTE;
	return distance;
}
