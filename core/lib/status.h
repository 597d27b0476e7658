/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one error idiom of the core: a function that can fail is declared MUST_USE and returns enum
 * status; STATUS_OK is 0. An error is born in trace_error(), which tells the log where, and is then
 * passed on unchanged.
 */
#ifndef CORE_LIB_STATUS_H
#define CORE_LIB_STATUS_H

#include "lib/types.h"

/* name, text */
#define STATUS_TABLE(X)                                                                            \
	X(OK, "ok")                                                                                \
	X(INVALID, "invalid value")                                                                \
	X(RANGE, "out of range")                                                                   \
	X(CORRUPT, "damaged data")                                                                 \
	X(NO_MEMORY, "out of memory")                                                              \
	X(NOT_FOUND, "not found")                                                                  \
	X(EXISTS, "exists already")                                                                \
	X(BUSY, "busy")                                                                            \
	X(DENIED, "not allowed")                                                                   \
	X(UNSUPPORTED, "not supported")                                                            \
	X(FAULT, "fault")                                                                          \
	X(TIMEOUT, "timed out")                                                                    \
	X(MISMATCH, "this machine does not fit")

enum status {
#define X(name, text) STATUS_##name,
	STATUS_TABLE(X)
#undef X
	STATUS_COUNT
};

/* The text of a status; never NULL. */
const char *status_name(enum status s);

/* Told of each error at its birth, if set (the console sets it). */
extern void (*status_trace_hook)(enum status s, const char *file, int line);

enum status trace_error_at(enum status s, const char *file, int line);

/* The place where an error is born: `return trace_error(STATUS_RANGE);` */
#define trace_error(s) trace_error_at((s), __FILE__, __LINE__)

#endif
