/* SPDX-License-Identifier: Apache-2.0 */
/* Words of the model's enums, and places inside long texts. */
#include "model/model.h"

#define NAMES(type, ...)                                                                           \
	const char *type##_name(enum type value)                                                   \
	{                                                                                          \
		static const char *const names[] = { __VA_ARGS__ };                                \
		return (size_t)value < sizeof(names) / sizeof(*names) ? names[value] : "?";        \
	}

NAMES(apic_mode, "xapic", "x2apic")
NAMES(region_kind, "ram", "reserved")
NAMES(boot_protocol, "auto", "linux", "pvh", "multiboot1", "multiboot2", "raw")
NAMES(raw_mode, "real", "protected", "long")
NAMES(serial_model, "ns16550a")
NAMES(serial_backend, "console", "none")
NAMES(timer, "pit", "hpet")
NAMES(event_action, "destroy", "restart", "preserve")
NAMES(pv, "kvm")
NAMES(log_level, "error", "warning", "info", "debug")

static size_t file_offset(const struct located_text *text, size_t offset)
{
	const struct text_segment *segment = &text->segments.items[0];

	for (size_t i = 1; i < text->segments.count; i++) {
		if (text->segments.items[i].text_offset > offset)
			break;
		segment = &text->segments.items[i];
	}
	return segment->file_offset + (offset - segment->text_offset);
}

struct position located_text_position(const struct located_text *text, size_t offset,
				      size_t length)
{
	size_t first, last;

	if (!text->segments.count)
		return text->where.at;
	first = file_offset(text, offset);
	last = length ? file_offset(text, offset + length - 1) + 1 : first;
	return source_position(text->sources, text->where.at.file, first,
			       last > first ? last - first : 0);
}
