/* SPDX-License-Identifier: Apache-2.0 */
/* Building the tree, and the one call that reads a text. */
#include "policy/scan.h"

#include <string.h>

#include "policy_parser.h"

#include "policy_lexer.h"

const char *policy_verb_name(enum policy_verb verb)
{
	static const char *const names[VERBS] = {
		"require", "force", "optional", "disable", "forbid",
	};

	return names[verb];
}

struct position policy_place(const struct ast_policy *policy, struct span span)
{
	return located_text_position(policy->texts.items[span.text].text, span.offset, span.length);
}

bool ast_number(const char *text, size_t length, uint64_t *value)
{
	uint64_t base = 10;
	bool digits = false;

	*value = 0;
	if (length > 2 && (text[1] == 'x' || text[1] == 'X'))
		base = 16;
	for (size_t i = base == 16 ? 2 : 0; i < length; i++) {
		uint64_t digit = text[i] <= '9' ? (uint64_t)(text[i] - '0')
						: (uint64_t)((text[i] | 32) - 'a' + 10);

		if (text[i] == '_')
			continue;
		digits = true;
		if (__builtin_mul_overflow(*value, base, value) ||
		    __builtin_add_overflow(*value, digit, value)) {
			*value = UINT64_MAX;
			return false;
		}
	}
	return digits;
}

uint64_t ast_letters(const char *text)
{
	uint64_t value = 0;
	size_t length = strlen(text);

	if (length > sizeof(value))
		return UINT64_MAX;
	while (length--)
		value = value << 8 | (uint8_t)text[length];
	return value;
}

struct ast_name *ast_name(struct ast_policy *policy, const char *text, bool glob, struct span at)
{
	struct ast_name *name = arena_new(policy->arena, struct ast_name);

	name->text = text;
	name->glob = glob;
	name->at = at;
	return name;
}

struct ast_names ast_names_add(struct ast_names list, struct ast_name *name)
{
	if (list.last)
		list.last->next = name;
	else
		list.first = name;
	list.last = name;
	return list;
}

struct ast_assign *ast_assign(struct ast_policy *policy, uint32_t reg, struct span at)
{
	struct ast_assign *assign = arena_new(policy->arena, struct ast_assign);

	assign->reg = reg;
	assign->high = 31;
	assign->at = assign->range = at;
	return assign;
}

struct ast_assigns ast_assigns_add(struct ast_assigns list, struct ast_assign *assign)
{
	if (list.last)
		list.last->next = assign;
	else
		list.first = assign;
	list.last = assign;
	return list;
}

struct ast_assigns ast_fill(struct ast_policy *policy, struct ast_value value)
{
	struct ast_assigns list = { 0 };

	for (uint32_t reg = EAX; reg < CPU_REGISTERS; reg++) {
		struct ast_assign *assign = ast_assign(policy, reg, value.at);

		assign->value = value;
		list = ast_assigns_add(list, assign);
	}
	return list;
}

struct ast_statement *ast_statement(struct ast_policy *policy, enum statement_kind kind,
				    struct span at)
{
	struct ast_statement *statement = arena_new(policy->arena, struct ast_statement);

	statement->kind = kind;
	statement->at = at;
	return statement;
}

struct ast_block ast_block_add(struct ast_block block, struct ast_block more)
{
	if (!more.first)
		return block;
	if (!block.first)
		return more;
	block.last->next = more.first;
	block.last = more.last;
	return block;
}

struct ast_block ast_block_of(struct ast_statement *statement)
{
	return (struct ast_block){ statement, statement };
}

struct ast_setting *ast_setting(struct ast_policy *policy, const char *name, struct span at)
{
	struct ast_setting *setting = arena_new(policy->arena, struct ast_setting);

	setting->name = name;
	setting->name_at = at;
	return setting;
}

struct ast_settings ast_settings_add(struct ast_settings list, struct ast_setting *setting)
{
	if (list.last)
		list.last->next = setting;
	else
		list.first = setting;
	list.last = setting;
	return list;
}

struct ast_block policy_parse_text(struct ast_policy *policy, uint32_t text)
{
	const struct located_text *located = policy->texts.items[text].text;
	struct policy_scan scan = { .policy = policy, .text = text };
	yyscan_t scanner;

	if (policy_yylex_init_extra(&scan, &scanner) != 0)
		out_of_memory();
	if (!policy_yy_scan_bytes(located->text, (int)located->size, scanner))
		out_of_memory();
	policy_yyparse(scanner, &scan);
	policy_yylex_destroy(scanner);
	return scan.block;
}

struct ast_policy *policy_parse(struct arena *arena, struct diags *diags,
				const struct located_text *text)
{
	struct ast_policy *policy = arena_new(arena, struct ast_policy);

	*policy = (struct ast_policy){ .arena = arena, .diags = diags, .bytes = text->size };
	vector_push(arena, &policy->texts, ((struct policy_text){ .text = text }));
	policy->block = policy_parse_text(policy, 0);
	return policy;
}
