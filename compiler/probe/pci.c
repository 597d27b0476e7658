/* SPDX-License-Identifier: Apache-2.0 */
/* PCI functions and serial ports, as sysfs has them. */
#include "probe/probe.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

enum { MOST_FUNCTIONS = 4096, MOST_PORTS = 64, BARS = 7, HEADER_TYPE = 0x0e };

/* Flags of the third column of `resource` (Linux, include/linux/ioport.h). */
enum { RESOURCE_IO = 0x100, RESOURCE_MEMORY = 0x200, RESOURCE_PREFETCH = 0x2000 };

static bool is_address(const char *name)
{
	unsigned int segment, bus, device, function;
	int end = 0;

	return strlen(name) == 12 &&
	       sscanf(name, "%4x:%2x:%2x.%1x%n", &segment, &bus, &device, &function, &end) == 4 && end == 12 &&
	       strspn(name, "0123456789abcdef:.") == 12 && device < 32 && function < 8;
}

static void read_bars(struct probe *p, struct host_pci *pci, const char *folder)
{
	const char *path = arena_printf(p->arena, "%s/resource", folder);
	struct bytes bytes;
	const char *line;

	if (!tree_read(p->tree, path, 4096, &bytes))
		return;
	line = (const char *)bytes.data;
	for (uint32_t i = 0; i < BARS && *line; i++) {
		uint64_t first, last, flags;

		if (sscanf(line, "%" SCNx64 " %" SCNx64 " %" SCNx64, &first, &last, &flags) == 3 && last > first &&
		    probe_fits(first, last - first + 1) && flags & (RESOURCE_IO | RESOURCE_MEMORY)) {
			struct host_bar *bar = vector_add(p->arena, &pci->bars);

			FOUND(bar->bar, i);
			FOUND(bar->range.base, first);
			FOUND(bar->range.size, last - first + 1);
			FOUND(bar->kind, flags & RESOURCE_IO ? BAR_KIND_IO : BAR_KIND_MEMORY);
			FOUND(bar->prefetchable, flags & RESOURCE_PREFETCH);
		}
		line += strcspn(line, "\n");
		line += *line != 0;
	}
}

/* "vendor:device" of two files that have a number each; NULL when they do not. */
static const char *read_ids(struct probe *p, const char *folder, const char *vendor, const char *device)
{
	uint64_t first, second;

	if (!tree_number(p->tree, arena_printf(p->arena, "%s/%s", folder, vendor), &first) ||
	    !tree_number(p->tree, arena_printf(p->arena, "%s/%s", folder, device), &second) || first > 0xffff ||
	    second > 0xffff)
		return NULL;
	return arena_printf(p->arena, "%04x:%04x", (unsigned int)first, (unsigned int)second);
}

/* Names of drivers are words; anything else did not come from Linux. */
static bool is_word(const char *text)
{
	return text && *text && strlen(text) < 64 &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == strlen(text);
}

static void read_links(struct probe *p, struct host_pci *pci, const char *folder)
{
	const char *group = tree_link(p->tree, arena_printf(p->arena, "%s/iommu_group", folder));
	const char *driver = tree_link(p->tree, arena_printf(p->arena, "%s/driver", folder));
	uint32_t number;
	int end = 0;

	if (group && sscanf(group, "%5u%n", &number, &end) == 1 && !group[end] && number <= 65535)
		FOUND(pci->group, number);
	if (is_word(driver))
		FOUND(pci->driver, driver);
}

static void read_function(struct probe *p, const char *name)
{
	const char *folder = arena_printf(p->arena, "sys/bus/pci/devices/%s", name);
	const char *ids = read_ids(p, folder, "vendor", "device"), *subsystem;
	struct host_pci *pci;
	struct bytes config = { 0 };
	uint64_t class, node;

	if (!ids || !tree_number(p->tree, arena_printf(p->arena, "%s/class", folder), &class) || class > 0xffffff) {
		probe_note(p, "pci", "%s has no readable ids and was left out", name);
		return;
	}
	pci = vector_add(p->arena, &p->platform->pci);
	FOUND(pci->address, name);
	FOUND(pci->id, ids);
	FOUND(pci->class, class);
	subsystem = read_ids(p, folder, "subsystem_vendor", "subsystem_device");
	if (subsystem && strcmp(subsystem, "0000:0000"))
		FOUND(pci->subsystem, subsystem);
	tree_read(p->tree, arena_printf(p->arena, "%s/config", folder), 64, &config);
	FOUND(pci->kind, bytes_u8(config, HEADER_TYPE) & 0x7f ? PCI_KIND_BRIDGE : PCI_KIND_ENDPOINT);
	if (tree_number(p->tree, arena_printf(p->arena, "%s/numa_node", folder), &node) &&
	    node < p->platform->nodes.count)
		FOUND(pci->node, node);
	read_links(p, pci, folder);
	read_bars(p, pci, folder);
}

/* ttyS* that are nothing have type 0. */
static void read_port(struct probe *p, const char *name)
{
	const char *folder = arena_printf(p->arena, "sys/class/tty/%s", name);
	uint64_t type, port, irq;
	struct host_serial *serial;

	if (!tree_number(p->tree, arena_printf(p->arena, "%s/type", folder), &type) || !type ||
	    !tree_number(p->tree, arena_printf(p->arena, "%s/port", folder), &port) || !port || port > 65528)
		return;
	serial = vector_add(p->arena, &p->platform->serial);
	FOUND(serial->io, port);
	if (tree_number(p->tree, arena_printf(p->arena, "%s/irq", folder), &irq) && irq && irq <= 255)
		FOUND(serial->irq, irq);
}

void probe_pci(struct probe *p)
{
	const char **names;
	size_t count = tree_list(p->tree, "sys/bus/pci/devices", &names);

	if (count)
		p->platform->pci_known.origin = ORIGIN_SET;
	else
		probe_note(p, "pci", "/sys/bus/pci/devices shows no function");
	for (size_t i = 0; i < count && i < MOST_FUNCTIONS; i++)
		if (is_address(names[i]))
			read_function(p, names[i]);
	count = tree_list(p->tree, "sys/class/tty", &names);
	if (count)
		p->platform->serial_known.origin = ORIGIN_SET;
	for (size_t i = 0; i < count && p->platform->serial.count < MOST_PORTS; i++)
		if (!strncmp(names[i], "ttyS", 4))
			read_port(p, names[i]);
}
