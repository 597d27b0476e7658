/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Microsoft, "Hardware Watchdog Timers Design Specification": the Watchdog Action Table. Each action is an instruction on a
 * register of core/dev/watchdog.c.
 */
#include "acpi/table.h"

enum { CONTROL = 0, COUNT = 4, LEFT = 8 };
enum { RUNNING = 1, FIRED = 2, COUNT_MASK = 0xffff };
enum { READ_VALUE = 0, READ_COUNTDOWN = 1, WRITE_VALUE = 2, WRITE_COUNTDOWN = 3, PRESERVE = 0x80 };

static const struct {
	uint8_t action, instruction, at;
	uint32_t value, mask;
} entries[] = {
	{ 1, WRITE_VALUE, LEFT, 1, COUNT_MASK },		     /* reset: begin again */
	{ 4, READ_COUNTDOWN, LEFT, 0, COUNT_MASK },		     /* query current countdown */
	{ 5, READ_COUNTDOWN, COUNT, 0, COUNT_MASK },		     /* query countdown */
	{ 6, WRITE_COUNTDOWN, COUNT, 0, COUNT_MASK },		     /* set countdown */
	{ 8, READ_VALUE, CONTROL, RUNNING, RUNNING },		     /* query running state */
	{ 9, WRITE_VALUE | PRESERVE, CONTROL, RUNNING, RUNNING | FIRED }, /* set running state */
	{ 10, READ_VALUE, CONTROL, 0, RUNNING },		     /* query stopped state */
	{ 11, WRITE_VALUE | PRESERVE, CONTROL, 0, RUNNING | FIRED }, /* set stopped state */
	{ 32, READ_VALUE, CONTROL, FIRED, FIRED },		     /* query status */
	{ 33, WRITE_VALUE | PRESERVE, CONTROL, FIRED, FIRED },	     /* set status */
};

#define ENTRIES (sizeof(entries) / sizeof(*entries))

void build_wdat(const struct lowered *guest, const struct table_places *places, struct buffer *table)
{
	const struct lowered_device *watchdog = table_device(guest, HV_DEVICE_WATCHDOG);

	(void)places;
	table_begin(table, guest, "WDAT", 1);
	buffer_u32(table, 32);	       /* bytes of this header */
	buffer_u16(table, 0xff);       /* no PCI device: segment, bus, device, function */
	buffer_u8(table, 0xff);
	buffer_u16(table, 0xffff);
	buffer_zeros(table, 3);
	buffer_u32(table, HV_WATCHDOG_PERIOD_MS);
	buffer_u32(table, COUNT_MASK); /* most, least */
	buffer_u32(table, 1);
	buffer_u8(table, 1); /* it is there */
	buffer_zeros(table, 3);
	buffer_u32(table, ENTRIES);
	for (size_t i = 0; i < ENTRIES; i++) {
		buffer_u8(table, entries[i].action);
		buffer_u8(table, entries[i].instruction);
		buffer_u16(table, 0);
		table_address(table, ADDRESS_IO, 32, 32, watchdog->record.base + entries[i].at);
		buffer_u32(table, entries[i].value);
		buffer_u32(table, entries[i].mask);
	}
	table_end(table);
}
