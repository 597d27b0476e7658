/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU's inter-VM shared memory device (its docs/specs/ivshmem-spec, revision 1): BAR 0 has registers, BAR 1 with doorbells the
 * MSI-X table, BAR 2 is the share.
 *
 *     guest a: write of (peer << 16 | vector) ──► peer's `rung`, atomically ──► work of guest b: MSI-X message of the vector
 *
 * No lock of two guests is held at a time. BAR 2 is mapped where hvcc has put it, by a region of the guest's memory; accesses
 * that come here are those of a guest that has moved it, and writes to what may only be read.
 */
#include "share/share.h"

#include "blob/blob.h"
#include "console/log.h"
#include "lib/bits.h"
#include "pci/msix.h"
#include "pci/pci.h"
#include "space/memory.h"

enum { INTERRUPT_MASK = 0x0, INTERRUPT_STATUS = 0x4, POSITION = 0x8, DOORBELL = 0xc };
enum { BAR_REGISTERS, BAR_MSIX, BAR_MEMORY };

#define DOORBELL_PEER	BITS(31, 16)
#define DOORBELL_VECTOR BITS(15, 0)
#define REFUSED_TOLD	8u

struct ivshmem {
	struct window window; /* first */
	struct config_space *space;
	struct msix msix; /* count 0: no doorbells */
	struct device_work work;
	uint32_t mask;
	uint32_t refused;
	uint64_t rung[BITMAP_WORDS(HV_IVSHMEM_VECTORS)]; /* atomic */
};

static size_t state_size(uint32_t vcpus)
{
	(void)vcpus;
	return sizeof(struct ivshmem);
}

/* ---- doorbells */

static void ring(struct ivshmem *iv, uint32_t value)
{
	const struct share *share = share_at(iv->window.device.record->parameter[0]);
	uint64_t peer = field_get(value, DOORBELL_PEER), vector = field_get(value, DOORBELL_VECTOR);
	struct ivshmem *to = peer < share->peer_count ? share->peers[peer] : NULL;

	if (!to || vector >= to->msix.count || !iv->msix.count)
		return;
	__atomic_fetch_or(&to->rung[vector / 64], BIT(vector % 64), __ATOMIC_ACQ_REL);
	device_ask_work(&to->work);
}

static bool deliver(struct device *device)
{
	struct ivshmem *iv = (struct ivshmem *)device;

	for (uint32_t i = 0; i < ARRAY_SIZE(iv->rung); i++)
		for (uint64_t rung = __atomic_exchange_n(&iv->rung[i], 0, __ATOMIC_ACQ_REL); rung; rung &= rung - 1)
			msix_raise(&iv->msix, 64 * i + (uint32_t)__builtin_ctzll(rung));
	return false;
}

/* ---- accesses */

/* The registers are of 32 bits; there is no interrupt pin, so that the status is always zero. */
static void registers(struct ivshmem *iv, uint64_t offset, struct bus_access *access)
{
	const struct hv_device *record = iv->window.device.record;

	if (access->size != 4) {
		access->value = 0;
	} else if (access->write) {
		if (offset == DOORBELL)
			ring(iv, (uint32_t)access->value);
		else if (offset == INTERRUPT_MASK)
			iv->mask = (uint32_t)access->value;
	} else {
		access->value = offset == POSITION ? record->parameter[2] : offset == INTERRUPT_MASK ? iv->mask : 0;
	}
}

static void shared(struct ivshmem *iv, uint64_t offset, struct bus_access *access)
{
	const struct device *device = &iv->window.device;
	struct memory *memory = device_memory(device->vm);
	uint64_t gpa = device->record->base + offset;
	char place[BLOB_PLACE_SIZE];

	access->value &= access->write ? ~0ull : 0;
	if (!access->write) {
		if (memory_read(memory, gpa, &access->value, access->size) != STATUS_OK)
			access->value = ~0ull;
	} else if (memory_write(memory, gpa, &access->value, access->size) != STATUS_OK &&
		   iv->refused < REFUSED_TOLD) {
		iv->refused++;
		log_guest(LOG_WARNING, device_vm_name(device->vm), "write to 0x%llx: shared memory it may only read%s",
			  (unsigned long long)gpa, blob_place(machine_blob, device->record->position, place));
	}
}

static void access_memory(struct config_space *space, unsigned int bar, uint64_t offset, struct bus_access *access)
{
	struct ivshmem *iv = space->owner;

	if (bar == BAR_MEMORY)
		shared(iv, offset, access);
	else if (bar == BAR_REGISTERS)
		registers(iv, offset, access);
	else if (!iv->msix.count || !msix_access(&iv->msix, bar, offset, access))
		access->value = 0;
}

static void written(struct config_space *space, unsigned int offset, unsigned int size)
{
	struct ivshmem *iv = space->owner;

	(void)offset;
	(void)size;
	if (iv->msix.count)
		msix_written(&iv->msix);
}

static const struct config_hooks hooks = { .written = written, .memory = access_memory };

/* ---- life */

static enum status create(struct device *device)
{
	struct ivshmem *iv = (struct ivshmem *)device;
	const struct hv_device *record = device->record;
	struct share *share = share_at(record->parameter[0]);
	enum status s = pci_attach(device, &hooks, &iv->space);

	if (s != STATUS_OK || !record->parameter[3])
		return s;
	s = msix_create(&iv->msix, device, iv->space);
	if (s != STATUS_OK)
		return s;
	if (iv->msix.count > HV_IVSHMEM_VECTORS || record->parameter[2] >= share->peer_count)
		return trace_error(STATUS_INVALID);
	device_add_work(device, &iv->work, deliver);
	share->peers[record->parameter[2]] = iv;
	return STATUS_OK;
}

/* What was rung before is nothing for a guest that starts. */
static void reset(struct device *device)
{
	struct ivshmem *iv = (struct ivshmem *)device;

	window_reset(device);
	iv->mask = 0;
	if (iv->msix.count)
		msix_reset(&iv->msix);
	for (uint32_t i = 0; i < ARRAY_SIZE(iv->rung); i++)
		__atomic_store_n(&iv->rung[i], 0, __ATOMIC_RELEASE);
}

const struct device_ops ivshmem_ops = {
	.name = "ivshmem",
	.kind = HV_DEVICE_IVSHMEM,
	.state_size = state_size,
	.create = create,
	.reset = reset,
	.gone = window_gone,
};
