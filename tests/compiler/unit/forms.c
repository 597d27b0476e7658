/* SPDX-License-Identifier: Apache-2.0 */
/* Trees from trees: the order of a merge, tags, deletions, places, parameters; and steps of a migration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "yaml/migrate.h"
#include "yaml/tree.h"

struct state {
	struct arena arena;
	struct sources sources;
	struct diags *diags;
};

static int begin(void **state)
{
	struct state *s = calloc(1, sizeof(*s));

	s->sources.arena = &s->arena;
	s->diags = diags_new(&s->arena, &s->sources);
	*state = s;
	return 0;
}

static int end(void **state)
{
	struct state *s = *state;

	arena_free(&s->arena);
	free(s);
	return 0;
}

static const struct node *parse(struct state *s, const char *text)
{
	const struct node *root = yaml_read(&s->arena, s->diags,
					    source_add(&s->sources, "f.yaml", text, strlen(text)));

	assert_non_null(root);
	return root;
}

/* A tree in flow form, with tags. */
static const char *shown(struct state *s, const struct node *node)
{
	const char *text = "";

	if (node->kind == NODE_SCALAR)
		return node->text;
	for (size_t i = 0; i < node->items.count; i++)
		text = arena_printf(&s->arena, "%s%s%s", text, i ? " " : "",
				    shown(s, node->items.items[i]));
	for (size_t i = 0; i < node->pairs.count; i++)
		text = arena_printf(&s->arena, "%s%s%s:%s", text, i ? " " : "",
				    node->pairs.items[i].key->text,
				    shown(s, node->pairs.items[i].value));
	return arena_printf(&s->arena, "%s%c%s%c", node_tag_name(node->tag),
			    node->kind == NODE_MAP ? '{' : '[', text, node->kind == NODE_MAP ? '}' : ']');
}

struct merging {
	const char *trees[4]; /* from the lowest on */
	const char *merged;
	size_t errors; /* of tree_settle() */
};

static const struct merging mergings[] = {
	{ { "{a: 1, b: 2}", "{b: 3, c: 4}" }, "{a:1 b:3 c:4}", 0 },
	{ { "{a: {x: 1, y: 2}}", "{a: {y: 3}}" }, "{a:{x:1 y:3}}", 0 },
	{ { "{a: 1}", "{a: 2}", "{a: 3}" }, "{a:3}", 0 },
	{ { "{a: 1, b: 2}", "{a: ~}" }, "{b:2}", 0 },
	{ { "{a: 1}", "{a: null}", "{a: 3}" }, "{a:3}", 0 },
	{ { "{a: 1}", "{b: ~}" }, "{a:1}", 1 },
	{ { "{a: 1}", "{a: }" }, "{a:}", 0 }, /* nothing is no deletion */
	{ { "{a: 1}", "{a: '~'}" }, "{a:~}", 0 },
	{ { "{a: [1]}", "{a: !append [2]}", "{a: !append [3]}" }, "{a:[1 2 3]}", 0 },
	{ { "{a: [1]}", "{a: !replace [2]}" }, "{a:[2]}", 0 },
	{ { "{a: [1]}", "{a: [2]}" }, "{a:[2]}", 1 },
	{ { "{a: [1]}", "{a: [1]}" }, "{a:[1]}", 0 }, /* the same list by two ways */
	{ { "{a: [1]}", "{a: [2]}", "{a: !replace [3]}" }, "{a:[3]}", 0 },
	{ { "{a: [1]}", "{a: [2]}", "{a: !append [3]}" }, "{a:[2 3]}", 1 },
	{ { "{a: [1]}", "{a: [2]}", "{a: ~}" }, "{}", 0 },
	{ { "{b: 1}", "{a: !append [2]}", "{a: !append [3]}" }, "{b:1 a:[2 3]}", 1 },
	{ { "{a: auto}", "{a: !append [2]}" }, "{a:[2]}", 1 },
	{ { "{a: auto}", "{a: [2]}" }, "{a:[2]}", 0 },
	{ { "{a: [1]}", "{a: none}" }, "{a:none}", 0 },
	{ { "{a: {x: 1, y: 2}}", "{a: !replace {z: 3}}" }, "{a:{z:3}}", 0 },
	{ { "{a: {x: 1}}", "{a: 1}" }, "{a:1}", 0 },
	{ { "{a: [{x: 1}]}", "{a: !append [{x: !append [2]}]}" }, "{a:[{x:1} {x:[2]}]}", 1 },
};

static void trees_become_one(void **state)
{
	struct state *s = *state;

	for (size_t i = 0; i < sizeof(mergings) / sizeof(*mergings); i++) {
		const struct merging *m = &mergings[i];
		const struct node *tree = parse(s, m->trees[0]);
		size_t errors;

		for (size_t j = 1; m->trees[j]; j++)
			tree = tree_merge(&s->arena, tree, parse(s, m->trees[j]));
		errors = diag_errors(s->diags);
		tree = tree_settle(&s->arena, s->diags, tree, true);
		assert_string_equal(shown(s, tree), m->merged);
		assert_int_equal(diag_errors(s->diags) - errors, m->errors);
	}
}

static void places_stay(void **state)
{
	struct state *s = *state;
	const struct node *lower = parse(s, "a: 1\nb: { c: [2] }\n");
	const struct node *upper = parse(s, "\n\nb: { c: !append [3] }\n");
	const struct node *merged = tree_merge(&s->arena, lower, upper);
	const struct node *list = node_get(node_get(merged, "b"), "c");

	assert_int_equal(node_get(merged, "a")->at.file, 1);
	assert_int_equal(node_get(merged, "b")->at.file, 2);
	assert_int_equal(list->items.items[0]->at.file, 1);
	assert_int_equal(list->items.items[0]->at.line, 2);
	assert_int_equal(list->items.items[1]->at.file, 2);
	assert_int_equal(list->items.items[1]->at.line, 3);
	/* and the trees that it was made of are as they were */
	assert_string_equal(shown(s, lower), "{a:1 b:{c:[2]}}");
	assert_string_equal(shown(s, upper), "{b:{c:!append[3]}}");
}

struct putting {
	const char *params, *tree, *made;
	size_t errors;
};

static const struct putting puttings[] = {
	{ "{a: 1}", "{x: \"${a}\"}", "{x:1}", 0 },
	{ "{a: 1}", "{x: \"<${a}${a}>\"}", "{x:<11>}", 0 },
	{ "{a: 1}", "{x: \"$${a} $$${a} $a {a}\"}", "{x:${a} $${a} $a {a}}", 0 },
	{ "{a: \"${b}-${b}\", b: z}", "[\"${a}\"]", "[z-z]", 0 },
	{ "{a: ''}", "[\"${a}\", \"${a}${a}\"]", "[ ]", 0 },
	{ "{a: \"${b}\", b: \"${a}\"}", "[\"${a}\"]", "[${a}]", 1 },
	{ "{a: ~}", "[\"${a}\", \"${a}\"]", "[${a} ${a}]", 1 },
	{ "{a: 1}", "[\"${b}\"]", "[${b}]", 1 },
	{ "{a: 1}", "[\"${a\", \"${}\", \"${1}\"]", "[${a ${} ${1}]", 3 },
};

static void values_are_put_in(void **state)
{
	struct state *s = *state;

	for (size_t i = 0; i < sizeof(puttings) / sizeof(*puttings); i++) {
		const struct putting *p = &puttings[i];
		size_t room = PARAMETER_ROOM, errors = diag_errors(s->diags);
		struct scope scope = { .room = &room };
		const struct node *tree;

		scope_fill(&s->arena, &scope, parse(s, p->params));
		tree = tree_substitute(&s->arena, s->diags, &s->sources, &scope, parse(s, p->tree));
		assert_string_equal(shown(s, tree), p->made);
		assert_int_equal(diag_errors(s->diags) - errors, p->errors);
	}
}

static void values_keep_their_places(void **state)
{
	struct state *s = *state;
	size_t room = PARAMETER_ROOM;
	struct scope scope = { .room = &room };
	struct located_text text = { 0 };
	const struct node *tree;

	scope_fill(&s->arena, &scope, parse(s, "{ a: 'one two' }"));
	tree = tree_substitute(&s->arena, s->diags, &s->sources, &scope,
			       parse(s, "- ${a}\n- x${a}yz\n"));
	assert_int_equal(tree->items.items[0]->at.file, 1);
	assert_int_equal(tree->items.items[1]->at.file, 2);
	node_locate_text(&s->arena, &s->sources, tree->items.items[1], &text);
	assert_string_equal(text.text, "xone twoyz");
	assert_int_equal(located_text_position(&text, 0, 1).column, 3);
	assert_int_equal(located_text_position(&text, 5, 3).column, 4);
	assert_int_equal(located_text_position(&text, 5, 3).length, 4);
	assert_int_equal(located_text_position(&text, 8, 2).column, 8);
	assert_int_equal(located_text_position(&text, 8, 2).length, 2);
	assert_int_equal(s->sources.stand_ins.count, 2);
}

static void steps_keep_what_they_do_not_change(void **state)
{
	static const struct migration_rename renames[] = {
		{ "vcpus.apic", NULL, "interrupts" },
		{ "vcpus.apic.mode", "x2apic", "x2" },
		{ "devices.serial.io", NULL, "port" },
		{ 0 },
	};
	static const struct migration_step steps[] = { { "guest", 1, renames } };
	static const char before[] = "schema: 'hvcc/guest/v1' # first\nvcpus: { apic: { mode: \"x2apic\" } } # a\n"
				     "devices:\n  serial:\n    - { id: a, io: 1 }\n    - io:   2 # io\n";
	static const char after[] = "schema: 'hvcc/guest/v2' # first\nvcpus: { interrupts: { mode: \"x2\" } } # a\n"
				    "devices:\n  serial:\n    - { id: a, port: 1 }\n    - port:   2 # io\n";
	struct state *s = *state;
	const struct node *root = parse(s, before);
	struct bytes made;
	unsigned version;

	assert_string_equal(migration_form(&s->arena, "hvcc/guest/v12", &version), "guest");
	assert_int_equal(version, 12);
	assert_null(migration_form(&s->arena, "hvcc/guest/v1x", &version));
	assert_null(migration_find(steps, 1, "guest", 2));
	assert_null(migration_find(steps, 1, "system", 1));
	made = edits_apply(migrate_step(&s->arena, root, migration_find(steps, 1, "guest", 1)),
			   source_get(&s->sources, 1));
	assert_string_equal((const char *)made.data, after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(trees_become_one, begin, end),
		cmocka_unit_test_setup_teardown(places_stay, begin, end),
		cmocka_unit_test_setup_teardown(values_are_put_in, begin, end),
		cmocka_unit_test_setup_teardown(values_keep_their_places, begin, end),
		cmocka_unit_test_setup_teardown(steps_keep_what_they_do_not_change, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
