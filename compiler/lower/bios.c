/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a BIOS leaves in low memory and kernels of a PC read there, although no BIOS ran: without it
 * a kernel that looks for room below the extended data area (Xen puts its start-up code there)
 * finds address 0, and one that asks in real mode for services runs through the vectors.
 *
 *	0x00000	 256 real-mode vectors, all of the one handler
 *	0x00400	 I/O ports of COM1 to COM4, four words
 *	0x0040e	 segment of the extended BIOS data area, which begins with its size in KiB
 *	0x00410	 equipment: bit 1 a floating-point unit, bits 11:9 serial ports
 *	0x00413	 KiB of memory below the extended data area
 *	0x004f0	 the handler: sets the caller's carry flag, which says `not supported`
 */
#include <string.h>

#include "base/buffer.h"
#include "lower/pass.h"
#include "lower/place.h"
#include "model/model.h"

enum {
	VECTORS = 256,
	DATA_AREA = 0x400,
	EXTENDED_SEGMENT = 0x40e,
	EQUIPMENT = 0x410,
	MEMORY_KIB = 0x413,
	HANDLER = 0x4f0,
	END = 0x500,
	EQUIPMENT_FPU = 1 << 1,
	EQUIPMENT_SERIAL = 9, /* shift */
	STANDARD_PORTS = 4,
};

static const uint8_t handler[] = {
	0x55,			/* push %bp */
	0x89, 0xe5,		/* mov %sp, %bp */
	0x80, 0x4e, 0x06, 0x01, /* orb $1, 6(%bp): the flags that IRET takes */
	0x5d,			/* pop %bp */
	0xcf,			/* iret */
};

/* COM1 to COM4 are where they are on every PC; a port elsewhere has no such name. */
static uint32_t put_serial(const struct lowered *guest, struct buffer *low)
{
	static const uint16_t standard[STANDARD_PORTS] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
	const struct devices *devices = &guest->model->devices;
	uint32_t count = 0;

	for (size_t i = 0; i < devices->serial.count; i++)
		for (size_t com = 0; com < STANDARD_PORTS; com++)
			if (devices->serial.items[i].io.value == standard[com]) {
				buffer_patch_u16(low, DATA_AREA + 2 * com, standard[com]);
				count++;
			}
	return count;
}

static void fill(const struct lowered *guest, struct buffer *low)
{
	for (size_t i = 0; i < VECTORS; i++)
		buffer_u32(low, HANDLER);
	buffer_zeros(low, END - DATA_AREA);
	buffer_patch_u16(low, EQUIPMENT,
			 (uint16_t)(EQUIPMENT_FPU | put_serial(guest, low) << EQUIPMENT_SERIAL));
	buffer_patch_u16(low, EXTENDED_SEGMENT, LOW_USABLE >> 4);
	buffer_patch_u16(low, MEMORY_KIB, LOW_USABLE >> 10);
	buffer_patch(low, HANDLER, handler, sizeof(handler));
}

void pass_bios(struct lower_context *context, struct lowered *guest)
{
	struct item item = { "BIOS data", guest->model->memory.where.at };
	static const uint8_t extended[] = { 1 };
	struct buffer low = { 0 };
	uint8_t *copy;

	if (!place_free(guest, 0, LOW_USABLE + sizeof(extended)))
		return; /* a memory of its own layout: not a PC's */
	fill(guest, &low);
	copy = arena_alloc(context->arena, low.size);
	memcpy(copy, low.data, low.size);
	load_bytes(context, guest, item, 0, copy, low.size);
	load_bytes(context, guest, item, LOW_USABLE, extended, sizeof(extended));
	buffer_free(&low);
}
