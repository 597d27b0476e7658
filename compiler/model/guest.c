/* SPDX-License-Identifier: Apache-2.0 */
/* One guest from its tree: a reader a part. */
#include "model/from_tree.h"

#include <string.h>
#include "model/part.h"

#include <stdlib.h>

static struct where default_where(void)
{
	return (struct where){ .origin = ORIGIN_DEFAULT };
}

/* Without a topology: one socket, one die, `count` cores of one thread. */
static void read_topology(struct topology *topology, struct cursor c, uint32_t count)
{
	topology->where = cursor_where(c);
	READ_NUMBER(topology->sockets, c, "sockets");
	READ_NUMBER(topology->dies, c, "dies");
	READ_NUMBER(topology->cores, c, "cores");
	READ_NUMBER(topology->threads, c, "threads");
	if (c.node)
		return;
	topology->where = default_where();
	topology->cores.value = count;
	topology->cores.where = default_where();
}

/* A count that nobody gave follows from the topology. */
static void derive_count(struct vcpus *vcpus)
{
	const struct topology *t = &vcpus->topology;

	if (was_set(t->where) && !was_set(vcpus->count.where))
		vcpus->count.value =
			t->sockets.value * t->dies.value * t->cores.value * t->threads.value;
}

static void read_vcpus(struct vcpus *vcpus, struct cursor c)
{
	struct cursor apic = cursor_key(c, "apic"), pins = cursor_key(c, "pin");

	vcpus->where = cursor_where(c);
	READ_NUMBER(vcpus->count, c, "count");
	read_topology(&vcpus->topology, cursor_key(c, "topology"), vcpus->count.value);
	derive_count(vcpus);
	READ_PINS(&vcpus->pins, pins, ORIGIN_SET);
	vcpus->apic.where = cursor_where(apic);
	READ_NUMBER(vcpus->apic.mode, apic, "mode");
}

static void read_cpu(struct cpu *cpu, struct cursor c)
{
	struct cursor policy = cursor_key(c, "cpuid");

	cpu->where = cursor_where(c);
	READ_TEXT(cpu->model, c, "model");
	if (policy.node)
		node_locate_text(c.arena, c.sources, policy.node, &cpu->policy);
	read_part(&part_cpu, c, cpu);
}

static void read_region(struct region *region, struct cursor c)
{
	region->where = cursor_where(c);
	READ_NUMBER(region->gpa, c, "gpa");
	READ_NUMBER(region->size, c, "size");
	READ_NUMBER(region->kind, c, "kind");
	READ_TEXT(region->name, c, "name");
}

static void read_distance(struct distance *distance, struct cursor map, size_t index)
{
	const struct node *key;
	struct cursor value = cursor_pair(map, index, &key);

	distance->node = (uint32_t)strtoul(key->text, NULL, 10);
	distance->value = (uint32_t)cursor_number(value);
	distance->where = cursor_where(value);
	distance->key = (struct where){ .at = key->at, .origin = ORIGIN_SET };
}

static void read_numa_node(struct numa_node *node, struct cursor c)
{
	struct cursor distances = cursor_key(c, "distances");

	node->where = cursor_where(c);
	READ_NUMBER(node->node, c, "node");
	READ_TEXT(node->cpus, c, "cpus");
	if (node->cpus.value)
		number_list_read(c.arena, node->cpus.value, &node->cpu_ranges);
	READ_NUMBER(node->size, c, "size");
	READ_NUMBER(node->host_node, c, "host-node");
	for (size_t i = 0; i < cursor_count(distances); i++)
		read_distance(vector_add(c.arena, &node->distances), distances, i);
}

/* A size that nobody gave is what the RAM regions, or the nodes, add up to. */
static void derive_size(struct memory *memory)
{
	if (was_set(memory->size.where) || (!memory->regions.count && !memory->numa.count))
		return;
	memory->size.where = default_where();
	for (size_t i = 0; i < memory->numa.count && !memory->regions.count; i++)
		memory->size.value += memory->numa.items[i].size.value;
	for (size_t i = 0; i < memory->regions.count; i++)
		if (memory->regions.items[i].kind.value == REGION_KIND_RAM)
			memory->size.value += memory->regions.items[i].size.value;
}

static void read_memory(struct memory *memory, struct cursor c)
{
	struct cursor regions = cursor_key(c, "regions"), numa = cursor_key(c, "numa");

	memory->where = cursor_where(c);
	READ_NUMBER(memory->size, c, "size");
	for (size_t i = 0; i < cursor_count(regions); i++)
		read_region(vector_add(c.arena, &memory->regions), cursor_item(regions, i));
	for (size_t i = 0; i < cursor_count(numa); i++)
		read_numa_node(vector_add(c.arena, &memory->numa), cursor_item(numa, i));
	derive_size(memory);
	read_part(&part_memory, c, memory);
}

static void read_module(struct boot_module *module, struct cursor c)
{
	module->where = cursor_where(c);
	module->path = cursor_path(cursor_key(c, "path"));
	READ_TEXT(module->args, c, "args");
}

static void read_raw(struct raw_boot *raw, struct cursor c)
{
	raw->where = cursor_where(c);
	READ_NUMBER(raw->load_address, c, "load-address");
	READ_NUMBER(raw->entry, c, "entry");
	READ_NUMBER(raw->mode, c, "mode");
}

static void read_boot(struct boot *boot, struct cursor c)
{
	struct cursor modules = cursor_key(c, "modules");

	boot->where = cursor_where(c);
	READ_NUMBER(boot->protocol, c, "protocol");
	boot->kernel = cursor_path(cursor_key(c, "kernel"));
	boot->initrd = cursor_path(cursor_key(c, "initrd"));
	boot->symbols = cursor_path(cursor_key(c, "symbols"));
	for (size_t i = 0; i < cursor_count(modules); i++)
		read_module(vector_add(c.arena, &boot->modules), cursor_item(modules, i));
	READ_TEXT(boot->cmdline, c, "cmdline");
	READ_NUMBER(boot->unpack, c, "unpack");
	read_raw(&boot->raw, cursor_key(c, "raw"));
}

static void read_serial(struct serial *serial, struct cursor c)
{
	serial->where = cursor_where(c);
	READ_TEXT(serial->id, c, "id");
	READ_NUMBER(serial->model, c, "model");
	READ_NUMBER(serial->io, c, "io");
	READ_NUMBER(serial->irq, c, "irq");
	READ_NUMBER(serial->backend, c, "backend");
}

/* Types of virtio devices that the core has not learned yet. */
static void note_virtio(const struct devices *devices, struct cursor c)
{
	const unsigned missing = 1u << VIRTIO_TYPE_NET | 1u << VIRTIO_TYPE_VSOCK;

	for (size_t i = 0; i < devices->virtio.count && c.unmet; i++) {
		const struct virtio *v = &devices->virtio.items[i];
		const char *type = virtio_type_name(v->type.value);

		if (missing >> v->type.value & 1)
			vector_push(c.arena, c.unmet,
				    ((struct unmet){ arena_printf(c.arena, "type: %s", type),
						     arena_printf(c.arena, "virtio devices of type %s", type),
						     v->type.where.at }));
		if (v->num_queues.value > 1 && v->type.value == VIRTIO_TYPE_BLK)
			vector_push(c.arena, c.unmet,
				    ((struct unmet){ "num-queues", "virtio devices of several queues",
						     v->num_queues.where.at }));
		if (was_set(v->ports.where) && v->ports.value > 1)
			vector_push(c.arena, c.unmet,
				    ((struct unmet){ "ports", "virtio consoles of several ports",
						     v->ports.where.at }));
		if (was_set(v->backend.vm.where) && !(missing >> v->type.value & 1))
			vector_push(c.arena, c.unmet,
				    ((struct unmet){ "vm", "virtio back ends in guests",
						     v->backend.vm.where.at }));
	}
}

static void read_devices(struct devices *devices, struct cursor c)
{
	struct cursor serial = cursor_key(c, "serial"), exit = cursor_key(c, "debug-exit");

	devices->where = cursor_where(c);
	for (size_t i = 0; i < cursor_count(serial); i++)
		read_serial(vector_add(c.arena, &devices->serial), cursor_item(serial, i));
	devices->debug_exit.where = cursor_where(exit);
	READ_NUMBER(devices->debug_exit.io, exit, "io");
	read_part(&part_devices, c, devices);
	note_virtio(devices, c);
}

static void read_acpi(struct acpi *acpi, struct cursor c)
{
	acpi->where = cursor_where(c);
	READ_TEXT(acpi->oem_id, c, "oem-id");
	READ_TEXT(acpi->oem_table_id, c, "oem-table-id");
	READ_NUMBER(acpi->oem_revision, c, "oem-revision");
}

/* An action alone, or a map with a bound on restarts. */
static void read_event(struct event *event, struct cursor c)
{
	event->where = cursor_where(c);
	if (c.node && c.node->kind == NODE_MAP) {
		READ_NUMBER(event->action, c, "action");
	} else {
		event->action.value = (enum event_action)cursor_number(c);
		event->action.where = event->where;
		c.node = NULL;
	}
	READ_NUMBER(event->max_restarts, c, "max-restarts");
	READ_NUMBER(event->within, c, "within");
	READ_NUMBER(event->then, c, "then");
	READ_NUMBER(event->dump, c, "dump");
}

static void read_events(struct events *events, struct cursor c)
{
	events->where = cursor_where(c);
	read_event(&events->on_poweroff, cursor_key(c, "on-poweroff"));
	read_event(&events->on_reboot, cursor_key(c, "on-reboot"));
	read_event(&events->on_crash, cursor_key(c, "on-crash"));
}

/* Absent: the default of the schema, [kvm]. */
static void read_pv(struct pv_list *pv, struct cursor c)
{
	pv->where = cursor_where(c);
	if (!c.node) {
		vector_add(c.arena, &pv->interfaces)->where = pv->where;
		return;
	}
	for (size_t i = 0; i < cursor_count(c); i++) {
		struct cursor item = cursor_item(c, i);
		size_t last = pv->interfaces.count;

		vector_add(c.arena, &pv->interfaces);
		pv->interfaces.items[last].value = (enum pv)cursor_number(item);
		pv->interfaces.items[last].where = cursor_where(item);
	}
}

static void read_timers(struct timers *timers, struct cursor c, bool with_pv)
{
	timers->where = cursor_where(c);
	timers->automatic = !c.node || c.node->kind == NODE_SCALAR;
	for (size_t i = 0; i < TIMER_COUNT; i++)
		timers->present[i] = timers->automatic && !with_pv;
	for (size_t i = 0; i < cursor_count(c) && !timers->automatic; i++) {
		struct cursor item = cursor_item(c, i);
		size_t timer = cursor_number(item);

		timers->present[timer] = true;
		timers->timer[timer] = cursor_where(item);
	}
}

static uint32_t part_of_key(const char *key)
{
	static const char *const names[] = {
#define PART(name) #name,
		GUEST_PARTS(PART)
#undef PART
	};
	uint32_t part = 0;

	while (part < GUEST_PART_other && strcmp(names[part], key))
		part++;
	return 1u << part;
}

/* Parts with a wrong value, or that are missing. */
static uint32_t invalid_parts(struct cursor c)
{
	const struct schema *schema = schema_alternative(c.schema, NODE_MAP);
	uint32_t parts = 0;

	if (!c.node || !c.node->unsound)
		return 0;
	for (size_t i = 0; i < c.node->pairs.count + c.node->lost; i++) {
		const struct node_pair *pair = &c.node->pairs.items[i];

		if (i >= c.node->pairs.count || pair->value->unsound)
			parts |= part_of_key(pair->key->text);
	}
	for (size_t i = 0; i < schema->key_count; i++)
		if (schema->keys[i].required && !node_get(c.node, schema->keys[i].name))
			parts |= part_of_key(schema->keys[i].name);
	return parts;
}

struct guest *guest_from_tree(struct cursor c)
{
	struct guest *guest = arena_new(c.arena, struct guest);

	guest->where = cursor_where(c);
	guest->file = c.file;
	guest->invalid = invalid_parts(c);
	READ_TEXT(guest->name, c, "name");
	if (!guest->name.value)
		guest->name.value = "";
	read_part(&part_guest, c, guest);
	read_vcpus(&guest->vcpus, cursor_key(c, "vcpus"));
	read_cpu(&guest->cpu, cursor_key(c, "cpu"));
	read_memory(&guest->memory, cursor_key(c, "memory"));
	read_boot(&guest->boot, cursor_key(c, "boot"));
	read_devices(&guest->devices, cursor_key(c, "devices"));
	read_acpi(&guest->acpi, cursor_key(c, "acpi"));
	read_events(&guest->events, cursor_key(c, "events"));
	read_pv(&guest->pv, cursor_key(c, "pv"));
	assertions_from_tree(&guest->assertions, cursor_key(c, "assert"));
	lint_from_tree(&guest->lint, cursor_key(c, "lint"));
	read_timers(&guest->timers, cursor_key(c, "timers"), guest->pv.interfaces.count != 0);
	return guest;
}
