/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI 6.5, 5.2.17 "System Locality Information Table (SLIT)": from each node to each. */
#include "acpi/table.h"
#include "model/model.h"

void build_slit(const struct lowered *guest, const struct table_places *places, struct buffer *table)
{
	const struct memory *memory = &guest->model->memory;
	uint32_t count = (uint32_t)memory->numa.count;

	(void)places;
	table_begin(table, guest, "SLIT", 1);
	buffer_u64(table, count);
	for (uint32_t from = 0; from < count; from++)
		for (uint32_t to = 0; to < count; to++)
			buffer_u8(table, (uint8_t)memory_distance(memory, from, to));
	table_end(table);
}
