/* SPDX-License-Identifier: Apache-2.0 */
/* Silences the 8259 pair. */
#include "cpu/pic_8259.h"

#include "cpu/idt.h"
#include "lib/bits.h"
#include "x86/insn.h"

void pic_silence(void)
{
	static const struct {
		uint16_t port;
		uint8_t value;
	} writes[] = {
		{0x20, 0x11}, {0xa0, 0x11}, /* ICW1: edge, cascade, ICW4 follows */
		{0x21, HOST_VECTOR_PIC},     /* ICW2: vectors */
		{0xa1, HOST_VECTOR_PIC + 8},
		{0x21, 0x04}, {0xa1, 0x02}, /* ICW3: slave on line 2 */
		{0x21, 0x01}, {0xa1, 0x01}, /* ICW4: 8086 mode */
		{0x21, 0xff}, {0xa1, 0xff}, /* OCW1: all masked */
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(writes); i++)
		out8(writes[i].port, writes[i].value);
}
