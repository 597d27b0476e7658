/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar of expressions: schema/expressions.md. Actions build terms and decide
 * nothing but that `x(a in b: c)` goes through a list. There is no recovery: an expression is short.
 */
%define api.pure full
%define api.prefix {rule_yy}
%define api.token.prefix {RULE_}
%define api.location.type {struct text_span}
%define parse.error custom
%define parse.lac full
%expect 0
%locations
%param { void *scanner }
%parse-param { struct rule_scan *scan }

%code requires {
#include "rule/scan.h"
}

%code {
#define YYMAXDEPTH 400
#define YYLLOC_DEFAULT(current, rhs, n)                                                            \
	((current) = (n) ? span_join(YYRHSLOC(rhs, 1), YYRHSLOC(rhs, n))                           \
			 : (struct text_span){ YYRHSLOC(rhs, 0).offset + YYRHSLOC(rhs, 0).length, 0 })

static struct text_span span_join(struct text_span first, struct text_span last)
{
	first.length = last.offset + last.length - first.offset;
	return first;
}

static struct term *literal(struct rule *rule, struct text_span at, struct rule_value value)
{
	struct term *term = term_new(rule, TERM_LITERAL, at);

	term->value = value;
	return term;
}
}

%union {
	const char *text;
	struct rule_value value;
	struct term *term;
}

%code {
int rule_yylex(RULE_YYSTYPE *value, RULE_YYLTYPE *place, void *scanner);
static void rule_yyerror(const struct text_span *place, void *scanner, struct rule_scan *scan,
			 const char *message);
}

%token OR "`or`" AND "`and`" NOT "`not`" NOT_IN "`not in`" IN "`in`"
%token EQUAL "`==`" UNEQUAL "`!=`" AT_MOST "`<=`" AT_LEAST "`>=`"
%token TO "`..`"
%token TRUE_WORD "`true`" FALSE_WORD "`false`" NULL_WORD "`null`"
%token <text> WORD "a name" QUOTED "a text in quotes"
%token <value> QUANTITY "a number"
%token END 0 "the end of the expression"

%left OR
%left AND
%precedence NOT
%nonassoc EQUAL UNEQUAL '<' AT_MOST '>' AT_LEAST IN NOT_IN
%nonassoc TO
%left '+' '-'
%left '*' '/' '%'

%type <term> expression primary items arguments

%%

rule:
	expression { scan->rule->root = $1; }
;

expression:
	primary
|	expression OR expression { $$ = term_binary(scan->rule, OPERATOR_OR, @$, $1, $3); }
|	expression AND expression { $$ = term_binary(scan->rule, OPERATOR_AND, @$, $1, $3); }
|	NOT expression { $$ = term_pair(scan->rule, TERM_NOT, @$, $2, NULL); }
|	expression EQUAL expression { $$ = term_binary(scan->rule, OPERATOR_EQUAL, @$, $1, $3); }
|	expression UNEQUAL expression { $$ = term_binary(scan->rule, OPERATOR_UNEQUAL, @$, $1, $3); }
|	expression '<' expression { $$ = term_binary(scan->rule, OPERATOR_LESS, @$, $1, $3); }
|	expression AT_MOST expression { $$ = term_binary(scan->rule, OPERATOR_AT_MOST, @$, $1, $3); }
|	expression '>' expression { $$ = term_binary(scan->rule, OPERATOR_MORE, @$, $1, $3); }
|	expression AT_LEAST expression { $$ = term_binary(scan->rule, OPERATOR_AT_LEAST, @$, $1, $3); }
|	expression IN expression { $$ = term_binary(scan->rule, OPERATOR_IN, @$, $1, $3); }
|	expression NOT_IN expression { $$ = term_binary(scan->rule, OPERATOR_NOT_IN, @$, $1, $3); }
|	expression TO expression { $$ = term_pair(scan->rule, TERM_RANGE, @$, $1, $3); }
|	expression '+' expression { $$ = term_binary(scan->rule, OPERATOR_PLUS, @$, $1, $3); }
|	expression '-' expression { $$ = term_binary(scan->rule, OPERATOR_MINUS, @$, $1, $3); }
|	expression '*' expression { $$ = term_binary(scan->rule, OPERATOR_TIMES, @$, $1, $3); }
|	expression '/' expression { $$ = term_binary(scan->rule, OPERATOR_OVER, @$, $1, $3); }
|	expression '%' expression { $$ = term_binary(scan->rule, OPERATOR_MODULO, @$, $1, $3); }
;

primary:
	WORD { $$ = term_named(scan->rule, TERM_NAME, @$, NULL, $1, @1); }
|	WORD WORD {
		$$ = term_spoken(scan->rule, @$, $1, @1, $2, @2);
		if (!$$)
			YYABORT;
	}
|	QUANTITY { $$ = literal(scan->rule, @$, $1); }
|	QUOTED {
		$$ = literal(scan->rule, @$, (struct rule_value){ .kind = RULE_STRING, .text = $1 });
	}
|	TRUE_WORD { $$ = literal(scan->rule, @$, rule_truth_value(RULE_TRUE)); }
|	FALSE_WORD { $$ = literal(scan->rule, @$, rule_truth_value(RULE_FALSE)); }
|	NULL_WORD { $$ = literal(scan->rule, @$, (struct rule_value){ .kind = RULE_NULL }); }
|	'(' expression ')' { $$ = $2; }
|	'[' arguments ']' { $$ = $2; $$->at = @$; }
|	primary '.' WORD { $$ = term_named(scan->rule, TERM_KEY, @$, $1, $3, @3); }
|	primary '[' expression ']' { $$ = term_pair(scan->rule, TERM_INDEX, @$, $1, $3); }
|	WORD '(' arguments ')' {
		$$ = $3;
		$$->kind = TERM_CALL;
		$$->at = @$;
		$$->name = $1;
		$$->name_at = @1;
	}
|	WORD '(' expression ':' expression ')' {
		$$ = term_each(scan->rule, @$, $1, @1, $3, $5);
	}
|	primary '.' WORD '(' arguments ')' {
		struct term *call = term_named(scan->rule, TERM_CALL, @$, $1, $3, @3);

		call->items = $5->items;
		call->depth = call->depth > $5->depth ? call->depth : $5->depth;
		$$ = call;
	}
;

arguments:
	%empty { $$ = term_new(scan->rule, TERM_ITEMS, @$); }
|	items
;

items:
	expression {
		$$ = term_new(scan->rule, TERM_ITEMS, @$);
		term_add_item(scan->rule, $$, $1);
	}
|	items ',' expression { $$ = $1; term_add_item(scan->rule, $$, $3); }
;

%%

#define MOST_EXPECTED 5

/* Punctuation comes out of bison as `';'`; the end is what the text around the expression has there. */
static const char *symbol_text(const struct rule *rule, yysymbol_kind_t symbol)
{
	const char *name = yysymbol_name(symbol);

	if (symbol == YYSYMBOL_YYEOF && rule->world->end)
		return rule->world->end;

	if (name[0] == '\'')
		return arena_printf(rule->arena, "`%c`", name[1]);
	return name;
}

/* "`a`, `b` or `c`"; where much may follow, what it is in general. */
static const char *expected_list(const struct rule *rule, const yypcontext_t *context)
{
	yysymbol_kind_t expected[YYNTOKENS];
	int count = yypcontext_expected_tokens(context, expected, YYNTOKENS);
	const char *list = "", *closing = "`:`";

	for (int i = 0; i < count; i++) {
		const char *name = symbol_text(rule, expected[i]);

		if (expected[i] == YYSYMBOL_QUANTITY)
			return rule->world->self ? "a condition" : "a path, a function or a value";
		if (name[1] == ')' || name[1] == ']' || expected[i] == YYSYMBOL_YYEOF)
			closing = name;
	}
	if (count > MOST_EXPECTED)
		return arena_printf(rule->arena, "an operator or %s", closing);
	for (int i = 0; i < count; i++) {
		const char *join = i == 0 ? "" : i == count - 1 ? " or " : ", ";

		list = arena_printf(rule->arena, "%s%s%s", list, join,
				    symbol_text(rule, expected[i]));
	}
	return list;
}

static int yyreport_syntax_error(const yypcontext_t *context, void *scanner,
				 struct rule_scan *scan)
{
	const struct text_span *at = yypcontext_location(context);
	struct rule *rule = scan->rule;
	const char *found = rule->world->end ? rule->world->end : "the end of the expression";

	(void)scanner;
	if (yypcontext_token(context) != YYSYMBOL_YYEOF)
		found = arena_printf(rule->arena, "`%s`", rule_slice(rule, *at));
	diag_report(rule->diags, RULE_SYNTAX, rule_place(rule, *at), found,
		    expected_list(rule, context));
	rule->errors++;
	return 0;
}

/* The parser's stack is full: parentheses, brackets or `not` too deep. */
static void rule_yyerror(const struct text_span *place, void *scanner, struct rule_scan *scan,
			 const char *message)
{
	(void)scanner;
	(void)message;
	if (!scan->rule->errors++)
		diag_report(scan->rule->diags, RULE_DEEP, rule_place(scan->rule, *place),
			    RULE_DEPTH);
}
