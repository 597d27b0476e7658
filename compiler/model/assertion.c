/* SPDX-License-Identifier: Apache-2.0 */
/* Assertions and lint, which guests, systems and the rules of a site have alike. */
#include "model/from_tree.h"

/* An expression alone, or a map of it and what to say. */
static void read_assertion(struct assertion *assertion, struct cursor c)
{
	const struct node *that = c.node;

	assertion->where = cursor_where(c);
	c.schema = schema_alternative(c.schema, NODE_MAP);
	if (that->kind == NODE_MAP)
		that = node_get(c.node, "that");
	else
		c.node = NULL;
	if (that && that->kind == NODE_SCALAR)
		node_locate_text(c.arena, c.sources, that, &assertion->that);
	READ_TEXT(assertion->message, c, "message");
	READ_NUMBER(assertion->severity, c, "severity");
	if (schema_key_find(c.schema, "for"))
		READ_NUMBER(assertion->subject, c, "for");
}

void assertions_from_tree(struct assertions *assertions, struct cursor c)
{
	assertions->where = cursor_where(c);
	for (size_t i = 0; i < cursor_count(c); i++)
		read_assertion(vector_add(c.arena, &assertions->list), cursor_item(c, i));
}

void lint_from_tree(struct lint *lint, struct cursor c)
{
	struct cursor allow = cursor_key(c, "allow");

	lint->where = cursor_where(c);
	for (size_t i = 0; i < cursor_count(allow); i++) {
		struct cursor item = cursor_item(allow, i);
		size_t last = lint->allow.count;

		vector_add(c.arena, &lint->allow);
		lint->allow.items[last].value = cursor_text(item);
		lint->allow.items[last].where = cursor_where(item);
	}
}

void rules_from_tree(struct system *system, struct cursor c)
{
	assertions_from_tree(&system->rules, cursor_key(c, "assert"));
}
