/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI 6.5, 5.2.5.3 "Root System Description Pointer (RSDP) Structure". */
#include "acpi/table.h"
#include "model/model.h"

enum { FIRST_PART = 20, FIRST_SUM = 8, EXTENDED_SUM = 32, REVISION = 2, RSDP_SIZE = 36 };

void build_rsdp(const struct lowered *guest, const struct table_places *places, struct buffer *table)
{
	const char *oem = guest->model->acpi.oem_id.value;

	buffer_bytes(table, "RSD PTR ", 8);
	buffer_u8(table, 0); /* sum of the first 20 bytes */
	buffer_padded(table, oem ? oem : "", 6, ' ');
	buffer_u8(table, REVISION);
	buffer_u32(table, 0); /* no RSDT */
	buffer_u32(table, RSDP_SIZE);
	buffer_u64(table, places->xsdt);
	buffer_u8(table, 0); /* sum of all */
	buffer_zeros(table, 3);
	buffer_patch_u8(table, FIRST_SUM, (uint8_t)-table_sum(table->data, FIRST_PART));
	buffer_patch_u8(table, EXTENDED_SUM, (uint8_t)-table_sum(table->data, table->size));
}
