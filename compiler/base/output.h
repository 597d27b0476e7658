/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output files that are whole or absent: written beside their final name, flushed to disk and
 * renamed into place by output_commit(). Until then nothing of the old file is lost, and on every
 * failure, out of memory included, the file beside is removed.
 */
#ifndef HVCC_BASE_OUTPUT_H
#define HVCC_BASE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

struct output;

/*
 * Starts an output. Returns NULL when the file beside cannot be made; errors are kept as text
 * for output_error(). A path that is a device or pipe (/dev/stdout) is written directly.
 */
struct output *output_begin(const char *path);

/* Appends bytes. An error is remembered and makes output_commit() fail. */
void output_write(struct output *output, const void *bytes, size_t size);

/* Flushes and renames; false when anything failed, and then no file is left. Frees output. */
bool output_commit(struct output *output);

/* Removes the unfinished file. Frees output. */
void output_discard(struct output *output);

/* All of the above in one: true when path now holds exactly these bytes. */
bool output_file(const char *path, const void *bytes, size_t size);

/* Why the last output failed ("No space left on device"); valid until the next one. */
const char *output_error(void);

/* Removes the unfinished files and nothing else: may be called by a signal handler. */
void output_unlink_all(void);

/* Removes whatever is unfinished: for the way out of a fatal error. */
void output_discard_all(void);

#endif
