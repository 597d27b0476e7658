/* SPDX-License-Identifier: Apache-2.0 */
/* A system from its tree: its guests, what binds them to the machine, the core's console. */
#include "model/from_tree.h"
#include "model/part.h"

#include <string.h>

#include "base/map.h"

static struct system *new_system(struct cursor *c)
{
	struct system *system = arena_new(c->arena, struct system);

	system->arena = c->arena;
	system->sources = c->sources;
	system->form = c->schema;
	c->unmet = &system->unmet;
	return system;
}

static void read_console(struct console *console, struct cursor c)
{
	console->where = cursor_where(c);
	READ_NUMBER(console->io, c, "io");
	READ_NUMBER(console->baud, c, "baud");
	READ_NUMBER(console->log_level, c, "log-level");
	read_part(&part_console, c, console);
}

/* All but the guests; with no node these are the defaults. */
static void read_machine(struct system *system, struct cursor c)
{
	system->where = cursor_where(c);
	READ_TEXT(system->name, c, "name");
	read_console(&system->console, cursor_key(c, "console"));
	READ_NUMBER(system->debug_exit, c, "debug-exit");
	READ_NUMBER(system->poweroff_when_idle, c, "poweroff-when-idle");
	READ_NUMBER(system->mitigations, c, "mitigations");
	READ_NUMBER(system->scrub, c, "scrub");
	read_part(&part_system, c, system);
	assertions_from_tree(&system->assertions, cursor_key(c, "assert"));
	lint_from_tree(&system->lint, cursor_key(c, "lint"));
}

static bool read_guest(struct system *system, struct cursor c, const struct opener *opener)
{
	struct guest *guest;

	if (c.node->kind == NODE_SCALAR) {
		struct file_name name = cursor_path(c);

		c.node = opener->open(opener->context, name, &schema_guest);
		c.file = name.path;
		if (!c.node)
			return false;
	}
	c.schema = &schema_guest;
	guest = guest_from_tree(c);
	vector_push(c.arena, &system->guests, guest);
	return true;
}

/* Host addresses replace those of the guest's own file; ids that it lacks are for check/. */
static void apply_devices(const struct bind *bind, struct guest *guest)
{
	for (size_t i = 0; i < bind->devices.count; i++)
		for (size_t j = 0; j < guest->devices.pci.count; j++) {
			const struct bound_device *bound = &bind->devices.items[i];
			struct pci *pci = &guest->devices.pci.items[j];

			/* A device that is wrong may have no id. */
			if (!pci->id.value || strcmp(bound->id.value, pci->id.value))
				continue;
			pci->host.value = bound->host.value;
			pci->host.where = bound->host.where;
			pci->host.where.origin = ORIGIN_BOUND;
		}
}

/* One node of the machine for all of a guest's own. */
static void apply_memory(const struct bind *bind, struct memory *memory)
{
	struct where where = bind->node.where;

	memory->host.items = bind->memory.items;
	memory->host.count = memory->host.capacity = bind->memory.count;
	if (!was_set(where))
		return;
	where.origin = ORIGIN_BOUND;
	memory->host_node.value = bind->node.value;
	memory->host_node.where = where;
	for (size_t i = 0; i < memory->numa.count; i++) {
		memory->numa.items[i].host_node.value = bind->node.value;
		memory->numa.items[i].host_node.where = where;
	}
}

/* The pins of a bind replace those of the guest's own file. */
static void apply_bind(struct bind *bind, struct guest *guest)
{
	if (!guest)
		return;
	apply_devices(bind, guest);
	apply_memory(bind, &guest->memory);
	if (!bind->pins.count)
		return;
	guest->vcpus.pins.items = bind->pins.items;
	guest->vcpus.pins.count = bind->pins.count;
	guest->vcpus.pins.capacity = bind->pins.capacity;
}

static void read_bind(struct system *system, struct cursor binds, size_t index,
		      const struct map *guests)
{
	const struct node *key;
	struct cursor c = cursor_pair(binds, index, &key), pins = cursor_key(c, "pin");
	struct bind *bind = vector_add(c.arena, &system->binds);

	bind->guest.value = key->text;
	bind->guest.where = (struct where){ .at = key->at, .origin = ORIGIN_SET };
	bind->where = cursor_where(c);
	READ_PINS(&bind->pins, pins, ORIGIN_BOUND);
	read_part(&part_bind, c, bind);
	apply_bind(bind, map_get(guests, key->text));
}

static void read_binds(struct system *system, struct cursor c)
{
	struct map guests = { 0 };

	for (size_t i = 0; i < system->guests.count; i++)
		map_put(c.arena, &guests, system->guests.items[i]->name.value,
			system->guests.items[i]);
	for (size_t i = 0; i < cursor_count(c); i++)
		read_bind(system, c, i, &guests);
}

static bool read_platform(struct system *system, struct cursor c, struct file_name file,
			  const struct opener *opener)
{
	struct platform *platform = &system->platform;

	if (!file.path)
		return true;
	c.schema = &schema_platform;
	c.file = file.path;
	c.node = opener->open(opener->context, file, &schema_platform);
	if (!c.node)
		return false;
	platform->file = file;
	platform_from_tree(platform, c);
	return true;
}

static struct system *system_of_one(struct cursor c)
{
	struct system *system = new_system(&c);
	struct guest *guest = guest_from_tree(c);

	c.schema = &schema_system;
	c.node = NULL;
	read_machine(system, c);
	system->alone = true;
	system->where = guest->where;
	system->name.value = guest->name.value;
	system->name.where = guest->name.where;
	vector_push(c.arena, &system->guests, guest);
	return system;
}

/* A machine alone, without guests. */
static struct system *system_of_none(struct cursor c)
{
	struct system *system = new_system(&c);

	platform_from_tree(&system->platform, c);
	system->platform.file = (struct file_name){ .value = c.file, .path = c.file };
	c.schema = &schema_system;
	c.node = NULL;
	read_machine(system, c);
	return system;
}

/* The rules of a site alone: held against no guest, but read. */
static struct system *system_of_rules(struct cursor c)
{
	struct system *system = new_system(&c);

	rules_from_tree(system, c);
	c.schema = &schema_system;
	c.node = NULL;
	read_machine(system, c);
	return system;
}

/* Whether all but the guests themselves is as the form says. */
static bool is_complete(const struct node *root)
{
	const struct node *guests = node_get(root, "guests");

	if (root->lost || !guests || guests->lost)
		return false;
	for (size_t i = 0; i < root->pairs.count; i++)
		if (root->pairs.items[i].value->unsound && root->pairs.items[i].value != guests)
			return false;
	return true;
}

struct system *system_from_tree(struct cursor c, const struct opener *opener,
				const char *platform)
{
	struct file_name machine = { .value = platform, .path = platform };
	struct cursor guests;
	struct system *system;
	bool complete;

	if (c.schema == &schema_platform)
		return system_of_none(c);
	if (c.schema == &schema_policy)
		return system_of_rules(c);
	if (c.schema == &schema_guest) {
		system = system_of_one(c);
		system->incomplete = !read_platform(system, c, machine, opener);
		return system;
	}
	system = new_system(&c);
	guests = cursor_key(c, "guests");
	if (!platform)
		machine = cursor_path(cursor_key(c, "platform"));
	complete = is_complete(c.node);
	complete &= read_platform(system, c, machine, opener);
	read_machine(system, c);
	for (size_t i = 0; i < cursor_count(guests); i++)
		complete &= read_guest(system, cursor_item(guests, i), opener);
	read_binds(system, cursor_key(c, "bind"));
	system->incomplete = !complete;
	return system;
}
