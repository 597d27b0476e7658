/* SPDX-License-Identifier: Apache-2.0 */
/* The facts as a document: one line an entry, in the order of the schema; what is not known is not there. */
#include "probe/probe.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"

struct writer {
	struct buffer *text;
	bool entry; /* something stands in the braces that are open */
};

static void put(struct writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct writer *w, const char *format, ...)
{
	char line[256];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	buffer_bytes(w->text, line, (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1);
}

/* Texts are quoted always: what a firmware calls itself may look like anything. */
static void put_quoted(struct writer *w, const char *text)
{
	buffer_u8(w->text, '"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			buffer_u8(w->text, '\\');
		buffer_u8(w->text, (uint8_t)(*text < ' ' || *text > '~' ? '?' : *text));
	}
	buffer_u8(w->text, '"');
}

/* ------------------------------------------------------------------------- entries in braces */

static void open_entry(struct writer *w, const char *before)
{
	put(w, "%s{", before);
	w->entry = false;
}

static void close_entry(struct writer *w, const char *after)
{
	put(w, " }%s", after);
	w->entry = true;
}

static void put_key(struct writer *w, const char *key)
{
	put(w, "%s %s: ", w->entry ? "," : "", key);
	w->entry = true;
}

static void put_number(struct writer *w, const char *key, uint64_t value)
{
	put_key(w, key);
	put(w, "%" PRIu64, value);
}

static void put_hex(struct writer *w, const char *key, uint64_t value)
{
	put_key(w, key);
	put(w, "0x%" PRIx64, value);
}

static void put_size(struct writer *w, const char *key, uint64_t value)
{
	char text[32];

	put_key(w, key);
	put(w, "%s", unit_text(size_units, value, text, sizeof(text)));
}

static void put_word(struct writer *w, const char *key, const char *word)
{
	put_key(w, key);
	put(w, "%s", word);
}

static void put_text(struct writer *w, const char *key, const char *text)
{
	if (!text)
		return;
	put_key(w, key);
	put_quoted(w, text);
}

static void put_range(struct writer *w, const struct host_range *range)
{
	put_hex(w, "base", range->base.value);
	put_size(w, "size", range->size.value);
}

/* A value that may not be known. */
#define PUT_KNOWN(w, key, field)                                                                   \
	do {                                                                                       \
		if (was_set((field).where))                                                        \
			put_number((w), (key), (field).value);                                     \
	} while (0)

#define PUT_ADDRESSES(w, list)                                                                     \
	do {                                                                                       \
		for (size_t i_ = 0; i_ < (list)->count; i_++) {                                    \
			if (!i_)                                                                   \
				put_key((w), "devices");                                           \
			put((w), "%s'%s'", i_ ? ", " : "[", (list)->items[i_].value);              \
		}                                                                                  \
		if ((list)->count)                                                                 \
			put((w), "]");                                                             \
	} while (0)

/* A list of entries; empty, it is there only where that is known. */
static bool begin_list(struct writer *w, const char *key, size_t count, bool known)
{
	if (count)
		put(w, "%s:\n", key);
	else if (known)
		put(w, "%s: []\n", key);
	return count;
}

/* ------------------------------------------------------------------------------- the sections */

static void write_head(struct writer *w, const struct probe *p)
{
	const struct host_probe *probe = &p->platform->probe;

	put(w, "# Facts of a machine, found by `hvcc probe`. `hvcc explain KEY` tells what a key means.\n");
	put(w, "schema: hvcc/platform/v1\nname: %s\nprobe:", p->platform->name.value);
	open_entry(w, " ");
	put_number(w, "revision", probe->revision.value);
	put_text(w, "kernel", probe->kernel.value);
	put_text(w, "vendor", probe->vendor.value);
	put_text(w, "product", probe->product.value);
	close_entry(w, "\n");
}

static void write_leaves(struct writer *w, const struct host_processor *processor)
{
	static const char *const names[] = { "eax", "ebx", "ecx", "edx" };

	if (processor->cpuid.count)
		put(w, "  cpuid:\n");
	for (size_t i = 0; i < processor->cpuid.count; i++) {
		const struct host_cpuid *leaf = &processor->cpuid.items[i];

		open_entry(w, "    - ");
		put_hex(w, "leaf", leaf->leaf.value);
		if (leaf->subleaf.value)
			put_hex(w, "subleaf", leaf->subleaf.value);
		for (size_t j = 0; j < 4; j++)
			if (leaf->registers[j].value)
				put_hex(w, names[j], leaf->registers[j].value);
		close_entry(w, "\n");
	}
}

static void write_msrs(struct writer *w, const struct host_processor *processor)
{
	if (processor->msrs.count)
		put(w, "  msrs:\n");
	for (size_t i = 0; i < processor->msrs.count; i++) {
		open_entry(w, "    - ");
		put_hex(w, "msr", processor->msrs.items[i].msr.value);
		put_hex(w, "value", processor->msrs.items[i].value.value);
		close_entry(w, "\n");
	}
}

static void write_fact(struct writer *w, const char *key, uint64_t value, struct where where)
{
	if (was_set(where))
		put(w, "  %s: %" PRIu64 "\n", key, value);
}

static void write_fact_text(struct writer *w, const char *key, const char *text)
{
	if (!text)
		return;
	put(w, "  %s: ", key);
	put_quoted(w, text);
	put(w, "\n");
}

static void write_processor(struct writer *w, const struct host_processor *processor)
{
	if (!was_set(processor->vendor.where))
		return;
	put(w, "processor:\n  vendor: %s\n", processor_vendor_name(processor->vendor.value));
	write_fact_text(w, "brand", processor->brand.value);
	write_fact(w, "family", processor->family.value, processor->family.where);
	write_fact(w, "model", processor->model.value, processor->model.where);
	write_fact(w, "stepping", processor->stepping.value, processor->stepping.where);
	write_fact(w, "physical-bits", processor->physical_bits.value, processor->physical_bits.where);
	write_fact(w, "linear-bits", processor->linear_bits.value, processor->linear_bits.where);
	write_leaves(w, processor);
	write_fact_text(w, "flags", processor->flags.value);
	write_msrs(w, processor);
}

static void write_cpus(struct writer *w, const struct platform *platform)
{
	begin_list(w, "cpus", platform->cpu_list.count, false);
	for (size_t i = 0; i < platform->cpu_list.count; i++) {
		const struct host_cpu *cpu = &platform->cpu_list.items[i];

		open_entry(w, "  - ");
		put_number(w, "apic-id", cpu->apic_id.value);
		PUT_KNOWN(w, "package", cpu->package);
		PUT_KNOWN(w, "die", cpu->die);
		PUT_KNOWN(w, "core", cpu->core);
		PUT_KNOWN(w, "node", cpu->node);
		close_entry(w, "\n");
	}
}

static void write_node(struct writer *w, const struct host_node *node)
{
	open_entry(w, "  - ");
	put_key(w, "memory");
	put(w, "[");
	for (size_t i = 0; i < node->memory.count; i++) {
		open_entry(w, i ? ", " : " ");
		put_range(w, &node->memory.items[i]);
		close_entry(w, "");
	}
	put(w, node->memory.count ? " ]" : "]");
	w->entry = true;
	if (node->distances.count)
		put_key(w, "distances");
	for (size_t i = 0; i < node->distances.count; i++)
		put(w, "%s%u%s", i ? ", " : "[", node->distances.items[i].value,
		    i + 1 < node->distances.count ? "" : "]");
	close_entry(w, "\n");
}

static void write_nodes(struct writer *w, const struct platform *platform)
{
	begin_list(w, "nodes", platform->nodes.count, false);
	for (size_t i = 0; i < platform->nodes.count; i++)
		write_node(w, &platform->nodes.items[i]);
}

static void write_memory(struct writer *w, const struct platform *platform)
{
	begin_list(w, "memory", platform->memory_map.count, false);
	for (size_t i = 0; i < platform->memory_map.count; i++) {
		open_entry(w, "  - ");
		put_range(w, &platform->memory_map.items[i].range);
		put_word(w, "kind", range_kind_name(platform->memory_map.items[i].kind.value));
		close_entry(w, "\n");
	}
	begin_list(w, "reserved", platform->reserved.count, was_set(platform->iommus_known));
	for (size_t i = 0; i < platform->reserved.count; i++) {
		const struct host_reserved *reserved = &platform->reserved.items[i];

		open_entry(w, "  - ");
		put_range(w, &reserved->range);
		put_word(w, "by", reserved_by_name(reserved->by.value));
		PUT_ADDRESSES(w, &reserved->devices);
		close_entry(w, "\n");
	}
}

static void write_bars(struct writer *w, const struct host_pci *pci)
{
	if (!pci->bars.count)
		return;
	put(w, "    bars:\n");
	for (size_t i = 0; i < pci->bars.count; i++) {
		const struct host_bar *bar = &pci->bars.items[i];

		open_entry(w, "      - ");
		put_number(w, "bar", bar->bar.value);
		put_range(w, &bar->range);
		if (bar->kind.value != BAR_KIND_MEMORY)
			put_word(w, "kind", bar_kind_name(bar->kind.value));
		if (bar->prefetchable.value)
			put_word(w, "prefetchable", "true");
		close_entry(w, "\n");
	}
}

static void write_pci(struct writer *w, const struct platform *platform)
{
	begin_list(w, "pci", platform->pci.count, was_set(platform->pci_known));
	for (size_t i = 0; i < platform->pci.count; i++) {
		const struct host_pci *pci = &platform->pci.items[i];

		put(w, "  - address: '%s'\n    id: '%s'\n", pci->address.value, pci->id.value);
		if (pci->subsystem.value)
			put(w, "    subsystem: '%s'\n", pci->subsystem.value);
		put(w, "    class: 0x%x\n", pci->class.value);
		if (pci->kind.value != PCI_KIND_ENDPOINT)
			put(w, "    kind: %s\n", pci_kind_name(pci->kind.value));
		if (was_set(pci->group.where))
			put(w, "    group: %u\n", pci->group.value);
		if (was_set(pci->node.where))
			put(w, "    node: %u\n", pci->node.value);
		if (pci->driver.value) {
			put(w, "    driver: ");
			put_quoted(w, pci->driver.value);
			put(w, "\n");
		}
		write_bars(w, pci);
	}
}

static void write_iommus(struct writer *w, const struct platform *platform)
{
	begin_list(w, "iommus", platform->iommus.count, was_set(platform->iommus_known));
	for (size_t i = 0; i < platform->iommus.count; i++) {
		const struct host_iommu *unit = &platform->iommus.items[i];

		open_entry(w, "  - ");
		put_word(w, "kind", iommu_unit_name(unit->kind.value));
		put_hex(w, "base", unit->base.value);
		if (unit->segment.value)
			put_number(w, "segment", unit->segment.value);
		if (unit->all.value)
			put_word(w, "all", "true");
		if (unit->interrupt_remapping.value)
			put_word(w, "interrupt-remapping", "true");
		if (unit->address.value)
			put_text(w, "address", unit->address.value);
		PUT_ADDRESSES(w, &unit->devices);
		close_entry(w, "\n");
	}
}

static void write_special_memory(struct writer *w, const struct platform *platform)
{
	begin_list(w, "pmem", platform->pmem.count, was_set(platform->pmem_known));
	for (size_t i = 0; i < platform->pmem.count; i++) {
		open_entry(w, "  - ");
		put_range(w, &platform->pmem.items[i].range);
		PUT_KNOWN(w, "node", platform->pmem.items[i].node);
		close_entry(w, "\n");
	}
	begin_list(w, "epc", platform->epc.count, was_set(platform->epc_known));
	for (size_t i = 0; i < platform->epc.count; i++) {
		open_entry(w, "  - ");
		put_range(w, &platform->epc.items[i]);
		close_entry(w, "\n");
	}
}

static void write_chips(struct writer *w, const struct platform *platform)
{
	if (was_set(platform->tsc_khz.where))
		put(w, "tsc-khz: %u\n", platform->tsc_khz.value);
	if (was_set(platform->s5_type.where))
		put(w, "s5-type: %u\n", platform->s5_type.value);
	if (was_set(platform->local_apic.where))
		put(w, "local-apic: 0x%" PRIx64 "\n", platform->local_apic.value);
	if (was_set(platform->hpet.where))
		put(w, "hpet: 0x%" PRIx64 "\n", platform->hpet.value);
	begin_list(w, "ioapics", platform->ioapics.count, false);
	for (size_t i = 0; i < platform->ioapics.count; i++) {
		open_entry(w, "  - ");
		put_number(w, "id", platform->ioapics.items[i].id.value);
		put_hex(w, "base", platform->ioapics.items[i].base.value);
		put_number(w, "first-interrupt", platform->ioapics.items[i].first_interrupt.value);
		close_entry(w, "\n");
	}
}

static void write_windows(struct writer *w, const struct platform *platform)
{
	begin_list(w, "ecam", platform->ecam.count, false);
	for (size_t i = 0; i < platform->ecam.count; i++) {
		const struct host_ecam *ecam = &platform->ecam.items[i];

		open_entry(w, "  - ");
		put_hex(w, "base", ecam->base.value);
		put_number(w, "segment", ecam->segment.value);
		put_number(w, "first-bus", ecam->first_bus.value);
		put_number(w, "last-bus", ecam->last_bus.value);
		close_entry(w, "\n");
	}
	begin_list(w, "serial", platform->serial.count, was_set(platform->serial_known));
	for (size_t i = 0; i < platform->serial.count; i++) {
		open_entry(w, "  - ");
		put_hex(w, "io", platform->serial.items[i].io.value);
		PUT_KNOWN(w, "irq", platform->serial.items[i].irq);
		close_entry(w, "\n");
	}
}

/* Comments are printable and short, whatever is in the names that they show. */
static void write_notes(struct writer *w, const struct probe *p)
{
	for (size_t i = 0; i < p->notes.count; i++) {
		put(w, "# ");
		for (const char *c = p->notes.items[i]; *c && c - p->notes.items[i] < 300; c++)
			buffer_u8(w->text, (uint8_t)(*c < ' ' || *c > '~' ? '?' : *c));
		put(w, "\n");
	}
}

void probe_write(const struct probe *p, struct buffer *text)
{
	struct writer w = { .text = text };
	size_t first = text->size;

	write_head(&w, p);
	write_notes(&w, p);
	write_processor(&w, &p->platform->processor);
	write_cpus(&w, p->platform);
	write_nodes(&w, p->platform);
	write_memory(&w, p->platform);
	write_pci(&w, p->platform);
	write_iommus(&w, p->platform);
	write_special_memory(&w, p->platform);
	write_chips(&w, p->platform);
	write_windows(&w, p->platform);
	put(&w, "hash: %s\n", probe_hash(p->arena, text->data + first, text->size - first));
}
