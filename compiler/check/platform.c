/* SPDX-License-Identifier: Apache-2.0 */
/* What the guests need of CPUs, memory and ports against what is known of the machine. */
#include "check/check.h"

#include "base/units.h"

static void check_pin(const struct check_context *c, const struct pin *pin)
{
	const struct platform *platform = &c->system->platform;
	struct diag *d;

	if (pin->cpu < platform->cpus.value)
		return;
	d = diag_report(c->diags, PLATFORM_PIN, pin->where.at, platform->name.value, pin->cpu,
			platform->cpus.value);
	diag_note(d, platform->cpus.where.at, "CPUs of the machine");
}

void check_platform_pins(const struct check_context *c)
{
	if (!was_set(c->system->platform.cpus.where))
		return;
	for (size_t i = 0; i < c->system->guests.count; i++) {
		const struct guest *guest = c->system->guests.items[i];

		for (size_t j = 0; j < guest->vcpus.pins.count; j++)
			check_pin(c, &guest->vcpus.pins.items[j]);
	}
}

/* Tables name host CPUs, too. */
void check_platform_tables(const struct check_context *c)
{
	const struct platform *platform = &c->system->platform;

	for (size_t i = 0; i < c->system->scheduling.tables.count; i++) {
		const struct schedule_table *table = &c->system->scheduling.tables.items[i];
		struct diag *d;

		if (!was_set(platform->cpus.where) || table->cpu.value < platform->cpus.value)
			continue;
		d = diag_report(c->diags, PLATFORM_TABLE, table->cpu.where.at, table->cpu.value, platform->name.value,
				platform->cpus.value);
		diag_note(d, platform->cpus.where.at, "CPUs of the machine");
	}
}

void check_platform_cpus(const struct check_context *c)
{
	const struct platform *platform = &c->system->platform;
	unsigned long long total = 0;
	struct diag *d;

	for (size_t i = 0; i < c->system->guests.count; i++)
		if (c->system->guests.items[i]->scheduling.scheduler.value == SCHEDULER_EXCLUSIVE)
			total += c->system->guests.items[i]->vcpus.count.value;
	if (!was_set(platform->cpus.where) || total <= platform->cpus.value)
		return;
	d = diag_report(c->diags, PLATFORM_CPUS, platform->cpus.where.at, total,
			platform->name.value, platform->cpus.value);
	for (size_t i = 0; i < c->system->guests.count && i < 4; i++)
		if (was_set(c->system->guests.items[i]->vcpus.where))
			diag_note(d, c->system->guests.items[i]->vcpus.where.at, "%u of `%s`",
				  c->system->guests.items[i]->vcpus.count.value,
				  c->system->guests.items[i]->name.value);
}

/* ------------------------------------------------------------------------------------ threads */

/* Who has a host CPU by a pin. */
struct holder {
	const struct guest *guest;
	const struct pin *pin;
};

static bool share_core(const struct host_cpu *a, const struct host_cpu *b)
{
	return was_set(a->package.where) && was_set(b->package.where) && was_set(a->core.where) &&
	       was_set(b->core.where) && a->package.value == b->package.value && a->die.value == b->die.value &&
	       a->core.value == b->core.value;
}

static void check_threads_of(const struct check_context *c, const struct holder *holders, size_t cpu)
{
	const struct platform *platform = &c->system->platform;
	const struct holder *here = &holders[cpu], *there;
	struct diag *d;

	for (size_t i = 0; i < cpu; i++) {
		there = &holders[i];
		if (!there->pin || there->guest == here->guest ||
		    !share_core(&platform->cpu_list.items[i], &platform->cpu_list.items[cpu]))
			continue;
		d = diag_report(c->diags, PLATFORM_THREADS, here->pin->where.at, (unsigned int)cpu, (unsigned int)i,
				here->guest->name.value, there->guest->name.value);
		diag_note(d, there->pin->where.at, "the other thread, for `%s`", there->guest->name.value);
		diag_note(d, platform->cpu_list.items[cpu].where.at, "package %u, die %u, core %u",
			  platform->cpu_list.items[cpu].package.value, platform->cpu_list.items[cpu].die.value,
			  platform->cpu_list.items[cpu].core.value);
		diag_help(d, "give both threads to one guest, or leave one of them idle");
	}
}

void check_platform_threads(const struct check_context *c)
{
	const struct platform *platform = &c->system->platform;
	size_t count = platform->cpu_list.count;
	struct holder *holders;

	if (!count)
		return;
	holders = arena_array(c->system->arena, count, sizeof(*holders));
	for (size_t i = 0; i < c->system->guests.count; i++) {
		const struct guest *guest = c->system->guests.items[i];

		for (size_t j = 0; j < guest->vcpus.pins.count; j++)
			if (guest->vcpus.pins.items[j].cpu < count)
				holders[guest->vcpus.pins.items[j].cpu] = (struct holder){ guest, &guest->vcpus.pins.items[j] };
	}
	for (size_t i = 0; i < count; i++)
		if (holders[i].pin)
			check_threads_of(c, holders, i);
}

/* ------------------------------------------------------------------------------------- memory */

void check_platform_memory(const struct check_context *c)
{
	const struct platform *platform = &c->system->platform;
	char needed[32], there[32];
	uint64_t total = 0;
	struct diag *d;

	for (size_t i = 0; i < c->system->guests.count; i++)
		total += c->system->guests.items[i]->memory.size.value;
	if (!was_set(platform->memory.where) || !c->system->guests.count || total < platform->memory.value)
		return;
	d = diag_report(c->diags, PLATFORM_MEMORY, platform->memory.where.at,
			unit_text(size_units, total, needed, sizeof(needed)), platform->name.value,
			unit_text(size_units, platform->memory.value, there, sizeof(there)));
	for (size_t i = 0; i < c->system->guests.count && i < 4; i++)
		diag_note(d, c->system->guests.items[i]->memory.where.at, "of `%s`",
			  c->system->guests.items[i]->name.value);
}

static uint64_t end_of(const struct host_range *range)
{
	return range->base.value + range->size.value;
}

static bool meets(const struct host_range *range, uint64_t first, uint64_t end)
{
	return range->base.value < end && first < end_of(range);
}

/* How much of a node is RAM that the firmware hands over. */
static uint64_t node_ram(const struct platform *platform, const struct host_node *node)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < node->memory.count; i++)
		for (size_t j = 0; j < platform->memory_map.count; j++) {
			const struct host_range *in = &node->memory.items[i], *ram = &platform->memory_map.items[j].range;
			uint64_t first = in->base.value > ram->base.value ? in->base.value : ram->base.value;
			uint64_t end = end_of(in) < end_of(ram) ? end_of(in) : end_of(ram);

			if (platform->memory_map.items[j].kind.value == RANGE_KIND_RAM && first < end)
				sum += end - first;
		}
	for (size_t i = 0; i < node->memory.count && !platform->memory_map.count; i++)
		sum += node->memory.items[i].size.value;
	return sum;
}

/* Memory that guests want of a node, and who was the last to want some. */
struct demand {
	uint64_t bytes;
	struct where first, last;
	const char *first_guest, *last_guest;
};

static bool node_exists(const struct check_context *c, struct where where, uint32_t node)
{
	const struct platform *platform = &c->system->platform;
	struct diag *d;

	if (node < platform->nodes.count)
		return true;
	d = diag_report(c->diags, PLATFORM_NODE, where.at, platform->name.value, node, platform->nodes.count);
	diag_note(d, platform->nodes.items[0].where.at, "node 0 of the machine");
	return false;
}

static void add_demand(struct demand *demand, struct where where, uint64_t bytes, const struct guest *guest)
{
	demand->bytes += bytes;
	demand->last = where;
	demand->last_guest = guest->name.value;
	if (was_set(demand->first))
		return;
	demand->first = where;
	demand->first_guest = guest->name.value;
}

/* How much of a fixed range is in a node. */
static uint64_t shared_bytes(const struct bound_range *range, const struct host_node *node)
{
	uint64_t range_end = range->host.value + range->size.value, sum = 0;

	for (size_t i = 0; i < node->memory.count; i++) {
		const struct host_range *in = &node->memory.items[i];
		uint64_t first = in->base.value > range->host.value ? in->base.value : range->host.value;
		uint64_t end = end_of(in) < range_end ? end_of(in) : range_end;

		sum += first < end ? end - first : 0;
	}
	return sum;
}

static void check_range_node(const struct check_context *c, const struct memory *memory, const struct bound_range *range)
{
	const struct platform *platform = &c->system->platform;
	const struct host_node *node = &platform->nodes.items[memory->host_node.value];
	struct diag *d;

	if (!was_set(memory->host_node.where) || !node->memory.count || shared_bytes(range, node) == range->size.value)
		return;
	d = diag_report(c->diags, BIND_OFF_NODE, range->where.at, (unsigned long long)range->host.value,
			(unsigned long long)(range->host.value + range->size.value - 1), memory->host_node.value,
			platform->name.value);
	diag_note(d, memory->host_node.where.at, "the node of the bind");
	diag_note(d, node->where.at, "what is in that node");
}

/* Ranges that are fixed take from the nodes that they are in, whatever else is said. */
static void demand_ranges(const struct check_context *c, struct demand *demands, const struct guest *guest)
{
	const struct platform *platform = &c->system->platform;

	for (size_t i = 0; i < guest->memory.host.count; i++) {
		const struct bound_range *range = &guest->memory.host.items[i];

		for (size_t node = 0; node < platform->nodes.count; node++) {
			uint64_t bytes = shared_bytes(range, &platform->nodes.items[node]);

			if (bytes)
				add_demand(&demands[node], range->where, bytes, guest);
		}
		check_range_node(c, &guest->memory, range);
	}
}

static void demand_nodes(const struct check_context *c, struct demand *demands, const struct guest *guest)
{
	for (size_t i = 0; i < guest->memory.numa.count; i++) {
		const struct numa_node *node = &guest->memory.numa.items[i];

		if (was_set(node->host_node.where) && node_exists(c, node->host_node.where, node->host_node.value))
			add_demand(&demands[node->host_node.value], node->host_node.where, node->size.value, guest);
	}
}

static void demand_memory(const struct check_context *c, struct demand *demands, const struct guest *guest)
{
	const struct memory *memory = &guest->memory;

	if (was_set(memory->host_node.where) && !node_exists(c, memory->host_node.where, memory->host_node.value))
		return;
	if (memory->host.count)
		demand_ranges(c, demands, guest);
	else if (was_set(memory->host_node.where))
		add_demand(&demands[memory->host_node.value], memory->host_node.where, memory->size.value, guest);
	else
		demand_nodes(c, demands, guest);
}

static void check_demand(const struct check_context *c, const struct demand *demand, size_t number)
{
	const struct host_node *node = &c->system->platform.nodes.items[number];
	uint64_t there = node_ram(&c->system->platform, node);
	char needed[32], has[32];
	struct diag *d;

	if (!demand->last_guest || !node->memory.count || demand->bytes <= there)
		return;
	d = diag_report(c->diags, PLATFORM_NODE_FULL, demand->last.at, number,
			c->system->platform.name.value, unit_text(size_units, there, has, sizeof(has)),
			unit_text(size_units, demand->bytes, needed, sizeof(needed)));
	diag_label(d, "for `%s`", demand->last_guest);
	if (demand->first.at.offset != demand->last.at.offset || demand->first.at.file != demand->last.at.file)
		diag_note(d, demand->first.at, "and for `%s`", demand->first_guest);
	diag_note(d, node->where.at, "the node");
}

void check_platform_nodes(const struct check_context *c)
{
	const struct platform *platform = &c->system->platform;
	struct demand *demands;

	if (!platform->nodes.count)
		return;
	demands = arena_array(c->system->arena, platform->nodes.count, sizeof(*demands));
	for (size_t i = 0; i < c->system->guests.count; i++)
		demand_memory(c, demands, c->system->guests.items[i]);
	for (size_t i = 0; i < platform->nodes.count; i++)
		check_demand(c, &demands[i], i);
}

/* The node of the guest that a vCPU is in; NULL: none says so. */
static const struct numa_node *node_of_vcpu(const struct guest *guest, uint32_t vcpu)
{
	for (size_t i = 0; i < guest->memory.numa.count; i++)
		if (number_list_has(&guest->memory.numa.items[i].cpu_ranges, vcpu))
			return &guest->memory.numa.items[i];
	return NULL;
}

static void check_pin_node(const struct check_context *c, const struct guest *guest, const struct pin *pin)
{
	const struct numa_node *node = node_of_vcpu(guest, pin->vcpu);
	struct where where = node ? node->host_node.where : guest->memory.host_node.where;
	uint32_t host_node = node ? node->host_node.value : guest->memory.host_node.value;
	const struct host_cpu *cpu;
	struct diag *d;

	if (!was_set(where) || pin->cpu >= c->system->platform.cpu_list.count)
		return;
	cpu = &c->system->platform.cpu_list.items[pin->cpu];
	if (!was_set(cpu->node.where) || cpu->node.value == host_node)
		return;
	d = diag_report(c->diags, PLATFORM_OFF_NODE, pin->where.at, pin->cpu, cpu->node.value, pin->vcpu, host_node);
	diag_note(d, where.at, "where the vCPU's memory is");
	diag_note(d, cpu->node.where.at, "where the CPU is");
}

void check_platform_pin_nodes(const struct check_context *c)
{
	for (size_t i = 0; i < c->system->guests.count; i++) {
		const struct guest *guest = c->system->guests.items[i];

		for (size_t j = 0; j < guest->vcpus.pins.count; j++)
			check_pin_node(c, guest, &guest->vcpus.pins.items[j]);
	}
}

/* ------------------------------------------------------------------------------- fixed ranges */

static struct diag *report_range(const struct check_context *c, const struct bound_range *range, const char *what)
{
	return diag_report(c->diags, PLATFORM_RANGE, range->where.at, (unsigned long long)range->host.value,
			   (unsigned long long)(range->host.value + range->size.value - 1), what,
			   c->system->platform.name.value);
}

/* Registers that are no part of the memory map on every machine. Returns whether one was met. */
static bool meets_registers(const struct check_context *c, const struct bound_range *range)
{
	const struct platform *platform = &c->system->platform;
	uint64_t first = range->host.value, end = first + range->size.value;

	for (size_t i = 0; i < platform->ecam.count; i++) {
		const struct host_ecam *ecam = &platform->ecam.items[i];
		uint64_t base = ecam->base.value + ((uint64_t)ecam->first_bus.value << 20);

		if (base >= end || first >= ecam->base.value + (((uint64_t)ecam->last_bus.value + 1) << 20))
			continue;
		diag_note(report_range(c, range, "holds PCI configuration registers"), ecam->where.at, "the window");
		return true;
	}
	if (!was_set(platform->local_apic.where) || platform->local_apic.value >= end ||
	    first >= platform->local_apic.value + 4096)
		return false;
	diag_note(report_range(c, range, "holds the local APICs' registers"), platform->local_apic.where.at, "they are here");
	return true;
}

static bool meets_reserved(const struct check_context *c, const struct bound_range *range)
{
	const struct platform *platform = &c->system->platform;

	for (size_t i = 0; i < platform->reserved.count; i++) {
		const struct host_reserved *reserved = &platform->reserved.items[i];

		if (!meets(&reserved->range, range->host.value, range->host.value + range->size.value))
			continue;
		diag_note(report_range(c, range, "is kept for devices"), reserved->range.where.at, "%s",
			  reserved->by.value == RESERVED_BY_RMRR ? "by the DMAR table" : "by the IVRS table");
		return true;
	}
	return false;
}

/* Each byte of it is RAM of the map. What is not, and where the first such byte is. */
static void check_is_ram(const struct check_context *c, const struct bound_range *range)
{
	const struct platform *platform = &c->system->platform;
	uint64_t at = range->host.value, end = at + range->size.value;
	const struct host_memory *other = NULL;
	bool found = true;
	struct diag *d;

	while (at < end && found) {
		found = false;
		for (size_t i = 0; i < platform->memory_map.count; i++) {
			const struct host_memory *memory = &platform->memory_map.items[i];

			if (at < memory->range.base.value || at >= end_of(&memory->range))
				continue;
			other = memory->kind.value == RANGE_KIND_RAM ? NULL : memory;
			found = !other;
			at = found ? end_of(&memory->range) : at;
		}
	}
	if (at >= end)
		return;
	d = report_range(c, range, "is not all RAM");
	if (other)
		diag_note(d, other->range.where.at, "%s", range_kind_name(other->kind.value));
	else
		diag_help(d, "the memory map has nothing at 0x%llx", (unsigned long long)at);
}

void check_platform_ranges(const struct check_context *c)
{
	for (size_t i = 0; i < c->system->binds.count; i++)
		for (size_t j = 0; j < c->system->binds.items[i].memory.count; j++) {
			const struct bound_range *range = &c->system->binds.items[i].memory.items[j];

			if (!meets_registers(c, range) && !meets_reserved(c, range) && c->system->platform.memory_map.count)
				check_is_ram(c, range);
		}
}

/* --------------------------------------------------------------------- special memory, ports */

void check_platform_epc(const struct check_context *c)
{
	const struct platform *platform = &c->system->platform;
	uint64_t needed = 0, there = 0;
	struct position at = { 0 };
	char text[32], has[32];

	for (size_t i = 0; i < c->system->guests.count; i++) {
		const struct memory *memory = &c->system->guests.items[i]->memory;

		for (size_t j = 0; j < memory->sgx_epc.count; j++) {
			needed += memory->sgx_epc.items[j].size.value;
			at = memory->sgx_epc.items[j].where.at;
		}
	}
	for (size_t i = 0; i < platform->epc.count; i++)
		there += platform->epc.items[i].size.value;
	if (was_set(platform->epc_known) && needed > there)
		diag_report(c->diags, PLATFORM_EPC, at, unit_text(size_units, needed, text, sizeof(text)), platform->name.value,
			    unit_text(size_units, there, has, sizeof(has)));
}

static void check_nvdimm(const struct check_context *c, const struct nvdimm *nvdimm)
{
	const struct platform *platform = &c->system->platform;
	uint64_t first = nvdimm->backing.pmem.value, size = nvdimm->size.value + nvdimm->label_size.value;
	char needed[32], has[32];
	struct diag *d;

	for (size_t i = 0; i < platform->pmem.count; i++) {
		const struct host_range *range = &platform->pmem.items[i].range;

		if (!meets(range, first, first + 1))
			continue;
		if (size <= end_of(range) - first)
			return;
		d = diag_report(c->diags, PLATFORM_PMEM_SMALL, nvdimm->where.at,
				unit_text(size_units, size, needed, sizeof(needed)), (unsigned long long)first,
				unit_text(size_units, end_of(range) - first, has, sizeof(has)), platform->name.value);
		diag_note(d, range->where.at, "the range of persistent memory");
		return;
	}
	d = diag_report(c->diags, PLATFORM_PMEM, nvdimm->backing.pmem.where.at, platform->name.value,
			(unsigned long long)first);
	if (platform->pmem.count)
		diag_note(d, platform->pmem.items[0].range.where.at, "it has some here");
}

void check_platform_pmem(const struct check_context *c)
{
	if (!was_set(c->system->platform.pmem_known))
		return;
	for (size_t i = 0; i < c->system->guests.count; i++) {
		const struct memory *memory = &c->system->guests.items[i]->memory;

		for (size_t j = 0; j < memory->nvdimm.count; j++)
			if (was_set(memory->nvdimm.items[j].backing.pmem.where))
				check_nvdimm(c, &memory->nvdimm.items[j]);
	}
}

void check_platform_console(const struct check_context *c)
{
	const struct platform *platform = &c->system->platform;
	const struct console *console = &c->system->console;
	struct diag *d;

	if (!was_set(platform->serial_known) || !console->io.value || !c->system->guests.count)
		return;
	for (size_t i = 0; i < platform->serial.count; i++)
		if (platform->serial.items[i].io.value == console->io.value)
			return;
	d = diag_report(c->diags, PLATFORM_CONSOLE, was_set(console->io.where) ? console->io.where.at : platform->serial_known.at,
			platform->name.value, console->io.value);
	if (platform->serial.count)
		diag_help(d, "it has one at 0x%x: set `console: { io: 0x%x }` in a system file",
			  platform->serial.items[0].io.value, platform->serial.items[0].io.value);
	else
		diag_help(d, "set `console: { io: 0 }` in a system file to do without");
}
