/* SPDX-License-Identifier: Apache-2.0 */
/* Atomic output files: write beside, fsync, rename; remove on every failure. */
#include "base/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"

struct output {
	struct output *next;
	int fd;
	int error; /* errno of the first failure */
	bool direct; /* a device or pipe: nothing to rename */
	char *path, *beside;
};

static struct output *pending;
static int last_error;

const char *output_error(void)
{
	return strerror(last_error);
}

static void forget(struct output *output)
{
	for (struct output **link = &pending; *link; link = &(*link)->next) {
		if (*link != output)
			continue;
		*link = output->next;
		break;
	}
	free(output->path);
	free(output->beside);
	free(output);
}

/* What is no regular file, such as /dev/null, must not be replaced by one. */
static bool is_special(const char *path)
{
	struct stat status;

	return !stat(path, &status) && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

static int open_beside(struct output *output)
{
	mode_t mask;
	int fd;

	if (output->direct)
		return open(output->path, O_WRONLY | O_CLOEXEC);
	if (asprintf(&output->beside, "%s.XXXXXX", output->path) < 0) {
		output->beside = NULL;
		out_of_memory();
	}
	fd = mkostemp(output->beside, O_CLOEXEC);
	if (fd < 0)
		return fd;
	mask = umask(0);
	umask(mask);
	if (fchmod(fd, 0666 & ~mask))
		output->error = errno;
	return fd;
}

struct output *output_begin(const char *path)
{
	struct output *output = calloc(1, sizeof(*output));

	if (!output || !(output->path = strdup(path)))
		out_of_memory();
	output->direct = is_special(path);
	output->fd = open_beside(output);
	if (output->fd < 0) {
		last_error = errno;
		forget(output);
		return NULL;
	}
	output->next = pending;
	pending = output;
	return output;
}

void output_write(struct output *output, const void *bytes, size_t size)
{
	const uint8_t *next = bytes;

	while (size && !output->error) {
		ssize_t put = write(output->fd, next, size);

		if (put < 0 && errno != EINTR)
			output->error = errno;
		if (put > 0) {
			next += put;
			size -= (size_t)put;
		}
	}
}

/* An error of the disk may show only now. */
static void finish(struct output *output)
{
	if (!output->direct && !output->error && fsync(output->fd))
		output->error = errno;
	if (close(output->fd) && !output->error)
		output->error = errno;
	output->fd = -1;
	if (!output->direct && !output->error && rename(output->beside, output->path))
		output->error = errno;
}

bool output_commit(struct output *output)
{
	finish(output);
	if (output->error) {
		int error = output->error;

		output_discard(output);
		last_error = error;
		return false;
	}
	forget(output);
	return true;
}

void output_discard(struct output *output)
{
	if (output->fd >= 0)
		close(output->fd);
	if (output->beside)
		unlink(output->beside);
	forget(output);
}

bool output_file(const char *path, const void *bytes, size_t size)
{
	struct output *output = output_begin(path);

	if (!output)
		return false;
	output_write(output, bytes, size);
	return output_commit(output);
}

void output_unlink_all(void)
{
	for (const struct output *output = pending; output; output = output->next)
		if (output->beside)
			unlink(output->beside);
}

void output_discard_all(void)
{
	while (pending)
		output_discard(pending);
}
