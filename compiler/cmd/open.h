/* SPDX-License-Identifier: Apache-2.0 */
/* What audit, decompile, diff, graph and inspect share: opening an image, or making one from YAML. */
#ifndef HVCC_CMD_OPEN_H
#define HVCC_CMD_OPEN_H

#include "audit/image.h"
#include "cmd/command.h"

/* Says why a file is no image, and what it may be instead. Returns the exit code. */
int image_refused(const struct invocation *invocation, const char *path, struct bytes file, const char *why);

/* Opens an image or blob. Returns EXIT_OK, or another exit code after a message. */
int open_image_file(struct invocation *invocation, const char *path, struct image *image);

/* The same, but a file that is no image is compiled as YAML: its blob is then opened. */
int open_any(struct invocation *invocation, const char *path, struct image *image);

/* Compiles a YAML file and opens the blob of it. */
int open_compiled(struct invocation *invocation, const char *path, struct image *image);

#endif
