/* SPDX-License-Identifier: Apache-2.0 */
/* Files to one tree: includes first, then bases from the first to the last, then parameters. */
#include "model/compose.h"

#include <stdlib.h>
#include <string.h>

#include "validate/lint.h"
#include "validate/validate.h"

/* A document, or a guest written out in a system, with all that it extends. */
struct assembly {
	const struct node *own, *merged;
	struct map used; /* names of parameters in it and in its bases */
	bool extends, sound, template;
};

/* A file, read once. */
struct part {
	const char *identity, *path;
	uint32_t source;
	const struct node *tree; /* with what it includes; NULL: it has none (reported) */
	const struct schema_document *form; /* of a document, once it is known */
	struct assembly assembly;
	bool formed, extended, checked;
};

/* The way from the top document to a file. */
struct chain {
	const struct chain *up;
	const struct part *part;
	struct position named_at;
	const char *verb;
	unsigned depth;
};

/* -------------------------------------------------------------------------------------- files */

static const char *identify_on_disk(void *context, struct arena *arena, const char *path)
{
	(void)context;
	return path_identity(arena, path);
}

static const char *read_from_disk(void *context, struct arena *arena, const char *path, size_t limit,
				  struct bytes *bytes)
{
	(void)context;
	return read_file(arena, path, limit, bytes);
}

const struct file_access disk_access = { identify_on_disk, read_from_disk, NULL };

static bool is_yaml(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml"));
}

static void report_cycle(const struct composer *c, const struct chain *chain,
			 const struct chain *first, struct position at, const char *name)
{
	struct diag *d = diag_report(c->diags, EXTENDS_CYCLE, at, name);
	const struct chain *links[COMPOSE_DEPTH + 1];
	size_t count = 0;

	for (; chain != first && count < COMPOSE_DEPTH; chain = chain->up)
		links[count++] = chain;
	while (count--)
		diag_note(d, links[count]->named_at, "%s `%s`", links[count]->verb,
			  links[count]->part->path);
}

static const char *bound_name(const struct composer *c)
{
	return c->root ? arena_printf(c->arena, "`%s`", c->root)
		       : arena_printf(c->arena, "the folder of `%s`", c->top_path);
}

static bool may_open(const struct composer *c, const struct chain *chain, enum opened how,
		     const char *identity, struct position at, const char *name)
{
	for (const struct chain *link = chain; link; link = link->up)
		if (!strcmp(link->part->identity, identity)) {
			report_cycle(c, chain, link, at, name);
			return false;
		}
	if (chain && chain->depth >= COMPOSE_DEPTH) {
		diag_report(c->diags, INCLUDE_DEPTH, at, name, COMPOSE_DEPTH);
		return false;
	}
	if (how == OPENED || path_lies_below(c->root ? c->root : c->top, identity))
		return true;
	diag_help(diag_report(c->diags, OUTSIDE, at, name, bound_name(c)),
		  "`--root DIR` allows all files below DIR");
	return false;
}

static struct node *expand(struct composer *c, const struct chain *chain, const struct node *node);

static bool check_size(struct composer *c, size_t nodes, struct position at, const char *name)
{
	c->nodes = nodes > COMPOSE_NODES ? COMPOSE_NODES + 1 : c->nodes + nodes;
	if (c->nodes <= COMPOSE_NODES)
		return true;
	diag_report(c->diags, INCLUDE_SIZE, at, name, (size_t)COMPOSE_NODES, "values");
	return false;
}

static void read_tree(struct composer *c, const struct chain *chain, struct part *part,
		      struct bytes bytes, enum opened how, struct position at)
{
	struct source *source;

	part->source = source_add(c->sources, part->path, (const char *)bytes.data, bytes.size);
	source = &c->sources->files.items[part->source];
	source->opened = how;
	source->opened_at = at;
	source->bound = c->root ? c->root : c->top;
	source->bound_name = bound_name(c);
	part->tree = how == OPENED_TEXT ? yaml_read_text(c->arena, c->diags, part->source)
					: yaml_read(c->arena, c->diags, part->source);
	if (!part->tree || !(part->tree->holds & HOLDS_INCLUDE))
		return;
	part->tree = expand(c, &(struct chain){ chain, part, at, "includes", chain ? chain->depth + 1 : 1 },
			    part->tree);
	if (part->tree->weight > YAML_NODES) {
		diag_report(c->diags, INCLUDE_SIZE, at, part->path, (size_t)YAML_NODES, "values");
		part->tree = NULL;
	}
}

/* The file, read now or before; NULL after a report. `at`: where it is named. */
static struct part *open_part(struct composer *c, const struct chain *chain, const char *path,
			      const char *name, enum opened how, struct position at)
{
	const char *real = c->access->identify(c->access->context, c->arena, path);
	const char *identity = real ? real : path, *error; /* a pipe has no name of its own */
	const char *key = how == OPENED_TEXT ? arena_printf(c->arena, "text %s", identity) : identity;
	struct part *part = map_get(&c->files, key);
	struct bytes bytes;

	/* What is not there lies nowhere. */
	if (real && !may_open(c, chain, how, identity, at, name))
		return NULL;
	if (part)
		return part;
	error = c->access->read(c->access->context, c->arena, path, YAML_SIZE, &bytes);
	if (error) {
		diag_report(c->diags, FILE_UNREADABLE, at, name, error);
		return NULL;
	}
	if (!real && !may_open(c, chain, how, identity, at, name))
		return NULL;
	c->bytes += bytes.size;
	if (c->bytes > COMPOSE_BYTES && how != OPENED) {
		diag_report(c->diags, INCLUDE_SIZE, at, name, COMPOSE_BYTES >> 20, "MiB");
		return NULL;
	}
	part = arena_new(c->arena, struct part);
	part->identity = identity;
	part->path = arena_strdup(c->arena, path);
	map_put(c->arena, &c->files, key, part);
	read_tree(c, chain, part, bytes, how, at);
	return part;
}

/* Relative to the file where it is written. */
static struct part *open_named(struct composer *c, const struct chain *chain, const struct node *name,
			       enum opened how)
{
	const char *file = source_get(c->sources, name->at.file)->path;

	return open_part(c, chain, path_relative_to(c->arena, file, name->text), name->text, how,
			 name->at);
}

/* ----------------------------------------------------------------------------------- includes */

static struct node *include(struct composer *c, const struct chain *chain, const struct node *node)
{
	struct part *part = open_named(c, chain, node,
				       is_yaml(node->text) ? OPENED_INCLUDED : OPENED_TEXT);
	struct node *nothing;

	if (part && part->tree)
		return (struct node *)part->tree;
	nothing = arena_new(c->arena, struct node);
	*nothing = *node;
	nothing->tag = TAG_NONE;
	nothing->holds = 0;
	nothing->missing = true;
	return nothing;
}

static struct node *expand(struct composer *c, const struct chain *chain, const struct node *node)
{
	struct node *made;

	if (!(node->holds & HOLDS_INCLUDE))
		return (struct node *)node;
	if (node->tag == TAG_INCLUDE)
		return include(c, chain, node);
	made = arena_new(c->arena, struct node);
	*made = *node;
	memset(&made->items, 0, sizeof(made->items));
	memset(&made->pairs, 0, sizeof(made->pairs));
	for (size_t i = 0; i < node->items.count; i++)
		vector_push(c->arena, &made->items, expand(c, chain, node->items.items[i]));
	for (size_t i = 0; i < node->pairs.count; i++)
		vector_push(c->arena, &made->pairs,
			    ((struct node_pair){ node->pairs.items[i].key,
						 expand(c, chain, node->pairs.items[i].value) }));
	node_sum_up(made);
	return made;
}

/* -------------------------------------------------------------------------------------- bases */

static const char *const own_keys[] = { "extends", "template", "params" };

#define OWN_KEYS (sizeof(own_keys) / sizeof(*own_keys))

/* Without the keys that say how the document is made. */
static const struct node *without_own(struct composer *c, const struct node *map)
{
	for (size_t i = 0; i < OWN_KEYS; i++)
		map = tree_without(c->arena, map, own_keys[i]);
	return map;
}

/* Here `~` is no deletion: it declares a parameter. */
static const struct node *merge_parameters(struct composer *c, const struct node *lower,
					   const struct node *upper)
{
	if (!lower || !upper)
		return lower ? lower : upper;
	for (size_t i = 0; i < upper->pairs.count; i++)
		lower = tree_with(c->arena, lower, upper->pairs.items[i].key,
				  upper->pairs.items[i].value);
	return lower;
}

/* One document over another, parameters apart. */
static const struct node *lay_over(struct composer *c, const struct node *lower,
				   const struct node *upper)
{
	static const struct node params = { .text = "params" };
	const struct node *of_lower = node_get(lower, "params"), *of_upper = node_get(upper, "params");
	const struct node *names = merge_parameters(c, of_lower, of_upper);
	const struct node *merged = tree_merge(c->arena, without_own(c, lower), without_own(c, upper));

	return names ? tree_with(c->arena, merged, &params, names) : merged;
}

static void add_names(struct arena *arena, struct map *to, const struct map *from)
{
	for (size_t i = 0; i < from->capacity; i++)
		if (from->slots[i].key)
			map_put(arena, to, from->slots[i].key, from->slots[i].value);
}

static bool extend(struct composer *c, const struct chain *chain, const struct node *own,
		   const struct schema_document *form, struct assembly *assembly);

static const struct schema_document *form_of_part(struct composer *c, struct part *part)
{
	if (!part->formed && part->tree)
		part->form = validate_form(c->diags, part->tree);
	part->formed = true;
	return part->form;
}

/* The part as something that is extended: of that form, and good as far as it goes. */
static const struct assembly *extend_part(struct composer *c, const struct chain *chain,
				      struct part *part, struct position at)
{
	if (!part->extended) {
		part->extended = true;
		extend(c, &(struct chain){ chain, part, at, "extends", chain ? chain->depth + 1 : 1 },
		       part->tree, part->form, &part->assembly);
	}
	return &part->assembly;
}

static const struct assembly *open_base(struct composer *c, const struct chain *chain,
				    const struct node *name, const struct schema_document *form)
{
	struct part *part = open_named(c, chain, name, OPENED_BASE);
	const struct assembly *assembly;

	if (!part || !form_of_part(c, part))
		return NULL;
	if (part->form != form) {
		diag_report(c->diags, WRONG_FORM, name->at, name->text, part->form->form, form->form);
		return NULL;
	}
	assembly = extend_part(c, chain, part, name->at);
	if (!part->checked)
		part->assembly.sound &= validate_base(c->arena, c->diags, form->schema, part->tree);
	part->checked = true;
	return check_size(c, assembly->merged->weight, name->at, name->text) ? assembly : NULL;
}

/* The keys of this pass itself, since they are used before the schema is held against the whole. */
static bool check_own_keys(struct composer *c, const struct schema_document *form,
			   const struct node *own)
{
	bool sound = true;

	for (size_t i = 0; i < OWN_KEYS; i++) {
		const struct node *node = node_get(own, own_keys[i]);

		if (node)
			sound &= validate_key(c->arena, c->diags, form->schema, own_keys[i], node);
	}
	return sound;
}

/* Fills in a assembly; false when not all that it extends could be had. */
static bool extend(struct composer *c, const struct chain *chain, const struct node *own,
		   const struct schema_document *form, struct assembly *assembly)
{
	const struct node *bases = node_get(own, "extends"), *template = node_get(own, "template");
	const struct node *lower = NULL;

	*assembly = (struct assembly){ .own = own, .merged = own };
	if (!schema_key_find(form->schema, "extends"))
		return assembly->sound = true;
	tree_parameters(c->arena, own, &assembly->used);
	if (!check_own_keys(c, form, own)) {
		assembly->merged = without_own(c, own);
		return false;
	}
	assembly->sound = true;
	assembly->template = template && !strcmp(template->text, "true");
	assembly->extends = bases;
	for (size_t i = 0; bases && i < bases->items.count; i++) {
		const struct assembly *base = open_base(c, chain, bases->items.items[i], form);

		assembly->sound &= base && base->sound;
		if (!base)
			continue;
		add_names(c->arena, &assembly->used, &base->used);
		lower = lower ? lay_over(c, lower, base->merged) : base->merged;
	}
	if (lower)
		assembly->merged = lay_over(c, lower, own);
	return assembly->sound;
}

/* --------------------------------------------------------------------------------- the result */

static const struct node *finish(struct composer *c, const struct chain *chain, struct assembly *assembly,
				 const struct schema_document *form, const struct scope *around);

static const struct schema_document *guest_form(void)
{
	for (size_t i = 0; i < schema_document_count; i++)
		if (schema_documents[i].schema == &schema_guest)
			return &schema_documents[i];
	abort();
}

/* A guest that is written out in a system may extend templates of its own. */
static const struct node *finish_guest(struct composer *c, const struct chain *chain,
				       const struct node *item, const struct scope *around,
				       bool *sound)
{
	const struct node *template;
	struct assembly assembly;

	if (item->kind != NODE_MAP || (!node_get(item, "extends") && !node_get(item, "params")))
		return item;
	*sound &= extend(c, chain, item, guest_form(), &assembly);
	template = node_get(item, "template");
	if (assembly.template)
		diag_report(c->diags, TEMPLATE_BUILT, template->at, "the guest");
	assembly.template = false;
	return finish(c, chain, &assembly, guest_form(), around);
}

static const struct node *finish_guests(struct composer *c, const struct chain *chain,
					const struct node *root, const struct scope *around,
					bool *sound)
{
	static const struct node key = { .text = "guests" };
	const struct node *guests = node_get(root, "guests");
	struct node *made;

	if (!guests || guests->kind != NODE_LIST)
		return root;
	made = arena_new(c->arena, struct node);
	*made = *guests;
	memset(&made->items, 0, sizeof(made->items));
	for (size_t i = 0; i < guests->items.count; i++)
		vector_push(c->arena, &made->items,
			    (struct node *)finish_guest(c, chain, guests->items.items[i], around, sound));
	node_sum_up(made);
	return tree_with(c->arena, root, &key, made);
}

static struct position asked_at(const struct node *own)
{
	const struct node *place = node_get(own, "params");

	if (!place)
		place = node_get(own, "extends");
	return place ? place->at : own->at;
}

/* Parameters become values, and what nothing settled is reported. */
static const struct node *finish(struct composer *c, const struct chain *chain, struct assembly *assembly,
				 const struct schema_document *form, const struct scope *around)
{
	size_t room = PARAMETER_ROOM;
	struct scope scope = {
		.around = around,
		.room = around ? around->room : &room,
		.asked_at = asked_at(assembly->own),
	};
	const struct node *root = assembly->merged;

	scope_fill(c->arena, &scope, node_get(root, "params"));
	if (form->schema == &schema_system && !assembly->template)
		root = finish_guests(c, chain, root, &scope, &assembly->sound);
	root = without_own(c, root);
	if (assembly->template)
		tree_check_parameters(c->arena, c->diags, c->sources, &scope, root);
	else
		root = tree_substitute(c->arena, c->diags, c->sources, &scope, root);
	if (assembly->sound)
		scope_report_unused(c->diags, &scope, &assembly->used);
	if (!assembly->template && (assembly->extends || root->holds & HOLDS_TAG))
		root = tree_settle(c->arena, c->diags, root, assembly->extends);
	return root;
}

static void hold_against_schema(struct composer *c, struct composed *composed)
{
	const struct schema *schema = composed->form->schema;
	const struct node *left;
	bool valid;

	if (composed->template) {
		composed->sound &= validate_base(c->arena, c->diags, schema, composed->root);
		return;
	}
	left = validate_usable(c->arena, c->diags, schema, composed->root, &valid);
	composed->usable = composed->sound && left;
	composed->sound &= valid;
	if (composed->usable)
		composed->root = left;
}

static struct composed compose_part(struct composer *c, struct part *part, struct position at)
{
	struct chain chain = { NULL, part, at, "is", 1 };
	size_t before = diag_errors(c->diags), findings;
	struct composed composed = { .form = form_of_part(c, part) };

	if (!composed.form)
		return composed;
	composed.root = part->tree;
	if (schema_key_find(composed.form->schema, "extends")) {
		struct assembly assembly = *extend_part(c, NULL, part, at);

		composed.root = finish(c, &chain, &assembly, composed.form, NULL);
		composed.template = assembly.template;
		composed.sound = assembly.sound && diag_errors(c->diags) == before;
	} else {
		/* The patches of tests are settled where they are laid over something. */
		if (part->tree->holds & HOLDS_TAG && composed.form->schema != &schema_test)
			composed.root = tree_settle(c->arena, c->diags, part->tree, false);
		composed.sound = true;
	}
	if (c->patch && !position_known(at))
		composed.root = tree_settle(c->arena, c->diags,
					    tree_merge(c->arena, composed.root, c->patch), true);
	lint_begin(c->diags, composed.form->schema, composed.root, !position_known(at));
	findings = c->diags->list.count;
	c->diags->subject = composed.form->schema == &schema_guest ? composed.root->at : (struct position){ 0 };
	hold_against_schema(c, &composed);
	c->diags->subject = (struct position){ 0 };
	diags_drop_repeats(c->diags, findings);
	return composed;
}

struct composed compose(struct composer *c, const char *path, struct position named_at)
{
	struct part *part;
	const char *real;

	if (!position_known(named_at)) {
		c->top_path = path;
		real = c->access->identify(c->access->context, c->arena, path);
		c->top = path_folder(c->arena, real ? real : path);
		c->nodes = 0;
		c->bytes = 0;
	}
	part = open_part(c, NULL, path, path, OPENED, named_at);
	if (!part)
		return (struct composed){ .unreadable = true };
	return part->tree ? compose_part(c, part, named_at) : (struct composed){ 0 };
}
