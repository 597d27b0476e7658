/* SPDX-License-Identifier: Apache-2.0 */
/* The machine from its document, section by section as the schema has them. */
#include "model/from_tree.h"

#include "validate/schema.h"

static void read_range(struct host_range *range, struct cursor c)
{
	range->where = cursor_where(c);
	READ_NUMBER(range->base, c, "base");
	READ_NUMBER(range->size, c, "size");
}

/* One item of a list, from where the cursor stands. */
#define READER(name, type) static void read_##name(type *item, struct cursor c)

/* Appends what read_NAME() makes of each item of the list. */
#define READ_LIST(list, cursor_, name)                                                             \
	do {                                                                                       \
		struct cursor list_ = (cursor_);                                                   \
		for (size_t i_ = 0; i_ < cursor_count(list_); i_++)                                \
			read_##name(vector_add(list_.arena, (list)), cursor_item(list_, i_));      \
	} while (0)

/* Texts and numbers alone, without keys. */
#define READ_ADDRESSES(list, map, key)                                                             \
	do {                                                                                       \
		struct cursor list_ = cursor_key((map), (key));                                    \
		for (size_t i_ = 0; i_ < cursor_count(list_); i_++) {                              \
			struct cursor item_ = cursor_item(list_, i_);                              \
			__typeof__((list)->items) new_ = vector_add(list_.arena, (list));          \
			new_->value = cursor_text(item_);                                          \
			new_->where = cursor_where(item_);                                         \
		}                                                                                  \
	} while (0)

READER(memory, struct host_memory)
{
	read_range(&item->range, c);
	READ_NUMBER(item->kind, c, "kind");
}

READER(cpuid, struct host_cpuid)
{
	static const char *const names[] = { "eax", "ebx", "ecx", "edx" };

	item->where = cursor_where(c);
	READ_NUMBER(item->leaf, c, "leaf");
	READ_NUMBER(item->subleaf, c, "subleaf");
	for (size_t i = 0; i < 4; i++)
		READ_NUMBER(item->registers[i], c, names[i]);
}

READER(msr, struct host_msr)
{
	item->where = cursor_where(c);
	READ_NUMBER(item->msr, c, "msr");
	READ_NUMBER(item->value, c, "value");
}

READER(cpu, struct host_cpu)
{
	item->where = cursor_where(c);
	READ_NUMBER(item->apic_id, c, "apic-id");
	READ_NUMBER(item->package, c, "package");
	READ_NUMBER(item->die, c, "die");
	READ_NUMBER(item->core, c, "core");
	READ_NUMBER(item->node, c, "node");
}

READER(node, struct host_node)
{
	struct cursor distances = cursor_key(c, "distances");

	item->where = cursor_where(c);
	READ_LIST(&item->memory, cursor_key(c, "memory"), range);
	for (size_t i = 0; i < cursor_count(distances); i++) {
		struct cursor at = cursor_item(distances, i);
		__typeof__(item->distances.items) distance = vector_add(c.arena, &item->distances);

		distance->value = (uint32_t)cursor_number(at);
		distance->where = cursor_where(at);
	}
}

READER(reserved, struct host_reserved)
{
	read_range(&item->range, c);
	READ_NUMBER(item->by, c, "by");
	READ_ADDRESSES(&item->devices, c, "devices");
}

READER(bar, struct host_bar)
{
	read_range(&item->range, c);
	READ_NUMBER(item->bar, c, "bar");
	READ_NUMBER(item->kind, c, "kind");
	READ_NUMBER(item->prefetchable, c, "prefetchable");
}

READER(pci, struct host_pci)
{
	item->where = cursor_where(c);
	READ_TEXT(item->address, c, "address");
	READ_TEXT(item->id, c, "id");
	READ_TEXT(item->subsystem, c, "subsystem");
	READ_NUMBER(item->class, c, "class");
	READ_NUMBER(item->kind, c, "kind");
	READ_NUMBER(item->group, c, "group");
	READ_NUMBER(item->node, c, "node");
	READ_TEXT(item->driver, c, "driver");
	READ_LIST(&item->bars, cursor_key(c, "bars"), bar);
}

READER(iommu, struct host_iommu)
{
	item->where = cursor_where(c);
	READ_NUMBER(item->kind, c, "kind");
	READ_NUMBER(item->base, c, "base");
	READ_NUMBER(item->segment, c, "segment");
	READ_NUMBER(item->all, c, "all");
	READ_NUMBER(item->interrupt_remapping, c, "interrupt-remapping");
	READ_TEXT(item->address, c, "address");
	READ_ADDRESSES(&item->devices, c, "devices");
}

READER(pmem, struct host_pmem)
{
	read_range(&item->range, c);
	READ_NUMBER(item->node, c, "node");
}

READER(ioapic, struct host_ioapic)
{
	item->where = cursor_where(c);
	READ_NUMBER(item->id, c, "id");
	READ_NUMBER(item->base, c, "base");
	READ_NUMBER(item->first_interrupt, c, "first-interrupt");
}

READER(ecam, struct host_ecam)
{
	item->where = cursor_where(c);
	READ_NUMBER(item->base, c, "base");
	READ_NUMBER(item->segment, c, "segment");
	READ_NUMBER(item->first_bus, c, "first-bus");
	READ_NUMBER(item->last_bus, c, "last-bus");
}

READER(serial, struct host_serial)
{
	item->where = cursor_where(c);
	READ_NUMBER(item->io, c, "io");
	READ_NUMBER(item->irq, c, "irq");
}

static void read_processor(struct host_processor *processor, struct cursor c)
{
	processor->where = cursor_where(c);
	READ_NUMBER(processor->vendor, c, "vendor");
	READ_TEXT(processor->brand, c, "brand");
	READ_NUMBER(processor->family, c, "family");
	READ_NUMBER(processor->model, c, "model");
	READ_NUMBER(processor->stepping, c, "stepping");
	READ_NUMBER(processor->physical_bits, c, "physical-bits");
	READ_NUMBER(processor->linear_bits, c, "linear-bits");
	READ_LIST(&processor->cpuid, cursor_key(c, "cpuid"), cpuid);
	READ_TEXT(processor->flags, c, "flags");
	READ_LIST(&processor->msrs, cursor_key(c, "msrs"), msr);
}

static void read_probe(struct host_probe *probe, struct cursor c)
{
	probe->where = cursor_where(c);
	READ_NUMBER(probe->revision, c, "revision");
	READ_TEXT(probe->kernel, c, "kernel");
	READ_TEXT(probe->vendor, c, "vendor");
	READ_TEXT(probe->product, c, "product");
}

/* A number, or a list from which it follows. The first entry stands for the list in messages. */
static bool is_list(struct cursor c)
{
	return c.node && c.node->kind == NODE_LIST;
}

static void read_cpus(struct platform *platform, struct cursor c)
{
	READ_NUMBER(platform->cpus, c, "cpus");
	c = cursor_key(c, "cpus");
	if (!is_list(c))
		return;
	READ_LIST(&platform->cpu_list, c, cpu);
	platform->cpus.value = (uint32_t)platform->cpu_list.count;
	if (platform->cpu_list.count)
		platform->cpus.where = platform->cpu_list.items[0].where;
}

static void read_memory_map(struct platform *platform, struct cursor c)
{
	READ_NUMBER(platform->memory, c, "memory");
	c = cursor_key(c, "memory");
	if (!is_list(c))
		return;
	READ_LIST(&platform->memory_map, c, memory);
	for (size_t i = 0; i < platform->memory_map.count; i++)
		if (platform->memory_map.items[i].kind.value == RANGE_KIND_RAM)
			platform->memory.value += platform->memory_map.items[i].range.size.value;
	if (platform->memory_map.count)
		platform->memory.where = platform->memory_map.items[0].range.where;
}

/* A list whose being there says something, also when it is empty. */
#define READ_KNOWN(platform, c, name, key, reader)                                                 \
	do {                                                                                       \
		(platform)->name##_known = cursor_where(cursor_key((c), (key)));                   \
		READ_LIST(&(platform)->name, cursor_key((c), (key)), reader);                      \
	} while (0)

void platform_from_tree(struct platform *platform, struct cursor c)
{
	platform->where = cursor_where(c);
	READ_TEXT(platform->name, c, "name");
	read_probe(&platform->probe, cursor_key(c, "probe"));
	read_processor(&platform->processor, cursor_key(c, "processor"));
	read_cpus(platform, c);
	READ_LIST(&platform->nodes, cursor_key(c, "nodes"), node);
	read_memory_map(platform, c);
	READ_LIST(&platform->reserved, cursor_key(c, "reserved"), reserved);
	READ_KNOWN(platform, c, pci, "pci", pci);
	READ_KNOWN(platform, c, iommus, "iommus", iommu);
	READ_KNOWN(platform, c, pmem, "pmem", pmem);
	READ_KNOWN(platform, c, epc, "epc", range);
	READ_KNOWN(platform, c, serial, "serial", serial);
	READ_NUMBER(platform->tsc_khz, c, "tsc-khz");
	READ_NUMBER(platform->s5_type, c, "s5-type");
	READ_NUMBER(platform->local_apic, c, "local-apic");
	READ_NUMBER(platform->hpet, c, "hpet");
	READ_LIST(&platform->ioapics, cursor_key(c, "ioapics"), ioapic);
	READ_LIST(&platform->ecam, cursor_key(c, "ecam"), ecam);
	READ_TEXT(platform->hash, c, "hash");
}

bool platform_cpuid(const struct platform *platform, uint32_t leaf, uint32_t subleaf,
		    uint32_t registers[4])
{
	const struct host_processor *processor = &platform->processor;

	for (size_t i = 0; i < 4; i++)
		registers[i] = 0;
	for (size_t i = 0; i < processor->cpuid.count; i++) {
		const struct host_cpuid *entry = &processor->cpuid.items[i];

		if (entry->leaf.value != leaf || entry->subleaf.value != subleaf)
			continue;
		for (size_t j = 0; j < 4; j++)
			registers[j] = entry->registers[j].value;
		break;
	}
	return processor->cpuid.count;
}
