/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of a Linux machine, wherever they are: below a folder (/ for the machine itself) or in a
 * tar archive. Everything is bounded, nothing is followed out of the tree, and what was read can be
 * kept: an archive of that gives the same facts again on any other machine.
 *
 * Paths are without a leading slash: "proc/cpuinfo".
 */
#ifndef HVCC_PROBE_TREE_H
#define HVCC_PROBE_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/source.h"
#include "base/vector.h"

/* No file of a machine that is of use here is larger; of a larger one this much is read. */
#define TREE_FILE ((size_t)4 << 20)
/* Larger archives, unpacked, are refused; no more is read of a folder. */
#define TREE_SIZE ((size_t)64 << 20)
/* Entries of a folder, and of an archive. */
#define TREE_ENTRIES ((size_t)65536)

struct tree_entry {
	const char *path;
	const char *link; /* where a symbolic link leads; NULL: a file */
	struct bytes data;
};

struct tree {
	struct arena *arena;
	int folder; /* its descriptor; -1: an archive */
	bool live;  /* the root of this machine */
	bool keeps; /* what is read is put into `kept` */
	size_t left; /* bytes that may still be read */
	VECTOR(struct tree_entry) entries; /* of the archive, sorted by path */
	VECTOR(struct tree_entry) kept;
};

/* Both return NULL, or what went wrong as a sentence part. */
const char *tree_open_folder(struct tree *tree, struct arena *arena, const char *path);
const char *tree_open_tar(struct tree *tree, struct arena *arena, struct bytes archive);
void tree_close(struct tree *tree);

/* At most `most` bytes of a regular file, with a zero behind them; false when there is none. */
bool tree_read(struct tree *tree, const char *path, size_t most, struct bytes *bytes);

/* A file's first line as text; NULL when there is none or it is not printable. */
const char *tree_line(struct tree *tree, const char *path);

/* As a number with its base's prefix, such as sysfs has them; false when it is none. */
bool tree_number(struct tree *tree, const char *path, uint64_t *value);

/* The last component of where a symbolic link leads; NULL when it is none. */
const char *tree_link(struct tree *tree, const char *path);

/* Names in a folder in the order of their bytes. Returns how many. */
size_t tree_list(struct tree *tree, const char *path, const char ***names);

/* Puts a file of our own making into what is kept. */
void tree_keep(struct tree *tree, const char *path, struct bytes bytes);

/* ----------------------------------------------------------------------------------- tar.c */

/* Reads an archive (ustar with GNU's long names), gzipped or not, into entries, sorted. */
const char *tar_read(struct tree *tree, struct bytes archive);

/* Appends what was kept as a ustar archive: the same content gives the same bytes. */
void tar_write(const struct tree *tree, struct buffer *archive);

/* As gzip does it, without name and time. */
void tar_compress(struct buffer *archive);

#endif
