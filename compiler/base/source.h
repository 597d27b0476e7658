/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Source files and places in them. A position is a range of bytes in one file; line and column
 * (in characters, from 1) of its start are computed once, when it is made. File 0 is "nowhere":
 * a default, or something that no file said.
 */
#ifndef HVCC_BASE_SOURCE_H
#define HVCC_BASE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vector.h"

struct position {
	uint32_t file;		/* index in sources, 0: nowhere */
	uint32_t line, column;	/* of the start, from 1; column counts characters */
	uint32_t offset, length; /* bytes */
};

/* How a file came to be read. */
enum opened {
	OPENED,		 /* named on the command line, or as a document of its own */
	OPENED_BASE,	 /* a document extends it */
	OPENED_INCLUDED, /* a part of another file */
	OPENED_TEXT,	 /* the same, as a text and not as YAML */
};

struct source {
	const char *path; /* as messages show it and as it can be opened */
	const char *name; /* relative to the folder of the first (top) file: the same everywhere */
	const char *text; /* size bytes and a terminator */
	size_t size;
	enum opened opened;
	struct position opened_at; /* where another file named it first */
	const char *bound; /* path_identity() of the folder that holds what it may include; NULL: its own */
	const char *bound_name; /* that folder in messages: "`/etc/fleet`", "the folder of `guest.yaml`" */
	uint32_t *line_starts; /* byte offsets */
	uint32_t line_count;
};

/* Something that was written at one place and used at another: the value of a parameter. */
struct stand_in {
	const char *name;
	struct position written, used;
	bool whole; /* all that is at `used`: the value counts as standing where it was written */
};

/* All files of one compilation; items[0] is the empty "nowhere". */
struct sources {
	struct arena *arena;
	VECTOR(struct source) files;
	VECTOR(struct stand_in) stand_ins;
};

/* Adds a file whose text stays valid (and terminated); returns its index, never 0. */
uint32_t source_add(struct sources *sources, const char *path, const char *text, size_t size);

const struct source *source_get(const struct sources *sources, uint32_t file);

/* The position of bytes [offset, offset + length) of a file, cut to the file's size. */
struct position source_position(const struct sources *sources, uint32_t file, size_t offset,
				size_t length);

/*
 * The same, counting on from a place in that file found before: for readers that go forward, since
 * counting from the start of a very long line each time takes time in its square.
 */
struct position source_position_from(const struct sources *sources, struct position known,
				     size_t offset, size_t length);

/* One line's text without its newline; lines count from 1. Empty beyond the end. */
const char *source_line(const struct source *source, uint32_t line, size_t *length);

static inline bool position_known(struct position position)
{
	return position.file != 0;
}

/* A file's bytes. */
struct bytes {
	const uint8_t *data;
	size_t size;
};

/*
 * Reads a whole regular file (or pipe) into the arena, with a zero byte after its end. Returns
 * NULL, or what went wrong as a sentence part ("No such file or directory", "is a directory",
 * "larger than ...").
 */
const char *read_file(struct arena *arena, const char *path, size_t limit, struct bytes *bytes);

/*
 * The same without reading what nobody looks at: a regular file is mapped, and stays so until the
 * program ends. No byte follows its end.
 */
const char *map_file(struct arena *arena, const char *path, uint64_t limit, struct bytes *bytes);

/*
 * A path as a file names it: relative to the folder of the naming file unless absolute.
 * The result lives in the arena.
 */
const char *path_relative_to(struct arena *arena, const char *naming_file, const char *path);

/* One name for each file, however it is reached: absolute, without links. NULL: there is no such file. */
const char *path_identity(struct arena *arena, const char *path);

/* Whether a path is that folder or lies below it; both are identities. */
bool path_lies_below(const char *folder, const char *path);

/* The folder of a path: "" where it names none. */
const char *path_folder(struct arena *arena, const char *path);

/* A path without the folder that it shares with the top (first) file. */
const char *path_below_top(const struct sources *sources, const char *path);

#endif
