/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives as tar makes them (POSIX 1003.1 "ustar"): for each file a block of 512 bytes with name,
 * size in octal digits, type and sum, then its bytes, filled up to the next block.
 */
#include "probe/tree.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
	BLOCK = 512,
	NAME = 0,
	MODE = 100,
	SIZE = 124,
	SUM = 148,
	TYPE = 156,
	LINK = 157,
	MAGIC = 257,
	PREFIX = 345,
};

/* ---------------------------------------------------------------------------------- reading */

static bool octal(const uint8_t *field, size_t width, uint64_t *value)
{
	size_t i = 0;

	for (*value = 0; i < width && field[i] == ' '; i++)
		;
	for (; i < width && field[i] >= '0' && field[i] <= '7'; i++)
		*value = *value << 3 | (uint64_t)(field[i] - '0');
	return i == width || !field[i] || field[i] == ' ';
}

static bool sum_holds(const uint8_t *block)
{
	uint64_t sum = 0, wanted;

	for (size_t i = 0; i < BLOCK; i++)
		sum += i >= SUM && i < SUM + 8 ? ' ' : block[i];
	return octal(block + SUM, 8, &wanted) && sum == wanted;
}

static const char *field_text(struct arena *arena, const uint8_t *field, size_t width)
{
	return arena_strndup(arena, (const char *)field, strnlen((const char *)field, width));
}

/* "./proc/x" and "/proc/x" are "proc/x". */
static const char *plain_path(const char *path)
{
	for (;;) {
		if (*path == '/')
			path++;
		else if (path[0] == '.' && path[1] == '/')
			path += 2;
		else
			return path;
	}
}

static const char *entry_path(struct arena *arena, const uint8_t *block)
{
	const char *name = field_text(arena, block + NAME, 100);

	if (memcmp(block + MAGIC, "ustar\0", 6) || !block[PREFIX])
		return name;
	return arena_printf(arena, "%s/%s", field_text(arena, block + PREFIX, 155), name);
}

/* Long names of GNU's tar stand in entries of their own, before the one they are for. */
struct long_names {
	const char *path, *link;
};

static void add_entry(struct tree *tree, const uint8_t *block, struct bytes data, struct long_names *given)
{
	char type = (char)block[TYPE];
	const char *path = given->path ? given->path : entry_path(tree->arena, block);
	struct tree_entry entry = { .data = data };

	if (type == 'L' || type == 'K') {
		*(type == 'L' ? &given->path : &given->link) =
			arena_strndup(tree->arena, (const char *)data.data,
				      strnlen((const char *)data.data, data.size < PATH_MAX ? data.size : PATH_MAX));
		return;
	}
	entry.path = plain_path(path);
	if (type == '2')
		entry.link = given->link ? given->link : field_text(tree->arena, block + LINK, 100);
	*given = (struct long_names){ 0 };
	if ((type == '0' || !type || type == '2') && *entry.path && strlen(entry.path) < PATH_MAX)
		vector_push(tree->arena, &tree->entries, entry);
}

static int by_path(const void *left, const void *right)
{
	const struct tree_entry *a = left, *b = right;
	int order = strcmp(a->path, b->path);

	return order ? order : (a->data.data > b->data.data) - (a->data.data < b->data.data);
}

static const char *read_blocks(struct tree *tree, struct bytes archive)
{
	struct long_names given = { 0 };
	size_t at = 0;

	while (archive.size - at >= BLOCK && archive.data[at]) {
		const uint8_t *block = archive.data + at;
		uint64_t size;

		if (!sum_holds(block) || !octal(block + SIZE, 12, &size))
			return at ? "is damaged" : "is no tar archive";
		at += BLOCK;
		if (size > archive.size - at)
			return "ends in the middle of a file";
		if (tree->entries.count == TREE_ENTRIES)
			return "has too many files";
		add_entry(tree, block, (struct bytes){ archive.data + at, size }, &given);
		size = (size + BLOCK - 1) / BLOCK * BLOCK;
		at += size < archive.size - at ? size : archive.size - at;
	}
	if (!at)
		return "is no tar archive";
	if (tree->entries.count)
		qsort(tree->entries.items, tree->entries.count, sizeof(*tree->entries.items), by_path);
	return NULL;
}

static const char *expand(struct arena *arena, struct bytes *archive)
{
	z_stream stream = { .next_in = (Bytef *)archive->data, .avail_in = (uInt)archive->size };
	size_t room = (size_t)1 << 20;
	uint8_t *data = NULL;
	int result = Z_OK;

	if (inflateInit2(&stream, 15 + 16) != Z_OK)
		out_of_memory();
	/* Twice the room each time, and what was there again: most archives fit the first. */
	for (; room <= TREE_SIZE; room *= 2) {
		data = arena_alloc(arena, room);
		inflateReset(&stream);
		stream.next_in = (Bytef *)archive->data;
		stream.avail_in = (uInt)archive->size;
		stream.next_out = data;
		stream.avail_out = (uInt)room;
		result = inflate(&stream, Z_FINISH);
		if (result != Z_BUF_ERROR && result != Z_OK)
			break;
		if (stream.avail_out)
			break;
	}
	*archive = (struct bytes){ data, stream.total_out };
	inflateEnd(&stream);
	return result == Z_STREAM_END ? NULL : room > TREE_SIZE ? "is too large" : "is damaged";
}

const char *tar_read(struct tree *tree, struct bytes archive)
{
	const char *why = NULL;

	if (archive.size > TREE_SIZE)
		return "is too large";
	if (archive.size > 2 && archive.data[0] == 0x1f && archive.data[1] == 0x8b)
		why = expand(tree->arena, &archive);
	return why ? why : read_blocks(tree, archive);
}

/* ---------------------------------------------------------------------------------- writing */

static void put_octal(uint8_t *field, size_t width, uint64_t value)
{
	char digits[32];

	snprintf(digits, sizeof(digits), "%0*llo", (int)width - 1, (unsigned long long)value);
	memcpy(field, digits, width - 1);
}

/* A path of more than 100 characters is cut at a slash. */
static bool put_path(uint8_t *block, const char *path)
{
	size_t length = strlen(path);
	const char *cut = length > 100 ? strchr(path + length - 101, '/') : NULL;

	if (length <= 100) {
		memcpy(block + NAME, path, length);
		return true;
	}
	if (!cut || cut - path > 155)
		return false;
	memcpy(block + PREFIX, path, (size_t)(cut - path));
	memcpy(block + NAME, cut + 1, length - (size_t)(cut - path) - 1);
	return true;
}

static void put_entry(struct buffer *archive, const struct tree_entry *entry)
{
	uint8_t block[BLOCK] = { 0 };
	uint64_t sum = 0;

	if (!put_path(block, entry->path) || (entry->link && strlen(entry->link) > 100))
		return;
	put_octal(block + MODE, 8, 0644);
	put_octal(block + 108, 8, 0);
	put_octal(block + 116, 8, 0);
	put_octal(block + SIZE, 12, entry->data.size);
	put_octal(block + 136, 12, 0);
	block[TYPE] = entry->link ? '2' : '0';
	if (entry->link)
		memcpy(block + LINK, entry->link, strlen(entry->link));
	memcpy(block + MAGIC, "ustar\0" "00", 8);
	memset(block + SUM, ' ', 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += block[i];
	put_octal(block + SUM, 7, sum);
	buffer_bytes(archive, block, BLOCK);
	buffer_bytes(archive, entry->data.data, entry->data.size);
	buffer_align(archive, BLOCK);
}

void tar_write(const struct tree *tree, struct buffer *archive)
{
	size_t count = tree->kept.count;
	struct tree_entry *sorted = arena_array(tree->arena, count, sizeof(*sorted));

	for (size_t i = 0; i < count; i++)
		sorted[i] = tree->kept.items[i];
	if (count)
		qsort(sorted, count, sizeof(*sorted), by_path);
	for (size_t i = 0; i < count; i++)
		if (!i || strcmp(sorted[i].path, sorted[i - 1].path))
			put_entry(archive, &sorted[i]);
	buffer_zeros(archive, (size_t)2 * BLOCK);
}

void tar_compress(struct buffer *archive)
{
	z_stream stream = { .next_in = archive->data, .avail_in = (uInt)archive->size };
	struct buffer packed = { 0 };
	size_t room;

	if (deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
		out_of_memory();
	room = deflateBound(&stream, (uLong)archive->size);
	buffer_zeros(&packed, room);
	stream.next_out = packed.data;
	stream.avail_out = (uInt)room;
	if (deflate(&stream, Z_FINISH) != Z_STREAM_END)
		abort();
	packed.size = stream.total_out;
	deflateEnd(&stream);
	buffer_free(archive);
	*archive = packed;
}
