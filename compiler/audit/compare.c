/* SPDX-License-Identifier: Apache-2.0 */
/* Two sorted lists of facts, merged; then words for what is in one only, or other in both. */
#include "audit/compare.h"

#include <string.h>

#include "base/json.h"
#include "base/map.h"

struct comparison {
	struct changes changes;
	struct map guests[2]; /* by name, of a and b */
};

static const struct fact *fact_of(const struct change *change)
{
	return change->new ? change->new : change->old;
}

static enum change_kind kind_of(const struct fact *old, const struct fact *new)
{
	if (!old || !new)
		return new ? CHANGE_GAINED : CHANGE_LOST;
	if (!old->amount || !new->amount || old->amount == new->amount)
		return CHANGE_OTHER;
	return new->amount > old->amount ? CHANGE_GAINED : CHANGE_LOST;
}

static bool same_fact(const struct fact *a, const struct fact *b)
{
	return !a == !b && (!a || (!strcmp(a->key, b->key) && !strcmp(a->guest, b->guest) &&
				   !strcmp(a->value, b->value)));
}

/* What changes alike for both vendors is said once. */
static bool joins(struct change *last, const struct fact *old, const struct fact *new)
{
	const struct fact *fact = new ? new : old;

	if (!fact->vendors || fact_of(last)->kind != fact->kind || !same_fact(last->old, old) ||
	    !same_fact(last->new, new))
		return false;
	last->vendors |= fact->vendors;
	return true;
}

static void add(struct comparison *c, const struct fact *old, const struct fact *new)
{
	const struct fact *fact = new ? new : old;
	bool both = map_get(&c->guests[0], fact->guest) && map_get(&c->guests[1], fact->guest);
	size_t count = c->changes.list.count;

	if (!both && *fact->guest && fact->kind != FACT_GUEST)
		return;
	if (old && new && (!strcmp(old->value, new->value) || fact->kind == FACT_GUEST))
		return;
	if (count && joins(&c->changes.list.items[count - 1], old, new))
		return;
	vector_push(c->changes.a->arena, &c->changes.list,
		    ((struct change){ .kind = (uint8_t)kind_of(old, new), .vendors = fact->vendors,
				      .old = old, .new = new }));
}

static void note_guests(struct arena *arena, const struct image *image, struct map *names)
{
	for (uint32_t i = 0; i < image->counts[HV_SECTION_GUESTS]; i++)
		map_put(arena, names, image_text(image, image->guests[i].name), names);
}

struct changes compare_images(const struct image *a, const struct image *b)
{
	struct facts left = facts_of(a), right = facts_of(b);
	struct comparison c = { .changes = { .a = a, .b = b } };
	size_t i = 0, j = 0;

	note_guests(a->arena, a, &c.guests[0]);
	note_guests(a->arena, b, &c.guests[1]);
	while (i < left.list.count || j < right.list.count) {
		int order = i == left.list.count  ? 1 :
			    j == right.list.count ? -1 :
						    fact_compare(&left.list.items[i],
								 &right.list.items[j]);

		add(&c, order <= 0 ? &left.list.items[i] : NULL,
		    order >= 0 ? &right.list.items[j] : NULL);
		i += order <= 0;
		j += order >= 0;
	}
	return c.changes;
}

/* ------------------------------------------------------------------------------------------------ words */

static const char *vendor_words(const struct change *change)
{
	static const char *const words[] = { "", " (intel)", " (amd)", " (intel, amd)" };

	return words[change->vendors & 3];
}

/* What is not there was left out by the policy, or by the guest. */
static const char *place_of_absence(const struct image *image, const struct fact *other)
{
	for (uint32_t i = 0; i < image->counts[HV_SECTION_GUESTS]; i++) {
		const struct hv_guest *guest = &image->guests[i];
		const struct hv_cpu_policy *policy = image_any_policy(image, guest);

		if (strcmp(image_text(image, guest->name), other->guest))
			continue;
		return image_place(image, other->vendors && policy ? policy->position :
								     guest->position);
	}
	return "";
}

static const char *place_in(const struct image *image, const struct fact *fact,
			    const struct fact *other)
{
	return fact ? image_place(image, fact->position) : place_of_absence(image, other);
}

static void print_places(FILE *stream, const struct changes *changes, const struct change *change)
{
	const char *old = place_in(changes->a, change->old, change->new);
	const char *new = place_in(changes->b, change->new, change->old);

	if (*old || *new)
		fprintf(stream, "  # %s%s%s", old, *old && *new ? " -> " : "", new);
	fputc('\n', stream);
}

static void print_change(FILE *stream, const struct changes *changes, const struct change *change)
{
	const struct fact *fact = fact_of(change);

	fprintf(stream, "  %c %s%s%s", "+-~"[change->kind], fact->guest, *fact->guest ? ": " : "",
		fact_words[fact->kind]);
	fprintf(stream, "%s%s%s: ", *fact->key ? " " : "", fact->key, vendor_words(change));
	if (change->old && change->new)
		fprintf(stream, "%s -> %s", change->old->value, change->new->value);
	else
		fprintf(stream, "%s", fact->value);
	print_places(stream, changes, change);
}

static bool is_right(const struct change *change)
{
	return fact_of(change)->kind <= FACT_LAST_RIGHT;
}

static void print_part(FILE *stream, const struct changes *changes, const char *title, bool rights,
		       enum change_kind kind)
{
	bool said = false;

	for (size_t i = 0; i < changes->list.count; i++) {
		const struct change *change = &changes->list.items[i];

		if (is_right(change) != rights || (rights && change->kind != kind))
			continue;
		if (!said)
			fprintf(stream, "%s\n", title);
		said = true;
		print_change(stream, changes, change);
	}
}

void changes_print(FILE *stream, const struct changes *changes)
{
	print_part(stream, changes, "rights gained", true, CHANGE_GAINED);
	print_part(stream, changes, "rights lost", true, CHANGE_LOST);
	print_part(stream, changes, "rights changed", true, CHANGE_OTHER);
	print_part(stream, changes, "other", false, CHANGE_OTHER);
	if (!changes->list.count)
		fprintf(stream, "no difference\n");
}

static json_t *side_json(const struct image *image, const struct fact *fact, const struct fact *other)
{
	json_t *json = json_made(json_object());
	const char *place = place_in(image, fact, other);

	json_put(json, "value", fact ? json_text(fact->value) : json_made(json_null()));
	json_put(json, "position", *place ? json_text(place) : json_made(json_null()));
	return json;
}

static json_t *change_json(const struct changes *changes, const struct change *change)
{
	static const char *const words[] = { "gained", "lost", "changed" };
	const struct fact *fact = fact_of(change);
	json_t *json = json_made(json_object()), *vendors = json_made(json_array());

	if (change->vendors & 1u << HV_VENDOR_INTEL)
		json_add(vendors, json_text("intel"));
	if (change->vendors & 1u << HV_VENDOR_AMD)
		json_add(vendors, json_text("amd"));
	json_put(json, "change", json_text(words[change->kind]));
	json_put(json, "guest", *fact->guest ? json_text(fact->guest) : json_made(json_null()));
	json_put(json, "kind", json_text(fact_words[fact->kind]));
	json_put(json, "key", json_text(fact->key));
	json_put(json, "vendors", vendors);
	json_put(json, "old", side_json(changes->a, change->old, change->new));
	json_put(json, "new", side_json(changes->b, change->new, change->old));
	return json;
}

json_t *changes_json(const struct changes *changes)
{
	json_t *rights = json_made(json_array()), *other = json_made(json_array());
	json_t *root = json_made(json_object());

	for (size_t i = 0; i < changes->list.count; i++) {
		const struct change *change = &changes->list.items[i];

		json_add(is_right(change) ? rights : other, change_json(changes, change));
	}
	json_put(root, "rights", rights);
	json_put(root, "other", other);
	return root;
}
