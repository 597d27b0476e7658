/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A document out of its files: what it extends, includes and has parameters for becomes one located
 * tree, which the schema then is held against as if it had been written so.
 *
 *	guest.yaml                      templates/small.yaml
 *	  extends: [templates/small.yaml]  template: true
 *	  params: { kernel: vmlinuz }      params: { kernel: ~, size: 64MiB }
 *	  name: g0                         memory: { size: "${size}" }
 *	                                   boot: { kernel: "${kernel}" }
 *
 * Each value keeps the place where it was written (guest.yaml:2:19 for the kernel), and paths are
 * relative to that file.
 */
#ifndef HVCC_MODEL_COMPOSE_H
#define HVCC_MODEL_COMPOSE_H

#include "base/map.h"
#include "diag/diag.h"
#include "validate/schema.h"
#include "yaml/tree.h"

/* How files are come by: from the disk, or from a test. */
struct file_access {
	/* One name for each file, however it is reached; NULL: there is no such file. In the arena. */
	const char *(*identify)(void *context, struct arena *arena, const char *path);
	/* As read_file() of base/source.h. */
	const char *(*read)(void *context, struct arena *arena, const char *path, size_t limit,
			    struct bytes *bytes);
	void *context;
};

/* The files of the disk. */
extern const struct file_access disk_access;

/* Files deep, and bytes and tree nodes that one document may be made of. */
#define COMPOSE_DEPTH 16
#define COMPOSE_BYTES ((size_t)64 << 20)
#define COMPOSE_NODES 4000000

/* State that documents of one run share: a file that several of them extend is read once. */
struct composer {
	struct arena *arena;
	struct diags *diags;
	struct sources *sources;
	const struct file_access *access;
	const char *root; /* what is extended and included lies below (identified); NULL: beside the top document */
	const struct node *patch; /* laid over the top document, or NULL */
	struct map files; /* identity to struct part */
	const char *top_path, *top; /* the document that was named last, and its folder */
	size_t bytes, nodes;
};

struct composed {
	const struct node *root; /* NULL when there is no tree (reported) */
	const struct schema_document *form; /* NULL with it */
	bool sound; /* it is as its form says */
	bool usable; /* a model can be built from what is left of it, where that was reported */
	bool template; /* it says so: keys may be missing, parameters stand as they are */
	bool unreadable; /* the file itself could not be read */
};

/*
 * The document at path, validated. `named_at`: where a document names it; nowhere for the top document,
 * whose folder (or `root`) from then on holds what may be extended and included.
 */
struct composed compose(struct composer *composer, const char *path, struct position named_at);

#endif
