/* SPDX-License-Identifier: Apache-2.0 */
/* PCI Firmware Specification 3.3, 4.1.2 "MCFG Table Description". */
#include "acpi/table.h"

void build_mcfg(const struct lowered *guest, const struct table_places *places, struct buffer *table)
{
	(void)places;
	table_begin(table, guest, "MCFG", 1);
	buffer_zeros(table, 8);
	buffer_u64(table, guest->map.ecam.base);
	buffer_u16(table, 0); /* segment */
	buffer_u8(table, 0);  /* first bus */
	buffer_u8(table, (uint8_t)(guest->map.ecam_buses - 1));
	buffer_zeros(table, 4);
	table_end(table);
}
