/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar of policies: schema/policy.md. Actions build nodes and decide nothing. After a
 * mistake the parser goes on behind the next `;` or `{ }`, so that one run shows all of them.
 * Every list is left-recursive: the stack is as deep as blocks are nested, and what walks the tree later
 * goes no deeper. Conditions are not read here: rule/ has the one grammar of expressions.
 */
%define api.pure full
%define api.prefix {policy_yy}
%define api.token.prefix {POLICY_}
%define api.location.type {struct span}
%define parse.error custom
%define parse.lac full
%expect 0
%locations
%param { void *scanner }
%parse-param { struct policy_scan *scan }

%code requires {
#include "policy/scan.h"
}

%code {
#define YYMAXDEPTH 200
#define YYLLOC_DEFAULT(current, rhs, n)                                                            \
	((current) = (n) ? span_join(YYRHSLOC(rhs, 1), YYRHSLOC(rhs, n))                           \
			 : (struct span){ YYRHSLOC(rhs, 0).offset + YYRHSLOC(rhs, 0).length, 0,    \
					  YYRHSLOC(rhs, 0).text })

static struct span span_join(struct span first, struct span last)
{
	first.length = last.offset + last.length - first.offset;
	return first;
}
}

%union {
	uint64_t number;
	const char *text;
	enum policy_verb verb;
	struct ast_name *name;
	struct ast_names names;
	struct ast_assign *assign;
	struct ast_assigns assigns;
	struct ast_value value;
	struct ast_leaf leaf;
	struct ast_block block;
	struct ast_setting *setting;
	struct ast_settings settings;
	uint32_t reg;
}

%code {
int policy_yylex(POLICY_YYSTYPE *value, POLICY_YYLTYPE *place, void *scanner);
static void policy_yyerror(const struct span *place, void *scanner, struct policy_scan *scan,
			   const char *message);
}

%token BASE "`base`" WITHOUT "`without`" REQUIRE "`require`" FORCE "`force`" OPTIONAL "`optional`"
%token DISABLE "`disable`" FORBID "`forbid`" LEAF "`leaf`" HOST "`host`" DEFAULT "`default`"
%token AUTO "`auto`" LIMIT "`limit`" IDENTITY "`identity`" INCLUDE "`include`" ASSERT "`assert`"
%token WHEN "`when`" ELSE "`else`" CONDITION "a condition"
%token EAX "`eax`" EBX "`ebx`" ECX "`ecx`" EDX "`edx`" TO "`..`"
%token <text> NAME "a name" GLOB "a pattern" STRING "a text in quotes" BITS "bits (0b...)"
%token <number> INTEGER "a number"
%token END 0 "the end of the policy"

%type <verb> verb
%type <name> feature
%type <names> features without
%type <text> base
%type <leaf> leaf leaves subleaves
%type <reg> register
%type <assign> assign range
%type <assigns> assigns
%type <value> value
%type <block> policy statement otherwise
%type <setting> limit ident
%type <settings> limits idents

%%

text:
	policy { scan->block = $1; }
;

policy:
	%empty { $$ = (struct ast_block){ 0 }; }
|	policy statement { $$ = ast_block_add($1, $2); }
;

statement:
	"`base`" base without ';' {
		struct ast_statement *made = ast_statement(scan->policy, STATEMENT_BASE, @1);

		made->base = $2;
		made->base_at = @2;
		made->names = $3.first;
		$$ = ast_block_of(made);
	}
|	verb features ';' {
		struct ast_statement *made = ast_statement(scan->policy, STATEMENT_VERB, @1);

		made->verb = $1;
		made->names = $2.first;
		$$ = ast_block_of(made);
	}
|	"`leaf`" leaf '{' assigns '}' {
		struct ast_statement *made = ast_statement(scan->policy, STATEMENT_LEAF, @1);

		made->leaf = $2;
		made->leaf.at = @2;
		made->assigns = $4.first;
		$$ = ast_block_of(made);
	}
|	"`leaf`" leaf '{' assigns error '}' { yyerrok; $$ = (struct ast_block){ 0 }; }
|	"`leaf`" leaf '=' value ';' {
		struct ast_statement *made = ast_statement(scan->policy, STATEMENT_LEAF, @1);

		made->leaf = $2;
		made->leaf.at = @2;
		made->assigns = ast_fill(scan->policy, $4).first;
		$$ = ast_block_of(made);
	}
|	"`limit`" limits ';' {
		struct ast_statement *made = ast_statement(scan->policy, STATEMENT_LIMIT, @1);

		made->settings = $2.first;
		$$ = ast_block_of(made);
	}
|	"`identity`" '{' idents '}' {
		struct ast_statement *made = ast_statement(scan->policy, STATEMENT_IDENTITY, @1);

		made->settings = $3.first;
		$$ = ast_block_of(made);
	}
|	"`identity`" '{' idents error '}' { yyerrok; $$ = (struct ast_block){ 0 }; }
|	"`include`" STRING ';' { $$ = policy_include(scan->policy, $2, @2); }
|	"`assert`" CONDITION ';' {
		struct ast_statement *made = ast_statement(scan->policy, STATEMENT_ASSERT, @1);

		made->condition.at = @2;
		$$ = ast_block_of(made);
	}
|	"`when`" CONDITION '{' policy '}' otherwise {
		struct ast_statement *made = ast_statement(scan->policy, STATEMENT_WHEN, @1);

		made->condition.at = @2;
		made->then = $4;
		made->otherwise = $6;
		$$ = ast_block_of(made);
	}
|	error ';' { yyerrok; $$ = (struct ast_block){ 0 }; }
|	error '{' skipped '}' { yyerrok; $$ = (struct ast_block){ 0 }; }
|	"`when`" error '{' policy '}' otherwise { yyerrok; $$ = (struct ast_block){ 0 }; }
;

/* What stands in the braces of a statement that nobody understood. */
skipped:
	%empty
|	skipped error ';'
|	skipped error '{' skipped '}'
;

otherwise:
	%empty { $$ = (struct ast_block){ 0 }; }
|	"`else`" '{' policy '}' { $$ = $3; }
;

limits:
	limit { $$ = ast_settings_add((struct ast_settings){ 0 }, $1); }
|	limits ',' limit { $$ = ast_settings_add($1, $3); }
;

limit:
	NAME '=' INTEGER {
		$$ = ast_setting(scan->policy, $1, @1);
		$$->number = $3;
		$$->value_at = @3;
	}
;

idents:
	%empty { $$ = (struct ast_settings){ 0 }; }
|	idents ident { $$ = ast_settings_add($1, $2); }
|	idents error ';' { yyerrok; $$ = $1; }
;

ident:
	NAME '=' INTEGER ';' {
		$$ = ast_setting(scan->policy, $1, @1);
		$$->number = $3;
		$$->value_at = @3;
	}
|	NAME '=' STRING ';' {
		$$ = ast_setting(scan->policy, $1, @1);
		$$->text = $3;
		$$->value_at = @3;
	}
|	NAME '=' NAME ';' {
		$$ = ast_setting(scan->policy, $1, @1);
		$$->text = $3;
		$$->value_at = @3;
	}
|	NAME '=' "`host`" ';' {
		$$ = ast_setting(scan->policy, $1, @1);
		$$->text = "host";
		$$->value_at = @3;
	}
;

base:
	NAME
|	STRING
|	"`host`" { $$ = "host"; }
;

without:
	%empty { $$ = (struct ast_names){ 0 }; }
|	"`without`" features { $$ = $2; }
;

verb:
	"`require`" { $$ = VERB_REQUIRE; }
|	"`force`" { $$ = VERB_FORCE; }
|	"`optional`" { $$ = VERB_OPTIONAL; }
|	"`disable`" { $$ = VERB_DISABLE; }
|	"`forbid`" { $$ = VERB_FORBID; }
;

features:
	feature { $$ = ast_names_add((struct ast_names){ 0 }, $1); }
|	features ',' feature { $$ = ast_names_add($1, $3); }
;

feature:
	NAME { $$ = ast_name(scan->policy, $1, false, @1); }
|	GLOB { $$ = ast_name(scan->policy, $1, true, @1); }
|	'*' { $$ = ast_name(scan->policy, "*", true, @1); }
;

leaf:
	leaves subleaves {
		$$ = $2;
		$$.first = $1.first;
		$$.last = $1.last;
	}
;

leaves:
	INTEGER { $$ = (struct ast_leaf){ .first = $1, .last = $1 }; }
|	INTEGER TO INTEGER { $$ = (struct ast_leaf){ .first = $1, .last = $3 }; }
;

subleaves:
	%empty { $$ = (struct ast_leaf){ 0 }; }
|	'.' INTEGER { $$ = (struct ast_leaf){ .first_subleaf = $2, .last_subleaf = $2 }; }
|	'.' INTEGER TO INTEGER { $$ = (struct ast_leaf){ .first_subleaf = $2, .last_subleaf = $4 }; }
|	'.' '*' { $$ = (struct ast_leaf){ .all_subleaves = true }; }
;

assigns:
	%empty { $$ = (struct ast_assigns){ 0 }; }
|	assigns assign { $$ = ast_assigns_add($1, $2); }
|	assigns error ';' { yyerrok; $$ = $1; }
;

assign:
	range '=' value ';' {
		$$ = $1;
		$$->value = $3;
		$$->at = @$;
	}
;

range:
	register { $$ = ast_assign(scan->policy, $1, @1); }
|	register '[' INTEGER ']' {
		$$ = ast_assign(scan->policy, $1, span_join(@2, @4));
		$$->high = $$->low = $3;
	}
|	register '[' INTEGER ':' INTEGER ']' {
		$$ = ast_assign(scan->policy, $1, span_join(@2, @6));
		$$->high = $3;
		$$->low = $5;
	}
;

register:
	"`eax`" { $$ = EAX; }
|	"`ebx`" { $$ = EBX; }
|	"`ecx`" { $$ = ECX; }
|	"`edx`" { $$ = EDX; }
;

value:
	INTEGER { $$ = (struct ast_value){ VALUE_NUMBER, $1, NULL, @1 }; }
|	BITS { $$ = (struct ast_value){ VALUE_BITS, 0, $1, @1 }; }
|	STRING { $$ = (struct ast_value){ VALUE_NUMBER, ast_letters($1), NULL, @1 }; }
|	"`host`" { $$ = (struct ast_value){ VALUE_HOST, 0, NULL, @1 }; }
|	"`default`" { $$ = (struct ast_value){ VALUE_DEFAULT, 0, NULL, @1 }; }
|	"`auto`" { $$ = (struct ast_value){ VALUE_AUTO, 0, NULL, @1 }; }
;

%%

#define MOST_EXPECTED 6

/* Punctuation comes out of bison as `';'`. */
static const char *symbol_text(struct arena *arena, yysymbol_kind_t symbol)
{
	const char *name = yysymbol_name(symbol);

	if (name[0] == '\'')
		return arena_printf(arena, "`%c`", name[1]);
	return name;
}

/* "`a`, `b` or `c`", or NULL when so much may follow that a list does not help. */
static const char *expected_list(struct arena *arena, const yypcontext_t *context)
{
	yysymbol_kind_t expected[MOST_EXPECTED + 2];
	int count = yypcontext_expected_tokens(context, expected, MOST_EXPECTED + 2);
	const char *list = "";

	if (count <= 0 || count > MOST_EXPECTED)
		return NULL;
	for (int i = 0; i < count; i++) {
		const char *join = i == 0 ? "" : i == count - 1 ? " or " : ", ";

		list = arena_printf(arena, "%s%s%s", list, join, symbol_text(arena, expected[i]));
	}
	return list;
}

static const char *found_text(const struct policy_scan *scan, const yypcontext_t *context,
			      const struct span *at)
{
	const struct ast_policy *policy = scan->policy;

	if (yypcontext_token(context) == YYSYMBOL_YYEOF)
		return "end of the policy";
	return arena_printf(policy->arena, "`%.*s`", (int)at->length,
			    policy->texts.items[at->text].text->text + at->offset);
}

/* A word where a keyword should be: which keyword it resembles. */
static void suggest_keyword(struct diag *diag, const struct policy_scan *scan,
			    const struct span *at)
{
	static const char *const keywords[] = {
		"base",	  "require", "force",	 "optional", "disable", "forbid", "leaf",
		"limit",  "identity", "include", "assert",   "when",	"else",	  "without",
		"default", "host",   "auto",	 "eax",	     "ebx",	"ecx",	  "edx",
	};
	const char *word = arena_strndup(
		scan->policy->arena, scan->policy->texts.items[at->text].text->text + at->offset, at->length);
	const char *closest = diag_closest(word, keywords, sizeof(keywords) / sizeof(keywords[0]));

	if (closest)
		diag_help(diag, "did you mean `%s`?", closest);
}

static int yyreport_syntax_error(const yypcontext_t *context, void *scanner,
				 struct policy_scan *scan)
{
	const struct span *at = yypcontext_location(context);
	struct ast_policy *policy = scan->policy;
	const char *found = found_text(scan, context, at);
	const char *expected = expected_list(policy->arena, context);
	struct diag *diag;

	(void)scanner;
	if (!expected)
		expected = "a statement (`require`, `disable`, `base`, `leaf`, `when` ...)";
	diag = diag_report(policy->diags, POLICY_SYNTAX, policy_place(policy, *at), found,
			   expected);
	if (yypcontext_token(context) == YYSYMBOL_NAME)
		suggest_keyword(diag, scan, at);
	return 0;
}

/* Only when the stack is full: blocks in blocks without end. */
static void policy_yyerror(const struct span *place, void *scanner, struct policy_scan *scan,
			   const char *message)
{
	(void)scanner;
	(void)message;
	diag_report(scan->policy->diags, POLICY_SYNTAX, policy_place(scan->policy, *place),
		    "nesting as deep as this", "less of it");
}
