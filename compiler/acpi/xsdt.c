/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI 6.5, 5.2.8 "Extended System Description Table (XSDT)". */
#include "acpi/table.h"

void build_xsdt(const struct lowered *guest, const struct table_places *places, struct buffer *table)
{
	table_begin(table, guest, "XSDT", 1);
	for (size_t i = 0; i < places->listed_count; i++)
		buffer_u64(table, places->listed[i]);
	table_end(table);
}
