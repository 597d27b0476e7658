/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of a policy text: what was written and where, nothing decided. Places are bytes of the
 * text. All nodes live in the arena; lists are in the order of the text.
 */
#ifndef HVCC_POLICY_AST_H
#define HVCC_POLICY_AST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/vector.h"
#include "diag/diag.h"
#include "model/model.h"
#include "policy/feature.h"

struct span {
	uint32_t offset, length;
};

/* libvirt's five policies of a feature. */
enum policy_verb { VERB_REQUIRE, VERB_FORCE, VERB_OPTIONAL, VERB_DISABLE, VERB_FORBID, VERBS };

enum value_kind { VALUE_NUMBER, VALUE_BITS, VALUE_HOST, VALUE_DEFAULT, VALUE_AUTO };

/* What bits are set to. VALUE_BITS: `text` is one of 0 1 x k for each bit, highest first. */
struct ast_value {
	enum value_kind kind;
	uint64_t number;
	const char *text;
	struct span at;
};

/* A feature's name, or a glob. */
struct ast_name {
	struct ast_name *next;
	const char *text;
	struct span at;
	bool glob;
	struct feature_set matches; /* resolve.c */
};

/* `eax[31:16] = 5;` */
struct ast_assign {
	struct ast_assign *next;
	uint32_t reg; /* enum cpu_register */
	uint64_t high, low;
	struct ast_value value;
	struct span at;		       /* all of it */
	struct span range;	       /* `[31:16]`, or the register */
	uint32_t ones, zeros, host;    /* typecheck.c: masks of the register */
	bool valid;
};

/* Sub-leaves: none given is 0 alone; `.*` is all. */
struct ast_leaf {
	uint64_t first, last; /* leaves */
	uint64_t first_subleaf, last_subleaf;
	bool all_subleaves;
	struct span at;
};

enum statement_kind { STATEMENT_BASE, STATEMENT_VERB, STATEMENT_LEAF };

struct ast_statement {
	struct ast_statement *next;
	enum statement_kind kind;
	struct span at; /* its first word */
	enum policy_verb verb;
	struct ast_name *names; /* VERB; of BASE: those `without` */
	const char *base;
	struct span base_at;
	struct ast_leaf leaf;
	struct ast_assign *assigns;
};

/* A list under construction. */
struct ast_names {
	struct ast_name *first, *last;
};
struct ast_assigns {
	struct ast_assign *first, *last;
};

/* One policy text being read: what lexer, parser and passes share. */
struct ast_policy {
	struct arena *arena;
	struct diags *diags;
	const struct located_text *text;
	struct ast_statement *first, *last;
};

/* Reads a text. Errors are reported; the statements that have them are absent from what returns. */
struct ast_policy *policy_parse(struct arena *arena, struct diags *diags,
				const struct located_text *text);

/* Find the features of every name and the bits of every assignment; report what does not exist. */
void policy_resolve(struct ast_policy *policy);
void policy_typecheck(struct ast_policy *policy);

/* The place of a span in the file. */
struct position policy_place(const struct ast_policy *policy, struct span span);

/* "require" ... */
const char *policy_verb_name(enum policy_verb verb);

/* Building, for the parser. Each returns its node or list. */
struct ast_name *ast_name(struct ast_policy *policy, const char *text, bool glob, struct span at);
struct ast_names ast_names_add(struct ast_names list, struct ast_name *name);
struct ast_assign *ast_assign(struct ast_policy *policy, uint32_t reg, struct span at);
struct ast_assigns ast_assigns_add(struct ast_assigns list, struct ast_assign *assign);
struct ast_statement *ast_statement(struct ast_policy *policy, enum statement_kind kind,
				    struct span at);
void ast_append(struct ast_policy *policy, struct ast_statement *statement);

/* Sets all four registers: `leaf 0xb.* = auto;` */
struct ast_assigns ast_fill(struct ast_policy *policy, struct ast_value value);

/*
 * Numbers with `_` in them, decimal or 0x. Returns false when it does not fit 64 bits (value is
 * then all ones).
 */
bool ast_number(const char *text, size_t length, uint64_t *value);

#endif
