/* SPDX-License-Identifier: Apache-2.0 */
/* What build, acpi and run share: from a file to the lowered form, and on to an image. */
#ifndef HVCC_CMD_COMPILE_H
#define HVCC_CMD_COMPILE_H

#include "cmd/command.h"
#include "emit/image.h"
#include "lower/pass.h"

/* Loads, checks and lowers. Returns false after errors were reported. */
bool compile(struct invocation *invocation, const char *path, struct lower_context *context);

/*
 * The core to pack: `given` (may be NULL), else hvcore.elf beside this program, else in lib/hvcc beside its
 * folder. Returns its bytes; empty after an environment error was printed. *path is where it was.
 */
struct bytes compile_core(struct invocation *invocation, const char *given, const char **path);

/* Whether no memory that `bind` gives away lies where the image is loaded; false after errors were reported. */
bool compile_fits(struct invocation *invocation, struct lower_context *context, struct bytes core,
		  const struct blob_image *blob);

/*
 * Writes a blob as an ELF image with the core (core.size != 0), or alone. Returns EXIT_OK, or
 * EXIT_ENVIRONMENT after a message; then no file was written.
 */
int compile_write(struct invocation *invocation, const char *path, struct bytes core,
		  const char *core_path, const struct blob_image *blob);

#endif
