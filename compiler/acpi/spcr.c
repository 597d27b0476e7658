/* SPDX-License-Identifier: Apache-2.0 */
/* Microsoft, "Serial Port Console Redirection Table (SPCR)", revision 2: the first serial port. */
#include "acpi/table.h"

enum {
	INTERFACE_16550 = 0,
	INTERRUPT_PIC = 1 << 0,
	INTERRUPT_IOAPIC = 1 << 1,
	BAUD_115200 = 7,
	ONE_STOP_BIT = 1,
	TERMINAL_ANSI = 3,
};

void build_spcr(const struct lowered *guest, const struct table_places *places, struct buffer *table)
{
	const struct lowered_device *uart = table_device(guest, HV_DEVICE_UART);
	bool pic = guest->chips.pic && uart->record.gsi < 16;

	(void)places;
	table_begin(table, guest, "SPCR", 2);
	buffer_u8(table, INTERFACE_16550);
	buffer_zeros(table, 3);
	table_address(table, ADDRESS_IO, 8, 8, uart->record.base);
	buffer_u8(table, INTERRUPT_IOAPIC | (pic ? INTERRUPT_PIC : 0));
	buffer_u8(table, pic ? (uint8_t)uart->record.gsi : 0);
	buffer_u32(table, uart->record.gsi);
	buffer_u8(table, BAUD_115200);
	buffer_u8(table, 0); /* no parity */
	buffer_u8(table, ONE_STOP_BIT);
	buffer_u8(table, 0); /* no flow control */
	buffer_u8(table, TERMINAL_ANSI);
	buffer_u8(table, 0);
	buffer_u16(table, 0xffff); /* no PCI device */
	buffer_u16(table, 0xffff);
	buffer_zeros(table, 12); /* bus, device, function, flags, segment, clock */
	table_end(table);
}
