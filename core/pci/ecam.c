/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PCI host: config space through ECAM (PCIe 7.2.2: bus in 27:20, device 19:15, function 14:12, register 11:0) and
 * through the ports 0xcf8 and 0xcfc (PCI 3.0, 3.2.2.3.2). Where no function is, reads are all ones.
 */
#include "pci/pci.h"
#include "lib/bits.h"
#include "pci/bar.h"
#include "pci/config_space.h"
#include "vm/irq.h"

#define FUNCTIONS_MAX 64u /* a guest */
#define WINDOWS_MAX   64u

enum { PORT_ADDRESS = 0xcf8, PORT_RESET = 0xcf9, PORT_DATA = 0xcfc };

#define RESET_CPU BIT(2) /* going from 0 to 1 resets (ICH9 datasheet 13.7.5) */

#define ADDRESS_ENABLE	 BIT(31)
#define ADDRESS_BDF	 BITS(23, 8)
#define ADDRESS_REGISTER BITS(7, 2)
#define ADDRESS_WRITABLE (ADDRESS_ENABLE | ADDRESS_BDF | ADDRESS_REGISTER)

#define ECAM_BDF      BITS(27, 12)
#define ECAM_REGISTER BITS(11, 0)

/* Memory of functions, where they answer just now. */
struct pci_window {
	uint64_t base, size;
	struct config_space *space;
	unsigned int bar;
};

struct pci_host {
	struct device device;
	uint32_t windows;
	struct pci_window window[WINDOWS_MAX];
	uint64_t asserted[IRQ_LINES]; /* by line: functions whose pin is */
	uint32_t address; /* last written to 0xcf8 */
	uint8_t control;  /* last written to 0xcf9 */
	uint32_t count;
	struct config_space functions[FUNCTIONS_MAX];
};

static struct config_space *find(struct pci_host *host, uint16_t bdf)
{
	for (uint32_t i = 0; i < host->count; i++) {
		if (host->functions[i].bdf == bdf)
			return &host->functions[i];
	}
	return NULL;
}

static void add_window(struct pci_host *host, struct config_space *space, unsigned int bar)
{
	struct bar_window w = bar_window(space, bar);

	if (w.size && w.decoded && !w.port && host->windows < WINDOWS_MAX)
		host->window[host->windows++] = (struct pci_window){ w.base, w.size, space, bar };
}

/* Only functions with something behind them: memory that is mapped never comes here. */
static void find_windows(struct pci_host *host)
{
	host->windows = 0;
	for (uint32_t i = 0; i < host->count; i++) {
		struct config_space *space = &host->functions[i];

		for (unsigned int bar = 0; bar < PCI_BARS && space->hooks && space->hooks->memory; bar++)
			add_window(host, space, bar);
	}
}

static bool places_windows(unsigned int offset, unsigned int size)
{
	return ranges_overlap(offset, size, PCI_COMMAND, 2) || ranges_overlap(offset, size, PCI_BAR0, 4 * PCI_BARS);
}

/* The windows of all functions lie in one range; where none answers is nothing. */
static enum access_result memory(void *context, struct bus_access *access)
{
	struct pci_host *host = context;

	for (uint32_t i = 0; i < host->windows; i++) {
		const struct pci_window *w = &host->window[i];
		uint64_t offset = access->address - w->base;

		if (!range_fits(offset, access->size, w->size))
			continue;
		w->space->hooks->memory(w->space, w->bar, offset, access);
		return ACCESS_DONE;
	}
	return ACCESS_NONE;
}

/* One access of at most 4 bytes to a function's register; `value` is read or written. */
static uint32_t transfer(struct pci_host *host, uint16_t bdf, unsigned int offset, unsigned int size,
			 bool write, uint32_t value)
{
	struct config_space *space = find(host, bdf);

	if (!space)
		return 0xffffffff;
	if (!write)
		return config_read(space, offset, size);
	config_write(space, offset, size, value);
	if (places_windows(offset, size))
		find_windows(host);
	return 0;
}

static void access_function(struct pci_host *host, uint16_t bdf, unsigned int offset,
			    struct bus_access *access)
{
	unsigned int size = min_of(access->size, (uint8_t)4);
	uint32_t value = transfer(host, bdf, offset, size, access->write, access->value), high = 0;

	if (access->size == 8)
		high = transfer(host, bdf, offset + 4, 4, access->write, access->value >> 32);
	if (!access->write)
		access->value = join32(value, high) & (access->size == 8 ? ~0ull : BIT(8 * size) - 1);
}

static enum access_result ecam(void *context, struct bus_access *access)
{
	struct pci_host *host = context;
	uint64_t offset = access->address - host->device.record->base;
	uint16_t bdf = field_get(offset, ECAM_BDF) + (host->device.record->parameter[0] << 8);

	access_function(host, bdf, field_get(offset, ECAM_REGISTER), access);
	return ACCESS_DONE;
}

static enum access_result reset_port(struct pci_host *host, struct bus_access *access)
{
	uint8_t before = host->control;

	if (!access->write) {
		access->value = before;
		return ACCESS_DONE;
	}
	host->control = access->value & 0x0e;
	if (host->control & ~before & RESET_CPU)
		device_vm_event(host->device.vm, VM_EVENT_RESET);
	return ACCESS_DONE;
}

/* Only a whole word reaches the address register. A byte at 0xcf9 is the chipset's reset control. */
static enum access_result address_port(void *context, struct bus_access *access)
{
	struct pci_host *host = context;

	if (access->size == 1 && access->address == PORT_RESET)
		return reset_port(host, access);
	if (access->size != 4 || access->address != PORT_ADDRESS)
		return ACCESS_NONE;
	if (access->write)
		host->address = access->value & ADDRESS_WRITABLE;
	else
		access->value = host->address;
	return ACCESS_DONE;
}

static enum access_result data_port(void *context, struct bus_access *access)
{
	struct pci_host *host = context;
	unsigned int offset = (host->address & ADDRESS_REGISTER) + (access->address - PORT_DATA);

	if (!(host->address & ADDRESS_ENABLE))
		return ACCESS_NONE;
	access_function(host, field_get(host->address, ADDRESS_BDF), offset, access);
	return ACCESS_DONE;
}

static size_t state_size(uint32_t vcpus)
{
	(void)vcpus;
	return sizeof(struct pci_host);
}

static enum status create(struct device *device)
{
	struct pci_host *host = (struct pci_host *)device;
	uint64_t base = device->record->base, size = device->record->size;
	enum status s = STATUS_OK;

	host->count = device_guest(device->vm)->pci.count;
	if (host->count > FUNCTIONS_MAX)
		return trace_error(STATUS_RANGE);
	for (uint32_t i = 0; i < host->count; i++) {
		struct device_pci from = device_pci_function(device->vm, i);

		host->functions[i].bdf = from.record->bdf;
		host->functions[i].reset = from.config;
		host->functions[i].mask = from.mask;
	}
	if (size)
		s = device_add_range(device, VM_MMIO, base, base + size - 1, ecam, device, BUS_LOCKED);
	if (!s && device->record->parameter[2])
		s = device_add_range(device, VM_MMIO, device->record->parameter[1],
				     device->record->parameter[1] + (uint64_t)device->record->parameter[2] - 1,
				     memory, device, BUS_LOCKED);
	if (!s)
		s = device_add_range(device, VM_PORT, PORT_ADDRESS, PORT_ADDRESS + 3, address_port, device,
				     BUS_LOCKED);
	if (!s)
		s = device_add_range(device, VM_PORT, PORT_DATA, PORT_DATA + 3, data_port, device,
				     BUS_LOCKED);
	return s;
}

static void reset(struct device *device)
{
	struct pci_host *host = (struct pci_host *)device;

	host->address = 0;
	host->control = 0;
	for (uint32_t i = 0; i < host->count; i++)
		config_reset(&host->functions[i]);
	for (uint32_t i = 0; i < IRQ_LINES; i++)
		host->asserted[i] = 0;
	find_windows(host);
}

MUST_USE enum status pci_attach(struct device *device, const struct config_hooks *hooks, struct config_space **space)
{
	struct pci_host *host = (struct pci_host *)device_find(device->vm, HV_DEVICE_PCI_HOST);

	*space = host ? find(host, (uint16_t)device->record->requester) : NULL;
	if (!*space || (*space)->hooks)
		return trace_error(STATUS_NOT_FOUND);
	(*space)->hooks = hooks;
	(*space)->owner = device;
	(*space)->host = host;
	return STATUS_OK;
}

void pci_set_pin(struct device *device, struct config_space *space, bool level)
{
	uint64_t *line, before, bit = BIT(space - space->host->functions);

	if (device->record->gsi >= IRQ_LINES)
		return;
	line = &space->host->asserted[device->record->gsi];
	before = *line;
	*line = level ? before | bit : before & ~bit;
	if (!before != !*line)
		irq_set_line(device->vm, device->record->gsi, *line);
}

const struct device_ops pci_host_ops = {
	.name = "pci-host",
	.kind = HV_DEVICE_PCI_HOST,
	.state_size = state_size,
	.create = create,
	.reset = reset,
};
