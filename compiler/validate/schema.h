/* SPDX-License-Identifier: Apache-2.0 */
/*
 * validate/: the documents' schemas as const tables, and the walk that holds a tree against them.
 * schema/ (the folder of JSON files) is the one definition; schema_compile.c turns it into these
 * tables when hvcc is built, so no schema is parsed at start-up. Knows trees, not the model.
 */
#ifndef HVCC_VALIDATE_SCHEMA_H
#define HVCC_VALIDATE_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum schema_kind {
	SCHEMA_OBJECT,	 /* a map with known keys */
	SCHEMA_MAP,	 /* a map with keys of the user's: key_pattern, items */
	SCHEMA_LIST,	 /* items */
	SCHEMA_ANY,	 /* a map of whatever: held against nothing */
	SCHEMA_TEXT,
	SCHEMA_PATH,	 /* text that names a file */
	SCHEMA_POLICY,	 /* text in the policy language */
	SCHEMA_EXPRESSION, /* text in the language of rule/ */
	SCHEMA_WORD,	 /* one of words */
	SCHEMA_INTEGER,
	SCHEMA_SIZE,	 /* integer with a unit of bytes */
	SCHEMA_DURATION, /* integer with a unit of time; milliseconds */
	SCHEMA_TIME,	 /* the same for short times; microseconds */
	SCHEMA_BOOLEAN,
	SCHEMA_ONE_OF,	 /* alternatives, told apart by being scalar, list or map */
};

struct schema;

struct schema_key {
	const char *name;
	const struct schema *schema;
	bool required;
};

struct schema {
	enum schema_kind kind;
	const char *title, *description;
	const char *since; /* x-since */
	const char *needs; /* x-needs: what the core of this release lacks to honour it, or NULL */
	const char *fallback; /* the default as YAML, or NULL */
	const char *const *also; /* x-also: what other programs call the key; NULL-terminated, or NULL */
	const char *const *examples; /* as YAML, NULL-terminated, or NULL */
	const struct schema_key *keys;
	size_t key_count;
	const struct schema *items; /* of a list, or the values of a map */
	const struct schema *const *alternatives;
	size_t alternative_count;
	const char *const *words;
	size_t word_count;
	uint64_t minimum, maximum, multiple; /* of numbers; multiple 1: any */
	size_t least, most; /* items of a list, characters of a text */
	bool unique; /* no two equal items */
	bool hexadecimal; /* how numbers are shown */
	const char *pattern, *pattern_help; /* of a text, or of the keys of a map */
};

/* A document form. */
struct schema_document {
	const char *form; /* "hvcc/guest/v1" */
	const char *name; /* "guest" */
	const struct schema *schema;
};

extern const struct schema schema_guest, schema_system, schema_platform, schema_policy, schema_test;

/* The JSON texts as they were, for editors: by name ("guest", "system", "diagnostics"). */
struct schema_text {
	const char *name;
	const char *text;
};

extern const struct schema_text schema_texts[];
extern const size_t schema_text_count;

/* The known documents (guest, system). */
extern const struct schema_document schema_documents[];
extern const size_t schema_document_count;

/* The schema of one key of an object; NULL when it has no such key. */
const struct schema *schema_key_find(const struct schema *object, const char *name);

/* Whether a key has this name, here or elsewhere (x-also); case, `-` and `_` do not count. */
bool schema_key_called(const struct schema_key *key, const char *name);

/* The key of an object that other programs call so (x-also), or NULL; case, `-` and `_` do not count. */
const struct schema_key *schema_key_also(const struct schema *object, const char *name);

/*
 * The one place below root that has a key of this name, by either name, as a path such as
 * "memory.nvdimm", in buffer; false when there is none or more than one.
 */
bool schema_key_elsewhere(const struct schema *root, const char *name, char *buffer, size_t size);

/* The alternative of a one-of for this kind of node (enum node_kind); itself when no one-of. */
const struct schema *schema_alternative(const struct schema *schema, int node_kind);

/*
 * The schema at a path such as "vcpus.topology.cores", through lists and maps without naming
 * items; NULL when there is none.
 */
const struct schema *schema_at(const struct schema *root, const char *path);

/* How a person would call the type: "an integer", "a list", "one of `a`, `b`". In buffer. */
const char *schema_type_name(const struct schema *schema, char *buffer, size_t size);

/* A number as documents write it: 0x3f8, 512MiB, 10min, 4. In buffer. */
const char *schema_number(const struct schema *schema, uint64_t value, char *buffer, size_t size);

#endif
