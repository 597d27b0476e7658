/* SPDX-License-Identifier: Apache-2.0 */
/* Reading files, lists and links from a folder or from the entries of an archive. */
#include "probe/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOST_LINKS 16

/* ---------------------------------------------------------------------------------- folders */

/* A link that leads out of the tree leads nowhere: a captured tree says nothing of this machine. */
static int open_below(const struct tree *tree, const char *path, int flags)
{
	struct open_how how = { .resolve = RESOLVE_IN_ROOT };

	flags |= O_CLOEXEC | (flags & O_PATH ? 0 : O_NONBLOCK);
	how.flags = (uint64_t)flags;
	if (tree->live)
		return openat(tree->folder, path, flags);
	return (int)syscall(SYS_openat2, tree->folder, path, &how, sizeof(how));
}

const char *tree_open_folder(struct tree *tree, struct arena *arena, const char *path)
{
	*tree = (struct tree){ .arena = arena, .left = TREE_SIZE };
	tree->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	tree->live = !strcmp(path, "/");
	return tree->folder < 0 ? strerror(errno) : NULL;
}

const char *tree_open_tar(struct tree *tree, struct arena *arena, struct bytes archive)
{
	*tree = (struct tree){ .arena = arena, .folder = -1, .left = TREE_SIZE };
	return tar_read(tree, archive);
}

void tree_close(struct tree *tree)
{
	if (tree->folder >= 0)
		close(tree->folder);
	tree->folder = -1;
}

static bool read_open(struct tree *tree, int file, size_t most, struct bytes *bytes)
{
	struct stat status;
	uint8_t *data;
	size_t size = 0, room;
	ssize_t got;

	if (fstat(file, &status) || !S_ISREG(status.st_mode))
		return false;
	/* Sizes in sysfs and procfs say nothing. */
	room = status.st_size > 4096 ? (size_t)status.st_size : most <= 4096 ? most : 65536;
	room = room < most ? room : most;
	room = room < tree->left ? room : tree->left;
	data = arena_alloc(tree->arena, room + 1);
	while (size < room && (got = read(file, data + size, room - size)) > 0)
		size += (size_t)got;
	data[size] = 0;
	*bytes = (struct bytes){ data, size };
	tree->left -= size;
	return size != 0;
}

static bool read_below(struct tree *tree, const char *path, size_t most, struct bytes *bytes)
{
	int file = open_below(tree, path, O_RDONLY);
	bool good = file >= 0 && read_open(tree, file, most, bytes);

	if (file >= 0)
		close(file);
	return good;
}

static const char *link_below(struct tree *tree, const char *path)
{
	int file = open_below(tree, path, O_PATH | O_NOFOLLOW);
	char target[PATH_MAX];
	ssize_t length = file >= 0 ? readlinkat(file, "", target, sizeof(target)) : -1;

	if (file >= 0)
		close(file);
	return length > 0 ? arena_strndup(tree->arena, target, (size_t)length) : NULL;
}

static int by_name(const void *left, const void *right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static size_t list_below(struct tree *tree, const char *path, const char ***names)
{
	VECTOR(const char *) list = { 0 };
	int folder = open_below(tree, path, O_RDONLY | O_DIRECTORY);
	DIR *stream = folder >= 0 ? fdopendir(folder) : NULL;
	const struct dirent *entry;

	while (stream && list.count < TREE_ENTRIES && (entry = readdir(stream)))
		if (entry->d_name[0] != '.')
			vector_push(tree->arena, &list, arena_strdup(tree->arena, entry->d_name));
	if (stream)
		closedir(stream);
	else if (folder >= 0)
		close(folder);
	if (list.count)
		qsort(list.items, list.count, sizeof(*list.items), by_name);
	*names = list.items;
	return list.count;
}

/* --------------------------------------------------------------------------------- archives */

/* Index of the first entry whose path is not before `path`. */
static size_t lower_bound(const struct tree *tree, const char *path)
{
	size_t low = 0, high = tree->entries.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(tree->entries.items[middle].path, path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct tree_entry *find(const struct tree *tree, const char *path)
{
	size_t at = lower_bound(tree, path);

	if (at < tree->entries.count && !strcmp(tree->entries.items[at].path, path))
		return &tree->entries.items[at];
	return NULL;
}

/* One step down from `done`, or up; components are at most as long as the rest. */
static void step(char *done, const char *component, size_t length)
{
	size_t used = strlen(done);
	char *slash = strrchr(done, '/');

	if (!length || (length == 1 && *component == '.'))
		return;
	if (length == 2 && !strncmp(component, "..", 2)) {
		*(slash ? slash : done) = 0;
		return;
	}
	if (used + length + 2 > PATH_MAX)
		return;
	if (used)
		done[used++] = '/';
	memcpy(done + used, component, length);
	done[used + length] = 0;
}

/* The path with the links of its folders followed, and of its end if `last`. */
static const char *resolve(struct tree *tree, const char *path, bool last)
{
	char *done = arena_alloc(tree->arena, PATH_MAX);
	const struct tree_entry *entry;
	int links = 0;

	while (*path) {
		size_t length = strcspn(path, "/"), before = strlen(done);
		const char *rest = path + length + (path[length] == '/');

		step(done, path, length);
		entry = *rest || last ? find(tree, done) : NULL;
		path = rest;
		if (!entry || !entry->link)
			continue;
		if (++links > MOST_LINKS || strlen(entry->link) + strlen(rest) > PATH_MAX)
			break;
		done[entry->link[0] == '/' ? 0 : before] = 0;
		path = arena_printf(tree->arena, "%s/%s", entry->link, rest);
	}
	return done;
}

static bool read_entry(struct tree *tree, const char *path, size_t most, struct bytes *bytes)
{
	const struct tree_entry *entry = find(tree, resolve(tree, path, true));
	uint8_t *copy;

	if (!entry || entry->link || !entry->data.size)
		return false;
	bytes->size = entry->data.size < most ? entry->data.size : most;
	copy = arena_alloc(tree->arena, bytes->size + 1);
	memcpy(copy, entry->data.data, bytes->size);
	bytes->data = copy;
	return true;
}

/* Sorts; `a` and `a-b` are not neighbours where paths begin with `a/` and `a-b/`. */
static size_t unique(const char **names, size_t count)
{
	size_t kept = 0;

	if (count)
		qsort(names, count, sizeof(*names), by_name);
	for (size_t i = 0; i < count; i++)
		if (!kept || strcmp(names[kept - 1], names[i]))
			names[kept++] = names[i];
	return kept;
}

static size_t list_entries(struct tree *tree, const char *path, const char ***names)
{
	const char *folder = arena_printf(tree->arena, "%s/", resolve(tree, path, true));
	VECTOR(const char *) list = { 0 };
	size_t length = strlen(folder);

	for (size_t i = lower_bound(tree, folder); i < tree->entries.count; i++) {
		const char *name = tree->entries.items[i].path, *last;
		size_t size;

		if (strncmp(name, folder, length))
			break;
		name += length;
		size = strcspn(name, "/");
		last = list.count ? list.items[list.count - 1] : "";
		if (size && (strncmp(last, name, size) || last[size]))
			vector_push(tree->arena, &list, arena_strndup(tree->arena, name, size));
	}
	*names = list.items;
	return unique(list.items, list.count);
}

/* ------------------------------------------------------------------------------------- both */

void tree_keep(struct tree *tree, const char *path, struct bytes bytes)
{
	if (tree->keeps)
		vector_push(tree->arena, &tree->kept,
			    ((struct tree_entry){ arena_strdup(tree->arena, path), NULL, bytes }));
}

bool tree_read(struct tree *tree, const char *path, size_t most, struct bytes *bytes)
{
	bool good = tree->folder >= 0 ? read_below(tree, path, most, bytes)
				      : read_entry(tree, path, most, bytes);

	if (good)
		tree_keep(tree, path, *bytes);
	return good;
}

const char *tree_line(struct tree *tree, const char *path)
{
	struct bytes bytes;
	size_t length;
	char *line;

	if (!tree_read(tree, path, 4096, &bytes))
		return NULL;
	length = strcspn((const char *)bytes.data, "\n");
	while (length && bytes.data[length - 1] == ' ')
		length--;
	line = arena_strndup(tree->arena, (const char *)bytes.data, length);
	for (size_t i = 0; i < length; i++)
		if (line[i] < ' ' || line[i] > '~')
			line[i] = '?';
	return *line ? line : NULL;
}

bool tree_number(struct tree *tree, const char *path, uint64_t *value)
{
	const char *line = tree_line(tree, path);
	char *end;

	if (!line || *line < '0' || *line > '9')
		return false;
	errno = 0;
	*value = strtoull(line, &end, line[1] == 'x' || line[1] == 'X' ? 16 : 10);
	return !errno && !*end;
}

const char *tree_link(struct tree *tree, const char *path)
{
	const struct tree_entry *entry;
	const char *target = NULL, *slash;

	if (tree->folder >= 0) {
		target = link_below(tree, path);
	} else {
		entry = find(tree, resolve(tree, path, false));
		target = entry ? entry->link : NULL;
	}
	if (!target)
		return NULL;
	slash = strrchr(target, '/');
	target = slash ? slash + 1 : target;
	if (tree->keeps)
		vector_push(tree->arena, &tree->kept,
			    ((struct tree_entry){ arena_strdup(tree->arena, path), target, { 0 } }));
	return target;
}

size_t tree_list(struct tree *tree, const char *path, const char ***names)
{
	return tree->folder >= 0 ? list_below(tree, path, names) : list_entries(tree, path, names);
}
