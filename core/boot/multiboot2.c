/* SPDX-License-Identifier: Apache-2.0 */
/* The multiboot2 hand-off: a list of tags (Multiboot2 specification, 3.6 Boot information
 * format). */
#include "boot/handoff.h"

#include "lib/bits.h"
#include "lib/format.h"
#include "lib/string.h"

enum tag_type {
	TAG_END = 0,
	TAG_COMMAND_LINE = 1,
	TAG_MEMORY_MAP = 6,
	TAG_RSDP_OLD = 14, /* ACPI 1.0 */
	TAG_RSDP_NEW = 15,
};

struct tag {
	uint32_t type;
	uint32_t size; /* with this header */
};

struct map_tag {
	struct tag tag;
	uint32_t entry_size;
	uint32_t entry_version;
};

struct map_entry {
	uint64_t base;
	uint64_t size;
	uint32_t type;
	uint32_t reserved;
};

static void read_map(const struct map_tag *t, struct handoff *h)
{
	const uint8_t *p = (const uint8_t *)(t + 1);
	uint32_t left = t->tag.size - (uint32_t)sizeof(*t);

	if (t->tag.size < sizeof(*t) || t->entry_size < sizeof(struct map_entry))
		return;
	for (; left >= t->entry_size; left -= t->entry_size, p += t->entry_size) {
		const struct map_entry *e = (const struct map_entry *)p;

		memory_map_add(&h->map, e->base, e->size, e->type);
	}
}

static void read_rsdp(const struct tag *t, struct handoff *h)
{
	uint32_t size = min_of(t->size - (uint32_t)sizeof(*t), (uint32_t)sizeof(h->rsdp));

	/* The newer one is as good as the older and has the XSDT. */
	if (size < 20 || size < h->rsdp_size)
		return;
	memcpy(h->rsdp, t + 1, size);
	h->rsdp_size = size;
}

static void read_tag(const struct tag *t, struct handoff *h)
{
	switch (t->type) {
	case TAG_COMMAND_LINE:
		format(h->command_line, sizeof(h->command_line), "%.*s",
		       (int)min_of(t->size - (uint32_t)sizeof(*t), (uint32_t)HANDOFF_COMMAND_LINE),
		       (const char *)(t + 1));
		break;
	case TAG_MEMORY_MAP:
		read_map((const struct map_tag *)t, h);
		break;
	case TAG_RSDP_OLD:
	case TAG_RSDP_NEW:
		read_rsdp(t, h);
		break;
	}
}

enum status multiboot2_read(uint64_t info, struct handoff *h)
{
	const uint32_t *head = handoff_view(info, 8);
	const uint8_t *p;
	uint64_t at = 8;
	uint32_t total;

	if (!head)
		return trace_error(STATUS_CORRUPT);
	total = head[0];
	p = handoff_view(info, total);
	if (!p)
		return trace_error(STATUS_CORRUPT);
	h->protocol = "multiboot2";
	while (range_fits(at, sizeof(struct tag), total)) {
		const struct tag *t = (const struct tag *)(p + at);

		if (t->size < sizeof(*t) || !range_fits(at, t->size, total) || t->type == TAG_END)
			break;
		read_tag(t, h);
		at = align_up(at + t->size, 8);
	}
	return h->map.count ? STATUS_OK : trace_error(STATUS_CORRUPT);
}
