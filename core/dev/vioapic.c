/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The I/O APIC: 24 pins, each with a redirection entry that says which message it becomes. Version 0x20, with the EOI
 * register (82093AA datasheet; ICH9 datasheet 13.5; SDM v3 11.11 for the message).
 *
 *     level pin:  high ── entry unmasked, Remote IRR 0 ──► message, Remote IRR 1
 *                 EOI of the vector ──► Remote IRR 0 ── still high ──► message again
 */
#include "dev/dev.h"
#include "dev/registers.h"

#define PINS	IRQ_LINES
#define VERSION (0x20u | (PINS - 1) << 16)

enum { REG_SELECT = 0x00, REG_WINDOW = 0x10, REG_EOI = 0x40 };
enum { INDEX_ID, INDEX_VERSION, INDEX_ARBITRATION, INDEX_PINS = 0x10 };

#define ENTRY_VECTOR	  BITS(7, 0)
#define ENTRY_DELIVERY	  BITS(10, 8)
#define ENTRY_LOGICAL	  BIT(11)
#define ENTRY_STATUS	  BIT(12)
#define ENTRY_REMOTE_IRR  BIT(14)
#define ENTRY_LEVEL	  BIT(15)
#define ENTRY_MASKED	  BIT(16)
#define ENTRY_DESTINATION BITS(63, 48) /* as it stands in address bits 19:4 of the message */
#define ENTRY_WRITABLE	  (BITS(63, 49) | BITS(16, 0)) /* but for the two that are read-only */
#define ENTRY_READ_ONLY	  (ENTRY_STATUS | ENTRY_REMOTE_IRR)

#define MESSAGE_BASE	0xfee00000u
#define MESSAGE_LOGICAL BIT(2)
#define MESSAGE_HINT	BIT(3) /* lowest priority: redirect */

struct vioapic {
	struct device device;
	uint64_t entry[PINS];
	uint32_t lines; /* level of each pin */
	uint32_t id;	/* 31:0 as read: id in 27:24 */
	uint8_t select;
};

static void send(struct vioapic *ioapic, uint64_t entry)
{
	struct irq_message message = {
		.requester = ioapic->device.record->requester,
		.address = MESSAGE_BASE | field_get(entry, ENTRY_DESTINATION) << 4,
		.data = entry & (ENTRY_VECTOR | ENTRY_DELIVERY),
	};

	if (entry & ENTRY_LOGICAL)
		message.address |= MESSAGE_LOGICAL;
	if (field_get(entry, ENTRY_DELIVERY) == IRQ_LOWEST)
		message.address |= MESSAGE_HINT;
	if (entry & ENTRY_LEVEL)
		message.data |= BIT(15) | BIT(14); /* level, asserted */
	irq_message(ioapic->device.vm, &message);
}

/* A level pin that is high, unmasked and not in service sends. */
static void look_at(struct vioapic *ioapic, unsigned int pin)
{
	uint64_t entry = ioapic->entry[pin];

	if (!(ioapic->lines & BIT(pin)) || !(entry & ENTRY_LEVEL) ||
	    entry & (ENTRY_MASKED | ENTRY_REMOTE_IRR))
		return;
	ioapic->entry[pin] |= ENTRY_REMOTE_IRR; /* first: the message may be acknowledged at once */
	send(ioapic, entry);
}

static void line_changed(void *context, uint32_t gsi, bool level)
{
	struct vioapic *ioapic = context;
	uint32_t pin = gsi - ioapic->device.record->gsi;
	bool rises;

	if (pin >= PINS)
		return;
	rises = level && !(ioapic->lines & BIT(pin));
	ioapic->lines = level ? ioapic->lines | BIT(pin) : ioapic->lines & ~BIT(pin);
	if (ioapic->entry[pin] & ENTRY_LEVEL)
		look_at(ioapic, pin);
	else if (rises && !(ioapic->entry[pin] & ENTRY_MASKED))
		send(ioapic, ioapic->entry[pin]);
}

static void end_of_interrupt(void *context, uint8_t vector)
{
	struct vioapic *ioapic = context;

	for (unsigned int pin = 0; pin < PINS; pin++) {
		uint64_t entry = ioapic->entry[pin];

		if ((entry & ENTRY_VECTOR) != vector || !(entry & ENTRY_REMOTE_IRR))
			continue;
		ioapic->entry[pin] &= ~ENTRY_REMOTE_IRR;
		look_at(ioapic, pin);
	}
}

static void write_entry(struct vioapic *ioapic, unsigned int pin, uint64_t value)
{
	uint64_t writable = ENTRY_WRITABLE & ~ENTRY_READ_ONLY;
	uint64_t entry = (ioapic->entry[pin] & ~writable) | (value & writable);

	if (!(entry & ENTRY_LEVEL))
		entry &= ~ENTRY_REMOTE_IRR;
	ioapic->entry[pin] = entry;
	look_at(ioapic, pin);
}

static uint32_t read_window(const struct vioapic *ioapic)
{
	unsigned int pin = (ioapic->select - INDEX_PINS) / 2u;

	switch (ioapic->select) {
	case INDEX_ID:
	case INDEX_ARBITRATION:
		return ioapic->id;
	case INDEX_VERSION:
		return VERSION;
	}
	if (ioapic->select < INDEX_PINS || pin >= PINS)
		return 0;
	return ioapic->entry[pin] >> (ioapic->select % 2 ? 32 : 0);
}

static void write_window(struct vioapic *ioapic, uint32_t value)
{
	unsigned int pin = (ioapic->select - INDEX_PINS) / 2u;
	uint64_t entry;

	if (ioapic->select == INDEX_ID)
		ioapic->id = value & BITS(27, 24);
	if (ioapic->select < INDEX_PINS || pin >= PINS)
		return;
	entry = ioapic->entry[pin];
	write_entry(ioapic, pin,
		    ioapic->select % 2 ? field_set(entry, BITS(63, 32), value) :
					 field_set(entry, BITS(31, 0), value));
}

/* The chip decodes 256 bytes. The select register is a byte; the window takes whole words. */
static enum access_result mmio(void *context, struct bus_access *access)
{
	struct vioapic *ioapic = context;
	unsigned int offset = access->address - ioapic->device.record->base;
	uint32_t value = 0;

	if (!access->write) {
		if ((offset & ~3u) == REG_SELECT)
			value = ioapic->select;
		else if ((offset & ~3u) == REG_WINDOW)
			value = read_window(ioapic);
		access->value = register_part(value, offset, access->size);
		return ACCESS_DONE;
	}
	if (offset == REG_SELECT)
		ioapic->select = access->value;
	else if (offset == REG_WINDOW && access->size >= 4)
		write_window(ioapic, access->value);
	else if (offset == REG_EOI)
		end_of_interrupt(ioapic, access->value);
	return ACCESS_DONE;
}

static size_t state_size(uint32_t vcpus)
{
	(void)vcpus;
	return sizeof(struct vioapic);
}

static enum status create(struct device *device)
{
	uint64_t base = device->record->base;
	enum status s = irq_add_line_sink(device->vm, line_changed, device);

	if (s)
		return s;
	irq_set_eoi_sink(device->vm, end_of_interrupt, device);
	return device_add_range(device, VM_MMIO, base, base + 0xff, mmio, device, BUS_LOCKED);
}

static void reset(struct device *device)
{
	struct vioapic *ioapic = (struct vioapic *)device;

	for (unsigned int pin = 0; pin < PINS; pin++)
		ioapic->entry[pin] = ENTRY_MASKED;
	ioapic->lines = 0;
	ioapic->id = field_make(BITS(27, 24), device->record->parameter[0]);
	ioapic->select = 0;
}

const struct device_ops vioapic_ops = {
	.name = "io-apic",
	.kind = HV_DEVICE_IOAPIC,
	.state_size = state_size,
	.create = create,
	.reset = reset,
};
