/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libyaml's events to a located tree.
 *
 * libyaml counts characters where positions need bytes, and takes much that we do not want: two
 * equal keys, tags that change types, aliases that expand without bound. Encoding is checked
 * before libyaml sees the text, so that its messages are about structure only.
 *
 * Building recurses over collections; YAML_DEPTH bounds it. An alias is a copy of the node it
 * names (not of what hangs below), and what all aliases together would expand to is counted.
 */
#include "yaml/node.h"

#include <string.h>
#include <yaml.h>

#include "base/map.h"

/* Every 2^CHECKPOINT characters the byte offset is noted. */
#define CHECKPOINT 8

struct reader {
	struct arena *arena;
	struct diags *diags;
	const struct source *source;
	size_t start; /* bytes of a byte order mark */
	VECTOR(uint32_t) checkpoints; /* empty: all ASCII */
	yaml_parser_t parser;
	yaml_event_t event;
	struct map anchors;
	unsigned depth;
	size_t aliased, nodes;
	bool failed;
	struct position latest; /* the last place that was found */
};

/* ----------------------------------------------------------------------- encoding and places */

static struct position place(struct reader *r, size_t offset, size_t length)
{
	r->latest = source_position_from(r->diags->sources, r->latest, offset, length);
	return r->latest;
}

/* Length of the UTF-8 sequence at text, 0 when it is none (overlong, surrogate, cut, stray). */
static size_t utf8_length(const uint8_t *text, size_t left, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = text[0] < 0x80 ? 1 : text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;

	*code = length == 1 ? text[0] : text[0] & (0xffu >> (length + 1));
	if ((text[0] >= 0x80 && text[0] < 0xc2) || text[0] > 0xf4 || length > left)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (text[i] & 0x3f);
	}
	if (*code < least[length] || (*code >= 0xd800 && *code < 0xe000) || *code > 0x10ffff)
		return 0;
	return length;
}

/* YAML 1.2, production [1] c-printable. */
static bool is_printable(uint32_t code)
{
	return code == '\t' || code == '\n' || code == '\r' || (code >= 0x20 && code < 0x7f) ||
	       code == 0x85 || (code >= 0xa0 && code < 0xd800) ||
	       (code >= 0xe000 && code <= 0xfffd && code != 0xfeff) || code >= 0x10000;
}

/* Images begin like no text does. */
static void help_with_images(const struct reader *r, struct diag *d)
{
	static const char *const magics[] = { "\177ELF", "HVBLOB01" };

	for (size_t i = 0; i < sizeof(magics) / sizeof(*magics); i++)
		if (r->source->size > 8 && !memcmp(r->source->text, magics[i], strlen(magics[i])))
			diag_help(d, "this is an image or a kernel: `hvcc inspect`, `audit`, `decompile`, `diff` and `graph` take "
				  "images that `hvcc build` made");
}

static bool check_encoding(struct reader *r)
{
	const uint8_t *text = (const uint8_t *)r->source->text;
	size_t size = r->source->size, characters = 0;
	bool ascii = true;

	for (size_t i = r->start; i < size; characters++) {
		uint32_t code;
		size_t length = utf8_length(text + i, size - i, &code);

		if (!length) {
			help_with_images(r, diag_report(r->diags, YAML_ENCODING, place(r, i, 1), text[i]));
			return false;
		}
		if (!is_printable(code)) {
			help_with_images(r, diag_report(r->diags, YAML_CONTROL, place(r, i, length), code));
			return false;
		}
		ascii = ascii && length == 1;
		if (!(characters & ((1u << CHECKPOINT) - 1)))
			vector_push(r->arena, &r->checkpoints, (uint32_t)i);
		i += length;
	}
	if (ascii)
		r->checkpoints.count = 0;
	return true;
}

/* Bytes before the character with this index. */
static size_t byte_offset(const struct reader *r, size_t character)
{
	const char *text = r->source->text;
	size_t offset, rest = character & ((1u << CHECKPOINT) - 1);

	if (!r->checkpoints.count)
		return r->start + character;
	if (character >> CHECKPOINT >= r->checkpoints.count)
		return r->source->size;
	offset = r->checkpoints.items[character >> CHECKPOINT];
	while (rest && offset < r->source->size) {
		offset++;
		while (offset < r->source->size && ((uint8_t)text[offset] & 0xc0) == 0x80)
			offset++;
		rest--;
	}
	return offset;
}

/* From mark to mark, without the white space that block collections have at their end. */
static struct position between(struct reader *r, yaml_mark_t start, yaml_mark_t end)
{
	size_t first = byte_offset(r, start.index), last = byte_offset(r, end.index);

	while (last > first && strchr(" \t\r\n", r->source->text[last - 1]))
		last--;
	return place(r, first, last - first);
}

static struct position event_place(struct reader *r)
{
	return between(r, r->event.start_mark, r->event.end_mark);
}

/* -------------------------------------------------------------------------------- the events */

static void report_syntax(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	struct position at = place(r, byte_offset(r, p->problem_mark.index), 1);
	struct diag *d;

	/* Some of libyaml's failed allocations leave no error behind. */
	if (p->error == YAML_MEMORY_ERROR || p->error == YAML_NO_ERROR)
		out_of_memory();
	d = diag_report(r->diags, YAML_SYNTAX, at, p->problem ? p->problem : "unreadable");
	if (p->context && p->context_mark.index != p->problem_mark.index)
		diag_note(d, place(r, byte_offset(r, p->context_mark.index), 1), "%s", p->context);
	if (p->problem && strstr(p->problem, "cannot start any token"))
		diag_help(d, "tabs cannot indent, and a value that starts with one of "
			     "@ ` %% needs quotes");
}

/* The next event; false (reported) when there is none to be had. */
static bool next_event(struct reader *r)
{
	if (r->failed)
		return false;
	yaml_event_delete(&r->event);
	if (yaml_parser_parse(&r->parser, &r->event))
		return true;
	memset(&r->event, 0, sizeof(r->event));
	report_syntax(r);
	r->failed = true;
	return false;
}

static struct node *new_node(struct reader *r, enum node_kind kind)
{
	struct node *node = arena_new(r->arena, struct node);

	node->kind = kind;
	node->at = event_place(r);
	node->weight = 1;
	if (++r->nodes > YAML_NODES && !r->failed) {
		diag_report(r->diags, YAML_NODES, node->at, YAML_NODES);
		r->failed = true;
	}
	return node;
}

static const struct {
	const char *name;
	unsigned kinds; /* bits by enum node_kind */
	const char *belongs;
} tags[] = {
	[TAG_NONE] = { "", 0, NULL },
	[TAG_POLICY] = { "!policy", 1u << NODE_SCALAR, "a text" },
	[TAG_INCLUDE] = { "!include", 1u << NODE_SCALAR, "the name of a file" },
	[TAG_APPEND] = { "!append", 1u << NODE_LIST, "a list" },
	[TAG_REPLACE] = { "!replace", 1u << NODE_LIST | 1u << NODE_MAP, "a list or a map" },
};

const char *node_tag_name(enum node_tag tag)
{
	return tags[tag].name;
}

static void check_tag(struct reader *r, struct node *node, const yaml_char_t *tag)
{
	static const char core[] = "tag:yaml.org,2002:"; /* what `!!` stands for */
	static const char *const names[] = { "!policy", "!include", "!append", "!replace" };
	const char *text = (const char *)tag, *meant;
	struct diag *d;

	if (!text || !strcmp(text, "!"))
		return;
	for (size_t i = 1; i < sizeof(tags) / sizeof(*tags); i++) {
		if (strcmp(text, tags[i].name))
			continue;
		if (tags[i].kinds & 1u << node->kind)
			node->tag = (enum node_tag)i;
		else
			diag_report(r->diags, TAG_MISPLACED, node->at, text, tags[i].belongs);
		return;
	}
	if (!strncmp(text, core, strlen(core)))
		text = arena_printf(r->arena, "!!%s", text + strlen(core));
	d = diag_report(r->diags, YAML_TAG, node->at, text);
	meant = diag_closest(text, names, sizeof(names) / sizeof(*names));
	if (meant)
		diag_help(d, "did you mean `%s`?", meant);
	else
		diag_help(d, "leave the tag out: the schema says what type a value has; the tags are `!policy`, "
			     "`!include`, `!append` and `!replace`");
}

static void remember_anchor(struct reader *r, const yaml_char_t *anchor, struct node *node)
{
	if (anchor)
		map_put(r->arena, &r->anchors, (const char *)anchor, node);
}

static struct node *build(struct reader *r);

static enum scalar_style style_of(yaml_scalar_style_t style)
{
	switch (style) {
	case YAML_SINGLE_QUOTED_SCALAR_STYLE:
		return SCALAR_SINGLE;
	case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
		return SCALAR_DOUBLE;
	case YAML_LITERAL_SCALAR_STYLE:
		return SCALAR_LITERAL;
	case YAML_FOLDED_SCALAR_STYLE:
		return SCALAR_FOLDED;
	default:
		return SCALAR_PLAIN;
	}
}

static struct node *build_scalar(struct reader *r)
{
	struct node *node = new_node(r, NODE_SCALAR);
	const char *text = (const char *)r->event.data.scalar.value;

	node->size = r->event.data.scalar.length;
	node->style = style_of(r->event.data.scalar.style);
	node->text = arena_strndup(r->arena, text, node->size);
	if (memchr(text, 0, node->size)) {
		diag_report(r->diags, YAML_ZERO, node->at);
		node->size = strlen(node->text);
	}
	check_tag(r, node, r->event.data.scalar.tag);
	node->holds = (strstr(node->text, "${") ? HOLDS_PARAMETER : 0) |
		      (node->tag == TAG_INCLUDE ? HOLDS_INCLUDE : 0);
	remember_anchor(r, r->event.data.scalar.anchor, node);
	return node;
}

/* A copy at the alias's own place, so that messages name the use. */
static struct node *build_alias(struct reader *r)
{
	const char *name = (const char *)r->event.data.alias.anchor;
	const struct node *target = map_get(&r->anchors, name);
	struct node *node = new_node(r, NODE_SCALAR);
	struct position at = node->at;

	if (!target || !target->weight) {
		diag_report(r->diags, YAML_ALIAS, at, name);
		r->failed = true;
		return node;
	}
	r->aliased += target->weight;
	if (r->aliased > YAML_ALIASED && !r->failed) {
		diag_label(diag_report(r->diags, YAML_ALIASES, at, YAML_ALIASED),
			   "this alias stands for %zu nodes", target->weight);
		r->failed = true;
	}
	*node = *target;
	node->at = at;
	return node;
}

/* A collection while it is built has weight 0: an alias to it from inside would be endless. */
static struct node *begin_collection(struct reader *r, enum node_kind kind,
				     const yaml_char_t *anchor, const yaml_char_t *tag)
{
	struct node *node = new_node(r, kind);

	if (++r->depth > YAML_DEPTH && !r->failed) {
		diag_report(r->diags, YAML_DEPTH, node->at, YAML_DEPTH);
		r->failed = true;
	}
	check_tag(r, node, tag);
	node->weight = 0;
	remember_anchor(r, anchor, node);
	return node;
}

/* The collection ends with its last part, or with its own bracket. */
static struct node *end_collection(struct reader *r, struct node *node, size_t weight,
				   const struct node *last)
{
	size_t end = byte_offset(r, r->event.end_mark.index);

	if (last && r->event.start_mark.index == r->event.end_mark.index)
		end = last->at.offset + last->at.length;
	if (!r->failed && end > node->at.offset)
		node->at.length = (uint32_t)(end - node->at.offset);
	node->weight = weight;
	node->holds |= node->tag == TAG_APPEND || node->tag == TAG_REPLACE ? HOLDS_TAG : 0;
	r->depth--;
	return node;
}

static struct node *build_list(struct reader *r)
{
	struct node *node = begin_collection(r, NODE_LIST, r->event.data.sequence_start.anchor,
					     r->event.data.sequence_start.tag);
	struct node *item = NULL;
	size_t weight = 1;

	while (next_event(r) && r->event.type != YAML_SEQUENCE_END_EVENT) {
		item = build(r);
		weight += item->weight;
		node->holds |= item->holds;
		vector_push(r->arena, &node->items, item);
	}
	return end_collection(r, node, weight, item);
}

static bool key_is_sound(struct reader *r, const struct node *key)
{
	if (key->kind != NODE_SCALAR) {
		diag_report(r->diags, YAML_KEY, key->at);
		return false;
	}
	if (key->style == SCALAR_PLAIN && !strcmp(key->text, "<<")) {
		diag_help(diag_report(r->diags, YAML_MERGE, key->at),
			  "write the keys out; a whole value can be repeated by an alias "
			  "(`key: *anchor`)");
		return false;
	}
	return true;
}

static void add_pair(struct reader *r, struct node *map, struct map *seen, struct node *key,
		     struct node *value)
{
	struct node *before;

	if (!key_is_sound(r, key))
		return;
	before = map_get(seen, key->text);
	if (before) {
		struct diag *d = diag_report(r->diags, YAML_DUPLICATE, key->at, key->text);

		diag_label(d, "given again here");
		diag_note(d, before->at, "first given here");
		return;
	}
	map_put(r->arena, seen, key->text, key);
	vector_push(r->arena, &map->pairs, ((struct node_pair){ key, value }));
}

static struct node *build_map(struct reader *r)
{
	struct node *node = begin_collection(r, NODE_MAP, r->event.data.mapping_start.anchor,
					     r->event.data.mapping_start.tag);
	struct node *key, *value = NULL;
	struct map seen = { 0 };
	size_t weight = 1;

	while (next_event(r) && r->event.type != YAML_MAPPING_END_EVENT) {
		key = build(r);
		if (!next_event(r))
			break;
		value = build(r);
		weight += key->weight + value->weight;
		node->holds |= value->holds;
		add_pair(r, node, &seen, key, value);
	}
	return end_collection(r, node, weight, value);
}

static struct node *build(struct reader *r)
{
	switch (r->event.type) {
	case YAML_ALIAS_EVENT:
		return build_alias(r);
	case YAML_SEQUENCE_START_EVENT:
		return build_list(r);
	case YAML_MAPPING_START_EVENT:
		return build_map(r);
	default:
		return build_scalar(r);
	}
}

static struct node *read_document(struct reader *r)
{
	struct node *root = NULL;

	while (next_event(r) && r->event.type != YAML_STREAM_END_EVENT) {
		if (r->event.type != YAML_DOCUMENT_START_EVENT)
			continue;
		if (root) {
			diag_report(r->diags, YAML_DOCUMENTS, event_place(r));
			return NULL;
		}
		if (next_event(r))
			root = build(r);
	}
	if (!root && !r->failed)
		diag_report(r->diags, YAML_EMPTY, place(r, 0, 0));
	return r->failed ? NULL : root;
}

struct node *yaml_read(struct arena *arena, struct diags *diags, uint32_t file)
{
	struct reader r = {
		.arena = arena,
		.diags = diags,
		.latest = { .file = file },
		.source = source_get(diags->sources, file),
	};
	struct node *root;

	if (r.source->size >= 3 && !memcmp(r.source->text, "\xef\xbb\xbf", 3))
		r.start = 3;
	if (!check_encoding(&r))
		return NULL;
	if (!yaml_parser_initialize(&r.parser))
		out_of_memory();
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)r.source->text + r.start,
				     r.source->size - r.start);
	root = read_document(&r);
	yaml_event_delete(&r.event);
	yaml_parser_delete(&r.parser);
	return root;
}

struct node *yaml_read_text(struct arena *arena, struct diags *diags, uint32_t file)
{
	struct reader r = {
		.arena = arena,
		.diags = diags,
		.latest = { .file = file },
		.source = source_get(diags->sources, file),
	};
	struct node *node = arena_new(arena, struct node);
	const char *text = r.source->text;
	size_t size = r.source->size;

	if (!check_encoding(&r))
		return NULL;
	node->at = place(&r, 0, size);
	if (size && text[size - 1] == '\n')
		size -= size > 1 && text[size - 2] == '\r' ? 2 : 1;
	*node = (struct node){
		.kind = NODE_SCALAR,
		.style = SCALAR_FILE,
		.at = node->at,
		.text = arena_strndup(arena, text, size),
		.size = size,
		.weight = 1,
	};
	node->holds = strstr(node->text, "${") ? HOLDS_PARAMETER : 0;
	return node;
}

bool node_is_null(const struct node *node)
{
	return node->kind == NODE_SCALAR && node->style == SCALAR_PLAIN && !node->pieces &&
	       (!strcmp(node->text, "~") || !strcmp(node->text, "null"));
}

void node_sum_up(struct node *node)
{
	node->weight = 1;
	node->holds = node->tag == TAG_APPEND || node->tag == TAG_REPLACE ? HOLDS_TAG : 0;
	for (size_t i = 0; i < node->items.count; i++) {
		node->weight += node->items.items[i]->weight;
		node->holds |= node->items.items[i]->holds;
	}
	for (size_t i = 0; i < node->pairs.count; i++) {
		node->weight += 1 + node->pairs.items[i].value->weight;
		node->holds |= node->pairs.items[i].value->holds;
	}
}

struct node *node_get(const struct node *node, const char *key)
{
	if (!node || node->kind != NODE_MAP)
		return NULL;
	for (size_t i = 0; i < node->pairs.count; i++)
		if (!strcmp(node->pairs.items[i].key->text, key))
			return node->pairs.items[i].value;
	return NULL;
}
