/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio devices over PCI (virtio 1.2, 4.1.2): ids, the window that the core answers in, its capabilities. */
#include "lower/virtio.h"

#include "diag/diag.h"
#include "lower/pci.h"
#include "lower/place.h"
#include "lower/start.h"
#include "model/model.h"

enum { VENDOR = 0x1af4, DEVICE_BASE = 0x1040, SUBSYSTEM = 0x1100, REVISION = 1, SECTOR = 512 };

/* By the model's type. */
static const struct virtio_kind {
	enum hv_virtio_type type;
	uint32_t class_code;
} kinds[] = {
	[VIRTIO_TYPE_BLK] = { HV_VIRTIO_BLK, 0x010000 },
	[VIRTIO_TYPE_NET] = { HV_VIRTIO_NET, 0x020000 },
	[VIRTIO_TYPE_CONSOLE] = { HV_VIRTIO_CONSOLE, 0x078000 },
	[VIRTIO_TYPE_RNG] = { HV_VIRTIO_RNG, 0x00ff00 },
	[VIRTIO_TYPE_VSOCK] = { HV_VIRTIO_VSOCK, 0x02ff00 },
};

/* Capabilities, virtio 1.2, 4.1.4: where in config space, which structure, where in the window. */
enum { CAPABILITY_MSIX_AT = 0x40, CFG_COMMON = 1, CFG_NOTIFY, CFG_ISR, CFG_DEVICE, CFG_PCI };
enum { CAPABILITY_BYTES = 16, CAPABILITY_LONG = 20 };

static const struct structure {
	uint8_t at, type, bytes;
	uint32_t offset, length;
} structures[] = {
	{ 0x50, CFG_COMMON, CAPABILITY_BYTES, HV_VIRTIO_COMMON, 56 },
	{ 0x60, CFG_ISR, CAPABILITY_BYTES, HV_VIRTIO_ISR, 1 },
	{ 0x70, CFG_DEVICE, CAPABILITY_BYTES, HV_VIRTIO_DEVICE, 4096 },
	{ 0x80, CFG_NOTIFY, CAPABILITY_LONG, HV_VIRTIO_NOTIFY, HV_VIRTIO_QUEUES * HV_VIRTIO_NOTIFY_STEP },
	{ HV_VIRTIO_PCI_CFG, CFG_PCI, CAPABILITY_LONG, 0, 0 },
};

static void put32(uint8_t *bytes, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
}

static void add_structures(struct lowered_pci_function *function)
{
	for (size_t i = 0; i < sizeof(structures) / sizeof(*structures); i++) {
		const struct structure *s = &structures[i];
		uint8_t *capability = pci_capability(function, s->at, PCI_CAPABILITY_VENDOR);

		capability[2] = s->bytes;
		capability[3] = s->type;
		put32(capability + 8, s->offset);
		put32(capability + 12, s->length);
		if (s->type == CFG_NOTIFY)
			put32(capability + 16, HV_VIRTIO_NOTIFY_STEP);
	}
	/* The last one is a window that the driver places: its register, offset, length, and the data. */
	function->mask[HV_VIRTIO_PCI_CFG + 4] = 0xff;
	for (int i = 8; i < CAPABILITY_LONG; i++)
		function->mask[HV_VIRTIO_PCI_CFG + i] = 0xff;
}

static uint32_t queues(const struct virtio *v)
{
	return v->type.value == VIRTIO_TYPE_CONSOLE ? 2 : 1;
}

/* One a queue and one for changes of configuration, unless the file says how many. */
static uint32_t vectors(const struct virtio *v)
{
	return was_set(v->vectors.where) ? v->vectors.value : queues(v) + 1;
}

/* The image travels as a payload of its own. */
static void add_image(struct lower_context *context, const struct virtio *v, struct hv_device *record)
{
	struct bytes bytes = start_read_file(context, &v->backend.image);

	if (bytes.size % SECTOR)
		diag_report(context->diags, FILE_UNREADABLE, v->backend.image.where.at,
			    v->backend.image.value, "its size is no multiple of 512 bytes, a sector");
	record->parameter[1] = payload_of(context, (struct item){ v->backend.image.value, v->backend.image.where.at }, bytes);
	record->parameter[2] = v->readonly.value;
}

static void add(struct lower_context *context, struct lowered *guest, const struct virtio *v)
{
	const struct virtio_kind *kind = &kinds[v->type.value];
	const struct pci_identity identity = {
		.vendor = VENDOR, .device = (uint16_t)(DEVICE_BASE + kind->type), .subsystem_vendor = VENDOR,
		.subsystem = SUBSYSTEM, .class_code = kind->class_code, .revision = REVISION,
	};
	struct lowered_pci_function *function =
		pci_add(context, guest, v->id.value, v->where.at, v->guest.value, &identity);
	struct lowered_device *device;

	pci_window(guest, function, 0, HV_VIRTIO_WINDOW);
	pci_msix(function, CAPABILITY_MSIX_AT, 0, HV_VIRTIO_MSIX, HV_VIRTIO_PENDING, vectors(v));
	add_structures(function);
	function->device = (uint32_t)guest->devices.count;
	device = vector_add(context->arena, &guest->devices);
	device->name = v->id.value;
	device->position = v->where.at;
	device->record = (struct hv_device){ .kind = HV_DEVICE_VIRTIO, .gsi = pci_pin(function),
					     .requester = function->bdf, .parameter = { kind->type } };
	if (v->type.value == VIRTIO_TYPE_BLK)
		add_image(context, v, &device->record);
}

void lower_virtio(struct lower_context *context, struct lowered *guest)
{
	for (size_t i = 0; i < guest->model->devices.virtio.count; i++)
		add(context, guest, &guest->model->devices.virtio.items[i]);
}
