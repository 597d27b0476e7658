/* SPDX-License-Identifier: Apache-2.0 */
/* IA-PC HPET Specification 1.0a, 3.2.4 "The ACPI 2.0 HPET Description Table". */
#include "acpi/table.h"

enum {
	HARDWARE_REVISION = 1,
	COUNTER_64BIT = 1 << 13,
	LEGACY_ROUTE = 1 << 15,
	SHORTEST_PERIOD = 2000, /* ticks of 10 ns: core/dev lets no timer repeat faster */
};
#define VENDOR 0x8086u /* as the register's upper half: who defined this interface */

void build_hpet(const struct lowered *guest, const struct table_places *places, struct buffer *table)
{
	const struct lowered_device *hpet = table_device(guest, HV_DEVICE_HPET);

	(void)places;
	table_begin(table, guest, "HPET", 1);
	buffer_u32(table, VENDOR << 16 | LEGACY_ROUTE | COUNTER_64BIT |
				  (hpet->record.parameter[0] - 1) << 8 | HARDWARE_REVISION);
	table_address(table, ADDRESS_MEMORY, 64, 0, hpet->record.base);
	buffer_u8(table, 0); /* number */
	buffer_u16(table, SHORTEST_PERIOD);
	buffer_u8(table, 0); /* no page protection is promised */
	table_end(table);
}
