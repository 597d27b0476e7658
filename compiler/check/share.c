/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared memory: the system's regions with their members on one side, the guests' devices and windows on the
 * other. What only one side says is an error.
 */
#include "check/check.h"

#include <string.h>

#include "base/units.h"

/* A region while its devices are looked at. */
struct region_use {
	const struct shmem_region *region;
	const struct shmem *master;
	const struct shmem *doorbell; /* the only one so far */
	size_t doorbells;
	struct map takers; /* guest name to struct shmem */
	bool ivshmem;
};

struct uses {
	const struct check_context *c;
	struct map by_name; /* of regions */
	struct region_use *list;
};

/* Keys of a device against its model, as far as one guest tells. */
void check_shmem_keys(const struct check_context *c)
{
	for (size_t i = 0; i < c->guest->devices.shmem.count; i++) {
		const struct shmem *s = &c->guest->devices.shmem.items[i];
		bool window = s->model.value == SHMEM_MODEL_WINDOW;
		const struct {
			const char *name;
			struct where where;
			bool fits;
		} keys[] = {
			{ "vectors", s->vectors.where, s->model.value == SHMEM_MODEL_IVSHMEM_DOORBELL },
			{ "gpa", s->gpa.where, window },
			{ "guest", s->guest.where, !window },
		};

		for (size_t k = 0; k < sizeof(keys) / sizeof(*keys); k++)
			if (was_set(keys[k].where) && !keys[k].fits)
				diag_report(c->diags, SHMEM_MISFIT, keys[k].where.at, keys[k].name,
					    shmem_model_name(s->model.value));
		if (window && !was_set(s->gpa.where))
			diag_help(diag_report(c->diags, SHMEM_WINDOW, s->where.at, s->id.value),
				  "for example `gpa: 0x1000000000`");
	}
}

static const struct member *find_member(const struct shmem_region *region, const char *guest)
{
	for (size_t i = 0; i < region->members.count; i++)
		if (!strcmp(region->members.items[i].guest.value, guest))
			return &region->members.items[i];
	return NULL;
}

static void report_unknown(const struct check_context *c, const struct shmem *s)
{
	const struct system *system = c->system;
	const char **names = arena_array(system->arena, system->shmem_regions.count, sizeof(*names));
	struct diag *d = diag_report(c->diags, SHMEM_UNKNOWN, s->region.where.at, s->region.value);

	for (size_t i = 0; i < system->shmem_regions.count; i++)
		names[i] = system->shmem_regions.items[i].name.value;
	check_suggest(c, d, s->region.where.at, s->region.value, names, system->shmem_regions.count);
}

/* Rights and roles of one device in its region. */
static void check_device(const struct check_context *c, struct region_use *use,
			 const struct guest *guest, const struct shmem *s)
{
	const struct member *member = find_member(use->region, guest->name.value);
	const struct shmem *first;
	struct diag *d;

	if (!member) {
		d = diag_report(c->diags, SHMEM_NOT_MEMBER, s->region.where.at, s->region.value,
				guest->name.value);
		diag_note(d, use->region->where.at, "the region");
		diag_help(d, "add `%s: %s` to its `members`", guest->name.value,
			  access_name(s->access.value));
		return;
	}
	first = map_put(c->system->arena, &use->takers, guest->name.value, (void *)s);
	if (first) {
		d = diag_report(c->diags, SHMEM_TWICE, s->region.where.at, guest->name.value,
				s->region.value);
		diag_note(d, first->region.where.at, "first here");
		return;
	}
	if (s->access.value == ACCESS_READ_WRITE && member->access.value == ACCESS_READ_ONLY) {
		d = diag_report(c->diags, SHMEM_RIGHTS,
				was_set(s->access.where) ? s->access.where.at : s->where.at,
				guest->name.value, s->region.value);
		diag_note(d, member->access.where.at, "granted here");
		diag_help(d, "give the device `access: read-only`");
	}
}

static uint32_t vectors_of(const struct shmem *s)
{
	return was_set(s->vectors.where) ? s->vectors.value : 1;
}

static struct position vectors_at(const struct shmem *s)
{
	return was_set(s->vectors.where) ? s->vectors.where.at : s->where.at;
}

/* What both sides of a region, or all of its guests, have to agree in. */
static void check_agreement(const struct check_context *c, const struct region_use *use, const struct guest *guest,
			    const struct shmem *s)
{
	const struct shmem *other = use->doorbell;
	char expected[32], had[32];

	if (was_set(s->size.where) && s->size.value != use->region->size.value)
		diag_note(diag_report(c->diags, SHMEM_EXPECTS, s->size.where.at, guest->name.value,
				      unit_text(size_units, s->size.value, expected, sizeof(expected)),
				      use->region->name.value,
				      unit_text(size_units, use->region->size.value, had, sizeof(had))),
			  use->region->size.where.at, "the region");
	if (s->model.value == SHMEM_MODEL_IVSHMEM_DOORBELL && other && other != s &&
	    vectors_of(s) != vectors_of(other))
		diag_note(diag_report(c->diags, SHMEM_VECTORS, vectors_at(s), s->id.value, vectors_of(s),
				      use->region->name.value, vectors_of(other)),
			  vectors_at(other), "the other guest");
}

/* Masters, doorbells and whether it must fit a BAR. */
static void note_model(const struct check_context *c, struct region_use *use, const struct shmem *s)
{
	struct diag *d;

	use->ivshmem |= s->model.value != SHMEM_MODEL_WINDOW;
	if (s->model.value == SHMEM_MODEL_IVSHMEM_DOORBELL && !use->doorbells++)
		use->doorbell = s;
	if (s->role.value != SHMEM_ROLE_MASTER)
		return;
	if (use->master) {
		d = diag_report(c->diags, SHMEM_MASTERS, s->role.where.at, s->region.value);
		diag_note(d, use->master->role.where.at, "the other one");
	}
	use->master = s;
}

static void check_guest_side(const struct uses *uses, const struct guest *guest)
{
	for (size_t i = 0; i < guest->devices.shmem.count; i++) {
		const struct shmem *s = &guest->devices.shmem.items[i];
		struct region_use *use = map_get(&uses->by_name, s->region.value);

		if (!use) {
			report_unknown(uses->c, s);
			continue;
		}
		check_device(uses->c, use, guest, s);
		note_model(uses->c, use, s);
		check_agreement(uses->c, use, guest, s);
	}
}

/* What the region's own entry says, against who takes it. */
static void check_members(const struct check_context *c, const struct region_use *use)
{
	const struct shmem_region *region = use->region;

	for (size_t i = 0; i < region->members.count; i++) {
		const struct member *member = &region->members.items[i];
		const struct guest *guest = check_guest(c, member->guest.value);
		struct diag *d;

		if (!guest) {
			d = diag_report(c->diags, SHMEM_MEMBER, member->guest.where.at,
					region->name.value, member->guest.value);
			check_suggest_guest(c, d, member->guest.where.at, member->guest.value);
		} else if (!map_get(&use->takers, member->guest.value)) {
			d = diag_report(c->diags, SHMEM_NOT_TAKEN, member->guest.where.at,
					member->guest.value, region->name.value);
			diag_note(d, guest->name.where.at, "the guest");
			diag_help(d, "add `shmem: [ { id: %s, region: %s, access: %s } ]` to its "
				     "`devices`, or take it out here",
				  "shmem0", region->name.value, access_name(member->access.value));
		}
	}
}

/* What is not wrong, but of no use. */
static void check_use(const struct check_context *c, const struct region_use *use)
{
	const struct shmem_region *region = use->region;
	bool written = false;

	for (size_t i = 0; i < region->members.count; i++)
		written |= region->members.items[i].access.value == ACCESS_READ_WRITE;
	if (region->members.count == 1)
		diag_report(c->diags, SHMEM_ALONE, region->name.where.at,
			    region->members.items[0].guest.value, region->name.value);
	else if (!written)
		diag_report(c->diags, SHMEM_NO_WRITER, region->name.where.at, region->name.value);
	else if (use->doorbells == 1)
		diag_report(c->diags, SHMEM_DOORBELLS, use->doorbell->model.where.at,
			    use->doorbell->id.value, region->name.value);
}

static void check_region(const struct check_context *c, const struct region_use *use)
{
	const struct shmem_region *region = use->region;
	uint64_t size = region->size.value;
	size_t errors = diag_errors(c->diags);
	char text[32];

	if (use->ivshmem && size & (size - 1))
		diag_report(c->diags, SHMEM_SIZE, region->size.where.at, region->name.value,
			    unit_text(size_units, size, text, sizeof(text)));
	check_members(c, use);
	if (diag_errors(c->diags) == errors)
		check_use(c, use);
}

void check_shmem_sides(const struct check_context *c)
{
	const struct system *system = c->system;
	size_t count = system->shmem_regions.count, errors = diag_errors(c->diags);
	struct uses uses = { .c = c };

	uses.list = arena_array(system->arena, count, sizeof(*uses.list));
	for (size_t i = 0; i < count; i++) {
		uses.list[i].region = &system->shmem_regions.items[i];
		map_put(system->arena, &uses.by_name, uses.list[i].region->name.value, &uses.list[i]);
	}
	for (size_t i = 0; i < system->guests.count; i++)
		check_guest_side(&uses, system->guests.items[i]);
	if (diag_errors(c->diags) != errors)
		return;
	for (size_t i = 0; i < count; i++)
		check_region(c, &uses.list[i]);
}
