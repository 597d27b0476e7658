/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of an expression, and what lexer, parser and passes share. */
#ifndef HVCC_RULE_AST_H
#define HVCC_RULE_AST_H

#include "rule/rule.h"

/* Bytes of the text. */
struct text_span {
	uint32_t offset, length;
};

enum term_kind {
	TERM_LITERAL, /* value */
	TERM_ITEMS,   /* `[a, b]`: items */
	TERM_RANGE,   /* left..right */
	TERM_NAME,    /* name: a key of the form, a variable, or one bound by an outer `each` */
	TERM_KEY,     /* left.name */
	TERM_INDEX,   /* left[right] */
	TERM_CALL,    /* name(items), or left.name(items) */
	TERM_EACH,    /* name(bound in left: right) */
	TERM_NOT,     /* not left */
	TERM_BINARY,  /* left operator right */
};

enum rule_operator {
	OPERATOR_OR, OPERATOR_AND,
	OPERATOR_EQUAL, OPERATOR_UNEQUAL, OPERATOR_LESS, OPERATOR_AT_MOST, OPERATOR_MORE,
	OPERATOR_AT_LEAST, OPERATOR_IN, OPERATOR_NOT_IN,
	OPERATOR_PLUS, OPERATOR_MINUS, OPERATOR_TIMES, OPERATOR_OVER, OPERATOR_MODULO,
};

struct rule_type {
	enum rule_kind kind;
	const struct schema *schema;	/* of LIST and MAP: to go on from; of others: how they are written */
	const char *const *words;	/* STRING: all that it can be, or NULL */
	size_t word_count;
	enum rule_kind items; /* LIST without a schema */
};

struct term {
	enum term_kind kind;
	enum rule_operator operator;
	struct text_span at, name_at;
	const char *name;
	const char *bound; /* EACH: the name of the item */
	struct term *left, *right;
	struct term *items, *last, *next; /* of ITEMS and CALL; next: in such a list */
	struct rule_value value;
	uint32_t depth;
	/* typecheck.c */
	struct rule_type type;
	const struct term *binder;		/* NAME: the EACH that binds it */
	const struct rule_variable *variable;	/* NAME */
	const struct rule_function *function;	/* CALL, EACH */
};

struct rule {
	struct arena *arena;
	struct diags *diags; /* while it is read */
	const struct located_text *text;
	const struct rule_world *world; /* while it is read */
	uint32_t offset, length;
	struct term *root;
	size_t errors; /* while it is read */
};

/* What flex and bison are given. */
struct rule_scan {
	struct rule *rule;
	uint32_t offset; /* of the next token */
};

#define YYSTYPE RULE_YYSTYPE
#define YYLTYPE RULE_YYLTYPE

struct position rule_place(const struct rule *rule, struct text_span span);

/* The bytes of a span as text. */
const char *rule_slice(const struct rule *rule, struct text_span span);

/* Building, for the parser. */
struct term *term_new(struct rule *rule, enum term_kind kind, struct text_span at);
struct term *term_named(struct rule *rule, enum term_kind kind, struct text_span at,
			struct term *left, const char *name, struct text_span name_at);
struct term *term_pair(struct rule *rule, enum term_kind kind, struct text_span at,
		       struct term *left, struct term *right);
struct term *term_binary(struct rule *rule, enum rule_operator operator, struct text_span at,
			 struct term *left, struct term *right);
void term_add_item(struct rule *rule, struct term *list, struct term *item);
/* name(first: body), where first must be `bound in list`. */
struct term *term_each(struct rule *rule, struct text_span at, const char *name,
		       struct text_span name_at, struct term *first, struct term *body);

/* `host avx2`; NULL after reporting that two words in a row mean nothing here. */
struct term *term_spoken(struct rule *rule, struct text_span at, const char *first,
			 struct text_span first_at, const char *second, struct text_span second_at);

/* Finds names, functions and types. False after errors were reported. */
bool rule_typecheck(struct rule *rule, const struct rule_world *world, enum rule_kind wanted);

/* ------------------------------------------------------------------------------- functions */

#define MOST_ARGUMENTS 3

struct rule_function {
	const char *name;
	bool each;		/* name(x in list: expression) */
	enum rule_kind receiver; /* FEATURES: x.name(...); ANY: none */
	enum rule_kind result;
	uint8_t least, most; /* arguments */
	enum rule_kind arguments[MOST_ARGUMENTS];
	const char *example, *sentence;
	/* Of EACH: NULL (evaluate.c does them). */
	struct rule_value (*call)(struct arena *arena, const struct rule_value *arguments,
				  size_t count);
};

extern const struct rule_function rule_functions[];
extern const size_t rule_function_count;

/* `name` with a receiver (`each` and `receiver` as in the row); NULL: there is none. */
const struct rule_function *rule_function_find(const char *name, bool each, bool receiver);

/* "a number", "text" ... */
const char *rule_kind_name(enum rule_kind kind);

/* ------------------------------------------------------------------------------- evaluation */

/* The value that an EACH gave its name; the innermost first. */
struct binding {
	const struct binding *outer;
	const struct term *each;
	struct rule_value value;
};

struct evaluation {
	struct arena *arena;
	const struct rule *rule;
	const struct rule_world *world;
	struct diags *diags; /* NULL: say nothing */
	uint32_t steps;
	bool faulty;
};

struct rule_value rule_evaluate(struct evaluation *e, const struct term *term,
				const struct binding *bindings);

/* The i-th item of a list or map; false: there is none. */
bool rule_item(const struct rule_value *list, size_t index, struct rule_value *item);
size_t rule_count(const struct rule_value *list);

static inline struct rule_value rule_truth_value(enum rule_truth truth)
{
	return (struct rule_value){ .kind = RULE_BOOLEAN, .truth = truth };
}

#endif
