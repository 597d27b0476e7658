/* SPDX-License-Identifier: Apache-2.0 */
/* Source files, their line tables, and reading whole files. */
#include "base/source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void index_lines(struct arena *arena, struct source *source)
{
	VECTOR(uint32_t) starts = {0};

	vector_push(arena, &starts, 0);
	for (size_t i = 0; i < source->size; i++)
		if (source->text[i] == '\n')
			vector_push(arena, &starts, (uint32_t)i + 1);
	source->line_starts = starts.items;
	source->line_count = (uint32_t)starts.count;
}

const char *path_below_top(const struct sources *sources, const char *path)
{
	const char *top = sources->files.count > 1 ? sources->files.items[1].path : path;
	const char *slash = strrchr(top, '/');
	size_t length = slash ? (size_t)(slash - top) + 1 : 0;

	return strncmp(path, top, length) ? path : path + length;
}

const char *path_identity(struct arena *arena, const char *path)
{
	char real[PATH_MAX];

	return realpath(path, real) ? arena_strdup(arena, real) : NULL;
}

const char *path_folder(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? arena_strndup(arena, path, (size_t)(slash - path)) : "";
}

bool path_lies_below(const char *folder, const char *path)
{
	size_t length = strlen(folder);

	while (length && folder[length - 1] == '/')
		length--;
	return !strncmp(folder, path, length) && (!length || path[length] == '/');
}

uint32_t source_add(struct sources *sources, const char *path, const char *text, size_t size)
{
	struct source source = { .path = path, .text = text, .size = size };

	if (!sources->files.count)
		vector_push(sources->arena, &sources->files, ((struct source){ "", "", "" }));
	source.name = path_below_top(sources, path);
	index_lines(sources->arena, &source);
	vector_push(sources->arena, &sources->files, source);
	return (uint32_t)sources->files.count - 1;
}

const struct source *source_get(const struct sources *sources, uint32_t file)
{
	return &sources->files.items[file];
}

/* The index of the last line that starts at or before offset. */
static uint32_t line_of(const struct source *source, size_t offset)
{
	uint32_t low = 0, high = source->line_count;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (source->line_starts[middle] <= offset)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* Characters, not bytes: continuation bytes of UTF-8 do not count. */
static uint32_t count_characters(const char *text, size_t size)
{
	uint32_t count = 0;

	for (size_t i = 0; i < size; i++)
		count += ((uint8_t)text[i] & 0xc0) != 0x80;
	return count;
}

struct position source_position_from(const struct sources *sources, struct position known,
				     size_t offset, size_t length)
{
	const struct source *source = source_get(sources, known.file);
	uint32_t line;

	if (offset > source->size)
		offset = source->size;
	if (length > source->size - offset)
		length = source->size - offset;
	line = line_of(source, offset) + 1;
	if (line != known.line || offset < known.offset) {
		known.line = line;
		known.offset = source->line_starts[line - 1];
		known.column = 1;
	}
	known.column += count_characters(source->text + known.offset, offset - known.offset);
	known.offset = (uint32_t)offset;
	known.length = (uint32_t)length;
	return known;
}

struct position source_position(const struct sources *sources, uint32_t file, size_t offset,
				size_t length)
{
	return source_position_from(sources, (struct position){ .file = file }, offset, length);
}

const char *source_line(const struct source *source, uint32_t line, size_t *length)
{
	const char *text;
	size_t end;

	*length = 0;
	if (!line || line > source->line_count)
		return "";
	text = source->text + source->line_starts[line - 1];
	end = line < source->line_count ? source->line_starts[line] - 1u : source->size;
	*length = end - source->line_starts[line - 1];
	if (*length && text[*length - 1] == '\r')
		--*length;
	return text;
}

static const char *read_all(struct arena *arena, int fd, size_t expected, size_t limit,
			    struct bytes *bytes)
{
	size_t capacity = expected + 1, size = 0;
	uint8_t *data = arena_alloc(arena, capacity + 1);

	for (;;) {
		ssize_t got = read(fd, data + size, capacity - size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return strerror(errno);
		if (!got)
			break;
		size += (size_t)got;
		if (size > limit)
			return arena_printf(arena, "larger than %zu bytes", limit);
		if (size == capacity) {
			uint8_t *larger = arena_alloc(arena, capacity * 2 + 1);

			memcpy(larger, data, size);
			data = larger;
			capacity *= 2;
		}
	}
	data[size] = 0;
	*bytes = (struct bytes){ .data = data, .size = size };
	return NULL;
}

static const char *read_descriptor(struct arena *arena, int fd, size_t limit, struct bytes *bytes)
{
	struct stat status;

	if (fstat(fd, &status))
		return strerror(errno);
	if (S_ISDIR(status.st_mode))
		return "is a directory";
	if (!S_ISREG(status.st_mode))
		return read_all(arena, fd, 4096, limit, bytes);
	if ((uint64_t)status.st_size > limit)
		return arena_printf(arena, "larger than %zu bytes", limit);
	return read_all(arena, fd, (size_t)status.st_size, limit, bytes);
}

static const char *map_descriptor(struct arena *arena, int fd, uint64_t limit, struct bytes *bytes)
{
	struct stat status;
	void *data;

	if (fstat(fd, &status))
		return strerror(errno);
	if (!S_ISREG(status.st_mode) || !status.st_size || (uint64_t)status.st_size > limit)
		return read_descriptor(arena, fd, limit, bytes);
	data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return strerror(errno);
	*bytes = (struct bytes){ .data = data, .size = (size_t)status.st_size };
	return NULL;
}

const char *map_file(struct arena *arena, const char *path, uint64_t limit, struct bytes *bytes)
{
	const char *error;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	*bytes = (struct bytes){0};
	if (fd < 0)
		return arena_strdup(arena, strerror(errno));
	error = map_descriptor(arena, fd, limit, bytes);
	close(fd);
	return error ? arena_strdup(arena, error) : NULL;
}

const char *read_file(struct arena *arena, const char *path, size_t limit, struct bytes *bytes)
{
	const char *error;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	*bytes = (struct bytes){0};
	if (fd < 0)
		return arena_strdup(arena, strerror(errno));
	error = read_descriptor(arena, fd, limit, bytes);
	close(fd);
	return error ? arena_strdup(arena, error) : NULL;
}

const char *path_relative_to(struct arena *arena, const char *naming_file, const char *path)
{
	const char *slash = strrchr(naming_file, '/');

	if (path[0] == '/' || !slash)
		return arena_strdup(arena, path);
	return arena_printf(arena, "%.*s/%s", (int)(slash - naming_file), naming_file, path);
}
