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
	uint32_t text; /* which: ast_policy.texts */
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

/*
 * What a `when` or `assert` asks for, in the language of expressions (rule/): condition.c knows of what.
 */
struct ast_condition {
	struct span at;
	struct rule *rule; /* resolve.c; NULL: it had an error */
	bool *said;	   /* that it cannot be computed was reported */
};

/* `family = 25`, in a `limit` or `identity`. */
struct ast_setting {
	struct ast_setting *next;
	const char *name;
	const char *text; /* NULL: a number */
	uint64_t number;
	struct span name_at, value_at;
	uint32_t word; /* enum policy_limit, enum identity_word; resolve.c */
};

/* Sub-leaves: none given is 0 alone; `.*` is all. */
struct ast_leaf {
	uint64_t first, last; /* leaves */
	uint64_t first_subleaf, last_subleaf;
	bool all_subleaves;
	struct span at;
};

enum statement_kind {
	STATEMENT_BASE,
	STATEMENT_VERB,
	STATEMENT_LEAF,
	STATEMENT_WHEN,
	STATEMENT_LIMIT,
	STATEMENT_IDENTITY,
	STATEMENT_ASSERT,
};

struct ast_statement;

/* A block, in the order of the text. */
struct ast_block {
	struct ast_statement *first, *last;
};

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
	struct ast_condition condition;	       /* WHEN, ASSERT */
	struct ast_block then, otherwise;
	struct ast_setting *settings;	       /* LIMIT, IDENTITY */
};

/* A list under construction. */
struct ast_names {
	struct ast_name *first, *last;
};
struct ast_assigns {
	struct ast_assign *first, *last;
};
struct ast_settings {
	struct ast_setting *first, *last;
};

/* What a `limit` limits, and what an `identity` names. */
enum policy_limit { LIMIT_BASIC, LIMIT_HYPERVISOR, LIMIT_EXTENDED, POLICY_LIMITS };
enum identity_word {
	IDENTITY_VENDOR,
	IDENTITY_FAMILY,
	IDENTITY_MODEL,
	IDENTITY_STEPPING,
	IDENTITY_BRAND,
	IDENTITY_PHYS_BITS,
	IDENTITY_WORDS,
};

/* A text among those of a policy: the one of the guest's file, or an included file. */
struct policy_text {
	const struct located_text *text;
	uint32_t includer; /* the text that includes it; its own index: none */
	struct span at;	   /* where that one says so */
	uint32_t depth;
};

/* One policy being read, with what it includes: what lexer, parser and passes share. */
struct ast_policy {
	struct arena *arena;
	struct diags *diags;
	VECTOR(struct policy_text) texts;
	size_t bytes; /* of all texts */
	struct ast_block block;
};

/* Reads a text. Errors are reported; the statements that have them are absent from what returns. */
struct ast_policy *policy_parse(struct arena *arena, struct diags *diags,
				const struct located_text *text);

/*
 * The statements of a file that a policy includes, in place of the `include`: empty after an error was
 * reported. `name` is relative to the file that says it.
 */
struct ast_block policy_include(struct ast_policy *policy, const char *name, struct span at);

/* Parses texts[text] of a policy. */
struct ast_block policy_parse_text(struct ast_policy *policy, uint32_t text);

/* Find the features of every name and the bits of every assignment; report what does not exist. */
void policy_resolve(struct ast_policy *policy);
void policy_typecheck(struct ast_policy *policy);

/* Reads the condition of a statement; what is wrong with it is reported. */
void policy_condition_read(struct ast_policy *policy, struct ast_statement *statement);

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
struct ast_block ast_block_add(struct ast_block block, struct ast_block more);
struct ast_block ast_block_of(struct ast_statement *statement);
struct ast_setting *ast_setting(struct ast_policy *policy, const char *name, struct span at);
struct ast_settings ast_settings_add(struct ast_settings list, struct ast_setting *setting);

/* Sets all four registers: `leaf 0xb.* = auto;` */
struct ast_assigns ast_fill(struct ast_policy *policy, struct ast_value value);

/* Text as a register holds it, the first letter lowest; all ones when it is longer than eight. */
uint64_t ast_letters(const char *text);

/*
 * Numbers with `_` in them, decimal or 0x. Returns false when it does not fit 64 bits (value is
 * then all ones).
 */
bool ast_number(const char *text, size_t length, uint64_t *value);

#endif
