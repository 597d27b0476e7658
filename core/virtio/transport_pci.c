/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio over PCI (virtio 1.2, 4.1): the registers in the function's window, interrupts by MSI-X or by the pin, and what
 * every device does with its queues. Config space and the capabilities are a table of the blob; the window's layout is
 * enum hv_virtio_window, so that the core and hvcc agree on it.
 */
#include "console/log.h"
#include "lib/bits.h"
#include "lib/string.h"
#include "pci/pci.h"
#include "virtio/devices.h"

enum { STATUS_ACKNOWLEDGE = 1, STATUS_DRIVER = 2, STATUS_DRIVER_OK = 4, STATUS_FEATURES_OK = 8, STATUS_NEEDS_RESET = 64,
       STATUS_FAILED = 128 };
enum { ISR_QUEUE = 1, ISR_CONFIG = 2 };

#define NO_VECTOR	     0xffffu
#define COMPLAINTS_MAX	     8u /* in the log, of a guest that resets the device and breaks it again */
#define COMMAND_NO_PIN	     BIT(10)
#define TRANSPORT_FEATURES   (VIRTIO_INDIRECT | VIRTIO_EVENT_INDEX | VIRTIO_VERSION_1)

static const struct virtio_ops *const types[] = { &virtio_blk, &virtio_rng, &virtio_console };

static uint16_t command(const struct virtio *virtio)
{
	return (uint16_t)config_value(virtio->space, PCI_COMMAND, 2);
}

/* ---- interrupts */

static void set_pin(struct virtio *virtio)
{
	pci_set_pin(&virtio->device, virtio->space,
		    virtio->isr && !(command(virtio) & COMMAND_NO_PIN) && !msix_enabled(&virtio->msix));
}

static void interrupt(struct virtio *virtio, uint16_t vector, uint8_t cause)
{
	if (msix_enabled(&virtio->msix)) {
		msix_raise(&virtio->msix, vector);
		return;
	}
	virtio->isr |= cause;
	set_pin(virtio);
}

void virtio_signal(struct virtio *virtio, uint32_t queue)
{
	if (queue_signals(&virtio->queue[queue]))
		interrupt(virtio, virtio->queue[queue].vector, ISR_QUEUE);
}

void virtio_config_changed(struct virtio *virtio)
{
	virtio->generation++;
	if (virtio_running(virtio))
		interrupt(virtio, virtio->config_vector, ISR_CONFIG);
}

void virtio_break(struct virtio *virtio)
{
	if (virtio->status & STATUS_NEEDS_RESET)
		return;
	if (virtio->complaints++ < COMPLAINTS_MAX)
		log_guest(LOG_WARNING, device_vm_name(virtio->device.vm),
			  "virtio device %02x:%02x.%x: its driver breaks the standard", virtio->space->bdf >> 8,
			  virtio->space->bdf >> 3 & 31, virtio->space->bdf & 7);
	virtio_config_changed(virtio);
	virtio->status |= STATUS_NEEDS_RESET;
}

/* ---- queues */

bool virtio_running(const struct virtio *virtio)
{
	return (virtio->status & (STATUS_DRIVER_OK | STATUS_NEEDS_RESET)) == STATUS_DRIVER_OK &&
	       command(virtio) & PCI_COMMAND_MASTER;
}

bool virtio_take(struct virtio *virtio, uint32_t queue)
{
	struct virtqueue *q = &virtio->queue[queue];
	enum status s = queue_take(q, &virtio->chain);

	/* What comes between the look and the request to be told is seen by the second look. */
	if (s == STATUS_NOT_FOUND && queue_listen(q))
		s = queue_take(q, &virtio->chain);
	if (s != STATUS_OK && s != STATUS_NOT_FOUND)
		virtio_break(virtio);
	return s == STATUS_OK;
}

void virtio_give(struct virtio *virtio, uint32_t queue, uint32_t written)
{
	if (queue_give(&virtio->queue[queue], &virtio->chain, written) != STATUS_OK)
		virtio_break(virtio);
}

bool virtio_each(struct virtio *virtio, uint32_t queue, uint32_t (*handle)(struct virtio *virtio, uint32_t queue))
{
	uint32_t done = 0;

	while (done < VIRTIO_BUDGET && virtio_take(virtio, queue)) {
		uint32_t written = handle(virtio, queue);

		if (written == VIRTIO_BROKEN) {
			virtio_break(virtio);
			return false;
		}
		virtio_give(virtio, queue, written);
		done++;
	}
	virtio_signal(virtio, queue);
	return done == VIRTIO_BUDGET;
}

bool virtio_read(struct virtio *virtio, uint32_t queue, uint64_t offset, void *buffer, size_t size)
{
	enum status s = chain_read(&virtio->queue[queue], &virtio->chain, offset, buffer, size);

	if (s != STATUS_OK)
		virtio_break(virtio);
	return s == STATUS_OK;
}

bool virtio_write(struct virtio *virtio, uint32_t queue, uint64_t offset, const void *buffer, size_t size)
{
	enum status s = chain_write(&virtio->queue[queue], &virtio->chain, offset, buffer, size);

	if (s != STATUS_OK)
		virtio_break(virtio);
	return s == STATUS_OK;
}

void virtio_ask(struct virtio *virtio, uint32_t queue)
{
	__atomic_fetch_or(&virtio->asked, BIT(queue), __ATOMIC_ACQ_REL);
	device_ask_work(&virtio->work);
}

/* Whether something of the queue is left. */
static bool handle_queue(struct virtio *virtio, uint32_t queue)
{
	return virtio_running(virtio) && virtio->queue[queue].ready && virtio->ops->notify(virtio, queue);
}

static bool work(struct device *device)
{
	struct virtio *virtio = (struct virtio *)device;
	uint64_t asked = __atomic_exchange_n(&virtio->asked, 0, __ATOMIC_ACQ_REL), left = 0;

	for (uint32_t i = 0; i < virtio->queue_count; i++)
		if (asked & BIT(i) && handle_queue(virtio, i))
			left |= BIT(i);
	__atomic_fetch_or(&virtio->asked, left, __ATOMIC_ACQ_REL);
	return left;
}

/* ---- the common registers (4.1.4.3) */

static void reset_driver(struct virtio *virtio)
{
	for (uint32_t i = 0; i < virtio->queue_count; i++)
		virtio->queue[i] = (struct virtqueue){ .size = QUEUE_SIZE_MAX, .vector = NO_VECTOR };
	virtio->accepted = 0;
	virtio->device_select = virtio->driver_select = 0;
	virtio->queue_select = 0;
	virtio->config_vector = NO_VECTOR;
	virtio->status = virtio->isr = 0;
	__atomic_store_n(&virtio->asked, 0, __ATOMIC_RELEASE);
	set_pin(virtio);
	if (virtio->ops->reset)
		virtio->ops->reset(virtio);
}

static struct virtqueue *selected_queue(struct virtio *virtio)
{
	return virtio->queue_select < virtio->queue_count ? &virtio->queue[virtio->queue_select] : NULL;
}

/* Features that are acceptable stay; else the bit that says so is not taken (3.1.1). */
static void write_status(struct virtio *virtio, uint64_t value)
{
	if (!value) {
		reset_driver(virtio);
		return;
	}
	if (virtio->accepted & ~virtio->features || !(virtio->accepted & VIRTIO_VERSION_1))
		value &= ~(uint64_t)STATUS_FEATURES_OK;
	if (!(value & STATUS_FEATURES_OK))
		value &= ~(uint64_t)STATUS_DRIVER_OK;
	value = (value | virtio->status) & ~(uint64_t)STATUS_NEEDS_RESET;
	virtio->status = (uint8_t)(value | (virtio->status & STATUS_NEEDS_RESET));
	/* What came before it was ready. */
	for (uint32_t i = 0; i < virtio->queue_count && value & STATUS_DRIVER_OK; i++)
		virtio_ask(virtio, i);
}

static void write_enable(struct virtio *virtio, uint64_t value)
{
	struct virtqueue *q = selected_queue(virtio);

	if (value == 1 && q && !q->ready && virtio->status & STATUS_FEATURES_OK &&
	    queue_start(q, &virtio->dma, virtio->accepted & VIRTIO_EVENT_INDEX) != STATUS_OK)
		virtio_break(virtio);
}

static void write_accepted(struct virtio *virtio, uint64_t value)
{
	uint32_t word = virtio->driver_select;

	if (word < 2 && !(virtio->status & STATUS_FEATURES_OK))
		virtio->accepted = field_set(virtio->accepted, BITS(31, 0) << 32 * word, value);
}

/* A vector that there is not reads back as none (4.1.5.1.2). */
static uint16_t checked_vector(const struct virtio *virtio, uint64_t value)
{
	return value < virtio->msix.count ? (uint16_t)value : NO_VECTOR;
}

enum common {
	DEVICE_SELECT, DEVICE_FEATURE, DRIVER_SELECT, DRIVER_FEATURE, CONFIG_VECTOR, QUEUES, DEVICE_STATUS, GENERATION,
	QUEUE_SELECT, QUEUE_SIZE, QUEUE_VECTOR, QUEUE_ENABLE, QUEUE_NOTIFY, QUEUE_DESCRIPTORS, QUEUE_DRIVER, QUEUE_DEVICE,
	REGISTERS
};

static const struct {
	uint8_t offset, size;
} registers[REGISTERS] = {
	[DEVICE_SELECT] = { 0x00, 4 }, [DEVICE_FEATURE] = { 0x04, 4 }, [DRIVER_SELECT] = { 0x08, 4 },
	[DRIVER_FEATURE] = { 0x0c, 4 }, [CONFIG_VECTOR] = { 0x10, 2 }, [QUEUES] = { 0x12, 2 },
	[DEVICE_STATUS] = { 0x14, 1 }, [GENERATION] = { 0x15, 1 }, [QUEUE_SELECT] = { 0x16, 2 },
	[QUEUE_SIZE] = { 0x18, 2 }, [QUEUE_VECTOR] = { 0x1a, 2 }, [QUEUE_ENABLE] = { 0x1c, 2 },
	[QUEUE_NOTIFY] = { 0x1e, 2 }, [QUEUE_DESCRIPTORS] = { 0x20, 8 }, [QUEUE_DRIVER] = { 0x28, 8 },
	[QUEUE_DEVICE] = { 0x30, 8 },
};

/* A queue that there is not has size 0. */
static uint64_t read_queue(const struct virtqueue *q, enum common which, uint16_t number)
{
	switch (which) {
	case QUEUE_SIZE:
		return q ? q->size : 0;
	case QUEUE_VECTOR:
		return q ? q->vector : NO_VECTOR;
	case QUEUE_ENABLE:
		return q && q->ready;
	case QUEUE_NOTIFY:
		return q ? number : 0;
	case QUEUE_DESCRIPTORS:
		return q ? q->descriptors : 0;
	case QUEUE_DRIVER:
		return q ? q->driver : 0;
	default:
		return q ? q->device : 0;
	}
}

static uint64_t feature_word(uint64_t features, uint32_t word)
{
	return word < 2 ? features >> 32 * word & BITS(31, 0) : 0;
}

static uint64_t read_register(struct virtio *virtio, enum common which)
{
	switch (which) {
	case DEVICE_SELECT:
		return virtio->device_select;
	case DEVICE_FEATURE:
		return feature_word(virtio->features, virtio->device_select);
	case DRIVER_SELECT:
		return virtio->driver_select;
	case DRIVER_FEATURE:
		return feature_word(virtio->accepted, virtio->driver_select);
	case CONFIG_VECTOR:
		return virtio->config_vector;
	case QUEUES:
		return virtio->queue_count;
	case DEVICE_STATUS:
		return virtio->status;
	case GENERATION:
		return virtio->generation;
	case QUEUE_SELECT:
		return virtio->queue_select;
	default:
		return read_queue(selected_queue(virtio), which, virtio->queue_select);
	}
}

/* An enabled queue stays as it is until the device is reset. */
static void write_queue(struct virtio *virtio, enum common which, uint64_t value)
{
	struct virtqueue *q = selected_queue(virtio);

	if (!q)
		return;
	if (which == QUEUE_VECTOR)
		q->vector = checked_vector(virtio, value);
	if (q->ready)
		return;
	switch (which) {
	case QUEUE_SIZE:
		q->size = (uint16_t)value;
		return;
	case QUEUE_DESCRIPTORS:
		q->descriptors = value;
		return;
	case QUEUE_DRIVER:
		q->driver = value;
		return;
	case QUEUE_DEVICE:
		q->device = value;
		return;
	default:
		return;
	}
}

static void write_register(struct virtio *virtio, enum common which, uint64_t value)
{
	switch (which) {
	case DEVICE_SELECT:
		virtio->device_select = (uint32_t)value;
		return;
	case DRIVER_SELECT:
		virtio->driver_select = (uint32_t)value;
		return;
	case DRIVER_FEATURE:
		write_accepted(virtio, value);
		return;
	case CONFIG_VECTOR:
		virtio->config_vector = checked_vector(virtio, value);
		return;
	case DEVICE_STATUS:
		write_status(virtio, value);
		return;
	case QUEUE_SELECT:
		virtio->queue_select = (uint16_t)value;
		return;
	case QUEUE_ENABLE:
		write_enable(virtio, value);
		return;
	default:
		write_queue(virtio, which, value);
	}
}

/* Parts of a register are read, and written over what it holds: 64-bit ones come in halves. */
static void access_common(struct virtio *virtio, uint64_t offset, struct bus_access *access)
{
	for (uint32_t i = 0; i < REGISTERS; i++) {
		uint64_t at = offset - registers[i].offset, value, mask;

		if (!range_fits(at, access->size, registers[i].size))
			continue;
		value = read_register(virtio, i);
		mask = BITS(8 * access->size - 1, 0) << 8 * at;
		if (access->write)
			write_register(virtio, i, field_set(value, mask, access->value));
		else
			access->value = field_get(value, mask);
		return;
	}
}

/* ---- the window */

/* Reading says what the interrupt was for, and takes the pin back. */
static void access_isr(struct virtio *virtio, uint64_t offset, struct bus_access *access)
{
	if (access->write || offset)
		return;
	access->value = virtio->isr;
	virtio->isr = 0;
	set_pin(virtio);
}

static void access_config(struct virtio *virtio, uint64_t offset, struct bus_access *access)
{
	if (!range_fits(offset, access->size, virtio->ops->config_size))
		return;
	if (!access->write) {
		memcpy(&access->value, (uint8_t *)virtio->config + offset, access->size);
	} else if (virtio->ops->configured) {
		memcpy((uint8_t *)virtio->config + offset, &access->value, access->size);
		virtio->ops->configured(virtio);
	}
}

static void access_notify(struct virtio *virtio, uint64_t offset, struct bus_access *access)
{
	uint64_t queue = offset / HV_VIRTIO_NOTIFY_STEP;

	if (!access->write || queue >= virtio->queue_count)
		return;
	queue_ignore(&virtio->queue[queue]);
	if (handle_queue(virtio, (uint32_t)queue))
		virtio_ask(virtio, (uint32_t)queue);
}

static const struct {
	uint32_t first;
	void (*access)(struct virtio *virtio, uint64_t offset, struct bus_access *access);
} window[] = {
	{ HV_VIRTIO_NOTIFY, access_notify }, { HV_VIRTIO_DEVICE, access_config }, { HV_VIRTIO_ISR, access_isr },
	{ HV_VIRTIO_COMMON, access_common },
};

static void memory(struct config_space *space, unsigned int bar, uint64_t offset, struct bus_access *access)
{
	struct virtio *virtio = space->owner;
	uint32_t i = 0;

	if (!access->write)
		access->value = 0;
	if (msix_access(&virtio->msix, bar, offset, access) || bar)
		return;
	while (offset < window[i].first)
		i++;
	window[i].access(virtio, offset - window[i].first, access);
}

/* ---- config space: the window through one of its capabilities (4.1.4.9) */

enum { CFG_BAR = 4, CFG_OFFSET = 8, CFG_LENGTH = 12, CFG_DATA = 16 };

static bool is_data(unsigned int offset)
{
	return offset == HV_VIRTIO_PCI_CFG + CFG_DATA;
}

static uint32_t through_config(struct config_space *space, bool write)
{
	struct bus_access access = {
		.value = config_value(space, HV_VIRTIO_PCI_CFG + CFG_DATA, 4),
		.size = (uint8_t)config_value(space, HV_VIRTIO_PCI_CFG + CFG_LENGTH, 1),
		.write = write,
	};
	uint64_t offset = config_value(space, HV_VIRTIO_PCI_CFG + CFG_OFFSET, 4);

	if (access.size > 4 || !is_power_of_two(access.size) || !is_aligned(offset, access.size) ||
	    !range_fits(offset, access.size, HV_VIRTIO_WINDOW))
		return 0;
	access.value &= BITS(8 * access.size - 1, 0);
	memory(space, (uint8_t)config_value(space, HV_VIRTIO_PCI_CFG + CFG_BAR, 1), offset, &access);
	return (uint32_t)access.value;
}

static bool read_config(struct config_space *space, unsigned int offset, unsigned int size, uint32_t *value)
{
	(void)size;
	if (is_data(offset))
		*value = through_config(space, false);
	return is_data(offset);
}

static void config_written(struct config_space *space, unsigned int offset, unsigned int size)
{
	struct virtio *virtio = space->owner;

	(void)size;
	if (is_data(offset))
		through_config(space, true);
	msix_written(&virtio->msix);
	set_pin(virtio);
}

/* ---- life */

static size_t state_size(uint32_t vcpus)
{
	(void)vcpus;
	return sizeof(struct virtio);
}

static enum status allocate(struct virtio *virtio)
{
	enum status s = STATUS_OK;
	void *p;

	if (virtio->ops->state_size)
		s = device_alloc(virtio->ops->state_size, &virtio->state);
	if (s == STATUS_OK && virtio->ops->create)
		s = virtio->ops->create(virtio);
	if (s == STATUS_OK && virtio->queue_count > HV_VIRTIO_QUEUES)
		s = trace_error(STATUS_RANGE);
	if (s == STATUS_OK)
		s = device_alloc(virtio->queue_count * sizeof(struct virtqueue), &p);
	if (s == STATUS_OK)
		virtio->queue = p;
	return s;
}

static enum status create(struct device *device)
{
	static const struct config_hooks hooks = { read_config, config_written, memory };
	struct virtio *virtio = (struct virtio *)device;
	enum status s;

	for (uint32_t i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i]->type == device->record->parameter[0])
			virtio->ops = types[i];
	if (!virtio->ops)
		return trace_error(STATUS_UNSUPPORTED);
	virtio->dma.memory = device_memory(device->vm);
	virtio->queue_count = virtio->ops->queues;
	virtio->features = virtio->ops->features | TRANSPORT_FEATURES;
	s = pci_attach(device, &hooks, &virtio->space);
	if (s == STATUS_OK)
		s = msix_create(&virtio->msix, device, virtio->space);
	if (s == STATUS_OK)
		s = allocate(virtio);
	device_add_work(device, &virtio->work, work);
	return s;
}

static void reset(struct device *device)
{
	struct virtio *virtio = (struct virtio *)device;

	msix_reset(&virtio->msix);
	if (virtio->ops->start)
		virtio->ops->start(virtio);
	reset_driver(virtio);
}

const struct device_ops virtio_pci_ops = {
	.name = "virtio",
	.kind = HV_DEVICE_VIRTIO,
	.state_size = state_size,
	.create = create,
	.reset = reset,
};
