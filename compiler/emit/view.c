/* SPDX-License-Identifier: Apache-2.0 */
/* From bytes to fields. Order is kept: objects print in the order of hvblob.h. */
#include "emit/view.h"

#include <sodium/crypto_hash_sha256.h>
#include <string.h>

#include "emit/record.h"
#include "base/bytes.h"

static const char *check_hash(const struct blob_view *view)
{
	struct hv_header plain = view->header;
	crypto_hash_sha256_state state;
	uint8_t hash[32];

	memset(plain.sha256, 0, sizeof(plain.sha256));
	memset(plain.signature, 0, sizeof(plain.signature));
	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, (const uint8_t *)&plain, sizeof(plain));
	crypto_hash_sha256_update(&state, view->blob.data + sizeof(plain),
				  view->header.total_size - sizeof(plain));
	crypto_hash_sha256_final(&state, hash);
	return memcmp(hash, view->header.sha256, sizeof(hash)) ?
		       "is damaged: its hash does not match its contents" :
		       NULL;
}

const char *view_open(struct bytes blob, struct blob_view *view)
{
	const struct hv_header *header = &view->header;

	*view = (struct blob_view){ .blob = blob };
	if (!bytes_hold(blob, 0, sizeof(*header)))
		return "is too short for a blob";
	memcpy(&view->header, blob.data, sizeof(view->header));
	if (header->magic != HV_HEADER_MAGIC)
		return "is no blob";
	if (header->abi != HV_ABI || header->section_count != HV_SECTION_USED)
		return "is a blob of another revision";
	if (header->total_size < sizeof(*header) || !bytes_hold(blob, 0, header->total_size) ||
	    !bytes_hold(blob, 0, header->image_size) || header->total_size > header->image_size)
		return "is truncated";
	for (unsigned int i = 0; i < HV_SECTION_USED; i++) {
		const struct hv_section *section = &header->sections[i];
		struct bytes records = { blob.data, header->total_size };

		if (section->record_size != record_types[i].size ||
		    !bytes_hold(records, section->offset,
				(uint64_t)section->count * section->record_size))
			return "is damaged: a section does not lie inside";
	}
	return check_hash(view);
}

/* A record's bytes; empty outside of the section. */
static struct bytes record_at(const struct blob_view *view, enum hv_section_id id, uint32_t index)
{
	const struct hv_section *section = &view->header.sections[id];

	if (index >= section->count)
		return (struct bytes){ 0 };
	return bytes_part(view->blob, section->offset + (uint64_t)index * section->record_size,
			  section->record_size);
}

static json_t *text_json(const struct blob_view *view, uint32_t offset)
{
	const struct hv_section *section = &view->header.sections[HV_SECTION_STRINGS];
	struct bytes strings = bytes_part(view->blob, section->offset, section->count);
	struct bytes rest = bytes_part(strings, offset, strings.size);
	json_t *value = json_stringn((const char *)rest.data,
				     rest.size ? strnlen((const char *)rest.data, rest.size) : 0);

	return value ? value : json_string("(no UTF-8)");
}

static json_t *position_json(const struct blob_view *view, uint32_t index)
{
	struct bytes bytes = record_at(view, HV_SECTION_POSITIONS, index);
	struct hv_position position;
	json_t *file, *value;

	if (!index || !bytes.size)
		return json_null();
	memcpy(&position, bytes.data, sizeof(position));
	file = text_json(view, position.file);
	value = json_sprintf("%s:%u:%u", json_string_value(file), position.line, position.column);
	json_decref(file);
	return value;
}

static json_t *hex_json(uint64_t value)
{
	return json_sprintf("0x%llx", (unsigned long long)value);
}

static json_t *number_json(uint64_t value, uint32_t size)
{
	if (size == 4 && value == HV_NONE)
		return json_null();
	return json_integer((json_int_t)value);
}

static json_t *word_json(uint64_t value, const char *const *words)
{
	for (uint64_t i = 0; words[i]; i++)
		if (i == value)
			return json_string(words[i]);
	return hex_json(value);
}

static json_t *flags_json(uint64_t value, const char *const *words)
{
	json_t *list = json_array();

	for (unsigned int i = 0; words[i]; i++) {
		if (value & 1ull << i)
			json_array_append_new(list, json_string(words[i]));
		value &= ~(1ull << i);
	}
	if (value)
		json_array_append_new(list, hex_json(value));
	return list;
}

static json_t *hash_json(struct bytes bytes)
{
	char text[2 * 64 + 1] = "";

	for (size_t i = 0; i < bytes.size && i < 64; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes.data[i]);
	return json_string(text);
}

static json_t *event_json(struct bytes bytes)
{
	static const char *const actions[] = { "destroy", "restart", "preserve", NULL };
	json_t *event = json_object();

	json_object_set_new(event, "action", word_json(bytes_u32(bytes, 0), actions));
	json_object_set_new(event, "max_restarts", json_integer(bytes_u32(bytes, 4)));
	json_object_set_new(event, "window_ms", json_integer(bytes_u32(bytes, 8)));
	json_object_set_new(event, "then", word_json(bytes_u16(bytes, 12), actions));
	json_object_set_new(event, "dump", json_boolean(bytes_u16(bytes, 14)));
	return event;
}

static json_t *segment_json(struct bytes bytes)
{
	struct hv_segment segment;

	memcpy(&segment, bytes.data, sizeof(segment));
	return json_sprintf("%04x base 0x%llx limit 0x%x attributes 0x%x", segment.selector,
			    (unsigned long long)segment.base, segment.limit, segment.attributes);
}

static json_t *run_json(struct bytes bytes, const struct record_field *field)
{
	return json_sprintf("%s[%u..%u)", record_types[field->of].section, bytes_u32(bytes, 0),
			    bytes_u32(bytes, 0) + bytes_u32(bytes, 4));
}

static json_t *element_json(const struct blob_view *view, const struct record_field *field,
			    struct bytes bytes)
{
	uint64_t value = bytes.size <= 8 ? bytes_little(bytes, 0, (unsigned int)bytes.size) : 0;

	switch ((enum field_kind)field->kind) {
	case FIELD_NUMBER:
		return number_json(value, field->size);
	case FIELD_HEX:
		return hex_json(value);
	case FIELD_STRING:
		return text_json(view, (uint32_t)value);
	case FIELD_POSITION:
		return position_json(view, (uint32_t)value);
	case FIELD_RUN:
		return run_json(bytes, field);
	case FIELD_WORD:
		return word_json(value, field->words);
	case FIELD_FLAGS:
		return flags_json(value, field->words);
	case FIELD_HASH:
		return hash_json(bytes);
	case FIELD_EVENT:
		return event_json(bytes);
	case FIELD_SEGMENT:
		return segment_json(bytes);
	}
	return json_null();
}

static json_t *field_json(const struct blob_view *view, const struct record_field *field,
			  struct bytes record)
{
	json_t *list;

	if (field->count == 1)
		return element_json(view, field, bytes_part(record, field->offset, field->size));
	list = json_array();
	for (unsigned int i = 0; i < field->count; i++)
		json_array_append_new(
			list, element_json(view, field,
					   bytes_part(record, field->offset + i * field->size,
						      field->size)));
	return list;
}

static json_t *section_json(const struct blob_view *view, enum hv_section_id id)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < view->header.sections[id].count; i++) {
		struct bytes record = record_at(view, id, i);
		json_t *object = json_object();

		for (const struct record_field *f = record_types[id].fields; f->name; f++)
			json_object_set_new(object, f->name, field_json(view, f, record));
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *header_json(const struct blob_view *view)
{
	const struct hv_header *header = &view->header;
	json_t *object = json_object(), *sections = json_object();

	json_object_set_new(object, "abi", json_integer(header->abi));
	json_object_set_new(object, "signed", json_boolean(header->flags & HV_HEADER_SIGNED));
	json_object_set_new(object, "total_size", json_integer((json_int_t)header->total_size));
	json_object_set_new(object, "image_size", json_integer((json_int_t)header->image_size));
	json_object_set_new(object, "sha256", hash_json((struct bytes){ header->sha256, 32 }));
	for (unsigned int i = 0; i < HV_SECTION_USED; i++) {
		json_t *section = json_object();

		json_object_set_new(section, "offset", hex_json(header->sections[i].offset));
		json_object_set_new(section, "count", json_integer(header->sections[i].count));
		json_object_set_new(sections, record_types[i].section, section);
	}
	json_object_set_new(object, "sections", sections);
	return object;
}

json_t *view_json(const struct blob_view *view, const char *only)
{
	json_t *root = json_object();
	bool found = false;

	if (!only || !strcmp(only, "header")) {
		json_object_set_new(root, "header", header_json(view));
		found = true;
	}
	for (unsigned int i = 0; i < HV_SECTION_USED; i++) {
		const char *name = record_types[i].section;

		if (!record_types[i].fields || (only && strcmp(only, name)))
			continue;
		json_object_set_new(root, name, section_json(view, i));
		found = true;
	}
	if (found)
		return root;
	json_decref(root);
	return NULL;
}

/* ------------------------------------------------------------------------------------- as text */

/* Scalars and lists of scalars fit on one line. */
static void print_scalar(FILE *stream, const json_t *value)
{
	const json_t *item;
	size_t i;

	if (json_is_string(value))
		fputs(json_string_value(value), stream);
	else if (json_is_integer(value))
		fprintf(stream, "%lld", (long long)json_integer_value(value));
	else if (json_is_boolean(value))
		fputs(json_is_true(value) ? "yes" : "no", stream);
	else if (json_is_array(value))
		json_array_foreach(value, i, item) {
			fputs(i ? ", " : "", stream);
			print_scalar(stream, item);
		}
	else
		fputc('-', stream);
}

static void print_members(FILE *stream, json_t *object, int depth)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value) {
		if (json_is_object(value)) {
			fprintf(stream, "%*s%s\n", 2 * depth, "", key);
			print_members(stream, value, depth + 1);
			continue;
		}
		fprintf(stream, "%*s%-*s ", 2 * depth, "", 16, key);
		print_scalar(stream, value);
		fputc('\n', stream);
	}
}

void view_print(FILE *stream, const json_t *root)
{
	const char *section;
	json_t *list, *record;
	size_t i;

	json_object_foreach((json_t *)(uintptr_t)root, section, list) {
		if (json_is_object(list)) {
			fprintf(stream, "%s\n", section);
			print_members(stream, list, 1);
			continue;
		}
		json_array_foreach(list, i, record) {
			fprintf(stream, "%s[%zu]\n", section, i);
			print_members(stream, record, 1);
		}
	}
}
