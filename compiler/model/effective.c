/* SPDX-License-Identifier: Apache-2.0 */
/* From the model back to a document, part by part as guest.c and system.c read them. */
#include "model/effective.h"

#include <stdlib.h>
#include <string.h>

#include "model/part.h"

#include "yaml/node.h"

struct writer {
	struct arena *arena;
	const struct sources *sources;
};

static struct effective *add(const struct writer *w, struct effective *parent,
			     enum effective_kind kind, const struct schema *schema, const char *key)
{
	struct effective *e = arena_new(w->arena, struct effective);

	e->kind = kind;
	e->key = key;
	e->schema = schema;
	if (!schema)
		abort();
	if (parent)
		vector_push(w->arena, &parent->children, e);
	return e;
}

static const struct schema *key_schema(const struct effective *parent, const char *key)
{
	const struct schema *object = schema_alternative(parent->schema, NODE_MAP);

	return object->kind == SCHEMA_MAP ? object->items : schema_key_find(object, key);
}

static struct effective *add_map(const struct writer *w, struct effective *parent,
				 const char *key)
{
	return add(w, parent, EFFECTIVE_MAP, key_schema(parent, key), key);
}

static struct effective *add_list(const struct writer *w, struct effective *parent,
				  const char *key)
{
	return add(w, parent, EFFECTIVE_LIST, key_schema(parent, key), key);
}

static struct effective *add_item(const struct writer *w, struct effective *list,
				  enum effective_kind kind)
{
	return add(w, list, kind, schema_alternative(list->schema, NODE_LIST)->items, NULL);
}

/* A number, word or truth value as documents write it. */
static void set_bare(const struct writer *w, struct effective *e, uint64_t value,
		     struct where where)
{
	const struct schema *schema = schema_alternative(e->schema, NODE_SCALAR);
	char text[32];

	e->where = where;
	e->number = value;
	if (schema->kind == SCHEMA_WORD) {
		e->text = schema->words[value];
	} else if (schema->kind == SCHEMA_BOOLEAN) {
		e->text = value ? "true" : "false";
	} else {
		e->text = arena_strdup(w->arena, schema_number(schema, value, text, sizeof(text)));
		e->numeric = schema->kind == SCHEMA_INTEGER;
	}
}

static void add_number(const struct writer *w, struct effective *parent, const char *key,
		       uint64_t value, struct where where)
{
	if (where.origin != ORIGIN_ABSENT)
		set_bare(w, add(w, parent, EFFECTIVE_BARE, key_schema(parent, key), key), value,
			 where);
}

static void add_text(const struct writer *w, struct effective *parent, const char *key,
		     const char *text, struct where where)
{
	struct effective *e;

	if (!text)
		return;
	e = add(w, parent, EFFECTIVE_TEXT, key_schema(parent, key), key);
	e->text = text;
	e->where = where;
}

static void add_path(const struct writer *w, struct effective *parent, const char *key,
		     const struct file_name *name)
{
	if (name->value)
		add_text(w, parent, key, path_below_top(w->sources, name->path), name->where);
}

#define NUMBER(parent, key, field) add_number(w, (parent), (key), (field).value, (field).where)
#define TEXT(parent, key, field)   add_text(w, (parent), (key), (field).value, (field).where)

/* A mask as a number, or what was a list as one. */
static void add_bits(const struct writer *w, struct effective *parent, const char *name,
		     uint64_t bits, struct where where)
{
	const struct schema *schema = key_schema(parent, name);
	struct effective *list;

	if (!was_set(where))
		return;
	if (schema_alternative(schema, NODE_SCALAR)->kind == SCHEMA_INTEGER) {
		add_number(w, parent, name, bits, where);
		return;
	}
	list = add_list(w, parent, name);
	list->where = where;
	for (unsigned i = 0; i < 32; i++)
		if (bits >> i & 1)
			set_bare(w, add_item(w, list, EFFECTIVE_BARE), i, (struct where){ 0 });
}

static void add_part(const struct writer *w, struct effective *parent, const struct part *part,
		     const void *object);

/* The value of a pair, or an item that is no map. */
static void add_single(const struct writer *w, struct effective *e, const struct part *part,
		       const void *object)
{
	const struct part_key *value = &part->keys[0];

	e->where = part_where(value, object);
	if (value->kind == PART_NUMBER)
		set_bare(w, e, part_number(value, object), e->where);
	else
		e->text = part_text(value, object);
}

static void add_members(const struct writer *w, struct effective *parent, const struct part_key *key,
			const void *object)
{
	size_t count = part_vector(key, object)->count;
	struct effective *e, *item;

	if (!count)
		return;
	e = key->kind == PART_PAIRS ? add_map(w, parent, key->name) : add_list(w, parent, key->name);
	for (size_t i = 0; i < count; i++) {
		const void *member = part_item(key, object, i);

		if (key->kind == PART_LIST) {
			item = add_item(w, e, EFFECTIVE_MAP);
			add_part(w, item, key->part, member);
			continue;
		}
		item = key->kind == PART_PAIRS ? add_map(w, e, part_name(key->part, member))
					       : add_item(w, e, EFFECTIVE_TEXT);
		item->kind = key->part->keys[0].kind == PART_NUMBER ? EFFECTIVE_BARE : EFFECTIVE_TEXT;
		add_single(w, item, key->part, member);
	}
}

static void add_key(const struct writer *w, struct effective *parent, const struct part_key *key,
		    const void *object)
{
	switch (key->kind) {
	case PART_NUMBER:
		add_number(w, parent, key->name, part_number(key, object), part_where(key, object));
		break;
	case PART_BITS:
		add_bits(w, parent, key->name, part_number(key, object), part_where(key, object));
		break;
	case PART_TEXT:
		add_text(w, parent, key->name, part_text(key, object), part_where(key, object));
		break;
	case PART_FILE:
		add_path(w, parent, key->name, (const void *)((const char *)object + key->at));
		break;
	case PART_MAP:
		if (was_set(part_where(key, object)))
			add_part(w, add_map(w, parent, key->name), key->part,
				 (const char *)object + key->at);
		break;
	default:
		add_members(w, parent, key, object);
	}
}

/* A part by its table (part.h): what was set in it, and its defaults. */
static void add_part(const struct writer *w, struct effective *parent, const struct part *part,
		     const void *object)
{
	for (size_t i = 0; i < part->key_count; i++)
		add_key(w, parent, &part->keys[i], object);
}

static void add_pins(const struct writer *w, struct effective *parent, const struct vcpus *vcpus)
{
	struct effective *pins;

	if (!vcpus->pins.count)
		return;
	pins = add_map(w, parent, "pin");
	for (size_t i = 0; i < vcpus->pins.count; i++) {
		const struct pin *pin = &vcpus->pins.items[i];

		add_number(w, pins, arena_printf(w->arena, "%u", pin->vcpu), pin->cpu, pin->where);
	}
}

static void add_vcpus(const struct writer *w, struct effective *guest, const struct vcpus *vcpus)
{
	struct effective *e = add_map(w, guest, "vcpus"), *topology, *apic;

	NUMBER(e, "count", vcpus->count);
	topology = add_map(w, e, "topology");
	NUMBER(topology, "sockets", vcpus->topology.sockets);
	NUMBER(topology, "dies", vcpus->topology.dies);
	NUMBER(topology, "cores", vcpus->topology.cores);
	NUMBER(topology, "threads", vcpus->topology.threads);
	add_pins(w, e, vcpus);
	apic = add_map(w, e, "apic");
	NUMBER(apic, "mode", vcpus->apic.mode);
}

static void add_cpu(const struct writer *w, struct effective *parent, const struct guest *guest)
{
	const struct cpu *cpu = &guest->cpu;
	struct effective *e = add_map(w, parent, "cpu");

	e->guest = guest;
	/* A text may have a `base` of its own, and both are an error. */
	if (was_set(cpu->model.where) || !cpu->policy.text)
		TEXT(e, "model", cpu->model);
	add_text(w, e, "cpuid", cpu->policy.text, cpu->policy.where);
	add_part(w, e, &part_cpu, cpu);
}

static void add_numa_node(const struct writer *w, struct effective *e, const struct numa_node *node)
{
	struct effective *distances;

	NUMBER(e, "node", node->node);
	TEXT(e, "cpus", node->cpus);
	NUMBER(e, "size", node->size);
	NUMBER(e, "host-node", node->host_node);
	if (!node->distances.count)
		return;
	distances = add_map(w, e, "distances");
	for (size_t i = 0; i < node->distances.count; i++) {
		const struct distance *distance = &node->distances.items[i];

		add_number(w, distances, arena_printf(w->arena, "%u", distance->node),
			   distance->value, distance->where);
	}
}

static void add_numa(const struct writer *w, struct effective *memory, const struct memory *from)
{
	struct effective *numa;

	if (!from->numa.count)
		return;
	numa = add_list(w, memory, "numa");
	for (size_t i = 0; i < from->numa.count; i++)
		add_numa_node(w, add_item(w, numa, EFFECTIVE_MAP), &from->numa.items[i]);
}

static void add_regions(const struct writer *w, struct effective *e, const struct memory *memory)
{
	struct effective *regions, *region;

	if (!memory->regions.count)
		return;
	regions = add_list(w, e, "regions");
	for (size_t i = 0; i < memory->regions.count; i++) {
		const struct region *r = &memory->regions.items[i];

		region = add_item(w, regions, EFFECTIVE_MAP);
		NUMBER(region, "gpa", r->gpa);
		NUMBER(region, "size", r->size);
		NUMBER(region, "kind", r->kind);
		TEXT(region, "name", r->name);
	}
}

static void add_memory(const struct writer *w, struct effective *guest,
		       const struct memory *memory)
{
	struct effective *e = add_map(w, guest, "memory");

	NUMBER(e, "size", memory->size);
	add_part(w, e, &part_memory, memory);
	add_regions(w, e, memory);
	add_numa(w, e, memory);
}

static void add_modules(const struct writer *w, struct effective *boot, const struct boot *from)
{
	struct effective *modules;

	if (!from->modules.count)
		return;
	modules = add_list(w, boot, "modules");
	for (size_t i = 0; i < from->modules.count; i++) {
		struct effective *module = add_item(w, modules, EFFECTIVE_MAP);

		add_path(w, module, "path", &from->modules.items[i].path);
		TEXT(module, "args", from->modules.items[i].args);
	}
}

static void add_boot(const struct writer *w, struct effective *guest, const struct boot *boot)
{
	struct effective *e = add_map(w, guest, "boot"), *raw;

	NUMBER(e, "protocol", boot->protocol);
	add_path(w, e, "kernel", &boot->kernel);
	add_path(w, e, "initrd", &boot->initrd);
	add_path(w, e, "symbols", &boot->symbols);
	add_modules(w, e, boot);
	TEXT(e, "cmdline", boot->cmdline);
	NUMBER(e, "unpack", boot->unpack);
	if (!was_set(boot->raw.where))
		return;
	raw = add_map(w, e, "raw");
	NUMBER(raw, "load-address", boot->raw.load_address);
	NUMBER(raw, "entry", boot->raw.entry);
	NUMBER(raw, "mode", boot->raw.mode);
}

static void add_devices(const struct writer *w, struct effective *guest,
			const struct devices *devices)
{
	struct effective *e = add_map(w, guest, "devices"), *list = add_list(w, e, "serial");

	for (size_t i = 0; i < devices->serial.count; i++) {
		const struct serial *from = &devices->serial.items[i];
		struct effective *serial = add_item(w, list, EFFECTIVE_MAP);

		TEXT(serial, "id", from->id);
		NUMBER(serial, "model", from->model);
		NUMBER(serial, "io", from->io);
		NUMBER(serial, "irq", from->irq);
		NUMBER(serial, "backend", from->backend);
	}
	if (was_set(devices->debug_exit.where))
		NUMBER(add_map(w, e, "debug-exit"), "io", devices->debug_exit.io);
	add_part(w, e, &part_devices, devices);
}

static void add_acpi(const struct writer *w, struct effective *guest, const struct acpi *acpi)
{
	struct effective *e = add_map(w, guest, "acpi");

	TEXT(e, "oem-id", acpi->oem_id);
	TEXT(e, "oem-table-id", acpi->oem_table_id);
	NUMBER(e, "oem-revision", acpi->oem_revision);
}

static void add_timers(const struct writer *w, struct effective *guest,
		       const struct timers *timers)
{
	struct effective *list = add_list(w, guest, "timers"), *item;

	list->where = timers->where;
	for (size_t i = 0; i < TIMER_COUNT; i++) {
		if (!timers->present[i])
			continue;
		item = add_item(w, list, EFFECTIVE_BARE);
		set_bare(w, item, i, timers->automatic ? timers->where : timers->timer[i]);
	}
}

static void add_event(const struct writer *w, struct effective *events, const char *key,
		      const struct event *event)
{
	struct effective *e = add_map(w, events, key);

	NUMBER(e, "action", event->action);
	NUMBER(e, "max-restarts", event->max_restarts);
	NUMBER(e, "within", event->within);
	NUMBER(e, "then", event->then);
	NUMBER(e, "dump", event->dump);
}

static void add_events(const struct writer *w, struct effective *guest,
		       const struct events *events)
{
	struct effective *e = add_map(w, guest, "events");

	add_event(w, e, "on-poweroff", &events->on_poweroff);
	add_event(w, e, "on-reboot", &events->on_reboot);
	add_event(w, e, "on-crash", &events->on_crash);
}

static void add_pv(const struct writer *w, struct effective *guest, const struct pv_list *pv)
{
	struct effective *list = add_list(w, guest, "pv");

	list->where = pv->where;
	for (size_t i = 0; i < pv->interfaces.count; i++)
		set_bare(w, add_item(w, list, EFFECTIVE_BARE), pv->interfaces.items[i].value,
			 pv->interfaces.items[i].where);
}

static void add_assertions(const struct writer *w, struct effective *parent,
			   const struct assertions *assertions)
{
	struct effective *list;

	if (!assertions->list.count)
		return;
	list = add_list(w, parent, "assert");
	for (size_t i = 0; i < assertions->list.count; i++) {
		const struct assertion *from = &assertions->list.items[i];
		struct effective *item = add_item(w, list, EFFECTIVE_MAP);

		add_text(w, item, "that", from->that.text, from->that.where);
		TEXT(item, "message", from->message);
		NUMBER(item, "severity", from->severity);
	}
}

static void add_lint(const struct writer *w, struct effective *parent, const struct lint *lint)
{
	struct effective *allow, *item;

	if (!lint->allow.count)
		return;
	allow = add_list(w, add_map(w, parent, "lint"), "allow");
	for (size_t i = 0; i < lint->allow.count; i++) {
		item = add_item(w, allow, EFFECTIVE_TEXT);
		item->text = lint->allow.items[i].value;
		item->where = lint->allow.items[i].where;
	}
}

static void add_guest(const struct writer *w, struct effective *e, const struct guest *guest)
{
	TEXT(e, "name", guest->name);
	add_part(w, e, &part_guest, guest);
	add_vcpus(w, e, &guest->vcpus);
	add_cpu(w, e, guest);
	add_memory(w, e, &guest->memory);
	add_boot(w, e, &guest->boot);
	add_devices(w, e, &guest->devices);
	add_acpi(w, e, &guest->acpi);
	add_timers(w, e, &guest->timers);
	add_events(w, e, &guest->events);
	add_pv(w, e, &guest->pv);
	add_assertions(w, e, &guest->assertions);
	add_lint(w, e, &guest->lint);
}

static void add_machine(const struct writer *w, struct effective *e, const struct system *system)
{
	struct effective *console;

	TEXT(e, "name", system->name);
	if (was_set(system->platform.file.where))
		add_path(w, e, "platform", &system->platform.file);
	console = add_map(w, e, "console");
	NUMBER(console, "io", system->console.io);
	NUMBER(console, "baud", system->console.baud);
	NUMBER(console, "log-level", system->console.log_level);
	add_part(w, console, &part_console, &system->console);
	NUMBER(e, "debug-exit", system->debug_exit);
	NUMBER(e, "poweroff-when-idle", system->poweroff_when_idle);
	NUMBER(e, "mitigations", system->mitigations);
	NUMBER(e, "scrub", system->scrub);
	add_part(w, e, &part_system, system);
	add_assertions(w, e, &system->assertions);
	add_lint(w, e, &system->lint);
}

/* Pins are in force in their guests; what else a bind says stands here. */
static void add_binds(const struct writer *w, struct effective *e, const struct system *system)
{
	struct effective *binds = NULL;

	for (size_t i = 0; i < system->binds.count; i++) {
		const struct bind *bind = &system->binds.items[i];

		if (!was_set(bind->node.where) && !bind->devices.count && !bind->memory.count)
			continue;
		if (!binds)
			binds = add_map(w, e, "bind");
		add_part(w, add_map(w, binds, bind->guest.value), &part_bind, bind);
	}
}

static struct effective *new_document(const struct writer *w, const struct schema *schema)
{
	struct effective *e = add(w, NULL, EFFECTIVE_MAP, schema, NULL);

	set_bare(w, add(w, e, EFFECTIVE_BARE, key_schema(e, "schema"), "schema"), 0,
		 (struct where){ 0 });
	return e;
}

/* ------------------------------------------------------------------------- documents as they stand */

static void fill(const struct writer *w, struct effective *e, struct cursor c);

/* What stands there; NULL: nothing, and no default either. */
static struct effective *add_value(const struct writer *w, struct effective *parent, const char *key, struct cursor c)
{
	const struct schema *schema = schema_alternative(c.schema, c.node ? (int)c.node->kind : NODE_SCALAR);
	enum effective_kind kind = EFFECTIVE_BARE;
	struct effective *e;

	if (!schema || cursor_where(c).origin == ORIGIN_ABSENT)
		return NULL;
	if (schema->kind == SCHEMA_OBJECT || schema->kind == SCHEMA_MAP)
		kind = EFFECTIVE_MAP;
	else if (schema->kind == SCHEMA_LIST)
		kind = EFFECTIVE_LIST;
	else if (schema->kind == SCHEMA_TEXT || schema->kind == SCHEMA_PATH || schema->kind == SCHEMA_POLICY ||
		 schema->kind == SCHEMA_EXPRESSION)
		kind = EFFECTIVE_TEXT;
	e = add(w, parent, kind, c.schema, key);
	fill(w, e, c);
	return e;
}

static void fill_pairs(const struct writer *w, struct effective *e, struct cursor c)
{
	for (size_t i = 0; i < cursor_count(c); i++) {
		const struct node *key;
		struct cursor value = cursor_pair(c, i, &key);

		add_value(w, e, key->text, value);
	}
}

static void fill(const struct writer *w, struct effective *e, struct cursor c)
{
	const struct schema *schema = schema_alternative(c.schema, c.node ? (int)c.node->kind : NODE_SCALAR);

	if (e->kind == EFFECTIVE_BARE) {
		set_bare(w, e, cursor_number(c), cursor_where(c));
	} else if (e->kind == EFFECTIVE_TEXT) {
		e->text = schema->kind == SCHEMA_PATH ? path_below_top(w->sources, cursor_path(c).path) : cursor_text(c);
		e->where = cursor_where(c);
	} else if (schema->kind == SCHEMA_MAP) {
		fill_pairs(w, e, c);
	} else if (e->kind == EFFECTIVE_MAP) {
		/* The hash of a machine's facts is that of lines which are not written here. */
		for (size_t i = 0; i < schema->key_count; i++)
			if (schema != &schema_platform || strcmp(schema->keys[i].name, "hash"))
				add_value(w, e, schema->keys[i].name, cursor_key(c, schema->keys[i].name));
	} else {
		for (size_t i = 0; i < cursor_count(c); i++)
			add_value(w, e, NULL, cursor_item(c, i));
	}
}

const struct effective *effective_tree(struct cursor c)
{
	struct writer w = { c.arena, c.sources };
	struct effective *e = add(&w, NULL, EFFECTIVE_MAP, c.schema, NULL);

	fill(&w, e, c);
	return e;
}

const struct effective *effective_guest(const struct system *system, const struct guest *guest)
{
	struct writer writer = { system->arena, system->sources };
	struct effective *e = new_document(&writer, &schema_guest);

	add_guest(&writer, e, guest);
	return e;
}

const struct effective *effective_whole(const struct system *system)
{
	struct writer writer = { system->arena, system->sources }, *w = &writer;
	struct effective *e = new_document(w, &schema_system), *guests;

	add_machine(w, e, system);
	add_binds(w, e, system);
	guests = add_list(w, e, "guests");
	for (size_t i = 0; i < system->guests.count; i++)
		add_guest(w, add(w, guests, EFFECTIVE_MAP, &schema_guest, NULL),
			  system->guests.items[i]);
	return e;
}

const struct effective *effective_system(const struct system *system)
{
	if (system->form == &schema_guest)
		return effective_guest(system, system->guests.items[0]);
	return effective_whole(system);
}
