/* SPDX-License-Identifier: Apache-2.0 */
/* Field by field, by the tables of emit/record.h. */
#include "audit/same.h"

#include <string.h>

#include "base/bytes.h"
#include "emit/record.h"

struct comparison {
	const struct image *a, *b;
	struct differences found;
};

static void differ(struct comparison *c, const char *text)
{
	if (c->found.list.count < MOST_DIFFERENCES)
		vector_push(c->a->arena, &c->found.list, text);
	else
		c->found.more++;
}

/* Files keep their names, not the folders they were in. */
static const char *last_part(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash ? slash + 1 : name;
}

static bool is_file_name(unsigned int section)
{
	return section == HV_SECTION_LOADS || section == HV_SECTION_PAYLOADS;
}

static const char *value_text(const struct image *image, const struct record_field *field,
			      struct bytes value)
{
	if (field->kind == FIELD_STRING)
		return image_text(image, bytes_u32(value, 0));
	if (value.size <= 8)
		return arena_printf(image->arena, "0x%llx",
				    (unsigned long long)bytes_little(value, 0, (unsigned int)value.size));
	return "other bytes";
}

static bool same_text(const struct comparison *c, unsigned int section, struct bytes a, struct bytes b)
{
	const char *left = image_text(c->a, bytes_u32(a, 0)), *right = image_text(c->b, bytes_u32(b, 0));

	if (is_file_name(section))
		return !strcmp(last_part(left), last_part(right));
	return !strcmp(left, right);
}

/* Positions differ, and with their number the places of what lies behind them. */
static bool is_place(unsigned int section, const struct record_field *field)
{
	return field->kind == FIELD_POSITION ||
	       (section == HV_SECTION_PAYLOADS && !strcmp(field->name, "offset"));
}

static void compare_field(struct comparison *c, unsigned int section, uint32_t index,
			  const struct record_field *field, struct bytes a, struct bytes b)
{
	size_t size = (size_t)field->size * field->count;
	struct bytes left = bytes_part(a, field->offset, size);
	struct bytes right = bytes_part(b, field->offset, size);
	bool same = field->kind == FIELD_STRING ? same_text(c, section, left, right) :
						  !memcmp(left.data, right.data, size);

	if (!same && !is_place(section, field))
		differ(c, arena_printf(c->a->arena, "%s[%u].%s: %s, not %s",
				       record_types[section].section, index, field->name,
				       value_text(c->b, field, right), value_text(c->a, field, left)));
}

static struct bytes record_of(const struct image *image, unsigned int section, uint32_t index)
{
	const struct hv_section *s = &image->header.sections[section];

	return bytes_part(image->blob, s->offset + (uint64_t)index * s->record_size, s->record_size);
}

static void compare_section(struct comparison *c, unsigned int section)
{
	uint32_t count = c->a->counts[section], other = c->b->counts[section];
	const char *name = record_types[section].section;
	bool fields = record_types[section].fields;

	if (section == HV_SECTION_STRINGS || section == HV_SECTION_POSITIONS)
		return;
	if (count != other) {
		differ(c, arena_printf(c->a->arena, "%s: %u, not %u", name, other, count));
		return;
	}
	if (!fields && count &&
	    memcmp(record_of(c->a, section, 0).data, record_of(c->b, section, 0).data,
		   (size_t)count * record_types[section].size))
		differ(c, arena_printf(c->a->arena, "%s: other contents", name));
	for (uint32_t i = 0; fields && i < count; i++)
		for (const struct record_field *f = record_types[section].fields; f->name; f++)
			compare_field(c, section, i, f, record_of(c->a, section, i),
				      record_of(c->b, section, i));
}

struct differences same_records(const struct image *a, const struct image *b)
{
	struct comparison c = { .a = a, .b = b };

	for (unsigned int section = 0; section < HV_SECTION_USED; section++)
		compare_section(&c, section);
	return c.found;
}
