/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MSI capability. Its registers are bytes of config space; where they lie depends on two bits of its control word:
 *
 *     +0 id, next   +2 control   +4 address   [+8 upper address]   +8/12 data   [+12/16 mask   +16/20 pending]
 *                   64-bit: bit 7 ────────────┘                    mask a vector: bit 8 ─┘
 */
#include "pci/msi.h"
#include "vm/irq.h"

#define CAPABILITY_MSI 0x05

#define CONTROL_ENABLE	BIT(0)
#define CONTROL_CAPABLE BITS(3, 1) /* log2 of the messages there are */
#define CONTROL_ENABLED BITS(6, 4) /* log2 of those the guest allows */
#define CONTROL_64_BIT	BIT(7)
#define CONTROL_MASKS	BIT(8)

struct msi {
	unsigned int messages; /* 0: not enabled */
	uint64_t address;
	uint32_t data;
	uint32_t masked;
	unsigned int pending; /* offset of the pending bits, 0: none */
};

static struct msi read_msi(const struct config_space *space)
{
	unsigned int at = config_capability(space, CAPABILITY_MSI), data;
	uint16_t control = at ? config_value(space, at + 2, 2) : 0;
	uint64_t shift = min_of(field_get(control, CONTROL_ENABLED), field_get(control, CONTROL_CAPABLE));
	struct msi msi = { 0 };

	if (!(control & CONTROL_ENABLE))
		return msi;
	/* The guest may ask for more than there are: it gets what there is, at most 32. */
	msi.messages = 1u << min_of(shift, (uint64_t)5);
	msi.address = config_value(space, at + 4, 4);
	data = at + 8;
	if (control & CONTROL_64_BIT) {
		msi.address |= (uint64_t)config_value(space, at + 8, 4) << 32;
		data = at + 12;
	}
	msi.data = config_value(space, data, 2);
	if (control & CONTROL_MASKS && data + 12 <= PCI_CONFIG_BYTES) {
		msi.masked = config_value(space, data + 4, 4);
		msi.pending = data + 8;
	}
	return msi;
}

/* With several messages the low bits of the data are the number. */
static void send(struct vm *vm, const struct config_space *space, const struct msi *msi, unsigned int number)
{
	const struct irq_message message = {
		.requester = space->bdf,
		.address = msi->address,
		.data = (msi->data & ~(msi->messages - 1)) | number,
	};

	irq_message(vm, &message);
}

static void set_pending(struct config_space *space, const struct msi *msi, unsigned int number, bool pending)
{
	uint8_t *byte = &space->value[msi->pending + number / 8];

	*byte = field_set(*byte, BIT(number % 8), pending);
}

bool msi_raise(struct vm *vm, struct config_space *space, unsigned int number)
{
	struct msi msi = read_msi(space);

	if (!msi.messages)
		return false;
	number &= msi.messages - 1; /* too few for the function: it shares them */
	if (msi.masked & BIT(number))
		set_pending(space, &msi, number, true);
	else
		send(vm, space, &msi, number);
	return true;
}

void msi_written(struct vm *vm, struct config_space *space)
{
	struct msi msi = read_msi(space);
	uint32_t due;

	if (!msi.pending)
		return;
	due = config_value(space, msi.pending, 4) & ~msi.masked;
	for (unsigned int number = 0; number < msi.messages; number++) {
		if (!(due & BIT(number)))
			continue;
		set_pending(space, &msi, number, false);
		send(vm, space, &msi, number);
	}
}
