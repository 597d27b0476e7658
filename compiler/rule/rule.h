/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rule/: the one expression language, for `assert:` in documents, site rules (--policy), the
 * conditions of CPU policies and the values that tests expect:
 *
 *	text --rule_parse()--> tree, names found in the schema, types checked --rule_test()--> truth
 *
 * Paths are those of a document form (`memory.size`, `devices.serial[0].io`) and are held against its
 * schema when the rule is read, so that a misspelt one is an error with its place whatever the values
 * are. A rule is read once and may be tested on any number of documents of that form: on the effective
 * configuration (model/effective.h), whose values know where they were set.
 *
 * Three truths: what depends on the machine that the guest will meet is neither true nor false.
 * Bounded: RULE_TEXT bytes, RULE_DEPTH levels, RULE_STEPS evaluated parts. May not know YAML, nor CPU
 * policies: `cpu.has('avx2')` is asked through the world. schema/expressions.md has the grammar.
 */
#ifndef HVCC_RULE_RULE_H
#define HVCC_RULE_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "diag/diag.h"
#include "model/effective.h"
#include "model/model.h"
#include "validate/schema.h"

#define RULE_TEXT  4096u
#define RULE_DEPTH 128u
#define RULE_STEPS 2000000u

enum rule_truth { RULE_FALSE, RULE_TRUE, RULE_UNKNOWN, RULE_FAULTY };

enum rule_kind {
	RULE_NULL, /* nobody gave a value, and there is no default */
	RULE_BOOLEAN,
	RULE_NUMBER,
	RULE_SIZE,     /* bytes */
	RULE_DURATION, /* milliseconds */
	RULE_STRING,
	RULE_LIST,
	RULE_MAP,
	RULE_FEATURES, /* a set of CPU features: what `.has('avx2')` may follow */
	RULE_ANY,      /* of parsing only: whatever type */
	RULE_KINDS
};

struct rule_value {
	enum rule_kind kind;
	enum rule_truth truth; /* BOOLEAN */
	int64_t number;	       /* NUMBER, SIZE, DURATION */
	const char *text;      /* STRING */
	const struct rule_value *items; /* LIST that is no part of a document; else see node */
	enum rule_kind item; /* LIST with neither, `4..7`: of this kind, from number on */
	size_t count;
	const struct effective *node; /* the part of the document that it is, or NULL */
	const struct schema *schema;  /* how documents write it, or NULL */
	const char *why;	      /* of RULE_UNKNOWN: a sentence part, or NULL */
};

/* A name beside the keys of the form, such as `vendor` in a CPU policy. */
struct rule_variable {
	const char *name;
	enum rule_kind kind;
	const char *const *words; /* STRING: all that it can be, or NULL */
	size_t word_count;
	struct rule_value value; /* when a rule is tested; truth RULE_UNKNOWN and kind BOOLEAN: not known */
};

/* What a rule speaks about. rule_parse() looks at form, the variables' names and types, and closest. */
struct rule_world {
	const struct schema *form;    /* an object: its keys are names; NULL: variables only */
	const struct effective *root; /* the document */
	const struct rule_variable *variables;
	size_t variable_count;
	/*
	 * Whether the CPU of that part (the `cpu` of a guest; NULL: of variable `name`) has a feature:
	 * RULE_UNKNOWN where that depends on the machine; then *why says on what ("require it").
	 */
	enum rule_truth (*has)(void *context, const struct effective *cpu, const char *name,
			       const char *feature, const char **why);
	/* NULL: there is such a feature. Else the closest name, or "". */
	const char *(*unknown_feature)(void *context, const char *feature);
	void *context;
	/*
	 * The variable of kind FEATURES that a name alone speaks of: `avx2` is `cpu.has('avx2')` then, and
	 * `host avx2` is `host.has('avx2')`. NULL: features are asked for by functions only.
	 */
	const char *self;
	const char *end;  /* what stands behind the expression, for messages: "`;`"; NULL: nothing */
	uint32_t *spent;  /* counts the steps of all tests that share a bound; NULL: each has RULE_STEPS */
};

struct rule;

/* Which part of a rule did not hold, and with what. */
struct rule_failure {
	struct position at; /* of that part */
	const struct rule *rule;
	const void *term, *bindings; /* for rule_describe() */
	enum rule_truth truth;	     /* FALSE or UNKNOWN */
	uint32_t steps;		     /* spent on looking at it */
};

/*
 * Reads bytes [offset, offset + length) of a text. `wanted` is the type it must have, RULE_BOOLEAN for
 * conditions. Returns NULL after reporting what is wrong (HV0903 to HV0919), at its place.
 */
struct rule *rule_parse(struct arena *arena, struct diags *diags, const struct located_text *text,
			size_t offset, size_t length, const struct rule_world *world,
			enum rule_kind wanted);

/*
 * Whether a condition holds. RULE_FAULTY: it could not be computed (division by zero, order of a value
 * that is not there), which was reported. Unless it holds, *failure (may be NULL) says why not.
 */
enum rule_truth rule_test(const struct rule *rule, const struct rule_world *world,
			  struct diags *diags, struct rule_failure *failure);

/* The value of a rule of any type. False after reporting that it cannot be computed. */
bool rule_value(const struct rule *rule, const struct rule_world *world, struct diags *diags,
		struct rule_value *value);

/* Adds to a finding what the values in the failed part are, and where each was set. */
void rule_describe(struct diag *diag, struct rule_failure *failure,
		   const struct rule_world *world);

/* Where the first value of the failed part was set that a person set; nowhere when none was. */
struct position rule_culprit(struct rule_failure *failure, const struct rule_world *world);

/* Where a rule speaks of a variable first; nowhere: it does not. */
struct position rule_mention(const struct rule *rule, const char *variable);

/*
 * The numbers that a rule compares a variable with, ends of ranges included; `exactly` tells those that it
 * shall be equal to. Returns false where the variable is used in any other way.
 */
bool rule_compared(const struct rule *rule, const char *variable,
		   void (*each)(void *context, int64_t number, bool exactly, struct position at),
		   void *context);

/* The place of the whole rule, and its text. */
struct position rule_position(const struct rule *rule);
const char *rule_text(const struct rule *rule);

/* A value as a document would write it: `512MiB`, `'pvh'`, `[1, 2]`, `nothing`. */
const char *rule_show(struct arena *arena, const struct rule_value *value);

/* Whether two values are the same. */
bool rule_equal(const struct rule_value *a, const struct rule_value *b);

/* The language and its functions, for `hvcc explain expressions`. */
void rule_print_language(FILE *stream);

#endif
